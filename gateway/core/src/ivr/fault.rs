//! What is wrong with a script: where, what, and what was probably meant.

use std::fmt;

/// One mistake in a script file. Line and column count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub message: String,
    /// What to do about it; mostly the nearest valid name.
    pub help: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

/// A line and a column, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// The faults of one file, as they are found.
#[derive(Debug)]
pub(super) struct Faults {
    file: String,
    found: Vec<Fault>,
}

impl Faults {
    pub(super) fn of(file: &str) -> Self {
        Self { file: file.to_owned(), found: Vec::new() }
    }

    pub(super) fn add(&mut self, at: Place, message: impl Into<String>, help: Option<String>) {
        let (line, column) = (at.line, at.column);
        self.found.push(Fault { file: self.file.clone(), line, column, message: message.into(), help });
    }

    /// In the order of the file, each once.
    pub(super) fn sorted(mut self) -> Vec<Fault> {
        self.found.sort_by(|x, y| (x.line, x.column, &x.message).cmp(&(y.line, y.column, &y.message)));
        self.found.dedup();
        self.found
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// "did you mean `x`?", where some known name is near enough, else the list of them while it is short.
pub(super) fn suggest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    let nearest = known.iter().map(|name| (distance(wrong, name), *name)).min()?;
    if nearest.0 <= 1 + wrong.chars().count() / 3 {
        return Some(format!("did you mean `{}`?", nearest.1));
    }
    (known.len() <= LISTED_MAX).then(|| format!("known here: {}", known.join(", ")))
}

/// Edits that turn one word into the other: insert, delete, replace, swap two neighbours.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().take(WORD_MAX).collect();
    let to: Vec<char> = to.chars().take(WORD_MAX).collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

/// Longer words are compared by their beginning.
const WORD_MAX: usize = 48;

/// More names than this are no help.
const LISTED_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        assert_eq!(suggest("qeueu", ["menu", "queue", "say"]), Some("did you mean `queue`?".into()));
        assert_eq!(suggest("biling", ["billing", "delivery"]), Some("did you mean `billing`?".into()));
    }

    #[test]
    fn a_stranger_gets_the_list() {
        assert_eq!(suggest("elephant", ["menu", "say"]), Some("known here: menu, say".into()));
        assert_eq!(suggest("elephant", []), None);
    }
}
