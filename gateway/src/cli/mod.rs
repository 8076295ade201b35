//! Command-line verbs.
//!
//! A verb that only looks or checks is done here; one that serves comes back as a `Plan`, which the wiring carries out.

mod check;
mod config;
mod demo;
mod dial;
mod ivr;
mod outside;
mod recordings;
mod report;
mod route_test;
mod trunk_test;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
pub(crate) use dial::{Dial, run as dial};
use gateway_core::config::Config;
pub(crate) use report::say;

/// A real-time voice gateway: SIP and WebRTC, a personal IVR, an agent's desk.
#[derive(Debug, Parser)]
#[command(name = "tandem", version, arg_required_else_help = false)]
struct Cli {
    /// Answers as JSON, one object, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serves at once with no configuration: demo callers, a demo agent, free ports. Try: tandem demo
    Demo(Demo),
    /// Serves. Try: tandem run -c /etc/tandem/tandem.toml
    Run(File),
    /// Proves a configuration and its scripts, or scripts alone, without serving. Try: tandem check -c tandem.toml
    Check {
        #[command(flatten)]
        file: File,
        /// Scripts to prove; without any, all of the configuration's.
        scripts: Vec<PathBuf>,
    },
    /// What a configuration comes to.
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Calls, or is called, with a built-in phone: reports each stage. Try: tandem dial sip:demo@127.0.0.1:5060 --dtmf 1
    Dial(Box<Dial>),
    /// Says what would become of a call, and why, without a call. Try: tandem route-test --to 100 --source 127.0.0.1
    RouteTest(Box<route_test::RouteTest>),
    /// Carriers.
    #[command(subcommand)]
    Trunk(TrunkVerb),
    /// What callers hear.
    #[command(subcommand)]
    Ivr(IvrVerb),
    /// Recordings that are kept.
    #[command(subcommand)]
    Recordings(RecordingsVerb),
}

#[derive(Debug, Subcommand)]
enum RecordingsVerb {
    /// Wraps the keys of all recordings by [recording] key, from old_keys; touches no file, and the node may be running. Try: tandem recordings rewrap -c tandem.toml
    Rewrap(File),
}

#[derive(Debug, Subcommand)]
enum TrunkVerb {
    /// Tests a trunk as a node would use it, stage by stage: DNS, connect, TLS, OPTIONS, REGISTER, and a call with --to. Try: tandem trunk test loopback -c tandem.toml
    Test(Box<trunk_test::TrunkTest>),
}

#[derive(Debug, Subcommand)]
enum IvrVerb {
    /// Says in which order a caller would hear the menu now, and why. Try: tandem ivr explain --caller +380501112233
    Explain(ivr::Explain),
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Shows every value in force, defaults included, secrets masked. Try: tandem config show -c tandem.toml
    Show(File),
    /// Makes the `password_hash` of an agent from a password on standard input. Try: tandem config hash < password.txt
    Hash,
}

#[derive(Debug, Args)]
struct File {
    /// The configuration; `tandem.toml` here if there is one, else the defaults.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Demo {
    /// Holds the demo's store and recordings.
    #[arg(long, default_value = "tandem-data", value_name = "DIR")]
    data: PathBuf,
    /// Scripts and prompts.
    #[arg(long, default_value = "ivr-scripts", value_name = "DIR")]
    scripts: PathBuf,
}

/// What is left to do after the command line was read.
pub(crate) enum Next {
    /// Nothing.
    Done(ExitCode),
    /// Serve.
    Serve(Box<Plan>),
    /// Make a call, or take one.
    Dial(Box<Dial>),
}

/// A node to serve.
pub(crate) struct Plan {
    pub(crate) config: Config,
    /// Seeds demo customers, and says how to try them out.
    pub(crate) demo: bool,
    pub(crate) json: bool,
}

/// Reads the command line and does all that needs no node.
pub(crate) fn begin() -> Next {
    let Cli { json, verb } = Cli::parse();
    let verb = verb.unwrap_or_else(|| Verb::Demo(Demo { data: "tandem-data".into(), scripts: "ivr-scripts".into() }));
    let begun = match verb {
        Verb::Demo(demo) => demo::plan(&demo, json),
        Verb::Run(file) => check::configured(&file, json).map(|config| Next::Serve(Box::new(Plan { config, demo: false, json }))),
        Verb::Check { file, scripts } => check::run(&file, &scripts, json).map(|()| Next::Done(ExitCode::SUCCESS)),
        Verb::Dial(dial) => Ok(Next::Dial(dial)),
        Verb::Config(ConfigVerb::Show(file)) => config::show(&file, json).map(|()| Next::Done(ExitCode::SUCCESS)),
        Verb::RouteTest(ask) => {
            let code = |admitted| if admitted { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            route_test::run(&ask, json).map(|admitted| Next::Done(code(admitted)))
        }
        Verb::Trunk(TrunkVerb::Test(ask)) => trunk_test::run(&ask, json).map(Next::Done),
        Verb::Ivr(IvrVerb::Explain(ask)) => ivr::explain(&ask, json).map(|()| Next::Done(ExitCode::SUCCESS)),
        Verb::Recordings(RecordingsVerb::Rewrap(file)) => recordings::rewrap(&file, json).map(Next::Done),
        Verb::Config(ConfigVerb::Hash) => config::hash(json).map(|()| Next::Done(ExitCode::SUCCESS)),
    };
    begun.unwrap_or_else(|failed| {
        failed.tell(json);
        Next::Done(ExitCode::FAILURE)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_each_verb_has_an_example() {
        Cli::command().debug_assert();
        for verb in Cli::command().get_subcommands().filter(|verb| !verb.has_subcommands()) {
            assert!(verb.get_about().is_some_and(|about| about.to_string().contains("Try: tandem")), "{}", verb.get_name());
        }
    }

    #[test]
    fn json_may_stand_behind_the_verb() {
        assert!(Cli::try_parse_from(["tandem", "check", "--json", "-c", "a.toml", "main.yaml"]).unwrap().json);
    }
}
