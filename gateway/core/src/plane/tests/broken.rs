//! A bug that is put into the work for one port takes that port alone.

use super::{super::shard::Wire, *};

const OTHER_CALLER: PortId = PortId(3);
const OTHER_AGENT: PortId = PortId(4);

/// Two calls talk, the first one recorded and of two codecs where `mixed`; a bug of this kind waits at the `victim`.
fn fallen(wire: Wire, victim: PortId, mixed: bool) -> Bench {
    let mut bench = Bench::new(true);
    let codec = if mixed { CodecKind::Opus } else { CodecKind::Pcmu };
    let (mut caller, mut agent) = (bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ), bench.phone(AGENT, codec, AGENT_HZ));
    let mut other_caller = bench.phone(OTHER_CALLER, CodecKind::Pcmu, CALLER_HZ);
    let mut other_agent = bench.phone(OTHER_AGENT, CodecKind::Pcmu, THIRD_HZ);
    bench.bridge(CALLER, AGENT);
    let topology = Topology::Pair { caller: OTHER_CALLER, agent: OTHER_AGENT };
    bench.tell(MediaCommand::Bridge { bridge: BridgeId(2), topology });
    bench.tell(MediaCommand::Record { recording: RecordingId(1), caller: CALLER, agent: Some(AGENT) });
    bench.run(1_000, &mut [&mut caller, &mut agent, &mut other_caller, &mut other_agent]);
    bench.shard.tripwire = Some((victim, wire));
    bench.run(6_000, &mut [&mut caller, &mut agent, &mut other_caller, &mut other_agent]);
    assert!(bench.shard.tripwire.is_none(), "{wire:?} at {victim:?} has happened");
    assert!(!bench.shard.ports.contains_key(&victim));
    assert!(other_caller.hears(200, THIRD_HZ) > LOUD && other_agent.hears(200, CALLER_HZ) > LOUD, "the other call goes on: {wire:?}");
    assert!(other_agent.headers.windows(2).all(|pair| pair[1].sequence.wrapping_sub(pair[0].sequence) == 1), "and loses no packet");
    assert!(other_agent.hears(200, AGENT_HZ) < FAINT && other_caller.hears(200, AGENT_HZ) < FAINT, "and hears nobody else");
    bench
}

fn of_port(bench: &Bench, id: PortId) -> Vec<&MediaEvent> {
    let is_its = |event: &&MediaEvent| matches!(event, MediaEvent::Broken { port } | MediaEvent::Closed { port, .. } if *port == id);
    bench.events.iter().map(|(_, event)| event).filter(is_its).collect()
}

#[test]
fn a_bug_in_one_ports_work_ends_that_port_alone() {
    for (wire, mixed) in [(Wire::Packet, false), (Wire::Relay, false), (Wire::Tick, true), (Wire::Timer, false)] {
        let mut bench = fallen(wire, AGENT, mixed);
        let [MediaEvent::Broken { .. }, MediaEvent::Closed { quality, .. }] = of_port(&bench, AGENT)[..] else {
            panic!("{wire:?}: {:?}", bench.events)
        };
        assert!(quality.received >= 49, "{wire:?}: {quality:?}");
        assert!(of_port(&bench, CALLER).is_empty(), "its partner is the call's to end");
        bench.tell(MediaCommand::Close { port: AGENT });
        bench.tell(MediaCommand::Close { port: CALLER });
        assert_eq!(of_port(&bench, AGENT).len(), 2, "closed once");
        assert_eq!(bench.recorder.last(), Some(&RecorderCommand::Seal { recording: RecordingId(1) }));
    }
}

#[test]
fn a_recording_is_kept_up_to_the_bug_that_took_its_caller() {
    for wire in [Wire::Tape, Wire::Packet] {
        let bench = fallen(wire, CALLER, false);
        assert_eq!(bench.recorder.last(), Some(&RecorderCommand::Seal { recording: RecordingId(1) }));
        let (left, _) = bench.recorded();
        assert!((7_600..=8_400).contains(&left.len()), "{wire:?}: {}", left.len());
        assert!(level(&left[2_000..7_000], 8_000, CALLER_HZ) > LOUD);
    }
}

#[test]
fn a_port_that_breaks_as_it_opens_is_closed_and_its_address_rests() {
    let mut bench = Bench::new(true);
    bench.shard.tripwire = Some((CALLER, Wire::Command));
    let caller = bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ);
    assert!(matches!(of_port(&bench, CALLER)[..], [MediaEvent::Broken { .. }, MediaEvent::Closed { .. }]), "{:?}", bench.events);
    assert!(bench.shard.deadline().is_some());
    bench.run(6_000, &mut []);
    let before = bench.locals.len();
    bench.tell(MediaCommand::LeasePorts { count: 1 });
    assert_eq!(bench.locals[before..], [caller.plan.local]);
}

#[test]
fn a_play_on_a_port_that_breaks_is_over() {
    let mut bench = Bench::new(true);
    let mut caller = bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ);
    bench.play(CALLER, true);
    bench.run(500, &mut [&mut caller]);
    bench.shard.tripwire = Some((CALLER, Wire::Tick));
    bench.run(500, &mut [&mut caller]);
    assert_eq!(bench.ends(), [(500, PlayEnd::Stopped)]);
    assert!(bench.shard.tick_at.is_none(), "nobody is left to tick for");
}
