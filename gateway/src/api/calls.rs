//! Calls, live and past.

use axum::{
    Json,
    extract::{Path, State},
};
use gateway_core::{
    events::record::{Happened, Record},
    ids::{CallId, UtcMillis},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::{Api, auth::Reader, extract::Asked, problem::Problem};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Calls that began before this, in ms since 1970 UTC: the `started` of the last call of the page before.
    before: Option<u64>,
    /// At most 200.
    limit: Option<u32>,
}

/// Calls, newest first; `live` names those that the switch carries now.
#[utoipa::path(get, path = "/v1/calls", tag = "calls", params(Page), security(("key" = [])),
    responses((status = 200, description = "A page of calls", body = Object), (status = 401)))]
pub(super) async fn list(State(api): State<Api>, _: Reader, Asked(page): Asked<Page>) -> Result<Json<Value>, Problem> {
    let calls = api.store().calls(page.before.map(UtcMillis), page.limit.unwrap_or(50)).await?;
    Ok(Json(json!({ "live": api.0.handle.snapshot().calls, "calls": calls })))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// Skips so many records.
    after: Option<u32>,
}

/// One call, with its records in order.
#[utoipa::path(get, path = "/v1/calls/{id}", tag = "calls", params(("id" = u64, Path), After), security(("key" = [])),
    responses((status = 200, description = "The call", body = Object), (status = 401), (status = 404)))]
pub(super) async fn show(
    State(api): State<Api>,
    reader: Reader,
    Path(id): Path<String>,
    Asked(page): Asked<After>,
) -> Result<Json<Value>, Problem> {
    let (call, mut records) = api.store().call(call_id(&id)?, page.after.unwrap_or(0)).await?;
    if let Reader::Agent(_) = reader {
        records.iter_mut().for_each(hide);
    }
    Ok(Json(json!({ "call": call, "records": records })))
}

/// A number that its caller withholds is kept for the law, and is no agent's to read.
fn hide(record: &mut Record) {
    if let Happened::Arrived { withheld, .. } = &mut record.happened {
        *withheld = None;
    }
}

pub(super) fn call_id(id: &str) -> Result<CallId, Problem> {
    id.parse().map(CallId).map_err(|_| Problem::not_found(format!("{id} is no call's id: GET /v1/calls lists them.")))
}
