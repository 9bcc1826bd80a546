//! `ai-filters keys generate`: a key pair that signs virtual keys.

use std::io::Write as _;
use std::path::PathBuf;

use super::signing_key::NamedSigningKey;
use super::{Failure, Problem};
use crate::commands::print;

/// `ai-filters keys generate --private-key FILE`
#[derive(clap::Args)]
pub(in crate::commands) struct Options {
    /// The new file for the private key, readable by its owner alone; `-` is stdout, and the public key is then told on stderr.
    #[arg(long, value_name = "FILE")]
    private_key: PathBuf,
    /// The name of the pair, which every key that it signs carries. Where it is left out: the beginning of the public key.
    #[arg(long, value_name = "NAME")]
    key_id: Option<String>,
}

impl Options {
    pub(super) fn run(self) -> Result<(), Failure> {
        if let Some(id) = &self.key_id {
            identity::Name::new(id).map_err(|problem| Problem::Claims {
                what: format!("--key-id: {problem}"),
                hint: "a short name, such as the month: 2026-11",
            })?;
        }
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|_| Problem::NoRandomness)?;
        let key = NamedSigningKey::new(self.key_id, &secret);
        if self.private_key.as_os_str() == "-" {
            // Nobody is left to tell where stderr is gone.
            let _ = std::io::stderr().write_all(key.public_entry().as_bytes());
            return print(&key.to_json());
        }
        key.write_to(&self.private_key)?;
        print(&key.public_entry())
    }
}
