//! One conversation, 20 ms at a time, whatever carries it: what is said and pressed, what is heard.
//!
//! Holds no socket and no clock; `sip/line.rs` and `web/peer.rs` carry its frames.

use std::time::Instant;

use super::{
    audio::{Mouth, Tape},
    ear::{self, Ear},
    keypad::{Keypad, KeysHeard, Stroke},
    rtp::{Packet, Reception, Sending},
};

/// Our side of a conversation.
#[derive(Debug)]
pub(super) struct Talk {
    /// Samples a second, equal to the RTP clock: 8000 or 48 000.
    rate: u32,
    mouth: Mouth,
    keypad: Keypad,
    /// Keys wait for a voice.
    keys_after_voice: bool,
    keys_told: bool,
    pub(super) ear: Ear,
    pub(super) keys_heard: KeysHeard,
    pub(super) tape: Option<Tape>,
    pub(super) sending: Sending,
    pub(super) reception: Reception,
    pub(super) voice_heard: bool,
}

/// What one frame says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Say {
    /// Mono samples, 20 ms.
    Voice(Vec<i16>),
    Key(Stroke),
}

/// Something worth a line in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    /// RTP comes in, silent or not.
    FirstPacket,
    /// Someone is heard.
    FirstVoice,
    /// The last key was let go.
    KeysSent,
    /// The far side pressed a key.
    KeyHeard(char),
}

/// What to say and to listen for.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) mouth: Mouth,
    pub(super) keypad: Keypad,
    pub(super) keys_after_voice: bool,
    pub(super) expect_hz: Option<u16>,
    pub(super) record: bool,
}

impl Talk {
    /// `rate` is the RTP clock; `random` feeds SSRC, first sequence number and first timestamp.
    pub(super) fn new(rate: u32, part: Part, random: (u32, u16, u32)) -> Self {
        Self {
            rate,
            keys_told: part.keypad.is_done(),
            mouth: part.mouth,
            keypad: part.keypad,
            keys_after_voice: part.keys_after_voice,
            ear: Ear::new(part.expect_hz),
            keys_heard: KeysHeard::default(),
            tape: part.record.then(|| Tape::new(rate)),
            sending: Sending::new(random.0, random.1, random.2),
            reception: Reception::new(rate),
            voice_heard: false,
        }
    }

    /// RTP units in a frame of 20 ms.
    pub(super) fn frame_units(&self) -> u32 {
        self.rate / 50
    }

    /// What the next frame says. `Sending::advance` follows when it has been sent.
    pub(super) fn speak(&mut self) -> (Say, Option<Noted>) {
        let stroke = if self.voice_heard || !self.keys_after_voice { self.keypad.tick() } else { None };
        let noted = (!self.keys_told && self.keypad.is_done()).then(|| {
            self.keys_told = true;
            Noted::KeysSent
        });
        let length = usize::try_from(self.frame_units()).unwrap_or(0);
        let say = match stroke {
            Some(stroke) => Say::Key(stroke),
            None => Say::Voice(self.mouth.frame(length)),
        };
        (say, noted)
    }

    /// A packet of voice came; `decode` gives mono samples at our rate and is not asked for a double.
    pub(super) fn hear(&mut self, now: Instant, packet: &Packet<'_>, decode: impl FnOnce(&[u8]) -> Vec<i16>) -> Option<Noted> {
        let first = self.reception.received == 0;
        if !self.reception.arrive(now, packet) {
            return None;
        }
        let samples = decode(packet.payload);
        self.mouth.overhear(&samples);
        if let Some(tape) = &mut self.tape {
            tape.put(packet.ssrc, packet.timestamp, &samples);
        }
        if self.ear.hear(&narrowband(&samples, self.rate)) && !self.voice_heard {
            self.voice_heard = true;
            return Some(Noted::FirstVoice);
        }
        first.then_some(Noted::FirstPacket)
    }

    /// A telephone-event packet came; it shares the sequence space of the voice (RFC 4733 2.1).
    pub(super) fn hear_key(&mut self, now: Instant, packet: &Packet<'_>) -> Option<Noted> {
        self.reception.arrive(now, packet);
        self.keys_heard.arrive(packet.timestamp, packet.payload).map(Noted::KeyHeard)
    }

    /// Keys that were pressed, and those that never were.
    pub(super) fn keys(&self) -> (&str, String) {
        (&self.keypad.pressed, self.keypad.remaining())
    }
}

/// Mono samples at 8 kHz; the mean of each group is low-pass enough to tell tones apart.
fn narrowband(samples: &[i16], rate: u32) -> Vec<i16> {
    let group = usize::try_from(rate / ear::RATE).unwrap_or(1).max(1);
    samples
        .chunks_exact(group)
        .map(|group| {
            let sum: i64 = group.iter().map(|&sample| i64::from(sample)).sum();
            i16::try_from(sum / i64::try_from(group.len()).unwrap_or(1)).unwrap_or(0)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(keys: &str, keys_after_voice: bool) -> Talk {
        let part = Part {
            mouth: Mouth::tone(440, 8000),
            keypad: Keypad::new(keys, 160).expect("keys"),
            keys_after_voice,
            expect_hz: None,
            record: false,
        };
        Talk::new(8000, part, (1, 2, 3))
    }

    fn voice(sequence: u16, loud: i16) -> (Packet<'static>, Vec<i16>) {
        (Packet { payload_type: 0, marker: false, sequence, timestamp: u32::from(sequence) * 160, ssrc: 9, payload: &[] }, vec![loud; 160])
    }

    #[test]
    fn keys_wait_for_a_voice_when_asked_to() {
        let mut talk = talk("1", true);
        assert!((0..100).all(|_| matches!(talk.speak().0, Say::Voice(_))));
        let (packet, samples) = voice(1, 0);
        assert_eq!(talk.hear(Instant::now(), &packet, |_| samples), Some(Noted::FirstPacket));
        assert!(matches!(talk.speak().0, Say::Voice(_)));
        let (packet, samples) = voice(2, 2000);
        assert_eq!(talk.hear(Instant::now(), &packet, |_| samples), Some(Noted::FirstVoice));
        assert!(matches!(talk.speak().0, Say::Key(_)));
    }

    #[test]
    fn the_end_of_the_keys_is_told_once() {
        let mut talk = talk("12", false);
        let told = (0..100).filter(|_| talk.speak().1 == Some(Noted::KeysSent)).count();
        assert_eq!((told, talk.keys()), (1, ("12", String::new())));
    }

    #[test]
    fn an_echoed_double_is_heard_once() {
        let mut talk = talk("", false);
        let (packet, samples) = voice(1, 2000);
        talk.hear(Instant::now(), &packet, |_| samples);
        assert_eq!(talk.hear(Instant::now(), &packet, |_| unreachable!("a double is not decoded")), None);
    }
}
