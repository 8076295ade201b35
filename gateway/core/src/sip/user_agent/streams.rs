//! Streams as they come, speak and go (RFC 3261 18, RFC 5626, RFC 7118).

use std::{net::SocketAddr, time::Duration};

use rand::Rng;

use super::{
    TimerKey, TurnedAway, UaOutput, UserAgent,
    connection::{Connection, State, StreamTimer},
};
use crate::{
    events::wire::{Hop, Path, Transport},
    ids::{ConnId, EndpointId},
    now::Now,
    sip::{
        Dropped, Message,
        message::{answer_broken, answer_head, parse},
        stream::{Framed, PING, PONG},
        transaction::T1_64,
    },
};

impl<R: Rng> UserAgent<R> {
    /// This way is a WebSocket.
    pub fn is_web(&self, way: Path) -> bool {
        match way {
            Path::Stream(conn) => self.connections.by_id.get(&conn).is_some_and(|connection| connection.hop.transport.is_web()),
            Path::Datagram { .. } => false,
        }
    }

    /// This way is a stream that nobody else reads: TLS, or a WebSocket within it.
    pub fn is_private(&self, way: Path) -> bool {
        match way {
            Path::Stream(conn) => self.connections.by_id.get(&conn).is_some_and(|connection| connection.hop.transport.is_secure()),
            Path::Datagram { .. } => false,
        }
    }

    /// A stream stands: one we asked for, or one a peer opened at `endpoint`; `subject` holds the names of its verified certificate.
    pub fn connected(&mut self, now: Now, conn: ConnId, endpoint: Option<EndpointId>, from: SocketAddr, subject: Vec<String>) {
        let Some(endpoint) = endpoint else { return self.opened(now, conn, subject) };
        let transport = self.endpoints.get(&endpoint).map(|endpoint| endpoint.transport).filter(|transport| *transport != Transport::Udp);
        let accepted = transport.is_some_and(|transport| {
            let hop = Hop { transport, to: from, domain: None };
            let connection = Connection { subject, ..Connection::new(endpoint, hop, State::Open) };
            self.connections.accept(conn, connection)
        });
        if !accepted {
            self.turn_away(TurnedAway::Streams);
            return self.outputs.push_back(UaOutput::Disconnect { conn });
        }
        self.set_timer(now, TimerKey::Stream(conn, StreamTimer::Idle), FIRST_MAX);
    }

    /// A stream that we asked for did not come about.
    pub fn connect_failed(&mut self, now: Now, conn: ConnId) {
        // Nobody listens there, so nobody is called back there.
        if let Some(connection) = self.connections.get_mut(conn) {
            connection.back = None;
        }
        self.disconnected(now, conn);
    }

    /// Bytes of a stream, cut anywhere; of a WebSocket, one message.
    pub fn receive_stream(&mut self, now: Now, conn: ConnId, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(conn).filter(|connection| matches!(connection.state, State::Open)) else { return };
        if connection.hop.transport.is_web() {
            match bytes == PING {
                true => self.transmit(Path::Stream(conn), PONG.into()),
                false => self.receive_message(now, conn, bytes),
            }
            return;
        }
        connection.framer.push(bytes);
        while let Some(framed) = self.connections.get_mut(conn).and_then(|connection| connection.framer.next_framed()) {
            match framed {
                Framed::Message(message) => self.receive_message(now, conn, &message),
                Framed::Ping => self.transmit(Path::Stream(conn), PONG.into()),
                Framed::Pong => {
                    self.timers.stop(&TimerKey::Stream(conn, StreamTimer::Pong));
                    if let Some(connection) = self.connections.get_mut(conn) {
                        connection.answers_pings = true;
                    }
                }
                Framed::Broken { head, status } => self.receive_broken(now, conn, &head, status),
            }
        }
        self.watch_partial(now, conn);
    }

    /// The stream is gone.
    pub fn disconnected(&mut self, now: Now, conn: ConnId) {
        if !self.connections.is_alive(conn) {
            return;
        }
        for timer in [StreamTimer::Idle, StreamTimer::Partial, StreamTimer::Ping, StreamTimer::Pong] {
            self.timers.stop(&TimerKey::Stream(conn, timer));
        }
        if self.connections.close(conn) {
            self.set_timer(now, TimerKey::Stream(conn, StreamTimer::Forget), T1_64);
        }
        self.break_clients(now, conn);
        self.lose_flow(Path::Stream(conn));
    }

    pub(super) fn stream_timer(&mut self, now: Now, conn: ConnId, timer: StreamTimer) {
        match timer {
            StreamTimer::Idle => self.weigh(now, conn),
            StreamTimer::Partial | StreamTimer::Pong => self.close_stream(now, conn),
            StreamTimer::Ping => self.ping(now, conn),
            StreamTimer::Forget => self.connections.forget(conn),
        }
    }

    fn opened(&mut self, now: Now, conn: ConnId, subject: Vec<String>) {
        let Some(connection) = self.connections.get_mut(conn) else { return self.outputs.push_back(UaOutput::Disconnect { conn }) };
        let State::Opening(waiting) = std::mem::replace(&mut connection.state, State::Open) else { return };
        connection.subject = subject;
        for bytes in waiting {
            self.outputs.push_back(UaOutput::Transmit { path: Path::Stream(conn), bytes });
        }
        self.set_timer(now, TimerKey::Stream(conn, StreamTimer::Idle), IDLE_MAX);
        self.plan_ping(now, conn);
    }

    fn receive_message(&mut self, now: Now, conn: ConnId, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(conn) else { return };
        let (endpoint, from, is_web) = (connection.endpoint, connection.hop.to, connection.hop.transport.is_web());
        let default_port = connection.hop.transport.default_port();
        match parse(bytes) {
            Ok(message) => {
                connection.heard = Some(now.instant);
                match message {
                    Message::Request(request) => {
                        if matches!(conn, ConnId::Accepted(_)) {
                            connection.back = Some(SocketAddr::new(from.ip(), request.via.port.unwrap_or(default_port)));
                        }
                        self.receive_request(now, endpoint, from, Some(conn), request);
                    }
                    Message::Response(response) => self.receive_response(now, &response),
                }
            }
            Err(why) => {
                *self.dropped.entry(why).or_default() += 1;
                if let Some((_, answer)) = answer_broken(bytes, from) {
                    self.transmit(Path::Stream(conn), answer.into());
                }
                // A frame is whole whatever it says; where a head cannot be read, nobody can tell where it ends.
                if !is_web {
                    self.close_stream(now, conn);
                }
            }
        }
    }

    fn receive_broken(&mut self, now: Now, conn: ConnId, head: &[u8], status: u16) {
        let Some(from) = self.connections.get(conn).map(|connection| connection.hop.to) else { return };
        *self.dropped.entry(Dropped::ContentLength).or_default() += 1;
        if let Some((_, answer)) = answer_head(head, from, status) {
            self.transmit(Path::Stream(conn), answer.into());
        }
        self.close_stream(now, conn);
    }

    fn close_stream(&mut self, now: Now, conn: ConnId) {
        if self.connections.is_alive(conn) {
            self.outputs.push_back(UaOutput::Disconnect { conn });
            self.disconnected(now, conn);
        }
    }

    /// Whoever begins a message ends it soon.
    fn watch_partial(&mut self, now: Now, conn: ConnId) {
        let key = TimerKey::Stream(conn, StreamTimer::Partial);
        match self.connections.get(conn).is_some_and(|connection| connection.framer.is_partial()) {
            true if self.timers.get(&key).is_none() => self.set_timer(now, key, PARTIAL_MAX),
            true => {}
            false => {
                self.timers.stop(&key);
            }
        }
    }

    /// Closes what nobody has used for long, and what a peer opened and never spoke on.
    fn weigh(&mut self, now: Now, conn: ConnId) {
        let Some(connection) = self.connections.get(conn) else { return };
        let is_fresh = connection.heard.is_some_and(|heard| heard + IDLE_MAX > now.instant);
        if !is_fresh && !connection.is_kept && !self.is_in_use(now, conn) {
            return self.close_stream(now, conn);
        }
        self.set_timer(now, TimerKey::Stream(conn, StreamTimer::Idle), IDLE_MAX);
    }

    fn is_in_use(&self, now: Now, conn: ConnId) -> bool {
        let path = Path::Stream(conn);
        self.usages.values().any(|usage| usage.flow == Some(conn))
            || self.clients.values().any(|client| client.path() == path)
            || self.servers.values().any(|server| server.reply() == path)
            || self.registrar.is_bound_by(path, now.instant)
    }

    fn plan_ping(&mut self, now: Now, conn: ConnId) {
        // "a random number between 80% and 100%" of the interval (RFC 5626 4.4.1).
        let chance = u64::from(self.rng.next_u32() % 25);
        self.set_timer(now, TimerKey::Stream(conn, StreamTimer::Ping), Duration::from_secs(96 + chance));
    }

    fn ping(&mut self, now: Now, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(conn).filter(|connection| connection.is_alive()) else { return };
        connection.framer.pinged();
        let answers_pings = connection.answers_pings;
        self.transmit(Path::Stream(conn), PING.into());
        if answers_pings {
            self.set_timer(now, TimerKey::Stream(conn, StreamTimer::Pong), PONG_MAX);
        }
        self.plan_ping(now, conn);
    }
}

/// A peer that connects means to speak.
const FIRST_MAX: Duration = Duration::from_secs(30);

/// From a message's first byte to its last, over the worst of lines.
const PARTIAL_MAX: Duration = Duration::from_secs(30);

/// A stream that no call, registration or transaction uses is held for so long; opening one again costs a round trip or three.
const IDLE_MAX: Duration = Duration::from_secs(900);

/// "If a pong is not received within 10 seconds" (RFC 5626 4.4.1), from a peer that has answered before.
const PONG_MAX: Duration = Duration::from_secs(10);
