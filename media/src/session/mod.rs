//! One RTP session: a plan, the source it believes, both directions of sound, and RTCP.
//!
//! RTP or SRTP on a port pair of its own (RFC 3551, RFC 3711); a WebRTC peer is `webrtc`'s. What it wants sent goes into an `Outbox`.

mod reports;
mod secured;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use self::{reports::Reports, secured::Secured};
use crate::{
    frame::Frame,
    rtcp,
    rtp::{self, Header},
    sdp::{Flow, MediaPlan},
    source::SourceLock,
    srtp,
    stream::{Format, Heard, Inbound, Outbound, Unheard},
    time::NtpTime,
    transmit::{Channel, Outbox},
};

/// One end of media over RTP or SRTP.
#[derive(Debug)]
pub struct Session {
    plan: MediaPlan,
    lock: SourceLock,
    /// A plan that is proposed: received by beside the old one, not sent by (RFC 3264 8.3.1).
    proposed: Option<(MediaPlan, SourceLock)>,
    guard: bool,
    inbound: Inbound,
    outbound: Outbound,
    reports: Reports,
    /// SRTP, where the plan has keys.
    secured: Option<Secured>,
    /// When a believed packet of either protocol came last; at first, when the session began.
    heard_at: Instant,
}

/// A datagram that meant something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received<'a> {
    /// Sound, fit to be relayed.
    Audio {
        /// As it came.
        header: Header,
        /// As it came.
        payload: &'a [u8],
    },
    /// Part of a key.
    Key,
    /// RTCP.
    Report,
}

/// Why a datagram meant nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// Not from the peer.
    Foreign,
    /// Not RTP.
    Rtp(rtp::Dropped),
    /// Not RTCP.
    Rtcp(rtcp::Dropped),
    /// RTP, but not of the stream.
    Unheard(Unheard),
    /// The peer is on hold and not heard.
    Held,
    /// Not sealed with the peer's key, or heard before.
    Srtp(srtp::Dropped),
}

/// Where and when a session begins.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// Now.
    pub instant: Instant,
    /// The same, in milliseconds since 1970 UTC.
    pub unix_ms: u64,
    /// Of the source lock (`SourceLock::new`) and of SRTP (`srtp::Guards`); always on but in tests.
    pub guard: bool,
}

impl Session {
    /// Begins as agreed.
    pub fn new(start: Start, plan: MediaPlan, rng: &mut impl rand::Rng) -> Self {
        let Start { instant, unix_ms, guard } = start;
        let sequence = (rng.next_u32() & 0x7fff) as u16;
        let (ssrc, timestamp) = (rng.next_u32(), rng.next_u32());
        Self {
            lock: SourceLock::new(&plan, guard),
            proposed: None,
            secured: plan.secrets.as_ref().map(|secrets| Secured::new(secrets, guards(guard))),
            guard,
            inbound: Inbound::new(Format::received(&plan)),
            outbound: Outbound::new(instant, Format::sent(&plan), plan.ptime_ms, ssrc, sequence, timestamp),
            reports: Reports::new(instant, NtpTime::from_unix_ms(unix_ms), rng),
            heard_at: instant,
            plan,
        }
    }

    /// Takes a datagram of the RTP socket; `clear` is memory for what is opened of SRTP, and what is received may live in it.
    ///
    /// A packet that proves itself by its tag is believed from wherever it comes: whoever holds the key is the peer, behind what NAT ever.
    pub fn receive<'a>(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &'a [u8],
        clear: &'a mut Vec<u8>,
    ) -> Result<Received<'a>, Dropped> {
        if rtp::is_rtcp(bytes) && (self.plan.rtcp_mux || self.proposed.as_ref().is_some_and(|(plan, _)| plan.rtcp_mux)) {
            return self.receive_report(now, from, bytes, clear).map(|()| Received::Report);
        }
        let bytes = match &mut self.secured {
            Some(secured) => {
                secured.open(bytes, false, clear).map_err(Dropped::Srtp)?;
                self.lock.admit_authentic(from);
                clear.as_slice()
            }
            None => bytes,
        };
        let (header, payload) = Header::parse(bytes).map_err(Dropped::Rtp)?;
        let is_proposed = |proposed: &mut Option<(MediaPlan, SourceLock)>| proposed.as_mut().is_some_and(|(_, lock)| lock.admit(from));
        if self.secured.is_none() && !self.lock.admit(from) && !is_proposed(&mut self.proposed) {
            return Err(Dropped::Foreign);
        }
        self.heard_at = now;
        if !self.plan.flow.receives() {
            return Err(Dropped::Held);
        }
        match self.inbound.receive(now, &header, payload).map_err(Dropped::Unheard)? {
            Heard::Audio => Ok(Received::Audio { header, payload }),
            Heard::Key => Ok(Received::Key),
        }
    }

    /// Takes a datagram of the RTCP socket; `clear` as for `receive`.
    pub fn receive_report(&mut self, now: Instant, from: SocketAddr, bytes: &[u8], clear: &mut Vec<u8>) -> Result<(), Dropped> {
        let bytes = match &mut self.secured {
            Some(secured) => {
                secured.open(bytes, true, clear).map_err(Dropped::Srtp)?;
                clear.as_slice()
            }
            None => bytes,
        };
        let admitted = self.secured.is_some()
            || self.lock.admits_reports(from)
            || self.proposed.as_ref().is_some_and(|(_, lock)| lock.admits_reports(from));
        if !admitted {
            return Err(Dropped::Foreign);
        }
        let packets = rtcp::Packet::parse_compound(bytes).map_err(Dropped::Rtcp)?;
        self.heard_at = now;
        self.reports.receive(now, from, &packets, self.inbound.reception_mut(), self.outbound.ssrc());
        Ok(())
    }

    /// Sends 20 ms of sound, unless the flow forbids it.
    pub fn send_frame(&mut self, now: Instant, frame: &Frame, outbox: &mut Outbox) {
        if let Some(to) = self.speaks_to() {
            let Self { outbound, secured, .. } = self;
            outbound.frame(now, frame, &mut |header, payload| put(outbox, secured, to, header, payload));
        }
    }

    /// No frame follows for a while.
    pub fn end_talk(&mut self, outbox: &mut Outbox) {
        let to = self.speaks_to();
        let Self { outbound, secured, .. } = self;
        match to {
            Some(to) => outbound.end_talk(&mut |header, payload| put(outbox, secured, to, header, payload)),
            None => outbound.fall_silent(),
        }
    }

    /// Relays a packet of another port, unless the flow forbids it. `source` names the stream that it is part of.
    pub fn relay(&mut self, now: Instant, source: u64, header: &Header, payload: &[u8], outbox: &mut Outbox) {
        if let Some(to) = self.speaks_to() {
            let Self { outbound, secured, .. } = self;
            outbound.relay(now, source, header, payload, &mut |header, payload| put(outbox, secured, to, header, payload));
        }
    }

    /// Sends what a key wants sent; every 20 ms while `outbound().has_keys()`.
    pub fn tick(&mut self, now: Instant, outbox: &mut Outbox) {
        // A key that may not go out still passes, so that it is not sent when the hold ends.
        let to = self.speaks_to();
        let Self { outbound, secured, .. } = self;
        outbound.tick(now, &mut |header, payload| {
            if let Some(to) = to {
                put(outbox, secured, to, header, payload);
            }
        });
    }

    /// Receives by this plan too, from now on.
    pub fn propose(&mut self, plan: MediaPlan) {
        self.inbound.propose(Format::received(&plan));
        let lock = SourceLock::new(&plan, self.guard);
        if let (Some(secured), Some(secrets)) = (&mut self.secured, &plan.secrets) {
            secured.propose(&secrets.receive);
        }
        self.proposed = Some((plan, lock));
    }

    /// The proposed plan alone stands.
    pub fn commit(&mut self, now: Instant) {
        let Some((plan, lock)) = self.proposed.take() else { return };
        self.inbound.agree(Format::received(&plan));
        self.outbound.agree(now, Format::sent(&plan), plan.ptime_ms);
        match (&mut self.secured, &plan.secrets) {
            (Some(secured), Some(secrets)) => secured.agree(secrets),
            (secured, secrets) => *secured = secrets.as_ref().map(|secrets| Secured::new(secrets, guards(self.guard))),
        }
        self.lock = lock;
        self.plan = plan;
        self.heard_at = now;
    }

    /// The old plan alone stands.
    pub fn roll_back(&mut self) {
        self.proposed = None;
        if let Some(secured) = &mut self.secured {
            secured.roll_back();
        }
        self.inbound.agree(Format::received(&self.plan));
    }

    /// Changes the flow and nothing else.
    pub fn direct(&mut self, now: Instant, flow: Flow) {
        self.plan.flow = flow;
        self.heard_at = now;
        if !flow.sends() {
            self.outbound.fall_silent();
        }
    }

    /// Does what has fallen due: a report, a key whose end was lost.
    pub fn handle_timeout(&mut self, now: Instant, rng: &mut impl rand::Rng, outbox: &mut Outbox) {
        self.inbound.handle_timeout(now);
        if self.reports.deadline() <= now {
            self.report(now, false, outbox);
            self.reports.schedule(now, rng);
        }
    }

    /// Says goodbye (RFC 3550 6.6).
    pub fn close(&mut self, now: Instant, outbox: &mut Outbox) {
        self.report(now, true, outbox);
    }

    /// When to call `handle_timeout`.
    pub fn deadline(&self) -> Instant {
        let reports = self.reports.deadline();
        self.inbound.deadline().map_or(reports, |keys| keys.min(reports))
    }

    /// What stands.
    pub fn plan(&self) -> &MediaPlan {
        &self.plan
    }

    /// What is heard.
    pub fn inbound(&self) -> &Inbound {
        &self.inbound
    }

    /// As `inbound`, to listen and to pull.
    pub fn inbound_mut(&mut self) -> &mut Inbound {
        &mut self.inbound
    }

    /// What is sent.
    pub fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// As `outbound`, to press keys.
    pub fn outbound_mut(&mut self) -> &mut Outbound {
        &mut self.outbound
    }

    /// The last known round trip.
    pub fn round_trip(&self) -> Option<Duration> {
        self.reports.round_trip()
    }

    /// When the peer was last heard of by a packet of either protocol.
    pub fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// Packets from elsewhere than the peer.
    pub fn foreign(&self) -> u64 {
        self.lock.foreign()
    }

    /// The one address that both sends to us and is sent to, once nobody else can be believed before another plan comes. Over SRTP there is
    /// none: whoever holds the key may move.
    pub fn settled(&self) -> Option<SocketAddr> {
        let is_fixed = self.guard && self.secured.is_none() && self.proposed.is_none();
        let to = self.lock.target();
        (is_fixed && is_reachable(to) && self.lock.is_settled()).then_some(to)
    }

    /// Where our sound goes, if it may go anywhere. RFC 2543 put a call on hold by the address 0.0.0.0.
    fn speaks_to(&self) -> Option<SocketAddr> {
        let to = self.lock.target();
        (self.plan.flow.sends() && is_reachable(to)).then_some(to)
    }

    fn report(&mut self, now: Instant, goodbye: bool, outbox: &mut Outbox) {
        let rtp = self.lock.target();
        let (channel, to) = if self.plan.rtcp_mux {
            (Channel::Rtp, rtp)
        } else {
            let next_port = SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1));
            let learns = self.plan.signalled_from.is_some() || self.secured.is_some();
            let learnt = self.reports.peer().filter(|_| learns);
            (Channel::Rtcp, learnt.unwrap_or(next_port))
        };
        if is_reachable(to) {
            let Self { reports, inbound, outbound, secured, .. } = self;
            outbox.write(channel, to, |bytes| {
                reports.write(now, inbound.reception_mut(), outbound, goodbye, bytes);
                secured.as_mut().is_none_or(|secured| secured.seal_report(bytes))
            });
        }
    }
}

fn put(outbox: &mut Outbox, secured: &mut Option<Secured>, to: SocketAddr, header: &Header, payload: &[u8]) {
    outbox.write(Channel::Rtp, to, |bytes| {
        header.write(payload, bytes);
        secured.as_mut().is_none_or(|secured| secured.seal(bytes))
    });
}

fn guards(guard: bool) -> srtp::Guards {
    srtp::Guards { replay: guard, authentication: guard }
}

fn is_reachable(to: SocketAddr) -> bool {
    to.port() != 0 && !to.ip().is_unspecified()
}

#[cfg(test)]
mod tests;
