//! A random day from a seed: callers with habits, agents with manners, links and slow systems of all kinds.

use std::time::Duration;

use gateway_core::events::page::ClientMessage;
use media::codec::CodecKind;
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    config,
    desk::{Manner, Take},
    net::Link,
    phone::{Act, Answering},
    world::World,
};

/// A few minutes of a small company; the same seed makes the same minutes.
pub fn day(seed: u64) -> World {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut world = World::with(seed, config::usual(*pick(&mut rng, &[0, 1, 1, 2, 2, 3, 4])));
    world.outside.manners.identify =
        pick(&mut rng, &[Some(5), Some(5), Some(40), Some(40), Some(390), Some(900), None]).map(Duration::from_millis);
    world.outside.manners.reserve =
        pick(&mut rng, &[Some(0), Some(0), Some(0), Some(0), Some(60), Some(300), Some(1_200), None]).map(Duration::from_millis);
    world.outside.manners.fails = rng.random_bool(0.1);
    for desk in 0..world.desks.len() {
        world.desks[desk].codecs = vec![*pick(&mut rng, &[CodecKind::Pcmu, CodecKind::Pcma, CodecKind::Opus])];
        let offers = rng.random_range(1..5);
        world.desks[desk].manners = (0..offers).map(|_| manner(&mut rng)).collect();
        if rng.random_bool(0.1) {
            let at = world.at(rng.random_range(0..60_000));
            world.desks[desk].leave_at(at);
        }
        for _ in 0..rng.random_range(0..4) {
            let at = world.at(rng.random_range(0..120_000));
            let state = if rng.random_bool(0.8) { "available" } else { "away" };
            world.desks[desk].say_at(at, ClientMessage::Status { state: state.to_owned() });
        }
    }
    let uas = rng.random_bool(0.5).then(|| world.uas());
    if let Some(uas) = uas {
        let after = Duration::from_millis(rng.random_range(0..3_000));
        let answers = [Answering::Take(after), Answering::Refuse(486, after), Answering::Refuse(603, after), Answering::Ring];
        world.phones[uas].answering = *pick(&mut rng, &answers);
    }
    let mut bridged = uas.is_none();
    for _ in 0..rng.random_range(2..10) {
        let caller = world.caller();
        let link = Link {
            delay: Duration::from_millis(rng.random_range(1..80)),
            jitter: Duration::from_millis(rng.random_range(0..25)),
            loss: *pick(&mut rng, &[0, 0, 0, 5, 20]),
        };
        world.connect(caller, link);
        if rng.random_bool(0.5) {
            let number = world.phones[caller].number.clone();
            world.outside.know(&number);
        }
        if rng.random_bool(0.1) {
            world.phones[caller].number.clear();
        }
        world.phones[caller].codecs = vec![*pick(&mut rng, &[CodecKind::Pcmu, CodecKind::Pcma])];
        world.phones[caller].habits = habits(&mut rng);
        let dialled = match std::mem::replace(&mut bridged, true) {
            false => "200",
            true => *pick(&mut rng, &["100", "100", "100", "100", "999", "300"]),
        };
        let at = rng.random_range(0..40_000);
        world.plan(caller, at, Act::Dial(dialled.to_owned()));
        if rng.random_bool(0.3) {
            world.plan(caller, at + rng.random_range(95_000..120_000), Act::Dial("100".to_owned()));
        }
        // A caller who gives up, and one who has forgotten to hang up.
        let patience = if rng.random_bool(0.15) { rng.random_range(0..3_000) } else { 180_000 };
        world.plan(caller, at + patience, Act::HangUp);
    }
    world
}

/// Lets a day pass until all is over.
pub fn live(world: &mut World) {
    world.run(340_000);
}

fn habits(rng: &mut ChaCha8Rng) -> Vec<(Duration, Act)> {
    let ms = Duration::from_millis;
    let mut habits = Vec::new();
    let mut at = rng.random_range(100..4_000);
    for _ in 0..rng.random_range(0..5) {
        habits.push((ms(at), Act::Press(*pick(rng, &['0', '0', '0', '0', '1', '1', '2', '3', '7', '#']))));
        at += rng.random_range(150..3_000);
    }
    if rng.random_bool(0.2) {
        let from = rng.random_range(3_000..15_000);
        habits.push((ms(from), Act::Hold(true)));
        habits.push((ms(from + rng.random_range(1_500..5_000)), Act::Hold(false)));
    }
    let longest = *pick(rng, &[3_000, 30_000, 60_000, 90_000]);
    habits.push((ms(rng.random_range(500..longest)), Act::HangUp));
    habits
}

fn manner(rng: &mut ChaCha8Rng) -> Manner {
    let when = rng.random_range(200..6_000);
    let takes = [Take::Accept(when), Take::Accept(when), Take::Accept(when), Take::Decline(when), Take::Close(when), Take::Ignore];
    Manner {
        media: rng.random_range(10..120),
        ack: rng.random_bool(0.8).then(|| rng.random_range(30..3_500)),
        take: *pick(rng, &takes),
        talk: rng.random_bool(0.4).then(|| rng.random_range(500..20_000)),
        hold: rng.random_bool(0.2).then(|| (rng.random_range(300..3_000), rng.random_range(3_500..8_000))),
        lost: rng.random_bool(0.1).then(|| rng.random_range(100..8_000)),
        wrapup: rng.random_bool(0.7).then(|| rng.random_range(100..9_000)),
    }
}

fn pick<'a, T>(rng: &mut ChaCha8Rng, choices: &'a [T]) -> &'a T {
    choices.choose(rng).expect("there is a choice")
}
