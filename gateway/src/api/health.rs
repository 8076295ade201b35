//! Is it alive, does it take calls, how does it fare.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::Api;

/// The process runs.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// New calls are welcome: not draining, an RTP port is free, and the store takes records.
pub(super) async fn ready(State(api): State<Api>) -> Response {
    let live = api.0.handle.snapshot();
    let (draining, ports) = (live.draining, live.idle_ports > 0);
    let (room, up) = (api.store().has_room(), api.store().is_up().await);
    let status = if draining || !ports || !room { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    // A database that is away does not end service: calls go on, records wait in the spool.
    (
        status,
        [(header::CACHE_CONTROL, "no-store")],
        Json(json!({ "draining": draining, "ports": ports, "store": { "up": up, "room": room } })),
    )
        .into_response()
}

/// Prometheus text.
pub(super) async fn metrics(State(api): State<Api>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (api.0.settings.metrics)()).into_response()
}
