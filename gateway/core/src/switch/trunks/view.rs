//! A trunk as the operator sees it.

use serde::Serialize;

use super::Sample;

/// One trunk's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrunkView {
    pub name: String,
    /// `up`, `down`, or `inbound` for one that takes no calls from us.
    pub state: &'static str,
    /// Where calls to it go, as configured.
    pub host: Option<String>,
    /// Its servers, in the order of their rank.
    pub servers: Vec<ServerView>,
    /// Why its name leads nowhere, if it does.
    pub dns: Option<String>,
    pub registration: Option<RegistrationView>,
    /// At present, both ways.
    pub calls: u32,
    pub calls_max: Option<u32>,
    pub cps_max: Option<u32>,
}

/// One server of a trunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerView {
    /// `udp 10.0.0.5:5060`
    pub address: String,
    pub up: bool,
    /// The latest last.
    pub probes: Vec<Sample>,
}

/// Our registration with a trunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistrationView {
    pub registered: bool,
    /// Seconds that the carrier still holds us for.
    pub left_s: Option<u64>,
    /// The last failure, and what to do.
    pub trouble: Option<String>,
}

/// What has changed with a trunk: for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkNews {
    pub trunk: String,
    /// Worth waking someone, or their relief.
    pub good: bool,
    /// In a sentence without the trunk's name.
    pub what: String,
}
