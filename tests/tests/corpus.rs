//! The fuzz corpus, and a few hundred mutations of each of its files, through the entries that the fuzz targets use.

#![expect(clippy::unwrap_used, reason = "whatever cannot be looked at fails its test")]

#[path = "../fuzz/src/entries.rs"]
#[expect(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod entries;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use entries::{ENTRIES, Entry};

#[test]
fn every_target_has_a_corpus_and_its_bytes_break_nothing() {
    for (target, entry) in ENTRIES {
        let files = corpus(target);
        assert!(files.len() >= FILES_MIN, "corpus/{target} has {} files", files.len());
        for (file, bytes) in files {
            feed(entry, &bytes, &file);
        }
    }
}

#[test]
fn mutations_of_the_corpus_break_nothing() {
    for (target, entry) in ENTRIES {
        let files = corpus(target);
        for (nth, (file, bytes)) in files.iter().enumerate() {
            let mut rng = ChaCha20Rng::seed_from_u64(nth as u64);
            for _ in 0..MUTATIONS {
                let other = &files[rng.random_range(0..files.len())].1;
                feed(entry, &mutated(bytes, other, &mut rng), file);
            }
        }
    }
}

#[test]
fn a_corpus_reaches_behind_its_parser() {
    let read = |target: &str, reads: fn(&[u8]) -> bool| corpus(target).iter().filter(|(_, bytes)| reads(bytes)).count();
    assert!(read("sip", |bytes| gateway_core::sip::parse(bytes).is_ok()) >= 4);
    assert!(read("sdp", |bytes| std::str::from_utf8(bytes).is_ok_and(|text| media::sdp::Offer::parse(text).is_ok())) >= 4);
    assert!(read("rtp", |bytes| media::rtp::Header::parse(bytes).is_ok()) >= 3);
    assert!(read("rtcp", |bytes| media::rtcp::Packet::parse_compound(bytes).is_ok()) >= 3);
}

/// What makes it panic is told by its bytes: put them into a file of the corpus, then mend the parser.
fn feed(entry: Entry, bytes: &[u8], file: &Path) {
    if catch_unwind(AssertUnwindSafe(|| entry(bytes))).is_err() {
        panic!("broken by a mutation of {}: {}", file.display(), bytes.escape_ascii());
    }
}

/// One to four changes: a bit, a byte, a cut, a repetition, a piece of another file, a length that lies.
fn mutated(bytes: &[u8], other: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.random_range(1..=4) {
        if bytes.is_empty() {
            bytes.extend_from_slice(other);
        }
        if bytes.is_empty() {
            return bytes;
        }
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..7) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => bytes[at] = SPECIAL[rng.random_range(0..SPECIAL.len())],
            3 => bytes.truncate(at),
            4 => {
                let end = (at + rng.random_range(0..64)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let end = (at + rng.random_range(0..32)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => {
                let from = rng.random_range(0..=other.len());
                let end = (from + rng.random_range(0..128)).min(other.len());
                bytes.splice(at..at, other[from..end].iter().copied());
            }
        }
    }
    bytes
}

/// A target's files; the scripts that we ship belong to the corpus of theirs.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scripts = ["../ivr-scripts", "../ivr-scripts/examples/good", "../ivr-scripts/examples/bad"];
    let shipped = scripts.iter().filter(|_| target == "script").map(|folder| here.join(folder));
    let folders = std::iter::once(here.join("fuzz/corpus").join(target)).chain(shipped);
    let listed = folders.flat_map(|folder| fs::read_dir(folder).expect("a target has a corpus"));
    let mut files: Vec<PathBuf> = listed.map(|file| file.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(&file).unwrap())).collect()
}

/// Bytes that end, nest or overflow something in one of the formats.
const SPECIAL: &[u8] = b"\0\r\n\t \"\\<>;:,=@%{}[]#&*!|-\x7f\x80\xff";
/// Each of a file's bytes is changed in one of them.
const MUTATIONS: usize = 200;
const FILES_MIN: usize = 5;
