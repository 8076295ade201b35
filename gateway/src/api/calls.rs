//! Calls, live and past.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use gateway_core::{
    events::record::{Happened, Record},
    ids::{CallId, UtcMillis},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::{
    Api,
    auth::{Integrator, Reader},
    extract::Asked,
    problem::Problem,
    recording,
};

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

/// One call, with its records in order and what became of its recordings.
#[utoipa::path(get, path = "/v1/calls/{id}", tag = "calls", params(("id" = u64, Path), After), security(("key" = [])),
    responses((status = 200, description = "The call", body = Object), (status = 401), (status = 404)))]
pub(super) async fn show(
    State(api): State<Api>,
    reader: Reader,
    Path(id): Path<String>,
    Asked(page): Asked<After>,
) -> Result<Json<Value>, Problem> {
    let id = call_id(&id)?;
    let (call, mut records) = api.store().call(id, page.after.unwrap_or(0)).await?;
    let recordings = api.store().recordings(id).await?;
    if let Reader::Agent(_) = reader {
        records.iter_mut().for_each(hide);
    }
    let recordings: Vec<Value> = recordings.iter().map(recording::view).collect();
    Ok(Json(json!({ "call": call, "records": records, "recordings": recordings })))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Drawn {
    /// `text` for a ladder that fits a terminal; JSON otherwise.
    form: Option<String>,
}

/// The SIP of every leg of a call, in time, with credentials, keys and digits masked. Kept for the last calls; not for
/// agents, since it shows the numbers that callers withhold.
#[utoipa::path(get, path = "/v1/calls/{id}/ladder", tag = "calls", params(("id" = u64, Path), Drawn), security(("key" = [])),
    responses((status = 200, description = "The messages, or the drawing", body = Object), (status = 401), (status = 404)))]
pub(super) async fn ladder(
    State(api): State<Api>,
    _: Integrator,
    Path(id): Path<String>,
    Asked(Drawn { form }): Asked<Drawn>,
) -> Result<Response, Problem> {
    let call = call_id(&id)?;
    let Some(ladder) = api.0.handle.ladder(call) else {
        return Err(Problem::not_found("No SIP of this call is kept: it is long over, or it came by a page."));
    };
    match form.as_deref() {
        None | Some("json") => Ok(Json(ladder.json(call)).into_response()),
        Some("text") => Ok(ladder.drawn().into_response()),
        Some(other) => Err(Problem::bad_request("The query is not understood", format!("form is json or text, not {other}"))),
    }
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
