//! A page's channel: it outlives a lost WebSocket, keeps what was said last, and gives it to the next one.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::extract::ws::Utf8Bytes;
use gateway_core::{ids::ChannelId, switch::Page};
use serde_json::json;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::tokens::random_hex;
use crate::shell::{Away, Handle, Joined};

/// Channels by the token that resumes them.
#[derive(Clone, Default)]
pub(super) struct Channels(Arc<Mutex<BTreeMap<String, Channel>>>);

/// One page's channel, as sockets see it.
#[derive(Clone)]
pub(super) struct Channel {
    pub(super) id: ChannelId,
    page: Page,
    /// The login that it lives by.
    login: Option<String>,
    words: mpsc::Sender<Word>,
}

/// What a channel is told.
enum Word {
    /// A socket takes over: what comes after `last_seq` is for it, the one before is let go.
    Attach { last_seq: u64, socket: mpsc::Sender<Utf8Bytes> },
    /// Its login has ended.
    End,
}

impl Channels {
    /// A new page joins the switch.
    pub(super) async fn open(
        &self,
        handle: &Handle,
        page: Page,
        login: Option<String>,
    ) -> Result<(Channel, mpsc::Receiver<Utf8Bytes>), Away> {
        let joined = handle.join(page.clone()).await?;
        let (words, told) = mpsc::channel(4);
        let channel = Channel { id: joined.channel, page, login, words };
        let token = random_hex::<16>();
        self.lock().insert(token.clone(), channel.clone());
        tokio::spawn(keep(self.clone(), token, handle.clone(), joined, told));
        let socket = channel.attach(0).await.ok_or(Away)?;
        Ok((channel, socket))
    }

    /// The channel that this token resumes, if it still lives and belongs to the same page.
    pub(super) async fn resume(&self, token: &str, page: &Page, last_seq: u64) -> Option<(Channel, mpsc::Receiver<Utf8Bytes>)> {
        let channel = self.lock().get(token).cloned()?;
        // A desk resumes its own agent's channel; a caller page is known by the token alone.
        let same = match (&channel.page, page) {
            (Page::Desk(before), Page::Desk(now)) => before == now,
            (Page::Caller(_), Page::Caller(_)) => true,
            (Page::Desk(_), Page::Caller(_)) | (Page::Caller(_), Page::Desk(_)) => false,
        };
        let socket = if same { channel.attach(last_seq).await? } else { return None };
        Some((channel, socket))
    }

    /// A login has ended, and its desks with it.
    pub(super) async fn end_login(&self, login: &str) {
        let ending: Vec<Channel> = self.lock().values().filter(|channel| channel.login.as_deref() == Some(login)).cloned().collect();
        for channel in ending {
            // One that has ended by itself needs no telling.
            let _ = channel.words.send(Word::End).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Channel>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel {
    async fn attach(&self, last_seq: u64) -> Option<mpsc::Receiver<Utf8Bytes>> {
        let (socket, messages) = mpsc::channel(REPLAY_MAX + SLACK);
        self.words.send(Word::Attach { last_seq, socket }).await.ok()?;
        Some(messages)
    }
}

/// Carries a channel from join to leave.
async fn keep(channels: Channels, token: String, handle: Handle, mut joined: Joined, mut told: mpsc::Receiver<Word>) {
    let mut said: VecDeque<(u64, Utf8Bytes)> = VecDeque::with_capacity(REPLAY_MAX);
    let mut socket: Option<mpsc::Sender<Utf8Bytes>> = None;
    let mut alone_until = Instant::now() + ALONE_MAX;
    let hello = Utf8Bytes::from(json!({ "type": "hello", "resume": token, "channel": joined.channel }).to_string());
    loop {
        tokio::select! {
            message = joined.messages.recv() => {
                // The switch closed it: this page read too slowly, or the node ends.
                let Some(message) = message else { break };
                let Ok(text) = serde_json::to_string(&message) else { continue };
                let text = Utf8Bytes::from(text);
                if said.len() == REPLAY_MAX {
                    said.pop_front();
                }
                said.push_back((message.seq, text.clone()));
                if let Some(open) = &socket && open.try_send(text).is_err() {
                    // Too slow, or gone; it may come back and ask for the rest.
                    socket = None;
                    alone_until = Instant::now() + ALONE_MAX;
                }
            }
            word = told.recv() => {
                let Some(Word::Attach { last_seq, socket: next }) = word else { break };
                // The queue has room for the greeting and all that is replayed.
                let _ = next.try_send(hello.clone());
                for (_, text) in said.iter().filter(|(seq, _)| *seq > last_seq) {
                    let _ = next.try_send(text.clone());
                }
                socket = Some(next);
            }
            () = closed(socket.as_ref()) => {
                socket = None;
                alone_until = Instant::now() + ALONE_MAX;
            }
            () = sleep_until(alone_until), if socket.is_none() => break,
        }
    }
    channels.lock().remove(&token);
    handle.leave(joined.channel).await;
}

async fn closed(socket: Option<&mpsc::Sender<Utf8Bytes>>) {
    match socket {
        Some(socket) => socket.closed().await,
        None => std::future::pending().await,
    }
}

/// Messages kept for a page that comes back; an older gap is mended by a whole new card.
const REPLAY_MAX: usize = 256;
/// Room in a socket's queue beyond a full replay.
const SLACK: usize = 64;
/// How long a page may be away.
const ALONE_MAX: Duration = Duration::from_secs(30);
