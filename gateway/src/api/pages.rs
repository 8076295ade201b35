//! The pages, embedded in the binary, and the headers that guard them.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{Html, IntoResponse, Redirect, Response},
};
use rust_embed::{Embed, EmbeddedFile};

use super::problem::Problem;

/// What `npm run build` in `gateway/web` made; nothing, when it was not run before the build.
#[derive(Embed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Built;

pub(super) async fn index(headers: HeaderMap) -> Response {
    match Built::get("index.html") {
        Some(file) => serve("index.html", &file, &headers),
        None => Redirect::temporary("/call").into_response(),
    }
}

pub(super) async fn agent(headers: HeaderMap) -> Response {
    page("agent.html", &headers)
}

pub(super) async fn call(headers: HeaderMap) -> Response {
    page("call.html", &headers)
}

pub(super) async fn console(headers: HeaderMap) -> Response {
    page("console.html", &headers)
}

/// Scripts, styles, pictures; everything else is nowhere.
pub(super) async fn file(uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let path = uri.path().trim_start_matches('/');
    let file = Built::get(path).filter(|_| !path.is_empty());
    let file = file.ok_or_else(|| Problem::not_found("See /api/openapi.json for what there is; pages are /call, /agent and /console."))?;
    Ok(serve(path, &file, &headers))
}

/// On every answer: nothing is loaded from elsewhere, no inline script runs, no foreign page frames ours, only we ask for the microphone.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in GUARDS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn page(name: &str, headers: &HeaderMap) -> Response {
    match Built::get(name) {
        Some(file) => serve(name, &file, headers),
        None => (StatusCode::SERVICE_UNAVAILABLE, Html(NOT_BUILT)).into_response(),
    }
}

fn serve(path: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let hash: String = file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{hash}\"");
    // Vite puts a hash of the content into the names of assets; a page's name stays, so it is asked for anew.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let set = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, cache.to_owned())];
    if known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        return (StatusCode::NOT_MODIFIED, set).into_response();
    }
    let kind = match file.metadata.mimetype() {
        kind @ ("text/html" | "text/css" | "text/javascript" | "application/javascript") => format!("{kind}; charset=utf-8"),
        kind => kind.to_owned(),
    };
    (set, [(header::CONTENT_TYPE, kind)], file.data.clone().into_owned()).into_response()
}

const GUARDS: [(header::HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; media-src 'self' blob:; \
         font-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::HeaderName::from_static("permissions-policy"), "microphone=(self), camera=(), geolocation=()"),
    (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\"><meta charset=\"utf-8\"><title>Tandem: pages not built</title>
<h1>The pages are not in this binary</h1>
<p>It was built before the pages were. In <code>gateway/web</code> run <code>npm ci</code> and <code>npm run build</code>, then build
the gateway again. The telephone side, the API (<a href=\"/api/openapi.json\">/api/openapi.json</a>) and
<code>tandem dial</code> work without them.</p>
</html>
";
