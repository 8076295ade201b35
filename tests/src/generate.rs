//! A random day from a seed: callers with habits, agents with manners, links and slow systems of all kinds.

use std::time::Duration;

use gateway_core::events::page::ClientMessage;
use media::{codec::CodecKind, sdp::Flow};
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    carrier::{Carrier, Will},
    config,
    desk::{Manner, Take},
    net::Link,
    phone::{Act, Answering},
    world::World,
};

/// A few minutes of a small company; the same seed makes the same minutes.
pub fn day(seed: u64) -> World {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut world = World::with(seed, config::usual(pick(&mut rng, &[0, 1, 1, 2, 2, 3, 4])));
    world.outside.manners.identify =
        pick(&mut rng, &[Some(5), Some(5), Some(40), Some(40), Some(390), Some(900), None]).map(Duration::from_millis);
    world.outside.manners.reserve =
        pick(&mut rng, &[Some(0), Some(0), Some(0), Some(0), Some(60), Some(300), Some(1_200), None]).map(Duration::from_millis);
    world.outside.manners.fails = rng.random_bool(0.1);
    for desk in 0..world.desks.len() {
        world.desks[desk].codecs = vec![pick(&mut rng, &[CodecKind::Pcmu, CodecKind::Pcma, CodecKind::Opus])];
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
        world.phones[uas].answering = pick(&mut rng, &answers);
    }
    let mut bridged = uas.is_none();
    for _ in 0..rng.random_range(2..10) {
        let caller = world.caller();
        let link = Link {
            delay: Duration::from_millis(rng.random_range(1..80)),
            jitter: Duration::from_millis(rng.random_range(0..25)),
            loss: pick(&mut rng, &[0, 0, 0, 5, 20]),
        };
        world.connect(caller, link);
        if rng.random_bool(0.5) {
            let number = world.phones[caller].number.clone();
            world.outside.know(&number);
        }
        if rng.random_bool(0.1) {
            world.phones[caller].number.clear();
        }
        world.phones[caller].codecs = vec![pick(&mut rng, &[CodecKind::Pcmu, CodecKind::Pcma])];
        world.phones[caller].habits = habits(&mut rng);
        let dialled = match std::mem::replace(&mut bridged, true) {
            false => "200",
            true => pick(&mut rng, &["100", "100", "100", "100", "999", "300"]),
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

/// A call or two through carriers with a will; the same seed makes the same calls.
pub fn crossing(seed: u64) -> World {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xca11);
    let mut world = World::new(seed, 1);
    world.desks[0].manners = [manner(&mut rng)].into();
    let uas = world.uas();
    let bridged = world.caller();
    let after = Duration::from_millis(rng.random_range(0..4_000));
    let refused = pick(&mut rng, &[302, 404, 480, 486, 487, 500, 503, 504, 600, 603, 606]);
    let early = Answering::Early(after / 2, after + Duration::from_millis(1_500));
    let answers = [Answering::Take(after), Answering::Take(after), Answering::Take(after), early, Answering::Refuse(refused, after)];
    world.phones[uas].answering = pick(&mut rng, &answers);
    world.phones[uas].carrier = Carrier::new(wills(&mut rng, true));
    let mut callers = vec![(bridged, "200")];
    if rng.random_bool(0.3) {
        callers.push((world.caller(), "100"));
    }
    // Everything that crosses does so about one moment: when somebody takes the call, or when it is over.
    let moment = match rng.random_bool(0.3) {
        true => after.as_millis() as u64,
        false => after.as_millis() as u64 + rng.random_range(1_500..9_000),
    };
    for (caller, dialled) in callers {
        world.phones[caller].carrier = Carrier::new(wills(&mut rng, false));
        world.phones[caller].offers_late = rng.random_bool(0.15);
        world.connect(caller, Link { delay: Duration::from_millis(pick(&mut rng, &[1, 5, 5, 30])), ..Link::GOOD });
        world.dial(caller, dialled);
        if dialled == "100" {
            if rng.random_bool(0.3) {
                // In the menu, where nobody has anybody to hand on.
                let to = format!("sip:200@{}", config::GATEWAY);
                world.plan(caller, rng.random_range(50..500), Act::Refer { call: 0, to, replacing: None });
            }
            world.plan(caller, rng.random_range(500..2_500), Act::Press('0'));
        }
        crosses(&mut rng, &mut world, caller, moment);
        // Who has not been hung up on by then hangs up.
        world.plan(caller, 70_000, Act::HangUp);
    }
    crosses(&mut rng, &mut world, uas, moment);
    if rng.random_bool(0.1) {
        // Given up just before it is taken: the CANCEL comes when the answer is already on its way (RFC 5407 3.1.2).
        world.phones[uas].answering = Answering::Take(after);
        world.phones[uas].carrier = Carrier::new(vec![Will::Slow("CANCEL", Duration::from_millis(300))]);
        world.plan(bridged, (after.as_millis() as u64).saturating_sub(rng.random_range(1..200)), Act::HangUp);
    }
    world
}

/// Calls that agents take by lifting one of their phones, some of which are cut off, slow, or lifted at once; the same seed makes the same calls.
pub fn lifting(seed: u64) -> World {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x11f7);
    let agents = pick(&mut rng, &[1, 1, 2]);
    let mut world = World::with(seed, config::on_phones(agents));
    // All that ring are lifted, or not, about one moment.
    let rings = rng.random_range(200..4_000);
    let mut handsets = Vec::new();
    for agent in 0..agents {
        for device in 0..pick(&mut rng, &[1, 2, 2, 3]) {
            let handset = world.handset(agent, device);
            world.register(handset, &config::phone_user(agent), pick(&mut rng, &[3_600, 3_600, 3_600, 60]));
            world.phones[handset].answering = lifts(&mut rng, rings);
            if rng.random_bool(0.3) {
                world.phones[handset].habits = vec![(Duration::from_millis(rng.random_range(0..20_000)), Act::HangUp)];
            }
            handsets.push(handset);
        }
        if rng.random_bool(0.3) {
            world.desk(world.config.agents[agent].id);
            world.desks.last_mut().expect("it was just made").manners = [manner(&mut rng), manner(&mut rng)].into();
        }
    }
    let pressed = rng.random_range(500..2_500);
    let moment = pressed + rings + if rng.random_bool(0.5) { 0 } else { rng.random_range(1_500..9_000) };
    for n in 0..pick(&mut rng, &[1, 1, 2, 3]) {
        let (caller, at) = (world.caller(), if n == 0 { 0 } else { rng.random_range(0..30_000) });
        world.connect(caller, Link { delay: Duration::from_millis(pick(&mut rng, &[1, 5, 5, 30])), ..Link::GOOD });
        world.phones[caller].carrier = Carrier::new(if n == 0 { Vec::new() } else { wills(&mut rng, false) });
        world.plan(caller, at, Act::Dial("100".to_owned()));
        world.plan(caller, at + pressed, Act::Press('0'));
        crosses(&mut rng, &mut world, caller, at + moment);
        world.plan(caller, at + pick(&mut rng, &[20_000, 40_000, 70_000]), Act::HangUp);
    }
    for handset in handsets {
        world.phones[handset].carrier = Carrier::new(wills(&mut rng, true));
        crosses(&mut rng, &mut world, handset, moment);
    }
    world
}

/// What an agent's phone does when it is rung: those of one agent are lifted in the same moment, or nearly.
fn lifts(rng: &mut ChaCha8Rng, rings: u64) -> Answering {
    let near = Duration::from_millis(rings + pick(rng, &[0, 0, 1, 5, 10, 11, 20, 500]));
    let early = Answering::Early(near / 2, near);
    let refused = pick(rng, &[480, 486, 486, 487, 500, 603]);
    pick(
        rng,
        &[Answering::Take(near), Answering::Take(near), Answering::Take(near), early, Answering::Refuse(refused, near), Answering::Ring],
    )
}

/// What one phone does about that moment, to the millisecond or nearly.
fn crosses(rng: &mut ChaCha8Rng, world: &mut World, phone: usize, moment: u64) {
    let near = moment + pick(rng, &[0, 0, 0, 1, 5, 10, 11, 20, 40]);
    match rng.random_range(0..10) {
        0..4 => world.plan(phone, near, Act::HangUp),
        4 => {
            world.plan(phone, near, Act::Hold(true));
            world.plan(phone, near + rng.random_range(1_500..3_000), Act::Hold(false));
        }
        5 => {
            world.plan(phone, near, Act::Direct(Flow::SendOnly));
            world.plan(phone, near + 1_500, Act::Direct(Flow::SendRecv));
        }
        6 => world.plan(phone, near, Act::Die),
        _ => {}
    }
}

/// None to two of them; half of all carriers are honest ones.
fn wills(rng: &mut ChaCha8Rng, is_called: bool) -> Vec<Will> {
    let lost: [&'static str; 9] = ["ACK", "BYE", "CANCEL", "INVITE", "1xx INVITE", "2xx INVITE", "4xx INVITE", "2xx BYE", "2xx CANCEL"];
    let slow: [&'static str; 6] = ["ACK", "BYE", "CANCEL", "1xx INVITE", "2xx INVITE", "2xx BYE"];
    let count = pick(rng, &[0, 0, 0, 1, 1, 2]);
    (0..count)
        .map(|_| match rng.random_range(0..10) {
            0..4 => Will::Lose(pick(rng, &lost), pick(rng, &[1, 1, 2, 3, 5, 100])),
            4..7 => Will::Slow(pick(rng, &slow), Duration::from_millis(pick(rng, &[1, 20, 300, 700, 3_000]))),
            7 => Will::Double,
            8 if is_called => Will::Silent,
            _ if is_called => Will::Fork(Duration::from_millis(rng.random_range(0..2_000))),
            _ => Will::Double,
        })
        .collect()
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
        habits.push((ms(at), Act::Press(pick(rng, &['0', '0', '0', '0', '1', '1', '2', '3', '7', '#']))));
        at += rng.random_range(150..3_000);
    }
    if rng.random_bool(0.2) {
        let from = rng.random_range(3_000..15_000);
        habits.push((ms(from), Act::Hold(true)));
        habits.push((ms(from + rng.random_range(1_500..5_000)), Act::Hold(false)));
    }
    let longest = pick(rng, &[3_000, 30_000, 60_000, 90_000]);
    habits.push((ms(rng.random_range(500..longest)), Act::HangUp));
    habits
}

fn manner(rng: &mut ChaCha8Rng) -> Manner {
    let when = rng.random_range(200..6_000);
    let takes = [Take::Accept(when), Take::Accept(when), Take::Accept(when), Take::Decline(when), Take::Close(when), Take::Ignore];
    Manner {
        media: rng.random_range(10..120),
        ack: rng.random_bool(0.8).then(|| rng.random_range(30..3_500)),
        take: pick(rng, &takes),
        talk: rng.random_bool(0.4).then(|| rng.random_range(500..20_000)),
        hold: rng.random_bool(0.2).then(|| (rng.random_range(300..3_000), rng.random_range(3_500..8_000))),
        lost: rng.random_bool(0.1).then(|| rng.random_range(100..8_000)),
        wrapup: rng.random_bool(0.7).then(|| rng.random_range(100..9_000)),
    }
}

fn pick<T: Copy>(rng: &mut ChaCha8Rng, choices: &[T]) -> T {
    *choices.choose(rng).expect("there is a choice")
}
