//! `Idempotency-Key`: a repeated request gets the first one's answer, and is not done again.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Mutex, PoisonError},
};

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Api, problem::Problem};
use crate::store::Answered;

/// Keys whose first request is still at work.
#[derive(Debug, Default)]
pub(super) struct InFlight(Mutex<BTreeSet<String>>);

/// Does it once. Without a key it is done each time; a failure is not remembered, so that it may be tried again.
pub(super) async fn once(
    api: &Api,
    headers: &HeaderMap,
    scope: &str,
    body: &[u8],
    work: impl Future<Output = Result<(StatusCode, Value), Problem>>,
) -> Result<Response, Problem> {
    let Some(key) = headers.get("idempotency-key") else {
        let (status, answer) = work.await?;
        return Ok((status, Json(answer)).into_response());
    };
    let key = key.to_str().ok().filter(|key| (1..=KEY_MAX).contains(&key.len()));
    let key = key.ok_or_else(|| {
        Problem::bad_request("The Idempotency-Key is of no use", format!("Send 1 to {KEY_MAX} ASCII characters, a UUID say."))
    })?;
    let request = format!("{scope} {:x?}", Sha256::digest(body));
    let _turn = Turn::take(&api.0.in_flight, key)?;
    match api.store().answered(key, &request).await? {
        Some(Answered::Same { status, body }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            Ok((status, [(header::CONTENT_TYPE, "application/json"), (REPLAYED, "true")], body).into_response())
        }
        Some(Answered::Other) => Err(conflict("This Idempotency-Key was used for another request. Take a new key for each request.")),
        None => {
            let (status, answer) = work.await?;
            api.store().remember_answer(key, &request, status.as_u16(), &answer.to_string()).await?;
            Ok((status, Json(answer)).into_response())
        }
    }
}

struct Turn<'a> {
    in_flight: &'a InFlight,
    key: String,
}

impl<'a> Turn<'a> {
    fn take(in_flight: &'a InFlight, key: &str) -> Result<Self, Problem> {
        if !in_flight.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned()) {
            return Err(conflict("The first request with this Idempotency-Key is still at work. Try again in a second.").after(1));
        }
        Ok(Self { in_flight, key: key.to_owned() })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

fn conflict(detail: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, "The Idempotency-Key is taken", detail)
}

const KEY_MAX: usize = 128;
const REPLAYED: header::HeaderName = header::HeaderName::from_static("idempotent-replayed");
