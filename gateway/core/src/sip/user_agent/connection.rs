//! One stream as the user agent holds it, and the table of all.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use super::wall::household;
use crate::{
    events::wire::Hop,
    ids::{ConnId, EndpointId},
    sip::stream::Framer,
};

/// A stream to one peer.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) endpoint: EndpointId,
    /// The peer, as it is reached or as it came.
    pub(super) hop: Hop,
    pub(super) profile: Option<String>,
    /// Names of its verified certificate.
    pub(super) subject: Vec<String>,
    pub(super) state: State,
    pub(super) framer: Framer,
    /// When the last whole message came, if any has.
    pub(super) heard: Option<Instant>,
    /// It has answered a ping: one that stays unanswered means that it is gone.
    pub(super) answers_pings: bool,
    /// Where a response goes once the stream is gone (RFC 3261 18.2.2).
    pub(super) back: Option<SocketAddr>,
    /// It stays open though nothing uses it: a registration's flow (RFC 5626).
    pub(super) is_kept: bool,
}

/// How far it has come.
#[derive(Debug)]
pub(super) enum State {
    /// What shall be sent waits.
    Opening(Vec<Arc<[u8]>>),
    Open,
    /// What still wants to be sent takes another stream, once one is there.
    Gone {
        successor: Option<ConnId>,
    },
}

impl Connection {
    pub(super) const fn new(endpoint: EndpointId, hop: Hop, state: State) -> Self {
        Self {
            endpoint,
            hop,
            profile: None,
            subject: Vec::new(),
            state,
            framer: Framer::new(),
            heard: None,
            answers_pings: false,
            back: None,
            is_kept: false,
        }
    }

    /// Can be sent on now.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Can be sent on, now or soon.
    pub(super) const fn is_alive(&self) -> bool {
        !matches!(self.state, State::Gone { .. })
    }
}

/// What falls due for a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum StreamTimer {
    /// Is it of any use still?
    Idle,
    /// A message was begun and is not whole.
    Partial,
    /// A keep-alive is due (RFC 5626 4.4.1).
    Ping,
    /// Its answer has not come.
    Pong,
    /// Nobody asks for a stream any more that is gone.
    Forget,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Connections {
    pub(super) by_id: BTreeMap<ConnId, Connection>,
    /// Those that we opened, for reuse.
    by_hop: BTreeMap<(Hop, Option<String>), ConnId>,
    /// How many peers have opened, by the peer's address (IPv6: its /64).
    accepted: BTreeMap<IpAddr, usize>,
    accepted_max: usize,
    per_source_max: usize,
    standing: usize,
    opened: u64,
    gone: usize,
}

impl Connections {
    /// None yet; peers may open so many, and so many from one address.
    pub(super) const fn new(accepted_max: usize, per_source_max: usize) -> Self {
        Self {
            by_id: BTreeMap::new(),
            by_hop: BTreeMap::new(),
            accepted: BTreeMap::new(),
            accepted_max,
            per_source_max,
            standing: 0,
            opened: 0,
            gone: 0,
        }
    }

    pub(super) fn get(&self, conn: ConnId) -> Option<&Connection> {
        self.by_id.get(&conn)
    }

    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Connection> {
        self.by_id.get_mut(&conn)
    }

    pub(super) fn is_alive(&self, conn: ConnId) -> bool {
        self.get(conn).is_some_and(Connection::is_alive)
    }

    /// A live one that we opened to this hop.
    pub(super) fn towards(&self, hop: &Hop, profile: Option<&str>) -> Option<ConnId> {
        self.by_hop.get(&(hop.clone(), profile.map(str::to_owned))).copied().filter(|conn| self.is_alive(*conn))
    }

    /// One that we are about to open.
    pub(super) fn open(&mut self, endpoint: EndpointId, hop: &Hop, profile: Option<&str>) -> ConnId {
        self.opened += 1;
        let conn = ConnId::Opened(self.opened);
        let mut connection = Connection::new(endpoint, hop.clone(), State::Opening(Vec::new()));
        connection.profile = profile.map(str::to_owned);
        connection.back = Some(hop.to);
        self.by_hop.insert((hop.clone(), connection.profile.clone()), conn);
        self.by_id.insert(conn, connection);
        conn
    }

    /// One that a peer opened; `false` if there are too many, of its own or of all.
    pub(super) fn accept(&mut self, conn: ConnId, connection: Connection) -> bool {
        let source = household(connection.hop.to.ip());
        let count = self.accepted.get(&source).copied().unwrap_or_default();
        if count >= self.per_source_max || self.standing >= self.accepted_max {
            return false;
        }
        self.accepted.insert(source, count + 1);
        self.standing += 1;
        self.by_id.insert(conn, connection);
        true
    }

    /// It carries nothing any more; `true` if it is remembered, for what still wants to go its way.
    pub(super) fn close(&mut self, conn: ConnId) -> bool {
        let Some(connection) = self.by_id.get_mut(&conn).filter(|connection| connection.is_alive()) else { return false };
        let key = (connection.hop.clone(), connection.profile.clone());
        let is_remembered = connection.back.is_some() && self.gone < GONE_MAX;
        connection.state = State::Gone { successor: None };
        connection.framer = Framer::new();
        match conn {
            ConnId::Accepted(_) => {
                let address = household(connection.hop.to.ip());
                self.standing -= 1;
                if let Some(count) = self.accepted.get_mut(&address) {
                    *count -= 1;
                    if *count == 0 {
                        self.accepted.remove(&address);
                    }
                }
            }
            ConnId::Opened(_) => {
                if self.by_hop.get(&key) == Some(&conn) {
                    self.by_hop.remove(&key);
                }
            }
        }
        match is_remembered {
            true => self.gone += 1,
            false => {
                self.by_id.remove(&conn);
            }
        }
        is_remembered
    }

    /// Forgets one that is gone.
    pub(super) fn forget(&mut self, conn: ConnId) {
        if self.get(conn).is_some_and(|connection| !connection.is_alive()) {
            self.by_id.remove(&conn);
            self.gone -= 1;
        }
    }

    /// Alive.
    pub(super) fn len(&self) -> usize {
        self.by_id.len() - self.gone
    }
}

/// Streams lately gone that are remembered; the answers of further ones are lost with them.
const GONE_MAX: usize = 1_024;
