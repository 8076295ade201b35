//! How one source is received: loss, jitter and round trip (RFC 3550 A.3, A.8, 6.4.1).

use std::time::{Duration, Instant};

use super::{ReportBlock, Sent};
use crate::{
    seq::{Place, Sequence},
    time::{NtpTime, units},
};

/// What has been received of the peer's stream, over changes of SSRC.
#[derive(Debug, Clone)]
pub struct Reception {
    clock_rate: u32,
    stream: Option<Stream>,
    /// Of streams that have ended.
    before: Totals,
    /// The last SR: its middle, and when it came.
    last_report: Option<(u32, Instant)>,
}

/// One SSRC.
#[derive(Debug, Clone)]
struct Stream {
    ssrc: u32,
    sequence: Sequence,
    first: u64,
    received: u64,
    /// At the last report.
    reported: Totals,
    /// Transit time of the last packet: arrival less timestamp, in RTP units.
    transit: u32,
    /// RFC 3550 A.8: scaled by 16, so that the integer estimator rounds well.
    jitter_x16: u32,
    origin: Instant,
}

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    expected: u64,
    received: u64,
}

impl Reception {
    /// Nothing yet, of a stream with this RTP clock in Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self { clock_rate, stream: None, before: Totals::default(), last_report: None }
    }

    /// The codec has changed, and its clock with it.
    pub fn reclock(&mut self, clock_rate: u32) {
        if self.clock_rate != clock_rate {
            self.close_stream();
            self.clock_rate = clock_rate;
        }
    }

    /// Counts a packet and says where it stands.
    pub fn receive(&mut self, now: Instant, ssrc: u32, sequence: u16, timestamp: u32) -> Place {
        if self.stream.as_ref().is_none_or(|stream| stream.ssrc != ssrc) {
            self.close_stream();
        }
        let stream = self.stream.get_or_insert_with(|| Stream {
            ssrc,
            sequence: Sequence::default(),
            first: 0,
            received: 0,
            reported: Totals::default(),
            transit: 0,
            jitter_x16: 0,
            origin: now,
        });
        let place = stream.sequence.place(sequence);
        let arrival = units(now.saturating_duration_since(stream.origin), self.clock_rate);
        let transit = arrival.wrapping_sub(timestamp);
        match place {
            Place::Astray => return place,
            Place::Restarted(extended) => {
                let ended = stream.totals();
                self.before.add(ended);
                *stream = Stream { first: extended, received: 0, reported: Totals::default(), transit, ..stream.clone() };
            }
            Place::At(extended) if stream.received == 0 => (stream.first, stream.transit) = (extended, transit),
            // A packet from before the first moves the start back.
            Place::At(extended) => stream.first = stream.first.min(extended),
        }
        stream.received += 1;
        let change = transit.wrapping_sub(stream.transit).cast_signed().unsigned_abs();
        stream.transit = transit;
        // A jump of the timestamps is a new talker, not jitter of seconds.
        if change < self.clock_rate {
            stream.jitter_x16 = (stream.jitter_x16 + change).saturating_sub((stream.jitter_x16 + 8) >> 4);
        }
        place
    }

    /// Notes an SR of the source.
    pub fn reported(&mut self, now: Instant, ssrc: u32, sent: &Sent) {
        if self.stream.as_ref().is_none_or(|stream| stream.ssrc == ssrc) {
            self.last_report = Some((sent.ntp.middle(), now));
        }
    }

    /// A block for our next report; the fraction counts from the one before.
    pub fn block(&mut self, now: Instant) -> Option<ReportBlock> {
        let stream = self.stream.as_mut()?;
        let totals = stream.totals();
        let expected = totals.expected.saturating_sub(stream.reported.expected);
        let received = totals.received.saturating_sub(stream.reported.received);
        stream.reported = totals;
        let fraction_lost = match expected.saturating_sub(received) {
            0 => 0,
            lost => (lost * 256 / expected).min(255) as u8,
        };
        let lost = (totals.expected as i64 - totals.received as i64).clamp(-0x80_0000, 0x7f_ffff) as i32;
        let (last_report, delay) = match self.last_report {
            Some((middle, at)) => (middle, units(now.saturating_duration_since(at), 65_536)),
            None => (0, 0),
        };
        Some(ReportBlock {
            ssrc: stream.ssrc,
            fraction_lost,
            lost,
            highest_sequence: stream.sequence.highest().unwrap_or(0) as u32,
            jitter: stream.jitter_x16 >> 4,
            last_report,
            delay,
        })
    }

    /// Packets received, over all streams.
    pub fn received(&self) -> u64 {
        self.totals().received
    }

    /// Packets lost, over all streams.
    pub fn lost(&self) -> u64 {
        let totals = self.totals();
        totals.expected.saturating_sub(totals.received)
    }

    /// Interarrival jitter.
    pub fn jitter(&self) -> Duration {
        let jitter = self.stream.as_ref().map_or(0, |stream| stream.jitter_x16 >> 4);
        crate::time::span(jitter, self.clock_rate)
    }

    fn totals(&self) -> Totals {
        let mut totals = self.before;
        if let Some(stream) = &self.stream {
            totals.add(stream.totals());
        }
        totals
    }

    fn close_stream(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.before.add(stream.totals());
            self.last_report = None;
        }
    }
}

impl Stream {
    fn totals(&self) -> Totals {
        let expected = self.sequence.highest().map_or(0, |highest| (highest + 1).saturating_sub(self.first));
        Totals { expected, received: self.received }
    }
}

impl Totals {
    fn add(&mut self, more: Self) {
        self.expected += more.expected;
        self.received += more.received;
    }
}

/// The round trip, learnt from what the peer says of our reports.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoundTrip(Option<Duration>);

impl RoundTrip {
    /// RFC 3550 6.4.1: now, less the report it answers, less the time the peer held it.
    pub fn learn(&mut self, now: NtpTime, block: &ReportBlock) {
        if block.last_report == 0 {
            return;
        }
        let trip = now.middle().wrapping_sub(block.last_report).wrapping_sub(block.delay);
        // Clocks of peers are coarse: a trip slightly below zero is none, a wild one is a lie.
        match trip.cast_signed() {
            ..0 => self.0 = Some(Duration::ZERO),
            0..ROUND_TRIP_MAX => self.0 = Some(crate::time::span(trip, 65_536)),
            _ => {}
        }
    }

    /// The last one known.
    pub fn get(&self) -> Option<Duration> {
        self.0
    }
}

/// 10 s in 1/65536 s.
const ROUND_TRIP_MAX: i32 = 655_360;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_reported_per_interval_and_in_all() {
        let zero = crate::time::zero();
        let mut reception = Reception::new(8_000);
        for sequence in (0..100_u16).filter(|sequence| sequence % 4 != 3) {
            reception.receive(zero + Duration::from_millis(20) * u32::from(sequence), 7, sequence, u32::from(sequence) * 160);
        }
        reception.receive(zero + Duration::from_millis(2_000), 7, 100, 16_000);
        let block = reception.block(zero + Duration::from_secs(2)).unwrap();
        assert_eq!((block.lost, block.fraction_lost), (25, 63));
        assert_eq!((block.jitter, block.highest_sequence & 0xffff), (0, 100));
        reception.receive(zero + Duration::from_millis(2_020), 7, 101, 16_160);
        assert_eq!(reception.block(zero + Duration::from_secs(3)).unwrap().fraction_lost, 0);
        assert_eq!((reception.received(), reception.lost()), (77, 25));
    }

    #[test]
    fn jitter_follows_the_spread_of_arrivals() {
        let zero = crate::time::zero();
        let mut reception = Reception::new(8_000);
        for sequence in 0..500_u16 {
            let late = if sequence % 2 == 0 { 0 } else { 10 };
            reception.receive(zero + Duration::from_millis(u64::from(sequence) * 20 + late), 7, sequence, u32::from(sequence) * 160);
        }
        let jitter = reception.jitter();
        assert!((9..=10).contains(&jitter.as_millis()), "{jitter:?}");
    }

    #[test]
    fn the_round_trip_leaves_out_the_time_that_the_peer_held_our_report() {
        let sent = NtpTime::from_unix_ms(1_000_000);
        let mut trip = RoundTrip::default();
        let block =
            ReportBlock { ssrc: 1, fraction_lost: 0, lost: 0, highest_sequence: 0, jitter: 0, last_report: sent.middle(), delay: 65_536 };
        trip.learn(sent.after(Duration::from_millis(1_080)), &block);
        let ms = trip.get().unwrap().as_millis();
        assert!((79..=81).contains(&ms), "{ms}");
    }

    #[test]
    fn a_new_source_keeps_the_totals() {
        let zero = crate::time::zero();
        let mut reception = Reception::new(8_000);
        for sequence in [10_u16, 11, 13] {
            reception.receive(zero, 7, sequence, 0);
        }
        for sequence in [900_u16, 901] {
            reception.receive(zero, 8, sequence, 0);
        }
        assert_eq!((reception.received(), reception.lost()), (5, 1));
    }
}
