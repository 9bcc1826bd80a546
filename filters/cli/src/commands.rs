//! The subcommands: what each is called, and what their outcome is for the shell.

mod render;
mod schema;
mod validate;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Renders Envoy configuration for the AI filters, and documents and checks the filters' own.
#[derive(Parser)]
#[command(name = "ai-filters", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Render an Envoy bootstrap.
    #[command(subcommand)]
    Render(render::What),
    /// Print the JSON Schema of a filter's configuration.
    Schema(schema::Options),
    /// Check a filter's configuration as the filter itself does; print every problem.
    Validate(validate::Options),
}

/// Which filter's configuration is meant.
#[derive(Clone, Copy, ValueEnum)]
enum Filter {
    /// ai-gateway, the downstream filter.
    Gateway,
    /// ai-provider, the upstream filter.
    Provider,
}

/// Why a subcommand did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// A file that cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Where it should be.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Inputs or a configuration that are wrong; the problems in words.
    #[error("{0}")]
    Problems(String),
}

/// Parses the command line and does what it says. 0: done; 1: something is wrong with the inputs; 2: with the command line.
pub(crate) fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Render(what) => what.run(),
        Command::Schema(options) => options.run(),
        Command::Validate(options) => options.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to tell where stderr is gone.
            let _ = writeln!(std::io::stderr(), "{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Prints to stdout. A reader that has gone away, such as `head`, is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(source) if source.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::File { path: "stdout".to_owned(), source })
        }
        _ => Ok(()),
    }
}
