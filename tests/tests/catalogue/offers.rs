//! RFC 6337: the six patterns of offer and answer, and what it recommends of later ones.

use std::time::Duration;

use media::sdp::Flow;
use tests::{
    phone::{Act, Answering},
    world::World,
};

use super::{CALLED, CALLER, both_hear, judge, taken, two_phones};

/// Whether each INVITE outside a dialog, its 2xx and its ACK carry SDP, on the leg with this phone.
fn carriers(world: &World, phone: usize) -> [bool; 3] {
    let peer = world.phones[phone].sip;
    let has = |method: &str, status: Option<u16>| {
        let found = world.wire.iter().find(|seen| seen.peer == peer && seen.method() == method && seen.status() == status);
        found.is_some_and(|seen| seen.header("Content-Type").is_some())
    };
    [has("INVITE", None), has("INVITE", Some(200)), has("ACK", None)]
}

#[test]
fn rfc_6337_table_1_pattern_1_offer_in_the_invite_and_answer_in_its_2xx() {
    let world = judge(taken());
    for phone in [CALLER, CALLED] {
        assert_eq!(carriers(&world, phone), [true, true, false], "{}", world.ladder);
    }
    both_hear(&world, 1_000, 9_900);
}

#[test]
fn rfc_6337_table_1_pattern_2_offer_in_the_2xx_and_answer_in_its_ack() {
    let mut world = taken();
    world.phones[CALLER].offers_late = true;
    let world = judge(world);
    assert_eq!(carriers(&world, CALLER), [false, true, true], "{}", world.ladder);
    assert_eq!(carriers(&world, CALLED), [true, true, false], "the other leg has an offer of ours from the first");
    both_hear(&world, 1_000, 9_900);
}

#[test]
fn rfc_6337_table_1_pattern_3_offer_in_the_invite_and_answer_in_a_reliable_1xx() {
    let world = judge(two_phones(Answering::Early(Duration::from_millis(300), Duration::from_millis(3_000))));
    for phone in [CALLER, CALLED] {
        let peer = world.phones[phone].sip;
        let early = world.wire.iter().find(|seen| seen.peer == peer && seen.status() == Some(183)).expect("it speaks early");
        assert!(early.header("RSeq").is_some() && early.header("Content-Type").is_some(), "{}", early.text);
        assert!(world.wire.iter().any(|seen| seen.peer == peer && seen.is_request("PRACK")), "{}", world.ladder);
        assert_eq!(carriers(&world, phone), [true, false, false], "the 2xx repeats nothing\n{}", world.ladder);
    }
    both_hear(&world, 3_500, 9_900);
}

#[test]
fn rfc_6337_2_3_an_offer_that_cannot_be_met_is_488_and_what_stood_stands() {
    let mut world = taken();
    world.run(2_000);
    // G.723 alone.
    world.phones[CALLER].reencodes = Some("RTP/AVP 4");
    world.plan(CALLER, 0, Act::Direct(Flow::SendRecv));
    world.run(1_000);
    world.phones[CALLER].reencodes = None;
    let refused = world.wire.iter().any(|seen| !seen.inbound && seen.method() == "INVITE" && seen.status() == Some(488));
    assert!(refused, "{}", world.ladder);
    world.run(3_000);
    both_hear(&world, 3_200, 5_900);
    judge(world);
}

#[test]
fn rfc_6337_4_2_two_phones_that_hold_in_the_same_moment_are_each_answered() {
    for apart in [0, 1, 5, 20] {
        let mut world = taken();
        world.plan(CALLER, 3_000, Act::Hold(true));
        world.plan(CALLED, 3_000 + apart, Act::Hold(true));
        world.plan(CALLER, 5_000, Act::Hold(false));
        world.plan(CALLED, 5_000 + apart, Act::Hold(false));
        let world = judge(world);
        // Each leg has offers of its own, so there is no glare between them.
        assert!(!world.wire.iter().any(|seen| seen.status() == Some(491)), "{}", world.ladder);
        both_hear(&world, 5_500, 9_900);
    }
}

#[test]
fn rfc_6337_5_2_5_a_reinvite_without_an_offer_gets_all_that_we_can_and_ends_a_hold() {
    for asker in [CALLER, CALLED] {
        let mut world = taken();
        world.plan(asker, 3_000, Act::Hold(true));
        world.plan(asker, 5_000, Act::AskOffer);
        let world = judge(world);
        let peer = world.phones[asker].sip;
        let offer = world
            .wire
            .iter()
            .rev()
            .find(|seen| seen.peer == peer && !seen.inbound && seen.status() == Some(200) && seen.method() == "INVITE");
        let offer = &offer.expect("it is offered something").text;
        assert!(offer.contains("m=audio") && !offer.contains("a=inactive") && !offer.contains("a=recvonly"), "{offer}");
        both_hear(&world, 5_500, 9_900);
    }
}

#[test]
fn rfc_6337_5_1_the_version_of_our_description_grows_by_one_with_each_change_and_its_name_stays() {
    let mut world = taken();
    world.plan(CALLER, 3_000, Act::Hold(true));
    world.plan(CALLER, 5_000, Act::Hold(false));
    let world = judge(world);
    let peer = world.phones[CALLER].sip;
    let origins = world.wire.iter().filter(|seen| seen.peer == peer && !seen.inbound && seen.status() == Some(200));
    let origins = origins.filter_map(|seen| seen.text.lines().find(|line| line.starts_with("o=")));
    let origins: Vec<Vec<&str>> = origins.map(|line| line.split(' ').collect()).collect();
    let versions: Vec<u64> = origins.iter().map(|origin| origin[2].parse().expect("a number")).collect();
    assert_eq!(versions, [versions[0], versions[0] + 1, versions[0] + 2], "{}", world.ladder);
    assert!(origins.iter().all(|origin| origin[..2] == origins[0][..2] && origin[5] == origins[0][5]));
}
