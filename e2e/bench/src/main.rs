//! `make bench`: measures, prints the tables, and optionally writes every measurement to a file.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use bench::cold::{self, ColdOptions};
use bench::stand::BuiltFilters;
use bench::tokens::{self, TokenOptions};
use bench::{Error, Options, report, run};
use clap::{Parser, Subcommand};
use serde_json::Value;

/// Measures what the filters cost Envoy, beside a bare Envoy in the same run; or, with `tokens`, tokenizers against each other.
#[derive(Parser)]
#[command(name = "bench", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    filters: Options,
    #[command(subcommand)]
    other: Option<Other>,
}

#[derive(Subcommand)]
enum Other {
    /// Measure tokenizers against each other, in wasm under V8 and in native processes.
    Tokens(TokenOptions),
    /// Measure what emptied caches do to counting, with a memory of words and without, natively.
    Cold(ColdOptions),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match &cli.other {
        None => filters(&cli.filters),
        Some(Other::Tokens(options)) => tokenizers(options),
        Some(Other::Cold(options)) => {
            println!("{}", cold::markdown(&cold::measure(*options, |what| eprintln!("{what}")), &command()));
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn filters(options: &Options) -> Result<(), Error> {
    let filters = BuiltFilters::in_directory(&lab::paths::filters())?;
    // One thread for the load and one for each upstream: more would only get in each other's way on the core that Envoy leaves them.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::System { doing: "starting the runtime", source })?;
    let findings = runtime.block_on(async {
        let envoy = lab::envoy::locate().await?;
        run::run(options, &envoy, &filters, |what| eprintln!("{what}")).await
    })?;
    let command = command();
    println!("{}", report::markdown(&findings, &command));
    finish(options.quick, options.json.as_deref(), || report::json(&findings, &command))
}

fn tokenizers(options: &TokenOptions) -> Result<(), Error> {
    let findings = tokens::measure(options, |what| eprintln!("{what}"))?;
    let command = command();
    println!("{}", tokens::markdown(&findings, &command));
    finish(options.quick, options.json.as_deref(), || tokens::json(&findings, &command))
}

fn finish(quick: bool, path: Option<&Path>, json: impl FnOnce() -> Value) -> Result<(), Error> {
    if quick {
        println!("A quick run shows that the bench works. Its figures mean nothing.");
    }
    if let Some(path) = path {
        fs::write(path, format!("{:#}\n", json()))
            .map_err(|source| Error::System { doing: "writing the measurements", source })?;
    }
    Ok(())
}

/// How to measure this again.
fn command() -> String {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.is_empty() {
        "make bench".to_owned()
    } else {
        format!("cargo run --release -p bench -- {}", arguments.join(" "))
    }
}
