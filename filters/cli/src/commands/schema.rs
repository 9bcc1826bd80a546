//! `ai-filters schema`: the JSON Schema of a filter's configuration.

use super::{Failure, Filter, print};

/// `ai-filters schema gateway|provider`
#[derive(clap::Args)]
pub(super) struct Options {
    /// Which filter's.
    filter: Filter,
}

impl Options {
    pub(super) fn run(self) -> Result<(), Failure> {
        let schema = match self.filter {
            Filter::Gateway => config::gateway_schema(),
            Filter::Provider => config::provider_schema(),
        };
        print(&format!("{schema:#}\n"))
    }
}
