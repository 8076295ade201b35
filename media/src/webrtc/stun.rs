//! The few bytes of STUN (RFC 8489 5) that routing and nomination need. Proves nothing: integrity is checked by `rtc`.

const HEADER_LEN: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const USERNAME: u16 = 0x0006;
/// RFC 8445 7.1.1.
const USE_CANDIDATE: u16 = 0x0025;

/// What a datagram on a WebRTC port is, by its first bytes (RFC 7983 7, RFC 8489 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A connectivity check, the one thing that a stranger may send.
    Request,
    /// The answer to a check of ours.
    Success,
    /// A DTLS record; alerts carry a close_notify.
    Dtls {
        /// Record type 21 (RFC 5246 6.2.1).
        alert: bool,
    },
    /// RTP, RTCP, STUN errors and indications.
    Other,
}

pub(super) fn kind(bytes: &[u8]) -> Kind {
    let is_stun = bytes.get(4..8) == Some(&MAGIC_COOKIE);
    match bytes {
        [0, 1, ..] if is_stun => Kind::Request,
        [1, 1, ..] if is_stun => Kind::Success,
        [first @ 20..=63, ..] => Kind::Dtls { alert: *first == 21 },
        _ => Kind::Other,
    }
}

/// A check that also nominates its pair.
pub(super) fn nominates(bytes: &[u8]) -> bool {
    kind(bytes) == Kind::Request && attribute(bytes, USE_CANDIDATE).is_some()
}

/// Our own ufrag in a check: what stands before the colon of its USERNAME (RFC 8445 7.2.2).
pub(super) fn local_ufrag(bytes: &[u8]) -> Option<&str> {
    let username = attribute(bytes, USERNAME).filter(|_| kind(bytes) == Kind::Request)?;
    std::str::from_utf8(username).ok()?.split_once(':').map(|(ours, _)| ours)
}

/// The value of the first attribute of that type.
fn attribute(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = bytes.get(HEADER_LEN..)?;
    loop {
        let (head, tail) = rest.split_first_chunk::<4>()?;
        let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if u16::from_be_bytes([head[0], head[1]]) == wanted {
            return tail.get(..len);
        }
        rest = tail.get(len.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(attributes: &[u8]) -> Vec<u8> {
        [&[0, 1, 0, 0], &MAGIC_COOKIE[..], &[7; 12], attributes].concat()
    }

    #[test]
    fn a_check_names_our_ufrag_and_may_nominate() {
        let username = [&[0, 6, 0, 5][..], b"us:it", &[0, 0, 0]].concat();
        assert_eq!(local_ufrag(&check(&username)), Some("us"));
        assert!(!nominates(&check(&username)));
        assert!(nominates(&check(&[&username[..], &[0, 0x25, 0, 0]].concat())));
        assert_eq!(local_ufrag(&check(&[0, 6, 0, 200, b'u'])), None);
    }

    #[test]
    fn each_first_byte_has_its_kind() {
        assert_eq!(kind(&[22, 254, 253]), Kind::Dtls { alert: false });
        assert_eq!(kind(&[21, 254, 253]), Kind::Dtls { alert: true });
        assert_eq!(kind(&[0x80, 111]), Kind::Other);
        assert_eq!(kind(&[0, 1, 0, 0]), Kind::Other);
        assert_eq!(kind(&[]), Kind::Other);
    }

    proptest! {
        #[test]
        fn no_datagram_makes_it_panic(tail in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = (local_ufrag(&tail), nominates(&check(&tail)), local_ufrag(&check(&tail)));
        }
    }
}
