//! The jitter buffer: packets in, in any order; packets out, in order and in time.
//!
//! Keeps packets as they came, so that a decoder can use a later one to mend an earlier. The delay adapts between 20 and 200 ms: an
//! empty buffer stretches it by itself, a standing surplus is cut a packet at a time. Silence of the sender (DTX) is no loss.

mod delay;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use self::delay::{DELAY_MAX, Delay};
use crate::{
    frame::FRAME,
    seq::timestamp_distance,
    time::{span, units},
};

/// Packets of one stream that wait to be played.
#[derive(Debug, Clone)]
pub struct JitterBuffer {
    clock_rate: u32,
    /// In the order of `sequence`.
    packets: VecDeque<Packet>,
    /// Payload memory to be used again.
    spare: Vec<Vec<u8>>,
    /// What was played last.
    playing: Vec<u8>,
    /// The packet whose turn comes next; earlier ones are late.
    next: u64,
    delay: Delay,
    state: State,
    /// Length of a packet in RTP units, learnt from neighbours.
    packet_units: u32,
    /// The least depth since `watched_from`: a surplus that no jitter has needed.
    depth_min: Duration,
    watched_from: Option<Instant>,
    counts: Counts,
}

#[derive(Debug, Clone)]
struct Packet {
    sequence: u64,
    timestamp: u32,
    arrival: Instant,
    payload: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Nothing plays until the first packet has waited for the delay.
    Filling,
    /// The timestamp of what was played last, and turns since in which nothing was there.
    Playing { timestamp: u32, starved: u32 },
}

/// What became of packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Came after their turn.
    pub late: u64,
    /// Were there already.
    pub duplicate: u64,
    /// Missing at their turn, and concealed.
    pub concealed: u64,
    /// Cut out to shorten the delay.
    pub cut: u64,
}

/// What is to be played next.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn<'a> {
    /// This payload.
    Play(&'a [u8]),
    /// So many samples of the RTP clock are missing; `next` is the payload of the packet that follows, if it alone is missing.
    Conceal {
        /// In RTP units.
        units: u32,
        /// May hold a copy of what is lost.
        next: Option<&'a [u8]>,
    },
    /// Nothing is there: the network is late, or the sender silent.
    Wait,
}

impl JitterBuffer {
    /// For a stream with this RTP clock in Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            packets: VecDeque::new(),
            spare: Vec::new(),
            playing: Vec::new(),
            next: 0,
            delay: Delay::new(clock_rate),
            state: State::Filling,
            packet_units: units(FRAME, clock_rate),
            depth_min: Duration::MAX,
            watched_from: None,
            counts: Counts::default(),
        }
    }

    /// Takes a packet under its extended sequence number. One without payload holds the place of what is no sound, such as a key.
    pub fn insert(&mut self, now: Instant, sequence: u64, timestamp: u32, payload: &[u8]) {
        if sequence < self.next {
            self.counts.late += 1;
            return;
        }
        let place = self.packets.partition_point(|packet| packet.sequence < sequence);
        if self.packets.get(place).is_some_and(|packet| packet.sequence == sequence) {
            self.counts.duplicate += 1;
            return;
        }
        if !payload.is_empty() {
            self.delay.arrived(now, timestamp);
        }
        if let Some(before) = place.checked_sub(1).and_then(|before| self.packets.get(before)) {
            self.learn_length(sequence - before.sequence, timestamp_distance(before.timestamp, timestamp));
        }
        let mut memory = self.spare.pop().unwrap_or_default();
        memory.extend_from_slice(payload);
        self.packets.insert(place, Packet { sequence, timestamp, arrival: now, payload: memory });
        // After a stall of the network a second of sound arrives at once: only the newest of it is worth hearing.
        if self.depth() > DELAY_MAX + FRAME * 3 || self.packets.len() > PACKETS_MAX {
            let target = self.delay.target();
            while self.depth() > target && self.packets.len() > 1 {
                self.cut();
            }
        }
    }

    /// What is to be played, a packet's length after what was played before.
    pub fn turn(&mut self, now: Instant) -> Turn<'_> {
        let Some(first) = self.packets.front() else {
            self.starve();
            return Turn::Wait;
        };
        let (sequence, timestamp) = (first.sequence, first.timestamp);
        let rested = now.saturating_duration_since(first.arrival);
        let is_ripe = rested >= self.delay.target() || self.depth() >= DELAY_MAX;
        match self.state {
            State::Filling if !is_ripe => return Turn::Wait,
            State::Filling => {}
            State::Playing { timestamp: before, .. } => {
                let gap = timestamp_distance(before.wrapping_add(self.packet_units), timestamp);
                let is_short = (gap as i64) < i64::from(units(DELAY_MAX, self.clock_rate));
                let missing = sequence - self.next;
                if (1..=CONCEALED_MAX).contains(&missing) && is_short {
                    // While its follower is younger than the delay allows, the missing packet may still come: stretch.
                    let is_lost = is_ripe || rested + self.packet_time() * missing as u32 >= self.delay.target();
                    return if is_lost { self.conceal(before, missing == 1) } else { Turn::Wait };
                }
                // The sender's silence ends: as at the start, its first packet waits for the others.
                let is_seamless = (-1..units(FRAME, self.clock_rate).cast_signed()).contains(&gap);
                if !is_seamless && !is_ripe {
                    return Turn::Wait;
                }
            }
        }
        self.next = sequence + 1;
        self.state = State::Playing { timestamp, starved: 0 };
        self.take_first();
        self.trim(now);
        Turn::Play(&self.playing)
    }

    /// Forgets all packets: another sender speaks, or the same one anew.
    pub fn reset(&mut self) {
        while !self.packets.is_empty() {
            self.take_first();
        }
        self.next = 0;
        self.delay.restart();
        self.refill();
    }

    /// What became of packets so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Sound that waits.
    pub fn depth(&self) -> Duration {
        self.packet_time() * self.packets.len() as u32
    }

    fn packet_time(&self) -> Duration {
        span(self.packet_units, self.clock_rate)
    }

    fn starve(&mut self) {
        if let State::Playing { starved, .. } = &mut self.state {
            *starved += 1;
            if *starved >= STARVED_MAX {
                self.refill();
            }
        }
    }

    fn conceal(&mut self, before: u32, alone: bool) -> Turn<'_> {
        self.counts.concealed += 1;
        self.next += 1;
        self.state = State::Playing { timestamp: before.wrapping_add(self.packet_units), starved: 0 };
        let follower = self.packets.front().filter(|_| alone).map(|packet| packet.payload.as_slice());
        Turn::Conceal { units: self.packet_units, next: follower }
    }

    /// Cuts a packet when for some time more has waited than the jitter asks for, the rounding to a turn aside.
    fn trim(&mut self, now: Instant) {
        self.depth_min = self.depth_min.min(self.depth());
        let from = *self.watched_from.get_or_insert(now);
        if now.saturating_duration_since(from) < WATCH {
            return;
        }
        if self.depth_min > self.delay.target() + FRAME {
            self.cut();
        }
        (self.depth_min, self.watched_from) = (Duration::MAX, Some(now));
    }

    fn cut(&mut self) {
        let Some(Packet { sequence, timestamp, payload, .. }) = self.packets.pop_front() else { return };
        self.next = sequence + 1;
        if let State::Playing { timestamp: last, .. } = &mut self.state {
            *last = timestamp;
        }
        self.counts.cut += 1;
        self.keep(payload);
    }

    fn take_first(&mut self) {
        if let Some(packet) = self.packets.pop_front() {
            let played = std::mem::replace(&mut self.playing, packet.payload);
            self.keep(played);
        }
    }

    fn keep(&mut self, mut memory: Vec<u8>) {
        memory.clear();
        if self.spare.len() < SPARE_MAX {
            self.spare.push(memory);
        }
    }

    fn learn_length(&mut self, sequences: u64, timestamps: i32) {
        let lengths = units(Duration::from_millis(5), self.clock_rate)..=units(Duration::from_millis(120), self.clock_rate);
        if sequences == 1 && lengths.contains(&timestamps.cast_unsigned()) {
            self.packet_units = timestamps.cast_unsigned();
        }
    }

    fn refill(&mut self) {
        self.state = State::Filling;
        (self.depth_min, self.watched_from) = (Duration::MAX, None);
    }
}

/// Three turns without a packet: the sender is silent or the network has stalled, and what comes next waits as at the start.
const STARVED_MAX: u32 = 3;

/// What is lost beyond this is not concealed but skipped: the fade has ended by then.
const CONCEALED_MAX: u64 = 10;

/// A surplus must last for so long before it is cut.
const WATCH: Duration = Duration::from_millis(500);

/// 260 ms of the shortest packets are 26; a sender of more is not a voice.
const PACKETS_MAX: usize = 64;

const SPARE_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Line {
        buffer: JitterBuffer,
        zero: Instant,
    }

    impl Line {
        fn new() -> Self {
            Self { buffer: JitterBuffer::new(8_000), zero: crate::time::zero() }
        }

        fn at(&self, ms: u64) -> Instant {
            self.zero + Duration::from_millis(ms)
        }

        /// Packet `n` of a steady stream comes at `ms`.
        fn comes(&mut self, ms: u64, n: u64) {
            self.buffer.insert(self.at(ms), 1_000 + n, n as u32 * 160, &[n as u8]);
        }

        fn plays(&mut self, ms: u64) -> Option<u8> {
            let now = self.at(ms);
            match self.buffer.turn(now) {
                Turn::Play(payload) => payload.first().copied(),
                Turn::Conceal { .. } => Some(LOST),
                Turn::Wait => None,
            }
        }
    }

    const LOST: u8 = 255;

    #[test]
    fn a_steady_stream_plays_in_order_after_the_first_delay() {
        let mut line = Line::new();
        let played: Vec<_> = (0..50)
            .map(|n| {
                line.comes(n * 20, n);
                line.plays(n * 20 + 1)
            })
            .collect();
        assert_eq!(played[..2], [None, None]);
        assert_eq!(played[2..], (0..48).map(Some).collect::<Vec<_>>());
        assert_eq!(line.buffer.counts(), Counts::default());
    }

    #[test]
    fn packets_that_trade_places_play_in_order_and_a_lost_one_is_concealed_once() {
        let mut line = Line::new();
        for n in [0, 2, 1, 3, 5, 6, 6] {
            line.comes(n * 20, n);
        }
        let played: Vec<_> = (0..8).map(|tick| line.plays(200 + tick * 20)).collect();
        assert_eq!(played, [Some(0), Some(1), Some(2), Some(3), Some(LOST), Some(5), Some(6), None]);
        line.comes(400, 4);
        let Counts { late, duplicate, concealed, .. } = line.buffer.counts();
        assert_eq!((late, duplicate, concealed), (1, 1, 1));
    }

    #[test]
    fn a_silence_of_the_sender_is_no_loss() {
        let mut line = Line::new();
        for n in 0..5 {
            line.comes(n * 20, n);
        }
        let mut played: Vec<_> = (0..10).filter_map(|tick| line.plays(100 + tick * 20)).collect();
        line.buffer.insert(line.at(2_000), 1_005, 16_000, &[5]);
        played.extend(line.plays(2_001));
        assert_eq!(played, [0, 1, 2, 3, 4]);
        assert_eq!(line.plays(2_041), Some(5));
        assert_eq!(line.buffer.counts().concealed, 0);
    }

    #[test]
    fn a_burst_after_a_stall_leaves_no_standing_delay() {
        let mut line = Line::new();
        for n in 0..20 {
            line.comes(n * 20, n);
            line.plays(n * 20 + 1);
        }
        for n in 20..70 {
            line.comes(1_400, n);
        }
        assert!(line.buffer.depth() <= DELAY_MAX + FRAME * 3);
        for n in 70..400 {
            line.comes(n * 20, n);
            line.plays(n * 20 + 1);
        }
        assert!(line.buffer.depth() <= Duration::from_millis(80), "{:?}", line.buffer.depth());
    }

    #[test]
    fn jitter_of_60_ms_is_ridden_out_after_it_is_known() {
        let mut line = Line::new();
        let mut arrivals: Vec<(u64, u64)> = (0..500).map(|n| (n * 20 + [0, 60, 20, 45][n as usize % 4], n)).collect();
        arrivals.sort_unstable();
        let mut arrivals = arrivals.into_iter().peekable();
        let mut missed_late = 0;
        for tick in 0..500 {
            while let Some((ms, n)) = arrivals.next_if(|&(ms, _)| ms <= tick * 20) {
                line.comes(ms, n);
            }
            let played = line.plays(tick * 20);
            if tick > 250 && played.is_none_or(|played| played == LOST) {
                missed_late += 1;
            }
        }
        assert!(missed_late <= 2, "{missed_late}");
    }

    proptest! {
        #[test]
        fn nothing_plays_twice_or_backwards(fates in proptest::collection::vec((0_u64..250, 0_u8..10), 1..200)) {
            let mut line = Line::new();
            let mut arrivals = Vec::new();
            for (n, (late, fate)) in fates.iter().enumerate() {
                if *fate > 0 {
                    arrivals.push((n as u64 * 20 + late, n as u64));
                }
                if *fate == 9 {
                    arrivals.push((n as u64 * 20 + late + 5, n as u64));
                }
            }
            arrivals.sort_unstable();
            let mut arrivals = arrivals.into_iter().peekable();
            let mut last = None;
            for tick in 0..fates.len() as u64 + 40 {
                while let Some((ms, n)) = arrivals.next_if(|&(ms, _)| ms <= tick * 20) {
                    line.comes(ms, n);
                }
                if let Some(played) = line.plays(tick * 20).filter(|&played| played != LOST) {
                    prop_assert!(last.is_none_or(|last| played > last));
                    last = Some(played);
                }
                prop_assert!(line.buffer.depth() <= Duration::from_millis(280));
            }
            prop_assert_eq!(line.buffer.depth(), Duration::ZERO);
        }
    }
}
