//! Calls that were not let in, and what would become of a call.

use std::net::IpAddr;

use axum::{Json, extract::State};
use gateway_core::ids::UtcMillis;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::{
    Api,
    auth::Reader,
    extract::{Asked, Body},
    problem::Problem,
};
use crate::{
    shell::route_test::{self, Question, refusal_json},
    store::utc_now,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of this address alone.
    #[param(value_type = Option<String>)]
    source: Option<IpAddr>,
    /// That came, or came again, at or after this, in ms since 1970 UTC.
    since: Option<u64>,
    /// At most 1000.
    limit: Option<usize>,
}

/// Calls that were not let in, latest first: what arrived, the rule that came nearest, the field that differs, the TOML that would admit it.
#[utoipa::path(get, path = "/v1/rejections", tag = "calls", params(Which), security(("key" = [])),
    responses((status = 200, description = "A row for each kind of refusal, with how often it came", body = Object), (status = 401)))]
pub(super) async fn list(State(api): State<Api>, _: Reader, Asked(which): Asked<Which>) -> Json<Value> {
    let source = which.source.map(|source| source.to_canonical());
    let rows = api.store().rejections(source, UtcMillis(which.since.unwrap_or(0)), which.limit.unwrap_or(100).min(ROWS_MAX));
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|row| {
            let arrived = row.latest;
            let mut view = refusal_json(&arrived.refusal);
            let what = json!({
                "id": arrived.id, "at": arrived.at, "first": row.first, "count": row.count, "from": arrived.from,
                "transport": arrived.transport, "trunk": arrived.trunk, "caller": arrived.caller, "dialled": arrived.dialled,
                "method": arrived.method, "call_id": arrived.call_id,
            });
            if let (Some(view), Value::Object(what)) = (view.as_object_mut(), what) {
                view.extend(what);
            }
            view
        })
        .collect();
    Json(json!({ "rejections": rows }))
}

/// What would become of this call, and why, in the words of a rejection. Nobody is called.
#[utoipa::path(post, path = "/v1/route-test", tag = "calls", security(("key" = [])), request_body = Object,
    responses((status = 200, description = "The trunk, the route, the script; or why not", body = Object), (status = 400), (status = 401)))]
pub(super) async fn ask(State(api): State<Api>, _: Reader, Body(question): Body<Question>) -> Result<Json<Value>, Problem> {
    answer(&api, &question)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Line {
    /// A number, or a SIP URI.
    #[serde(default)]
    from: String,
    /// A number, or a SIP URI.
    to: String,
    /// The trunk that it comes by.
    trunk: Option<String>,
    /// The address that it comes from.
    #[param(value_type = Option<String>)]
    source: Option<IpAddr>,
}

/// The same as `POST /v1/route-test`, for a question of one line.
#[utoipa::path(get, path = "/v1/route-test", tag = "calls", params(Line), security(("key" = [])),
    responses((status = 200, description = "The trunk, the route, the script; or why not", body = Object), (status = 400), (status = 401)))]
pub(super) async fn look(State(api): State<Api>, _: Reader, Asked(line): Asked<Line>) -> Result<Json<Value>, Problem> {
    // A plus in a query is a blank, unless it was written %2B.
    let number = |word: String| word.replace(' ', "+");
    let Line { from, to, trunk, source } = line;
    answer(&api, &Question { from: number(from), to: number(to), trunk, source, ..Question::default() })
}

fn answer(api: &Api, question: &Question) -> Result<Json<Value>, Problem> {
    let scripts = &api.0.settings.scripts;
    let told = route_test::foretell(&api.0.settings.config, |name| scripts(name), question, utc_now());
    told.map(|told| Json(told.json())).map_err(|what| Problem::bad_request("The question is not understood", what))
}

/// All that the node keeps.
const ROWS_MAX: usize = 1000;
