//! `tandem route-test`: what would become of a call, by a configuration that need not run.

use std::net::IpAddr;

use gateway_core::ids::UtcMillis;

use super::{
    File, check,
    report::{self, Failed},
};
use crate::{
    shell::{
        library::Shelf,
        route_test::{self, Question},
    },
    store::utc_now,
};

/// What `tandem route-test` is asked.
#[derive(Debug, clap::Args)]
pub(super) struct RouteTest {
    #[command(flatten)]
    file: File,
    /// Who calls: a number or a SIP URI; without it, withheld.
    #[arg(long, default_value = "", value_name = "NUMBER", allow_hyphen_values = true, hide_default_value = true)]
    from: String,
    /// What is dialled: a number or a SIP URI.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    to: String,
    /// The trunk that it comes by; without it and --source, a phone of ours or a page calls.
    #[arg(long, value_name = "NAME", conflicts_with = "source")]
    trunk: Option<String>,
    /// The address that it comes from.
    #[arg(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
    /// A header of the INVITE: P-Asserted-Identity, Privacy. May stand more than once.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// When: ms since 1970 UTC; now where it is not said.
    #[arg(long, value_name = "TIME")]
    at: Option<u64>,
}

/// Asks, and says so; a call that would be refused is a failure of the verb.
pub(super) fn run(ask: &RouteTest, json: bool) -> Result<bool, Failed> {
    let config = check::configured(&ask.file, json)?;
    let shelf = Shelf::read(&config.ivr.dir);
    let script = |name: &str| Some((shelf.scripts.get(name)?.clone(), shelf.prompts.clone()));
    let RouteTest { from, to, trunk, source, headers, at, .. } = ask;
    let question =
        Question { from: from.clone(), to: to.clone(), trunk: trunk.clone(), source: *source, headers: headers.clone(), at: *at };
    let UtcMillis(now) = utc_now();
    let told = route_test::foretell(&config, script, &question, UtcMillis(now))?;
    report::say(&if json { told.json().to_string() } else { told.to_string() });
    Ok(told.is_admitted())
}
