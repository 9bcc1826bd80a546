//! `ai-filters keys`: makes, signs, looks into and hashes keys. Private keys are known here and nowhere else.
//!
//! No secret is ever taken from the command line, where everybody who can list processes reads it: keys come from stdin or from files. stdout
//! has the one thing that was asked for, so that it can be piped on; everything else is said on stderr.

mod generate;
mod hash;
mod inspect;
mod mint;
mod problem;
mod signing_key;
mod values;

use std::io::Read as _;

pub(super) use problem::Problem;

use super::Failure;

/// More bytes than any key has.
const LONGEST_KEY: u64 = 16 << 10;

/// `ai-filters keys …`
#[derive(clap::Subcommand)]
pub(super) enum What {
    /// Make a key pair for virtual keys: the private key into a file, the public one for the configuration to stdout.
    Generate(generate::Options),
    /// Sign a virtual key and print it.
    Mint(mint::Options),
    /// Show what a virtual key, read from stdin, says; check it where something to check it with is given.
    Inspect(inspect::Options),
    /// Print the SHA-256 of an API key, read from stdin, for the configuration.
    Hash(hash::Options),
}

impl What {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Generate(options) => options.run(),
            Self::Mint(options) => options.run(),
            Self::Inspect(options) => options.run(),
            Self::Hash(options) => options.run(),
        }
    }
}

/// The key on stdin, without the line break that `echo` and editors add.
fn key_from_stdin() -> Result<String, Problem> {
    let mut text = String::new();
    let read = std::io::stdin().take(LONGEST_KEY).read_to_string(&mut text);
    // What fills it may go on, and the beginning of a key is another key.
    read.ok()
        .filter(|bytes| u64::try_from(*bytes).is_ok_and(|bytes| bytes < LONGEST_KEY))
        .ok_or(Problem::NoText)?;
    let key = text.strip_suffix('\n').unwrap_or(&text);
    let key = key.strip_suffix('\r').unwrap_or(key);
    if key.is_empty() {
        return Err(Problem::NoKey);
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::NoText);
    }
    Ok(key.to_owned())
}

/// Refuses what somebody wrote behind a command that reads stdin.
fn no_argument(argument: Option<&String>) -> Result<(), Problem> {
    if argument.is_some() { Err(Problem::OnTheCommandLine) } else { Ok(()) }
}
