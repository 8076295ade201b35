//! Flows of the catalogues through the whole gateway, each judged by every oracle and by ear; docs/specs/catalogue.md lists them all.

#[path = "catalogue/early_media.rs"]
mod early_media;
#[path = "catalogue/examples.rs"]
mod examples;
#[path = "catalogue/offers.rs"]
mod offers;
#[path = "catalogue/races.rs"]
mod races;
#[path = "catalogue/services.rs"]
mod services;
#[path = "catalogue/third_party.rs"]
mod third_party;

use std::time::Duration;

use tests::{
    oracles,
    phone::{Act, Answering},
    world::{UAS_HZ, World},
};

/// The one who is called, and the one who calls.
const CALLED: usize = 0;
const CALLER: usize = 1;

fn two_phones(answering: Answering) -> World {
    let mut world = World::new(23, 0);
    assert_eq!((world.uas(), world.caller()), (CALLED, CALLER));
    world.phones[CALLED].answering = answering;
    world.dial(CALLER, "200");
    world
}

fn taken() -> World {
    two_phones(Answering::Take(Duration::from_millis(400)))
}

fn judge(mut world: World) -> World {
    world.plan(CALLER, 10_000, Act::HangUp);
    world.run(240_000);
    oracles::ask_all(&world);
    world
}

fn share(world: &World, phone: usize, hz: f64, from: u64, to: u64) -> f64 {
    world.phones[phone].talk().line.ear.as_ref().expect("media was agreed").share(hz, world.at(from), world.at(to))
}

/// Both hear each other, in ms since the beginning.
#[track_caller]
fn both_hear(world: &World, from: u64, to: u64) {
    let heard = (share(world, CALLER, UAS_HZ, from, to), share(world, CALLED, world.phones[CALLER].hz, from, to));
    assert!(heard.0 > 0.95 && heard.1 > 0.95, "{heard:?} of {from}..{to}\n{}", world.ladder);
}
