//! Tandem: wiring only.

mod api;
mod app;
mod cli;
mod plugged;
mod shell;
mod store;
mod telemetry;
mod unplugged;

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
    }
}
