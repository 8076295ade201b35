//! What a test of a trunk has found, stage by stage, for people and for programs.

use std::{fmt, net::SocketAddr, time::Duration};

use gateway_core::{events::wire::Hop, switch::Step};
use serde_json::{Value, json};

/// The stages, in the order in which a call passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Dns,
    Connect,
    Tls,
    Options,
    Register,
    Call,
}

/// One stage of one server.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    name: Name,
    /// `None` where the stage is the trunk's, and no server's.
    server: Option<(&'static str, SocketAddr)>,
    took: Duration,
    step: Step,
}

/// All that was found.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    trunk: String,
    stages: Vec<Stage>,
}

impl Name {
    const fn word(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Options => "options",
            Self::Register => "register",
            Self::Call => "call",
        }
    }

    /// The exit code of a test that fails there.
    const fn exit_code(self) -> u8 {
        match self {
            Self::Dns => 10,
            Self::Connect => 11,
            Self::Tls => 12,
            Self::Options => 13,
            Self::Register => 14,
            Self::Call => 15,
        }
    }
}

impl Stage {
    pub(super) fn new(name: Name, server: Option<&Hop>, took: Duration, step: Step) -> Self {
        Self { name, server: server.map(|hop| (hop.transport.word(), hop.to)), took, step }
    }

    fn server(&self) -> Option<String> {
        self.server.map(|(transport, to)| format!("{transport} {to}"))
    }

    /// To a tenth; the name server next door takes less than one.
    fn ms(&self) -> f64 {
        (self.took.as_secs_f64() * 10_000.0).round() / 10.0
    }
}

impl Report {
    pub(super) fn new(trunk: &str) -> Self {
        Self { trunk: trunk.to_owned(), stages: Vec::new() }
    }

    pub(super) fn push(&mut self, stage: Stage) {
        self.stages.push(stage);
    }

    /// The first stage that calls would fail at.
    pub(crate) fn failed(&self) -> Option<Name> {
        self.stages.iter().find(|stage| !stage.step.is_good).map(|stage| stage.name)
    }

    /// 0, or that of the stage that failed first.
    pub(crate) fn exit_code(&self) -> u8 {
        self.failed().map_or(0, Name::exit_code)
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let stages = self.stages.iter().map(|stage| {
            let Step { is_good, said, hint } = &stage.step;
            json!({ "stage": stage.name.word(), "server": stage.server(), "ok": is_good, "ms": stage.ms(), "said": said, "hint": hint })
        });
        let failed = self.failed();
        json!({
            "ok": failed.is_none(), "trunk": self.trunk, "failed": failed.map(Name::word), "exit": self.exit_code(),
            "stages": stages.collect::<Vec<_>>(),
        })
    }
}

/// `connect     1.2 ms  ok      tcp 10.0.0.5:5060`, and the hint below.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.step.is_good { "ok" } else { "FAILED" };
        write!(f, "{:<9}{:>8.1} ms  {verdict:<7}", self.name.word(), self.ms())?;
        if let Some(server) = self.server() {
            write!(f, "{server}  ")?;
        }
        f.write_str(&self.step.said)?;
        match &self.step.hint {
            Some(hint) => write!(f, "\n{:<22}hint: {hint}", ""),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(name: Name, step: Step) -> Stage {
        Stage::new(name, None, Duration::from_micros(1240), step)
    }

    #[test]
    fn the_first_failure_is_the_exit_code() {
        let mut report = Report::new("carrier");
        report.push(stage(Name::Dns, Step::good("udp 10.0.0.5:5060")));
        assert_eq!((report.exit_code(), &report.json()["failed"]), (0, &Value::Null));
        report.push(stage(Name::Options, Step::bad("no answer", None)));
        report.push(stage(Name::Register, Step::bad("403", None)));
        assert_eq!((report.exit_code(), &report.json()["failed"]), (13, &"options".into()));
    }

    #[test]
    fn a_hint_stands_below_its_stage() {
        let text = stage(Name::Tls, Step::bad("it hung up", Some("show a certificate"))).to_string();
        assert_eq!(text, "tls           1.2 ms  FAILED it hung up\n                      hint: show a certificate");
    }
}
