//! A call's recording, whole or by range (RFC 9110 14), for who may hear it.

use std::{io::SeekFrom, path::PathBuf};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

use super::{Api, auth::Reader, calls::call_id, problem::Problem};

/// The last recording of a call, as WAV: caller left, agent right. Each access is logged.
#[utoipa::path(get, path = "/v1/calls/{id}/recording", tag = "calls", params(("id" = u64, Path)), security(("key" = [])),
    responses((status = 200, description = "The recording", content_type = "audio/wav"), (status = 206, description = "A part of it"),
        (status = 401), (status = 404), (status = 416)))]
pub(super) async fn play(State(api): State<Api>, reader: Reader, Path(id): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let call = call_id(&id)?;
    let recordings = api.store().recordings(call).await?;
    let last =
        recordings.last().ok_or_else(|| Problem::not_found("This call was not recorded, or its recording has not been sealed yet."))?;
    let Some(file) = &last.file else {
        let failure = last.failure.as_deref().unwrap_or("unknown");
        return Err(Problem::not_found(format!("The recording failed: {failure}.")));
    };
    let path = inside(&api.0.settings.recordings, file)
        .ok_or_else(|| Problem::not_found("The recording's file is gone; retention may have removed it."))?;
    let mut file =
        File::open(&path).await.map_err(|_| Problem::not_found("The recording's file is gone; retention may have removed it."))?;
    let length = file.metadata().await.map_err(|_| Problem::unavailable("The recording could not be read."))?.len();
    tracing::info!(call = call.0, reader = reader.name(), "a recording is read");

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
    file.seek(SeekFrom::Start(from)).await.map_err(|_| Problem::unavailable("The recording could not be read."))?;
    let mut response = (status, Body::from_stream(chunks(file.take(to - from)))).into_response();
    let set = response.headers_mut();
    set.insert(header::CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
    set.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    set.insert(header::CONTENT_LENGTH, HeaderValue::from(to - from));
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(range) = HeaderValue::try_from(format!("bytes {from}-{}/{length}", to - 1))
    {
        set.insert(header::CONTENT_RANGE, range);
    }
    Ok(response)
}

/// The file, if it truly stands in the directory of recordings.
fn inside(directory: &std::path::Path, file: &str) -> Option<PathBuf> {
    let directory = directory.canonicalize().ok()?;
    let path = directory.join(file).canonicalize().ok()?;
    path.starts_with(&directory).then_some(path)
}

fn chunks(file: tokio::io::Take<File>) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    stream::unfold(file, |mut file| async {
        let mut chunk = Vec::with_capacity(CHUNK);
        match (&mut file).take(CHUNK as u64).read_to_end(&mut chunk).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(chunk.into()), file)),
            Err(error) => Some((Err(error), file)),
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

/// Bytes read at a time: two seconds of 8 kHz stereo.
const CHUNK: usize = 64 * 1024;

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
}
