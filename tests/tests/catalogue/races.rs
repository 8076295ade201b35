//! RFC 5407: messages that cross, through the whole gateway; the user agent's own are in its transcripts.

use std::time::Duration;

use tests::{
    carrier::{Carrier, Will},
    phone::{Act, Answering},
};

use super::{CALLED, CALLER, judge, taken, two_phones};

#[test]
fn rfc_5407_3_1_2_a_cancel_that_crosses_the_200_leaves_no_call_and_no_port() {
    let mut world = two_phones(Answering::Take(Duration::from_millis(1_000)));
    world.phones[CALLED].carrier = Carrier::new(vec![Will::Slow("CANCEL", Duration::from_millis(500))]);
    world.plan(CALLER, 900, Act::HangUp);
    let world = judge(world);
    assert_eq!(world.phones[CALLER].talk().refused, Some(487));
    let is_hung_up = world.wire.iter().any(|seen| !seen.inbound && seen.is_request("BYE"));
    assert!(is_hung_up && world.phones[CALLED].talk().ended.is_some(), "{}", world.ladder);
}

#[test]
fn rfc_5407_3_2_1_byes_of_the_same_millisecond_are_each_answered_and_booked_once() {
    for apart in 0..12 {
        let mut world = taken();
        world.plan(CALLER, 4_000, Act::HangUp);
        world.plan(CALLED, 4_000 + apart, Act::HangUp);
        judge(world);
    }
}
