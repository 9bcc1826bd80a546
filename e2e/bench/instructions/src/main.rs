//! How many WebAssembly instructions the filters run for a request, and what they ask of their host.
//!
//! CPU time tells what a request costs, on a quiet machine, after many rounds. This tells what changed: the modules run in an WebAssembly runtime
//! that counts, on a host that does nothing, so the same build gives the same numbers every time, on any machine. They leave out what the
//! host's calls cost, which is the larger part; so those are counted beside them, with the bytes that they carry.
//!
//! The runtime is Wasmtime, and what it counts is its fuel: one for an instruction that does something. A copy of any length is one instruction
//! of the module's and its bytes are not counted.

mod count;
mod guest;
mod host;
mod report;

use std::env;
use std::process::ExitCode;

use bench::Error;
use bench::stand::BuiltFilters;
use clap::Parser as _;
use count::Options;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<String, Error> {
    let filters = BuiltFilters::in_directory(&lab::paths::filters())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::System { doing: "starting the runtime", source })?;
    let counts = runtime.block_on(count::count(options, &filters, |what| eprintln!("{what}")))?;
    let arguments: Vec<String> = env::args().skip(1).collect();
    let command = format!("make instructions ARGUMENTS='{}'", arguments.join(" "));
    Ok(report::markdown(&counts, &command, options.callbacks))
}
