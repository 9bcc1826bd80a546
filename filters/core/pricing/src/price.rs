//! One model's price: what an answer cost, what a request can cost at most, and how many tokens some money buys.

use llm_api::Usage;

use crate::money::{MicroDollars, TokenPrice};
use crate::rates::{Class, Rates};

/// How many attodollars, the unit of sums, are a micro-dollar, the unit of amounts.
const IN_A_MICRO_DOLLAR: u128 = 1_000_000_000_000;

/// What a model's requests cost.
///
/// A longer prompt never costs less, nor does any further token: that is checked here, and it makes [`Price::at_most`] a bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    rates: Rates,
    /// Ascending.
    tiers: Vec<Tier>,
    per_request: MicroDollars,
}

/// The prices of a request with a long prompt. They hold for all its tokens, not just for those beyond the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The longest prompt, in tokens of any class, that these prices do not hold for yet.
    pub above: u64,
    /// What its tokens cost.
    pub rates: Rates,
}

/// Which prompt tokens can be charged as written to a cache: as a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheWrites {
    /// None.
    None,
    /// All of them, to a cache that lives five minutes or as long as the provider likes.
    FiveMinutes,
    /// All of them, to a cache of either kind.
    OneHour,
}

/// What is wrong with the prices of one model. Tiers are told by their number, the first is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceProblem {
    /// A token read from a cache costs more than one that is not: the two have been mistaken for each other.
    #[error("`cached_input` costs more than `input`")]
    CachedAboveInput {
        /// The tier; none where it is the model's own prices.
        tier: Option<usize>,
    },
    /// Tiers do not ascend.
    #[error("the threshold is not above the one before it")]
    NotAscending {
        /// The later one.
        tier: usize,
    },
    /// A tier leaves out a price that is stated below it, so nobody knows whether it stays or rises with the others.
    #[error("`{}` is stated below this tier and not in it", class.name())]
    Unstated {
        /// The tier.
        tier: usize,
        /// What it leaves out.
        class: Class,
    },
    /// A longer prompt would be cheaper.
    #[error("`{}` costs less than below this tier", class.name())]
    Cheaper {
        /// The tier.
        tier: usize,
        /// What costs less.
        class: Class,
    },
}

impl Price {
    /// The price with these parts.
    ///
    /// # Errors
    ///
    /// Every problem, in the order of the tiers.
    pub fn new(rates: Rates, tiers: Vec<Tier>, per_request: MicroDollars) -> Result<Self, Vec<PriceProblem>> {
        let mut problems = Vec::new();
        if rates.of(Class::CachedInput) > rates.input {
            problems.push(PriceProblem::CachedAboveInput { tier: None });
        }
        let mut below = Tier { above: 0, rates };
        for (number, tier) in tiers.iter().enumerate() {
            if tier.above <= below.above {
                problems.push(PriceProblem::NotAscending { tier: number });
            }
            if tier.rates.of(Class::CachedInput) > tier.rates.input {
                problems.push(PriceProblem::CachedAboveInput { tier: Some(number) });
            }
            // A class that neither states costs what a more general one does, and that one is looked at.
            for class in Class::ALL {
                match (below.rates.stated(class), tier.rates.stated(class)) {
                    (Some(_), None) => problems.push(PriceProblem::Unstated { tier: number, class }),
                    (_, Some(price)) if price < below.rates.of(class) => {
                        problems.push(PriceProblem::Cheaper { tier: number, class });
                    }
                    _ => {}
                }
            }
            below = *tier;
        }
        if problems.is_empty() { Ok(Self { rates, tiers, per_request }) } else { Err(problems) }
    }

    /// What an answer with that usage cost: the exact sum, rounded up to a whole micro-dollar.
    pub fn cost(&self, usage: &Usage) -> MicroDollars {
        let rates = self.rates(usage.prompt());
        let tokens = Class::ALL.iter().map(|class| charge(class.tokens(usage), rates.of(*class)));
        rounded_up(tokens.fold(self.fee(), u128::saturating_add))
    }

    /// The most that a request can cost whose prompt and completion have no more tokens than these, whatever their classes.
    pub fn at_most(&self, prompt: u64, completion: u64, writes: CacheWrites) -> MicroDollars {
        let completion = charge(completion, self.completion_token(prompt));
        rounded_up(self.prompt(prompt, writes).saturating_add(completion))
    }

    /// The longest completion, in tokens, with which that money is enough for [`Price::at_most`]: `u64::MAX` where it is free, none
    /// where the money is not enough for the prompt alone.
    pub fn completion_within(&self, money: MicroDollars, prompt: u64, writes: CacheWrites) -> Option<u64> {
        // What saturates costs the largest amount, and that is then enough.
        if money.0 == u64::MAX {
            return Some(u64::MAX);
        }
        let left =
            u128::from(money.0).saturating_mul(IN_A_MICRO_DOLLAR).checked_sub(self.prompt(prompt, writes))?;
        let price = u128::from(self.completion_token(prompt).attodollars());
        Some(left.checked_div(price).and_then(|tokens| u64::try_from(tokens).ok()).unwrap_or(u64::MAX))
    }

    /// The prices of a request with a prompt of that many tokens.
    fn rates(&self, prompt: u64) -> &Rates {
        let tier = self.tiers.iter().rev().find(|tier| prompt > tier.above);
        tier.map_or(&self.rates, |tier| &tier.rates)
    }

    /// What is charged for the request and at most for that prompt, in attodollars.
    fn prompt(&self, tokens: u64, writes: CacheWrites) -> u128 {
        // A token read from a cache is not among them: it never costs more than one that is not.
        let classes: &[Class] = match writes {
            CacheWrites::None => &[Class::Input],
            CacheWrites::FiveMinutes => &[Class::Input, Class::CacheWrite5m],
            CacheWrites::OneHour => &[Class::Input, Class::CacheWrite5m, Class::CacheWrite1h],
        };
        self.fee().saturating_add(charge(tokens, self.rates(tokens).dearest(classes)))
    }

    /// The most that one token of the completion is charged.
    fn completion_token(&self, prompt: u64) -> TokenPrice {
        self.rates(prompt).dearest(&[Class::Output, Class::Reasoning])
    }

    /// What is charged for the request itself, in attodollars.
    fn fee(&self) -> u128 {
        u128::from(self.per_request.0).saturating_mul(IN_A_MICRO_DOLLAR)
    }
}

/// In attodollars. At most 2⁶⁴ × 10¹⁷, so that the seven parts of a cost are far below 2¹²⁸, and no sum of them saturates.
fn charge(tokens: u64, price: TokenPrice) -> u128 {
    u128::from(tokens).saturating_mul(u128::from(price.attodollars()))
}

/// The only rounding there is.
fn rounded_up(attodollars: u128) -> MicroDollars {
    MicroDollars(u64::try_from(attodollars.div_ceil(IN_A_MICRO_DOLLAR)).unwrap_or(u64::MAX))
}
