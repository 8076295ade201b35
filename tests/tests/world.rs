//! Random days, a seed each. `SEEDS=500 make sim` lives more of them, `SEED=17 make sim` one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gateway_core::events::record::Happened;
use tests::{generate, oracles, world::World};

/// Days lived by every run of the tests.
const DAYS: u64 = 40;

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

fn lived(seed: u64) -> World {
    let mut world = generate::day(seed);
    generate::live(&mut world);
    world
}

#[test]
fn whatever_happens_in_a_day_the_oracles_hold() {
    let seeds: Vec<u64> = match number("SEED") {
        Some(seed) => vec![seed],
        None => replayed().into_iter().chain(1..=number("SEEDS").unwrap_or(DAYS)).collect(),
    };
    let mut failed = Vec::new();
    for seed in &seeds {
        match catch_unwind(AssertUnwindSafe(|| lived(*seed))) {
            Ok(world) => {
                let found = oracles::verdicts(&world);
                if !found.is_empty() {
                    if failed.is_empty() {
                        eprintln!("{}", world.ladder);
                    }
                    eprintln!("SEED={seed}\n{}\n", found.join("\n"));
                    failed.push(*seed);
                }
            }
            Err(_) => failed.push(*seed),
        }
    }
    assert!(failed.is_empty(), "{} of {} days went wrong; replay one with SEED=n: {failed:?}", failed.len(), seeds.len());
}

/// Oracles that are never asked anything would hold too.
#[test]
fn the_days_are_full_of_calls() {
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    for world in (1..=DAYS).map(lived) {
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

#[test]
fn the_same_seed_says_the_same_bytes_at_the_same_times() {
    for seed in [3, 8] {
        let (one, other) = (lived(seed), lived(seed));
        assert_eq!(one.digest(), other.digest(), "seed {seed}");
        assert_ne!(one.digest(), lived(seed + 1).digest());
    }
}
