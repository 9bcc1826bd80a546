//! `ai-filters validate`: reads a filter's configuration exactly as the filter does.

use std::path::PathBuf;

use super::{Failure, Filter, print, read, taken_to_be_set};

/// `ai-filters validate gateway|provider FILE`
#[derive(clap::Args)]
pub(super) struct Options {
    /// Which filter's.
    filter: Filter,
    /// The file with its JSON configuration; `-` is stdin.
    file: PathBuf,
    /// Check the variables that hold keys in this environment too, as the filter does when it starts. By default they are taken to be set.
    #[arg(long)]
    with_keys: bool,
}

impl Options {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (path, json) = read(&self.file)?;
        let from_environment = |name: &str| std::env::var(name).ok();
        let env: &dyn Fn(&str) -> Option<String> =
            if self.with_keys { &from_environment } else { &taken_to_be_set };
        let problems = match self.filter {
            Filter::Gateway => config::GatewayConfig::parse(&json, env).err(),
            Filter::Provider => config::ProviderConfig::parse(&json, env).err(),
        };
        match problems {
            None => print(&format!("{path}: valid\n")),
            Some(problems) => Err(Failure::Problems(problems.to_string())),
        }
    }
}
