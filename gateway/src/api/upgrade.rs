//! Who may open a WebSocket.

use axum::{
    extract::{State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use gateway_core::{private::Private, switch::Page};
use serde::Deserialize;

use super::{
    Api,
    auth::LoggedIn,
    extract::Asked,
    problem::Problem,
    socket::{self, MESSAGE_MAX, Visitor},
    tokens::Purpose,
};

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

#[derive(Deserialize)]
pub(super) struct Wish {
    /// A handoff token.
    token: Option<String>,
    /// `1`: a `resume` follows; `0`: none does.
    resume: Option<u8>,
}

/// An agent's desk; needs a login.
pub(super) async fn desk(
    State(api): State<Api>,
    headers: HeaderMap,
    login: LoggedIn,
    Asked(wish): Asked<Wish>,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let visitor = Visitor {
        page: Page::Desk(login.agent.id),
        login: Some(login.token),
        resumes: wish.resume.map(|resume| resume != 0),
        warning: None,
    };
    open(api, &headers, upgrade, visitor)
}

/// A caller page; a handoff token makes it the sequel of a chat.
pub(super) async fn caller(
    State(api): State<Api>,
    headers: HeaderMap,
    Asked(wish): Asked<Wish>,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let resumes = wish.resume.map(|resume| resume != 0);
    let mut visitor = Visitor { page: Page::Caller(None), login: None, resumes, warning: None };
    if let Some(token) = wish.token {
        match chat_of(&api, &token, resumes).await? {
            Some(chat) => visitor.page = Page::Caller(Some(Private(chat))),
            // A call that comes without its chat is better than none.
            None if resumes != Some(true) => {
                visitor.warning = Some("the handoff token has expired or was used before: the call goes on without the chat".to_owned());
            }
            None => {}
        }
    }
    open(api, &headers, upgrade, visitor)
}

/// The chat that the token ties to this call, `chat:<id>`. Spent by the first socket that shows it; a page that resumes has done so before.
async fn chat_of(api: &Api, token: &str, resumes: Option<bool>) -> Result<Option<String>, Problem> {
    let Some(claims) = api.0.signer.check(token, Purpose::Handoff) else { return Ok(None) };
    if resumes == Some(true) {
        return Ok(None);
    }
    let fresh = api.store().spend(&claims.jti, claims.expires()).await?;
    Ok(fresh.then_some(claims.sub))
}

fn open(api: Api, headers: &HeaderMap, upgrade: Upgrade, visitor: Visitor) -> Result<Response, Problem> {
    if !is_our_origin(&api, headers) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "This page's origin may not connect", "Open the page from this gateway itself."));
    }
    let upgrade = upgrade.map_err(|rejection| {
        Problem::new(
            rejection.status(),
            "This address speaks WebSocket",
            format!("{}. Open it with a WebSocket client.", rejection.body_text()),
        )
    })?;
    Ok(upgrade.max_message_size(MESSAGE_MAX).max_frame_size(MESSAGE_MAX).on_upgrade(move |open| socket::run(api, open, visitor)))
}

/// Browsers send an Origin with every WebSocket and cookies with it, so a foreign page must be kept out here. What sends none is no browser.
fn is_our_origin(api: &Api, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let same = origin.split_once("://").is_some_and(|(_, from)| Some(from) == host);
    same || api.0.settings.origins.iter().any(|known| known.trim_end_matches('/') == origin)
}
