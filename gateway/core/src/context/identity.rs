//! Who a number or an address is: the one form under which a customer is found again.
//!
//! Numbers are E.164 by the trunk's default region; SIP user names are left alone; one who withholds the number is nobody, and is never
//! matched with another who does.

use std::sync::PoisonError;

use phonenumber::{country, metadata::DATABASE};

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
    let patterns = DATABASE.cache();
    // A poisoned cache is as good as it was: what is missing is compiled again.
    patterns.lock().unwrap_or_else(PoisonError::into_inner).set_capacity(PATTERNS_MAX);
    let _ = e164("+442079460000", None);
}

/// Compiles the patterns of a region's numbers (ISO 3166 alpha-2), which otherwise the first caller from there would wait for.
pub fn compile_plan(region: &str) {
    let region = region.to_ascii_uppercase();
    let Some(plan) = DATABASE.by_id(&region) else { return };
    let trunk_prefix = plan.national_prefix().unwrap_or_default();
    let kinds = plan.descriptors();
    // An example alone would leave out the patterns of other lengths than its own.
    for kind in [Some(kinds.general()), kinds.premium_rate(), kinds.toll_free(), kinds.fixed_line(), kinds.mobile()].into_iter().flatten() {
        let _ = kind.national_number().is_match("0");
    }
    for example in [kinds.fixed_line(), kinds.mobile()].into_iter().flatten().filter_map(|kind| kind.example()) {
        let _ = e164(&format!("+{}{example}", plan.country_code()), None);
        let _ = e164(&format!("{trunk_prefix}{example}"), Some(&region));
    }
}

/// Regions whose callers are likely anywhere: those of most telephones and of most calls abroad.
pub const COMMON: [&str; 32] = [
    "US", "CA", "GB", "DE", "FR", "IT", "ES", "NL", "BE", "PL", "UA", "AT", "CH", "SE", "NO", "DK", "FI", "IE", "PT", "CZ", "RO", "GR",
    "TR", "IL", "IN", "CN", "JP", "KR", "AU", "BR", "MX", "ZA",
];

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

/// Compiled patterns kept at once, the latest used first: a country has about 8, and each takes up to 80 KB, so this is 55 countries or 40 MB.
/// The crate's own bound of 100 is outlived by no pattern of the tenth country before.
const PATTERNS_MAX: usize = 450;

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

    /// Those of a region's plan that stand ready, of all that its numbers are tried with.
    fn ready(region: &str) -> (usize, usize) {
        let descriptors = DATABASE.by_id(region).unwrap().descriptors();
        let kinds = [Some(descriptors.general()), descriptors.premium_rate(), descriptors.toll_free(), descriptors.fixed_line()];
        let patterns: Vec<_> = kinds.into_iter().flatten().map(|kind| kind.national_number().as_str()).collect();
        let cache = DATABASE.cache();
        let mut cache = cache.lock().unwrap();
        (patterns.iter().filter(|pattern| cache.contains_key(**pattern)).count(), patterns.len())
    }

    #[test]
    fn the_patterns_of_all_common_regions_stand_ready_at_once() {
        read_plans();
        COMMON.iter().for_each(|region| compile_plan(region));
        for region in COMMON {
            let (compiled, wanted) = ready(region);
            assert!(compiled == wanted && wanted >= 2, "{region}: {compiled} of {wanted}");
        }
        compile_plan("nowhere");
    }

    #[test]
    fn whoever_withholds_the_number_is_nobody() {
        for written in ["anonymous", "sip:anonymous@anonymous.invalid", "sip:77@anonymous.invalid", "Restricted", "", "  "] {
            assert_eq!(Who::of(written, Some("UA")), Who::Withheld, "{written}");
            assert_eq!(Who::of(written, Some("UA")).identity("trunk"), None);
        }
    }
}
