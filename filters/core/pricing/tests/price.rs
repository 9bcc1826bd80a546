//! One model's price: against exact arithmetic, against its own bound, and the examples that providers publish.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on, or cannot reckon, says so by panicking"
)]

use llm_api::Usage;
use pricing::{CacheWrites, Class, MicroDollars, Price, PriceProblem, Rates, Tier, TokenPrice};
use proptest::prelude::*;

const WRITES: [CacheWrites; 3] = [CacheWrites::None, CacheWrites::FiveMinutes, CacheWrites::OneHour];

fn dollars(text: &str) -> TokenPrice {
    TokenPrice::per_million(text).unwrap()
}

/// Claude Sonnet 4.5 as Anthropic priced it when it came: dearer as a whole above 200,000 tokens of prompt.
fn sonnet() -> Price {
    let rates = |input, cached, write_5m, write_1h, output| Rates {
        input: dollars(input),
        cached_input: Some(dollars(cached)),
        cache_write_5m: Some(dollars(write_5m)),
        cache_write_1h: Some(dollars(write_1h)),
        output: dollars(output),
        reasoning: None,
    };
    let tier = Tier { above: 200_000, rates: rates("6", "0.60", "7.50", "12", "22.50") };
    Price::new(rates("3", "0.30", "3.75", "6", "15"), vec![tier], MicroDollars::ZERO).unwrap()
}

fn flat(input: &str, output: &str) -> Price {
    let rates = Rates { input: dollars(input), output: dollars(output), ..Rates::default() };
    Price::new(rates, Vec::new(), MicroDollars::ZERO).unwrap()
}

#[test]
fn each_class_has_its_price() {
    let usage = Usage {
        input: 1_000,
        cache_read: 10_000,
        cache_write_5m: 2_000,
        cache_write_1h: 3_000,
        output: 400,
        reasoning: 600,
    };
    // 3,000 + 3,000 + 7,500 + 18,000 + 6,000 + 9,000 micro-dollars.
    assert_eq!(sonnet().cost(&usage), MicroDollars(46_500));
}

#[test]
fn the_whole_request_is_charged_at_the_tier_of_its_prompt() {
    let usage = |cache_read| Usage { input: 100_000, cache_read, output: 1_000, ..Usage::default() };
    assert_eq!(sonnet().cost(&usage(100_000)), MicroDollars(300_000 + 30_000 + 15_000));
    // One token more: rounded up from 682,500.6.
    assert_eq!(sonnet().cost(&usage(100_001)), MicroDollars(682_501));
}

#[test]
fn a_cost_is_rounded_once_and_upwards() {
    let price = flat("0.30", "0.30");
    let usage = |input, output| Usage { input, output, ..Usage::default() };
    assert_eq!(price.cost(&usage(1, 0)), MicroDollars(1));
    // 0.9 and not 1 + 1 + 1.
    assert_eq!(price.cost(&usage(1, 2)), MicroDollars(1));
    assert_eq!(price.cost(&usage(10, 0)), MicroDollars(3));
    assert_eq!(price.cost(&usage(10, 1)), MicroDollars(4));
}

#[test]
fn a_free_model_costs_nothing_and_never_blocks() {
    let price = flat("0", "0");
    let usage = Usage { input: u64::MAX, output: u64::MAX, ..Usage::default() };
    assert_eq!(price.cost(&usage), MicroDollars::ZERO);
    for writes in WRITES {
        assert_eq!(price.at_most(u64::MAX, u64::MAX, writes), MicroDollars::ZERO);
        assert_eq!(price.completion_within(MicroDollars::ZERO, u64::MAX, writes), Some(u64::MAX));
    }
}

#[test]
fn a_request_has_its_own_fee() {
    let price = Price::new(Rates::default(), Vec::new(), MicroDollars(5_000)).unwrap();
    assert_eq!(price.cost(&Usage::default()), MicroDollars(5_000));
    assert_eq!(price.at_most(0, 0, CacheWrites::None), MicroDollars(5_000));
    assert_eq!(price.completion_within(MicroDollars(4_999), 0, CacheWrites::None), None);
    assert_eq!(price.completion_within(MicroDollars(5_000), 0, CacheWrites::None), Some(u64::MAX));
}

#[test]
fn the_bound_reckons_with_what_may_be_written_to_a_cache() {
    for (writes, expected) in
        [(CacheWrites::None, 3_000), (CacheWrites::FiveMinutes, 3_750), (CacheWrites::OneHour, 6_000)]
    {
        assert_eq!(sonnet().at_most(1_000, 0, writes), MicroDollars(expected));
        assert_eq!(sonnet().completion_within(MicroDollars(expected + 150), 1_000, writes), Some(10));
    }
}

#[test]
fn what_is_not_stated_costs_what_is_more_general() {
    let price = flat("1", "2");
    for class in Class::ALL {
        let tokens = |of| if class == of { 7 } else { 0 };
        let usage = Usage {
            input: tokens(Class::Input),
            cache_read: tokens(Class::CachedInput),
            cache_write_5m: tokens(Class::CacheWrite5m),
            cache_write_1h: tokens(Class::CacheWrite1h),
            output: tokens(Class::Output),
            reasoning: tokens(Class::Reasoning),
        };
        let generated = matches!(class, Class::Output | Class::Reasoning);
        assert_eq!(price.cost(&usage), MicroDollars(if generated { 14 } else { 7 }), "{class:?}");
    }
    let rates = Rates { input: dollars("1"), cache_write_5m: Some(dollars("4")), ..Rates::default() };
    let price = Price::new(rates, Vec::new(), MicroDollars::ZERO).unwrap();
    assert_eq!(price.cost(&Usage { cache_write_1h: 7, ..Usage::default() }), MicroDollars(28));
}

#[test]
fn every_problem_of_a_price_is_found() {
    let rates = Rates {
        input: dollars("3"),
        cached_input: Some(dollars("4")),
        output: dollars("15"),
        ..Rates::default()
    };
    let tier = |above, input, cached: Option<&str>| Tier {
        above,
        rates: Rates { input: dollars(input), cached_input: cached.map(dollars), ..rates },
    };
    let tiers = vec![tier(0, "6", Some("4")), tier(0, "2", None)];
    let problems = Price::new(rates, tiers, MicroDollars::ZERO).unwrap_err();
    assert_eq!(
        problems,
        [
            PriceProblem::CachedAboveInput { tier: None },
            PriceProblem::NotAscending { tier: 0 },
            PriceProblem::NotAscending { tier: 1 },
            PriceProblem::Cheaper { tier: 1, class: Class::Input },
            PriceProblem::Unstated { tier: 1, class: Class::CachedInput },
        ]
    );
}

/// Any price at all: small and large units, classes left out, thresholds anywhere.
fn prices() -> impl Strategy<Value = Price> {
    let picodollars = || prop_oneof![Just(0), 0..10_000_u64, 0..=TokenPrice::MOST.attodollars()];
    let token = move || picodollars().prop_map(at);
    let maybe = move || proptest::option::of(token());
    let rates = (token(), 0..=1_000_u64, any::<bool>(), maybe(), maybe(), token(), maybe());
    let rates =
        rates.prop_map(|(input, permille, cached, cache_write_5m, cache_write_1h, output, reasoning)| {
            let cached_input = cached.then(|| at(share(input.attodollars(), permille)));
            Rates { input, cached_input, cache_write_5m, cache_write_1h, output, reasoning }
        });
    let thresholds = proptest::collection::btree_set(prop_oneof![1..1_000_u64, 1..=u64::MAX], 0..3);
    let rises = proptest::collection::vec(0..=2_000_u64, 3);
    (rates, thresholds, rises, prop_oneof![Just(0), 0..10_u64, any::<u64>()]).prop_map(
        |(rates, thresholds, rises, fee)| {
            let mut below = rates;
            let tiers = thresholds.into_iter().zip(rises).map(|(above, rise)| {
                let risen = |price: TokenPrice| {
                    at((price.attodollars() + share(price.attodollars(), rise))
                        .min(TokenPrice::MOST.attodollars()))
                };
                below = Rates {
                    input: risen(below.input),
                    cached_input: below.cached_input.map(risen),
                    cache_write_5m: below.cache_write_5m.map(risen),
                    cache_write_1h: below.cache_write_1h.map(risen),
                    output: risen(below.output),
                    reasoning: below.reasoning.map(risen),
                };
                Tier { above, rates: below }
            });
            Price::new(rates, tiers.collect(), MicroDollars(fee)).unwrap()
        },
    )
}

/// The price of that many attodollars a token.
fn at(attodollars: u64) -> TokenPrice {
    dollars(&format!("{attodollars}e-12"))
}

fn share(of: u64, permille: u64) -> u64 {
    u64::try_from(u128::from(of) * u128::from(permille) / 1_000).unwrap()
}

/// Any usage whose sums fit: small ones, and ones at the very top.
fn usages() -> impl Strategy<Value = Usage> {
    let small = proptest::array::uniform6(0..1_000_u64);
    let any = proptest::array::uniform6(0..=u64::MAX / 8);
    prop_oneof![small, any].prop_map(usage)
}

/// The exact cost by schoolbook arithmetic over what the price shows of itself: rounded up, at most `u64::MAX`.
fn exact(rates: &Rates, fee: u64, usage: &Usage) -> u64 {
    let class = |tokens: u64, price: TokenPrice| u128::from(tokens) * u128::from(price.attodollars());
    let input = rates.input;
    let write_5m = rates.cache_write_5m.unwrap_or(input);
    let sum = class(usage.input, input)
        + class(usage.cache_read, rates.cached_input.unwrap_or(input))
        + class(usage.cache_write_5m, write_5m)
        + class(usage.cache_write_1h, rates.cache_write_1h.unwrap_or(write_5m))
        + class(usage.output, rates.output)
        + class(usage.reasoning, rates.reasoning.unwrap_or(rates.output))
        + u128::from(fee) * 1_000_000_000_000;
    let whole = sum / 1_000_000_000_000;
    u64::try_from(if sum % 1_000_000_000_000 == 0 { whole } else { whole + 1 }).unwrap_or(u64::MAX)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cost_is_the_exact_sum_rounded_up(
        (low, high) in (prices_of_rates(), prices_of_rates()),
        above in 1..5_000_u64,
        fee in any::<u64>(),
        usage in usages(),
    ) {
        let dearer = |low: TokenPrice, high: TokenPrice| low.max(high);
        let high = Rates {
            input: dearer(low.input, high.input),
            cached_input: low.cached_input,
            cache_write_5m: low.cache_write_5m.map(|price| dearer(price, high.input)),
            cache_write_1h: low.cache_write_1h.map(|price| dearer(price, high.output)),
            output: dearer(low.output, high.output),
            reasoning: low.reasoning,
        };
        let price = Price::new(low, vec![Tier { above, rates: high }], MicroDollars(fee)).unwrap();
        let rates = if usage.prompt() > above { &high } else { &low };
        prop_assert_eq!(price.cost(&usage).0, exact(rates, fee, &usage));
    }

    #[test]
    fn no_answer_within_the_bound_costs_more(price in prices(), usage in usages(), spare in 0..1_000_u64) {
        let (prompt, completion) = (usage.prompt(), usage.completion());
        for writes in WRITES {
            let mut allowed = usage;
            if writes != CacheWrites::OneHour {
                allowed.input += std::mem::take(&mut allowed.cache_write_1h);
            }
            if writes == CacheWrites::None {
                allowed.input += std::mem::take(&mut allowed.cache_write_5m);
            }
            prop_assert_eq!((allowed.prompt(), allowed.completion()), (prompt, completion));
            prop_assert!(price.cost(&allowed) <= price.at_most(prompt, completion, writes));
            prop_assert!(price.cost(&allowed) <= price.at_most(prompt + spare, completion + spare, writes));
        }
    }

    #[test]
    fn more_tokens_never_cost_less(price in prices(), usage in usages(), more in usages()) {
        let add = |class, to: &Usage| {
            let by = |of| if class == of { Class::tokens(of, &more) } else { 0 };
            Usage {
                input: to.input + by(Class::Input),
                cache_read: to.cache_read + by(Class::CachedInput),
                cache_write_5m: to.cache_write_5m + by(Class::CacheWrite5m),
                cache_write_1h: to.cache_write_1h + by(Class::CacheWrite1h),
                output: to.output + by(Class::Output),
                reasoning: to.reasoning + by(Class::Reasoning),
            }
        };
        for class in Class::ALL {
            prop_assert!(price.cost(&usage) <= price.cost(&add(class, &usage)), "{:?}", class);
        }
        let (prompt, completion) = (usage.prompt(), usage.completion());
        for writes in WRITES {
            let bound = price.at_most(prompt, completion, writes);
            prop_assert!(bound <= price.at_most(prompt + more.input, completion, writes));
            prop_assert!(bound <= price.at_most(prompt, completion + more.output, writes));
        }
    }

    #[test]
    fn the_longest_completion_is_the_longest(price in prices(), prompt in any::<u64>(), money in any::<u64>(), small in 0..100_000_u64) {
        for (prompt, money) in [(prompt, money), (small, money), (small, small), (prompt, u64::MAX)] {
            let money = MicroDollars(money);
            for writes in WRITES {
                match price.completion_within(money, prompt, writes) {
                    Some(tokens) => {
                        prop_assert!(price.at_most(prompt, tokens, writes) <= money);
                        if let Some(further) = tokens.checked_add(1) {
                            prop_assert!(price.at_most(prompt, further, writes) > money);
                        }
                    }
                    None => prop_assert!(price.at_most(prompt, 0, writes) > money),
                }
            }
        }
    }

    #[test]
    fn nothing_overflows(price in prices(), counts: [u64; 6]) {
        let all = usage(counts);
        for (number, class) in Class::ALL.into_iter().enumerate() {
            let mut alone = [0; 6];
            alone[number] = counts[number];
            prop_assert!(price.cost(&all) >= price.cost(&usage(alone)), "{:?}", class);
        }
    }
}

fn usage([input, cache_read, cache_write_5m, cache_write_1h, output, reasoning]: [u64; 6]) -> Usage {
    Usage { input, cache_read, cache_write_5m, cache_write_1h, output, reasoning }
}

/// Prices of tokens, none of them ordered but that a cached one is not above an uncached one.
fn prices_of_rates() -> impl Strategy<Value = Rates> {
    let token = || prop_oneof![0..10_000_u64, 0..=TokenPrice::MOST.attodollars()].prop_map(at);
    let maybe = move || proptest::option::of(token());
    (token(), maybe(), maybe(), maybe(), token(), maybe()).prop_map(
        |(input, cached_input, cache_write_5m, cache_write_1h, output, reasoning)| Rates {
            input,
            cached_input: cached_input.map(|cached| cached.min(input)),
            cache_write_5m,
            cache_write_1h,
            output,
            reasoning,
        },
    )
}
