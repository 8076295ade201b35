//! Who asks: an integrator by API key, an agent by login.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use gateway_core::config::AgentEntry;
use sha2::{Digest, Sha256};

use super::{Api, problem::Problem};

/// Knows an API key.
pub(super) struct Integrator {
    /// The beginning of its digest, which tells keys apart and opens nothing.
    mark: String,
}

impl Integrator {
    /// For history.
    pub(super) fn name(&self) -> String {
        format!("integrator {}", self.mark)
    }
}

/// Has logged in.
pub(super) struct LoggedIn {
    pub(super) agent: AgentEntry,
    /// What the login is known by.
    pub(super) token: String,
}

/// May read customers and calls: an integrator or an agent.
pub(super) enum Reader {
    Integrator,
    Agent(AgentEntry),
}

impl Reader {
    /// For the audit line.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Integrator => "integrator",
            Self::Agent(agent) => &agent.login,
        }
    }
}

impl FromRequestParts<Api> for Integrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        if let Some(key) = bearer(&parts.headers).filter(|key| is_key(api, key)) {
            let mark = Sha256::digest(key.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            return Ok(Self { mark });
        }
        Err(Problem::unauthorized("Send Authorization: Bearer <key>; the key stands in api.key of the data directory."))
    }
}

impl FromRequestParts<Api> for LoggedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        login(&parts.headers, api).await?.ok_or_else(|| Problem::unauthorized("Log in at /agent; a login lasts twelve hours."))
    }
}

impl FromRequestParts<Api> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        if bearer(&parts.headers).is_some_and(|key| is_key(api, key)) {
            return Ok(Self::Integrator);
        }
        match login(&parts.headers, api).await? {
            Some(login) => Ok(Self::Agent(login.agent)),
            None => Err(Problem::unauthorized("Log in at /agent, or send Authorization: Bearer <key> with an API key.")),
        }
    }
}

/// The login that comes by cookie, or as a bearer token from what is no browser.
pub(super) async fn login(headers: &HeaderMap, api: &Api) -> Result<Option<LoggedIn>, Problem> {
    let Some(token) = cookie(headers).or_else(|| bearer(headers)) else { return Ok(None) };
    let Some(id) = api.store().login(token).await? else { return Ok(None) };
    let agent = api.agents().iter().find(|agent| agent.id == id).cloned();
    Ok(agent.map(|agent| LoggedIn { agent, token: token.to_owned() }))
}

/// What follows `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Hashes are compared, so that the time it takes says nothing of the key.
pub(super) fn is_key(api: &Api, key: &str) -> bool {
    let said = Sha256::digest(key.as_bytes());
    api.0.settings.api_keys.iter().any(|known| Sha256::digest(known.0.as_bytes()) == said)
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}

/// The login's cookie.
pub(super) const COOKIE: &str = "tandem_login";
