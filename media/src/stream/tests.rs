//! Both directions against each other, on virtual time.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::*;
use crate::{
    dtmf::DigitEvent,
    frame::{Frame, SampleRate},
    rtp::Header,
    sdp::Flow,
    seq::{distance, timestamp_distance},
    tone::{Tone, level},
};

/// A plan in PCMU with a peer at 192.0.2.1:4000.
pub(crate) fn plan() -> MediaPlan {
    MediaPlan {
        local: SocketAddr::from(([198, 51, 100, 1], 20_000)),
        remote: SocketAddr::from(([192, 0, 2, 1], 4_000)),
        signalled_from: None,
        rtcp_mux: false,
        codec: CodecKind::Pcmu,
        payload_type: 0,
        receive_payload_type: 0,
        digits: Some(DigitPlan { send: 101, receive: 101, clock_rate: 8_000 }),
        tones: false,
        ptime_ms: 20,
        flow: Flow::SendRecv,
        secrets: None,
    }
}

fn format(codec: CodecKind) -> Format {
    let payload_type = codec.description().static_payload_type.unwrap_or(111);
    Format { codec, payload_type, digits: Some((101, codec.clock_rate())) }
}

type Wire = Vec<(Header, Vec<u8>)>;

fn collect(wire: &mut Wire) -> impl FnMut(&Header, &[u8]) + '_ {
    |header, payload| wire.push((*header, payload.to_vec()))
}

fn tick(zero: Instant, tick: u32) -> Instant {
    zero + FRAME_TIME * tick
}

const FRAME_TIME: Duration = Duration::from_millis(20);

#[test]
fn sound_arrives_at_any_packet_length() {
    for (codec, ptime) in [
        (CodecKind::Pcma, 10),
        (CodecKind::Pcmu, 30),
        (CodecKind::Pcmu, 60),
        (CodecKind::G722, 20),
        (CodecKind::G722, 30),
        (CodecKind::Opus, 20),
        (CodecKind::Opus, 60),
    ] {
        let zero = crate::time::zero();
        let mut outbound = Outbound::new(zero, format(codec), ptime, 7, 65_530, u32::MAX - 1_000);
        let mut inbound = Inbound::new(format(codec));
        inbound.listen(true);
        let mut tone = Tone::new(SampleRate::Narrow, &[700.0], 6_000);
        let mut heard: Vec<i16> = Vec::new();
        for n in 0..100 {
            let now = tick(zero, n);
            let mut wire = Wire::new();
            outbound.frame(now, &tone.frame(), &mut collect(&mut wire));
            wire.iter().for_each(|(header, payload)| assert_eq!(inbound.receive(now, header, payload), Ok(Heard::Audio)));
            heard.extend(inbound.pull(now).iter().flat_map(|frame| frame.samples().to_vec()));
        }
        let rate = codec.rate();
        assert!(heard.len() >= 90 * rate.frame_len(), "{codec:?} {ptime}: {}", heard.len());
        let amplitude = level(&heard[heard.len() / 2..], rate.hz(), 700.0);
        assert!((5_000.0..7_000.0).contains(&amplitude), "{codec:?} {ptime}: {amplitude}");
        assert_eq!(inbound.counts(), crate::jitter::Counts::default(), "{codec:?} {ptime}");
    }
}

#[test]
fn a_stream_has_no_seam_between_prompt_bridge_and_key() {
    let zero = crate::time::zero();
    let mut outbound = Outbound::new(zero, format(CodecKind::Pcmu), 20, 7, 100, 5_000);
    let mut wire = Wire::new();
    let silence = Frame::silence(SampleRate::Narrow);
    let relayed = |n: u32| Header { marker: false, payload_type: 8, sequence: 60_000 + n as u16, timestamp: 77 + n * 160, ssrc: 3 };
    for n in 0..100 {
        let now = tick(zero, n);
        if n == 50 {
            outbound.press('4', Duration::from_millis(100));
        }
        outbound.tick(now, &mut collect(&mut wire));
        if (20..80).contains(&n) {
            outbound.relay(now + Duration::from_millis(7), 1, &relayed(n), &[0; 160], &mut collect(&mut wire));
        } else {
            outbound.frame(now, &silence, &mut collect(&mut wire));
        }
    }
    for pair in wire.windows(2) {
        let ((before, _), (after, _)) = (&pair[0], &pair[1]);
        assert_eq!(distance(before.sequence, after.sequence), 1);
        assert!(after.ssrc == 7 && after.payload_type != 8);
        let step = timestamp_distance(before.timestamp, after.timestamp);
        assert!((0..=160 * 10).contains(&step), "{before:?} {after:?}");
        assert!(after.payload_type == 101 || step > 0, "{before:?} {after:?}");
    }
    let (first, last) = (wire[0].0.timestamp, wire[wire.len() - 1].0.timestamp);
    assert!((99 * 160..=100 * 160).contains(&timestamp_distance(first, last)));
    assert_eq!(wire.iter().filter(|(header, _)| header.payload_type == 101).count(), 7);
}

#[test]
fn a_loss_of_the_source_stays_a_loss_and_a_late_packet_of_an_old_splice_is_not_sent() {
    let zero = crate::time::zero();
    let mut outbound = Outbound::new(zero, format(CodecKind::Pcmu), 20, 7, 0, 0);
    let mut wire = Wire::new();
    for sequence in [10, 11, 13, 12, 9] {
        let header = Header { marker: false, payload_type: 0, sequence, timestamp: u32::from(sequence) * 160, ssrc: 3 };
        outbound.relay(zero, 1, &header, &[0; 160], &mut collect(&mut wire));
    }
    assert_eq!(wire.iter().map(|(header, _)| header.sequence).collect::<Vec<_>>(), [0, 1, 3, 2]);
}

#[test]
fn a_key_is_heard_and_sounds_as_silence_without_a_concealed_voice() {
    let zero = crate::time::zero();
    let mut outbound = Outbound::new(zero, format(CodecKind::Pcmu), 20, 7, 0, 0);
    let mut inbound = Inbound::new(format(CodecKind::Pcmu));
    inbound.listen(true);
    let mut tone = Tone::new(SampleRate::Narrow, &[700.0], 6_000);
    let (mut digits, mut frames) = (Vec::new(), Vec::new());
    for n in 0..60 {
        let (now, mut wire) = (tick(zero, n), Wire::new());
        if n == 20 {
            outbound.press('7', Duration::from_millis(120));
        }
        outbound.tick(now, &mut collect(&mut wire));
        outbound.frame(now, &tone.frame(), &mut collect(&mut wire));
        for (header, payload) in &wire {
            assert!(inbound.receive(now, header, payload).is_ok());
        }
        digits.extend(std::iter::from_fn(|| inbound.poll_digit()));
        frames.extend(inbound.pull(now));
    }
    assert_eq!(digits.len(), 2);
    assert_eq!(digits[1], DigitEvent::Ended { digit: '7', length: Duration::from_millis(120) });
    let silent = frames.iter().filter(|frame| level(frame.samples(), 8_000, 700.0) < 500.0).count();
    assert!((6..=10).contains(&silent), "{silent}");
    assert_eq!(inbound.counts().concealed, 0);
}

#[test]
fn a_new_source_or_a_restarted_one_is_heard_at_once() {
    let zero = crate::time::zero();
    let mut inbound = Inbound::new(format(CodecKind::Pcmu));
    inbound.listen(true);
    let mut heard = 0;
    for n in 0..60_u16 {
        let now = tick(zero, n.into());
        let (ssrc, sequence, timestamp) = match n {
            0..20 => (1, n, u32::from(n) * 160),
            20..40 => (2, 40_000 + n, 9_000_000 + u32::from(n) * 160),
            _ => (2, 10_000 + n, u32::from(n) * 160),
        };
        let header = Header { marker: false, payload_type: 0, sequence, timestamp, ssrc };
        let _ = inbound.receive(now, &header, &[0x90; 160]);
        heard += usize::from(inbound.pull(now).is_some());
    }
    assert!(heard >= 50, "{heard}");
}

#[test]
fn a_proposed_format_is_understood_beside_the_old_until_one_is_agreed() {
    let zero = crate::time::zero();
    let mut inbound = Inbound::new(format(CodecKind::Pcmu));
    let header = |payload_type, sequence| Header { marker: false, payload_type, sequence, timestamp: 0, ssrc: 1 };
    assert_eq!(inbound.receive(zero, &header(111, 0), &[1]), Err(Unheard::PayloadType));
    inbound.propose(format(CodecKind::Opus));
    assert_eq!(inbound.receive(zero, &header(111, 1), &[1]), Ok(Heard::Audio));
    assert_eq!(inbound.receive(zero, &header(0, 2), &[1]), Ok(Heard::Audio));
    inbound.agree(format(CodecKind::Opus));
    assert_eq!(inbound.receive(zero, &header(0, 3), &[1]), Err(Unheard::PayloadType));
    assert_eq!(inbound.codec(), CodecKind::Pcmu);
    assert_eq!(inbound.receive(zero, &header(111, 4), &[1]), Ok(Heard::Audio));
    assert_eq!(inbound.codec(), CodecKind::Opus);
}
