//! A call's recording: heard whole or by range (RFC 9110 14), outlined, erased; for whom it is, and never unseen.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::stream;
use gateway_core::ids::CallId;
use serde_json::{Value, json};

use super::{
    Api,
    auth::{Integrator, Reader},
    calls::call_id,
    problem::Problem,
};
use crate::{
    archive::{Sound, Unheard},
    store::{RecordingRow, utc_now},
};

/// The last recording of a call: left what the caller said, right what the caller heard. WAV until it is archived, then in the form that is
/// configured; `Accept` may insist on one. An agent hears the calls that they took. Each access is logged.
#[utoipa::path(get, path = "/v1/calls/{id}/recording", tag = "calls", params(("id" = u64, Path)), security(("key" = [])),
    responses((status = 200, description = "The recording", content_type = "audio/wav"), (status = 206, description = "A part of it"),
        (status = 401), (status = 403), (status = 404), (status = 406), (status = 410), (status = 416)))]
pub(super) async fn play(State(api): State<Api>, reader: Reader, Path(id): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let call = call_id(&id)?;
    let mut row = last(&api, &reader, call).await?;
    let mut sound = api.0.settings.archive.sound(&row).await;
    if let Err(Unheard::Missing) = &sound {
        // It may have been archived between the look at its row and the one at its file.
        row = last(&api, &reader, call).await?;
        sound = api.0.settings.archive.sound(&row).await;
    }
    let sound = sound.map_err(|unheard| problem(&row, &unheard))?;
    let kept = row.form.media_type();
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accepted.is_some_and(|accept| !accepts(accept, kept)) {
        let told = format!("It is kept as {kept}: ask for that, or for audio/*.");
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "The recording is kept in another form", told));
    }
    let length = sound.len();
    tracing::info!(call = row.call.0, reader = reader.name(), "a recording is read");

    let asked = headers.get(header::RANGE).and_then(|range| range.to_str().ok()).map(|range| range_of(range, length));
    let (status, from, to) = match asked {
        None | Some(Range::Ignored) => (StatusCode::OK, 0, length),
        Some(Range::Part { from, to }) => (StatusCode::PARTIAL_CONTENT, from, to),
        Some(Range::Outside) => {
            let problem =
                Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "The range is outside the recording", format!("It has {length} bytes."));
            return Ok(([(header::CONTENT_RANGE, format!("bytes */{length}"))], problem).into_response());
        }
    };
    let mut response = (status, Body::from_stream(pieces(sound, from, to))).into_response();
    let set = response.headers_mut();
    set.insert(header::CONTENT_TYPE, HeaderValue::from_static(kept));
    set.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    set.insert(header::VARY, HeaderValue::from_static("Accept"));
    set.insert(header::CONTENT_LENGTH, HeaderValue::from(to - from));
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(range) = HeaderValue::try_from(format!("bytes {from}-{}/{length}", to - 1))
    {
        set.insert(header::CONTENT_RANGE, range);
    }
    // RFC 9530: of the whole, whatever part is sent.
    if let Some(digest) = row.sha256.as_deref().and_then(digest_field) {
        set.insert("repr-digest", digest);
    }
    Ok(response)
}

/// The outline of the last recording of a call, for a player to draw: 50 times a second the lowest and highest sample of either side, in the
/// shape of audiowaveform's second version.
#[utoipa::path(get, path = "/v1/calls/{id}/recording/peaks", tag = "calls", params(("id" = u64, Path)), security(("key" = [])),
    responses((status = 200, description = "The outline", body = Object), (status = 401), (status = 403), (status = 404), (status = 410)))]
pub(super) async fn outline(State(api): State<Api>, reader: Reader, Path(id): Path<String>) -> Result<Response, Problem> {
    let row = last(&api, &reader, call_id(&id)?).await?;
    if row.sha256.is_none() && row.gone.is_none() && row.failure.is_none() {
        return Err(Problem::not_found("The recording has not been archived yet; its outline is drawn then. Ask again in some seconds."));
    }
    let json = api.0.settings.archive.peaks(&row).await.map_err(|unheard| problem(&row, &unheard))?;
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "private, no-store")];
    Ok((headers, json).into_response())
}

/// Destroys all recordings of a call: the key, the file, its copy elsewhere. History keeps that it was done, when, and by which key. A repeat
/// finds nothing to do.
#[utoipa::path(delete, path = "/v1/calls/{id}/recording", tag = "calls", params(("id" = u64, Path)), security(("key" = [])),
    responses((status = 200, description = "Nobody can hear it any more", body = Object), (status = 401), (status = 404)))]
pub(super) async fn erase(State(api): State<Api>, who: Integrator, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let call = call_id(&id)?;
    if api.store().recordings(call).await?.is_empty() {
        return Err(none());
    }
    api.0.settings.archive.erase(call, &who.name(), utc_now()).await?;
    let rows = api.store().recordings(call).await?;
    Ok(Json(json!({ "call": call, "recordings": rows.iter().map(view).collect::<Vec<_>>() })))
}

/// A recording as `GET /v1/calls/{id}` shows it.
pub(super) fn view(row: &RecordingRow) -> Value {
    let mut view = json!({
        "id": row.id, "state": row.state, "at": row.at, "length_ms": row.length_ms, "format": row.form.word(), "bytes": row.bytes,
        "sha256": row.sha256, "encrypted": row.key.is_some(), "copied_to": row.remote, "tries": row.tries, "trouble": row.trouble,
        "failure": row.failure,
    });
    if let Some((at, by)) = &row.gone {
        view["erased"] = json!({ "at": at, "by": by, "remains": row.file.is_some() || row.remote.is_some() });
    }
    view
}

/// The last recording of a call, if this reader may hear it.
async fn last(api: &Api, reader: &Reader, call: CallId) -> Result<RecordingRow, Problem> {
    if let Reader::Agent(agent) = reader
        && !api.store().has_served(call, agent.id).await?
    {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "This recording is not yours to hear",
            "An agent hears the calls that they took; others are heard with an API key.",
        ));
    }
    api.store().recordings(call).await?.pop().ok_or_else(none)
}

fn none() -> Problem {
    Problem::not_found("This call was not recorded, or its recording has not been sealed yet.")
}

fn problem(row: &RecordingRow, unheard: &Unheard) -> Problem {
    match unheard {
        Unheard::Gone { .. } => Problem::new(StatusCode::GONE, "The recording was erased", format!("Nobody can hear it: {unheard}.")),
        Unheard::Failed(_) => Problem::not_found(format!("There is no sound: {unheard}.")),
        Unheard::Missing => {
            let copy = row.remote.as_ref().map_or_else(String::new, |remote| format!(" Its copy is {remote}."));
            Problem::not_found(format!("The recording's file is gone; somebody has removed it.{copy}"))
        }
        Unheard::Broken(_) | Unheard::Key(_) => {
            tracing::error!(call = row.call.0, %unheard, "a recording cannot be heard");
            Problem::unavailable(format!("The recording cannot be opened: {unheard}."))
        }
    }
}

/// Whether an `Accept` field takes this type (RFC 9110 12.5.1); of weights, only a refusal counts, for there is nothing to choose from.
fn accepts(accept: &str, kept: &str) -> bool {
    let family = kept.split('/').next().unwrap_or_default();
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let is_refused = parts.any(|part| part.strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0)));
        let fits = name == "*/*" || name.eq_ignore_ascii_case(kept) || name.strip_suffix("/*").is_some_and(|prefix| prefix == family);
        fits && !is_refused
    })
}

/// `sha-256=:..:` of the hexadecimal digest.
fn digest_field(hex: &str) -> Option<HeaderValue> {
    let digits = hex.as_bytes().as_chunks::<2>().0.iter();
    let bytes: Option<Vec<u8>> = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    HeaderValue::try_from(format!("sha-256=:{}:", STANDARD.encode(bytes?))).ok()
}

/// From one byte up to, not with, the other, read on threads that may wait for a disk.
fn pieces(sound: Sound, from: u64, to: u64) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    stream::unfold((sound, from), move |(mut sound, at)| async move {
        if at >= to {
            return None;
        }
        // A runtime that ends takes no more work, and its answers end with it.
        let (read, sound) = tokio::task::spawn_blocking(move || (sound.read_from(at), sound)).await.ok()?;
        match read {
            Ok(mut piece) => {
                piece.truncate(usize::try_from(to - at).unwrap_or(usize::MAX));
                let next = if piece.is_empty() { to } else { at + piece.len() as u64 };
                Some((Ok(piece.into()), (sound, next)))
            }
            Err(error) => Some((Err(error), (sound, to))),
        }
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    /// From this byte up to, not with, that one.
    Part {
        from: u64,
        to: u64,
    },
    /// Several parts, or not bytes: the whole is sent instead, as RFC 9110 14.2 allows.
    Ignored,
    Outside,
}

fn range_of(header: &str, length: u64) -> Range {
    let Some((first, last)) = header.strip_prefix("bytes=").filter(|spec| !spec.contains(',')).and_then(|spec| spec.split_once('-')) else {
        return Range::Ignored;
    };
    let (from, to) = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(from), Ok(last)) if last >= from => (from, last.saturating_add(1).min(length)),
        (Ok(from), Err(_)) if last.trim().is_empty() => (from, length),
        (Err(_), Ok(suffix)) if first.trim().is_empty() => (length.saturating_sub(suffix), length),
        _ => return Range::Ignored,
    };
    if from >= to { Range::Outside } else { Range::Part { from, to } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_may_seek() {
        assert_eq!(range_of("bytes=0-", 100), Range::Part { from: 0, to: 100 });
        assert_eq!(range_of("bytes=10-19", 100), Range::Part { from: 10, to: 20 });
        assert_eq!(range_of("bytes=-30", 100), Range::Part { from: 70, to: 100 });
        assert_eq!(range_of("bytes=90-200", 100), Range::Part { from: 90, to: 100 });
        assert_eq!(range_of("bytes=100-", 100), Range::Outside);
        assert_eq!(range_of("bytes=0-1,5-6", 100), Range::Ignored);
        assert_eq!(range_of("lines=1-2", 100), Range::Ignored);
        assert_eq!(range_of("bytes=9-1", 100), Range::Ignored);
    }

    #[test]
    fn accept_is_asked_for_a_refusal_alone() {
        for accept in ["*/*", "audio/*", "audio/wav", "text/html, audio/wav;q=0.5", "audio/ogg, */*;q=0.1"] {
            assert!(accepts(accept, "audio/wav"), "{accept}");
        }
        for accept in ["audio/ogg", "text/*", "audio/wav;q=0", "video/wav"] {
            assert!(!accepts(accept, "audio/wav"), "{accept}");
        }
    }
}
