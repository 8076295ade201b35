//! RFC 3960: what a caller hears before anybody answers.

use std::time::Duration;

use tests::{phone::Answering, world::UAS_HZ};

use super::{CALLED, CALLER, both_hear, judge, share, two_phones};

fn early() -> Answering {
    Answering::Early(Duration::from_millis(300), Duration::from_millis(4_000))
}

#[test]
fn rfc_3960_3_2_a_network_that_speaks_is_heard_and_one_that_only_rings_is_rung_for() {
    let world = judge(two_phones(early()));
    assert!(share(&world, CALLER, UAS_HZ, 800, 3_900) > 0.95, "{}", world.ladder);
    both_hear(&world, 4_500, 9_900);
    let world = judge(two_phones(Answering::Take(Duration::from_millis(2_000))));
    let ringing = world.wire.iter().find(|seen| !seen.inbound && seen.status() == Some(180)).expect("it rings");
    assert_eq!(ringing.header("Content-Type"), None, "the caller's own phone makes the tone: {}", ringing.text);
    assert!(share(&world, CALLER, UAS_HZ, 0, 1_900) < 0.05, "{}", world.ladder);
}

#[test]
fn rfc_3960_3_3_a_180_after_early_media_is_passed_on_and_takes_no_media_away() {
    let world = judge(two_phones(early()));
    assert_eq!(world.phones[CALLER].talk().heard, [180, 183, 180], "{}", world.ladder);
    assert!(share(&world, CALLER, UAS_HZ, 1_800, 3_900) > 0.95, "{}", world.ladder);
}

#[test]
fn rfc_3960_3_a_caller_who_leaves_the_offer_to_us_hears_that_it_rings_and_nothing_else_before_the_answer() {
    let mut world = two_phones(early());
    world.phones[CALLER].offers_late = true;
    let world = judge(world);
    assert!(world.phones[CALLER].talk().heard.iter().all(|status| *status == 180), "{}", world.ladder);
    both_hear(&world, 4_500, 9_900);
}

#[test]
fn rfc_3960_3_a_caller_who_gives_up_during_an_announcement_leaves_nothing() {
    use tests::phone::Act;
    let mut world = two_phones(early());
    world.plan(CALLER, 2_000, Act::HangUp);
    let world = judge(world);
    assert_eq!((world.phones[CALLER].talk().refused, world.phones[CALLED].talk().refused), (Some(487), Some(487)), "{}", world.ladder);
}
