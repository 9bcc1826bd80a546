//! Which entry's price a model has.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use pricing::{Duplicate, Entry, MicroDollars, Price, Prices, Rates, Unpriced};

/// An entry that is recognised by its fee.
fn entry(pattern: &str, provider: Option<&str>, fee: u64) -> Entry {
    let price = Price::new(Rates::default(), Vec::new(), MicroDollars(fee)).unwrap();
    Entry { pattern: pattern.to_owned(), provider: provider.map(str::to_owned), price }
}

fn fee(prices: &Prices, provider: &str, model: &str) -> Result<u64, Unpriced> {
    prices.of(provider, model).map(|price| price.cost(&llm_api::Usage::default()).0)
}

#[test]
fn the_most_specific_entry_counts_whatever_the_order() {
    let entries = [
        entry("gpt-4o*", None, 1),
        entry("gpt-4o", None, 2),
        entry("gpt-*", None, 3),
        entry("gpt-4o-mini*", None, 4),
        entry("gpt-*", Some("house"), 5),
        entry("*", Some("local"), 0),
    ];
    let mut backwards = entries.to_vec();
    backwards.reverse();
    for entries in [entries.to_vec(), backwards] {
        let prices = Prices::new(entries).unwrap();
        assert!(!prices.is_empty());
        for (provider, model, expected) in [
            ("openai", "gpt-4o", Ok(2)),
            ("openai", "gpt-4o-2024-11-20", Ok(1)),
            ("openai", "gpt-4o-mini", Ok(4)),
            ("openai", "gpt-5", Ok(3)),
            ("openai", "GPT-4o", Err(Unpriced)),
            ("openai", "claude-3-opus", Err(Unpriced)),
            ("openai", "", Err(Unpriced)),
            // What is said of a provider counts before what is said of all, however exact that is.
            ("house", "gpt-4o", Ok(5)),
            ("house", "claude-3-opus", Err(Unpriced)),
            ("local", "gpt-4o", Ok(0)),
        ] {
            assert_eq!(fee(&prices, provider, model), expected, "{provider} {model}");
        }
    }
}

#[test]
fn an_empty_table_prices_nothing() {
    let prices = Prices::default();
    assert!(prices.is_empty());
    assert_eq!(fee(&prices, "openai", "gpt-4o"), Err(Unpriced));
}

#[test]
fn repeated_entries_are_all_told() {
    let entries = vec![
        entry("a", None, 0),
        entry("a*", None, 0),
        entry("a", Some("p"), 0),
        entry("a", None, 1),
        entry("a", Some("p"), 1),
        entry("a", None, 2),
    ];
    let duplicates = Prices::new(entries).unwrap_err();
    let pairs = [(0, 3), (2, 4), (0, 5)].map(|(first, second)| Duplicate { first, second });
    assert_eq!(duplicates, pairs);
}
