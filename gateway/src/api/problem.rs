//! Problems (RFC 9457): what went wrong, where, and what to do; with an id that is also in our log.

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::tokens::random_hex;
use crate::{shell::Away, store};

/// An error as the client sees it.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// What happened; the same for all of its kind.
    pub(super) title: &'static str,
    /// What to do about it.
    pub(super) detail: String,
    /// Seconds until another try makes sense.
    pub(super) retry_after_s: Option<u32>,
    pub(super) id: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, title, detail: detail.into(), retry_after_s: None, id: random_hex::<6>() }
    }

    pub(super) fn bad_request(title: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, title, detail)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is nothing here", detail)
    }

    pub(super) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "We do not know who is asking", detail)
    }

    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "We cannot do this now", detail).after(5)
    }

    pub(super) fn after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::warn!(id = self.id, status = self.status.as_u16(), detail = self.detail, "{}", self.title);
        } else {
            tracing::debug!(id = self.id, status = self.status.as_u16(), detail = self.detail, "{}", self.title);
        }
        metrics::counter!("tandem_api_problems_total", "status" => self.status.as_str().to_owned()).increment(1);
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Absent { what, id } => Self::not_found(format!("There is no {what} {id}: check the id, or list what there is.")),
            store::Error::Ambiguous => Self::new(
                StatusCode::CONFLICT,
                "Two customers share this address",
                "Name the customer by its id: GET /v1/customers/{id} shows each one's identities.",
            ),
            store::Error::CardData { key } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Card data is never stored",
                format!("Leave the fact {key} out: values with privacy pci are used during a call and forgotten."),
            ),
            error @ (store::Error::Database(_)
            | store::Error::Migrate { .. }
            | store::Error::File { .. }
            | store::Error::Unreadable { .. }) => {
                tracing::error!(%error, "the store failed a request");
                Self::unavailable("The database did not answer. Try again in a few seconds; if it stays so, quote the id to the operator.")
            }
        }
    }
}

impl From<Away> for Problem {
    fn from(_: Away) -> Self {
        Self::unavailable("The switch does not take requests now. Try again in a few seconds.")
    }
}

/// Writes the body of a problem where the request's path is known.
pub(super) async fn place(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let body = json!({
        "type": format!("/docs/integrate#{}", anchor(problem.title)),
        "title": problem.title,
        "status": problem.status.as_u16(),
        "detail": problem.detail,
        "instance": path,
        "id": problem.id,
    });
    let mut rendered = (problem.status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response();
    rendered.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = problem.retry_after_s {
        rendered.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.status == StatusCode::UNAUTHORIZED {
        rendered.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    rendered
}

pub(super) async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "This address does not take this method",
        "See /api/openapi.json for the methods of each address.",
    )
}

fn anchor(title: &str) -> String {
    title.to_lowercase().replace(' ', "-")
}
