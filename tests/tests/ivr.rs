//! The menu as callers hear it: prompts, keys, and an order of their own.

use std::time::Duration;

use gateway_core::{events::record::Happened, ids::CallId};
use tests::{
    ears::WINDOW,
    oracles,
    phone::Act,
    shop::{MUSIC_HZ, PROMPT_HZ},
    world::World,
};

/// A call in which this key is pressed after 3.5 s; the order that was spoken first.
fn order_heard(world: &mut World, phone: usize, key: char) -> Vec<String> {
    let ms = Duration::from_millis;
    world.phones[phone].habits = vec![(ms(3_500), Act::Press(key)), (ms(6_000), Act::HangUp)];
    let before = world.records.len();
    world.dial(phone, "100");
    world.run(50_000);
    let menu = world.records[before..].iter().find_map(|record| {
        let Happened::MenuPresented(menu) = &record.happened else { return None };
        Some(menu.order.iter().map(|scored| scored.item.clone()).collect())
    });
    menu.expect("a menu was spoken")
}

#[test]
fn the_second_call_of_a_caller_hears_another_order_and_nobody_else_does() {
    let mut world = World::new(2, 0);
    let (ada, ben) = (world.caller(), world.caller());
    for phone in [ada, ben] {
        let number = world.phones[phone].number.clone();
        world.outside.know(&number);
    }
    let authored = ["billing", "returns", "delivery", "agent"];
    assert_eq!(order_heard(&mut world, ada, '3'), authored);
    assert_eq!(order_heard(&mut world, ada, '3')[0], "delivery", "what she chose last time comes first");
    assert_eq!(order_heard(&mut world, ben, '1'), authored);
    oracles::ask_all(&world);
}

#[test]
fn a_store_that_does_not_answer_holds_the_caller_for_400_ms_and_no_longer() {
    let mut world = World::new(2, 0);
    let caller = world.caller();
    world.outside.manners.identify = None;
    world.dial(caller, "100");
    world.run(420);
    assert!(world.phones[caller].talk().answered.is_some());
    world.plan(caller, 2_000, Act::HangUp);
    world.run(60_000);
    oracles::ask_all(&world);
}

#[test]
fn the_menu_is_heard_from_its_first_word_and_a_key_silences_it() {
    let mut world = World::new(2, 0);
    let caller = world.caller();
    world.phones[caller].habits = vec![(Duration::from_millis(1_000), Act::Press('3')), (Duration::from_millis(5_000), Act::HangUp)];
    world.dial(caller, "100");
    world.run(60_000);
    let talk = world.phones[caller].talk();
    let (ear, answered) = (talk.line.ear.as_ref().unwrap(), talk.answered.unwrap());
    let first = ear.first(PROMPT_HZ).unwrap();
    assert!(first <= answered + WINDOW, "{:?} after the answer", first - answered);
    assert!(ear.share(PROMPT_HZ, answered + WINDOW, answered + WINDOW * 10) > 0.95);
    assert!(world.ladder.mentions("Interrupted"), "barge-in");
    let chosen = world.records.iter().find_map(|record| {
        let Happened::MenuChosen(chosen) = &record.happened else { return None };
        Some(chosen.item.as_str())
    });
    assert_eq!(chosen, Some("delivery"));
    oracles::ask_all(&world);
}

#[test]
fn the_recording_holds_the_caller_left_and_the_menu_right() {
    let mut world = World::new(2, 0);
    let caller = world.caller();
    world.plan(caller, 4_000, Act::HangUp);
    world.dial(caller, "100");
    world.run(60_000);
    let call: CallId = world.records[0].call;
    let tape = &world.recorder.tapes[&gateway_core::ids::RecordingId(call.0)];
    let (left, right) = (tape.side(0), tape.side(1));
    let level = |side: &[i16], hz| media::tone::level(&side[8_000..16_000], 8_000, hz);
    let hz = world.phones[caller].hz;
    assert!(tape.sealed && level(&left, hz) > 6_000.0 && level(&right, PROMPT_HZ) > 6_000.0);
    assert!(level(&left, PROMPT_HZ) < 200.0 && level(&right, hz) < 200.0 && level(&right, MUSIC_HZ) < 200.0);
    oracles::ask_all(&world);
}

/// Someone who hums at the caller's port from another address, with and without the lock.
#[test]
fn a_foreign_source_troubles_nobody_and_without_the_lock_it_drowns_the_caller() {
    let recorded = |source_lock| {
        let mut config = tests::config::usual(0);
        config.guards.source_lock = source_lock;
        let mut world = World::with(2, config);
        let caller = world.caller();
        world.dial(caller, "100");
        world.run(1_000);
        world.plan(caller, 4_000, Act::HangUp);
        let (from, to) = ("172.16.0.9:4000".parse().unwrap(), "10.0.0.1:20000".parse().unwrap());
        let mut tone = media::tone::Tone::new(media::frame::SampleRate::Narrow, &[3_000.0], 8_000);
        let mut codec = media::codec::CodecKind::Pcma.open();
        for sequence in 0..150_u16 {
            let (mut payload, mut bytes) = (Vec::new(), Vec::new());
            codec.encode(tone.frame().samples(), &mut payload).unwrap();
            let header = media::rtp::Header { marker: false, payload_type: 8, sequence, timestamp: u32::from(sequence) * 160, ssrc: 99 };
            header.write(&payload, &mut bytes);
            world.send(from, to, &bytes);
            world.run(20);
        }
        world.run(60_000);
        let tape = world.recorder.tapes.values().next().unwrap();
        media::tone::level(&tape.side(0)[12_000..28_000], 8_000, world.phones[caller].hz)
    };
    let (locked, open) = (recorded(true), recorded(false));
    assert!(locked > 6_000.0, "the caller is heard as if nobody else were there: {locked}");
    assert!(open < 1_000.0, "without the lock the caller is drowned: {open}");
}
