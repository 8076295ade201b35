//! Keys as RFC 4733 events: what to press and when, and what was pressed on the other side.

use std::collections::VecDeque;

/// Presses a script of keys, one frame of 20 ms at a time.
#[derive(Debug)]
pub(super) struct Keypad {
    steps: VecDeque<Step>,
    /// RTP units per frame.
    frame: u32,
    /// Frames already spent in the first step.
    spent: u32,
    pub(super) pressed: String,
}

/// One step of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Wait(u32),
    Press(char),
}

/// What the keypad puts on the wire in one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stroke {
    pub(super) key: char,
    /// RFC 4733 2.3 payload.
    pub(super) payload: [u8; 4],
    /// The event's first packet, which carries the marker.
    pub(super) first: bool,
    /// RTP units since the key went down.
    pub(super) ago: u32,
    /// Times that this packet is sent; the end is said three times (RFC 4733 2.5.1.4).
    pub(super) copies: u32,
}

/// The script is not one: the character that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotAKey(pub(super) char);

impl Keypad {
    /// `script`: keys `0-9 * # A-D`, and `w` for a wait of one second; `frame`: RTP units in 20 ms.
    pub(super) fn new(script: &str, frame: u32) -> Result<Self, NotAKey> {
        let steps = script
            .chars()
            .map(|c| match c.to_ascii_uppercase() {
                'W' => Ok(Step::Wait(FRAMES_PER_SECOND)),
                key if EVENTS.contains(key) => Ok(Step::Press(key)),
                _ => Err(NotAKey(c)),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { steps, frame, spent: 0, pressed: String::new() })
    }

    /// The next frame's stroke, if a key is down in it.
    pub(super) fn tick(&mut self) -> Option<Stroke> {
        let step = *self.steps.front()?;
        self.spent += 1;
        match step {
            Step::Wait(frames) => {
                if self.spent >= frames {
                    self.next();
                }
                None
            }
            // Silence between keys, or two equal keys might be heard as one.
            Step::Press(_) if self.spent > DOWN => {
                if self.spent >= DOWN + UP {
                    self.next();
                }
                None
            }
            Step::Press(key) => {
                let end = self.spent == DOWN;
                let units = self.spent * self.frame;
                if end {
                    self.pressed.push(key);
                }
                let event = EVENTS.find(key).and_then(|event| u8::try_from(event).ok()).unwrap_or(0);
                let duration = u16::try_from(units).unwrap_or(u16::MAX).to_be_bytes();
                Some(Stroke {
                    key,
                    payload: [event, if end { 0x80 | VOLUME } else { VOLUME }, duration[0], duration[1]],
                    first: self.spent == 1,
                    ago: units - self.frame,
                    copies: if end { 3 } else { 1 },
                })
            }
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.steps.is_empty()
    }

    /// The keys that were never pressed.
    pub(super) fn remaining(&self) -> String {
        self.steps.iter().filter_map(|step| if let Step::Press(key) = step { Some(*key) } else { None }).collect()
    }

    fn next(&mut self) {
        self.steps.pop_front();
        self.spent = 0;
    }
}

/// Hears keys: each event once, however often its packets come.
#[derive(Debug, Default)]
pub(super) struct KeysHeard {
    last: Option<u32>,
    pub(super) keys: String,
}

impl KeysHeard {
    /// A telephone-event packet came; its key, if it is a new one.
    pub(super) fn arrive(&mut self, timestamp: u32, payload: &[u8]) -> Option<char> {
        let event = usize::from(*payload.first()?);
        if self.last == Some(timestamp) || self.keys.len() >= KEYS_MAX {
            return None;
        }
        let key = EVENTS.chars().nth(event)?;
        self.last = Some(timestamp);
        self.keys.push(key);
        Some(key)
    }
}

/// RFC 4733 3.2: event codes in order.
const EVENTS: &str = "0123456789*#ABCD";
/// A key is down for 100 ms, well over the 40 ms that receivers ask for.
const DOWN: u32 = 5;
/// And up for 100 ms before the next.
const UP: u32 = 5;
const FRAMES_PER_SECOND: u32 = 50;
/// -10 dBm0.
const VOLUME: u8 = 10;
/// A test call has fewer; a flood stops here.
const KEYS_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_event_with_a_growing_length_and_three_ends() {
        let mut keypad = Keypad::new("7", 160).expect("a key");
        let strokes: Vec<_> = std::iter::from_fn(|| keypad.tick()).collect();
        assert_eq!(strokes.len(), 5);
        assert_eq!(strokes[0], Stroke { key: '7', payload: [7, 10, 0, 160], first: true, ago: 0, copies: 1 });
        assert_eq!(strokes[4], Stroke { key: '7', payload: [7, 0x8a, 3, 32], first: false, ago: 640, copies: 3 });
        assert_eq!(keypad.pressed, "7");
    }

    #[test]
    fn waits_are_seconds() {
        let mut keypad = Keypad::new("w#", 160).expect("keys");
        assert_eq!((1..).find(|_| keypad.tick().is_some()), Some(51));
        assert_eq!(keypad.remaining(), "#");
        while !keypad.is_done() {
            keypad.tick();
        }
        assert_eq!((keypad.pressed.as_str(), keypad.remaining().as_str()), ("#", ""));
    }

    #[test]
    fn letters_that_are_no_keys_are_named() {
        assert_eq!(Keypad::new("12x", 160).err(), Some(NotAKey('x')));
    }

    #[test]
    fn repeated_packets_are_one_key_and_two_presses_are_two() {
        let mut heard = KeysHeard::default();
        let keys: String = [(100, [1, 10, 0, 160]), (100, [1, 0x8a, 3, 32]), (900, [1, 10, 0, 160]), (990, [99, 0, 0, 0])]
            .into_iter()
            .filter_map(|(timestamp, payload)| heard.arrive(timestamp, &payload))
            .collect();
        assert_eq!(keys, "11");
        assert_eq!(heard.arrive(5, &[]), None);
    }
}
