//! `ai-filters prices`: converts a public list of prices, and says what an answer costs.

mod cost;
mod import;

use super::Failure;

/// `ai-filters prices import|cost`
#[derive(clap::Subcommand)]
pub(super) enum What {
    /// Convert LiteLLM's list of prices into ai-gateway's `prices`.
    Import(import::Options),
    /// Say what an answer costs, by a configuration's prices.
    Cost(cost::Options),
}

impl What {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Import(options) => options.run(),
            Self::Cost(options) => options.run(),
        }
    }
}
