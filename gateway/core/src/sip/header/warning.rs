//! Warning: what went wrong, in words (RFC 3261 20.43).

use super::quoted;

/// `399 agent "text"`: miscellaneous, to be shown to a person.
pub fn print_miscellaneous(agent: &str, text: &str) -> String {
    format!("399 {agent} {}", quoted(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_cannot_leave_its_quotes() {
        assert_eq!(print_miscellaneous("tandem", "no \"route\"\r\nX: y"), r#"399 tandem "no \"route\"X: y""#);
    }
}
