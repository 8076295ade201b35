//! RFC 3725: calls that a third party controls, by INVITEs without an offer and by descriptions that lead nowhere.

use tests::phone::Act;

use super::{CALLED, CALLER, both_hear, judge, share, taken};

#[test]
fn rfc_3725_4_1_an_invite_without_an_offer_is_answered_by_an_offer_and_heard_after_its_ack() {
    let mut world = taken();
    world.phones[CALLER].offers_late = true;
    let world = judge(world);
    let invite = world.wire.iter().find(|seen| seen.inbound && seen.is_request("INVITE")).expect("it called");
    assert_eq!(invite.header("Content-Type"), None);
    both_hear(&world, 1_000, 9_900);
}

#[test]
fn rfc_3725_4_2_a_call_that_begins_with_an_offer_to_nowhere_speaks_once_it_asks_for_ours() {
    let mut world = taken();
    world.phones[CALLER].is_parked = true;
    world.plan(CALLER, 3_000, Act::AskOffer);
    let world = judge(world);
    let invite = world.wire.iter().find(|seen| seen.inbound && seen.is_request("INVITE")).expect("it called");
    assert!(invite.text.contains("c=IN IP4 0.0.0.0"), "{}", invite.text);
    both_hear(&world, 3_500, 9_900);
}

#[test]
fn rfc_3725_4_3_a_late_answer_to_nowhere_is_a_hold_and_the_next_late_offer_ends_it() {
    let mut world = taken();
    (world.phones[CALLER].offers_late, world.phones[CALLER].is_parked) = (true, true);
    world.plan(CALLER, 3_000, Act::AskOffer);
    let world = judge(world);
    let hz = world.phones[CALLER].hz;
    assert!(share(&world, CALLED, hz, 3_500, 9_900) > 0.95, "{}", world.ladder);
    both_hear(&world, 3_500, 9_900);
}
