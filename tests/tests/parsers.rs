//! Our parser beside `rsip` and `rsipstack`, on the torture messages and the fuzz corpus: where two accept, what they read is the same,
//! or the difference stands in `tests/fixtures/parsers.tsv` with the paragraph that decides.

#![expect(clippy::unwrap_used, reason = "whatever cannot be looked at fails its test")]

use std::{
    collections::BTreeSet,
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

use gateway_core::sip::{self, Message, NameAddr, Via};

#[test]
fn where_two_parsers_accept_they_read_the_same_or_the_difference_is_listed() {
    let mut found = BTreeSet::new();
    let (mut both, mut compared) = (0, 0);
    for file in messages() {
        let bytes = fs::read(&file).unwrap();
        let Ok(message) = sip::parse(&bytes) else { continue };
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        for (peer, read) in [("rsip", by_rsip as fn(&[u8]) -> Option<Seen>), ("rsipstack", by_rsipstack)] {
            let Some(seen) = read(&bytes) else { continue };
            both += 1;
            compared += FIELDS.len();
            found.extend(FIELDS.iter().filter(|field| !agree(field, &message, &seen)).map(|field| format!("{name}\t{peer}\t{field}")));
        }
    }
    assert!(both >= 60 && compared > 400, "{both} messages were read by two");
    let listed: BTreeSet<String> = listed().into_iter().map(|row| row.rsplit_once('\t').unwrap().0.to_owned()).collect();
    let news: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(news.is_empty() && gone.is_empty(), "not listed:\n{news:#?}\nlisted, and no difference any more:\n{gone:#?}");
}

#[test]
fn each_listed_difference_names_its_paragraph() {
    for row in listed() {
        let why = row.rsplit_once('\t').unwrap().1;
        assert!(why.starts_with("RFC ") && why.contains(": "), "{row}");
    }
}

/// What another parser has read: its start line's parts, and its headers as they stand.
struct Seen {
    start: String,
    lines: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Seen {
    /// All values of a header, by its long name or its compact one.
    fn all(&self, long: &str, compact: &str) -> Vec<String> {
        let is_it = |name: &str| name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(compact);
        self.lines.iter().filter(|(name, _)| is_it(name)).map(|(_, value)| value.clone()).collect()
    }
}

/// Is `field` the same in what we read and in what the other did?
fn agree(field: &str, ours: &Message, seen: &Seen) -> bool {
    let (via, below, from, to, call_id, cseq, body) = match ours {
        Message::Request(r) => (&r.via, &r.vias_below, &r.from, &r.to, &r.call_id, &r.cseq, &r.body),
        Message::Response(r) => (&r.via, &r.vias_below, &r.from, &r.to, &r.call_id, &r.cseq, &r.body),
    };
    match field {
        "start" => match ours {
            Message::Request(request) => seen.start == format!("{} {}", request.method, request.uri),
            Message::Response(response) => seen.start == response.status.to_string(),
        },
        "From" => seen.all("From", "f").iter().map(|value| NameAddr::parse(value)).eq([Ok(from.clone())]),
        "To" => seen.all("To", "t").iter().map(|value| NameAddr::parse(value)).eq([Ok(to.clone())]),
        "Call-ID" => seen.all("Call-ID", "i") == [call_id.as_str()],
        "CSeq" => seen.all("CSeq", "").iter().map(|value| sip::CSeq::parse(value)).eq([Ok(cseq.clone())]),
        "Via" => {
            // A comma in a Via parts two of them; no Via of the corpus quotes one.
            let theirs = seen.all("Via", "v").join(",");
            theirs.split(',').map(Via::parse).eq(std::iter::once(via).chain(below).cloned().map(Ok))
        }
        "body" => seen.body == *body,
        _ => false,
    }
}

fn by_rsip(bytes: &[u8]) -> Option<Seen> {
    // It may panic where it cannot read (slices of UTF-8): then it has not accepted.
    let message = catch_unwind(|| rsip::SipMessage::try_from(bytes).ok()).ok()??;
    let (start, headers, body) = match message {
        rsip::SipMessage::Request(request) => (format!("{} {}", request.method, request.uri), request.headers, request.body),
        rsip::SipMessage::Response(response) => (response.status_code.code().to_string(), response.headers, response.body),
    };
    Some(Seen { start, lines: headers.iter().map(|line| line_of(&line.to_string())).collect(), body })
}

fn by_rsipstack(bytes: &[u8]) -> Option<Seen> {
    let message = catch_unwind(|| rsipstack::sip::parser::parse_message(bytes).ok()).ok()??;
    let (start, headers, body) = match message {
        rsipstack::sip::SipMessage::Request(request) => (format!("{} {}", request.method, request.uri), request.headers, request.body),
        rsipstack::sip::SipMessage::Response(response) => (response.status_code.code().to_string(), response.headers, response.body),
    };
    Some(Seen { start, lines: headers.iter().map(|line| line_of(&line.to_string())).collect(), body })
}

fn line_of(text: &str) -> (String, String) {
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    (name.trim().to_owned(), value.trim().to_owned())
}

fn messages() -> Vec<PathBuf> {
    let folder = |path: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        fs::read_dir(path).unwrap().map(|file| file.unwrap().path()).collect::<Vec<_>>()
    };
    let mut files = [folder("fixtures/torture"), folder("fuzz/corpus/sip")].concat();
    files.retain(|file| !file.file_name().unwrap().to_str().unwrap().starts_with("rfc-"));
    files.sort();
    files
}

fn listed() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/parsers.tsv")).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).skip(1).map(str::to_owned).collect()
}

/// What two readers of one message must agree upon.
const FIELDS: [&str; 7] = ["start", "From", "To", "Call-ID", "CSeq", "Via", "body"];
