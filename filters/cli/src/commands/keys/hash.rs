//! `ai-filters keys hash`: what the configuration knows an API key by.

use identity::{KeyDigest, PREFIX};

use super::{Failure, Problem, key_from_stdin, no_argument};
use crate::commands::print;

/// A key of fewer bytes can be found by trying: the hash is a fast one.
const LEAST: usize = 16;

/// `printf %s "$KEY" | ai-filters keys hash`
#[derive(clap::Args)]
pub(in crate::commands) struct Options {
    /// Refused: a key belongs on stdin.
    #[arg(hide = true)]
    argument: Option<String>,
}

impl Options {
    pub(super) fn run(self) -> Result<(), Failure> {
        no_argument(self.argument.as_ref())?;
        let key = key_from_stdin()?;
        if key.starts_with(PREFIX) {
            return Err(Problem::VirtualKey.into());
        }
        if key.len() < LEAST {
            return Err(Problem::ShortKey { bytes: key.len(), least: LEAST }.into());
        }
        print(&format!("{}\n", KeyDigest::of(key.as_bytes()).to_hex()))
    }
}
