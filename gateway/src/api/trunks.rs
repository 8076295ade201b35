//! Carriers: what is known of each.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{Api, auth::Reader, problem::Problem};

/// Each trunk with its state, its servers and their latest probes, our registration, and its calls against its limits.
#[utoipa::path(get, path = "/v1/trunks", tag = "trunks", security(("key" = [])),
    responses((status = 200, description = "The trunks, by name", body = Object), (status = 401)))]
pub(super) async fn list(State(api): State<Api>, _: Reader) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "trunks": api.0.handle.snapshot().trunks })))
}
