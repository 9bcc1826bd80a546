//! One model of the list: its fields into a price, or the reason why there is none.

use std::collections::BTreeMap;

use pricing::{Class, MicroDollars, MoneyError, Price, Rates, Tier, TokenPrice};

use super::cost::{self, Field};
use super::note::{Note, Skipped};
use super::{ListedPrice, Object, text};

/// Modes whose requests are paid for by the token.
const BY_TOKENS: [&str; 4] = ["chat", "completion", "responses", "embedding"];
/// Providers whose dearer prices begin at the threshold that the list calls "above": LiteLLM keeps the same exception in its code.
const INCLUSIVE_THRESHOLDS: [&str; 1] = ["xai"];
/// The longest names of a model and of a provider that a configuration takes, in bytes.
const LONGEST_NAMES: (usize, usize) = (256, 128);

/// A price, and what is to be said of it.
pub(super) struct Converted {
    pub(super) price: ListedPrice,
    pub(super) notes: Vec<Note>,
    pub(super) has_other_tariffs: bool,
}

/// Prices by class, as far as the list has them.
type Costs = BTreeMap<Class, TokenPrice>;

/// Converts a model's fields.
pub(super) fn price(
    provider: String,
    model: &str,
    listed_provider: &str,
    fields: &Object,
) -> Result<Converted, Skipped> {
    let mode = text(fields, "mode");
    if let Some(mode) = mode.as_deref().filter(|mode| !BY_TOKENS.contains(mode)) {
        return Err(Skipped::Mode(
            mode.chars().filter(|character| !character.is_control()).take(40).collect(),
        ));
    }
    if !is_configurable(&provider, model) {
        return Err(Skipped::Name);
    }
    if fields.contains_key("tiered_pricing") {
        return Err(Skipped::Unread("tiered_pricing"));
    }
    let mut read = Read::default();
    for (name, raw) in fields.iter().filter(|(_, raw)| raw.get() != "null") {
        read.field(name, raw.get(), INCLUSIVE_THRESHOLDS.contains(&listed_provider))?;
    }
    // What an embedding generates is no tokens.
    if mode.as_deref() == Some("embedding") {
        read.costs.entry(Class::Output).or_insert(TokenPrice::FREE);
    }
    let rates = rates(&read.costs)?;
    let tiers = read.tiers(rates)?;
    Price::new(rates, tiers.clone(), read.per_request).map_err(Skipped::Problems)?;
    let mut notes = read.notes;
    if !read.left_out.is_empty() {
        notes.push(Note::LeftOut { fields: read.left_out });
    }
    let free = Class::ALL.iter().all(|class| rates.of(*class) == TokenPrice::FREE);
    if free && tiers.is_empty() && read.per_request == MicroDollars::ZERO {
        notes.push(Note::Free);
    }
    let price =
        ListedPrice { provider, model: model.to_owned(), rates, tiers, per_request: read.per_request };
    Ok(Converted { price, notes, has_other_tariffs: read.has_other_tariffs })
}

/// What a model's fields have said so far.
#[derive(Default)]
struct Read {
    costs: Costs,
    /// By threshold.
    above: BTreeMap<u64, Costs>,
    per_request: MicroDollars,
    left_out: Vec<String>,
    has_other_tariffs: bool,
    notes: Vec<Note>,
}

impl Read {
    fn field(&mut self, name: &str, raw: &str, threshold_is_inclusive: bool) -> Result<(), Skipped> {
        match Field::of(name) {
            Field::Token(class) => {
                let cost = self.cost(name, raw)?;
                self.costs.insert(class, cost);
            }
            Field::TokenAbove(class, threshold) => {
                let cost = self.cost(name, raw)?;
                let above = threshold.saturating_sub(u64::from(threshold_is_inclusive));
                self.above.entry(above).or_default().insert(class, cost);
            }
            Field::Request => {
                self.per_request = MicroDollars::dollars(raw).map_err(|error| no_amount(name, error))?;
            }
            Field::OtherTariff => self.has_other_tariffs = true,
            Field::OtherCost if is_zero(raw) => {}
            Field::OtherCost => self.left_out.push(name.to_owned()),
            Field::NoCost => {}
        }
        Ok(())
    }

    fn cost(&mut self, name: &str, raw: &str) -> Result<TokenPrice, Skipped> {
        let price = TokenPrice::of_one_rounded_up(raw).map_err(|error| no_amount(name, error))?;
        if !price.is_exactly(raw) {
            self.notes.push(Note::RoundedUp { field: name.to_owned(), given: raw.to_owned() });
        }
        Ok(price)
    }

    /// The tiers. A class that a tier does not name stays what it was below, as LiteLLM reckons too, but a token that is written to a cache
    /// does not cost less than one that is not, nor a thought less than what is said.
    fn tiers(&mut self, base: Rates) -> Result<Vec<Tier>, Skipped> {
        let mut below = base;
        let mut tiers = Vec::with_capacity(self.above.len());
        for (above, named) in &self.above {
            let mut costs = named.clone();
            for class in Class::ALL {
                let (Some(stays), false) = (below.stated(class), costs.contains_key(&class)) else {
                    continue;
                };
                let least = match class {
                    Class::Input | Class::CachedInput | Class::Output => None,
                    Class::CacheWrite5m => costs.get(&Class::Input),
                    Class::CacheWrite1h => costs.get(&Class::CacheWrite5m).or(costs.get(&Class::Input)),
                    Class::Reasoning => costs.get(&Class::Output),
                };
                let price = least.copied().map_or(stays, |least| least.max(stays));
                self.notes.push(Note::Unnamed { above: *above, class, price });
                costs.insert(class, price);
            }
            below = rates(&costs)?;
            tiers.push(Tier { above: *above, rates: below });
        }
        Ok(tiers)
    }
}

fn rates(costs: &Costs) -> Result<Rates, Skipped> {
    let required = |class| costs.get(&class).copied().ok_or(Skipped::Incomplete(cost::name(class)));
    let stated = |class| costs.get(&class).copied();
    Ok(Rates {
        input: required(Class::Input)?,
        cached_input: stated(Class::CachedInput),
        cache_write_5m: stated(Class::CacheWrite5m),
        cache_write_1h: stated(Class::CacheWrite1h),
        output: required(Class::Output)?,
        reasoning: stated(Class::Reasoning),
    })
}

fn no_amount(field: &str, error: MoneyError) -> Skipped {
    Skipped::NoAmount { field: field.to_owned(), error: error.to_string() }
}

fn is_zero(raw: &str) -> bool {
    MicroDollars::dollars(raw) == Ok(MicroDollars::ZERO)
}

/// Whether these can stand in the filters' configuration.
fn is_configurable(provider: &str, model: &str) -> bool {
    let in_provider =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'/' | b'-');
    let (longest_model, longest_provider) = LONGEST_NAMES;
    let provider_fits = (1..=longest_provider).contains(&provider.len()) && provider.bytes().all(in_provider);
    let model_fits = (1..=longest_model).contains(&model.len())
        && !model.contains(|character: char| character.is_control() || character == '*')
        && model.trim() == model;
    provider_fits && model_fits
}
