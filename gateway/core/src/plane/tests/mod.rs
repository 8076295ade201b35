//! Whole calls through a shard, on virtual time. Each party hums a tone of its own; who hears which is told by ear.

mod bench;
mod broken;
mod conference;
mod keys;
mod settled;
mod web;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use media::{
    clip::{Clip, ClipBook},
    codec::CodecKind,
    frame::{Frame, SampleRate},
    rtp::Header,
    sdp::{DigitPlan, Flow, MediaPlan},
    stream::{Format, Inbound, Outbound},
    tone::{Tone, level},
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use self::bench::{Bench, FAINT, LOUD, Phone, bench_phone_of};
use super::*;
use crate::{
    events::{
        leg::KeySource,
        media::{MediaCommand, MediaEvent, PlayEnd, Topology},
    },
    ids::{BridgeId, PlayId, PortId, RecordingId, UtcMillis},
    now::Now,
    private::Private,
};

const CALLER: PortId = PortId(1);
const AGENT: PortId = PortId(2);
const THIRD: PortId = PortId(3);
const CALLER_HZ: f64 = 500.0;
const AGENT_HZ: f64 = 900.0;
const THIRD_HZ: f64 = 1_300.0;
const PROMPT_HZ: f64 = 1_700.0;

#[test]
fn a_caller_hears_the_prompt_to_its_end() {
    for codec in [CodecKind::Pcmu, CodecKind::G722, CodecKind::Opus] {
        let mut bench = Bench::new(true);
        let mut caller = bench.phone(CALLER, codec, CALLER_HZ);
        bench.play(CALLER, false);
        bench.run(900, &mut [&mut caller]);
        assert!(caller.hears(30, PROMPT_HZ) > LOUD, "{codec:?}");
        bench.run(300, &mut [&mut caller]);
        assert_eq!(bench.ends(), [(1_000, PlayEnd::Finished)]);
        assert_eq!(caller.headers.len(), 50);
        assert!(caller.headers[0].marker);
        assert!(bench.shard.tick_at.is_none(), "a shard at rest does not tick");
    }
}

#[test]
fn a_key_stops_the_prompt_at_its_first_packet_and_is_told_once_at_its_end() {
    let mut bench = Bench::new(true);
    let mut caller = bench.phone(CALLER, CodecKind::Pcma, CALLER_HZ);
    bench.tell(MediaCommand::Collect { port: CALLER, keys_interrupt: true, speech_interrupts: false });
    bench.play(CALLER, true);
    bench.run(2_000, &mut [&mut caller]);
    caller.outbound.press('5', Duration::from_millis(100));
    bench.run(500, &mut [&mut caller]);
    assert_eq!(bench.ends(), [(2_000, PlayEnd::Interrupted)]);
    assert_eq!(caller.headers.len(), 101, "the frame of that very tick and nothing after it");
    let digits: Vec<_> = bench.events.iter().filter(|(_, event)| matches!(event, MediaEvent::DigitHeard { .. })).collect();
    let length = Duration::from_millis(100);
    let digit = MediaEvent::DigitHeard { port: CALLER, digit: Private('5'), length, source: KeySource::Event };
    assert_eq!(digits, [&(2_080, digit)]);
}

#[test]
fn speech_stops_the_prompt_where_it_may() {
    let mut bench = Bench::new(true);
    let mut caller = bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ);
    caller.hums = false;
    bench.tell(MediaCommand::Collect { port: CALLER, keys_interrupt: true, speech_interrupts: true });
    bench.play(CALLER, true);
    bench.run(1_000, &mut [&mut caller]);
    assert_eq!(bench.ends(), []);
    caller.hums = true;
    bench.run(500, &mut [&mut caller]);
    caller.hums = false;
    bench.run(1_500, &mut [&mut caller]);
    assert!(matches!(bench.ends()[..], [(1_001..1_160, PlayEnd::Interrupted)]), "{:?}", bench.ends());
    assert!(bench.events.iter().any(|(_, event)| matches!(event, MediaEvent::SpeechEnded { spoken_ms: 460..=580, .. })));
}

#[test]
fn a_pair_of_one_codec_is_relayed_at_once_without_a_tick_and_under_one_ssrc() {
    let mut bench = Bench::new(true);
    let (mut caller, mut agent) = (bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ), bench.phone(AGENT, CodecKind::Pcmu, AGENT_HZ));
    bench.play(CALLER, false);
    bench.run(1_500, &mut [&mut caller, &mut agent]);
    bench.bridge(CALLER, AGENT);
    assert!(bench.shard.tick_at.is_none());
    bench.run(500, &mut [&mut caller, &mut agent]);
    agent.outbound = Outbound::new(bench.now().instant, Format::sent(&agent.plan), 20, 4_711, 60_000, 1);
    bench.run(500, &mut [&mut caller, &mut agent]);
    bench.play(CALLER, false);
    bench.run(1_500, &mut [&mut caller, &mut agent]);
    assert!(caller.hears(20, AGENT_HZ) > LOUD && agent.hears(20, CALLER_HZ) > LOUD);
    for pair in caller.headers.windows(2) {
        assert_eq!(pair[0].ssrc, pair[1].ssrc);
        assert_eq!(pair[1].sequence.wrapping_sub(pair[0].sequence), 1);
        let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert!((160..=161 * 26).contains(&step), "{pair:?}");
    }
    let silences = caller.headers.windows(2).filter(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp) > 320).count();
    assert_eq!(silences, 1, "only the half second before the bridge");
    assert!(bench.shard.tick_at.is_none() && bench.shard.counts() == Counts::default());
}

#[test]
fn a_pair_of_two_codecs_hears_each_others_tone() {
    for (of_caller, of_agent) in
        [(CodecKind::Pcmu, CodecKind::Opus), (CodecKind::G722, CodecKind::Opus), (CodecKind::G722, CodecKind::Pcma)]
    {
        let mut bench = Bench::new(true);
        let (mut caller, mut agent) = (bench.phone(CALLER, of_caller, CALLER_HZ), bench.phone(AGENT, of_agent, AGENT_HZ));
        bench.bridge(CALLER, AGENT);
        bench.run(2_000, &mut [&mut caller, &mut agent]);
        assert!(caller.hears(50, AGENT_HZ) > LOUD && agent.hears(50, CALLER_HZ) > LOUD);
        assert!(caller.hears(50, CALLER_HZ) < FAINT && agent.hears(50, AGENT_HZ) < FAINT, "nobody hears himself");
    }
}

#[test]
fn a_key_reaches_the_other_side_under_its_own_payload_type_and_clock() {
    let mut bench = Bench::new(true);
    let (mut caller, mut agent) = (bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ), bench.phone(AGENT, CodecKind::Opus, AGENT_HZ));
    bench.bridge(CALLER, AGENT);
    bench.run(400, &mut [&mut caller, &mut agent]);
    caller.outbound.press('#', Duration::from_millis(120));
    bench.run(800, &mut [&mut caller, &mut agent]);
    let digits: Vec<_> = std::iter::from_fn(|| agent.inbound.poll_digit()).collect();
    let length = Duration::from_millis(120);
    assert_eq!(digits, [media::dtmf::DigitEvent::Began { digit: '#' }, media::dtmf::DigitEvent::Ended { digit: '#', length }]);
    assert!(bench.events.iter().all(|(_, event)| !matches!(event, MediaEvent::DigitHeard { .. })), "nobody collects");
}

/// What an attacker hears and what the agent hears of the attacker: a hum at the caller's port from a foreign address.
fn attacked(guard: bool) -> (usize, f64, f64) {
    let mut bench = Bench::new(guard);
    let (mut caller, mut agent) = (bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ), bench.phone(AGENT, CodecKind::Pcmu, AGENT_HZ));
    let mut attacker = bench.phone(THIRD, CodecKind::Pcmu, THIRD_HZ);
    attacker.plan.local = caller.plan.local;
    bench.bridge(CALLER, AGENT);
    bench.run(2_000, &mut [&mut caller, &mut attacker, &mut agent]);
    (attacker.headers.len(), agent.hears(50, THIRD_HZ), agent.hears(50, CALLER_HZ))
}

#[test]
fn a_foreign_source_is_neither_heard_nor_sent_to() {
    let (stolen, injected, kept) = attacked(true);
    assert_eq!(stolen, 0);
    assert!(injected < FAINT && kept > LOUD, "{injected} {kept}");
    let (stolen, injected, _) = attacked(false);
    assert!(stolen > 40 && injected > FAINT, "without the guard the attack succeeds: {stolen} {injected}");
}

#[test]
fn a_recording_has_the_caller_left_what_the_caller_heard_right_and_no_gap() {
    for agent_codec in [CodecKind::Pcmu, CodecKind::Opus] {
        let mut bench = Bench::new(true);
        let (mut caller, mut agent) = (bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ), bench.phone(AGENT, agent_codec, AGENT_HZ));
        let recording = RecordingId(1);
        bench.tell(MediaCommand::Record { recording, caller: CALLER, agent: None });
        bench.play(CALLER, false);
        bench.run(2_000, &mut [&mut caller, &mut agent]);
        bench.tell(MediaCommand::Record { recording, caller: CALLER, agent: Some(AGENT) });
        bench.bridge(CALLER, AGENT);
        bench.run(2_000, &mut [&mut caller, &mut agent]);
        bench.tell(MediaCommand::PauseRecording { recording });
        bench.run(1_000, &mut [&mut caller, &mut agent]);
        bench.tell(MediaCommand::ResumeRecording { recording });
        bench.run(1_000, &mut [&mut caller, &mut agent]);
        bench.tell(MediaCommand::Close { port: CALLER });
        assert!(matches!(bench.recorder.first(), Some(RecorderCommand::Start { rate: 8_000, .. })));
        assert_eq!(bench.recorder.last(), Some(&RecorderCommand::Seal { recording }));
        let (left, right) = bench.recorded();
        assert!((47_840..=48_160).contains(&left.len()), "{}", left.len());
        let of = |side: &[i16], from_ms: usize, to_ms: usize, hz| level(&side[from_ms * 8..to_ms * 8], 8_000, hz);
        assert!(of(&left, 200, 4_000, CALLER_HZ) > LOUD && of(&left, 0, 4_000, PROMPT_HZ) < FAINT);
        assert!(of(&right, 0, 1_000, PROMPT_HZ) > LOUD && of(&right, 0, 2_000, AGENT_HZ) < FAINT);
        assert!(right[1_040 * 8..2_000 * 8].iter().all(|&sample| sample == 0));
        assert!(of(&right, 2_200, 4_000, AGENT_HZ) > LOUD && of(&right, 2_000, 4_000, CALLER_HZ) < FAINT);
        assert!(left[4_000 * 8..5_200 * 8].iter().chain(&right[4_000 * 8..5_200 * 8]).all(|&sample| sample == 0));
        assert!(of(&left, 5_400, 5_900, CALLER_HZ) > LOUD && of(&right, 5_400, 5_900, AGENT_HZ) > LOUD);
        assert!(caller.headers.len() >= 190, "recording does not hurt the call");
    }
}

#[test]
fn a_first_word_between_two_ticks_is_sent_at_once_and_recorded_in_full() {
    let mut bench = Bench::new(true);
    let mut caller = bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ);
    caller.hums = false;
    bench.tell(MediaCommand::Record { recording: RecordingId(1), caller: CALLER, agent: None });
    bench.run(7, &mut [&mut caller]);
    bench.play(CALLER, false);
    assert_eq!(bench.sent.iter().filter(|sent| sent.to == caller.address).map(|sent| sent.ms).collect::<Vec<_>>(), [7]);
    bench.run(1_200, &mut [&mut caller]);
    bench.tell(MediaCommand::SealRecording { recording: RecordingId(1) });
    let (_, right) = bench.recorded();
    let (first, last) = (right.iter().position(|&sample| sample != 0), right.iter().rposition(|&sample| sample != 0));
    let said = last.unwrap() - first.unwrap();
    assert!((7_960..8_000).contains(&said), "{said}");
    assert_eq!(caller.headers.len(), 50);
}

#[test]
fn a_late_wake_is_silence_in_the_recording_and_not_a_shorter_file() {
    let mut bench = Bench::new(true);
    let mut caller = bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ);
    bench.tell(MediaCommand::Record { recording: RecordingId(1), caller: CALLER, agent: None });
    bench.run(1_000, &mut [&mut caller]);
    bench.ms += 3_000;
    bench.run(1_000, &mut [&mut caller]);
    bench.tell(MediaCommand::SealRecording { recording: RecordingId(1) });
    let length = bench.recorded().0.len();
    assert!((5_000 * 8 - 160..=5_000 * 8 + 160).contains(&length), "{length}");
    assert!(bench.shard.counts().ticks_missed >= 140);
}

#[test]
fn a_conference_hears_all_but_oneself_and_a_listener_is_not_heard() {
    let mut bench = Bench::new(true);
    let mut caller = bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ);
    let mut agent = bench.phone(AGENT, CodecKind::Opus, AGENT_HZ);
    let mut third = bench.phone(THIRD, CodecKind::Pcma, THIRD_HZ);
    let topology = Topology::Conference { ports: vec![CALLER, AGENT, THIRD] };
    bench.tell(MediaCommand::Bridge { bridge: BridgeId(1), topology });
    bench.run(2_000, &mut [&mut caller, &mut agent, &mut third]);
    for (phone, mine) in [(&caller, CALLER_HZ), (&agent, AGENT_HZ), (&third, THIRD_HZ)] {
        for hz in [CALLER_HZ, AGENT_HZ, THIRD_HZ] {
            assert_eq!(phone.hears(50, hz) > LOUD, hz != mine, "{mine} {hz}");
        }
    }
    let topology = Topology::Listen { caller: CALLER, agent: AGENT, listener: THIRD };
    bench.tell(MediaCommand::Bridge { bridge: BridgeId(1), topology });
    bench.run(2_000, &mut [&mut caller, &mut agent, &mut third]);
    assert!(caller.hears(50, THIRD_HZ) < FAINT && agent.hears(50, THIRD_HZ) < FAINT);
    assert!(third.hears(50, CALLER_HZ) > LOUD && third.hears(50, AGENT_HZ) > LOUD && caller.hears(50, AGENT_HZ) > LOUD);
    bench.tell(MediaCommand::Mute { port: AGENT, muted: true });
    bench.run(2_000, &mut [&mut caller, &mut agent, &mut third]);
    assert!(caller.hears(50, AGENT_HZ) < FAINT && third.hears(50, AGENT_HZ) < FAINT && third.hears(50, CALLER_HZ) > LOUD);
}

#[test]
fn a_re_offer_is_received_at_once_sent_by_once_it_is_taken_and_forgotten_if_not() {
    let mut bench = Bench::new(true);
    let (mut caller, mut agent) = (bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ), bench.phone(AGENT, CodecKind::Pcmu, AGENT_HZ));
    bench.bridge(CALLER, AGENT);
    bench.run(500, &mut [&mut caller, &mut agent]);
    let elsewhere: SocketAddr = "192.0.2.77:9000".parse().unwrap();
    let plan = MediaPlan { remote: elsewhere, codec: CodecKind::Pcma, payload_type: 8, receive_payload_type: 8, ..caller.plan.clone() };
    bench.tell(MediaCommand::Replan { port: CALLER, plan: plan.clone() });
    bench.tell(MediaCommand::Rollback { port: CALLER });
    bench.run(500, &mut [&mut caller, &mut agent]);
    assert!(caller.hears(20, AGENT_HZ) > LOUD && agent.hears(20, CALLER_HZ) > LOUD);
    bench.tell(MediaCommand::Replan { port: CALLER, plan: plan.clone() });
    bench.tell(MediaCommand::Commit { port: CALLER });
    let mut moved = Phone { address: elsewhere, ..bench_phone_of(&bench, &plan, CALLER_HZ) };
    moved.hums = true;
    bench.run(1_000, &mut [&mut moved, &mut agent]);
    assert!(moved.hears(20, AGENT_HZ) > LOUD && agent.hears(20, CALLER_HZ) > LOUD, "A-law on one side, mu-law on the other");
    assert_eq!(moved.headers[0].ssrc, caller.headers[0].ssrc);
    bench.tell(MediaCommand::Direct { port: CALLER, flow: Flow::Inactive });
    let (heard, sent) = (agent.headers.len(), moved.headers.len());
    bench.run(300, &mut [&mut moved, &mut agent]);
    assert_eq!(moved.headers.len(), sent, "a caller on hold is sent nothing");
    assert!(agent.headers.len() >= heard && agent.hears(5, CALLER_HZ) < FAINT);
}

#[test]
fn a_port_closes_with_its_totals_and_its_address_rests() {
    let mut bench = Bench::new(true);
    let mut caller = bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ);
    bench.play(CALLER, true);
    bench.run(1_000, &mut [&mut caller]);
    bench.tell(MediaCommand::Close { port: CALLER });
    assert_eq!(bench.ends(), [(1_000, PlayEnd::Stopped)]);
    let Some((_, MediaEvent::Closed { port: CALLER, quality })) = bench.events.last() else { panic!("no last word") };
    assert!((quality.received, quality.lost) == (50, 0) && quality.mos_x100 > 400, "{quality:?}");
    bench.run(4_900, &mut [&mut caller]);
    assert_eq!(bench.shard.counts().homeless, 245, "media of the old call");
    bench.tell(MediaCommand::LeasePorts { count: 1 });
    assert!(bench.locals.len() == 5 && bench.locals[4] != caller.plan.local);
    bench.run(400, &mut []);
    bench.tell(MediaCommand::LeasePorts { count: 1 });
    assert_eq!(bench.locals[5], caller.plan.local);
}

#[test]
fn a_play_of_a_missing_clip_fails_and_another_play_stops_the_first() {
    let mut bench = Bench::new(true);
    let mut caller = bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ);
    bench.play(CALLER, true);
    bench.tell(MediaCommand::Play { port: CALLER, play: PlayId(10), clips: vec!["en/none".into()], repeat: false });
    bench.tell(MediaCommand::Play { port: THIRD, play: PlayId(11), clips: vec![], repeat: false });
    bench.run(100, &mut [&mut caller]);
    assert_eq!(bench.ends(), [(0, PlayEnd::Stopped), (0, PlayEnd::Failed), (0, PlayEnd::Failed)]);
}

#[test]
fn a_peer_that_falls_silent_is_reported_once_and_never_hung_up_on() {
    let mut bench = Bench::new(true);
    let mut caller = bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ);
    bench.run(5_000, &mut [&mut caller]);
    caller.hums = false;
    bench.run(30_000, &mut [&mut caller]);
    let lost = |bench: &Bench| bench.events.iter().filter(|(_, event)| matches!(event, MediaEvent::MediaLost { .. })).count();
    assert_eq!(lost(&bench), 1);
    bench.tell(MediaCommand::Direct { port: CALLER, flow: Flow::SendOnly });
    bench.run(30_000, &mut [&mut caller]);
    assert_eq!(lost(&bench), 1);
    assert!(bench.sent.iter().any(|sent| sent.to.port() == 4_001), "reports go on");
}

#[test]
fn relaying_a_packet_uses_the_memory_of_the_one_before() {
    let mut bench = Bench::new(true);
    let (mut caller, mut agent) = (bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ), bench.phone(AGENT, CodecKind::Pcmu, AGENT_HZ));
    bench.bridge(CALLER, AGENT);
    bench.run(100, &mut [&mut caller, &mut agent]);
    let header = Header { marker: false, payload_type: 0, sequence: 500, timestamp: 0, ssrc: 1 };
    let mut bytes = Vec::new();
    header.write(&[0; 160], &mut bytes);
    let mut places = Vec::new();
    for _ in 0..10 {
        bench.shard.handle(bench.now(), ShardInput::Received { socket: SocketId(0), from: caller.address, bytes: &bytes });
        while let Some(output) = bench.shard.poll() {
            if let ShardOutput::Transmit { bytes, .. } = output {
                places.push(bytes.as_ptr());
                bench.shard.recycle(bytes);
            }
        }
    }
    assert!(!places.is_empty() && places.iter().all(|place| *place == places[0]));
}
