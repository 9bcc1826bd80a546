//! The command-line tool: renders Envoy configuration and documents the filters' own, and counts tokens.

#![forbid(unsafe_code)]

mod commands;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run()
}
