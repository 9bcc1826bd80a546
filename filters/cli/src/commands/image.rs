//! `ai-filters image`: builds OCI images of the filters, without a container engine, and pushes them to a registry.

mod build;
mod push;

use super::Failure;

/// `ai-filters image build|push`
#[derive(clap::Subcommand)]
pub(super) enum What {
    /// Build a filter's images into a directory, in OCI's layout.
    Build(build::Options),
    /// Push a directory's images to a registry.
    Push(push::Options),
}

impl What {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Build(options) => options.run(),
            Self::Push(options) => options.run(),
        }
    }
}
