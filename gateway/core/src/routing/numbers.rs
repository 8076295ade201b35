//! How numbers are written: as a carrier sends them, as we keep them, as a carrier wants them.

use crate::{config::NumberRule, context::identity::e164};

/// A number by a trunk's rule: first `strip`, then `prefix`, then E.164 by the trunk's own region.
pub fn rewritten(number: &str, rule: &NumberRule, region: Option<&str>) -> String {
    let rest = number.strip_prefix(rule.strip.as_str()).unwrap_or(number);
    // Names and extensions are nobody's prefix: what was not stripped keeps its form where something was to be stripped.
    let is_meant = rule.strip.is_empty() || number.starts_with(rule.strip.as_str());
    let whole = if is_meant && is_number(rest) { format!("{}{rest}", rule.prefix) } else { number.to_owned() };
    if rule.e164 { e164(&whole, region).unwrap_or(whole) } else { whole }
}

/// A number that somebody wants to call, in the form that `outbound` is compared with: E.164 where it is a number of the world.
pub fn international(number: &str, region: Option<&str>) -> String {
    e164(number, region).unwrap_or_else(|| number.to_owned())
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || b"*#".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(strip: &str, prefix: &str, e164: bool) -> NumberRule {
        NumberRule { strip: strip.to_owned(), prefix: prefix.to_owned(), e164 }
    }

    #[test]
    fn a_rule_rewrites_what_it_fits_and_leaves_names_alone() {
        for (number, rule, region, expected) in [
            ("00380441112233", rule("00", "+", false), None, "+380441112233"),
            ("+380441112233", rule("+", "00", false), None, "00380441112233"),
            ("0441112233", rule("00", "+", false), None, "0441112233"),
            ("380441112233", rule("", "+", false), None, "+380441112233"),
            ("0441112233", rule("", "", true), Some("UA"), "+380441112233"),
            ("9#0441112233", rule("9#", "", true), Some("UA"), "+380441112233"),
            ("demo", rule("", "9", false), None, "demo"),
            ("100", rule("", "", true), Some("UA"), "100"),
            ("", rule("", "+", true), Some("UA"), ""),
        ] {
            assert_eq!(rewritten(number, &rule, region), expected, "{number} by {rule:?}");
        }
    }
}
