//! Why a call was not let in, in words for each reader.

use std::{fmt, net::IpAddr};

use media::codec::CodecKind;
use serde::{Deserialize, Serialize};

use super::{Reason, quote::quoted};
use crate::{
    cause::Cause,
    config::{Config, Route, RouteAction, Trunk},
    events::calling::Unproven,
};

/// Why a call was not let in: what happened, the rule that came nearest, where the two differ, and the line that would admit the call.
///
/// `Display` is the whole sentence, for the log, the console and `route-test`; the peer hears `said` alone, for the rest is about others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub reason: Reason,
    /// What happened, in a few words that a trunk may hear (RFC 3261 20.43).
    pub said: String,
    /// The rule that came nearest, as the configuration names it.
    pub nearest: Option<String>,
    /// The field of that rule that the call does not fit.
    pub differs: Option<Box<Differs>>,
    /// What to write into the configuration; `None` where no line would help.
    pub admit: Option<Admit>,
    /// The peer may be told why: it is a trunk that we know, or a phone that has proved itself.
    pub to_peer: bool,
}

/// Where a call and the nearest rule differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differs {
    /// The key of the configuration.
    pub field: String,
    /// What the rule says.
    pub wanted: String,
    /// What the call brought.
    pub got: String,
}

/// What to write into `tandem.toml` so that the call is let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admit {
    /// The trunk whose key this replaces; `None`: a block of its own, at the end of the file.
    pub trunk: Option<String>,
    /// TOML.
    pub toml: String,
}

impl Refusal {
    /// The bare fact.
    pub fn new(reason: Reason, said: impl Into<String>, to_peer: bool) -> Self {
        Self { reason, said: said.into(), nearest: None, differs: None, admit: None, to_peer }
    }

    /// With the rule that came nearest, and where the call differs from it.
    pub fn beside(mut self, nearest: impl Into<String>, field: &str, wanted: impl Into<String>, got: impl Into<String>) -> Self {
        self.nearest = Some(nearest.into());
        self.differs = Some(Box::new(Differs { field: field.to_owned(), wanted: wanted.into(), got: got.into() }));
        self
    }

    /// With the line that would admit the call.
    pub fn admitted_by(mut self, admit: Option<Admit>) -> Self {
        self.admit = admit;
        self
    }

    /// The trunk's calls must be signed (RFC 8224 6.2.2), and this one is not.
    pub fn unsigned(trunk: &str) -> Self {
        Self::new(Reason::Unsigned, Unproven::Missing.words(), true)
            .beside(format!("trunk {trunk}"), "stir", "a good signature", "none")
            .admitted_by(Some(Admit { trunk: Some(trunk.to_owned()), toml: "stir = \"show\"".to_owned() }))
    }

    /// Calls to this trunk have nowhere to go.
    pub fn unlocated(trunk: &str, why: &str) -> Self {
        Self::new(Reason::TrunkUnlocated, format!("trunk {trunk}: {why}"), true)
    }

    /// For the peer.
    pub const fn cause(&self) -> Cause {
        self.reason.cause()
    }

    pub(super) fn unknown_source(from: IpAddr, nearest: Option<(&Trunk, (IpAddr, u8), u32)>) -> Self {
        let from = from.to_canonical();
        let refusal = Self::new(Reason::UnknownSource, format!("no trunk speaks from {from}"), false);
        let Some((trunk, (network, prefix), bits)) = nearest else {
            let refusal = Self { nearest: Some("no trunk is configured".to_owned()), ..refusal };
            return refusal.admitted_by(Admit::new_trunk(from));
        };
        let is_neighbour = bits >= if from.is_ipv4() { NEIGHBOUR_BITS_V4 } else { NEIGHBOUR_BITS_V6 };
        let admit = if is_neighbour { Admit::source(trunk, from) } else { Admit::new_trunk(from) };
        refusal.beside(format!("trunk {}", trunk.name), "sources", format!("{network}/{prefix}"), from.to_string()).admitted_by(admit)
    }

    pub(super) fn no_route(config: &Config, dialled: &str, nearest: Option<&Route>) -> Self {
        let (said, got) = (format!("no route for {}", short(dialled)), short(dialled));
        let refusal = Self::new(Reason::NoRoute, said, true);
        let refusal = match nearest {
            Some(route) => refusal.beside(format!("route {}", route.dialled), "dialled", &route.dialled, got),
            None if config.routes.is_empty() => Self { nearest: Some("no route is configured".to_owned()), ..refusal },
            None => refusal,
        };
        refusal.admitted_by(Admit::route(config, dialled, None))
    }

    pub(super) fn route_of_another_trunk(config: &Config, dialled: &str, route: &Route, trunk: Option<&str>) -> Self {
        let by = trunk.unwrap_or("a phone of ours");
        Self::new(Reason::RouteOfAnotherTrunk, format!("no route for {} by {by}", short(dialled)), true)
            .beside(format!("route {}", route.dialled), "trunk", route.trunk.as_deref().unwrap_or("any"), by)
            .admitted_by(Admit::route(config, dialled, trunk))
    }

    pub(super) fn no_codec(trunk: Option<&Trunk>, ours: &[CodecKind], offered: &[String], known: &[CodecKind]) -> Self {
        let names = ours.iter().map(|codec| name_of(*codec)).collect::<Vec<_>>().join(", ");
        let refusal = Self::new(Reason::NoCodec, "no codec in common", true);
        let nearest = trunk.map_or_else(|| "phones".to_owned(), |trunk| format!("trunk {}", trunk.name));
        let admit = trunk.filter(|_| !known.is_empty()).map(|trunk| Admit::codecs(trunk, ours, known));
        refusal.beside(nearest, "codecs", names, offered.join(", ")).admitted_by(admit)
    }
}

impl Admit {
    fn new_trunk(from: IpAddr) -> Option<Self> {
        let name = format!("from-{}", from.to_string().replace([':', '.'], "-"));
        Some(Self { trunk: None, toml: format!("[[trunk]]\nname = \"{name}\"\nsources = [\"{from}\"]") })
    }

    fn source(trunk: &Trunk, from: IpAddr) -> Option<Self> {
        let all = trunk.sources.iter().map(|(network, prefix)| format!("\"{network}/{prefix}\""));
        let all: Vec<String> = all.chain([format!("\"{from}\"")]).collect();
        Some(Self { trunk: Some(trunk.name.clone()), toml: format!("sources = [{}]", all.join(", ")) })
    }

    /// A route of its own, that does what the first route does: the operator puts the right name there.
    fn route(config: &Config, dialled: &str, trunk: Option<&str>) -> Option<Self> {
        let dialled = quoted(dialled).filter(|_| dialled.chars().count() <= DIALLED_MAX)?;
        let trunk = match trunk {
            Some(trunk) => format!("trunk = {}\n", quoted(trunk)?),
            None => String::new(),
        };
        let action = match config.routes.first().map(|route| &route.action) {
            Some(RouteAction::Script(name)) => format!("script = {}", quoted(name)?),
            Some(RouteAction::Bridge(uri)) => format!("bridge = {}", quoted(uri)?),
            Some(RouteAction::Number(to)) => format!("bridge = {}", quoted(&to.to_string())?),
            None => "script = \"main\"".to_owned(),
        };
        Some(Self { trunk: None, toml: format!("[[route]]\ndialled = {dialled}\n{trunk}{action}") })
    }

    fn codecs(trunk: &Trunk, ours: &[CodecKind], more: &[CodecKind]) -> Self {
        let all: Vec<String> = ours.iter().chain(more).map(|codec| format!("\"{}\"", name_of(*codec))).collect();
        Self { trunk: Some(trunk.name.clone()), toml: format!("codecs = [{}]", all.join(", ")) }
    }
}

/// `no route for 999; nearest is route 99, with dialled 99 and not 999; to admit it: [[route]] dialled = "999" script = "main"`
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)?;
        match (&self.nearest, &self.differs) {
            (Some(nearest), Some(differs)) => write!(f, "; nearest is {nearest} {differs}")?,
            (Some(nearest), None) => write!(f, "; {nearest}")?,
            (None, _) => {}
        }
        match &self.admit {
            Some(admit) => write!(f, "; to admit it: {admit}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, wanted, got } = self;
        write!(f, "with {field} {wanted} and not {got}")
    }
}

/// On one line.
impl fmt::Display for Admit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.toml.replace('\n', " ");
        match &self.trunk {
            Some(trunk) => write!(f, "{line} in [[trunk]] {trunk}"),
            None => f.write_str(&line),
        }
    }
}

/// What a stranger dialled, cut to what a log line holds; E.164 has 15 digits.
fn short(dialled: &str) -> String {
    dialled.chars().take(DIALLED_MAX).collect()
}

/// As `codecs = [..]` spells it.
fn name_of(codec: CodecKind) -> String {
    codec.description().name.to_ascii_lowercase()
}

/// A source that shares so many bits with a trunk's network is probably one more host of it, and not a new carrier.
const NEIGHBOUR_BITS_V4: u32 = 20;
const NEIGHBOUR_BITS_V6: u32 = 48;
/// Letters of a dialled word that are shown.
const DIALLED_MAX: usize = 128;
