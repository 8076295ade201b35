//! Words of the network, quoted so that `tandem.toml` reads them back as they were.

use std::fmt::Write as _;

/// A basic string; `None` for a text that the configuration would fill in (`${`), and that therefore cannot be written.
pub(super) fn quoted(text: &str) -> Option<String> {
    if text.contains("${") {
        return None;
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if control.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    Some(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_dialled_is_read_back_as_it_was() {
        for text in ["100", "+380", "a\"b\\c", "line\nbreak\u{7f}\u{85}", "*31#100", "лінія", "]] [[trunk"] {
            let line = format!("dialled = {}", quoted(text).unwrap());
            let table: toml::Table = line.parse().unwrap();
            assert_eq!(table["dialled"].as_str(), Some(text), "{line}");
        }
        assert_eq!(quoted("${HOME}"), None);
    }
}
