//! More calls than addresses: refused politely, without spinning, and taken again when addresses come back.

use std::time::Duration;

use tests::{config, oracles, phone::Act, world::World};

#[test]
fn calls_over_the_last_address_get_503_and_the_node_comes_back() {
    let mut world = World::bound_to(5, config::usual(0), 3);
    for _ in 0..5 {
        let caller = world.caller();
        world.phones[caller].habits = vec![(Duration::from_secs(4), Act::HangUp)];
        world.dial(caller, "100");
        world.run(50);
    }
    world.run(2_000);
    let refused: Vec<_> = world.phones.iter().map(|phone| phone.talk().refused).collect();
    assert_eq!(refused, [None, None, None, Some(503), Some(503)]);
    let retry = world.wire.iter().find(|seen| seen.status() == Some(503)).unwrap();
    assert!(retry.header("Reason").is_some_and(|reason| reason.contains("cause=34")), "{}", retry.text);
    // All hang up after 4 s; addresses rest for 5 s more.
    world.run(12_000);
    for caller in 0..3 {
        world.dial(caller, "100");
    }
    world.run(2_000);
    assert!(world.phones[..3].iter().all(|phone| phone.talk().answered.is_some()), "{}", world.ladder);
    assert!(world.asked_for_ports < 20, "asked {} times", world.asked_for_ports);
    world.run(60_000);
    oracles::ask_all(&world);
}

#[test]
fn a_node_at_rest_without_addresses_asks_for_none() {
    let mut world = World::bound_to(5, config::usual(0), 0);
    world.run(3_600_000);
    assert!(world.asked_for_ports <= 2, "asked {} times in an hour", world.asked_for_ports);
}
