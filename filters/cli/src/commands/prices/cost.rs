//! `ai-filters prices cost`: what an answer costs, by the code that charges it in the filter.

use std::path::PathBuf;

use config::GatewayConfig;
use llm_api::Usage;

use super::super::{Failure, print, read, taken_to_be_set};

/// `ai-filters prices cost --config FILE --provider NAME --model NAME --input N …`
#[derive(clap::Args)]
pub(in crate::commands) struct Options {
    /// ai-gateway's configuration; `-` is stdin.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The provider that answered.
    #[arg(long, value_name = "NAME")]
    provider: String,
    /// The model's name there.
    #[arg(long, value_name = "NAME")]
    model: String,
    /// Tokens of the prompt, cached ones included, as in `ai.tokens.input`.
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    input: u64,
    /// How many of them were read from a cache.
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    cached: u64,
    /// How many of them were written to a cache for five minutes.
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    cache_write_5m: u64,
    /// How many of them were written to a cache for an hour.
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    cache_write_1h: u64,
    /// Generated tokens, reasoning included, as in `ai.tokens.output`.
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    output: u64,
    /// How many of them the model thought with.
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    reasoning: u64,
}

impl Options {
    pub(in crate::commands) fn run(self) -> Result<(), Failure> {
        let usage = self.usage()?;
        let (path, json) = read(&self.config)?;
        // Prices have no secrets, and those of others are of no interest here.
        let config = GatewayConfig::parse(&json, &taken_to_be_set);
        let config = config.map_err(|problems| Failure::Problems(problems.to_string()))?;
        match config.prices.of(&self.provider, &self.model) {
            Ok(price) => print(&format!("{}\n", price.cost(&usage))),
            Err(unpriced) => Err(Failure::Problems(format!(
                "{path}: {unpriced} of `{}` at `{}`\n  hint: `prices` needs an entry whose `match` is the model's name at the provider",
                self.model, self.provider
            ))),
        }
    }

    /// The usage without overlap.
    fn usage(&self) -> Result<Usage, Failure> {
        let parts = [self.cached, self.cache_write_5m, self.cache_write_1h];
        let input = parts.iter().try_fold(self.input, |left, part| left.checked_sub(*part));
        let input = input.ok_or_else(|| more("--cached and --cache-write-… are", "--input"))?;
        let output =
            self.output.checked_sub(self.reasoning).ok_or_else(|| more("--reasoning is", "--output"))?;
        Ok(Usage {
            input,
            cache_read: self.cached,
            cache_write_5m: self.cache_write_5m,
            cache_write_1h: self.cache_write_1h,
            output,
            reasoning: self.reasoning,
        })
    }
}

fn more(parts: &str, whole: &str) -> Failure {
    Failure::Problems(format!(
        "{parts} more than {whole}\n  hint: {whole} is the whole, as in `ai.tokens.input` and `ai.tokens.output`"
    ))
}
