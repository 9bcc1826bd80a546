//! Decimals: what JSON calls a number is one, units are exact or rounded up, and what is shown reads as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pricing::{Decimal, DecimalError, MicroDollars, TokenPrice};
use serde_json::value::RawValue;

fuzz_target!(|text: &str| {
    let json = serde_json::from_str::<&RawValue>(text).is_ok_and(|value| value.get().len() == text.len())
        && text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let parsed = Decimal::parse(text);
    assert_eq!(parsed != Err(DecimalError::Malformed), json, "{text}");
    if let Ok(decimal) = parsed {
        for decimals in [0, 6, 12, 18] {
            match (decimal.exactly(decimals), decimal.rounded_up(decimals)) {
                (Ok(exact), rounded) => assert_eq!(rounded, Ok(exact)),
                (Err(DecimalError::Fine), Ok(rounded)) => {
                    assert!(rounded > 0);
                    let below = Decimal::parse(&format!("{}e-{decimals}", rounded - 1));
                    let up = Decimal::parse(&format!("{rounded}e-{decimals}"));
                    assert!(below != parsed && up != parsed);
                }
                (Err(error), Err(large)) => {
                    assert_eq!(large, DecimalError::Large);
                    assert!(matches!(error, DecimalError::Large | DecimalError::Fine));
                }
                (Err(error), Ok(_)) => panic!("{error}: {text}"),
            }
        }
    }
    if let Ok(price) = TokenPrice::per_million(text) {
        assert_eq!(TokenPrice::per_million(&price.to_string()), Ok(price));
        assert!(TokenPrice::of_one_rounded_up(text).is_err() || price.attodollars() < 1_000_000_000_000);
    }
    if let Ok(amount) = MicroDollars::dollars(text) {
        assert_eq!(MicroDollars::dollars(&amount.to_string()), Ok(amount));
    }
});
