//! RFC 5359: what phones do with their calls.

use std::time::Duration;

use media::sdp::Flow;
use tests::{
    phone::{Act, Answering},
    world::UAS_HZ,
};

use super::{CALLED, CALLER, both_hear, judge, share, taken};

#[test]
fn rfc_5359_2_1_the_called_phone_holds_with_its_music_and_comes_back() {
    let mut world = taken();
    world.plan(CALLED, 3_000, Act::Direct(Flow::SendOnly));
    world.plan(CALLED, 6_000, Act::Direct(Flow::SendRecv));
    let world = judge(world);
    let hz = world.phones[CALLER].hz;
    assert!(share(&world, CALLER, UAS_HZ, 1_000, 9_900) > 0.95, "its music\n{}", world.ladder);
    assert!(share(&world, CALLED, hz, 3_400, 5_900) < 0.05, "held\n{}", world.ladder);
    assert!(share(&world, CALLED, hz, 6_500, 9_900) > 0.95, "and back\n{}", world.ladder);
}

#[test]
fn rfc_5359_2_2_a_caller_holds_asks_somebody_else_and_comes_back() {
    let mut world = taken();
    world.plan(CALLER, 3_000, Act::Hold(true));
    // The menu is asked, by the same phone.
    world.plan(CALLER, 3_500, Act::Dial("100".to_owned()));
    world.plan(CALLER, 6_000, Act::HangUp);
    world.plan(CALLER, 6_500, Act::Hold(false));
    let world = judge(world);
    let talks = &world.phones[CALLER].talks;
    assert_eq!(talks.len(), 2, "{}", world.ladder);
    assert!(talks[1].answered.is_some() && talks[1].ended.is_some());
    let hz = world.phones[CALLER].hz;
    assert!(share(&world, CALLED, hz, 3_400, 6_400) < 0.05, "held meanwhile\n{}", world.ladder);
    assert!(share(&world, CALLED, hz, 7_000, 9_900) > 0.95, "and back\n{}", world.ladder);
    let heard = talks[0].line.ear.as_ref().expect("media was agreed").share(UAS_HZ, world.at(7_000), world.at(9_900));
    assert!(heard > 0.95, "{heard}\n{}", world.ladder);
}

#[test]
fn rfc_5359_2_1_either_side_holds_in_silence_and_comes_back() {
    for holder in [CALLER, CALLED] {
        let mut world = taken();
        world.plan(holder, 3_000, Act::Hold(true));
        world.plan(holder, 6_000, Act::Hold(false));
        let world = judge(world);
        for (ear, hz) in [(CALLER, UAS_HZ), (CALLED, world.phones[CALLER].hz)] {
            assert!(share(&world, ear, hz, 3_400, 5_900) < 0.05, "{}", world.ladder);
        }
        both_hear(&world, 6_500, 9_900);
    }
}

#[test]
fn rfc_5359_2_1_both_hold_and_each_comes_back_for_itself() {
    let mut world = taken();
    for (phone, ms, held) in [(CALLER, 2_000, true), (CALLED, 3_000, true), (CALLER, 5_000, false), (CALLED, 7_000, false)] {
        world.plan(phone, ms, Act::Hold(held));
    }
    let world = judge(world);
    let hz = world.phones[CALLER].hz;
    assert!(share(&world, CALLED, hz, 5_400, 6_900) < 0.05, "the other still holds\n{}", world.ladder);
    both_hear(&world, 7_500, 9_900);
}

#[test]
fn rfc_5359_2_1_a_call_that_is_put_on_hold_may_end_there() {
    for (holder, leaver) in [(CALLER, CALLED), (CALLED, CALLED), (CALLED, CALLER)] {
        let mut world = taken();
        world.phones[CALLED].answering = Answering::Take(Duration::from_millis(400));
        world.plan(holder, 2_000, Act::Hold(true));
        world.plan(leaver, 4_000, Act::HangUp);
        let world = judge(world);
        for phone in [CALLER, CALLED] {
            assert!(world.phones[phone].talk().ended.is_some_and(|at| at < world.at(4_200)), "{}", world.ladder);
        }
    }
}
