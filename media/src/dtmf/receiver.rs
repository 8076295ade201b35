//! Hears keys: each begins once and ends once, whatever the network does to its packets.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{Payload, digit_of};
use crate::{rtp::Header, seq::timestamp_distance, time::span};

/// A key, as it goes down and as it comes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigitEvent {
    /// Its first packet is here.
    Began {
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        digit: char,
    },
    /// It is up, or has not been heard of for a while.
    Ended {
        /// As in `Began`.
        digit: char,
        /// How long it was down, as far as its packets say.
        length: Duration,
    },
}

/// Tells keys apart by timestamp and event: the marker may be lost, the end may be lost or come three times, and packets may trade places.
#[derive(Debug, Clone)]
pub struct Receiver {
    clock_rate: u32,
    down: Option<Key>,
    /// Timestamps and events of the last keys, whose late packets mean nothing.
    done: VecDeque<(u32, u8)>,
    events: VecDeque<DigitEvent>,
}

#[derive(Debug, Clone, Copy)]
struct Key {
    timestamp: u32,
    event: u8,
    digit: char,
    /// RTP units in segments before this one (RFC 4733 2.5.1.3).
    before: u32,
    duration: u16,
    seen: Instant,
}

impl Receiver {
    /// For events on this RTP clock in Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self { clock_rate, down: None, done: VecDeque::new(), events: VecDeque::new() }
    }

    /// Takes a packet of the telephone-event payload type.
    pub fn receive(&mut self, now: Instant, header: &Header, payload: &[u8]) {
        let Some(payload) = Payload::parse(payload) else { return };
        let Some(digit) = digit_of(payload.event) else { return };
        if self.done.contains(&(header.timestamp, payload.event)) {
            return;
        }
        match &mut self.down {
            Some(key) if key.timestamp == header.timestamp && key.event == payload.event => {
                key.duration = key.duration.max(payload.duration);
                key.seen = now;
            }
            Some(key) if key.continues_as(header.timestamp, payload.event) => {
                key.before += u32::from(key.duration);
                (key.timestamp, key.duration, key.seen) = (header.timestamp, payload.duration, now);
            }
            // A packet of a key that came up before this one went down, and of which nothing else was heard.
            Some(key) if timestamp_distance(key.timestamp, header.timestamp) < 0 => return,
            Some(_) | None => {
                self.release();
                let Payload { event, duration, .. } = payload;
                self.down = Some(Key { timestamp: header.timestamp, event, digit, before: 0, duration, seen: now });
                self.push(DigitEvent::Began { digit });
            }
        }
        if payload.end {
            self.release();
        }
    }

    /// Ends a key whose end was lost.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.release();
        }
    }

    /// The next thing that happened.
    pub fn poll(&mut self) -> Option<DigitEvent> {
        self.events.pop_front()
    }

    /// When to call `handle_timeout`; `None` while no key is down.
    pub fn deadline(&self) -> Option<Instant> {
        self.down.map(|key| key.seen + END_LOST_AFTER)
    }

    fn release(&mut self) {
        let Some(key) = self.down.take() else { return };
        if self.done.len() == DONE_MAX {
            self.done.pop_front();
        }
        self.done.push_back((key.timestamp, key.event));
        let length = span(key.before + u32::from(key.duration), self.clock_rate);
        self.push(DigitEvent::Ended { digit: key.digit, length });
    }

    fn push(&mut self, event: DigitEvent) {
        self.events.push_back(event);
    }
}

impl Key {
    /// RFC 4733 2.5.1.3: a key held for longer than the duration field can say goes on under a later timestamp.
    fn continues_as(&self, timestamp: u32, event: u8) -> bool {
        self.event == event && self.duration == u16::MAX && timestamp.wrapping_sub(self.timestamp) == u32::from(self.duration)
    }
}

/// Four updates lost at the 50 ms that RFC 4733 2.5.1.2 allows between them.
const END_LOST_AFTER: Duration = Duration::from_millis(200);

/// Nobody's packets are late by more than a few keys.
const DONE_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dtmf::{Sender, event_of};

    fn packet(timestamp: u32, digit: char, duration: u16, end: bool) -> (Header, [u8; 4]) {
        let header = Header { marker: false, payload_type: 101, sequence: 0, timestamp, ssrc: 1 };
        (header, Payload { event: event_of(digit).unwrap(), end, duration }.bytes())
    }

    fn drain(receiver: &mut Receiver) -> Vec<DigitEvent> {
        std::iter::from_fn(|| receiver.poll()).collect()
    }

    fn ended(digit: char, ms: u64) -> DigitEvent {
        DigitEvent::Ended { digit, length: Duration::from_millis(ms) }
    }

    #[test]
    fn a_key_begins_at_its_first_packet_and_ends_once_for_three_ends() {
        let zero = crate::time::zero();
        let mut receiver = Receiver::new(8_000);
        let mut hear = |(header, payload): (Header, [u8; 4])| {
            receiver.receive(zero, &header, &payload);
            drain(&mut receiver)
        };
        assert_eq!(hear(packet(1_000, '5', 160, false)), [DigitEvent::Began { digit: '5' }]);
        assert_eq!(hear(packet(1_000, '5', 320, false)), []);
        assert_eq!(hear(packet(1_000, '5', 800, true)), [ended('5', 100)]);
        assert_eq!(hear(packet(1_000, '5', 800, true)), []);
        assert_eq!(hear(packet(1_000, '5', 320, false)), []);
        assert_eq!(hear(packet(3_000, '5', 800, true)), [DigitEvent::Began { digit: '5' }, ended('5', 100)]);
    }

    #[test]
    fn a_lost_end_is_made_up_for_by_the_next_key_or_by_time() {
        let zero = crate::time::zero();
        let mut receiver = Receiver::new(48_000);
        let (header, payload) = packet(0, '1', 4_800, false);
        receiver.receive(zero, &header, &payload);
        let (header, payload) = packet(48_000, '2', 960, false);
        receiver.receive(zero, &header, &payload);
        assert_eq!(drain(&mut receiver), [DigitEvent::Began { digit: '1' }, ended('1', 100), DigitEvent::Began { digit: '2' }]);
        receiver.handle_timeout(zero + Duration::from_millis(199));
        assert_eq!(drain(&mut receiver), []);
        assert_eq!(receiver.deadline(), Some(zero + Duration::from_millis(200)));
        receiver.handle_timeout(zero + Duration::from_millis(200));
        assert_eq!(drain(&mut receiver), [ended('2', 20)]);
        receiver.receive(zero, &header, &payload);
        assert_eq!(drain(&mut receiver), []);
    }

    #[test]
    fn a_key_held_for_longer_than_the_field_can_say_is_one_key() {
        let zero = crate::time::zero();
        let mut receiver = Receiver::new(8_000);
        for (header, payload) in [packet(0, '9', u16::MAX, false), packet(65_535, '9', 160, false), packet(65_535, '9', 1_600, true)] {
            receiver.receive(zero, &header, &payload);
        }
        let events = drain(&mut receiver);
        assert_eq!(events.len(), 2);
        assert!(matches!(events[1], DigitEvent::Ended { length, .. } if length.as_millis() == 8_391));
    }

    proptest! {
        #[test]
        fn each_key_is_heard_once_through_loss_and_repetition(
            keys in proptest::collection::vec(0_usize..16, 1..12),
            fates in proptest::collection::vec(0_u8..4, 400),
        ) {
            let zero = crate::time::zero();
            let mut sender = Sender::new(8_000);
            keys.iter().for_each(|&key| sender.press(char::from(super::super::KEYS[key]), Duration::from_millis(80)));
            let mut receiver = Receiver::new(8_000);
            let (mut heard, mut arrived) = (Vec::new(), Vec::new());
            for (tick, fate) in fates.iter().enumerate() {
                let now = zero + Duration::from_millis(20) * tick as u32;
                let Some(packet) = sender.tick(Duration::from_millis(20), tick as u32 * 160) else { continue };
                let header = Header { marker: packet.marker, payload_type: 101, sequence: 0, timestamp: packet.timestamp, ssrc: 1 };
                let copies = if *fate == 3 { 2 } else { usize::from(*fate != 0) };
                for _ in 0..copies {
                    receiver.receive(now, &header, &packet.payload);
                    arrived.push(packet.timestamp);
                }
                heard.extend(drain(&mut receiver));
            }
            receiver.handle_timeout(zero + Duration::from_secs(60));
            heard.extend(drain(&mut receiver));
            arrived.dedup();
            prop_assert_eq!(heard.len(), arrived.len() * 2);
            for pair in heard.chunks(2) {
                let DigitEvent::Began { digit: began } = pair[0] else { panic!("an end before its beginning") };
                let is_end = matches!(pair[1], DigitEvent::Ended { digit, .. } if digit == began);
                prop_assert!(is_end);
            }
        }

        #[test]
        fn no_payload_causes_a_panic(payload in proptest::collection::vec(any::<u8>(), 0..8), timestamp: u32) {
            let header = Header { marker: false, payload_type: 101, sequence: 0, timestamp, ssrc: 1 };
            Receiver::new(8_000).receive(crate::time::zero(), &header, &payload);
        }
    }
}
