//! Many in one bridge: who hears whom, and how well when all shout.

use super::*;

/// A port and its own tone for each of so many; 100 Hz apart, so that 100 ms tell them from each other.
fn crowd(bench: &mut Bench, codecs: &[CodecKind]) -> Vec<(PortId, f64, Phone)> {
    bench.tell(MediaCommand::LeasePorts { count: codecs.len() as u16 });
    let numbered = codecs.iter().enumerate();
    numbered
        .map(|(at, &codec)| {
            let (port, hz) = (PortId(1 + at as u64), 500.0 + 100.0 * at as f64);
            (port, hz, bench.phone(port, codec, hz))
        })
        .collect()
}

fn run(bench: &mut Bench, ms: u64, crowd: &mut [(PortId, f64, Phone)]) {
    let mut phones: Vec<&mut Phone> = crowd.iter_mut().map(|(_, _, phone)| phone).collect();
    bench.run(ms, &mut phones);
}

#[test]
fn in_a_conference_of_eight_each_hears_the_seven_others_and_never_himself() {
    let codecs = [CodecKind::Pcmu, CodecKind::Pcma, CodecKind::Opus, CodecKind::Pcmu].repeat(2);
    let mut bench = Bench::new(true);
    let mut crowd = crowd(&mut bench, &codecs);
    let ports = crowd.iter().map(|(port, ..)| *port).collect();
    bench.tell(MediaCommand::Bridge { bridge: BridgeId(1), topology: Topology::Conference { ports } });
    for (.., phone) in &mut crowd {
        phone.tone = Tone::new(SampleRate::Narrow, &[phone_hz(phone)], 3_000);
    }
    run(&mut bench, 2_500, &mut crowd);
    for (port, mine, phone) in &crowd {
        for (_, hz, _) in &crowd {
            let heard = phone.hears(50, *hz);
            assert_eq!(heard > 1_500.0, hz != mine, "{port:?} {hz}: {heard}");
            // A tenth of what he would hear: Opus has some noise between seven tones.
            assert!(hz != mine || heard < 300.0, "{port:?} hears himself: {heard}");
        }
    }
    bench.tell(MediaCommand::Mute { port: PortId(3), muted: true });
    bench.tell(MediaCommand::Close { port: PortId(4) });
    run(&mut bench, 2_000, &mut crowd);
    for (port, _, phone) in crowd.iter().filter(|(port, ..)| *port != PortId(4)) {
        assert!(phone.hears(50, 700.0) < FAINT && phone.hears(50, 800.0) < FAINT, "{port:?}: one is muted, one has gone");
        assert_eq!(phone.hears(50, 900.0) > 1_500.0, *port != PortId(5), "{port:?}");
    }
}

/// The tone that a phone of `crowd` was made with.
fn phone_hz(phone: &Phone) -> f64 {
    500.0 + 100.0 * f64::from((phone.plan.local.port() - 20_000) / 2)
}

#[test]
fn of_two_who_shout_a_third_hears_both_alike_and_nothing_else() {
    let mut bench = Bench::new(true);
    let mut crowd = crowd(&mut bench, &[CodecKind::Pcmu; 3]);
    for (_, hz, phone) in &mut crowd {
        phone.tone = Tone::new(SampleRate::Narrow, &[*hz], 30_000);
    }
    crowd[2].2.hums = false;
    let ports = crowd.iter().map(|(port, ..)| *port).collect();
    bench.tell(MediaCommand::Bridge { bridge: BridgeId(1), topology: Topology::Conference { ports } });
    run(&mut bench, 2_000, &mut crowd);
    let third = &crowd[2].2;
    let (one, two) = (third.hears(50, 500.0), third.hears(50, 600.0));
    assert!((12_500.0..16_500.0).contains(&one) && (one - two).abs() < 500.0, "{one} {two}");
    // What cutting off would add: sums and differences of the two.
    for hz in [400.0, 700.0, 1_500.0, 1_700.0] {
        assert!(third.hears(50, hz) < 300.0, "{hz}: {}", third.hears(50, hz));
    }
}

#[test]
fn a_coach_is_heard_by_the_agent_alone_and_hears_both() {
    let mut bench = Bench::new(true);
    let mut crowd = crowd(&mut bench, &[CodecKind::Pcmu, CodecKind::Opus, CodecKind::Pcma]);
    let topology = Topology::Whisper { caller: PortId(1), agent: PortId(2), coach: PortId(3) };
    bench.tell(MediaCommand::Bridge { bridge: BridgeId(1), topology });
    run(&mut bench, 2_500, &mut crowd);
    for (listener, heard) in [(0, [false, true, false]), (1, [true, false, true]), (2, [true, true, false])] {
        for (speaker, heard) in heard.into_iter().enumerate() {
            let level = crowd[listener].2.hears(50, crowd[speaker].1);
            assert!(if heard { level > LOUD } else { level < FAINT }, "{listener} hears {speaker}: {level}");
        }
    }
}
