//! Carries out what the Switch wants, in the order it wants it.

use std::{collections::VecDeque, io};

use gateway_core::{
    events::{ask::Reply, media::MediaCommand, record::Record, wire::Path},
    ids::{ChannelId, EndpointId, ShardId},
    now::Now,
    switch::{Output, Rejection, TrunkNews},
};
use mio::net::UdpSocket;

use super::{
    asks::{Answers, Asks},
    ladder::Tap,
    mailbox::{Mailbox, Refused},
    meters::SwitchMeters,
    pages::{Pages, Pushed},
    shard::ShardTold,
    stream::Streams,
};

/// Where records go. Implemented over `store`'s writer where the node is wired.
pub(crate) trait Ledger: Send {
    /// Queues one append to history; never blocks, never drops.
    fn write(&mut self, record: Record);

    /// Records that are queued and not yet safe.
    fn lag(&self) -> usize;

    /// Notes a call that was not let in; says how often its like has come by now. Never blocks.
    fn reject(&mut self, rejection: Rejection) -> u64;
}

/// What an output causes at once; said to the Switch as soon as its outputs are drained.
#[derive(Debug)]
pub(crate) enum Echo {
    /// This node knew the answer.
    Replied(Reply),
    /// The page reads too slowly or is gone.
    Left(ChannelId),
}

/// All that an output can touch.
pub(crate) struct Effects<A, L> {
    /// `None` where an endpoint's peers come by streams.
    pub(crate) endpoints: Vec<Option<UdpSocket>>,
    pub(crate) streams: Streams,
    pub(crate) pages: Pages,
    pub(crate) echoes: VecDeque<Echo>,
    pub(crate) meters: SwitchMeters,
    pub(crate) tap: Tap,
    shards: Vec<Ring>,
    asks: Asks<A>,
    ledger: L,
}

/// The way to one shard. Commands are never dropped and never overtake each other: what the queue does not take waits here.
struct Ring {
    commands: Mailbox<ShardTold>,
    backlog: VecDeque<MediaCommand>,
    /// Something was laid into the queue, and the bell has not been rung.
    is_laid: bool,
}

impl<A: Answers, L: Ledger> Effects<A, L> {
    /// `endpoints` by `EndpointId`, `shards` by `ShardId`.
    pub(crate) fn new(
        endpoints: Vec<Option<UdpSocket>>,
        streams: Streams,
        shards: Vec<Mailbox<ShardTold>>,
        asks: Asks<A>,
        ledger: L,
        tap: Tap,
    ) -> Self {
        Self {
            endpoints,
            streams,
            pages: Pages::default(),
            echoes: VecDeque::new(),
            meters: SwitchMeters::new(),
            tap,
            shards: shards.into_iter().map(|commands| Ring { commands, backlog: VecDeque::new(), is_laid: false }).collect(),
            asks,
            ledger,
        }
    }

    /// Does it.
    pub(crate) fn carry_out(&mut self, now: Now, output: Output) {
        self.meters.output(&output);
        match output {
            Output::Transmit { path: Path::Datagram { endpoint, to }, bytes } => {
                self.tap.said(now.utc, endpoint, to, &bytes);
                if let Err(error) = self.transmit(endpoint, to, &bytes) {
                    self.meters.unsent.increment(1);
                    tracing::debug!(%to, %error, "a SIP datagram was not sent");
                }
            }
            Output::Transmit { path: Path::Stream(conn), bytes } => {
                self.tap.said_by(now.utc, conn, &bytes);
                if !self.streams.transmit(conn, bytes) {
                    self.meters.streamless.increment(1);
                }
            }
            Output::Connect { conn, hop, profile } => self.streams.connect(conn, hop, profile),
            Output::Disconnect { conn } => self.streams.close(conn),
            Output::Media { shard, command } => self.tell_shard(shard, command),
            Output::Ask(ask) => {
                if let Some(reply) = self.asks.put(now, ask) {
                    self.echoes.push_back(Echo::Replied(reply));
                }
            }
            Output::Push { channel, message } => match self.pages.push(channel, message) {
                Pushed::Queued | Pushed::Unknown => {}
                Pushed::Closed => {
                    self.meters.slow_pages.increment(1);
                    self.echoes.push_back(Echo::Left(channel));
                }
            },
            Output::Rejected(rejection) => {
                let count = self.ledger.reject(rejection.clone());
                log(&rejection, count);
            }
            Output::Trunk(TrunkNews { trunk, good: true, what }) => tracing::info!(trunk, "{what}"),
            Output::Trunk(TrunkNews { trunk, good: false, what }) => tracing::warn!(trunk, "{what}"),
            Output::Traced { call, call_id } => self.tap.traced(call, call_id),
            Output::Write(record) => self.ledger.write(record),
        }
    }

    /// Gives shards what they could not take before; `true` if some still cannot.
    pub(crate) fn flush(&mut self) -> bool {
        let mut waiting = 0;
        for (number, ring) in self.shards.iter_mut().enumerate() {
            while let Some(command) = ring.backlog.pop_front() {
                match ring.commands.try_send(ShardTold::Command(command)) {
                    Ok(()) => {}
                    Err(Refused::Full(ShardTold::Command(command))) => {
                        ring.backlog.push_front(command);
                        break;
                    }
                    Err(Refused::Full(_) | Refused::Gone(_)) => lost(number),
                }
            }
            waiting += ring.backlog.len();
        }
        self.meters.media_backlog.set(waiting as f64);
        waiting > 0
    }

    /// All that one input caused is said: the shards that it concerns may begin.
    pub(crate) fn ring(&mut self) {
        for ring in self.shards.iter_mut().filter(|ring| ring.is_laid) {
            ring.commands.ring();
            ring.is_laid = false;
        }
    }

    /// Records that are queued and not yet safe.
    pub(crate) fn lag(&self) -> usize {
        self.ledger.lag()
    }

    fn transmit(&self, endpoint: EndpointId, to: std::net::SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let socket = usize::try_from(endpoint.0).ok().and_then(|number| self.endpoints.get(number)?.as_ref());
        socket.ok_or(io::ErrorKind::NotFound)?.send_to(bytes, to).map(|_| ())
    }

    fn tell_shard(&mut self, shard: ShardId, command: MediaCommand) {
        let Some((number, ring)) = usize::try_from(shard.0).ok().and_then(|number| Some((number, self.shards.get_mut(number)?))) else {
            tracing::error!(shard = shard.0, "a media command names a shard that does not exist");
            return;
        };
        if !ring.backlog.is_empty() {
            ring.backlog.push_back(command);
            return;
        }
        match ring.commands.lay(ShardTold::Command(command)) {
            Ok(()) => ring.is_laid = true,
            Err(Refused::Full(ShardTold::Command(command))) => ring.backlog.push_back(command),
            Err(Refused::Full(_) | Refused::Gone(_)) => lost(number),
        }
    }
}

/// The first of a kind, the tenth, the hundredth and so on; a scanner does not fill the log.
fn log(rejection: &Rejection, count: u64) {
    let Rejection { from, transport, trunk, dialled, call_id, refusal, .. } = rejection;
    let (reason, cause) = (refusal.reason.word(), refusal.cause());
    let (status, q850, trunk) = (cause.sip, cause.q850, trunk.as_deref().unwrap_or("none"));
    if is_round(count) {
        tracing::info!(%from, transport, trunk, dialled, call_id, status, q850, reason, count, why = %refusal, "a call was not let in");
    } else {
        tracing::debug!(%from, transport, trunk, dialled, call_id, status, q850, reason, count, why = %refusal, "a call was not let in");
    }
}

/// A power of ten.
fn is_round(count: u64) -> bool {
    count.checked_ilog10().is_some_and(|zeros| count == 10u64.saturating_pow(zeros))
}

fn lost(shard: usize) {
    tracing::error!(shard, "a media command was lost: the shard's thread is gone");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scanner_gets_a_line_for_each_power_of_ten() {
        let lines: Vec<u64> = (0..=20_000).filter(|count| is_round(*count)).collect();
        assert_eq!(lines, [1, 10, 100, 1_000, 10_000]);
    }
}
