//! Converts the public list of model prices that LiteLLM keeps into ai-gateway's `prices`, exactly.
//!
//! The list is `model_prices_and_context_window.json` of github.com/BerriAI/litellm: an object of models, each with its provider, its mode and
//! its costs in dollars for one token. Its numbers are taken from their text, digit by digit. Nothing is guessed: a model whose price cannot be
//! told in full is skipped, and a cost that is not converted is noted, each with its reason. Nothing here reads a file or the network.

mod cost;
mod model;
mod note;
mod section;

use std::collections::BTreeMap;

use pricing::{MicroDollars, Rates, Tier};
use serde_json::value::RawValue;

pub use note::{Note, Skipped};

/// The entry that documents the list's own format.
const SAMPLE: &str = "sample_spec";

/// Which models of a list are wanted. Empty lists want all.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Their names at their providers, or prefixes followed by `*`.
    pub models: Vec<String>,
    /// Their providers.
    pub providers: Vec<ProviderName>,
}

/// A provider by both of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderName {
    /// In the list: `vertex_ai-anthropic_models`.
    pub listed: String,
    /// In the filters' configuration: `vertex`.
    pub configured: String,
}

/// What a list says of the models that are wanted.
#[derive(Debug)]
pub struct Import {
    /// Their prices, by provider and then by name.
    pub prices: Vec<ListedPrice>,
    /// What was not converted, by the model's name in the list.
    pub notes: Vec<(String, Note)>,
    /// How many models have other prices too: for batches, or for a faster or a slower service.
    pub with_other_tariffs: usize,
}

/// A model's price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPrice {
    /// The provider's name in the filters' configuration.
    pub provider: String,
    /// The model's name at the provider.
    pub model: String,
    /// What its tokens cost.
    pub rates: Rates,
    /// What they cost in long prompts.
    pub tiers: Vec<Tier>,
    /// What each request costs beside them.
    pub per_request: MicroDollars,
}

/// Why there is nothing to convert.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The text is no JSON object of objects.
    #[error(
        "is no list of prices: {0}\n  hint: download model_prices_and_context_window.json from github.com/BerriAI/litellm"
    )]
    NotAList(#[from] serde_json::Error),
    /// A provider is wanted that the list does not have.
    #[error(
        "has no model of the provider `{0}`\n  hint: providers are called as in the list's `litellm_provider`"
    )]
    NoProvider(String),
    /// A model is wanted that the list does not have.
    #[error(
        "has no model called `{0}`\n  hint: the name is the one at the provider, without `provider/`; a prefix ends in `*`"
    )]
    NoModel(String),
}

/// An object whose values stay text.
type Object = BTreeMap<String, Box<RawValue>>;

/// Converts the models of a list that are wanted.
///
/// # Errors
///
/// Where the text is no such list, or where something that is wanted matches nothing in it: a name with a slip in it would else be a model
/// without a price.
pub fn import(list: &[u8], wanted: &Wanted) -> Result<Import, ListError> {
    let models: Object = serde_json::from_slice(list)?;
    let mut missing = Missing::of(wanted);
    let mut found = Import { prices: Vec::new(), notes: Vec::new(), with_other_tariffs: 0 };
    for (name, raw) in models.iter().filter(|(name, _)| *name != SAMPLE) {
        let fields: Object = serde_json::from_str(raw.get())?;
        let Some(listed_provider) = text(&fields, "litellm_provider") else {
            if wanted.is_everything() {
                found.notes.push((name.clone(), Note::Skipped(Skipped::Incomplete("litellm_provider"))));
            }
            continue;
        };
        let model = name.strip_prefix(&format!("{listed_provider}/")).unwrap_or(name);
        let Some(provider) = wanted.provider(&listed_provider) else { continue };
        missing.providers.retain(|absent| *absent != listed_provider);
        if !wanted.models.is_empty() && !wanted.models.iter().any(|pattern| matches(pattern, model)) {
            continue;
        }
        missing.models.retain(|pattern| !matches(pattern, model));
        match model::price(provider, model, &listed_provider, &fields) {
            Ok(converted) => {
                found.notes.extend(converted.notes.into_iter().map(|note| (name.clone(), note)));
                found.with_other_tariffs =
                    found.with_other_tariffs.saturating_add(usize::from(converted.has_other_tariffs));
                found.prices.push(converted.price);
            }
            Err(skipped) => found.notes.push((name.clone(), Note::Skipped(skipped))),
        }
    }
    missing.check()?;
    found.prices.sort_by(|a, b| (&a.provider, &a.model).cmp(&(&b.provider, &b.model)));
    found.leave_out_repeated();
    Ok(found)
}

impl Import {
    /// The section of ai-gateway's configuration: a JSON object with the one member `prices`, a line for each entry.
    pub fn section(&self) -> String {
        section::section(&self.prices)
    }

    /// The list has some models twice, with and without `provider/` in front. Where both cost the same, one of them is enough; where they do
    /// not, nobody knows which is meant.
    fn leave_out_repeated(&mut self) {
        let mut kept: Vec<ListedPrice> = Vec::with_capacity(self.prices.len());
        let mut unclear = Vec::new();
        for price in self.prices.drain(..) {
            match kept.last() {
                Some(last) if last.provider == price.provider && last.model == price.model => {
                    if *last != price {
                        unclear.push((price.provider, price.model));
                    }
                }
                _ => kept.push(price),
            }
        }
        kept.retain(|price| {
            !unclear.iter().any(|(provider, model)| (provider, model) == (&price.provider, &price.model))
        });
        self.prices = kept;
        self.notes
            .extend(unclear.into_iter().map(|(_, model)| (model, Note::Skipped(Skipped::Contradictory))));
        self.notes.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
}

impl Wanted {
    fn is_everything(&self) -> bool {
        self.models.is_empty() && self.providers.is_empty()
    }

    /// The name in the filters' configuration of a provider that is wanted.
    fn provider(&self, listed: &str) -> Option<String> {
        if self.providers.is_empty() {
            return Some(listed.to_owned());
        }
        let name = self.providers.iter().find(|name| name.listed == listed);
        name.map(|name| name.configured.clone())
    }
}

/// What is wanted and has not been found yet.
struct Missing {
    models: Vec<String>,
    providers: Vec<String>,
}

impl Missing {
    fn of(wanted: &Wanted) -> Self {
        let providers = wanted.providers.iter().map(|name| name.listed.clone()).collect();
        Self { models: wanted.models.clone(), providers }
    }

    fn check(self) -> Result<(), ListError> {
        let all = |names: &[String]| (!names.is_empty()).then(|| names.join("`, `"));
        match (all(&self.providers), all(&self.models)) {
            (Some(providers), _) => Err(ListError::NoProvider(providers)),
            (None, Some(models)) => Err(ListError::NoModel(models)),
            (None, None) => Ok(()),
        }
    }
}

fn matches(pattern: &str, model: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => model.starts_with(prefix),
        None => model == pattern,
    }
}

/// The string under that name.
fn text(fields: &Object, name: &str) -> Option<String> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}
