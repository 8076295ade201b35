//! Header names: long and compact forms (RFC 3261 7.3.3).

/// The long form of a name in the spelling of its RFC; `None` for an unknown name.
pub(in crate::sip) fn canonical(name: &str) -> Option<&'static str> {
    if let [letter] = name.as_bytes() {
        let letter = letter.to_ascii_lowercase();
        return COMPACT.iter().find(|(short, _)| *short == letter).map(|(_, long)| *long);
    }
    let mut slot = slot(name.as_bytes())?;
    loop {
        let known = KNOWN.get(usize::from(SLOTS[slot]))?;
        if *known == name || known.eq_ignore_ascii_case(name) {
            return Some(known);
        }
        slot = (slot + 1) % SLOTS.len();
    }
}

/// Where a name would stand in [`SLOTS`], by its length and two of its letters; `None` for no name.
const fn slot(name: &[u8]) -> Option<usize> {
    let [first, .., last] = name else { return None };
    let (first, last, middle) = ((*first | 0x20) as usize, (*last | 0x20) as usize, (name[name.len() / 2] | 0x20) as usize);
    Some((name.len() * 7 + first * 31 + last * 5 + middle) % SLOTS_COUNT)
}

/// A table by hash, made when we are compiled: every line of every message asks.
static SLOTS: [u8; SLOTS_COUNT] = {
    assert!(KNOWN.len() * 2 < SLOTS_COUNT && KNOWN.len() < NONE as usize, "the table is too full to be quick");
    let mut slots = [NONE; SLOTS_COUNT];
    let mut index = 0;
    while index < KNOWN.len() {
        if let Some(mut at) = slot(KNOWN[index].as_bytes()) {
            while slots[at] != NONE {
                at = (at + 1) % SLOTS_COUNT;
            }
            slots[at] = index as u8;
        }
        index += 1;
    }
    slots
};

const SLOTS_COUNT: usize = 512;

/// An empty slot.
const NONE: u8 = u8::MAX;

/// The compact forms registered with IANA.
const COMPACT: [(u8, &str); 20] = [
    (b'a', "Accept-Contact"),
    (b'b', "Referred-By"),
    (b'c', "Content-Type"),
    (b'd', "Request-Disposition"),
    (b'e', "Content-Encoding"),
    (b'f', "From"),
    (b'i', "Call-ID"),
    (b'j', "Reject-Contact"),
    (b'k', "Supported"),
    (b'l', "Content-Length"),
    (b'm', "Contact"),
    (b'n', "Identity-Info"),
    (b'o', "Event"),
    (b'r', "Refer-To"),
    (b's', "Subject"),
    (b't', "To"),
    (b'u', "Allow-Events"),
    (b'v', "Via"),
    (b'x', "Session-Expires"),
    (b'y', "Identity"),
];

const KNOWN: [&str; 46] = [
    "Accept",
    "Allow",
    "Authorization",
    "Call-ID",
    "Contact",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "CSeq",
    "Date",
    "Diversion",
    "Event",
    "Expires",
    "From",
    "History-Info",
    "Identity",
    "Max-Forwards",
    "MIME-Version",
    "Min-Expires",
    "Min-SE",
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Privacy",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Require",
    "RAck",
    "Reason",
    "Record-Route",
    "Refer-To",
    "Referred-By",
    "Replaces",
    "Remote-Party-ID",
    "Require",
    "Retry-After",
    "Route",
    "RSeq",
    "Session-Expires",
    "Session-ID",
    "Supported",
    "To",
    "Unsupported",
    "User-to-User",
    "Via",
    "WWW-Authenticate",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compact_name_and_a_shouted_one_become_the_long_form() {
        assert_eq!(canonical("v"), Some("Via"));
        assert_eq!(canonical("K"), Some("Supported"));
        assert_eq!(canonical("cALL-iD"), Some("Call-ID"));
        for unknown in ["", "-", "X-Tandem", "Vja", "Call_ID"] {
            assert_eq!(canonical(unknown), None);
        }
    }

    #[test]
    fn every_known_name_is_found() {
        for known in KNOWN {
            assert_eq!(canonical(&known.to_ascii_uppercase()), Some(known));
        }
    }
}
