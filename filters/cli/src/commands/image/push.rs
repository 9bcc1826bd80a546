//! `ai-filters image push`: a directory of images to a registry.

use std::fmt::Write as _;
use std::path::PathBuf;

use oci::{Credentials, Layout, Reference};

use super::super::{Failure, print};

/// `ai-filters image push DIRECTORY REPOSITORY`
#[derive(clap::Args)]
pub(in crate::commands) struct Options {
    /// The directory with the images.
    directory: PathBuf,
    /// Where they go: `ghcr.io/someone/ai-gateway`. Their tags come with them.
    repository: String,
}

impl Options {
    pub(in crate::commands) fn run(self) -> Result<(), Failure> {
        let repository: Reference = self
            .repository
            .parse()
            .map_err(|error| Failure::Problems(format!("{}: {error}", self.repository)))?;
        let credentials = Credentials::find(repository.registry(), &|name| std::env::var(name).ok())
            .map_err(|error| Failure::Problems(error.to_string()))?;
        let pushed = oci::push(&Layout::at(self.directory), &repository, credentials)
            .map_err(|error| Failure::Problems(error.to_string()))?;
        let mut said = String::new();
        for image in pushed {
            // A string takes everything.
            let _ = writeln!(said, "{} {}", image.name, image.digest);
        }
        print(&said)
    }
}
