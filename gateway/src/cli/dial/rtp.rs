//! RTP as the phone needs it: one packet, one sending stream, and what can be told of a received one (RFC 3550).
//!
//! Deliberately lacks RTCP, header extensions to send, and playout: a test phone measures, it does not smooth.

use std::time::{Duration, Instant};

/// One packet, as parsed; `payload` without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) payload_type: u8,
    pub(super) marker: bool,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
    pub(super) payload: &'a [u8],
}

/// Why a datagram is not RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dropped {
    TooShort,
    OtherVersion,
    /// RTCP on the RTP port (RFC 5761 4).
    Rtcp,
    BadPadding,
}

impl<'a> Packet<'a> {
    /// Reads a datagram (RFC 3550 5.1).
    pub(super) fn parse(datagram: &'a [u8]) -> Result<Self, Dropped> {
        let (header, rest) = datagram.split_first_chunk::<12>().ok_or(Dropped::TooShort)?;
        if header[0] >> 6 != 2 {
            return Err(Dropped::OtherVersion);
        }
        if (192..=223).contains(&header[1]) {
            return Err(Dropped::Rtcp);
        }
        let contributors = usize::from(header[0] & 0x0f) * 4;
        let mut payload = rest.get(contributors..).ok_or(Dropped::TooShort)?;
        if header[0] & 0x10 != 0 {
            let (extension, after) = payload.split_first_chunk::<4>().ok_or(Dropped::TooShort)?;
            let length = usize::from(u16::from_be_bytes([extension[2], extension[3]])) * 4;
            payload = after.get(length..).ok_or(Dropped::TooShort)?;
        }
        if header[0] & 0x20 != 0 {
            let padding = usize::from(*payload.last().ok_or(Dropped::BadPadding)?);
            let length = payload.len().checked_sub(padding).filter(|_| padding > 0).ok_or(Dropped::BadPadding)?;
            payload = &payload[..length];
        }
        Ok(Self {
            payload_type: header[1] & 0x7f,
            marker: header[1] & 0x80 != 0,
            sequence: u16::from_be_bytes([header[2], header[3]]),
            timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            ssrc: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            payload,
        })
    }

    /// The datagram.
    pub(super) fn to_octets(self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(12 + self.payload.len());
        octets.extend([0x80, self.payload_type | if self.marker { 0x80 } else { 0 }]);
        octets.extend(self.sequence.to_be_bytes());
        octets.extend(self.timestamp.to_be_bytes());
        octets.extend(self.ssrc.to_be_bytes());
        octets.extend(self.payload);
        octets
    }
}

/// The stream that we send: counts sequence numbers per packet and timestamps per frame.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) ssrc: u32,
    sequence: u16,
    timestamp: u32,
    pub(super) packets: u64,
}

impl Sending {
    /// Random starts, as RFC 3550 5.1 wants them.
    pub(super) fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self { ssrc, sequence, timestamp, packets: 0 }
    }

    /// The next packet, at the stream's present time less `ago` timestamp units.
    pub(super) fn packet<'a>(&mut self, payload_type: u8, marker: bool, ago: u32, payload: &'a [u8]) -> Packet<'a> {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        self.packets += 1;
        Packet { payload_type, marker, sequence, timestamp: self.timestamp.wrapping_sub(ago), ssrc: self.ssrc, payload }
    }

    /// A frame's time has passed, whether or not anything was sent in it.
    pub(super) fn advance(&mut self, units: u32) {
        self.timestamp = self.timestamp.wrapping_add(units);
    }
}

/// What can be told of the stream that we hear.
#[derive(Debug)]
pub(super) struct Reception {
    clock_rate: u32,
    source: Option<Source>,
    pub(super) received: u64,
    /// Sequence numbers that the sources went through.
    expected_before: u64,
    pub(super) duplicates: u64,
    pub(super) reordered: u64,
    /// Times that a new SSRC took over.
    pub(super) sources: u32,
    /// RFC 3550 6.4.1, in timestamp units.
    jitter: f64,
    jitter_max: f64,
    pub(super) longest_gap: Duration,
    last_arrival: Option<Instant>,
}

#[derive(Debug)]
struct Source {
    ssrc: u32,
    base: i64,
    highest: i64,
    /// One bit per sequence number behind the highest, to tell late from doubled.
    seen: u128,
    last: (Instant, u32),
}

impl Reception {
    /// `clock_rate`: RTP units per second.
    pub(super) fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            source: None,
            received: 0,
            expected_before: 0,
            duplicates: 0,
            reordered: 0,
            sources: 0,
            jitter: 0.0,
            jitter_max: 0.0,
            longest_gap: Duration::ZERO,
            last_arrival: None,
        }
    }

    /// Counts a packet; `false` says that it is a double and should not be heard again.
    pub(super) fn arrive(&mut self, now: Instant, packet: &Packet<'_>) -> bool {
        if let Some(last) = self.last_arrival.replace(now) {
            self.longest_gap = self.longest_gap.max(now.saturating_duration_since(last));
        }
        self.received += 1;
        if self.source.as_ref().is_none_or(|source| source.ssrc != packet.ssrc) {
            self.expected_before += self.source.as_ref().map_or(0, Source::expected);
            self.sources += 1;
            let sequence = i64::from(packet.sequence);
            self.source = Some(Source { ssrc: packet.ssrc, base: sequence, highest: sequence, seen: 1, last: (now, packet.timestamp) });
            return true;
        }
        let Some(source) = &mut self.source else { return true };
        let ahead = i64::from(packet.sequence.wrapping_sub(u16::try_from(source.highest & 0xffff).unwrap_or(0)).cast_signed());
        if ahead > 0 {
            source.seen = u32::try_from(ahead).ok().and_then(|ahead| source.seen.checked_shl(ahead)).unwrap_or(0) | 1;
            source.highest += ahead;
        } else {
            let bit = u32::try_from(-ahead).ok().and_then(|behind| 1u128.checked_shl(behind)).unwrap_or(0);
            if source.seen & bit != 0 {
                self.duplicates += 1;
                return false;
            }
            source.seen |= bit;
            source.base = source.base.min(source.highest + ahead);
            self.reordered += 1;
        }
        let (last_arrival, last_timestamp) = std::mem::replace(&mut source.last, (now, packet.timestamp));
        let units = packet.timestamp.wrapping_sub(last_timestamp).cast_signed();
        // A key's packets share one timestamp, so they would read as jitter; RFC 4733 2.5.1 warns of it.
        if units != 0 {
            let elapsed = now.saturating_duration_since(last_arrival).as_secs_f64() * f64::from(self.clock_rate);
            self.jitter += ((elapsed - f64::from(units)).abs() - self.jitter) / 16.0;
            self.jitter_max = self.jitter_max.max(self.jitter);
        }
        true
    }

    /// Packets that should have come by now.
    pub(super) fn expected(&self) -> u64 {
        self.expected_before + self.source.as_ref().map_or(0, Source::expected)
    }

    pub(super) fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received - self.duplicates)
    }

    /// Share of expected packets that never came, in per cent.
    pub(super) fn loss_percent(&self) -> f64 {
        100.0 * ratio(self.lost(), self.expected())
    }

    /// Interarrival jitter now and at its worst, ms.
    pub(super) fn jitter_ms(&self) -> (f64, f64) {
        let unit = 1000.0 / f64::from(self.clock_rate);
        (self.jitter * unit, self.jitter_max * unit)
    }

    /// A listening-quality estimate by the E-model (G.107 with G.113's values for concealed G.711), 1 to 4.5.
    ///
    /// The way's own delay is unknown without RTCP, so only what a jitter buffer would add is counted.
    pub(super) fn mos(&self) -> f64 {
        let loss = self.loss_percent();
        let buffer_ms = 20.0 + 2.0 * self.jitter_ms().1;
        let delay = 0.024 * buffer_ms + if buffer_ms > 177.3 { 0.11 * (buffer_ms - 177.3) } else { 0.0 };
        let equipment = 95.0 * loss / (loss + 25.1);
        let r = (93.2 - delay - equipment).clamp(0.0, 100.0);
        (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
    }
}

impl Source {
    fn expected(&self) -> u64 {
        (self.highest - self.base + 1).unsigned_abs()
    }
}

/// `part` of `whole`, 0 to 1; 0 where there is nothing.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no call has 2^52 packets")]
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, timestamp: u32) -> Packet<'static> {
        Packet { payload_type: 0, marker: false, sequence, timestamp, ssrc: 7, payload: &[] }
    }

    /// Feeds `(sequence, arrival in ms)`; timestamps follow the sequence.
    fn heard(arrivals: &[(u16, u64)]) -> Reception {
        let start = Instant::now();
        let mut reception = Reception::new(8000);
        for &(sequence, ms) in arrivals {
            let frames = u32::from(sequence.wrapping_sub(arrivals[0].0));
            reception.arrive(start + Duration::from_millis(ms), &packet(sequence, frames.wrapping_mul(160)));
        }
        reception
    }

    #[test]
    fn a_packet_survives_the_wire() {
        let sent = Packet { payload: b"voice", ..packet(0xfffe, 0xdead_beef) };
        assert_eq!(Packet::parse(&sent.to_octets()), Ok(sent));
    }

    #[test]
    fn extension_contributors_and_padding_are_taken_off() {
        let mut octets = vec![0xb1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        octets.extend([9, 9, 9, 9]); // one contributor
        octets.extend([0xbe, 0xde, 0, 1, 1, 1, 1, 1]); // one word of extension
        octets.extend([b'o', b'k', 0, 2]); // two octets of padding
        assert_eq!(Packet::parse(&octets).map(|packet| packet.payload), Ok(&b"ok"[..]));
    }

    #[test]
    fn junk_is_dropped_whatever_its_length() {
        for length in 0..40 {
            for first in [0x00, 0x80, 0xbf, 0xff] {
                let _ = Packet::parse(&vec![first; length]);
            }
        }
        assert_eq!(Packet::parse(&[0x80; 11]), Err(Dropped::TooShort));
        assert_eq!(Packet::parse(&[0x40; 12]), Err(Dropped::OtherVersion));
        assert_eq!(Packet::parse(&[0x80, 200, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), Err(Dropped::Rtcp));
        assert_eq!(Packet::parse(&[0xa0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), Err(Dropped::BadPadding));
    }

    #[test]
    fn loss_is_counted_over_the_wrap_and_late_packets_are_not_lost() {
        let reception = heard(&[(65_534, 0), (65_535, 20), (2, 40), (1, 60), (1, 61), (3, 80)]);
        assert_eq!((reception.expected(), reception.lost()), (6, 1));
        assert_eq!((reception.reordered, reception.duplicates), (1, 1));
    }

    #[test]
    fn an_even_stream_has_no_jitter_and_an_uneven_one_follows_rfc_3550() {
        assert_eq!(heard(&[(1, 0), (2, 20), (3, 40)]).jitter_ms(), (0.0, 0.0));
        // |30 - 20| / 16, then |10 - 20| against it.
        let (now, most) = heard(&[(1, 0), (2, 30), (3, 40)]).jitter_ms();
        assert!((now - (0.625 + (10.0 - 0.625) / 16.0)).abs() < 1e-6, "{now}");
        assert!((most - now).abs() < 1e-9);
    }

    #[test]
    fn a_clean_line_sounds_good_and_a_lossy_one_does_not() {
        assert!(heard(&[(1, 0), (2, 20), (3, 40)]).mos() > 4.3);
        assert!(heard(&[(1, 0), (11, 200), (21, 400)]).mos() < 2.0);
    }

    #[test]
    fn sequence_counts_packets_and_timestamp_counts_frames() {
        let mut sending = Sending::new(1, 65_535, 100);
        assert_eq!(sending.packet(0, true, 0, &[]).sequence, 65_535);
        sending.advance(160);
        let second = sending.packet(0, false, 0, &[]);
        assert_eq!((second.sequence, second.timestamp, sending.packets), (0, 260, 2));
    }
}
