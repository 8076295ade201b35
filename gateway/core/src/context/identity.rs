//! Who a number or an address is: the one form under which a customer is found again.
//!
//! Numbers are E.164 by the trunk's default region; SIP user names are left alone; one who withholds the number is nobody, and is never
//! matched with another who does.

use phonenumber::country;

use crate::{events::story::Identity, private::Private};

/// What a caller's address says of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// E.164, `+380441234567`.
    Tel(Private<String>),
    /// A name from a SIP address, or an extension; as it came.
    Sip(Private<String>),
    /// The number is withheld (RFC 3323), or there is none.
    Withheld,
}

impl Who {
    /// Reads the caller's number or SIP user part; `region` is the trunk's own, ISO 3166 alpha-2, for numbers in national form.
    pub fn of(address: &str, region: Option<&str>) -> Self {
        let address = address.trim();
        let user = user_part(address);
        if user.is_empty() || user.len() > ADDRESS_MAX || is_withheld(user, address) {
            return Self::Withheld;
        }
        match e164(user, region) {
            Some(number) => Self::Tel(Private(number)),
            None => Self::Sip(Private(user.to_owned())),
        }
    }

    /// As the store keeps it; `None` for one who withholds the number.
    pub fn identity(&self, source: &str) -> Option<Identity> {
        let (kind, value) = match self {
            Self::Tel(number) => ("tel", number),
            Self::Sip(name) => ("sip", name),
            Self::Withheld => return None,
        };
        Some(Identity { kind: kind.to_owned(), value: value.clone(), verified_at: None, source: source.to_owned() })
    }
}

/// The number in E.164, if it is one that could be called; a national form needs a region.
pub fn e164(number: &str, region: Option<&str>) -> Option<String> {
    let mut plain: String = number.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/')).collect();
    if let Some(rest) = plain.strip_prefix("00") {
        plain = format!("+{rest}");
    }
    let digits = plain.strip_prefix('+').unwrap_or(&plain);
    // Fewer digits are an extension, more are no number (E.164 6.2.1).
    if !(DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let region = region.and_then(|region| region.to_ascii_uppercase().parse::<country::Id>().ok());
    let parsed = |text: &str, region| phonenumber::parse(region, text).ok().filter(phonenumber::is_valid);
    let found = if plain.starts_with('+') { parsed(&plain, None) } else { region.and_then(|region| parsed(&plain, Some(region))) };
    // Carriers often send the international form without its plus.
    let found = found.or_else(|| if plain.starts_with('+') { None } else { parsed(&format!("+{plain}"), None) });
    found.map(|number| number.format().mode(phonenumber::Mode::E164).to_string())
}

/// Reads the numbering plans of all countries, which otherwise the first call of a node would wait for.
pub fn read_plans() {
    let _ = e164("+442079460000", None);
}

/// `sip:+3804@example.net;user=phone` is `+3804`.
fn user_part(address: &str) -> &str {
    let address = address.trim_start_matches('<').trim_end_matches('>');
    let rest = ["sips:", "sip:", "tel:"].iter().find_map(|scheme| address.strip_prefix(scheme)).unwrap_or(address);
    let user = rest.split('@').next().unwrap_or_default();
    user.split(';').next().unwrap_or_default()
}

/// RFC 3323 4.1.1.3 asks for `anonymous.invalid`; carriers say it in many ways.
fn is_withheld(user: &str, address: &str) -> bool {
    let user = user.to_ascii_lowercase();
    WITHHELD.contains(&user.as_str()) || address.to_ascii_lowercase().contains("@anonymous.invalid")
}

const WITHHELD: [&str; 9] =
    ["anonymous", "unknown", "unavailable", "restricted", "private", "withheld", "asterisk", "nobody", "+266696687"];

/// An address longer than this is an attack.
const ADDRESS_MAX: usize = 128;
const DIGITS_MIN: usize = 7;
const DIGITS_MAX: usize = 17;

#[cfg(test)]
mod tests {
    use super::*;

    fn tel(number: &str) -> Who {
        Who::Tel(Private(number.to_owned()))
    }

    #[test]
    fn one_number_has_one_form() {
        for written in ["+380441234567", "044 123-45-67", "00380441234567", "380441234567", "sip:+380441234567@example.net;user=phone"] {
            assert_eq!(Who::of(written, Some("UA")), tel("+380441234567"), "{written}");
        }
        assert_eq!(Who::of("tel:+31201234567", None), tel("+31201234567"));
    }

    #[test]
    fn a_national_number_without_a_region_is_not_guessed() {
        assert_eq!(Who::of("0441234567", None), Who::Sip(Private("0441234567".into())));
    }

    #[test]
    fn names_and_extensions_are_left_alone() {
        assert_eq!(Who::of("sip:alice@example.net", Some("UA")), Who::Sip(Private("alice".into())));
        assert_eq!(Who::of("101", Some("UA")), Who::Sip(Private("101".into())));
    }

    #[test]
    fn whoever_withholds_the_number_is_nobody() {
        for written in ["anonymous", "sip:anonymous@anonymous.invalid", "sip:77@anonymous.invalid", "Restricted", "", "  "] {
            assert_eq!(Who::of(written, Some("UA")), Who::Withheld, "{written}");
            assert_eq!(Who::of(written, Some("UA")).identity("trunk"), None);
        }
    }
}
