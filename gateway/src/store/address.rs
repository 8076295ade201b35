//! An address by which a customer is known: a telephone number or a SIP user.

/// One address, in the form in which it is compared.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// E.164, with its plus.
    Tel(String),
    /// `user@host`, or a bare user name, left alone.
    Sip(String),
}

impl Address {
    /// What a calling party's address, as signalling brought it, stands for; `None`: withheld, or nobody.
    ///
    /// A number is international with `+`, with `00`, or with 11 to 15 digits that do not begin with a zero; anything shorter means something
    /// only inside the trunk that it came from, so it is taken for a user name. URI scheme and parameters are cut off.
    pub(crate) fn of(peer: &str) -> Option<Self> {
        let peer = peer.trim();
        let peer = ["sips:", "sip:", "tel:"].iter().find_map(|scheme| peer.strip_prefix(scheme)).unwrap_or(peer);
        let peer = peer.split([';', '?', '>']).next().unwrap_or_default();
        let (user, host) = peer.split_once('@').unwrap_or((peer, ""));
        if user.is_empty() || WITHHELD.iter().any(|word| user.eq_ignore_ascii_case(word)) || host.eq_ignore_ascii_case("anonymous.invalid")
        {
            return None;
        }
        if let Some(number) = e164(user) {
            return Some(Self::Tel(number));
        }
        Some(Self::Sip(peer.to_owned()))
    }

    /// The word for it in the store.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Tel(_) => "tel",
            Self::Sip(_) => "sip",
        }
    }

    /// As it is compared.
    pub(crate) fn value(&self) -> &str {
        match self {
            Self::Tel(value) | Self::Sip(value) => value,
        }
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:***", self.kind())
    }
}

fn e164(user: &str) -> Option<String> {
    let digits: String = user.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    let (explicit, digits) = match digits.strip_prefix('+').or_else(|| digits.strip_prefix("00")) {
        Some(rest) => (true, rest),
        None => (false, digits.as_str()),
    };
    let least = if explicit { 7 } else { 11 };
    let fits = (least..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    fits.then(|| format!("+{digits}"))
}

/// User parts that name nobody (RFC 3323 4.1 and what gateways send in its place).
const WITHHELD: [&str; 8] = ["anonymous", "unknown", "unavailable", "private", "restricted", "withheld", "web", "null"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_in_five_spellings_is_one_address() {
        for peer in
            ["+380501112233", "sip:+380501112233@trunk.example;user=phone", "tel:+380-50-111-22-33", "00380501112233", "380501112233"]
        {
            assert_eq!(Address::of(peer), Some(Address::Tel("+380501112233".to_owned())), "{peer}");
        }
    }

    #[test]
    fn withheld_numbers_are_nobody() {
        for peer in ["", "anonymous", "sip:anonymous@anonymous.invalid", "sip:Restricted@carrier.example", "sip:x@anonymous.invalid"] {
            assert_eq!(Address::of(peer), None, "{peer}");
        }
    }

    #[test]
    fn a_user_name_is_left_alone() {
        assert_eq!(Address::of("sip:Ada@pbx.example"), Some(Address::Sip("Ada@pbx.example".to_owned())));
        assert_eq!(Address::of("101"), Some(Address::Sip("101".to_owned())));
    }
}
