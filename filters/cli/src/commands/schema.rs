//! `ai-filters schema`: the JSON Schema of a filter's configuration, or of an AIGatewayRoute file.

use clap::ValueEnum;

use super::{Failure, print};

/// `ai-filters schema gateway|provider|route`
#[derive(clap::Args)]
pub(super) struct Options {
    /// Of what.
    what: What,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// ai-gateway's configuration.
    Gateway,
    /// ai-provider's configuration.
    Provider,
    /// An AIGatewayRoute file.
    Route,
}

impl Options {
    pub(super) fn run(self) -> Result<(), Failure> {
        let schema = match self.what {
            What::Gateway => config::gateway_schema(),
            What::Provider => config::provider_schema(),
            What::Route => config::route_schema(),
        };
        print(&format!("{schema:#}\n"))
    }
}
