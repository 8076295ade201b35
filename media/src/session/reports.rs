//! A session's RTCP: a report every five seconds or so, and what the peer's reports tell.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    rtcp::{Packet, Reception, RoundTrip, Sent},
    stream::Outbound,
    time::NtpTime,
};

/// When to report, and what is known from the peer's reports.
#[derive(Debug)]
pub(super) struct Reports {
    /// One moment on both clocks.
    epoch: (Instant, NtpTime),
    /// Random and without meaning (RFC 7022 4.2).
    cname: Vec<u8>,
    due: Instant,
    /// Packets that we had sent at the last report.
    reported: u64,
    round_trip: RoundTrip,
    peer: Option<SocketAddr>,
}

impl Reports {
    pub(super) fn new(now: Instant, utc: NtpTime, rng: &mut impl rand::Rng) -> Self {
        let cname = format!("{:016x}", rng.next_u64()).into_bytes();
        let mut reports = Self { epoch: (now, utc), cname, due: now, reported: 0, round_trip: RoundTrip::default(), peer: None };
        reports.schedule(now, rng);
        reports
    }

    /// RFC 3550 6.2: five seconds, times 0.5 to 1.5, so that the reports of many ports do not march in step.
    pub(super) fn schedule(&mut self, now: Instant, rng: &mut impl rand::Rng) {
        self.due = now + INTERVAL / 2 + INTERVAL * (rng.next_u32() >> 16) / (1 << 16);
    }

    pub(super) fn receive(&mut self, now: Instant, from: SocketAddr, packets: &[Packet], reception: &mut Reception, ours: u32) {
        self.peer = Some(from);
        for packet in packets {
            let blocks = match packet {
                Packet::SenderReport { ssrc, sent, blocks } => {
                    reception.reported(now, *ssrc, sent);
                    blocks
                }
                Packet::ReceiverReport { blocks, .. } => blocks,
                Packet::SourceDescription { .. } | Packet::Bye { .. } => continue,
            };
            for block in blocks.iter().filter(|block| block.ssrc == ours) {
                self.round_trip.learn(self.ntp(now), block);
            }
        }
    }

    /// Writes a compound: SR if we have sent since the last, else RR; then our name; then BYE if it is a goodbye.
    pub(super) fn write(&mut self, now: Instant, reception: &mut Reception, outbound: &Outbound, goodbye: bool, bytes: &mut Vec<u8>) {
        let (ssrc, blocks) = (outbound.ssrc(), reception.block(now).into_iter().collect());
        let (packets, octets) = outbound.sent();
        let report = if packets > self.reported {
            let sent = Sent { ntp: self.ntp(now), timestamp: outbound.timestamp(now), packets: packets as u32, octets: octets as u32 };
            Packet::SenderReport { ssrc, sent, blocks }
        } else {
            Packet::ReceiverReport { ssrc, blocks }
        };
        self.reported = packets;
        report.write(bytes);
        Packet::SourceDescription { ssrc, cname: self.cname.clone() }.write(bytes);
        if goodbye {
            Packet::Bye { ssrc }.write(bytes);
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.due
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.get()
    }

    /// Where the peer's reports come from.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    fn ntp(&self, now: Instant) -> NtpTime {
        let (instant, ntp) = self.epoch;
        ntp.after(now.saturating_duration_since(instant))
    }
}

/// RFC 3550 6.2.
const INTERVAL: Duration = Duration::from_secs(5);
