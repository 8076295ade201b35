//! The small print of SIP's grammar: tokens, quoted strings, lists (RFC 3261 25.1).

use std::fmt;

use memchr::{memchr, memchr3};

use crate::sip::Text;

/// Is it a non-empty `token`?
pub(in crate::sip) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| TOKEN[b as usize])
}

/// Cuts at `separator` (ASCII) wherever it stands outside quotes and angle brackets.
pub(in crate::sip) fn split_outside(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let at = find_outside(text, separator);
        rest = at.map(|at| &text[at + separator.len_utf8()..]);
        Some(&text[..at.unwrap_or(text.len())])
    })
}

/// Where `wanted` (ASCII) first stands outside quotes and angle brackets.
pub(in crate::sip) fn find_outside(text: &str, wanted: char) -> Option<usize> {
    let bytes = text.as_bytes();
    let wanted = u8::try_from(wanted).ok()?;
    let first = memchr3(wanted, b'"', b'<', bytes)?;
    if bytes[first] == wanted {
        return Some(first);
    }
    let (mut in_quotes, mut in_angles, mut escaped) = (false, false, false);
    for (at, &b) in bytes.iter().enumerate().skip(first) {
        if escaped {
            escaped = false;
            continue;
        }
        match b {
            b'\\' if in_quotes => escaped = true,
            b'"' => in_quotes = !in_quotes,
            _ if in_quotes => {}
            b if b == wanted && !in_angles => return Some(at),
            b'<' => in_angles = true,
            b'>' => in_angles = false,
            _ => {}
        }
    }
    None
}

/// Takes quotes and escapes away, and control characters with them; text without quotes stays as it is. `None` if the quote never ends.
pub(in crate::sip) fn unquoted(text: &str) -> Option<String> {
    let Some(inner) = text.strip_prefix('"') else {
        return Some(text.to_owned());
    };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    loop {
        match chars.next()? {
            '"' => return chars.as_str().is_empty().then_some(plain),
            '\\' => plain.extend(chars.next().filter(|c| !c.is_control())),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
}

/// As [`unquoted`], and a part of `whole` where nothing but the quotes had to go.
pub(in crate::sip) fn unquoted_part(whole: &Text, text: &str) -> Option<Text> {
    let Some(inner) = text.strip_prefix('"') else {
        return Some(whole.part(text));
    };
    match memchr3(b'"', b'\\', b'\t', inner.as_bytes()) {
        Some(at) if at + 1 == inner.len() && inner.ends_with('"') && inner.is_ascii() => Some(whole.part(&inner[..at])),
        Some(_) | None => unquoted(text).map(Text::from),
    }
}

/// If it begins a quoted string, is that the whole of it?
pub(in crate::sip) fn ends_its_quotes(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('"') else { return true };
    let mut rest = inner.as_bytes();
    while let Some(at) = rest.iter().position(|b| matches!(b, b'"' | b'\\')) {
        if rest[at] == b'"' {
            return at + 1 == rest.len();
        }
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    false
}

/// As a quoted string.
pub(in crate::sip) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    // Writing to a String cannot fail.
    let _ = print_quoted(&mut out, text);
    out
}

/// Prints it as a quoted string; control characters are left out.
pub(in crate::sip) fn print_quoted(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    let is_plain = text.is_ascii() && !text.bytes().any(|b| matches!(b, b'"' | b'\\' | 0x7f) || b < b' ');
    if is_plain {
        out.write_str(text)?;
    } else {
        for c in text.chars().filter(|c| !c.is_control()) {
            if c == '"' || c == '\\' {
                out.write_char('\\')?;
            }
            out.write_char(c)?;
        }
    }
    out.write_char('"')
}

/// What stands before and behind the first `separator` (ASCII).
pub(in crate::sip) fn split_once(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = memchr(separator, text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

/// Without spaces and tabs at both ends, which is all the white space that a line can hold.
pub(in crate::sip) fn trim(text: &str) -> &str {
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t');
    let bytes = text.as_bytes();
    let (Some(start), Some(end)) = (bytes.iter().position(|b| !is_blank(b)), bytes.iter().rposition(|b| !is_blank(b))) else { return "" };
    &text[start..=end]
}

/// `token` of RFC 3261 25.1.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 256 {
        let b = at as u8;
        table[at] = b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_quotes_or_angles_does_not_cut() {
        let cut: Vec<_> = split_outside(r#""a, \", b" <sip:x,y@h>, c"#, ',').collect();
        assert_eq!(cut, [r#""a, \", b" <sip:x,y@h>"#, " c"]);
    }

    #[test]
    fn quoting_and_unquoting_are_inverse() {
        assert_eq!(unquoted(&quoted(r#"a "b" \c"#)), Some(r#"a "b" \c"#.to_owned()));
        assert_eq!(unquoted("\"never ends"), None);
        assert_eq!(unquoted("\"a\\\0b\""), Some("ab".to_owned()));
    }

    #[test]
    fn both_ways_to_unquote_agree() {
        for text in ["", "a", "\"\"", "\"a b\"", "\"a\\\"b\"", "\"a\tb\"", "\"a", "\"a\"b", "\"a\\", "\"a\\\"", "\"\u{85}\"", "\"ä\"", "\""]
        {
            assert_eq!(unquoted_part(&Text::from(text), text).as_deref(), unquoted(text).as_deref(), "{text}");
            assert_eq!(ends_its_quotes(text), unquoted(text).is_some(), "{text}");
        }
    }
}
