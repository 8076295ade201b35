//! Session-Expires and Min-SE: how long a session lives without a sign of life (RFC 4028 4, 5).

use super::{Headers, Params};

/// How long, and whose turn it is to renew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds.
    pub seconds: u32,
    /// Who sends the refreshes, if it is said.
    pub refresher: Option<Refresher>,
}

/// The parties of the transaction that carries the field, not of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// Whoever sent the request.
    Uac,
    /// Whoever answered it.
    Uas,
}

impl SessionExpires {
    /// What a message says; an unreadable field counts as none, for a call must not fail by it.
    pub fn of(headers: &Headers) -> Option<Self> {
        let value = headers.first("Session-Expires")?;
        let (seconds, params) = value.split_once(';').unwrap_or((value, ""));
        let params = Params::parse(params).unwrap_or_default();
        let refresher = match params.value("refresher").map(str::to_ascii_lowercase).as_deref() {
            Some("uac") => Some(Refresher::Uac),
            Some("uas") => Some(Refresher::Uas),
            Some(_) | None => None,
        };
        Some(Self { seconds: seconds.trim().parse().ok()?, refresher })
    }
}

impl std::fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.refresher {
            Some(Refresher::Uac) => write!(f, "{};refresher=uac", self.seconds),
            Some(Refresher::Uas) => write!(f, "{};refresher=uas", self.seconds),
            None => write!(f, "{}", self.seconds),
        }
    }
}

/// The least interval that every hop so far can bear, in seconds; `None` where it is not said.
pub fn min_se(headers: &Headers) -> Option<u32> {
    let value = headers.first("Min-SE")?;
    value.split(';').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<SessionExpires> {
        let mut headers = Headers::new();
        headers.push("x", value);
        SessionExpires::of(&headers)
    }

    #[test]
    fn what_is_printed_is_read_back() {
        for refresher in [None, Some(Refresher::Uac), Some(Refresher::Uas)] {
            let expires = SessionExpires { seconds: 1800, refresher };
            assert_eq!(read(&expires.to_string()), Some(expires));
        }
    }

    #[test]
    fn case_spaces_and_other_parameters_do_no_harm_and_nonsense_counts_as_none() {
        assert_eq!(read("90 ; Refresher=UAS;foo"), Some(SessionExpires { seconds: 90, refresher: Some(Refresher::Uas) }));
        assert_eq!(read("90;refresher=both"), Some(SessionExpires { seconds: 90, refresher: None }));
        assert_eq!((read("soon"), read("-1"), read("99999999999")), (None, None, None));
    }

    #[test]
    fn min_se_is_a_number_of_seconds() {
        let mut headers = Headers::new();
        assert_eq!(min_se(&headers), None);
        headers.push("Min-SE", "120;lr");
        assert_eq!(min_se(&headers), Some(120));
    }
}
