//! `ai-filters prices import`: LiteLLM's list into ai-gateway's `prices`.

use std::io::Write as _;
use std::path::PathBuf;

use ai_filters::price_list::{self, ProviderName, Wanted};

use super::super::{Failure, print, read};

/// `ai-filters prices import [--models PATTERN]… [--provider NAME[=OURS]]… FILE`
#[derive(clap::Args)]
pub(in crate::commands) struct Options {
    /// A model's name at its provider, or a prefix followed by `*`. May be repeated; without it, all.
    #[arg(long, value_name = "PATTERN")]
    models: Vec<String>,
    /// A provider as the list calls it (`litellm_provider`), and after `=` as the filters' configuration does, where that is another name. May be
    /// repeated; without it, all.
    #[arg(long, value_name = "NAME[=OURS]", value_parser = provider)]
    provider: Vec<ProviderName>,
    /// The list, `model_prices_and_context_window.json`; `-` is stdin.
    file: PathBuf,
}

impl Options {
    pub(in crate::commands) fn run(self) -> Result<(), Failure> {
        let (path, list) = read(&self.file)?;
        let wanted = Wanted { models: self.models, providers: self.provider };
        let import = price_list::import(&list, &wanted)
            .map_err(|error| Failure::Problems(format!("{path}: {error}")))?;
        // Nobody is left to tell where stderr is gone.
        let mut stderr = std::io::stderr().lock();
        for (model, note) in &import.notes {
            let _ = writeln!(stderr, "{model}: {note}");
        }
        if import.with_other_tariffs > 0 {
            let _ = writeln!(
                stderr,
                "left out: other tariffs, for batches and for a faster or slower service, of this many models: {}",
                import.with_other_tariffs
            );
        }
        drop(stderr);
        print(&import.section())
    }
}

fn provider(argument: &str) -> Result<ProviderName, String> {
    let (listed, configured) = argument.split_once('=').unwrap_or((argument, argument));
    if listed.is_empty() || configured.is_empty() {
        return Err("write the list's name, or the list's name, `=` and your own".to_owned());
    }
    Ok(ProviderName { listed: listed.to_owned(), configured: configured.to_owned() })
}
