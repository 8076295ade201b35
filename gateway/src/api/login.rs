//! Agents log in and out.

use std::sync::LazyLock;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use axum::{
    Extension, Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use gateway_core::{config::AgentEntry, ids::UtcMillis};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::{
    Api,
    auth::{COOKIE, LoggedIn},
    extract::Body,
    limit::{Deed, Source},
    problem::Problem,
    serve::Secured,
    tokens::random_hex,
};
use crate::store::utc_now;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    login: String,
    password: String,
}

/// Logs an agent in.
///
/// Sets an HttpOnly cookie for browsers; whatever is none may send the token as a bearer.
#[utoipa::path(post, path = "/v1/login", tag = "agents", request_body = Credentials,
    responses((status = 200, description = "Logged in", body = Object), (status = 401, description = "Wrong login or password"), (status = 429)))]
pub(super) async fn login(
    State(api): State<Api>,
    source: Source,
    secured: Option<Extension<Secured>>,
    Body(Credentials { login, password }): Body<Credentials>,
) -> Result<Response, Problem> {
    api.0.limits.take(Deed::Login, source)?;
    let agent = api.agents().iter().find(|agent| agent.login == login).cloned();
    let hash = agent.as_ref().map(|agent| agent.password_hash.clone());
    let good = verify(password, hash).await?;
    let Some(agent) = agent.filter(|_| good) else {
        return Err(Problem::unauthorized(
            "Login or password is wrong. Check both; an operator makes a new password_hash with `tandem config hash`.",
        ));
    };
    let token = random_hex::<32>();
    api.store().begin_login(&token, agent.id, UtcMillis(utc_now().0 + LIFE_S * 1_000)).await?;
    tracing::info!(agent = agent.login, "logged in");
    let cookie = set_cookie(&token, LIFE_S, secured.is_some());
    Ok((
        [(header::SET_COOKIE, cookie), (header::CACHE_CONTROL, NO_STORE.to_owned())],
        Json(json!({ "agent": shown(&agent), "token": token })),
    )
        .into_response())
}

/// Ends the login, and with it the desk's channel.
#[utoipa::path(post, path = "/v1/logout", tag = "agents", responses((status = 204, description = "Logged out")))]
pub(super) async fn logout(
    State(api): State<Api>,
    secured: Option<Extension<Secured>>,
    login: Option<LoggedIn>,
) -> Result<Response, Problem> {
    if let Some(login) = login {
        api.store().end_login(&login.token).await?;
        api.0.channels.end_login(&login.token).await;
        tracing::info!(agent = login.agent.login, "logged out");
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, set_cookie("", 0, secured.is_some()))]).into_response())
}

/// Who is logged in.
#[utoipa::path(get, path = "/v1/me", tag = "agents",
    responses((status = 200, description = "The agent", body = Object), (status = 401, description = "Nobody")))]
pub(super) async fn me(login: LoggedIn) -> Json<Value> {
    Json(json!({ "agent": shown(&login.agent) }))
}

impl axum::extract::OptionalFromRequestParts<Api> for LoggedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, api: &Api) -> Result<Option<Self>, Problem> {
        super::auth::login(&parts.headers, api).await
    }
}

/// Off the async threads, two at a time: one costs 19 MiB and tens of milliseconds. An unknown login costs the same, so time tells nothing.
async fn verify(password: String, hash: Option<String>) -> Result<bool, Problem> {
    static TURNS: Semaphore = Semaphore::const_new(2);
    static NOBODY: LazyLock<String> =
        LazyLock::new(|| Argon2::default().hash_password(random_hex::<16>().as_bytes()).map(|hash| hash.to_string()).unwrap_or_default());
    if password.len() > PASSWORD_MAX {
        return Ok(false);
    }
    let _turn = TURNS.acquire().await.map_err(|_| Problem::unavailable("We are closing down."))?;
    let checked = tokio::task::spawn_blocking(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.clone());
        let Ok(parsed) = PasswordHash::new(&hash) else {
            tracing::error!("an agent's password_hash in tandem.toml is no argon2 PHC string");
            return false;
        };
        Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && known
    });
    Ok(checked.await.unwrap_or(false))
}

fn shown(agent: &AgentEntry) -> Value {
    json!({ "id": agent.id, "name": agent.name, "login": agent.login, "skills": agent.skills, "languages": agent.languages })
}

fn set_cookie(token: &str, life_s: u64, secured: bool) -> String {
    let secure = if secured { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life_s}{secure}")
}

/// A shift, and a little.
const LIFE_S: u64 = 12 * 3_600;
/// Longer ones are somebody else's joke.
const PASSWORD_MAX: usize = 256;
const NO_STORE: &str = "no-store";
