use gateway_core::{
    cause::{Cause, Fault},
    events::{
        leg::Direction,
        record::{Happened, Record},
        story::{ChatLine, Fact, Medium, MenuChosen, MenuPresented, Privacy, Reason},
    },
    ids::{AgentId, CallId, LegId, RecordingId, UtcMillis},
    private::Private,
};
use tempfile::TempDir;

use super::*;

const OLENA: &str = "+380501112233";
const HOUR: u64 = 3_600_000;

async fn open() -> (TempDir, Store) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open_with(directory.path(), Duration::from_millis(20)).await.expect("a store");
    (directory, store)
}

fn at(call: u64, at: u64, happened: Happened) -> Record {
    Record { at: UtcMillis(at), call: CallId(call), happened }
}

fn started(call: u64, t: u64) -> Record {
    at(call, t, Happened::CallStarted { context_id: format!("ctx-{call}"), session_id: "s".into(), previous: None })
}

fn caller(call: u64, t: u64, peer: &str) -> Record {
    at(call, t, Happened::LegStarted { leg: LegId(1), direction: Direction::Inbound, peer: Private(peer.into()) })
}

fn chose(call: u64, t: u64, item: &str) -> Record {
    let choice = MenuChosen { node: "root".into(), item: item.into(), position: 1, after_ms: 900, key: Private('1') };
    at(call, t, Happened::MenuChosen(choice))
}

fn presented(call: u64, t: u64) -> Record {
    let menu = MenuPresented { node: "root".into(), version: 1, order: Vec::new(), mode: "spoken".into(), holdout: false };
    at(call, t, Happened::MenuPresented(menu))
}

fn ended(call: u64, t: u64) -> Record {
    let cause = Cause { sip: 200, q850: 16, fault: Fault::Caller, retry: false };
    at(call, t, Happened::CallEnded { cause, agent: Some(AgentId(1)), waited_ms: 1_000, talked_ms: 60_000, crashed: false })
}

fn fact(key: &str, value: &str, t: u64, privacy: Privacy) -> Fact {
    Fact {
        key: key.into(),
        value: Private(value.into()),
        source: "form".into(),
        at: UtcMillis(t),
        confidence: 100,
        confirmed: false,
        privacy,
    }
}

async fn write(store: &Store, records: impl IntoIterator<Item = Record>) -> Lag {
    for record in records {
        store.append(record);
    }
    store.flush().await
}

#[tokio::test]
async fn the_second_call_from_a_number_is_known() {
    let (_directory, store) = open().await;
    let now = utc_now().0;
    assert_eq!(store.identify(None, Some(OLENA)).await.expect("a story").customer, None);
    write(
        &store,
        [started(1, now - HOUR), caller(1, now - HOUR, "sip:+380501112233@trunk.example"), chose(1, now - HOUR, "delivery"), ended(1, now)],
    )
    .await;

    let story = store.identify(None, Some(OLENA)).await.expect("a story");
    assert!(story.customer.is_some());
    assert_eq!(story.trust.level, "ani");
    assert_eq!(story.recent.len(), 1);
    assert_eq!(story.recent[0].gist, "menu: delivery");
    assert!(story.sums["habit:delivery"] > 0.99, "{:?}", story.sums);
    assert_eq!(story.share["delivery"], 1.0);
}

#[tokio::test]
async fn a_withheld_number_and_an_agents_phone_make_no_customer() {
    let (_directory, store) = open().await;
    write(&store, [started(1, 5), caller(1, 5, "sip:anonymous@anonymous.invalid"), started(2, 6), caller(2, 6, "sip:ada@pbx.example")])
        .await;
    let customers: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM customers").fetch_one(&store.pool).await.expect("a count");
    assert_eq!(customers, 0);
}

#[tokio::test]
async fn two_candidates_mean_none() {
    let (_directory, store) = open().await;
    let number = Address::of(OLENA).expect("a number");
    let olena = store.customer_at(&number, "api").await.expect("a customer");
    let other = store.customer_at(&Address::of("+380671234567").expect("a number"), "api").await.expect("another");
    store.add_identity(other, &number, "crm", None).await.expect("an identity");
    assert_ne!(olena, other);

    let story = store.identify(None, Some(OLENA)).await.expect("a story");
    assert_eq!(story.customer, None);
    assert_eq!(story.trust.level, "none");
    assert!(matches!(store.find_customer(&number).await, Err(Error::Ambiguous)));
}

#[tokio::test]
async fn a_token_is_believed_before_the_number() {
    let (_directory, store) = open().await;
    store.set_lessons(Lessons { rules: rules(), ..Lessons::default() });
    let now = utc_now();
    let olena = store.customer_at(&Address::of(OLENA).expect("a number"), "api").await.expect("a customer");
    let chat = store.open_chat(&ChatOpened { customer: Some(olena), language: "uk".into(), proven: true }).await.expect("a chat");
    let line = ChatLine { at: now, from: "customer".into(), text: Private("my parcel is late".into()) };
    let reason = Reason { intent: "parcel_late".into(), label: "Parcel is late".into(), confidence: 90, evidence: vec!["parcel".into()] };
    store.add_chat_lines(chat, std::slice::from_ref(&line), Some(&reason)).await.expect("a line");

    let story = store.identify(Some(&format!("chat:{chat}")), Some("+491701234567")).await.expect("a story");
    assert_eq!(story.customer.map(|customer| customer.id), Some(olena));
    assert_eq!(story.trust.level, "token");
    assert_eq!(story.chat, [line]);
    assert_eq!(story.reason, Some(reason));
    assert!(story.sums["evidence:delivery"] > 5.9, "the chat's intent counts for the menu item that serves it: {:?}", story.sums);
}

#[tokio::test]
async fn a_wrap_up_teaches_the_next_menu_and_keeps_what_is_open() {
    let (_directory, store) = open().await;
    let now = utc_now().0;
    let wrapped = |call, t, resolved| {
        let (disposition, tags) = ("billing".to_owned(), vec!["vip".to_owned()]);
        at(call, t, Happened::WrappedUp { agent: AgentId(1), disposition, tags, resolved, note: None })
    };
    write(&store, [started(1, now - 9), caller(1, now - 9, OLENA), ended(1, now - 5), wrapped(1, now - 4, false)]).await;
    let story = store.identify(None, Some(OLENA)).await.expect("a story");
    assert!(story.sums["evidence:billing"] > 3.99, "{:?}", story.sums);
    assert_eq!(story.cases.iter().map(|case| case.title.as_str()).collect::<Vec<_>>(), ["billing"]);
    assert_eq!(story.recent[0].outcome.as_deref(), Some("open"));

    write(&store, [started(2, now - 3), caller(2, now - 3, OLENA), ended(2, now - 2), wrapped(2, now - 1, true)]).await;
    assert_eq!(store.identify(None, Some(OLENA)).await.expect("a story").cases, []);
}

#[tokio::test]
async fn a_choice_backed_out_of_counts_against_the_item() {
    let (_directory, store) = open().await;
    let now = utc_now().0;
    write(
        &store,
        [
            started(1, now),
            caller(1, now, OLENA),
            presented(1, now),
            chose(1, now + 2_000, "billing"),
            presented(1, now + 5_000),
            ended(1, now + 9_000),
        ],
    )
    .await;
    let story = store.identify_at(None, Some(OLENA), UtcMillis(now + 9_000)).await.expect("a story");
    assert!((story.sums["habit:billing"] + 0.5).abs() < 0.01, "{:?}", story.sums);
    assert_eq!(story.share.get("billing"), None);
}

#[tokio::test]
async fn what_was_done_before_the_late_story_belongs_to_the_customer_too() {
    let (_directory, store) = open().await;
    let now = utc_now().0;
    let olena = store.customer_at(&Address::of(OLENA).expect("a number"), "api").await.expect("a customer");
    let order = fact("order", "A-17", now, Privacy::Pii);
    write(
        &store,
        [
            started(1, now),
            caller(1, now, "anonymous"),
            at(1, now, Happened::FactLearned { fact: order.clone() }),
            at(1, now, Happened::Identified { customer: Some(olena), late: true }),
        ],
    )
    .await;
    assert_eq!(store.dossier(olena).await.expect("a dossier").facts, [order]);
}

#[tokio::test]
async fn card_data_is_never_on_disk() {
    let (directory, store) = open().await;
    let card = fact("card", "4111111111111111", 5, Privacy::Pci);
    write(&store, [started(1, 5), caller(1, 5, OLENA), at(1, 5, Happened::FactLearned { fact: card.clone() })]).await;
    let olena = store.find_customer(&Address::of(OLENA).expect("a number")).await.expect("one").expect("a customer");
    assert!(matches!(store.learn(olena, &[card]).await, Err(Error::CardData { .. })));
    store.close().await;
    for file in std::fs::read_dir(directory.path()).expect("the directory") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("its bytes");
        assert!(!bytes.windows(16).any(|window| window == b"4111111111111111"));
    }
}

#[tokio::test]
async fn calls_left_open_are_closed_as_crashed_at_the_next_start() {
    let (directory, store) = open().await;
    write(
        &store,
        [
            started(7, 1_000),
            caller(7, 1_000, OLENA),
            at(7, 61_000, Happened::Handoff { agent: AgentId(3), version: 1, acked_after_ms: None, late: true }),
            at(7, 91_000, Happened::RecordingSealed { recording: RecordingId(1), file: "7.wav".into(), length_ms: 90_000 }),
        ],
    )
    .await;
    store.close().await;

    let store = Store::open(directory.path()).await.expect("the store again");
    let (call, records) = store.call(CallId(7), 0).await.expect("the call");
    assert!(call.crashed);
    assert_eq!((call.ended, call.agent, call.talked_ms), (Some(UtcMillis(91_000)), Some(AgentId(3)), Some(30_000)));
    assert!(matches!(records.last().expect("records").happened, Happened::CallEnded { crashed: true, .. }));
    let story = store.identify(None, Some(OLENA)).await.expect("a story");
    assert_eq!(story.recent[0].outcome.as_deref(), Some("crashed"));
}

#[tokio::test]
async fn records_outlive_a_database_that_is_away() {
    let (directory, store) = open().await;
    let options = SqliteConnectOptions::new().filename(directory.path().join(DATABASE)).busy_timeout(Duration::from_secs(5));
    let rival = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("a rival");
    let lock = rival.begin_with("BEGIN IMMEDIATE").await.expect("the write lock");

    let away = write(&store, [started(1, 10), caller(1, 10, OLENA), chose(1, 20, "delivery")]).await;
    assert_eq!(away, Lag { spooled: 3, held: 0 });
    lock.rollback().await.expect("the lock is let go");

    let mut lag = write(&store, [ended(1, 30)]).await;
    while lag != Lag::default() {
        tokio::task::yield_now().await;
        lag = store.flush().await;
    }
    let (_, records) = store.call(CallId(1), 0).await.expect("the call");
    assert_eq!(records, [started(1, 10), caller(1, 10, OLENA), chose(1, 20, "delivery"), ended(1, 30)], "all of them, in order, once");
    assert!(
        !std::fs::read_dir(directory.path()).expect("the directory").any(|file| file
            .expect("a file")
            .file_name()
            .to_string_lossy()
            .contains("spool"))
    );
}

#[tokio::test]
async fn a_spool_left_by_a_crash_is_replayed_from_where_it_was() {
    let (directory, store) = open().await;
    store.close().await;
    let lines = [started(1, 10), caller(1, 10, OLENA), ended(1, 30)].map(|record| text(&record));
    // The first line is in the database already, the last was cut by the crash.
    let spool = "spool-0000000000042.jsonl";
    std::fs::write(directory.path().join(spool), format!("{}\n{}\n{}", lines[0], lines[1], &lines[2][..20])).expect("a spool");
    let pool = connect(&directory.path().join(DATABASE), BUSY_TIMEOUT).await.expect("a pool");
    let mut transaction = pool.begin().await.expect("a transaction");
    project::apply(&mut transaction, &[started(1, 10)]).await.expect("applied");
    sqlx::query("INSERT INTO spools VALUES (?, ?)")
        .bind(spool)
        .bind(lines[0].len() as i64 + 1)
        .execute(&mut *transaction)
        .await
        .expect("a row");
    transaction.commit().await.expect("committed");
    pool.close().await;

    let store = Store::open(directory.path()).await.expect("the store again");
    let (_, records) = store.call(CallId(1), 0).await.expect("the call");
    assert_eq!(records[..2], [started(1, 10), caller(1, 10, OLENA)]);
    assert_eq!(records.len(), 3, "and the call is closed as crashed: {records:?}");
}

#[tokio::test]
async fn the_latest_of_a_key_counts() {
    let (_directory, store) = open().await;
    let olena = store.customer_at(&Address::of(OLENA).expect("a number"), "api").await.expect("a customer");
    let (old, new) = (fact("order", "A-1", 1, Privacy::Open), fact("order", "A-2", 2, Privacy::Open));
    store.learn(olena, &[new.clone(), old]).await.expect("learnt");
    assert_eq!(store.dossier(olena).await.expect("a dossier").facts, [new]);
}

#[tokio::test]
async fn the_demo_is_seeded_once_and_gives_three_different_pasts() {
    let (_directory, store) = open().await;
    demo::seed(&store).await.expect("seeded");
    demo::seed(&store).await.expect("seeded again");
    let mut favourites = Vec::new();
    for (number, name) in demo::CUSTOMERS {
        let story = store.identify(None, Some(number)).await.expect("a story");
        assert_eq!(story.customer.as_ref().and_then(|customer| customer.name.clone()), Some(Private(name.to_owned())));
        let habit = |(key, sum): (&String, &f64)| Some((key.strip_prefix("habit:")?.to_owned(), *sum));
        let best = story.sums.iter().filter_map(habit).max_by(|one, two| one.1.total_cmp(&two.1)).expect("a habit");
        favourites.push(best.0);
        assert!(story.recent.len() > 5 && story.recent.iter().any(|one| one.medium != Medium::Call));
    }
    favourites.sort();
    favourites.dedup();
    assert_eq!(favourites.len(), 3, "{favourites:?}");
}

fn rules() -> gateway_core::context::understanding::Rules {
    let parcel = gateway_core::context::understanding::Intent { item: "delivery".into(), ..Default::default() };
    gateway_core::context::understanding::Rules { intents: [("parcel_late".to_owned(), parcel)].into() }
}
