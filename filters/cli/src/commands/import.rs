//! `ai-filters import`: another gateway's configuration as an AIGatewayRoute file.

use std::io::Write as _;
use std::path::PathBuf;

use ai_filters::import::{envoy_ai_gateway, litellm};

use super::{Failure, print, read};

/// What can be imported.
#[derive(clap::Subcommand)]
pub(super) enum What {
    /// LiteLLM's `config.yaml`.
    Litellm(Options),
    /// AIGatewayRoute, AIServiceBackend, BackendSecurityPolicy and Backend of Envoy AI Gateway, in one file.
    EnvoyAiGateway(Options),
}

/// `ai-filters import litellm|envoy-ai-gateway FILE`
#[derive(clap::Args)]
pub(super) struct Options {
    /// The file; `-` is stdin.
    file: PathBuf,
}

impl What {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (Self::Litellm(options) | Self::EnvoyAiGateway(options)) = &self;
        let (path, text) = read(&options.file)?;
        let imported = match self {
            Self::Litellm(_) => litellm(&text),
            Self::EnvoyAiGateway(_) => envoy_ai_gateway(&text),
        };
        let imported = imported.map_err(|problem| Failure::Problems(format!("{path}: {problem}")))?;
        for lost in &imported.lost {
            // Nobody is left to tell where stderr is gone.
            let _ = writeln!(std::io::stderr(), "not imported: {lost}");
        }
        if imported.yaml.is_empty() {
            return Err(Failure::Problems(format!("{path}: nothing of it has a counterpart")));
        }
        print(&imported.yaml)
    }
}
