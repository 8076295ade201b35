//! Ways to peers: which socket or stream a message takes (RFC 3261 18, RFC 5923).

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use rand::Rng;

use super::{
    InviteTarget, UaOutput, UsageId, UserAgent,
    connection::{Connection, State},
    usage::Usage,
};
use crate::{
    events::wire::{Hop, Path, Transport},
    ids::{ConnId, EndpointId},
    sip::{Method, Request, Uri, dialog::Dialog, header::Scheme},
};

impl<R: Rng> UserAgent<R> {
    /// The way to a hop: from a socket, by a stream that stands, or by one that is asked for now and carries the message once it stands.
    ///
    /// `endpoint` is where the sender wishes to be reached; if it is of another transport than the hop, one that fits is taken instead.
    /// `profile` names the trunk whose `tls` counts.
    pub fn way(&mut self, endpoint: EndpointId, hop: &Hop, profile: Option<&str>) -> Path {
        let endpoint = self.endpoint_for(endpoint, hop);
        if hop.transport == Transport::Udp {
            return Path::Datagram { endpoint, to: hop.to };
        }
        Path::Stream(self.connections.towards(hop, profile).unwrap_or_else(|| self.connect(endpoint, hop, profile)))
    }

    /// `endpoint` if it is of the hop's transport and family, else the first that is, else `endpoint` after all: a stream can be opened
    /// from anywhere.
    pub fn endpoint_for(&self, endpoint: EndpointId, hop: &Hop) -> EndpointId {
        let fits = |id: &EndpointId| {
            self.endpoints.get(id).is_some_and(|one| one.transport == hop.transport && one.listen.is_ipv4() == hop.to.is_ipv4())
        };
        if fits(&endpoint) {
            return endpoint;
        }
        self.endpoints.keys().copied().find(fits).unwrap_or(endpoint)
    }

    /// The endpoint that a call would leave by.
    pub fn leaves_by(&self, target: &InviteTarget, flow: Option<Path>) -> EndpointId {
        self.standing(flow).map_or_else(|| self.endpoint_for(target.endpoint, &target.to), |(_, known)| known.endpoint)
    }

    /// The stream of a flow, while it stands.
    pub(super) fn standing(&self, flow: Option<Path>) -> Option<(ConnId, &Connection)> {
        let Some(Path::Stream(conn)) = flow else { return None };
        self.connections.get(conn).filter(|connection| connection.is_alive()).map(|known| (conn, known))
    }

    /// How a usage speaks with its peer: by this endpoint, under this address where it is not the endpoint's, and, where the peer is behind
    /// NAT, with whoever is there.
    pub fn spoken_by(&self, usage: UsageId) -> Option<(EndpointId, Option<IpAddr>, Option<IpAddr>)> {
        let usage = self.usages.get(&usage)?;
        Some((usage.endpoint, usage.advertised, usage.nat.then_some(usage.peer.ip())))
    }

    /// The stream stays open though nothing uses it, and is opened with keep-alives: a registration's flow (RFC 5626).
    pub fn keep(&mut self, path: Path, is_kept: bool) {
        if let Path::Stream(conn) = path
            && let Some(connection) = self.connections.get_mut(conn)
        {
            connection.is_kept = is_kept;
        }
    }

    /// Names of the verified certificate of the stream that this usage came by (RFC 5922 7.1).
    pub fn subject(&self, usage: UsageId) -> &[String] {
        let flow = self.usages.get(&usage).and_then(|usage| usage.flow);
        flow.and_then(|conn| self.connections.get(conn)).map_or(&[], |connection| &connection.subject)
    }

    /// Streams alive.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// The next request of a usage within its dialog, and its way; `None` where there is no dialog, or no way.
    pub(super) fn request_within(&mut self, id: UsageId, method: Method) -> Option<(Request, Path)> {
        let usage = self.usages.get(&id)?;
        let (endpoint, advertised) = (usage.endpoint, usage.advertised);
        let via = self.mint_via(endpoint, advertised);
        let path = self.way_within(id)?;
        let dialog = self.usages.get_mut(&id)?.dialog.as_mut()?;
        Some((dialog.next_request(method, via), path))
    }

    /// Where the next request of a usage goes, within its dialog.
    pub(super) fn way_within(&mut self, id: UsageId) -> Option<Path> {
        let dialog = self.usages.get(&id)?.dialog.clone()?;
        self.way_to(id, &dialog)
    }

    /// Where the next request of a dialog goes, within a usage.
    ///
    /// A stream that the usage came by is taken again while it stands, if it leads to the next hop or if that hop is a name: a phone behind
    /// NAT, or in a browser, is reached by no other (RFC 7118 5.4). For the rest: a name cannot be resolved here, and an address of the other
    /// family cannot be reached from this socket; then the peer's own address is the best guess.
    pub(super) fn way_to(&mut self, id: UsageId, dialog: &Dialog) -> Option<Path> {
        let usage = self.usages.get(&id)?;
        let is_reachable = |hop: &Hop| hop.to.is_ipv4() == usage.peer.is_ipv4() && hop.to.port() != 0;
        let domain = usage.hop.as_ref().and_then(|hop| hop.domain.as_deref());
        let hop = hop_of(dialog.next_hop(), domain).filter(is_reachable).filter(|_| !usage.nat);
        let flow = usage.flow.filter(|conn| self.connections.is_alive(*conn));
        match (hop, flow) {
            (None, Some(conn)) => Some(Path::Stream(conn)),
            (Some(hop), Some(conn)) if self.leads_to(usage, conn, &hop) => Some(Path::Stream(conn)),
            (Some(hop), _) => {
                let (endpoint, profile) = (usage.endpoint, usage.profile.clone());
                Some(self.way(endpoint, &hop, profile.as_deref()))
            }
            (None, None) => self.way_out(id),
        }
    }

    /// Where a request goes that knows no dialog: to where the call went first, or whence it came.
    pub(super) fn way_out(&mut self, id: UsageId) -> Option<Path> {
        let usage = self.usages.get(&id)?;
        let (endpoint, profile) = (usage.endpoint, usage.profile.clone());
        Some(match (usage.hop.clone(), usage.flow) {
            (Some(hop), _) => self.way(endpoint, &hop, profile.as_deref()),
            // A stream that is gone may have left word of where its peer listens.
            (None, Some(conn)) => Path::Stream(conn),
            (None, None) => Path::Datagram { endpoint, to: usage.peer },
        })
    }

    /// Is the next hop at the other end of this stream? Behind one that we opened listens whom we dialled; one that a peer opened leads to
    /// that peer itself, or to the address that it calls its own in Via (RFC 5923).
    fn leads_to(&self, usage: &Usage, conn: ConnId, hop: &Hop) -> bool {
        self.connections.get(conn).is_some_and(|connection| match conn {
            ConnId::Opened(_) => connection.hop.to == hop.to,
            ConnId::Accepted(_) => connection.hop.to.ip() == hop.to.ip() && (usage.is_direct || connection.back == Some(hop.to)),
        })
    }

    /// The same request with a Via that says how it goes; the request itself if it says so already.
    pub(super) fn fitted(&self, request: Arc<Request>, path: Path, advertised: Option<IpAddr>) -> Arc<Request> {
        let (endpoint, transport) = match path {
            Path::Datagram { endpoint, .. } => (endpoint, Transport::Udp),
            Path::Stream(conn) => match self.connections.get(conn) {
                Some(connection) => (connection.endpoint, connection.hop.transport),
                None => return request,
            },
        };
        if request.via.transport == transport.token() {
            return request;
        }
        let ours = self.our_address(endpoint, advertised);
        let mut fitted = Request::clone(&request);
        fitted.via.transport = transport.token().into();
        fitted.via.host = ours.ip().to_string().into();
        fitted.via.port = Some(ours.port());
        Arc::new(fitted)
    }

    pub(super) fn transmit(&mut self, path: Path, bytes: Arc<[u8]>) {
        match path {
            Path::Datagram { .. } => self.outputs.push_back(UaOutput::Transmit { path, bytes }),
            Path::Stream(conn) => self.transmit_on(conn, bytes),
        }
    }

    fn transmit_on(&mut self, conn: ConnId, bytes: Arc<[u8]>) {
        let Some(connection) = self.connections.get_mut(conn) else { return };
        match &mut connection.state {
            State::Open => self.outputs.push_back(UaOutput::Transmit { path: Path::Stream(conn), bytes }),
            State::Opening(waiting) if waiting.len() < WAITING_MAX => waiting.push(bytes),
            State::Opening(_) => {}
            State::Gone { successor } => {
                let (successor, back) = (*successor, connection.back);
                let (endpoint, profile) = (connection.endpoint, connection.profile.clone());
                let hop = back.map(|to| Hop { to, ..connection.hop.clone() });
                let alive = successor.filter(|conn| self.connections.is_alive(*conn));
                let next = match alive {
                    Some(alive) => Some(alive),
                    None => hop.and_then(|hop| self.another(endpoint, &hop, profile.as_deref())),
                };
                let Some(next) = next else { return };
                if let Some(connection) = self.connections.get_mut(conn) {
                    connection.state = State::Gone { successor: Some(next) };
                }
                self.transmit_on(next, bytes);
            }
        }
    }

    /// "If that connection is no longer open, the server SHOULD open a connection to the IP address in the received parameter, using the port
    /// in the sent-by value" (18.2.2). A browser cannot be called back.
    fn another(&mut self, endpoint: EndpointId, hop: &Hop, profile: Option<&str>) -> Option<ConnId> {
        if hop.transport.is_web() {
            return None;
        }
        Some(self.connections.towards(hop, profile).unwrap_or_else(|| self.connect(endpoint, hop, profile)))
    }

    fn connect(&mut self, endpoint: EndpointId, hop: &Hop, profile: Option<&str>) -> ConnId {
        let conn = self.connections.open(endpoint, hop, profile);
        self.outputs.push_back(UaOutput::Connect { conn, hop: hop.clone(), profile: profile.map(str::to_owned) });
        conn
    }
}

/// Where a URI leads, if its host is an address (RFC 3263 4.1: an address without `transport` means UDP, with SIPS TLS).
pub fn hop_of(uri: &Uri, domain: Option<&str>) -> Option<Hop> {
    let said = uri.params.value("transport").and_then(Transport::parse);
    let transport = match (said, &uri.scheme) {
        (Some(Transport::Ws | Transport::Wss), Scheme::Sips) => Transport::Wss,
        (_, Scheme::Sips) => Transport::Tls,
        (said, _) => said.unwrap_or(Transport::Udp),
    };
    let ip = uri.host.parse().ok()?;
    let to = SocketAddr::new(ip, uri.port.unwrap_or(transport.default_port()));
    Some(Hop { transport, to, domain: domain.map(str::to_owned).filter(|_| transport.is_secure()) })
}

/// Messages that wait for one stream to stand; further ones are lost, and their transactions time out.
const WAITING_MAX: usize = 1_024;
