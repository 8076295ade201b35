//! WebSocket with the subprotocol `sip` (RFC 7118): a message is a frame, and a frame a message.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use gateway_core::ids::ConnId;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Message, Utf8Bytes,
        handshake::server::{Callback, ErrorResponse, Request, Response},
        http::{
            HeaderMap, HeaderValue, StatusCode,
            header::{HOST, ORIGIN},
            uri::Authority,
        },
        protocol::WebSocketConfig,
    },
};

use super::{
    Shared, StreamTold,
    flow::{Duplex, WRITE_MAX},
};

/// A WebSocket whose handshake is over.
pub(super) type Frames = WebSocketStream<Box<dyn Duplex>>;

/// The server's side of the handshake, for our own pages and those of `origins`.
pub(super) async fn accept(stream: Box<dyn Duplex>, origins: &[String]) -> Result<Frames, String> {
    let config = WebSocketConfig::default().max_message_size(Some(FRAME_MAX)).max_frame_size(Some(FRAME_MAX));
    accept_hdr_async_with_config(stream, Welcome { origins }, Some(config)).await.map_err(|error| error.to_string())
}

/// What a handshake is judged by.
struct Welcome<'a> {
    origins: &'a [String],
}

impl Callback for Welcome<'_> {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        agree(request, response, self.origins)
    }
}

#[expect(clippy::result_large_err, reason = "the shape is tungstenite's")]
fn agree(request: &Request, mut response: Response, origins: &[String]) -> Result<Response, ErrorResponse> {
    if !is_welcome(request.headers(), origins) {
        return Err(refusal(StatusCode::FORBIDDEN, "pages of this origin may not connect"));
    }
    // "the WebSocket client MUST include the value "sip" in the list of protocols" (RFC 7118 4.1).
    let offered = request.headers().get_all(PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    if !offered.flat_map(|list| list.split(',')).any(|protocol| protocol.trim().eq_ignore_ascii_case("sip")) {
        return Err(refusal(StatusCode::BAD_REQUEST, "this WebSocket speaks the subprotocol \"sip\" (RFC 7118)"));
    }
    response.headers_mut().insert(PROTOCOL, HeaderValue::from_static("sip"));
    Ok(response)
}

/// A browser says whose page it shows (RFC 6455 10.2), and any page may make it call from inside the networks of our trunks: so it is our own
/// page, of whatever port, or one of `origins`. Who says nothing of it is no browser.
fn is_welcome(headers: &HeaderMap, origins: &[String]) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str().map(str::to_ascii_lowercase) else { return false };
    let own = headers.get(HOST).and_then(|host| host.to_str().ok()).and_then(|host| host.parse::<Authority>().ok());
    let from = origin.split_once("://").and_then(|(_, authority)| authority.parse::<Authority>().ok());
    let is_own = own.zip(from).is_some_and(|(own, from)| own.host().eq_ignore_ascii_case(from.host()));
    is_own || origins.contains(&origin)
}

fn refusal(status: StatusCode, words: &str) -> ErrorResponse {
    let mut refusal = ErrorResponse::new(Some(words.to_owned()));
    *refusal.status_mut() = status;
    refusal
}

/// Until either side has had enough.
pub(super) async fn carry(frames: Frames, conn: ConnId, shared: &Shared, mut outbox: mpsc::Receiver<Arc<[u8]>>) {
    let (mut writer, mut reader) = frames.split();
    let reading = async {
        while let Some(Ok(frame)) = reader.next().await {
            let bytes = match frame {
                Message::Text(text) => text.as_bytes().to_vec(),
                Message::Binary(bytes) => bytes.to_vec(),
                // Pings are answered by the library.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
                Message::Close(_) => return,
            };
            if shared.tell(conn, StreamTold::Bytes(bytes)).await.is_err() {
                return;
            }
        }
    };
    let writing = async {
        let mut pings = interval(PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        loop {
            let frame = tokio::select! {
                bytes = outbox.recv() => match bytes {
                    Some(bytes) => frame_of(&bytes),
                    None => break,
                },
                _ = pings.tick() => Message::Ping(Vec::new().into()),
            };
            if !matches!(timeout(WRITE_MAX, writer.send(frame)).await, Ok(Ok(()))) {
                return;
            }
        }
        let _ = timeout(WRITE_MAX, writer.close()).await;
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}

/// "each SIP message MUST be carried within a single WebSocket message", text where it is UTF-8, else binary (RFC 7118 5.1).
fn frame_of(bytes: &[u8]) -> Message {
    match std::str::from_utf8(bytes) {
        Ok(text) => Message::Text(Utf8Bytes::from(text)),
        Err(_) => Message::Binary(bytes.to_vec().into()),
    }
}

const PROTOCOL: &str = "Sec-WebSocket-Protocol";

/// The longest SIP message.
const FRAME_MAX: usize = 65_535;

/// Proxies and NATs on the way drop what is silent for a minute.
const PING_EVERY: Duration = Duration::from_secs(25);
