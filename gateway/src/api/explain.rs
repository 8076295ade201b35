//! Why a caller hears the menu in this order.

use std::sync::Arc;

use axum::{Json, extract::State};
use gateway_core::{events::story::Story, ids::UtcMillis};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::{Api, auth::Reader, extract::Asked, problem::Problem};
use crate::store::utc_now;

/// The running script's order for this story, as of then, with the reasons.
pub(crate) type Explain = Arc<dyn Fn(Story, UtcMillis) -> Value + Send + Sync>;

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
    Ok(Json((api.0.settings.explain)(story, utc_now())))
}
