#[path = "session_tests/stage.rs"]
mod stage;

use std::time::Duration;

use serde_json::json;

use self::stage::{CIRCLE, Call, NEWS, PAY, SHOP, UTC, VIP, at_order_number, chatted, fact};
use super::*;
use crate::{
    context::sums::{Kind, Past, sums},
    events::{
        media::PlayEnd,
        story::{Customer, Interaction, Medium, Reason},
    },
    ids::{CustomerId, InteractionId, UtcMillis},
    ivr::{Utterance, fault::Fault},
};

#[test]
fn a_new_caller_hears_the_authored_menu_and_is_routed() {
    let mut call = Call::begin(SHOP, Start::default());
    call.hears("say welcome billing press-1 returns press-2 delivery press-3 operator press-0 | menu 1 Bills and payment, 2 Returns, 3 Delivery, 0 Speak to a person | presented billing returns delivery agent");
    call.after(3_100).presses('1');
    call.hears("stop | chosen billing at 1 after 3100 by 1 | menu - | say connecting");
    call.after(900).played();
    call.hears("left routed root billing | queue support [billing]");
    assert!(call.session.is_ended());
}

#[test]
fn a_caller_who_chatted_hears_delivery_first_with_its_old_key() {
    let mut call = Call::begin(SHOP, Start { story: chatted(), holdout: Some(false), ..Start::default() });
    call.hears("say welcome delivery press-3 billing press-1 returns press-2 operator press-0 usual_menu | menu 3 Delivery, 1 Bills and payment, 2 Returns, 0 Speak to a person, 9 Usual menu | presented delivery billing returns agent");
    call.after(1_500).presses('3');
    call.hears("stop | chosen delivery at 1 after 1500 by 3 | menu - | say ask_order");
}

#[test]
fn the_hold_out_group_hears_the_authored_order() {
    let mut call = Call::begin(SHOP, Start { story: chatted(), holdout: Some(true), ..Start::default() });
    assert!(call.drain().contains("presented billing returns delivery agent"));
    assert!(call.session.walk().menu.expect("a menu").holdout);
}

#[test]
fn zero_is_a_person_from_the_first_word() {
    let mut call = Call::begin(SHOP, Start::default());
    call.drain();
    call.after(200).presses('0');
    call.hears("stop | chosen agent at 4 after 200 by 0 | menu - | say connecting");
    call.played();
    call.hears("left asked_agent root - | queue support []");
}

#[test]
fn a_key_in_the_greeting_counts_once_the_play_was_interrupted() {
    let mut call = Call::begin(SHOP, Start::default());
    call.drain();
    call.after(300).event(Event::Played(PlayEnd::Interrupted));
    call.after(80).presses('1');
    call.hears("chosen billing at 1 after 380 by 1 | menu - | say connecting");
}

#[test]
fn silence_is_asked_twice_and_then_a_person_comes() {
    let mut call = Call::begin(SHOP, Start::default());
    for _ in 0..2 {
        call.drain();
        call.after(9_000).played();
        call.wakes(5_000);
        assert!(call.peek().starts_with("say no_input billing press-1"), "{}", call.peek());
    }
    call.drain();
    call.played();
    call.wakes(5_000);
    call.hears("menu - | say connecting");
    call.played();
    call.hears("left no_input root - | queue support []");
}

#[test]
fn wrong_keys_are_forgiven_twice() {
    let mut call = Call::begin(SHOP, Start::default());
    call.drain();
    for _ in 0..2 {
        call.presses('7');
        assert!(call.peek().starts_with("stop | say no_match billing"), "{}", call.peek());
        call.drain();
    }
    call.presses('7');
    call.hears("stop | menu - | say connecting");
    call.played();
    call.hears("left no_match root - | queue support []");
}

#[test]
fn returning_callers_hear_the_short_greeting() {
    let past = Interaction { id: InteractionId(1), medium: Medium::Call, at: UTC, gist: "call".into(), outcome: None, agent: None };
    let mut call = Call::begin(SHOP, Start { story: Story { recent: vec![past], ..Story::default() }, ..Start::default() });
    assert!(call.peek().starts_with("say welcome_short "), "{}", call.peek());
}

#[test]
fn nine_brings_the_usual_menu_back_for_good() {
    let mut call = Call::begin(SHOP, Start { story: chatted(), holdout: Some(false), ..Start::default() });
    call.drain();
    call.presses('9');
    call.hears("stop | learned usual_menu=true | say billing press-1 returns press-2 delivery press-3 operator press-0 | menu 1 Bills and payment, 2 Returns, 3 Delivery, 0 Speak to a person | presented billing returns delivery agent");
    call.presses('9');
    assert!(call.peek().starts_with("stop | say no_match"), "now it means nothing: {}", call.peek());
}

#[test]
fn digits_end_by_the_pound_key() {
    let mut call = at_order_number(Story::default());
    call.hears("say ask_order");
    call.types("1042#");
    call.hears("stop | learned order_number=\"1042\" | say connecting");
    call.played();
    call.hears("left routed delivery_order delivery | queue support [delivery]");
    assert_eq!(call.session.slots().len(), 1);
}

#[test]
fn digits_end_by_a_pause() {
    let mut call = at_order_number(Story::default());
    call.drain();
    call.types("10425");
    call.hears("stop");
    call.wakes(3_000);
    call.hears("learned order_number=\"10425\" | say connecting");
}

#[test]
fn digits_end_by_their_number() {
    let mut call = at_order_number(Story::default());
    call.drain();
    call.types("12345678");
    call.hears("stop | learned order_number=\"12345678\" | say connecting");
}

#[test]
fn too_few_digits_are_asked_again_and_a_star_starts_over() {
    let mut call = at_order_number(Story::default());
    call.drain();
    call.types("12#");
    call.hears("stop | say no_match ask_order");
    call.types("99*");
    call.hears("stop | say ask_order");
    call.types("1042#");
    assert!(call.peek().contains("order_number=\"1042\""), "{}", call.peek());
}

#[test]
fn a_lone_zero_in_a_form_is_a_person() {
    let mut call = at_order_number(Story::default());
    call.drain();
    call.types("0");
    call.wakes(3_000);
    call.hears("stop | say connecting");
    call.played();
    call.hears("left asked_agent delivery_order delivery | queue support []");
}

#[test]
fn what_we_were_told_before_is_only_confirmed() {
    let mut call = at_order_number(Story { facts: vec![fact("order_number", json!("1042"))], ..Story::default() });
    call.hears("say order_is digit-1 digit-0 digit-4 digit-2 confirm_keys");
    call.presses('1');
    call.hears("stop | learned order_number=\"1042\" | say connecting");
    assert!(call.session.slots()[0].confirmed);
}

#[test]
fn what_was_told_before_and_is_wrong_is_asked_for() {
    let mut call = at_order_number(Story { facts: vec![fact("order_number", json!(1042))], ..Story::default() });
    call.drain();
    call.presses('2');
    call.hears("stop | say ask_order");
}

#[test]
fn a_card_number_pauses_the_recording_and_is_in_no_fact() {
    let mut call = Call::begin(PAY, Start::default());
    call.hears("pause true | say ask_order");
    call.types("4242424242424242#");
    call.hears("stop | pause false | say goodbye");
    call.played();
    call.hears("left completed card - | hangup");
    assert!(call.session.slots().is_empty() && call.session.cursor().slots.is_empty());
    assert_eq!(call.session.secret("number").expect("for the request").0, "4242424242424242");
    assert!(!format!("{:?}", call.session).contains("4242"), "not even a debugger shows it");
}

#[test]
fn a_person_instead_of_a_card_number_lets_the_recording_go_on() {
    let mut call = Call::begin(PAY, Start::default());
    call.drain();
    call.types("0#");
    call.hears("stop | pause false | left asked_agent card - | queue support []");
}

#[test]
fn a_late_story_counts_from_the_next_step_on() {
    let mut call = Call::begin(SHOP, Start { holdout: Some(false), ..Start::default() });
    call.drain();
    let story = Story { facts: vec![fact("order_number", json!("1042"))], ..chatted() };
    call.after(600).event(Event::StoryArrived(Box::new(story)));
    call.hears("");
    call.presses('3');
    call.hears("stop | chosen delivery at 3 after 600 by 3 | menu - | say order_is digit-1 digit-0 digit-4 digit-2 confirm_keys");
}

#[test]
fn the_customers_own_language_wins() {
    let customer = Customer { id: CustomerId(1), name: None, language: Some("ru-UA".into()), segment: None };
    let mut call = Call::begin(SHOP, Start { story: Story { customer: Some(customer), ..Story::default() }, ..Start::default() });
    assert_eq!(call.session.language(), "ru");
    let Some(Action::Say { utterances, .. }) = call.session.poll() else { panic!("speech") };
    assert_eq!(utterances[0], Utterance { text: Private("Здравствуйте! Это магазин Тандем.".into()), clip: "ru/welcome".into() });
}

#[test]
fn an_unfinished_session_is_offered_and_goes_on_with_its_slots() {
    let mut story = Story::default();
    let slots = [("order_number".to_owned(), fact("order_number", json!("1042")))].into();
    story.unfinished = Some(Cursor { script: "main".into(), version: 1, node: "returns".into(), slots });
    let mut call = Call::begin(SHOP, Start { story: story.clone(), ..Start::default() });
    call.hears("say resume_offer press-1 | menu 1 Continue where you stopped");
    call.presses('1');
    assert!(call.drain().starts_with("stop | menu - | say returns_how return_label press-1"));
    assert_eq!(call.session.slots().len(), 1);

    story.unfinished.as_mut().expect("set above").slots.values_mut().for_each(|fact| fact.at = UtcMillis(0));
    let mut stale = Call::begin(SHOP, Start { story, ..Start::default() });
    assert!(stale.drain().starts_with("say welcome"), "after 72 h nobody remembers");
}

#[test]
fn a_condition_hides_an_item_and_a_branch_decides() {
    let gold = |segment: &str| Story {
        customer: Some(Customer { id: CustomerId(1), name: None, language: None, segment: Some(segment.into()) }),
        ..Story::default()
    };
    let mut call = Call::begin(VIP, Start { story: gold("gold"), ..Start::default() });
    call.hears("left routed gold - | queue gold []");
    let mut call = Call::begin(VIP, Start { story: gold("trial"), ..Start::default() });
    assert!(call.drain().contains("presented returns agent"));
    let mut call = Call::begin(VIP, Start { story: gold("silver"), ..Start::default() });
    assert!(call.drain().contains("presented billing returns agent"));
}

#[test]
fn a_key_in_an_announcement_answers_the_menu_after_it() {
    let mut call = Call::begin(NEWS, Start::default());
    call.hears("say welcome");
    call.presses('1');
    assert!(call.drain().contains("| stop | chosen billing at 1"));
}

#[test]
fn a_lost_end_of_speech_costs_a_while_and_not_the_call() {
    let mut call = Call::begin(SHOP, Start::default());
    call.drain();
    let guard = call.session.deadline().expect("a guard");
    call.now.instant = guard;
    call.event(Event::TimeReached);
    call.hears("");
    call.wakes(5_000);
    assert!(call.peek().starts_with("say no_input"));
}

#[test]
fn a_caller_who_walks_in_circles_is_handed_to_a_person() {
    let mut call = Call::begin(CIRCLE, Start::default());
    for _ in 0..STEPS_MAX {
        call.presses('1');
    }
    assert!(call.drain().ends_with("left api_error root 200 steps | queue support []"));
}

#[test]
fn after_the_end_nothing_is_said() {
    let mut call = Call::begin(SHOP, Start::default());
    call.presses('0');
    call.played();
    call.drain();
    for event in [Event::TimeReached, Event::Digit(Private('1')), Event::Played(PlayEnd::Finished)] {
        call.event(event);
    }
    call.hears("");
    assert_eq!(call.session.deadline(), None);
}

#[test]
fn the_walk_tells_the_way() {
    let mut call = at_order_number(Story::default());
    call.types("1042#");
    let walk = call.session.walk();
    assert_eq!((walk.flow.as_str(), walk.path), ("main", vec!["root".into(), "delivery_order".into(), "to_delivery".into()]));
    assert_eq!(walk.menu.expect("a menu").node, "root");
    assert_eq!(call.session.cursor().node, "to_delivery");
}

/// Any keys, any pauses: a caller always ends with a person, a goodbye, or a question that has a deadline.
#[test]
fn no_keys_trap_a_caller() {
    use rand::Rng;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    for seed in 0..200 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut call = Call::begin(SHOP, Start { story: chatted(), ..Start::default() });
        for _ in 0..60 {
            match rng.next_u32() % 4 {
                0 => call.played(),
                1 => call.wakes(u64::from(rng.next_u32() % 6_000)),
                _ => call.presses(char::from(b"0123456789*#"[usize::try_from(rng.next_u32() % 12).expect("small")])),
            }
            call.drain();
            assert!(call.session.is_ended() || call.session.deadline().is_some(), "seed {seed} hangs");
        }
    }
}
