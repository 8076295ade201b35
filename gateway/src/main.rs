//! Tandem: wiring only.

mod api;
mod cli;
mod shell;
mod store;
mod telemetry;

fn main() {}
