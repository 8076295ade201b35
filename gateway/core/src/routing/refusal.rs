//! Why a call was not let in, in words for each reader.

use std::net::IpAddr;

use super::FORBIDDEN;
use crate::{
    cause::{Cause, Fault},
    config::Route,
};

/// Why a call was not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For the peer.
    pub cause: Cause,
    /// For the log and the console: what arrived, the rule that came nearest, the field that differed, the line that would admit it.
    pub why: String,
    /// The peer may be told why: it is a trunk that we know.
    pub to_peer: bool,
}

impl Refusal {
    /// Nobody speaks from there; `nearest` is the trunk that comes closest.
    pub fn unknown_source(from: IpAddr, nearest: Option<(&str, (IpAddr, u8))>) -> Self {
        let nearest = match nearest {
            Some((name, (network, prefix))) => format!("nearest is trunk {name} with {network}/{prefix}"),
            None => "no trunk is configured".to_owned(),
        };
        let why = format!("no trunk speaks from {from}; {nearest}; to admit it: sources = [\"{from}\"] in its [[trunk]]");
        Self { cause: FORBIDDEN, why, to_peer: false }
    }

    pub(super) fn no_route(dialled: &str, nearest: Option<&Route>, trunk: Option<&str>) -> Self {
        let why = match nearest {
            Some(route) => format!(
                "{dialled} is routed only for trunk {}, this call came by {}; to admit it: trunk = \"{}\" in that [[route]], or none",
                route.trunk.as_deref().unwrap_or("any"),
                trunk.unwrap_or("a phone"),
                trunk.unwrap_or("")
            ),
            None => format!("no route for {dialled}; to admit it: [[route]] dialled = \"{dialled}\" (or \"*\") with a script or a bridge"),
        };
        Self { cause: Cause { sip: 404, q850: 1, fault: Fault::Carrier, retry: false }, why, to_peer: trunk.is_some() }
    }
}
