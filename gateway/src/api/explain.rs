//! Why a caller hears the menu in this order.

use std::{sync::Arc, time::Instant};

use axum::{Json, extract::State};
use gateway_core::{
    ivr::{PromptBook, Script, explain, preview},
    now::Now,
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::{Api, auth::Reader, extract::Asked, problem::Problem};
use crate::store::utc_now;

/// What runs now.
pub(crate) type Running = Arc<dyn Fn() -> Option<(Arc<Script>, Arc<PromptBook>)> + Send + Sync>;

/// A script by its name.
pub(crate) type Named = Arc<dyn Fn(&str) -> Option<(Arc<Script>, Arc<PromptBook>)> + Send + Sync>;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Whose {
    /// The caller's number, E.164.
    caller: String,
}

/// The order in which this caller would hear the first menu now, item by item with its reasons.
#[utoipa::path(get, path = "/v1/ivr/explain", tag = "ivr", params(Whose), security(("key" = [])),
    responses((status = 200, description = "The order, and why", body = Object), (status = 401)))]
pub(super) async fn order(State(api): State<Api>, _: Reader, Asked(Whose { caller }): Asked<Whose>) -> Result<Json<Value>, Problem> {
    // A plus in a query is a blank, unless it was written %2B.
    let caller = caller.replace(' ', "+");
    let story = api.store().identify(None, Some(&caller)).await?;
    let (script, prompts) = (api.0.settings.script)().ok_or_else(|| Problem::unavailable("No script runs: `tandem check` says why."))?;
    let language = story.customer.as_ref().and_then(|customer| customer.language.clone()).unwrap_or_else(|| "en".to_owned());
    let trust = story.trust.level.clone();
    let menu = preview(script, prompts, story, Now { instant: Instant::now(), utc: utc_now() })
        .ok_or_else(|| Problem::not_found("The script speaks no menu to this caller."))?;
    Ok(Json(json!({ "caller": caller, "trust": trust, "menu": menu, "why": explain(&menu, &language) })))
}
