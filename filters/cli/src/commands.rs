//! The subcommands: what each is called, and what their outcome is for the shell.

mod count;
mod image;
mod import;
mod keys;
mod lint;
mod prices;
mod render;
mod schema;
mod validate;

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Renders Envoy configuration for the AI filters, documents and checks the filters' own, counts tokens and their price.
#[derive(Parser)]
#[command(name = "ai-filters", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Render an Envoy bootstrap, or a file for docker compose.
    #[command(subcommand)]
    Render(render::What),
    /// Convert another gateway's configuration into an AIGatewayRoute file; say what has no counterpart.
    #[command(subcommand)]
    Import(import::What),
    /// Print the JSON Schema of a filter's configuration, or of an AIGatewayRoute file.
    Schema(schema::Options),
    /// Read manifests of the Gateway API and Envoy Gateway for what experience forbids.
    Lint(lint::Options),
    /// Check a filter's configuration as the filter itself does; print every problem.
    Validate(validate::Options),
    /// Count the tokens of a text or of a request.
    Count(count::Options),
    /// Build OCI images of the filters, and push them.
    #[command(subcommand)]
    Image(image::What),
    /// Convert lists of prices, and price answers.
    #[command(subcommand)]
    Prices(prices::What),
    /// Make, sign, look into and hash keys of callers.
    #[command(subcommand)]
    Keys(keys::What),
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
    /// Something that cannot be counted.
    #[error("{0}")]
    Count(count::Problem),
    /// Something about keys that cannot be done.
    #[error("{0}")]
    Keys(#[from] keys::Problem),
}

impl Failure {
    /// The exit code. What cannot be counted is 2, as a wrong command line is: `count` has no other outcome than a number.
    fn code(&self) -> ExitCode {
        match self {
            Self::File { .. } | Self::Problems(_) | Self::Keys(_) => ExitCode::FAILURE,
            Self::Count(_) => ExitCode::from(2),
        }
    }
}

/// Parses the command line and does what it says. 0: done; 1: something is wrong with the inputs; 2: with the command line, or there
/// is nothing that could be counted.
pub(crate) fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Render(what) => what.run(),
        Command::Import(what) => what.run(),
        Command::Schema(options) => options.run(),
        Command::Lint(options) => options.run(),
        Command::Validate(options) => options.run(),
        Command::Count(options) => options.run(),
        Command::Image(what) => what.run(),
        Command::Prices(what) => what.run(),
        Command::Keys(what) => what.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to tell where stderr is gone.
            let _ = writeln!(std::io::stderr(), "{failure}");
            failure.code()
        }
    }
}

/// Reads a file, or stdin where it is `-`; also says what to call it in messages.
fn read(file: &Path) -> Result<(String, Vec<u8>), Failure> {
    let path = file.display().to_string();
    let mut bytes = Vec::new();
    let read = if path == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    match read {
        Ok(bytes) => Ok((path, bytes)),
        Err(source) => Err(Failure::File { path, source }),
    }
}

/// What every environment variable holds where nobody looks at the real ones: as long as the longest that anything asks for.
#[expect(clippy::unnecessary_wraps, reason = "a variable may be missing; these never are")]
fn taken_to_be_set(_: &str) -> Option<String> {
    Some("set".repeat(16))
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
