use serde_json::json;

use super::*;
use crate::{
    events::story::{Case, ChatLine, Cursor, Customer, Identity, Interaction, Medium, Reason},
    ids::{CaseId, CustomerId, InteractionId, UtcMillis},
    private::Private,
};

fn fact(key: &str, value: &str, privacy: Privacy) -> Fact {
    let value = Private(json!(value));
    Fact { key: key.into(), value, source: "ivr".into(), at: UtcMillis(1), confidence: 100, confirmed: true, privacy }
}

fn ada() -> Story {
    Story {
        customer: Some(Customer { id: CustomerId(1), name: Some(Private("Ada Smith".into())), language: Some("en".into()), segment: None }),
        reason: Some(Reason {
            intent: "parcel_late".into(),
            label: "Parcel is late".into(),
            confidence: 75,
            evidence: vec!["parcel".into()],
        }),
        chat: vec![ChatLine { at: UtcMillis(1), from: "caller".into(), text: Private("my parcel is late".into()) }],
        ..Story::default()
    }
}

fn parts(story: &Story) -> Parts<'_> {
    Parts {
        context_id: "01ARZ3NDEKTSV4RRFFQ69G5FAV".into(),
        version: 1,
        session_id: "0".repeat(32),
        entry: Arrival { medium: Medium::Call, dialled: "+380441234567".into(), trunk: None, diverted_from: None, diverted_because: None },
        story,
        calling: None,
        walk: Walk { flow: "main".into(), version: 1, path: vec!["root".into(), "delivery_order".into()], menu: None },
        slots: vec![fact("order_number", "1042", Privacy::Open), fact("card", "4242424242424242", Privacy::Pci)],
        self_service: None,
        exit: Exit { kind: ExitReason::Routed, node: "delivery_order".into(), detail: Some("delivery".into()) },
        routing: Routing {
            queue: "support".into(),
            skills: vec![],
            waited_ms: 12_000,
            tried: vec![],
            chosen_because: "longest idle".into(),
        },
        recording: Consent { state: "recording".into(), consent: None },
        handovers: vec![],
        links: BTreeMap::new(),
        language: "en",
    }
}

fn tel(number: &str, source: &str) -> Identity {
    Identity { kind: "tel".into(), value: Private(number.into()), verified_at: None, source: source.into() }
}

#[test]
fn the_agent_sees_the_number_that_calls_be_it_a_stranger_s_or_one_of_many() {
    let numbers = |story: &Story| -> Vec<(String, String)> {
        let parts = Parts { calling: Some(tel("+380501112233", "ani")), ..parts(story) };
        compose(parts).identities.into_iter().map(|one| (one.value.0, one.source)).collect()
    };
    assert_eq!(numbers(&Story::default()), [("+380501112233".into(), "ani".into())]);

    let known = Story { identities: vec![tel("+380672223344", "crm"), tel("+380501112233", "crm")], ..Story::default() };
    assert_eq!(numbers(&known), [("+380501112233".into(), "crm".into()), ("+380672223344".into(), "crm".into())]);
}

fn story_of_a_thousand_lines() -> Story {
    let line = "what was said, at length. ".repeat(40);
    Story {
        recent: (0..1_000)
            .map(|n| Interaction {
                id: InteractionId(n),
                medium: Medium::Chat,
                at: UtcMillis(n),
                gist: line.clone(),
                outcome: None,
                agent: None,
            })
            .collect(),
        identities: (0..100)
            .map(|n| Identity { kind: "email".into(), value: Private(format!("{n}{line}")), verified_at: None, source: "crm".into() })
            .collect(),
        cases: (0..100).map(|n| Case { id: CaseId(n), status: "open".into(), title: line.clone(), opened: UtcMillis(n) }).collect(),
        chat: (0..500).map(|n| ChatLine { at: UtcMillis(n), from: "caller".into(), text: Private(line.clone()) }).collect(),
        ..ada()
    }
}

#[test]
fn the_brief_is_one_sentence_that_an_agent_can_say() {
    let card = compose(parts(&ada()));
    assert_eq!(
        card.brief,
        "Ada Smith wrote in chat about \u{201c}Parcel is late\u{201d}, order number 1042, sent on by the menu, waited 12 s."
    );
    let nobody = compose(Parts { slots: vec![], language: "uk", ..parts(&Story::default()) });
    assert_eq!(nobody.brief, "Невідомий абонент, спрямовано з меню, очікування 12 с.");
}

#[test]
fn no_card_number_is_ever_in_a_card() {
    let mut story = ada();
    let slots = [("card".to_owned(), fact("card", "4242424242424242", Privacy::Pci))].into();
    story.unfinished = Some(Cursor { script: "main".into(), version: 1, node: "pay".into(), slots });
    let card = compose(parts(&story));
    assert!(!serde_json::to_string(&card).expect("json").contains("4242424242424242"));
    assert_eq!(card.slots.len(), 1);
}

#[test]
fn a_long_story_is_cut_to_the_ceiling_in_the_fixed_order() {
    let story = story_of_a_thousand_lines();
    let card = compose(parts(&story));
    assert!(size(&card) <= CARD_BYTES_MAX, "{}", size(&card));
    assert_eq!(card.trimmed[..3], ["timeline", "path", "identities"]);
    assert!(!card.brief.is_empty() && card.customer.is_some());
}

#[test]
fn a_short_story_is_whole() {
    let card = compose(parts(&ada()));
    assert!(card.trimmed.is_empty());
    assert_eq!(card.ivr.path.len(), 2);
}

#[test]
fn the_timeline_is_the_newest_twenty_newest_first() {
    let mut story = story_of_a_thousand_lines();
    (story.identities, story.cases, story.chat) = (vec![], vec![], vec![]);
    story.recent.iter_mut().for_each(|past| past.gist = "short".into());
    let card = compose(parts(&story));
    assert_eq!(card.timeline.len(), 20);
    assert_eq!((card.timeline[0].at, card.timeline[19].at), (UtcMillis(999), UtcMillis(980)));
}

#[test]
fn even_absurd_parts_fit() {
    let long = "x".repeat(40_000);
    let nobody = Story::default();
    let mut parts_of_one = parts(&nobody);
    parts_of_one.exit.detail = Some(long.clone());
    parts_of_one.walk.path = vec![long.clone(); 3];
    parts_of_one.slots = vec![fact("note", &long, Privacy::Open)];
    let card = compose(parts_of_one);
    assert!(size(&card) <= CARD_BYTES_MAX);
    assert_eq!(card.trimmed, ["path", "slots", "detail"]);
}
