//! Keys that are heard in speech where none was pressed, and keys of the same speech that are not found where they were; and what it costs.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use tests::speech::{LANGUAGES, dialled_over, keys_in, recorded, spoken};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let spoken = LANGUAGES.map(|language| (language, spoken(language, 7, Duration::from_secs(20 * 60))));
    let (mut all, mut found) = (0, 0);
    for (name, speech) in spoken.into_iter().chain([("asterisk", recorded())]) {
        let begun = Instant::now();
        let heard = keys_in(&speech);
        let cost = begun.elapsed().as_secs_f64() * 1e6 / (speech.len() as f64 / 160.0).max(1.0);
        let (mixed, pressed) = dialled_over(&speech, 8);
        let missed = if keys_in(&mixed) == pressed { 0 } else { missing(&keys_in(&mixed), &pressed) };
        let minutes = speech.len() as f64 / 8_000.0 / 60.0;
        writeln!(
            out,
            "{name:<9} {minutes:>5.1} min: {} false keys; of {} pressed {missed} missed; {cost:.2} us a frame",
            heard.len(),
            pressed.len(),
        )?;
        (all, found) = (all + pressed.len(), found + heard.len());
    }
    assert!(found == 0 && all > 0, "speech was taken for keys");
    Ok(())
}

/// How many of `pressed` do not come in `heard` in their order.
fn missing(heard: &str, pressed: &str) -> usize {
    let mut heard = heard.chars().peekable();
    pressed.chars().filter(|key| heard.next_if_eq(key).is_none()).count()
}
