//! Why a stream did not come about, or ended too soon, and what would help.

use std::{fmt, io};

use rustls::{AlertDescription, CertificateError, Error};

/// One failure, for the log and for `tandem trunk test`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// In a few words.
    pub(crate) why: String,
    /// What to do about it, where that is known.
    pub(crate) hint: Option<String>,
}

impl Trouble {
    /// The bare fact.
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), hint: None }
    }

    /// TCP did not come about.
    #[expect(clippy::wildcard_enum_match_arm, reason = "kinds of others, of which few have a hint")]
    pub(super) fn unreached(error: &io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::ConnectionRefused => Some("nobody listens there: see the port and the transport of `host`"),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some("there is no way there from this machine"),
            _ => None,
        };
        Self::new(error.to_string()).with(hint)
    }

    /// TCP's own silence.
    pub(super) fn silent() -> Self {
        Self::new("nobody answers").with(Some("a firewall, or an address where nobody is"))
    }

    /// TLS did not come about, or was broken off: with TLS 1.3 a server says what it thinks of our certificate only after the handshake.
    pub(crate) fn unsecured(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::InvalidCertificate(fault)) => Self::of_certificate(fault),
            Some(Error::AlertReceived(alert)) => Self::new(format!("it broke off: {alert:?}")).with(of_alert(*alert)),
            Some(Error::InvalidMessage(_)) => {
                Self::new("what answers is no TLS").with(Some("see the port of `host`; 5061 is usual for TLS"))
            }
            Some(error) => Self::new(error.to_string()),
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::new("it hung up").with(Some("TLS may be unwelcome there, or our certificate lacking: tls = { certificate, key }"))
            }
            None => Self::new(error.to_string()),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "kinds of others, of which few have a hint")]
    fn of_certificate(fault: &CertificateError) -> Self {
        if let CertificateError::NotValidForNameContext { expected, presented } = fault {
            let borne: Vec<&str> = presented.iter().map(|name| bare(name)).take(NAMES_MAX).collect();
            let why = format!("its certificate is not of {}", expected.to_str());
            let hint = match borne.first() {
                Some(first) => format!("it bears {}; if that is who you mean: tls = {{ name = \"{first}\" }}", borne.join(", ")),
                None => "it bears no name of a host".to_owned(),
            };
            return Self { why, hint: Some(hint) };
        }
        let is_old = matches!(fault, CertificateError::Expired | CertificateError::ExpiredContext { .. });
        let is_young = matches!(fault, CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. });
        let hint = match fault {
            CertificateError::UnknownIssuer => Some("no authority that we believe vouches for it; name theirs: tls = { ca = \"..\" }"),
            _ if is_old => Some("the carrier must renew it; see also the clock of this machine"),
            _ if is_young => Some("see the clock of this machine"),
            _ => None,
        };
        Self::new(format!("its certificate: {fault}")).with(hint)
    }

    fn with(self, hint: Option<&str>) -> Self {
        Self { hint: hint.map(str::to_owned), ..self }
    }
}

/// On one line.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hint {
            Some(hint) => write!(f, "{}; {hint}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "kinds of others, of which few have a hint")]
fn of_alert(alert: AlertDescription) -> Option<&'static str> {
    match alert {
        AlertDescription::CertificateRequired => Some("it wants a certificate of ours: tls = { certificate = \"..\", key = \"..\" }"),
        AlertDescription::UnknownCA | AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            Some("it does not believe our certificate: its authority must be one of the carrier's")
        }
        AlertDescription::CertificateExpired => Some("our certificate has expired"),
        AlertDescription::AccessDenied => Some("it knows our certificate, and does not let us in"),
        AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion => {
            Some("no TLS version or cipher in common, or it wants a certificate of ours: tls = { certificate, key }")
        }
        AlertDescription::UnrecognisedName => Some("it does not go by this name: tls = { name = \"..\" }"),
        _ => None,
    }
}

/// `DnsName("sbc.carrier.tld")` is sbc.carrier.tld.
fn bare(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

/// Names of a wrong certificate that are told.
const NAMES_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;

    use super::*;

    fn trouble(error: Error) -> Trouble {
        Trouble::unsecured(&io::Error::new(io::ErrorKind::InvalidData, error))
    }

    #[test]
    fn a_certificate_of_another_name_is_told_with_the_name_that_it_bears() {
        let expected = ServerName::try_from("carrier.tld").unwrap().to_owned();
        let presented = vec!["DnsName(\"sbc.carrier.tld\")".to_owned()];
        let told = trouble(CertificateError::NotValidForNameContext { expected, presented }.into());
        assert_eq!(told.why, "its certificate is not of carrier.tld");
        assert!(told.hint.unwrap().contains("name = \"sbc.carrier.tld\""));
    }

    #[test]
    fn each_usual_failure_has_a_hint_of_its_own() {
        let mut hints: Vec<String> = [
            trouble(CertificateError::UnknownIssuer.into()),
            trouble(CertificateError::Expired.into()),
            trouble(Error::AlertReceived(AlertDescription::CertificateRequired)),
            trouble(Error::AlertReceived(AlertDescription::UnknownCA)),
            Trouble::unreached(&io::ErrorKind::ConnectionRefused.into()),
            Trouble::unsecured(&io::ErrorKind::UnexpectedEof.into()),
            Trouble::silent(),
        ]
        .into_iter()
        .map(|trouble| trouble.hint.unwrap())
        .collect();
        hints.sort();
        hints.dedup();
        assert_eq!(hints.len(), 7, "{hints:?}");
    }
}
