//! A peer that offers: how a phone in a browser is called (RFC 9429 5.2).
//!
//! Whoever offers nominates (RFC 8445 6.1.1) and lets the answerer choose who begins DTLS (RFC 8842 5.2). A page checks our address as soon
//! as it has made its answer, which may be long before that answer is here: its checks wait until it is, for only then can they be proved.

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use bytes::BytesMut;
use rtc::{peer_connection::sdp::RTCSessionDescription, shared::error::Error};

use super::{
    Peer,
    peer::{CONNECT_TIME_MAX, HELD_MAX, Stage},
    stack::propose,
    stun,
    trim::{Setup, Trimmed, UNNAMED},
};
use crate::sdp::{Answer, Offer, Refused};

impl Peer {
    /// Offers Opus and telephone-event both ways; addresses and `ssrc` are as for `accept`. It waits for `take_answer` without an end.
    pub fn offer(now: Instant, local: SocketAddr, advertised: IpAddr, ssrc: u32) -> Result<(Self, Offer), Refused> {
        let advertised = SocketAddr::new(advertised, local.port());
        let unable = |_: Error| Refused::unacceptable("no WebRTC offer can be made");
        let (connection, sender) = propose(now, advertised, ssrc).map_err(unable)?;
        let mut peer = Self::around(connection, sender, ssrc, advertised);
        let (sdp, shown) = peer.describe();
        let offer = shown.read(&sdp)?;
        peer.name(&offer)?;
        peer.drive(now);
        Ok((peer, Offer::from(offer)))
    }

    /// The page's answer. Another one after it, as of a second phone that was called by the same offer, is refused: the first has the keys.
    ///
    /// Refused, it still waits for one that fits.
    pub fn take_answer(&mut self, now: Instant, answer: &Answer) -> Result<(), Refused> {
        let trimmed = Trimmed::of(answer.description())?;
        let unfit = |_: Error| Refused::unacceptable("the answer is not fit for WebRTC");
        if self.stage != Stage::Offered {
            return Err(Refused::unacceptable("there is an answer already"));
        }
        // RFC 3264 6.1 lets an answerer count otherwise; whoever speaks WebRTC does not.
        if trimmed.opus != self.opus || trimmed.digits.is_some_and(|digits| self.digits != Some(digits)) {
            return Err(Refused::unacceptable("payload types changed"));
        }
        if trimmed.mid.as_deref().is_some_and(|mid| mid != UNNAMED) {
            return Err(Refused::unacceptable("the answer names a section that was not offered"));
        }
        let Some(theirs) = trimmed.setup else { return Err(Refused::unacceptable("an answer says who begins DTLS")) };
        let description = RTCSessionDescription::answer(trimmed.sdp.clone()).map_err(unfit)?;
        self.connection.set_remote_description(now, description).map_err(unfit)?;
        (self.flow, self.digits) = (trimmed.flow.mirrored(), trimmed.digits);
        self.setup = Some(Setup::mirrored(theirs));
        self.stage = Stage::Connecting { until: now + CONNECT_TIME_MAX };
        for (from, check) in std::mem::take(&mut self.held) {
            self.handle_datagram(now, from, &check);
        }
        self.drive(now);
        Ok(())
    }

    /// Keeps the latest check of each address until the answer is here.
    pub(super) fn hold(&mut self, kind: stun::Kind, from: SocketAddr, bytes: &[u8]) {
        if kind != stun::Kind::Request {
            self.note_stray();
            return;
        }
        self.held.retain(|(address, _)| *address != from);
        if self.held.len() < HELD_MAX {
            self.held.push((from, BytesMut::from(bytes)));
        }
    }
}
