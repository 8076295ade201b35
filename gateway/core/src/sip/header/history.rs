//! History-Info: the way that a call's target took (RFC 7044), read as the diversions on it.

use super::{Diverter, Headers, NameAddr, diversion::DIVERTERS_MAX, reason};
use crate::events::story::DivertReason;

/// One hi-entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub address: NameAddr,
    /// `1.2.1` as numbers; entries are compared by it.
    pub index: Vec<u32>,
    /// The entry that this one came of: `rc`, `mp` or `np`, else the one before it.
    pub of: Option<Vec<u32>>,
}

/// All entries that can be read, in the order of their indices.
pub fn entries(headers: &Headers) -> Vec<Entry> {
    let mut entries: Vec<Entry> =
        headers.list("History-Info").filter_map(|item| NameAddr::parse(item).ok()).filter_map(entry).take(ENTRIES_MAX).collect();
    entries.sort_by(|one, other| one.index.cmp(&other.index));
    entries
}

/// Who sent the call on, the latest first.
///
/// A target that was left has its successor's `cause` (RFC 7544) or a Reason of its own (RFC 7044 10.2); a successor without either, such as a
/// contact that a registrar put in, is no diversion.
pub fn diversions(headers: &Headers) -> Vec<Diverter> {
    let entries = entries(headers);
    let mut diverters = Vec::new();
    for (place, next) in entries.iter().enumerate().skip(1) {
        let left = match &next.of {
            Some(index) => entries.iter().find(|entry| entry.index == *index),
            None => entries.get(place - 1),
        };
        let Some(left) = left else { continue };
        let cause = next.address.uri.params.value("cause").and_then(|cause| cause.parse().ok()).or_else(|| reason_of(left));
        if let Some(cause) = cause {
            let is_private = embedded(left, "Privacy").is_some_and(|value| value.to_ascii_lowercase().contains("history"));
            diverters.push(Diverter { address: left.address.clone(), because: of_status(cause), is_private });
        }
    }
    diverters.reverse();
    diverters.truncate(DIVERTERS_MAX);
    diverters
}

fn entry(address: NameAddr) -> Option<Entry> {
    let index = index_of(address.params.value("index")?)?;
    let of = ["rc", "mp", "np"].iter().find_map(|name| index_of(address.params.value(name)?));
    Some(Entry { address, index, of })
}

fn index_of(text: &str) -> Option<Vec<u32>> {
    let numbers: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
    numbers.filter(|numbers| numbers.len() <= DEPTH_MAX)
}

/// The status of the Reason that stands, escaped, within an entry's URI.
fn reason_of(entry: &Entry) -> Option<u16> {
    let value = embedded(entry, "Reason")?;
    let mut headers = Headers::new();
    headers.push("Reason", value);
    reason::sip(&headers)
}

fn embedded(entry: &Entry, name: &str) -> Option<String> {
    entry.address.uri.header(name)
}

/// RFC 4458 2.
fn of_status(status: u16) -> DivertReason {
    match status {
        486 | 600 => DivertReason::Busy,
        408 => DivertReason::NoAnswer,
        302 => DivertReason::Unconditional,
        480 | 487 => DivertReason::Deflection,
        503 => DivertReason::Unavailable,
        _ => DivertReason::Unknown,
    }
}

/// As many as Diversion may have, and each with a contact behind it.
const ENTRIES_MAX: usize = 2 * DIVERTERS_MAX;
const DEPTH_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &[&str]) -> Vec<(String, DivertReason, bool)> {
        let mut headers = Headers::new();
        lines.iter().for_each(|line| headers.push("History-Info", *line));
        diversions(&headers).into_iter().map(|d| (d.address.uri.user().unwrap_or_default(), d.because, d.is_private)).collect()
    }

    #[test]
    fn a_target_that_was_busy_is_the_diverter() {
        // After RFC 7044 appendix B.1: Bob is busy, and his proxy sends the call on to Carol.
        let lines = [
            "<sip:bob@example.com>;index=1, <sip:bob@192.0.2.4?Reason=SIP%3Bcause%3D486>;index=1.1;rc=1",
            "<sip:carol@example.com>;index=1.2;mp=1.1",
        ];
        assert_eq!(found(&lines), [("bob".to_owned(), DivertReason::Busy, false)]);
    }

    #[test]
    fn the_cause_of_a_new_target_says_why_the_old_one_was_left() {
        let lines = "<sip:+31207000001@h?Privacy=history>;index=1,<sip:+31207000002@h;cause=408>;index=1.1;mp=1,\
                     <sip:+31207000003@h;cause=302>;index=1.1.1;mp=1.1";
        assert_eq!(
            found(&[lines]),
            [("+31207000002".to_owned(), DivertReason::Unconditional, false), ("+31207000001".to_owned(), DivertReason::NoAnswer, true),]
        );
    }

    #[test]
    fn a_way_without_a_reason_is_no_diversion() {
        assert!(found(&["<sip:bob@h>;index=1,<sip:bob@192.0.2.4>;index=1.1;rc=1"]).is_empty());
        assert!(found(&["<sip:bob@h>;index=x, <sip:c@h>", "<broken"]).is_empty());
    }
}
