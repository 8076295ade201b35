//! Octets that are no UTF-8, carried through text.
//!
//! "SIP is a text-based protocol and uses the UTF-8 charset" (RFC 3261 7), yet phones write names in Latin-1. Such an octet is carried as
//! one private character and becomes the same octet again when it is printed, so that what came in goes out, bit by bit.

use std::borrow::Cow;

/// The text of a header's octets; those outside UTF-8 become private characters.
pub(super) fn from_wire(octets: &[u8]) -> Cow<'_, str> {
    // The characters that carry octets are not taken from the wire, so that none of them means two things: they come as four octets.
    match std::str::from_utf8(octets) {
        Ok(text) if text.is_ascii() || !text.contains(is_carrier) => return Cow::Borrowed(text),
        Ok(_) | Err(_) => {}
    }
    let mut text = String::with_capacity(octets.len() * 2);
    for chunk in octets.utf8_chunks() {
        for c in chunk.valid().chars() {
            match is_carrier(c) {
                true => text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(carrier)),
                false => text.push(c),
            }
        }
        text.extend(chunk.invalid().iter().copied().map(carrier));
    }
    Cow::Owned(text)
}

/// The octets of a text.
pub(super) fn to_wire(text: String) -> Vec<u8> {
    if text.is_ascii() || !text.contains(is_carrier) {
        return text.into_bytes();
    }
    let mut octets = Vec::with_capacity(text.len());
    for c in text.chars() {
        match carried(c) {
            Some(octet) => octets.push(octet),
            None => octets.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    octets
}

/// For a reader's eye: an octet that was no UTF-8 is taken for Latin-1, which it mostly is.
pub fn readable(text: &str) -> Cow<'_, str> {
    match text.is_ascii() || !text.contains(is_carrier) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.chars().map(|c| carried(c).map_or(c, char::from)).filter(|c| !c.is_control()).collect()),
    }
}

fn is_carrier(c: char) -> bool {
    carried(c).is_some()
}

/// The octet that a character carries.
fn carried(c: char) -> Option<u8> {
    u32::from(c).checked_sub(CARRIERS).and_then(|octet| u8::try_from(octet).ok()).filter(|octet| *octet >= 0x80)
}

fn carrier(octet: u8) -> char {
    char::from_u32(CARRIERS + u32::from(octet)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// In plane 16, which is for private use: no two parties can have agreed upon these with us.
const CARRIERS: u32 = 0x10_fd00;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_octets_come_back_as_they_were() {
        let carriers: Vec<u8> = "a\u{10fd80}ä\u{10fdff}\u{10fe00}".bytes().collect();
        for octets in [&b"Caf\xe9 \xff\x80"[..], b"\xc3\xa9", b"\xf4\x8f", b"plain", &carriers] {
            assert_eq!(to_wire(from_wire(octets).into_owned()), octets);
        }
    }

    #[test]
    fn a_latin_1_name_can_be_read() {
        assert_eq!(readable(&from_wire(b"Andr\xe9")), "André");
        assert_eq!(readable(&from_wire("André".as_bytes())), "André");
    }
}
