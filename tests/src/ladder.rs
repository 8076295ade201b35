//! The ladder: what happened, line by line, for whoever must understand a failing seed.

use std::{fmt, time::Duration};

/// What happened so far; the oldest lines are given up where it grows too long.
#[derive(Debug, Default)]
pub struct Ladder {
    lines: Vec<(Duration, String)>,
}

impl Ladder {
    /// Adds a line, `at` counted from the beginning of the world.
    pub fn note(&mut self, at: Duration, line: impl Into<String>) {
        if self.lines.len() >= LINES_MAX {
            self.lines.drain(..LINES_MAX / 2);
        }
        self.lines.push((at, line.into()));
    }

    /// Whether a line holds these words.
    pub fn mentions(&self, words: &str) -> bool {
        self.lines.iter().any(|(_, line)| line.contains(words))
    }

    /// All lines, oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(_, line)| line.as_str())
    }
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|(at, line)| writeln!(f, "{:>10.3}  {line}", at.as_secs_f64()))
    }
}

/// A day of calls; more is not read by anybody.
const LINES_MAX: usize = 40_000;
