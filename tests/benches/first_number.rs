//! What the first number of a country costs, where its patterns have been compiled and where not; both once, since a second number tells nothing.

use std::{
    io::{self, Write},
    time::Instant,
};

use gateway_core::context::identity;

const UNREAD: [&str; 6] = ["+4915123456789", "+8613123456789", "+819012345678", "+390236618300", "+420601123456", "+27711234567"];
const READ: [(&str, &str); 6] = [
    ("GB", "+447400123456"),
    ("UA", "+380501234567"),
    ("NL", "+31612345678"),
    ("AT", "+43664123456"),
    ("IN", "+918123456789"),
    ("FI", "+358412345678"),
];

fn main() -> io::Result<()> {
    identity::read_plans();
    READ.iter().for_each(|(region, _)| identity::compile_plan(region));
    let mut out = io::stdout().lock();
    for number in UNREAD {
        writeln!(out, "{number:<16} not compiled {:>8} us", first(number))?;
    }
    for (_, number) in READ {
        writeln!(out, "{number:<16} compiled     {:>8} us", first(number))?;
    }
    Ok(())
}

fn first(number: &str) -> u128 {
    let begun = Instant::now();
    let found = identity::e164(number, None);
    let took = begun.elapsed().as_micros();
    assert_eq!(found.as_deref(), Some(number));
    took
}
