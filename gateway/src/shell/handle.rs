//! How `api` and `cli` speak to the switch.

use std::{collections::BTreeMap, sync::Arc};

use gateway_core::{
    events::page::{ClientMessage, ServerMessage},
    ids::{AgentId, CallId, ChannelId},
    switch::{AdminCommand, Page, TrunkView},
};
use tokio::sync::{mpsc, watch};

use super::{
    ladder::{Ladder, Ladders},
    mailbox::{Bell, Mailbox},
};

/// A cheap, cloneable way into the switch's thread.
#[derive(Clone)]
pub(crate) struct Handle {
    inputs: Mailbox<Told>,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    ladders: Ladders,
}

/// A page's session in the switch; it outlives a lost WebSocket until `Handle::leave`.
pub(crate) struct Joined {
    /// Its name.
    pub(crate) channel: ChannelId,
    /// What the switch tells it, in order.
    pub(crate) messages: mpsc::Receiver<ServerMessage>,
}

/// The switch is gone or drowned.
#[derive(Debug, thiserror::Error)]
#[error("the switch does not take requests now; try again")]
pub(crate) struct Away;

/// What is live, as of the latest turn of the switch.
#[derive(Debug, Default, Clone, serde::Serialize)]
pub(crate) struct Snapshot {
    /// Refuses new calls and waits for the last to end.
    pub(crate) draining: bool,
    /// Live calls.
    pub(crate) calls: Vec<CallId>,
    /// Agents at a desk.
    pub(crate) agents: Vec<AgentId>,
    /// Carriers, with what is known of them.
    pub(crate) trunks: Vec<TrunkView>,
    /// Carriers have not yet heard that we drain.
    pub(crate) leaving: bool,
    /// Bound RTP ports that no call uses; without one, a call is refused.
    pub(crate) idle_ports: usize,
    /// Datagrams on SIP's ports that were no SIP, since the start.
    pub(crate) sip_dropped: u64,
    /// What SIP did not take in because there was too much of it, by cause, since the start.
    pub(crate) turned_away: BTreeMap<&'static str, u64>,
}

/// What reaches the switch's thread from inside the process.
pub(crate) enum Told {
    /// A page joins; its channel's other end goes with it.
    Join { page: Page, messages: mpsc::Sender<ServerMessage>, joined: tokio::sync::oneshot::Sender<ChannelId> },
    /// A page speaks.
    Said { channel: ChannelId, message: ClientMessage },
    /// A page leaves.
    Left { channel: ChannelId },
    /// An operator speaks.
    Admin(AdminCommand),
}

impl Handle {
    /// The end of the switch's thread holds the other halves.
    pub(crate) fn new(inputs: mpsc::Sender<Told>, snapshot: watch::Receiver<Arc<Snapshot>>) -> Self {
        Self { inputs: Mailbox::over(inputs), snapshot, ladders: Ladders::default() }
    }

    /// Wakes the switch's thread, which sleeps on its sockets, whenever something is said.
    pub(crate) fn waking(self, bell: Arc<Bell>) -> Self {
        Self { inputs: self.inputs.waking(bell), ..self }
    }

    /// Shows the ladders of this book.
    pub(crate) fn showing(self, ladders: Ladders) -> Self {
        Self { ladders, ..self }
    }

    /// What was said by SIP in a call, masked; `None` when nothing is known of it any more.
    pub(crate) fn ladder(&self, call: CallId) -> Option<Ladder> {
        self.ladders.of(call)
    }

    /// A page has logged in; who it is was proven by the caller of this.
    pub(crate) async fn join(&self, page: Page) -> Result<Joined, Away> {
        let (sender, messages) = mpsc::channel(MESSAGES_MAX);
        let (joined, channel) = tokio::sync::oneshot::channel();
        self.inputs.send(Told::Join { page, messages: sender, joined }).await.map_err(|_| Away)?;
        Ok(Joined { channel: channel.await.map_err(|_| Away)?, messages })
    }

    /// The page said something.
    pub(crate) fn say(&self, channel: ChannelId, message: ClientMessage) -> Result<(), Away> {
        self.inputs.try_send(Told::Said { channel, message }).map_err(|_| Away)
    }

    /// The page has been away longer than its resume time, or logged out.
    pub(crate) async fn leave(&self, channel: ChannelId) {
        // A switch that is gone has no channels left to close.
        let _ = self.inputs.send(Told::Left { channel }).await;
    }

    /// An operator's wish.
    pub(crate) async fn tell(&self, command: AdminCommand) -> Result<(), Away> {
        self.inputs.send(Told::Admin(command)).await.map_err(|_| Away)
    }

    /// Waits until what is live is as wished.
    pub(crate) async fn until(&self, wished: impl FnMut(&Snapshot) -> bool) -> Result<(), Away> {
        let (mut snapshot, mut wished) = (self.snapshot.clone(), wished);
        snapshot.wait_for(|live| wished(live)).await.map(drop).map_err(|_| Away)
    }

    /// What is live.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.borrow().clone()
    }
}

/// Notices that wait for one page's WebSocket; a page that reads so slowly is closed and resumes later.
const MESSAGES_MAX: usize = 256;
