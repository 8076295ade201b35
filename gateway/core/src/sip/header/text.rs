//! The small print of SIP's grammar: tokens, quoted strings, lists (RFC 3261 25.1).

/// Is it a non-empty `token`?
pub(in crate::sip) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b))
}

/// Cuts at `separator` wherever it stands outside quotes and angle brackets.
pub(in crate::sip) fn split_outside(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let at = find_outside(text, separator);
        rest = at.map(|at| &text[at + separator.len_utf8()..]);
        Some(&text[..at.unwrap_or(text.len())])
    })
}

/// Where `wanted` first stands outside quotes and angle brackets.
pub(in crate::sip) fn find_outside(text: &str, wanted: char) -> Option<usize> {
    let (mut in_quotes, mut in_angles, mut escaped) = (false, false, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match c {
            '\\' if in_quotes => escaped = true,
            '"' => in_quotes = !in_quotes,
            _ if in_quotes => {}
            c if c == wanted && !in_angles => return Some(at),
            '<' => in_angles = true,
            '>' => in_angles = false,
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

/// As a quoted string.
pub(in crate::sip) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if c == '"' || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

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
}
