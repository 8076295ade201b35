//! The caller's chat, and the token by which a call comes out of it.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use gateway_core::{
    context::understanding::understand,
    events::story::ChatLine,
    ids::{CustomerId, UtcMillis},
    private::Private,
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    Api,
    auth::{bearer, is_key},
    extract::Body,
    limit::{Deed, Source},
    problem::Problem,
    reply::reply,
    tokens::Purpose,
};
use crate::store::{self, Address, ChatOpened, utc_now};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Opening {
    customer: Option<Claimed>,
    /// BCP 47
    language: String,
}

/// Who the writer says to be; proven only when an integrator's API key comes with it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Claimed {
    tel: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Said {
    text: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Leaving {
    /// `at` of lines that the agent is not to see.
    #[serde(default)]
    omit: Vec<u64>,
}

/// Opens a chat. The token is the right to write to it.
#[utoipa::path(post, path = "/v1/chat", tag = "chat", request_body = Opening,
    responses((status = 201, description = "`{chat, token}`", body = Object), (status = 422), (status = 429)))]
pub(super) async fn open(
    State(api): State<Api>,
    source: Source,
    headers: HeaderMap,
    Body(opening): Body<Opening>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let proven = bearer(&headers).is_some_and(|key| is_key(&api, key));
    if !proven {
        api.0.limits.take(Deed::Chat, source)?;
    }
    if opening.language.is_empty() || opening.language.len() > LANGUAGE_MAX {
        return Err(Problem::bad_request("The language is no BCP 47 tag", "Send one such as en, ru or uk."));
    }
    let customer = match &opening.customer {
        Some(claimed) => claimed.customer(&api, &opening.language, proven).await?,
        None => None,
    };
    let chat = api.store().open_chat(&ChatOpened { customer, language: opening.language, proven }).await?;
    Ok((StatusCode::CREATED, Json(json!({ "chat": chat, "token": api.0.signer.sign(chat, Purpose::Chat) }))))
}

/// Says something; answers with both lines as they are kept, and what it seems to be about.
#[utoipa::path(post, path = "/v1/chat/{id}/lines", tag = "chat", request_body = Said, params(("id" = u64, Path)),
    responses((status = 200, description = "`{lines: [{at, from, text}], reason?}`", body = Object), (status = 401), (status = 429)))]
pub(super) async fn say(
    State(api): State<Api>,
    source: Source,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(Said { text }): Body<Said>,
) -> Result<Json<Value>, Problem> {
    let chat = writer(&api, &headers, &id)?;
    api.0.limits.take(Deed::Line, source)?;
    let text = text.trim();
    if text.is_empty() || text.len() > TEXT_MAX {
        return Err(Problem::bad_request("The line is empty or too long", format!("Send 1 to {TEXT_MAX} bytes of text.")));
    }
    let now = api.store().chat(chat).await?;
    let heard = understand(text, &now.language, &api.store().lessons().rules);
    // `at` names a line in its chat, so no two are at once.
    let at = now.lines.last().map_or(0, |last| last.at.0 + 1).max(utc_now().0);
    let answer = reply(&now.language, heard.as_ref().or(now.reason.as_ref()));
    let lines = [line(at, "customer", text), line(at + 1, "bot", &answer)];
    api.store().add_chat_lines(chat, &lines, heard.as_ref()).await?;
    Ok(Json(json!({ "lines": lines, "reason": heard.or(now.reason) })))
}

/// A token that ties one call to this chat: `/v1/caller?token=`, within five minutes, once.
#[utoipa::path(post, path = "/v1/chat/{id}/handoff", tag = "chat", request_body = Leaving, params(("id" = u64, Path)),
    responses((status = 200, description = "`{token}`", body = Object), (status = 401), (status = 429)))]
pub(super) async fn hand_off(
    State(api): State<Api>,
    source: Source,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(leaving): Body<Leaving>,
) -> Result<Json<Value>, Problem> {
    let chat = writer(&api, &headers, &id)?;
    api.0.limits.take(Deed::Line, source)?;
    let omit: Vec<UtcMillis> = leaving.omit.into_iter().take(OMIT_MAX).map(UtcMillis).collect();
    api.store().show_chat_without(chat, &omit).await?;
    Ok(Json(json!({ "token": api.0.signer.sign(chat, Purpose::Handoff) })))
}

impl Claimed {
    async fn customer(&self, api: &Api, language: &str, proven: bool) -> Result<Option<CustomerId>, Problem> {
        let Some(tel) = self.tel.as_deref().map(str::trim).filter(|tel| !tel.is_empty()) else { return Ok(None) };
        let Some(address @ Address::Tel(_)) = Address::of(tel) else {
            return Err(Problem::bad_request("This is no international number", "Send it with its country code: +380501112233."));
        };
        let store = api.store();
        let customer = match store.find_customer(&address).await {
            Ok(Some(customer)) => customer,
            Ok(None) => store.customer_at(&address, "chat").await?,
            // Two candidates mean none; a writer is not told whom we know.
            Err(store::Error::Ambiguous) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let name = self.name.as_deref().map(str::trim).filter(|name| !name.is_empty() && name.len() <= NAME_MAX);
        // What a stranger types fills gaps, and changes nothing that we know.
        store.describe_customer(customer, name, Some(language), None, !proven).await?;
        Ok(Some(customer))
    }
}

/// The chat that the bearer token allows to write to.
fn writer(api: &Api, headers: &HeaderMap, id: &str) -> Result<u64, Problem> {
    let claims = bearer(headers).and_then(|token| api.0.signer.check(token, Purpose::Chat));
    let chat = claims.and_then(|claims| claims.chat()).filter(|chat| id.parse() == Ok(*chat));
    chat.ok_or_else(|| {
        Problem::unauthorized(
            "Send Authorization: Bearer <token>, with the token that POST /v1/chat gave for this chat; after a day open a new chat.",
        )
    })
}

fn line(at: u64, from: &str, text: &str) -> ChatLine {
    ChatLine { at: UtcMillis(at), from: from.to_owned(), text: Private(text.to_owned()) }
}

const TEXT_MAX: usize = 2_000;
const NAME_MAX: usize = 100;
const LANGUAGE_MAX: usize = 35;
const OMIT_MAX: usize = 100;
