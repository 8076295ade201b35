//! The head of the contract, `/api/openapi.json`; its paths come from the handlers.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

pub(super) fn head() -> utoipa::openapi::OpenApi {
    Head::openapi()
}

pub(super) fn contract(json: &str) -> Response {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], json.to_owned()).into_response()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tandem",
        description = "Customers, their story, calls and chats of a Tandem voice gateway. Errors are RFC 9457 problems. \
            WebSockets: `/v1/desk` for agents, `/v1/caller` for callers; see docs/integrate.md."
    ),
    modifiers(&Keys),
    tags((name = "customers"), (name = "calls"), (name = "trunks"), (name = "ivr"), (name = "agents"), (name = "chat"))
)]
struct Head;

struct Keys;

impl Modify for Keys {
    fn modify(&self, contract: &mut utoipa::openapi::OpenApi) {
        let key = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The API key, which stands in api.key of the data directory"))
            .build();
        contract.components.get_or_insert_default().add_security_scheme("key", SecurityScheme::Http(key));
    }
}
