//! RFC 3665: calls as they are made, changed, refused and lost.

use std::time::Duration;

use tests::{
    carrier::{Carrier, Will},
    phone::{Act, Answering},
};

use super::{CALLED, CALLER, both_hear, judge, taken, two_phones};

#[test]
fn rfc_3665_3_1_a_call_is_made_and_both_hear_each_other() {
    both_hear(&judge(taken()), 1_000, 9_900);
}

#[test]
fn rfc_3665_3_7_a_phone_moves_to_another_address_and_is_heard_from_there() {
    for mover in [CALLER, CALLED] {
        let mut world = taken();
        world.plan(mover, 3_000, Act::Move);
        let world = judge(world);
        both_hear(&world, 1_000, 2_900);
        both_hear(&world, 3_500, 9_900);
    }
}

#[test]
fn rfc_3665_3_8_nobody_answers_and_the_caller_gives_up() {
    let world = judge(two_phones(Answering::Ring));
    assert_eq!((world.phones[CALLER].talk().refused, world.phones[CALLED].talk().refused), (Some(487), Some(487)), "{}", world.ladder);
}

#[test]
fn rfc_3665_3_9_and_3_11_busy_and_unavailable_are_told_as_they_are() {
    for status in [486, 480] {
        let world = judge(two_phones(Answering::Refuse(status, Duration::from_millis(400))));
        assert_eq!(world.phones[CALLER].talk().refused, Some(status), "{}", world.ladder);
    }
}

#[test]
fn rfc_3665_3_10_a_phone_that_is_not_there_costs_the_caller_no_more_than_timer_b() {
    let mut world = taken();
    world.phones[CALLED].carrier = Carrier::new(vec![Will::Silent]);
    world.run(34_000);
    let talk = world.phones[CALLER].talk();
    assert!(talk.refused.is_some() || talk.ended.is_some(), "{}", world.ladder);
    judge(world);
}
