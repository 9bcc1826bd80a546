//! What ai-gateway's file means for prices: each amount exactly, tiers against each other, and no entry twice.

use pricing::{Class, Entry, MicroDollars, MoneyError, Price, PriceProblem, Prices, Rates, Tier, TokenPrice};

use crate::check::text;
use crate::place::{At, Field, Place};
use crate::problem::{Fault, Findings, quoted};
use crate::raw::counting::MOST_TOKENS;
use crate::raw::prices::{RawDollars, RawPrice, RawTier};
use crate::read::List;

/// The longest text of an amount that a message repeats: a longer one may be a pasted key.
const SAID: usize = 24;

/// The section, or no price at all where there is none.
pub(crate) fn prices(field: &Field<List<RawPrice>>, findings: &mut Findings) -> Option<Prices> {
    let list = match field {
        Field::Missing => return Some(Prices::default()),
        Field::Wrong => return None,
        Field::Given(list) => &list.value,
    };
    let known: Vec<(&RawPrice, Entry)> = list
        .items
        .iter()
        .filter_map(|At { place, value }| Some((value, entry(value, place, findings)?)))
        .collect();
    let complete = list.complete && known.len() == list.items.len();
    match Prices::new(known.iter().map(|(_, entry)| entry.clone()).collect()) {
        Ok(prices) => complete.then_some(prices),
        Err(duplicates) => {
            let pattern = |number: usize| known.get(number).and_then(|(raw, _)| raw.pattern.given());
            for duplicate in duplicates {
                if let (Some(first), Some(second)) = (pattern(duplicate.first), pattern(duplicate.second)) {
                    findings.report(&second.place, repeated(&second.value, &first.place));
                }
            }
            None
        }
    }
}

fn repeated(pattern: &str, first: &Place) -> Fault {
    Fault::new(
        format!("{} has a price at `{}` already", quoted(pattern), first.path()),
        "keep one of the two, or say in each which `provider` it is the price of",
    )
}

/// What one entry says, where nothing is wrong with it by itself.
fn entry(raw: &RawPrice, place: &Place, findings: &mut Findings) -> Option<Entry> {
    let pattern = raw.pattern.check(findings, |pattern| text::pattern(pattern));
    let provider = raw.provider.check_or(None, findings, |provider| text::provider(provider).map(Some));
    let base = Stated::from(raw);
    let rates = base.rates(findings);
    let per_request = raw.per_request.check_or(MicroDollars::ZERO, findings, |dollars| {
        MicroDollars::dollars(&dollars.0).map_err(|error| no_amount(dollars, error, "for one request"))
    });
    let raw_tiers: &[At<RawTier>] = raw.tiers.given().map_or(&[], |list| &list.value.items);
    let tiers = match &raw.tiers {
        Field::Missing => Some(Vec::new()),
        Field::Wrong => None,
        Field::Given(list) => {
            let known: Vec<Tier> = raw_tiers.iter().filter_map(|raw| tier(&raw.value, findings)).collect();
            (list.value.complete && known.len() == raw_tiers.len()).then_some(known)
        }
    };
    let price = Price::new(rates?, tiers?, per_request?).map_err(|problems| {
        for problem in problems {
            report(problem, At { place: place.clone(), value: &base }, raw_tiers, findings);
        }
    });
    Some(Entry { pattern: pattern?, provider: provider?, price: price.ok()? })
}

fn tier(raw: &RawTier, findings: &mut Findings) -> Option<Tier> {
    let above = raw.above_prompt_tokens.check(findings, |tokens| {
        if (1..=MOST_TOKENS).contains(tokens) {
            return Ok(*tokens);
        }
        Err(Fault::new(
            format!("{tokens} is not from 1 to {MOST_TOKENS}"),
            "write the longest prompt that still has the prices below, for example 200000",
        ))
    });
    let rates = Stated::from(raw).rates(findings);
    Some(Tier { above: above?, rates: rates? })
}

/// The prices of tokens that an entry or a tier states.
struct Stated<'a> {
    input: &'a Field<RawDollars>,
    cached_input: &'a Field<RawDollars>,
    cache_write_5m: &'a Field<RawDollars>,
    cache_write_1h: &'a Field<RawDollars>,
    output: &'a Field<RawDollars>,
    reasoning: &'a Field<RawDollars>,
}

impl<'a> Stated<'a> {
    fn rates(&self, findings: &mut Findings) -> Option<Rates> {
        let mut read = |field: &Field<RawDollars>| {
            field.check_or(None, findings, |dollars| {
                let price = TokenPrice::per_million(&dollars.0);
                price.map(Some).map_err(|error| no_amount(dollars, error, "for a million tokens"))
            })
        };
        let (input, cached_input) = (read(self.input), read(self.cached_input));
        let (cache_write_5m, cache_write_1h) = (read(self.cache_write_5m), read(self.cache_write_1h));
        let (output, reasoning) = (read(self.output), read(self.reasoning));
        Some(Rates {
            input: input??,
            cached_input: cached_input?,
            cache_write_5m: cache_write_5m?,
            cache_write_1h: cache_write_1h?,
            output: output??,
            reasoning: reasoning?,
        })
    }

    /// Where the price of that class stands.
    fn place(&self, class: Class) -> Option<&'a Place> {
        let field = match class {
            Class::Input => self.input,
            Class::CachedInput => self.cached_input,
            Class::CacheWrite5m => self.cache_write_5m,
            Class::CacheWrite1h => self.cache_write_1h,
            Class::Output => self.output,
            Class::Reasoning => self.reasoning,
        };
        field.given().map(|at| &at.place)
    }
}

impl<'a> From<&'a RawPrice> for Stated<'a> {
    fn from(raw: &'a RawPrice) -> Self {
        Self {
            input: &raw.input,
            cached_input: &raw.cached_input,
            cache_write_5m: &raw.cache_write_5m,
            cache_write_1h: &raw.cache_write_1h,
            output: &raw.output,
            reasoning: &raw.reasoning,
        }
    }
}

impl<'a> From<&'a RawTier> for Stated<'a> {
    fn from(raw: &'a RawTier) -> Self {
        Self {
            input: &raw.input,
            cached_input: &raw.cached_input,
            cache_write_5m: &raw.cache_write_5m,
            cache_write_1h: &raw.cache_write_1h,
            output: &raw.output,
            reasoning: &raw.reasoning,
        }
    }
}

/// What is wrong with an amount of dollars for that.
fn no_amount(dollars: &RawDollars, error: MoneyError, unit: &str) -> Fault {
    let said = if (1..=SAID).contains(&dollars.0.len()) {
        format!("{} ", quoted(&dollars.0))
    } else {
        String::new()
    };
    let hint = match error {
        MoneyError::Fine { .. } => "round it up".to_owned(),
        MoneyError::Large => format!("write the dollars {unit}"),
        MoneyError::Number(pricing::DecimalError::Negative) => "write 0 for what costs nothing".to_owned(),
        MoneyError::Number(_) => format!("write the dollars {unit} in digits alone: 2.50"),
    };
    Fault::new(format!("{said}{error}"), hint)
}

/// Puts a problem of a price where its cause stands.
fn report(problem: PriceProblem, base: At<&Stated<'_>>, tiers: &[At<RawTier>], findings: &mut Findings) {
    let tier = |number: usize| tiers.get(number);
    let in_tier = |number: usize, class| {
        let tier = tier(number)?;
        Some(Stated::from(&tier.value).place(class).unwrap_or(&tier.place).clone())
    };
    let message = problem.to_string();
    let (place, fault) = match problem {
        PriceProblem::CachedAboveInput { tier } => {
            let place = match tier {
                Some(number) => in_tier(number, Class::CachedInput),
                None => base.value.place(Class::CachedInput).cloned(),
            };
            (place, Fault::new(message, "a cache makes prompts cheaper: are the two exchanged?"))
        }
        PriceProblem::NotAscending { tier: number } => {
            let place = tier(number).and_then(|tier| tier.value.above_prompt_tokens.given());
            let fault = Fault::new(message, "list the tiers from the shortest prompts to the longest");
            (place.map(|at| at.place.clone()), fault)
        }
        PriceProblem::Unstated { tier: number, class } => {
            let hint =
                "add it: the price of these longer prompts, or the same as below where it does not change";
            (tier(number).map(|tier| tier.place.missing(class.name())), Fault::new(message, hint))
        }
        PriceProblem::Cheaper { tier: number, class } => {
            let hint = "longer prompts cost as much or more: are two tiers or two prices exchanged?";
            (in_tier(number, class), Fault::new(message, hint))
        }
    };
    findings.report(&place.unwrap_or(base.place), fault);
}
