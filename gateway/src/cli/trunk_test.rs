//! `tandem trunk test`: does a trunk work, and where does it fail?

use std::process::ExitCode;

use tokio::runtime;

use super::{
    File, check,
    report::{self, Failed},
};
use crate::shell::trunk_test::{self, Question};

/// What `tandem trunk test` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct TrunkTest {
    #[command(flatten)]
    file: File,
    /// The `[[trunk]]` to test.
    #[arg(value_name = "NAME")]
    trunk: String,
    /// Calls this number too: it rings, and is hung up at once.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    to: Option<String>,
    /// Who calls then.
    #[arg(long, value_name = "NUMBER", requires = "to", allow_hyphen_values = true)]
    from: Option<String>,
}

/// Tests, and says each stage as it ends.
pub(super) fn run(ask: &TrunkTest, json: bool) -> Result<ExitCode, Failed> {
    let config = check::configured(&ask.file, json)?;
    let question = Question { trunk: ask.trunk.clone(), to: ask.to.clone(), from: ask.from.clone() };
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let told = |stage: &trunk_test::Stage| {
        if !json {
            report::say(&stage.to_string());
        }
    };
    let found = runtime.block_on(trunk_test::tested(&config, &question, told))?;
    if json {
        report::say(&found.json().to_string());
    }
    Ok(ExitCode::from(found.exit_code()))
}

const EXIT_CODES: &str = "\
Exit codes: of the stage that failed first
   0  every stage is as it should be
   1  the configuration is at fault, or has no such trunk
  10  dns: the host has no address
  11  connect: nobody listens there
  12  tls: a certificate is not believed
  13  options: no answer, or 503
  14  register: not registered
  15  call: the number could not be called";
