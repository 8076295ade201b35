//! One browser's audio: ICE, DTLS, SRTP and RTCP of one WebRTC connection, with Opus and telephone-event inside.
//!
//! The page offers and we answer, or the other way round (`offering.rs`). `rtc` does the protocols; this file is its driver and mends where
//! the stack falls short: it repeats the check that the ICE agent forgets, keeps the ClientHello that comes before a pair is selected, starts
//! DTLS without waiting for a tick, mirrors the direction, sees a close_notify, and lets nothing but checks in from an address that has not
//! passed one.
//!
//! After each `handle_*`, `send`, `reoffer` or `close`: `poll_transmit` and `poll_event` until `None`, then wait for `deadline`.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use rtc::{
    peer_connection::{
        RTCPeerConnection,
        event::RTCPeerConnectionEvent,
        message::RTCMessage,
        sdp::RTCSessionDescription,
        state::{RTCIceConnectionState, RTCPeerConnectionState},
        transport::RTCDtlsTransportState,
    },
    rtp_transceiver::RTCRtpSenderId,
    sansio::Protocol,
    shared::{TaggedBytesMut, TransportContext, TransportProtocol, error::Error},
    statistics::StatsSelector,
};

use super::{
    ADDRESSES_MAX, reports,
    stack::{DIGITS, OPUS, connect, direction},
    stun,
    trim::{Setup, Shown, Trimmed},
};
use crate::{
    rtp::Header,
    sdp::{Answer, Description, Flow, Offer, Refused},
};

/// Datagrams kept that came too early: DTLS, of which a ClientHello is one or two, and before its answer a page's checks. More are dropped,
/// and the page repeats them.
pub(super) const HELD_MAX: usize = 8;
/// A page that has not come up by then will not: as long as a lost path is waited for.
pub(super) const CONNECT_TIME_MAX: Duration = Duration::from_secs(20);
/// Rounds of draining after one input; `rtc` settles in two or three.
const ROUNDS_MAX: usize = 16;

/// What a peer reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerEvent {
    /// ICE and DTLS stand; audio may flow. Once.
    Connected,
    /// A packet of the page: Opus or telephone-event by its payload type.
    Rtp {
        /// As sent, header extensions read over.
        header: Header,
        /// One codec frame, or 4 bytes of RFC 4733.
        payload: Bytes,
    },
    /// The page closed, its path is lost for 20 s, or it never came up. Once, and the last event; not said after our own `close`.
    Gone,
}

/// What went wrong and was survived, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Datagrams of an address that has passed no check, dropped unread.
    pub strays: u64,
    /// Datagrams that ICE, DTLS or SRTP did not take: wrong keys, replays, junk.
    pub unread: u64,
    /// Packets of ours that were not sent: payload types not agreed, SRTP not up.
    pub unsent: u64,
}

/// How the page hears us, by its own reports and checks.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FarSide {
    /// Of the latest ICE check.
    pub round_trip: Option<Duration>,
    /// Share of our packets that the page missed since its previous receiver report, 0.0 to 1.0.
    pub lost: Option<f64>,
}

/// One WebRTC connection, audio only.
pub struct Peer {
    pub(super) connection: RTCPeerConnection,
    sender: RTCRtpSenderId,
    ssrc: u32,
    /// The address in our candidate; `rtc` is told that datagrams arrive there, whatever socket a NAT sends them to.
    advertised: SocketAddr,
    pub(super) flow: Flow,
    pub(super) opus: u8,
    pub(super) digits: Option<u8>,
    /// Of our latest `o=` line.
    version: u64,
    /// Our part in DTLS, once agreed.
    pub(super) setup: Option<Setup>,
    /// The offer was ours, so that it is we who nominate (RFC 8445 6.1.1).
    nominates: bool,
    ufrag: String,
    addresses: Vec<SocketAddr>,
    pub(super) held: Vec<(SocketAddr, BytesMut)>,
    /// The latest check that `rtc` should see again once its own check of that pair has succeeded.
    repeat: Option<(SocketAddr, BytesMut)>,
    ice_up: bool,
    pub(super) stage: Stage,
    transmits: VecDeque<(SocketAddr, Bytes)>,
    events: VecDeque<PeerEvent>,
    faults: Faults,
    /// As the page last reported it.
    lost: Option<f64>,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Our offer is out.
    Offered,
    Connecting {
        until: Instant,
    },
    Connected,
    Over,
}

impl Peer {
    /// Answers a page's first offer. `ssrc` is the source of everything that we send.
    ///
    /// `local` is the shared socket's address, `advertised` the IP that the page shall send to. Refuses with 488 what holds no Opus over
    /// DTLS-SRTP; sections other than the first such are answered with port 0.
    pub fn accept(now: Instant, local: SocketAddr, advertised: IpAddr, offer: &Offer, ssrc: u32) -> Result<(Self, Answer), Refused> {
        let trimmed = Trimmed::of(offer.description())?;
        let advertised = SocketAddr::new(advertised, local.port());
        let unfit = |_: Error| Refused::unacceptable("the offer is not fit for WebRTC");
        let (connection, sender) = connect(now, &trimmed, advertised, ssrc).map_err(unfit)?;
        let mut peer = Self { nominates: false, ..Self::around(connection, sender, ssrc, advertised) };
        peer.stage = Stage::Connecting { until: now + CONNECT_TIME_MAX };
        (peer.flow, peer.opus, peer.digits) = (trimmed.flow.mirrored(), trimmed.opus, trimmed.digits);
        peer.setup = Some(trimmed.setup.map_or(Setup::Active, Setup::mirrored));
        let answer = peer.answer(now, offer, &trimmed)?;
        Ok((peer, answer))
    }

    /// One whose offer is to be made.
    pub(super) fn around(connection: RTCPeerConnection, sender: RTCRtpSenderId, ssrc: u32, advertised: SocketAddr) -> Self {
        Self {
            connection,
            sender,
            ssrc,
            advertised,
            flow: Flow::SendRecv,
            opus: OPUS,
            digits: Some(DIGITS),
            version: 0,
            setup: None,
            nominates: true,
            ufrag: String::new(),
            addresses: Vec::new(),
            held: Vec::new(),
            repeat: None,
            ice_up: false,
            stage: Stage::Offered,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            faults: Faults::default(),
            lost: None,
        }
    }

    /// Hold, resume or ICE restart. After a restart `ufrag` is a new one; checks with the former may still be under way.
    ///
    /// Payload types cannot change (RFC 9429 5.2.2). Refused for that or for its shape, the connection stands as it was.
    pub fn reoffer(&mut self, now: Instant, offer: &Offer) -> Result<Answer, Refused> {
        let trimmed = Trimmed::of(offer.description())?;
        if trimmed.opus != self.opus || trimmed.digits != self.digits {
            return Err(Refused::unacceptable("payload types changed"));
        }
        let unfit = |_: Error| Refused::unacceptable("the re-offer is not fit for WebRTC");
        let description = RTCSessionDescription::offer(trimmed.sdp.clone()).map_err(unfit)?;
        self.connection.set_remote_description(now, description).map_err(unfit)?;
        self.flow = trimmed.flow.mirrored();
        self.answer(now, offer, &trimmed)
    }

    /// Takes a datagram that the [`Demux`](super::Demux) gave to this peer.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let kind = stun::kind(bytes);
        match self.stage {
            Stage::Over => return,
            Stage::Offered => return self.hold(kind, from, bytes),
            Stage::Connecting { .. } | Stage::Connected => {}
        }
        // rtc does not look at the source of anything but STUN. A ClientHello of a stranger must not come before the page's.
        if kind != stun::Kind::Request && !self.addresses.contains(&from) {
            self.note_stray();
            return;
        }
        let is_connecting = !self.ice_up;
        if is_connecting && matches!(kind, stun::Kind::Dtls { .. }) {
            // rtc drops all but STUN until a pair is selected, while the page may speak DTLS on any valid pair (RFC 8445 12.1).
            if self.held.len() < HELD_MAX {
                self.held.push((from, BytesMut::from(bytes)));
            }
            return;
        }
        self.feed(now, from, BytesMut::from(bytes));
        self.drive(now);
        let is_repeated = stun::nominates(bytes) || self.nominates && kind == stun::Kind::Request;
        if is_connecting && is_repeated && self.addresses.contains(&from) {
            self.repeat = Some((from, BytesMut::from(bytes)));
        }
        // RFC 8445 7.3.1.5: a nomination that arrives before our own check of the pair succeeded selects the pair once it does. rtc
        // neither answers nor remembers it, so it is given once more. Where we nominate, rtc does so with the page's next check, or a tick
        // later; so that is given once more, too.
        if is_connecting
            && kind == stun::Kind::Success
            && let Some((_, request)) = self.repeat.take_if(|(address, _)| *address == from)
        {
            self.feed(now, from, request);
            self.drive(now);
        }
        // A page that closes or navigates away says close_notify; rtc notes it and raises no event.
        if kind == (stun::Kind::Dtls { alert: true }) && self.dtls_is_closed() {
            self.end();
        }
    }

    /// Sends one packet of ours; `header`'s SSRC is replaced by the peer's own. Silent before `Connected` and while the page holds.
    pub fn send(&mut self, now: Instant, header: Header, payload: &[u8]) {
        if self.stage != Stage::Connected || !self.flow.sends() {
            return;
        }
        let header = rtc::rtp::Header {
            version: 2,
            marker: header.marker,
            payload_type: header.payload_type,
            sequence_number: header.sequence,
            timestamp: header.timestamp,
            ssrc: self.ssrc,
            ..Default::default()
        };
        let packet = rtc::rtp::Packet { header, payload: Bytes::copy_from_slice(payload) };
        let sent = self.connection.rtp_sender(self.sender).map(|mut sender| sender.write_rtp(now, packet));
        if !matches!(sent, Some(Ok(()))) {
            self.faults.unsent += 1;
        }
        self.drive(now);
    }

    /// To be called when `deadline` has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.stage {
            Stage::Over => {}
            Stage::Connecting { until } if until <= now => self.end(),
            Stage::Offered | Stage::Connecting { .. } | Stage::Connected => {
                self.tick(now);
                self.drive(now);
            }
        }
    }

    /// Ends it from our side: `poll_transmit` once more, a close_notify is in it.
    pub fn close(&mut self, _now: Instant) {
        if self.stage != Stage::Over {
            self.shut();
        }
    }

    /// The next datagram to send from the shared socket, and where to.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Bytes)> {
        self.transmits.pop_front()
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<PeerEvent> {
        self.events.pop_front()
    }

    /// When `handle_timeout` is due; at most 200 ms ahead while the connection lives. `None` once it is over.
    pub fn deadline(&mut self) -> Option<Instant> {
        let until = match self.stage {
            Stage::Over => return None,
            Stage::Connecting { until } => Some(until),
            Stage::Offered | Stage::Connected => None,
        };
        self.connection.poll_timeout().into_iter().chain(until).min()
    }

    /// Our ICE username fragment, the current one.
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// Addresses that have passed a check, oldest first; at most [`ADDRESSES_MAX`].
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Payload type of Opus, both ways.
    pub fn opus_payload_type(&self) -> u8 {
        self.opus
    }

    /// Payload type of telephone-event at 48 kHz, both ways, where the page offered it.
    pub fn digits_payload_type(&self) -> Option<u8> {
        self.digits
    }

    /// Which way media flows, as last answered; seen from us.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// What was dropped so far.
    pub fn faults(&self) -> Faults {
        self.faults
    }

    /// How the page fares. Walks all of `rtc`'s statistics: ask every few seconds, not per packet.
    pub fn far_side(&mut self, now: Instant) -> FarSide {
        let report = self.connection.get_stats(now, StatsSelector::None);
        let selected = report.candidate_pairs().find(|pair| pair.nominated && pair.current_round_trip_time > 0.0);
        let round_trip = selected.and_then(|pair| Duration::try_from_secs_f64(pair.current_round_trip_time).ok());
        FarSide { round_trip, lost: self.lost }
    }

    fn answer(&mut self, now: Instant, offer: &Offer, trimmed: &Trimmed) -> Result<Answer, Refused> {
        // rtc answers a re-offered sendonly with sendrecv, which browsers refuse, and a resume with recvonly.
        let direction = direction(self.flow);
        for id in self.connection.get_transceivers().collect::<Vec<_>>() {
            if let Some(mut transceiver) = self.connection.rtp_transceiver(id) {
                transceiver.set_direction(direction);
            }
        }
        let created = self.connection.create_answer(None).and_then(|answer| self.connection.set_local_description(now, answer));
        created.map_err(|_| Refused::unacceptable("no answer fits the offer"))?;
        let (sdp, shown) = self.describe();
        let answer = trimmed.grow(offer, &sdp, &shown)?;
        self.name(answer.description())?;
        self.drive(now);
        Ok(answer)
    }

    /// Our latest description as `rtc` has it, and what stands in it instead.
    pub(super) fn describe(&mut self) -> (String, Shown) {
        // Only the local description holds our candidate.
        let sdp = self.connection.local_description().map(|description| description.sdp).unwrap_or_default();
        // RFC 3264 8: one more each time.
        self.version += 1;
        (sdp, Shown { address: self.advertised, version: self.version, setup: self.setup })
    }

    /// Takes our username fragment from what we say.
    pub(super) fn name(&mut self, said: &Description) -> Result<(), Refused> {
        let ufrag = said.media.iter().find_map(|media| said.attribute_of(media, "ice-ufrag"));
        self.ufrag = ufrag.and_then(|ufrag| ufrag.value.clone()).ok_or(Refused::unacceptable("no ICE credentials were agreed"))?;
        Ok(())
    }

    pub(super) fn feed(&mut self, now: Instant, from: SocketAddr, message: BytesMut) {
        let transport =
            TransportContext { local_addr: self.advertised, peer_addr: from, ecn: None, transport_protocol: TransportProtocol::UDP };
        if self.connection.handle_read(TaggedBytesMut { now, transport, message }).is_err() {
            self.faults.unread += 1;
        }
    }

    fn tick(&mut self, now: Instant) {
        if self.connection.handle_timeout(now).is_err() {
            self.faults.unread += 1;
        }
    }

    /// Moves all that `rtc` has to say into our queues. DTLS starts inside its `poll_event`, so the order matters.
    pub(super) fn drive(&mut self, now: Instant) {
        for _ in 0..ROUNDS_MAX {
            let mut moved = self.drain_writes();
            while let Some(event) = self.connection.poll_event() {
                moved = true;
                self.on_event(now, event);
            }
            while let Some(message) = self.connection.poll_read() {
                moved = true;
                self.on_message(message.message);
            }
            if !moved {
                break;
            }
        }
    }

    fn drain_writes(&mut self) -> bool {
        let mut moved = false;
        while let Some(out) = self.connection.poll_write() {
            moved = true;
            let to = out.transport.peer_addr;
            // STUN leaves only for an address whose check bore a valid MESSAGE-INTEGRITY: candidates of the offer are not passed on.
            let is_stun = out.message.first().is_some_and(|first| *first < 2);
            if is_stun && self.addresses.len() < ADDRESSES_MAX && !self.addresses.contains(&to) {
                self.addresses.push(to);
            }
            self.transmits.push_back((to, out.message.freeze()));
        }
        moved
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "non-exhaustive; the other events are about gathering and tracks")]
    fn on_event(&mut self, now: Instant, event: RTCPeerConnectionEvent) {
        match event {
            RTCPeerConnectionEvent::OnIceConnectionStateChangeEvent(state) => {
                // Disconnected keeps its pair, and a close_notify must still get through.
                self.ice_up = !matches!(state, RTCIceConnectionState::New | RTCIceConnectionState::Checking);
                if self.ice_up {
                    self.repeat = None;
                    for (from, message) in std::mem::take(&mut self.held) {
                        self.feed(now, from, message);
                    }
                    // As DTLS client, rtc has queued its ClientHello inside; only a timeout or a read moves it out.
                    self.tick(now);
                }
            }
            RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Connected) => {
                if matches!(self.stage, Stage::Connecting { .. }) {
                    self.stage = Stage::Connected;
                    self.events.push_back(PeerEvent::Connected);
                }
            }
            RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed) => {
                self.end();
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "non-exhaustive; we open no data channel")]
    fn on_message(&mut self, message: RTCMessage) {
        match message {
            RTCMessage::RtpPacket(_, packet) => self.on_rtp(packet),
            RTCMessage::RtcpPacket(_, packets) => self.lost = reports::fraction_lost(&packets, self.ssrc).or(self.lost),
            _ => {}
        }
    }

    fn on_rtp(&mut self, packet: rtc::rtp::Packet) {
        if self.stage != Stage::Connected || !self.flow.receives() {
            return;
        }
        let header = Header {
            marker: packet.header.marker,
            payload_type: packet.header.payload_type,
            sequence: packet.header.sequence_number,
            timestamp: packet.header.timestamp,
            ssrc: packet.header.ssrc,
        };
        self.events.push_back(PeerEvent::Rtp { header, payload: packet.payload });
    }

    pub(super) fn note_stray(&mut self) {
        self.faults.strays += 1;
    }

    fn dtls_is_closed(&mut self) -> bool {
        let transport = self.connection.rtp_sender(self.sender);
        transport.is_some_and(|sender| sender.transport().is_some_and(|transport| transport.state() == RTCDtlsTransportState::Closed))
    }

    /// The far side is gone.
    fn end(&mut self) {
        if self.stage != Stage::Over {
            self.shut();
            self.events.push_back(PeerEvent::Gone);
        }
    }

    fn shut(&mut self) {
        self.stage = Stage::Over;
        self.held.clear();
        if self.connection.close().is_err() {
            self.faults.unsent += 1;
        }
        self.drain_writes();
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { ufrag, stage, flow, addresses, faults, .. } = self;
        write!(f, "Peer {{ {ufrag} {stage:?} {flow:?} {addresses:?} {faults:?} }}")
    }
}
