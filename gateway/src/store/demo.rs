//! Three customers with a past, so that a fresh node shows three different orders.
//!
//! The past is written through the same records as a real one. Everything here is marked: identities and facts say `demo` as their source.

use gateway_core::{
    cause::{Cause, Fault},
    events::{
        leg::Direction,
        record::{Happened, Record},
        story::{Fact, Medium, MenuChosen, Privacy},
    },
    ids::{AgentId, CallId, LegId, UtcMillis},
    private::Private,
};
use serde_json::{Value, json};

use super::{Address, Error, NewInteraction, Store, project, utc_now};

/// Number and name of each.
pub(crate) const CUSTOMERS: [(&str, &str); 3] =
    [("+380501112233", "Olena Kovalenko"), ("+380671234567", "Андрей Мельник"), ("+491701234567", "Hannah Vogel")];

struct Life {
    language: &'static str,
    segment: &'static str,
    /// Days ago, item chosen, what the agent wrapped it up as.
    calls: &'static [(u64, &'static str, Option<&'static str>)],
    /// Days ago, medium, line, intent.
    elsewhere: &'static [(u64, Medium, &'static str, Option<&'static str>)],
    facts: &'static [(&'static str, &'static str)],
    case: Option<&'static str>,
}

/// Adds them once; a store that knows the first of them is left alone.
pub(crate) async fn seed(store: &Store) -> Result<(), Error> {
    let now = utc_now().0;
    for (place, ((number, name), life)) in CUSTOMERS.iter().zip(LIVES).enumerate() {
        let Some(address) = Address::of(number) else { continue };
        if store.find_customer(&address).await?.is_some() {
            continue;
        }
        let customer = store.customer_at(&address, SOURCE).await?;
        store.describe_customer(customer, Some(name), Some(life.language), Some(life.segment), false).await?;
        let mut records = Vec::new();
        for (nth, (days, item, wrapup)) in life.calls.iter().enumerate() {
            let call = CallId(CALLS_FROM + (place * 100 + nth) as u64);
            call_records(&mut records, call, number, now - days * DAY_MS, item, *wrapup);
        }
        let mut transaction = store.pool.begin_with("BEGIN IMMEDIATE").await?;
        project::apply(&mut transaction, &records).await?;
        transaction.commit().await?;
        for (days, medium, gist, intent) in life.elsewhere {
            let told = NewInteraction {
                medium: *medium,
                at: UtcMillis(now - days * DAY_MS),
                gist: (*gist).to_owned(),
                intent: intent.map(str::to_owned),
                outcome: None,
                agent: None,
                tags: vec![SOURCE.to_owned()],
                transcript: Value::Array(Vec::new()),
                case: life.case.filter(|_| intent.is_some()).map(str::to_owned),
            };
            store.add_interaction(customer, &told).await?;
        }
        let facts: Vec<Fact> = life.facts.iter().map(|(key, value)| fact(key, json!(value), now)).collect();
        store.learn(customer, &facts).await?;
    }
    Ok(())
}

fn call_records(records: &mut Vec<Record>, call: CallId, number: &str, from: u64, item: &str, wrapup: Option<&str>) {
    let mut write = |after_s: u64, happened| records.push(Record { at: UtcMillis(from + after_s * 1_000), call, happened });
    let agent = wrapup.map(|_| AgentId(1));
    write(0, Happened::CallStarted { context_id: format!("demo-{}", call.0), session_id: format!("{:032x}", call.0), previous: None });
    write(0, Happened::LegStarted { leg: LegId(1), direction: Direction::Inbound, peer: Private(number.to_owned()) });
    let choice = MenuChosen { node: "root".to_owned(), item: item.to_owned(), position: 2, after_ms: 6_400, key: Private('1') };
    write(7, Happened::MenuChosen(choice));
    let cause = Cause { sip: 200, q850: 16, fault: Fault::Caller, retry: false };
    let (waited_ms, talked_ms) = if agent.is_some() { (9_000, 140_000) } else { (0, 0) };
    write(170, Happened::CallEnded { cause, agent, waited_ms, talked_ms, crashed: false });
    if let (Some(agent), Some(disposition)) = (agent, wrapup) {
        let tags = vec![SOURCE.to_owned()];
        write(190, Happened::WrappedUp { agent, disposition: disposition.to_owned(), tags, resolved: true, note: None });
    }
}

fn fact(key: &str, value: Value, now: u64) -> Fact {
    Fact {
        key: key.to_owned(),
        value: Private(value),
        source: SOURCE.to_owned(),
        at: UtcMillis(now - DAY_MS),
        confidence: 100,
        confirmed: false,
        privacy: Privacy::Pii,
    }
}

/// Olena waits for a parcel, and said so in the chat yesterday; Andrei pays invoices; Hannah sends things back.
const LIVES: [Life; 3] = [
    Life {
        language: "uk",
        segment: "gold",
        calls: &[
            (41, "delivery", Some("delivery")),
            (33, "delivery", None),
            (20, "billing", None),
            (12, "delivery", Some("delivery")),
            (6, "delivery", None),
        ],
        elsewhere: &[(30, Medium::Portal, "оплачено рахунок 1041", None), (1, Medium::Chat, "посилка запізнюється", Some("delivery"))],
        facts: &[("order_number", "1017")],
        case: Some("Посилка 1017 запізнюється"),
    },
    Life {
        language: "ru",
        segment: "business",
        calls: &[
            (58, "billing", None),
            (44, "billing", Some("billing")),
            (30, "billing", None),
            (29, "delivery", None),
            (16, "billing", None),
            (2, "billing", Some("billing")),
        ],
        elsewhere: &[(16, Medium::Email, "акт сверки за октябрь", None), (2, Medium::Portal, "скачан счёт 1042", Some("billing"))],
        facts: &[("account", "20013345"), ("invoice", "1042")],
        case: None,
    },
    Life {
        language: "en",
        segment: "trial",
        calls: &[
            (37, "returns", Some("returns")),
            (24, "returns", None),
            (15, "delivery", None),
            (9, "returns", None),
            (4, "returns", Some("returns")),
        ],
        elsewhere: &[(10, Medium::Form, "return form for order 2052", Some("returns")), (4, Medium::Messenger, "asked for a label", None)],
        facts: &[("order_number", "2052")],
        case: None,
    },
];

const SOURCE: &str = "demo";
const DAY_MS: u64 = 86_400_000;
/// Far from the ids that a switch mints, and below 2^53.
const CALLS_FROM: u64 = (1 << 52) + 1_000;
