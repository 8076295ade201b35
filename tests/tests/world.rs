//! Random days, a seed each. `SEEDS=10000 make sim` lives more of them, `SEED=17 make sim` one, and `TEST=whatever_carriers` only those calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use gateway_core::events::record::Happened;
use tests::{generate, oracles, phone::Phone, sip_text::Seen, world::World};

/// Days lived by every run of the tests.
const DAYS: u64 = 40;
/// Calls through carriers with a will, in every run of the tests.
const CROSSINGS: u64 = 400;
/// Calls to agents on phones, in every run of the tests.
const LIFTINGS: u64 = 100;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    Some(parsed.unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn replayed() -> Vec<u64> {
    let listed = include_str!("../fixtures/seeds.txt").lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    listed.filter(|seed| !seed.is_empty()).map(|seed| seed.parse().expect("a seed is a number")).collect()
}

fn lived(mut world: World) -> World {
    generate::live(&mut world);
    world
}

/// Lives a world for each seed, on all cores, and asks the oracles; the first that fails is shown as a ladder, and every one with the line that replays it.
fn judge(seeds: &[u64], test: &str, make: fn(u64) -> World) {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
                    let found = match catch_unwind(AssertUnwindSafe(|| lived(make(seed)))) {
                        Ok(world) => {
                            let found = oracles::verdicts(&world);
                            if !found.is_empty() && failed.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                                eprintln!("{}", world.ladder);
                            }
                            found
                        }
                        Err(_) => vec!["it panicked".to_owned()],
                    };
                    if !found.is_empty() {
                        eprintln!("SEED={seed} make sim TEST={test}\n{}\n", found.join("\n"));
                        failed.lock().unwrap_or_else(PoisonError::into_inner).insert(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(failed.is_empty(), "{} of {} went wrong; replay one with SEED=n: {failed:?}", failed.len(), seeds.len());
}

/// The one seed that is asked for, else those on the list and so many from 1.
fn seeds(listed: Vec<u64>, usual: u64) -> Vec<u64> {
    match number("SEED") {
        Some(seed) => vec![seed],
        None => listed.into_iter().chain(1..=number("SEEDS").unwrap_or(usual)).collect(),
    }
}

#[test]
fn whatever_happens_in_a_day_the_oracles_hold() {
    judge(&seeds(replayed(), DAYS), "whatever_happens", generate::day);
}

#[test]
fn whatever_carriers_do_the_oracles_hold() {
    judge(&seeds(Vec::new(), CROSSINGS), "whatever_carriers", generate::crossing);
}

#[test]
fn whatever_phones_are_lifted_the_oracles_hold() {
    judge(&seeds(Vec::new(), LIFTINGS), "whatever_phones", generate::lifting);
}

/// Oracles that are never asked anything would hold too.
#[test]
fn the_days_are_full_of_calls() {
    let mut seen = BTreeMap::<&str, usize>::new();
    for world in (1..=DAYS).map(generate::day).map(lived) {
        for record in &world.records {
            if let Happened::Handoff { late, .. } = record.happened {
                *seen.entry(if late { "late" } else { "handed" }).or_default() += 1;
            }
            *seen.entry("sealed").or_default() += usize::from(matches!(record.happened, Happened::RecordingSealed { .. }));
            *seen.entry("chosen").or_default() += usize::from(matches!(record.happened, Happened::MenuChosen(_)));
        }
        *seen.entry("refused").or_default() +=
            world.phones.iter().flat_map(|phone| &phone.talks).filter(|talk| talk.refused.is_some()).count();
        *seen.entry("lost or declined").or_default() +=
            world.desks.iter().flat_map(|desk| &desk.visits).filter(|visit| visit.bridged.is_none()).count();
    }
    eprintln!("{seen:?}");
    assert!(
        ["handed", "late", "sealed", "chosen", "refused", "lost or declined"].iter().all(|what| seen.get(what).is_some_and(|n| *n >= 5)),
        "{seen:?}"
    );
}

/// Carriers that lose nothing and cross nothing would pass too.
#[test]
fn the_carriers_do_what_they_will() {
    let mut seen = BTreeMap::<&str, usize>::new();
    for world in (1..=120).map(generate::crossing).map(lived) {
        let mut sent = BTreeMap::<(String, u16), usize>::new();
        for message in world.wire.iter().filter(|message| !message.inbound && message.method() == "INVITE") {
            *sent.entry((message.transaction(), message.status().unwrap_or_default())).or_default() += 1;
        }
        let is_lost = |status| sent.iter().any(|((_, said), times)| *said == status && *times > 1);
        let requests = |inbound, method| world.wire.iter().filter(move |message| message.inbound == inbound && message.is_request(method));
        // A response that is inbound to an INVITE of ours, after our CANCEL of it.
        let is_late = requests(false, "CANCEL").any(|cancel| {
            let is_its =
                |message: &&Seen| message.call_id() == cancel.call_id() && message.status() == Some(200) && message.method() == "INVITE";
            world.wire.iter().filter(|message| message.inbound && message.at > cancel.at).any(|message| is_its(&message))
        });
        let crossed =
            |other| requests(true, other).any(|one| requests(false, "BYE").any(|bye| bye.call_id() == one.call_id() && one.at >= bye.at));
        let is_answered = |asked: &Seen, with| {
            world.wire.iter().any(|seen| !seen.inbound && seen.status() == Some(with) && seen.transaction() == asked.transaction())
        };
        let happened = [
            ("an answer is said again", is_lost(200)),
            ("an INVITE is said again", is_lost(0)),
            ("an answer comes after our CANCEL", is_late),
            ("another branch takes the call", world.phones.iter().any(|phone| phone.carrier.branches.iter().any(|branch| branch.over))),
            ("two BYEs cross", crossed("BYE")),
            ("a re-INVITE crosses our BYE", crossed("INVITE")),
            ("nobody acknowledges", world.ladder.mentions("\"sip\":408")),
            ("a phone dies", world.phones.iter().any(Phone::is_dead)),
            ("a call is made without an offer", world.phones.iter().any(|phone| phone.offers_late)),
            ("a caller in the menu would hand the call on", requests(true, "REFER").any(|refer| is_answered(refer, 603))),
            ("a refusal is passed on", world.phones[1].talks.iter().any(|talk| talk.refused.is_some())),
        ];
        happened.iter().for_each(|(what, is_so)| *seen.entry(what).or_default() += usize::from(*is_so));
    }
    eprintln!("{seen:?}");
    assert!(seen.values().all(|times| *times > 0), "{seen:?}");
}

/// Phones that are never lifted twice at once would pass too.
#[test]
fn the_phones_do_what_they_will() {
    let mut seen = BTreeMap::<&str, usize>::new();
    for world in (1..=60).map(generate::lifting).map(lived) {
        let says = |inbound, words: &str| world.wire.iter().any(|seen| seen.inbound == inbound && seen.text.contains(words));
        let handed = world.records.iter().filter(|record| matches!(record.happened, Happened::Handoff { .. })).count();
        let bridged = world.desks.iter().flat_map(|desk| &desk.visits).filter(|visit| visit.bridged.is_some()).count();
        let handsets = || world.phones.iter().filter(|phone| phone.number.starts_with("desk"));
        let lifted = handsets().flat_map(|phone| &phone.talks).filter(|talk| talk.answered.is_some()).count();
        let happened = [
            ("a phone is lifted", handed > bridged),
            ("a desk beside it takes the call", bridged > 0),
            ("more are lifted than can have the call", lifted > handed),
            ("a phone rings in vain", says(false, "Call completed elsewhere")),
            ("a phone speaks before it is lifted", handsets().flat_map(|phone| &phone.talks).any(|talk| talk.spoke_early.is_some())),
            ("a phone dies", handsets().any(Phone::is_dead)),
            ("a caller is handed on to the next", handed > 1),
        ];
        happened.iter().for_each(|(what, is_so)| *seen.entry(what).or_default() += usize::from(*is_so));
    }
    eprintln!("{seen:?}");
    assert!(seen.values().all(|times| *times > 0), "{seen:?}");
}

/// A wire from which somebody took a message is found out.
#[test]
fn an_oracle_sees_a_cancel_that_is_missing_said_twice_or_too_early_and_a_goodbye_that_is_missing() {
    let is_cancel = |seen: &Seen| !seen.inbound && seen.is_request("CANCEL");
    let is_bye = |seen: &Seen| seen.is_request("BYE");
    let in_vain = |world: &World| world.wire.iter().any(|seen| is_cancel(seen) && seen.text.contains("elsewhere"));
    let fresh = || (1..=60).map(generate::lifting).map(lived).find(in_vain).expect("a phone rings in vain");
    let spoiled = |spoil: &dyn Fn(&mut World)| {
        let mut world = fresh();
        assert_eq!(oracles::verdicts(&world), Vec::<String>::new());
        spoil(&mut world);
        oracles::verdicts(&world).join("\n")
    };
    let missing = spoiled(&|world| world.wire.retain(|seen| !is_cancel(seen)));
    assert!(missing.contains("rings on after"), "{missing}");
    let twice = spoiled(&|world| {
        let one = world.wire.iter().find(|seen| is_cancel(seen)).cloned().expect("there is one");
        world.wire.push(Seen { text: one.text.replace("branch=", "branch=again"), ..one });
    });
    assert!(twice.contains("is taken back 2 times"), "{twice}");
    let early = spoiled(&|world| {
        let cancel = world.wire.iter_mut().find(|seen| is_cancel(seen)).expect("there is one");
        cancel.at = world.zero;
    });
    assert!(early.contains("before anything was said"), "{early}");
    let unsaid = spoiled(&|world| world.wire.retain(|seen| !is_bye(seen)));
    assert!(unsaid.contains("BYEs of ours 0, of theirs 0"), "{unsaid}");
    let unasked = spoiled(&|world| world.records.retain(|record| !matches!(record.happened, Happened::AgentOffered { .. })));
    assert!(unasked.contains("not offered as version"), "{unasked}");
}

#[test]
fn the_same_seed_says_the_same_bytes_at_the_same_times() {
    for seed in [3, 8] {
        let (one, other) = (lived(generate::day(seed)), lived(generate::day(seed)));
        assert_eq!(one.digest(), other.digest(), "seed {seed}");
        assert_ne!(one.digest(), lived(generate::day(seed + 1)).digest());
    }
}
