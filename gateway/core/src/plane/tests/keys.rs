//! Keys that come and go as tones.

use media::dtmf::{DigitEvent, ToneReceiver};

use super::*;

/// A phone with which no telephone-event was agreed.
fn toned(bench: &mut Bench, codec: CodecKind, tones: bool) -> Phone {
    let plan = MediaPlan { digits: None, tones, ..bench.plan(CALLER, codec) };
    bench.phone_on(CALLER, plan, CALLER_HZ)
}

/// The keys that were told, with their ways.
fn told(bench: &Bench) -> Vec<(char, KeySource)> {
    let key = |(_, event): &(u64, MediaEvent)| {
        let MediaEvent::DigitHeard { digit, source, .. } = event else { return None };
        Some((digit.0, *source))
    };
    bench.events.iter().filter_map(key).collect()
}

fn collect(bench: &mut Bench) {
    bench.tell(MediaCommand::Collect { port: CALLER, keys_interrupt: true, speech_interrupts: false });
}

#[test]
fn keys_of_a_phone_without_telephone_event_are_heard_in_its_sound_and_stop_the_prompt() {
    for codec in [CodecKind::Pcmu, CodecKind::Opus] {
        let mut bench = Bench::new(true);
        let mut caller = toned(&mut bench, codec, true);
        collect(&mut bench);
        bench.play(CALLER, true);
        bench.run(1_000, &mut [&mut caller]);
        "1599#".chars().for_each(|key| caller.outbound.press(key, Duration::from_millis(80)));
        bench.run(1_500, &mut [&mut caller]);
        assert_eq!(told(&bench), ['1', '5', '9', '9', '#'].map(|key| (key, KeySource::Tone)), "{codec:?}");
        let [(at, PlayEnd::Interrupted)] = bench.ends()[..] else { panic!("{codec:?}: {:?}", bench.ends()) };
        assert!((1_020..1_160).contains(&at), "{codec:?}: {at}");
    }
}

#[test]
fn tones_are_no_keys_where_that_was_not_agreed_or_nobody_collects() {
    for (tones, collects) in [(false, true), (true, false)] {
        let mut bench = Bench::new(true);
        let mut caller = toned(&mut bench, CodecKind::Pcma, tones);
        if collects {
            collect(&mut bench);
        }
        bench.play(CALLER, true);
        caller.outbound.press('5', Duration::from_millis(100));
        bench.run(1_000, &mut [&mut caller]);
        assert_eq!(told(&bench), [], "{tones} {collects}");
    }
}

#[test]
fn a_key_that_comes_as_event_and_as_tone_is_one_and_the_event_wins() {
    let mut bench = Bench::new(true);
    let plan = MediaPlan { tones: true, ..bench.plan(CALLER, CodecKind::Pcmu) };
    let mut caller = bench.phone_on(CALLER, plan, CALLER_HZ);
    collect(&mut bench);
    for _ in 0..20 {
        // What leaks past a gateway that makes events of tones: before it has understood the key, and after its end.
        caller.tone = Tone::new(SampleRate::Narrow, &[770.0, 1_336.0], 8_000);
        bench.run(80, &mut [&mut caller]);
        caller.outbound.press('5', Duration::from_millis(100));
        bench.run(220, &mut [&mut caller]);
        caller.tone = Tone::new(SampleRate::Narrow, &[CALLER_HZ], 8_000);
        bench.run(400, &mut [&mut caller]);
    }
    assert_eq!(told(&bench), [('5', KeySource::Event); 20]);
}

#[test]
fn a_key_for_a_phone_without_telephone_event_is_sent_as_tones() {
    let mut bench = Bench::new(true);
    let mut caller = toned(&mut bench, CodecKind::Pcmu, true);
    let mut agent = bench.phone(AGENT, CodecKind::Pcmu, AGENT_HZ);
    bench.bridge(CALLER, AGENT);
    bench.run(400, &mut [&mut caller, &mut agent]);
    for digit in "42#".chars() {
        bench.tell(MediaCommand::SendDigit { port: CALLER, digit: Private(digit), length: Duration::from_millis(100) });
    }
    agent.outbound.press('7', Duration::from_millis(100));
    bench.run(1_600, &mut [&mut caller, &mut agent]);
    let mut ear = ToneReceiver::new();
    caller.heard.iter().for_each(|frame| ear.hear(frame.as_ref()));
    let digit = |event| if let DigitEvent::Began { digit } = event { Some(digit) } else { None };
    let heard: String = std::iter::from_fn(|| ear.poll()).filter_map(digit).collect();
    assert_eq!(heard, "42#7", "those of its call, then that of the other side");
    assert!(caller.hears(20, AGENT_HZ) > LOUD, "and the talk goes on");
}
