//! Hears the keys that a port sends as tones, and those alone: where a key comes as an RTP event too, the event is the key.

use std::time::{Duration, Instant};

use media::{
    dtmf::{DigitEvent, ToneReceiver},
    frame::Frame,
};

/// One port's tones. It costs nothing until it hears something.
#[derive(Debug, Default)]
pub(super) struct ToneEar {
    receiver: Option<Box<ToneReceiver>>,
    /// A key that comes as events is down, or was so lately.
    event: Event,
}

#[derive(Debug, Default, Clone, Copy)]
enum Event {
    #[default]
    None,
    Down,
    Up(Instant),
}

impl ToneEar {
    /// Takes the next 20 ms.
    pub(super) fn hear(&mut self, frame: Option<&Frame>) {
        self.receiver.get_or_insert_default().hear(frame);
    }

    /// The next thing that happened.
    pub(super) fn poll(&mut self) -> Option<DigitEvent> {
        self.receiver.as_mut()?.poll()
    }

    /// An event of the same stream goes before whatever was half heard of its tone, which comes later, by way of the jitter buffer.
    pub(super) fn event_heard(&mut self, now: Instant, event: &DigitEvent) {
        self.receiver = None;
        self.event = match event {
            DigitEvent::Began { .. } => Event::Down,
            DigitEvent::Ended { .. } => Event::Up(now),
        };
    }

    /// Tones that sound now are those of an event.
    pub(super) fn is_deaf(&self, now: Instant) -> bool {
        match self.event {
            Event::None => false,
            Event::Down => true,
            Event::Up(at) => now.saturating_duration_since(at) < TAIL,
        }
    }
}

/// What a jitter buffer holds at most, and the longest tail that a gateway on the way lets through.
const TAIL: Duration = Duration::from_millis(300);
