//! Keys through a network that loses packets, on virtual time.

use std::time::Duration;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::DigitEvent;
use crate::{
    codec::CodecKind,
    frame::{Frame, SampleRate},
    rtp::Header,
    stream::{Format, Inbound, Outbound},
};

#[test]
fn ten_thousand_keys_at_5_percent_loss_are_all_heard_and_each_once() {
    let (zero, mut rng) = (crate::time::zero(), ChaCha8Rng::seed_from_u64(4_733));
    let format = Format { codec: CodecKind::Pcmu, payload_type: 0, digits: Some((101, 8_000)) };
    let mut outbound = Outbound::new(zero, format, 20, 7, 0, 0);
    let mut inbound = Inbound::new(format);
    let (mut pressed, mut heard, mut lost) = (String::new(), String::new(), 0);
    let voice = Frame::silence(SampleRate::Narrow);
    for tick in 0.. {
        let now = zero + Duration::from_millis(20) * tick;
        if !outbound.has_keys() {
            if pressed.len() == 10_000 {
                break;
            }
            let digit = char::from(super::KEYS[(rng.next_u32() % 16) as usize]);
            pressed.push(digit);
            outbound.press(digit, Duration::from_millis(60 + u64::from(rng.next_u32() % 100)));
        }
        let mut wire: Vec<(Header, Vec<u8>)> = Vec::new();
        let mut sink = |header: &Header, payload: &[u8]| wire.push((*header, payload.to_vec()));
        outbound.tick(now, &mut sink);
        outbound.frame(now, &voice, &mut sink);
        for (header, payload) in wire {
            if rng.next_u32() % 20 == 0 {
                lost += 1;
            } else {
                inbound.receive(now, &header, &payload).unwrap();
            }
        }
        inbound.handle_timeout(now);
        let ended = |event| if let DigitEvent::Ended { digit, .. } = event { Some(digit) } else { None };
        heard.extend(std::iter::from_fn(|| inbound.poll_digit()).filter_map(ended));
    }
    inbound.handle_timeout(zero + Duration::from_secs(36_000));
    heard.extend(std::iter::from_fn(|| inbound.poll_digit()).filter_map(|event| match event {
        DigitEvent::Ended { digit, .. } => Some(digit),
        DigitEvent::Began { .. } => None,
    }));
    assert!(lost > 5_000, "{lost}");
    assert_eq!(heard, pressed);
}
