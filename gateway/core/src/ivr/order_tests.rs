use super::*;
use crate::{
    context::sums::{Past, Weights, sums},
    events::story::Customer,
    ivr::explain,
};

const DAY: u64 = 86_400_000;
const MINUTE: u64 = 60_000;
const NOW: UtcMillis = UtcMillis(1_000 * DAY);

/// delivery 1, billing 2, returns 3, agent 0; equally long.
fn shop() -> Vec<Candidate> {
    let item = |(item, key): (&str, char)| Candidate { item: item.into(), key, seconds: 2.0, boosts: Vec::new() };
    [("billing", '1'), ("returns", '2'), ("delivery", '3'), ("agent", '0')].map(item).to_vec()
}

fn personal() -> Order {
    Order { by_history: true, min_evidence: 1, pin: vec!["agent".into()], holdout: 0.0, ..Order::default() }
}

fn customer(id: u64, past: &[Past]) -> Story {
    let customer = Customer { id: CustomerId(id), name: None, language: None, segment: None };
    Story { customer: Some(customer), sums: sums(past, &Weights::default(), NOW), ..Story::default() }
}

fn past(item: &str, kind: Kind, ms_ago: u64) -> Past {
    Past { item: item.into(), kind, at: UtcMillis(NOW.0 - ms_ago) }
}

fn setting() -> Setting<'static> {
    Setting { node: "root", version: 1, at: NOW, usual: false, holdout: None }
}

fn heard(order: &Order, story: &Story) -> String {
    let arranged = arrange(order, &shop(), story, setting());
    arranged.offered.iter().map(|offer| format!("{} {}", offer.item, offer.key)).collect::<Vec<_>>().join(", ")
}

const AUTHORED: &str = "billing 1, returns 2, delivery 3, agent 0";

#[test]
fn a_caller_who_chatted_about_a_parcel_hears_delivery_first() {
    let story = customer(1, &[past("delivery", Kind::ChatIntent, 5 * MINUTE)]);
    assert_eq!(heard(&personal(), &story), "delivery 3, billing 1, returns 2, agent 0");
}

#[test]
fn another_caller_is_unaffected() {
    assert_eq!(heard(&personal(), &customer(2, &[])), AUTHORED);
    assert_eq!(heard(&personal(), &Story::default()), AUTHORED);
}

#[test]
fn a_new_caller_hears_what_most_callers_want() {
    let share = [("returns".to_owned(), 0.7), ("billing".to_owned(), 0.1)].into();
    assert_eq!(heard(&personal(), &Story { share, ..Story::default() }), "returns 2, billing 1, delivery 3, agent 0");
}

#[test]
fn fresh_evidence_beats_an_old_habit_and_fades() {
    let habits: Vec<Past> = (0..5).map(|n| past("billing", Kind::Choice, n * 10 * DAY)).collect();
    let with_chat = |days| [habits.clone(), vec![past("delivery", Kind::ChatIntent, days * DAY)]].concat();
    assert!(heard(&personal(), &customer(1, &with_chat(0))).starts_with("delivery"));
    assert!(heard(&personal(), &customer(1, &with_chat(8))).starts_with("billing"));
}

#[test]
fn the_margin_keeps_the_authored_order_of_near_equals() {
    let near = [("billing".to_owned(), 0.45), ("returns".to_owned(), 0.50)].into();
    assert_eq!(heard(&personal(), &Story { share: near, ..Story::default() }), AUTHORED);
    let clear = [("billing".to_owned(), 0.30), ("returns".to_owned(), 0.50)].into();
    assert!(heard(&personal(), &Story { share: clear, ..Story::default() }).starts_with("returns"));
}

#[test]
fn a_pinned_item_stays_however_loved() {
    let story = customer(1, &[past("agent", Kind::Choice, 0), past("agent", Kind::Choice, 0)]);
    assert_eq!(heard(&personal(), &story), AUTHORED);
}

#[test]
fn too_little_evidence_counts_for_nothing() {
    let story = customer(1, &[past("delivery", Kind::ChatIntent, 0)]);
    assert_eq!(heard(&Order { min_evidence: 2, ..personal() }, &story), AUTHORED);
}

#[test]
fn backing_out_lowers_an_item() {
    let story = customer(1, &[past("billing", Kind::BackedOut, 0), past("returns", Kind::Choice, 0)]);
    assert!(heard(&personal(), &story).ends_with("billing 1, agent 0"));
}

#[test]
fn the_short_item_goes_first_of_equally_likely_ones() {
    let mut shop = shop();
    shop[0].seconds = 4.0;
    let share = [("billing".to_owned(), 0.4), ("returns".to_owned(), 0.4)].into();
    let arranged = arrange(&personal(), &shop, &Story { share, ..Story::default() }, setting());
    assert_eq!(arranged.offered[0].item, "returns");
}

#[test]
fn boosts_lift_an_item_while_they_apply() {
    let mut shop = shop();
    shop[1].boosts = vec!["open_case".into()];
    let order = Order { boost: [("open_case".to_owned(), 2.0)].into(), ..personal() };
    let arranged = arrange(&order, &shop, &Story::default(), setting());
    assert_eq!(arranged.offered[0].item, "returns");
    assert!((arranged.presented.order[0].terms["boost:open_case"] - 2.0).abs() < 1e-9);
}

#[test]
fn the_hold_out_group_hears_the_authored_order_and_is_told_apart() {
    let story = customer(1, &[past("delivery", Kind::ChatIntent, 0)]);
    let arranged = arrange(&Order { holdout: 1.0, ..personal() }, &shop(), &story, setting());
    assert!(arranged.presented.holdout && !arranged.personal);
    assert_eq!(arranged.offered[0].item, "billing");
    assert!(arranged.presented.order.iter().any(|scored| scored.score > 2.0), "the scores are kept, for the comparison");
}

#[test]
fn the_hold_out_group_is_stable_and_of_the_share_asked_for() {
    let held = (0..10_000).filter(|id| is_held_out(CustomerId(*id), "root", 0.05)).count();
    assert!((400..600).contains(&held), "{held}");
    let again = (0..10_000).filter(|id| is_held_out(CustomerId(*id), "root", 0.05)).count();
    assert_eq!(held, again);
}

#[test]
fn who_asked_for_the_usual_menu_gets_it() {
    let story = customer(1, &[past("delivery", Kind::ChatIntent, 0)]);
    let arranged = arrange(&personal(), &shop(), &story, Setting { usual: true, ..setting() });
    assert_eq!((arranged.presented.mode.as_str(), arranged.offered[0].item.as_str()), ("fixed", "billing"));
}

#[test]
fn renumbering_gives_the_first_item_the_first_key_and_leaves_the_pinned_ones() {
    let story = customer(1, &[past("delivery", Kind::ChatIntent, 0)]);
    assert_eq!(heard(&Order { mode: Mode::Renumber, ..personal() }, &story), "delivery 1, billing 2, returns 3, agent 0");
}

#[test]
fn renumbering_never_gives_away_key_zero() {
    let story = customer(1, &[past("agent", Kind::Choice, 0), past("agent", Kind::Choice, 0)]);
    let order = Order { mode: Mode::Renumber, pin: Vec::new(), ..personal() };
    assert_eq!(heard(&order, &story), "agent 0, billing 1, returns 2, delivery 3");
}

#[test]
fn a_shortcut_comes_before_the_untouched_menu() {
    let story = customer(1, &[past("delivery", Kind::ChatIntent, 0)]);
    let order = Order { mode: Mode::Shortcut, ..personal() };
    assert_eq!(heard(&order, &story), format!("delivery *, {AUTHORED}"));
    assert_eq!(heard(&order, &Story::default()), AUTHORED);
}

#[test]
fn the_same_story_at_the_same_time_gives_the_same_menu() {
    let story =
        customer(1, &[past("delivery", Kind::ChatIntent, DAY), past("returns", Kind::Wrapup, 2 * DAY), past("billing", Kind::Choice, 0)]);
    let first = arrange(&personal(), &shop(), &story, setting());
    assert!((0..50).all(|_| arrange(&personal(), &shop(), &story, setting()) == first));
}

#[test]
fn numbers_that_are_none_do_no_harm() {
    let story = Story { sums: [("count".into(), 9.0), ("habit:billing".into(), f64::NAN)].into(), ..Story::default() };
    assert_eq!(heard(&personal(), &story), AUTHORED);
}

#[test]
fn the_reasons_are_told_in_words() {
    let story = customer(1, &[past("delivery", Kind::ChatIntent, 5 * MINUTE)]);
    let presented = arrange(&personal(), &shop(), &story, setting()).presented;
    let words = explain(&presented, "en");
    assert!(words.starts_with("Delivery first: 6.0 from a chat 5 min ago; 2.0 s to say. Then billing: nothing is known"), "{words}");
    assert!(explain(&presented, "ru").starts_with("Delivery сначала: 6.0 из чата 5 мин назад"));
    assert!(explain(&presented, "uk-UA").contains("з чату 5 хв тому"));
}
