//! What is believed of a trunk's callers, and how they are named to it.

use std::path::PathBuf;

use serde::Deserialize;

/// A trunk's word on callers; by default it is believed in nothing but From.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallerRules {
    /// P-Asserted-Identity, Diversion, History-Info and user-to-user information are read and handed on (RFC 3325 3).
    pub trusted: bool,
    /// A withheld number that a trusted trunk asserts is written into the call's records, where law wants it.
    pub keep_withheld: bool,
    pub stir: StirPolicy,
    pub identity: Naming,
}

/// What is done about a caller's signature (RFC 8224).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StirPolicy {
    /// It is not looked at.
    #[default]
    Off,
    /// It is verified, and the agent sees what came of it.
    Show,
    /// A call without a good one is refused.
    Require,
}

/// What we assert of the caller on calls that we place to a trunk (RFC 3325 5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Naming {
    /// Nothing.
    #[default]
    None,
    /// The caller's number in P-Asserted-Identity; only to a trunk that is trusted.
    Asserted,
}

/// Where signatures' certificates may come from, and what they must lead to (RFC 8226).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stir {
    /// Certificates are fetched from these hosts alone, by https; `host` or `host:port`.
    pub hosts: Vec<String>,
    /// PEM: the roots of callers' certificates. Without it no signature is good.
    pub roots: Option<PathBuf>,
    /// PEM: the roots of the web servers that certificates are fetched from.
    pub web_roots: PathBuf,
}

impl Default for Stir {
    fn default() -> Self {
        Self { hosts: Vec::new(), roots: None, web_roots: "/etc/ssl/certs/ca-certificates.crt".into() }
    }
}
