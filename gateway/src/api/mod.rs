//! HTTP, desk and caller WebSockets.
//!
//! Speaks to the switch through `shell::Handle`, to history through `store::Store`. Every error is a problem (RFC 9457) that says what
//! happened, where, and what to do. The contract for integrators is `/api/openapi.json`, told in words in `docs/integrate.md`.

mod auth;
mod calls;
mod channel;
mod chat;
mod customers;
mod explain;
mod extract;
mod health;
mod idempotency;
mod interactions;
mod limit;
mod login;
mod openapi;
mod pages;
mod problem;
mod recording;
mod rejections;
mod reply;
mod serve;
mod socket;
#[cfg(test)]
mod tests;
mod tls;
mod tokens;
mod trunks;
mod upgrade;

use std::{
    future::ready,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{any, get},
};
use gateway_core::{
    config::{AgentEntry, Config},
    private::Private,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{archive::Archive, shell::Handle, store::Store};

pub(crate) use explain::{Named, Running};
pub(crate) use serve::{Listeners, serve};

/// What the API is told at start.
pub(crate) struct Settings {
    /// Holds what we make ourselves: the signing secret, an API key, the self-signed certificate.
    pub data: PathBuf,
    /// Signs chat and handoff tokens; made in `data` when there is none.
    pub secret: Option<Private<String>>,
    /// Opens and erases recordings.
    pub archive: Archive,
    /// Who may log in.
    pub agents: Vec<AgentEntry>,
    /// What integrators say as `Authorization: Bearer`; without any, one is made in `data`.
    pub api_keys: Vec<Private<String>>,
    /// Other origins (`https://shop.example`) whose pages may open our WebSockets.
    pub origins: Vec<String>,
    /// Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The script that callers hear, and its prompts; `None` while there is none.
    pub script: Running,
    /// Any script by its name, with its prompts.
    pub scripts: Named,
    /// What the node runs with.
    pub config: Arc<Config>,
}

/// The API's whole state; a cheap clone.
#[derive(Clone)]
pub(crate) struct Api(Arc<State>);

struct State {
    store: Store,
    handle: Handle,
    settings: Settings,
    agents: Arc<Vec<AgentEntry>>,
    signer: tokens::Signer,
    channels: channel::Channels,
    limits: limit::Limits,
    in_flight: idempotency::InFlight,
}

/// Why the API cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file in the data directory.
    #[error("{path}: {source}; is the data directory writable by us alone?")]
    File { path: PathBuf, source: std::io::Error },
    /// The self-signed certificate.
    #[error("the certificate in {path} is of no use: {reason}; remove it and its key, and a new one is made at the next start")]
    Certificate { path: PathBuf, reason: String },
    /// A listener died.
    #[error("the web server on {address} ended: {source}")]
    Server { address: std::net::SocketAddr, source: std::io::Error },
}

/// The node's secret: what the operator gave, else the one kept in `data`, made at the first start.
pub(crate) fn secret(data: &Path, given: Option<&Private<String>>) -> Result<Private<String>, Error> {
    given.cloned().map_or_else(|| tokens::own_secret(data), Ok)
}

impl Api {
    /// Reads, or makes, the signing secret and the first API key.
    pub(crate) fn new(store: Store, handle: Handle, mut settings: Settings) -> Result<Self, Error> {
        let signer = tokens::Signer::new(&secret(&settings.data, settings.secret.as_ref())?);
        if settings.api_keys.is_empty() {
            settings.api_keys.push(tokens::api_key(&settings.data)?);
        }
        // A counter that is there from the start can be watched before it first counts.
        metrics::counter!("tandem_page_problems_total").increment(0);
        metrics::counter!("tandem_api_problems_total", "status" => "400").increment(0);
        Ok(Self(Arc::new(State {
            store,
            handle,
            agents: Arc::new(settings.agents.clone()),
            settings,
            signer,
            channels: channel::Channels::default(),
            limits: limit::Limits::default(),
            in_flight: idempotency::InFlight::default(),
        })))
    }

    /// The first API key, for the demo's greeting.
    pub(crate) fn key(&self) -> Option<&Private<String>> {
        self.0.settings.api_keys.first()
    }

    fn agents(&self) -> Arc<Vec<AgentEntry>> {
        self.0.agents.clone()
    }

    fn store(&self) -> &Store {
        &self.0.store
    }
}

/// All routes.
pub(crate) fn router(api: Api) -> Router {
    let (v1, contract) = OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(interactions::add))
        .routes(routes!(customers::show))
        .routes(routes!(customers::learn))
        .routes(routes!(calls::list))
        .routes(routes!(calls::show))
        .routes(routes!(calls::ladder))
        .routes(routes!(recording::play, recording::erase))
        .routes(routes!(recording::outline))
        .routes(routes!(trunks::list))
        .routes(routes!(rejections::list))
        .routes(routes!(rejections::ask, rejections::look))
        .routes(routes!(explain::order))
        .routes(routes!(login::login))
        .routes(routes!(login::logout))
        .routes(routes!(login::me))
        .routes(routes!(chat::open))
        .routes(routes!(chat::say))
        .routes(routes!(chat::hand_off))
        .split_for_parts();
    let contract: Arc<str> = contract.to_json().unwrap_or_default().into();
    v1.route("/v1/desk", any(upgrade::desk))
        .route("/v1/caller", any(upgrade::caller))
        .route("/api/openapi.json", get(move || ready(openapi::contract(&contract))))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/", get(pages::index))
        .route("/agent", get(pages::agent))
        .route("/call", get(pages::call))
        .route("/console", get(pages::console))
        .fallback(pages::file)
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn(problem::place))
        .layer(middleware::from_fn(pages::guard))
        .with_state(api)
}

/// The largest body of a request, in bytes; a transcript of an hour fits.
const BODY_MAX: usize = 256 * 1024;
