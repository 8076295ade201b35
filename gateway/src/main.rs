//! Tandem: wiring only.

mod api;
mod app;
mod archive;
mod cli;
mod shell;
mod store;
mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::begin() {
        cli::Next::Done(code) => code,
        cli::Next::Serve(plan) => match app::serve(&plan) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!("{error:#}");
                ExitCode::FAILURE
            }
        },
        cli::Next::Dial(dial) => app::dial(*dial),
    }
}
