//! One WebSocket, from upgrade to close: greets or resumes, carries JSON both ways, notices a dead peer.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use gateway_core::{events::page::ClientMessage, switch::Page};
use serde_json::json;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use super::{Api, channel::Channel, tokens::random_hex};

/// Who opened it, and what is to be said first.
pub(super) struct Visitor {
    pub(super) page: Page,
    pub(super) login: Option<String>,
    /// The page says (`?resume=1`) that a `resume` is on its way; `None`: it does not say.
    pub(super) resumes: Option<bool>,
    /// Something that came with the request was no good, yet the page may go on.
    pub(super) warning: Option<String>,
}

pub(super) async fn run(api: Api, mut socket: WebSocket, visitor: Visitor) {
    let Some((channel, mut outgoing, early)) = enter(&api, &mut socket, &visitor).await else { return };
    // The greeting is the first word, whatever else there is to say.
    let Some(hello) = outgoing.recv().await else { return };
    let warning = visitor.warning.as_deref().map(problem);
    for message in [Some(Message::Text(hello)), warning].into_iter().flatten() {
        if socket.send(message).await.is_err() {
            return;
        }
    }
    if let Some(early) = early {
        hear(&api, &channel, &mut socket, &early).await;
    }
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            text = outgoing.recv() => {
                let Some(text) = text else {
                    // Another socket took over, the page read too slowly, or the agent logged out.
                    let frame = CloseFrame { code: close_code::NORMAL, reason: Utf8Bytes::from_static("this channel goes on elsewhere or has ended") };
                    let _ = timeout(SEND_MAX, socket.send(Message::Close(Some(frame)))).await;
                    return;
                };
                match timeout(SEND_MAX, socket.send(Message::Text(text))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return,
                }
            }
            message = socket.recv() => {
                heard = Instant::now();
                match message {
                    Some(Ok(Message::Text(text))) => hear(&api, &channel, &mut socket, text.as_str()).await,
                    Some(Ok(Message::Binary(_))) => {
                        let _ = socket.send(problem("binary messages are not understood here; send JSON as text")).await;
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                }
            }
            _ = ping.tick() => {
                if heard.elapsed() > DEAD_AFTER {
                    tracing::debug!(channel = channel.id.0, "a page is silent: its socket is dropped, its channel waits");
                    return;
                }
                if timeout(SEND_MAX, socket.send(Message::Ping(bytes::Bytes::new()))).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Waits briefly whether the page resumes, for greeting it as new would make it drop what it shows; then joins the switch or goes on.
async fn enter(api: &Api, socket: &mut WebSocket, visitor: &Visitor) -> Option<(Channel, mpsc::Receiver<Utf8Bytes>, Option<Utf8Bytes>)> {
    let wait = match visitor.resumes {
        Some(true) => RESUME_PROMISED,
        Some(false) => Duration::ZERO,
        None => RESUME_POSSIBLE,
    };
    let mut early = None;
    if let Ok(first) = timeout(wait, first_text(socket)).await {
        let text = first?;
        if let Ok(ClientMessage::Resume { token, last_seq }) = serde_json::from_str(text.as_str()) {
            if let Some((channel, outgoing)) = api.0.channels.resume(&token, &visitor.page, last_seq).await {
                return Some((channel, outgoing, None));
            }
        } else {
            early = Some(text);
        }
    }
    match api.0.channels.open(&api.0.handle, visitor.page.clone(), visitor.login.clone()).await {
        Ok((channel, outgoing)) => Some((channel, outgoing, early)),
        Err(away) => {
            let _ = socket.send(problem(&away.to_string())).await;
            let frame = CloseFrame { code: close_code::AGAIN, reason: Utf8Bytes::from_static("try again in a few seconds") };
            let _ = socket.send(Message::Close(Some(frame))).await;
            None
        }
    }
}

async fn first_text(socket: &mut WebSocket) -> Option<Utf8Bytes> {
    loop {
        match socket.recv().await? {
            Ok(Message::Text(text)) => return Some(text),
            Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_)) => {}
            Ok(Message::Close(_)) | Err(_) => return None,
        }
    }
}

async fn hear(api: &Api, channel: &Channel, socket: &mut WebSocket, text: &str) {
    let trouble = match serde_json::from_str::<ClientMessage>(text) {
        Ok(ClientMessage::Resume { .. }) => Some("resume is the first word on a new socket, and was too late here".to_owned()),
        Ok(message) => api.0.handle.say(channel.id, message).err().map(|away| away.to_string()),
        Err(error) => Some(format!("this message is not understood: {error}")),
    };
    if let Some(what) = trouble {
        // A send that fails shows at the next receive.
        let _ = timeout(SEND_MAX, socket.send(problem(&what))).await;
    }
}

fn problem(what: &str) -> Message {
    let id = random_hex::<6>();
    tracing::debug!(id, what, "told a page of a problem");
    metrics::counter!("tandem_page_problems_total").increment(1);
    Message::text(json!({ "type": "problem", "what": what, "id": id }).to_string())
}

/// The largest message taken, in bytes; an SDP has a few thousand.
pub(super) const MESSAGE_MAX: usize = 64 * 1024;
const PING_EVERY: Duration = Duration::from_secs(15);
/// Two pings without an answer.
const DEAD_AFTER: Duration = Duration::from_secs(29);
/// A page says `resume` as soon as its socket opens, so this covers one round trip; a page that is new waits so long for its greeting.
const RESUME_POSSIBLE: Duration = Duration::from_millis(250);
/// For a page that promised one.
const RESUME_PROMISED: Duration = Duration::from_secs(5);
/// A peer whose buffers stay full so long is gone.
const SEND_MAX: Duration = Duration::from_secs(10);
