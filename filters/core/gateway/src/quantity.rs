//! What a request may come to cost and what it did cost, in each unit that a budget can count.

use budget::{Amount, Ask};
use config::{Unit, Weights};
use llm_api::Usage;
use pricing::{CacheWrites, MicroDollars, Price};

/// What is expected of a request at most, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Of its prompt.
    pub(crate) prompt: u64,
    /// Of its answer, all choices together.
    pub(crate) completion: u64,
}

/// The prices at which a request may come to be served, of which the dearest counts.
#[derive(Clone, Debug)]
pub(crate) struct PossiblePrices<'a> {
    pub(crate) prices: Vec<&'a Price>,
    pub(crate) writes: CacheWrites,
}

impl Expected {
    /// Both together.
    pub(crate) const fn total(self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }

    /// What a budget in that unit is asked for.
    pub(crate) fn ask(self, unit: Unit, prices: &PossiblePrices<'_>) -> Ask {
        let (prompt, rest) = match unit {
            Unit::Tokens => (self.prompt, self.completion),
            Unit::Input => (self.prompt, 0),
            Unit::Output => (0, self.completion),
            Unit::Weighted(weights) => (
                weighted(self.prompt, weights.dearest_input()),
                weighted(self.completion, weights.dearest_output()),
            ),
            Unit::Requests => (1, 0),
            Unit::MicroDollars => {
                let prompt = prices.at_most(self.prompt, 0);
                (prompt, prices.at_most(self.prompt, self.completion).saturating_sub(prompt))
            }
        };
        Ask { prompt: Amount(prompt), rest: Amount(rest) }
    }
}

impl PossiblePrices<'_> {
    fn at_most(&self, prompt: u64, completion: u64) -> u64 {
        self.prices.iter().map(|price| price.at_most(prompt, completion, self.writes).0).max().unwrap_or(0)
    }

    fn completion_within(&self, money: u64, prompt: u64) -> Option<u64> {
        let fitting =
            self.prices.iter().map(|price| price.completion_within(MicroDollars(money), prompt, self.writes));
        fitting.min().unwrap_or(Some(u64::MAX))
    }
}

/// The longest completion, in tokens, with which a request fits into what a budget has left; `None` where its prompt alone does not.
pub(crate) fn completion_within(
    unit: Unit,
    left: Amount,
    prompt: u64,
    prices: &PossiblePrices<'_>,
) -> Option<u64> {
    let Amount(left) = left;
    match unit {
        Unit::Tokens => left.checked_sub(prompt),
        Unit::Input => left.checked_sub(prompt).map(|_| u64::MAX),
        Unit::Output => Some(left),
        Unit::Weighted(weights) => {
            let left = left.checked_sub(weighted(prompt, weights.dearest_input()))?;
            Some(left.saturating_mul(1_000).checked_div(weights.dearest_output()).unwrap_or(u64::MAX))
        }
        Unit::Requests => left.checked_sub(1).map(|_| u64::MAX),
        Unit::MicroDollars => prices.completion_within(left, prompt),
    }
}

/// What a request did cost. A model without a price costs no money.
pub(crate) fn amount(unit: Unit, usage: &Usage, price: Option<&Price>) -> Amount {
    Amount(match unit {
        Unit::Tokens => usage.total(),
        Unit::Input => usage.prompt(),
        Unit::Output => usage.completion(),
        Unit::Weighted(weights) => {
            let uncached = usage.prompt().saturating_sub(usage.cache_read);
            let parts = [
                (uncached, weights.input),
                (usage.cache_read, weights.cached),
                (usage.output, weights.output),
                (usage.reasoning, weights.reasoning),
            ];
            let sum = parts
                .into_iter()
                .map(|(tokens, weight)| u128::from(tokens).saturating_mul(u128::from(weight)));
            let sum = sum.fold(0, u128::saturating_add).div_ceil(1_000);
            u64::try_from(sum).unwrap_or(u64::MAX)
        }
        Unit::Requests => 1,
        Unit::MicroDollars => price.map_or(0, |price| price.cost(usage).0),
    })
}

trait Dearest {
    fn dearest_input(&self) -> u64;
    fn dearest_output(&self) -> u64;
}

impl Dearest for Weights {
    fn dearest_input(&self) -> u64 {
        self.input.max(self.cached)
    }

    fn dearest_output(&self) -> u64 {
        self.output.max(self.reasoning)
    }
}

/// So many tokens of a weight in thousandths, rounded up.
fn weighted(tokens: u64, permille: u64) -> u64 {
    let sum = u128::from(tokens).saturating_mul(u128::from(permille)).div_ceil(1_000);
    u64::try_from(sum).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pricing::{Rates, TokenPrice};
    use proptest::prelude::*;

    const WEIGHTS: Weights = Weights { input: 1_000, cached: 100, output: 3_000, reasoning: 5_000 };
    const UNITS: [Unit; 6] = [
        Unit::Tokens,
        Unit::Input,
        Unit::Output,
        Unit::Weighted(WEIGHTS),
        Unit::Requests,
        Unit::MicroDollars,
    ];

    fn price() -> Price {
        let per_million = |dollars| TokenPrice::per_million(dollars).unwrap();
        let rates = Rates { input: per_million("2.50"), output: per_million("10"), ..Rates::default() };
        Price::new(rates, Vec::new(), MicroDollars(7)).unwrap()
    }

    proptest! {
        /// What is reserved is never less than what a request within its expectation comes to cost, in any unit.
        #[test]
        fn a_reservation_covers_what_was_expected(
            input in 0..100_000_u64, cached in 0..100_000_u64, output in 0..100_000_u64, reasoning in 0..100_000_u64,
        ) {
            let usage = Usage { input, cache_read: cached, output, reasoning, ..Usage::default() };
            let expected = Expected { prompt: usage.prompt(), completion: usage.completion() };
            let price = price();
            let prices = PossiblePrices { prices: vec![&price], writes: CacheWrites::None };
            for unit in UNITS {
                let asked = expected.ask(unit, &prices).total();
                let cost = amount(unit, &usage, Some(&price));
                prop_assert!(cost <= asked, "{unit:?}: {cost} of {asked}");
            }
        }

        /// A completion that is said to fit does, and one token more does not.
        #[test]
        fn what_fits_fits_and_no_more(left in 0..1_000_000_u64, prompt in 0..100_000_u64) {
            let price = price();
            let prices = PossiblePrices { prices: vec![&price], writes: CacheWrites::None };
            for unit in UNITS {
                let asked = |completion| Expected { prompt, completion }.ask(unit, &prices).total();
                match completion_within(unit, Amount(left), prompt, &prices) {
                    None => prop_assert!(asked(0) > Amount(left), "{unit:?}"),
                    Some(u64::MAX) => prop_assert!(asked(1_000_000) <= Amount(left), "{unit:?}"),
                    Some(most) => {
                        prop_assert!(asked(most) <= Amount(left), "{unit:?}: {most}");
                        prop_assert!(asked(most.saturating_add(1)) > Amount(left), "{unit:?}: {most}");
                    }
                }
            }
        }
    }
}
