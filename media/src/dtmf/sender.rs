//! Sends keys: one packet per tick while a key is down, its end three times, a pause before the next.

use std::{collections::VecDeque, time::Duration};

use super::{Payload, event_of};
use crate::time::units;

/// Keys that wait and the one that is down.
#[derive(Debug, Clone)]
pub struct Sender {
    clock_rate: u32,
    waiting: VecDeque<(u8, Duration)>,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Idle,
    Down {
        event: u8,
        timestamp: u32,
        length: u32,
        sent: u32,
        first: bool,
    },
    /// The end has gone out, and so often more.
    Ending {
        event: u8,
        timestamp: u32,
        length: u32,
        left: u8,
    },
    /// The pause after a key.
    Up {
        left: Duration,
    },
}

/// What goes into one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// On the first packet of a key.
    pub marker: bool,
    /// When the key went down.
    pub timestamp: u32,
    /// RFC 4733 2.3.
    pub payload: [u8; 4],
}

impl Sender {
    /// For events on this RTP clock in Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self { clock_rate, waiting: VecDeque::new(), state: State::Idle }
    }

    /// Queues a key; what is no key, or is one too many, is ignored.
    pub fn press(&mut self, digit: char, length: Duration) {
        if let Some(event) = event_of(digit)
            && self.waiting.len() < WAITING_MAX
        {
            self.waiting.push_back((event, length.clamp(LENGTH_MIN, LENGTH_MAX)));
        }
    }

    /// The packet that is due after another `step`; `clock` is the stream's timestamp now.
    pub fn tick(&mut self, step: Duration, clock: u32) -> Option<EventPacket> {
        if let State::Up { left } = self.state {
            self.state = if left > step { State::Up { left: left - step } } else { State::Idle };
        }
        if let State::Idle = self.state {
            let (event, length) = self.waiting.pop_front()?;
            self.state = State::Down { event, timestamp: clock, length: units(length, self.clock_rate), sent: 0, first: true };
        }
        match self.state {
            State::Idle | State::Up { .. } => None,
            State::Down { event, timestamp, length, sent, first } => {
                let sent = sent + units(step, self.clock_rate);
                let end = sent >= length;
                self.state = if end {
                    State::Ending { event, timestamp, length, left: END_TWINS }
                } else {
                    State::Down { event, timestamp, length, sent, first: false }
                };
                Some(packet(event, timestamp, sent.min(length), end, first))
            }
            State::Ending { event, timestamp, length, left } => {
                self.state = if left > 1 { State::Ending { event, timestamp, length, left: left - 1 } } else { State::Up { left: PAUSE } };
                Some(packet(event, timestamp, length, true, false))
            }
        }
    }

    /// Whether a key is down or waits, or the pause after one lasts.
    pub fn is_busy(&self) -> bool {
        !matches!(self.state, State::Idle) || !self.waiting.is_empty()
    }

    /// Whether the next tick is a key's, not the voice's.
    pub fn is_down(&self) -> bool {
        matches!(self.state, State::Down { .. } | State::Ending { .. })
    }
}

fn packet(event: u8, timestamp: u32, duration: u32, end: bool, marker: bool) -> EventPacket {
    let duration = duration.min(u32::from(u16::MAX)) as u16;
    EventPacket { marker, timestamp, payload: Payload { event, end, duration }.bytes() }
}

/// A long number with its extension; more than that is a script gone wrong.
const WAITING_MAX: usize = 64;

/// ITU-T Q.24: shorter keys need not be heard.
const LENGTH_MIN: Duration = Duration::from_millis(40);

/// What the duration field can say at 48 kHz.
const LENGTH_MAX: Duration = Duration::from_millis(1_360);

/// RFC 4733 2.5.1.4: the end is sent three times.
const END_TWINS: u8 = 2;

/// Between keys, twice what ITU-T Q.24 asks for, since some peers count in packets.
const PAUSE: Duration = Duration::from_millis(80);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_out_with_one_marker_one_timestamp_and_three_ends() {
        let mut sender = Sender::new(48_000);
        sender.press('#', Duration::from_millis(60));
        sender.press('x', Duration::from_millis(60));
        let packets: Vec<_> = (0..20).filter_map(|tick| sender.tick(Duration::from_millis(20), 5_000 + tick * 960)).collect();
        let bodies: Vec<_> = packets.iter().map(|packet| Payload::parse(&packet.payload).unwrap()).collect();
        assert_eq!(bodies.iter().map(|body| body.duration).collect::<Vec<_>>(), [960, 1_920, 2_880, 2_880, 2_880]);
        assert_eq!(bodies.iter().filter(|body| body.end).count(), 3);
        assert!(packets[0].marker && packets[1..].iter().all(|packet| !packet.marker));
        assert!(packets.iter().all(|packet| packet.timestamp == 5_000) && bodies.iter().all(|body| body.event == 11));
        assert!(!sender.is_busy());
    }
}
