//! Every price, found by a provider and by the model's name there.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::price::Price;

/// The prices of models, by provider and by the model's name at the provider.
///
/// What is said of one provider comes before what is said of all: a model that is free on one's own machine is not priced by a public list.
/// Within that, an exact name comes before any prefix, and a longer prefix before a shorter one.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    of_provider: BTreeMap<String, Models>,
    of_any: Models,
}

/// A price and what it is the price of.
#[derive(Clone, Debug)]
pub struct Entry {
    /// A model's name at its provider, or a prefix followed by `*`.
    pub pattern: String,
    /// The provider; none where it is the price at every provider.
    pub provider: Option<String>,
    /// The price.
    pub price: Price,
}

/// Two entries say the price of the same models at the same provider; by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {second} has the pattern and the provider of entry {first}")]
pub struct Duplicate {
    /// The one that would be found.
    pub first: usize,
    /// The one that never would.
    pub second: usize,
}

/// No price is known of a model. Whether its requests are refused, or pass without being charged, is the caller's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no price is known")]
pub struct Unpriced;

impl Prices {
    /// The table of these entries, whatever their order.
    ///
    /// # Errors
    ///
    /// Every entry that repeats another.
    pub fn new(entries: Vec<Entry>) -> Result<Self, Vec<Duplicate>> {
        let mut prices = Self::default();
        let mut seen = BTreeMap::new();
        let mut duplicates = Vec::new();
        for (number, Entry { pattern, provider, price }) in entries.into_iter().enumerate() {
            let first = *seen.entry((provider.clone(), pattern.clone())).or_insert(number);
            if first != number {
                duplicates.push(Duplicate { first, second: number });
                continue;
            }
            let models = match provider {
                Some(provider) => prices.of_provider.entry(provider).or_default(),
                None => &mut prices.of_any,
            };
            models.add(pattern, price);
        }
        prices.of_provider.values_mut().for_each(Models::sort);
        prices.of_any.sort();
        if duplicates.is_empty() { Ok(prices) } else { Err(duplicates) }
    }

    /// The price of that model at that provider.
    ///
    /// # Errors
    ///
    /// [`Unpriced`] where no entry matches.
    pub fn of(&self, provider: &str, model: &str) -> Result<&Price, Unpriced> {
        let own = self.of_provider.get(provider).and_then(|models| models.find(model));
        own.or_else(|| self.of_any.find(model)).ok_or(Unpriced)
    }

    /// Whether there is no price at all.
    pub fn is_empty(&self) -> bool {
        self.of_provider.is_empty() && self.of_any.exact.is_empty() && self.of_any.prefixes.is_empty()
    }
}

/// Prices by patterns.
#[derive(Clone, Debug, Default)]
struct Models {
    exact: BTreeMap<String, Price>,
    /// Without their `*`, the longest first.
    prefixes: Vec<(String, Price)>,
}

impl Models {
    fn add(&mut self, pattern: String, price: Price) {
        match pattern.strip_suffix('*') {
            Some(prefix) => self.prefixes.push((prefix.to_owned(), price)),
            None => {
                self.exact.insert(pattern, price);
            }
        }
    }

    fn sort(&mut self) {
        self.prefixes.sort_by_key(|(prefix, _)| Reverse(prefix.len()));
    }

    fn find(&self, model: &str) -> Option<&Price> {
        let prefix = || self.prefixes.iter().find(|(prefix, _)| model.starts_with(prefix.as_str()));
        self.exact.get(model).or_else(|| prefix().map(|(_, price)| price))
    }
}
