//! Lists of prices: whatever the list, no panic, and what it is converted to is taken by the filter and says the same once more.

#![no_main]

use ai_filters::price_list::{Wanted, import};
use config::GatewayConfig;
use libfuzzer_sys::fuzz_target;
use llm_api::Usage;

/// The filter takes no configuration of more than a megabyte.
const LARGEST: usize = 1 << 19;

fuzz_target!(|data: &[u8]| {
    let Ok(found) = import(data, &Wanted::default()) else { return };
    let section = found.section();
    assert_eq!(import(data, &Wanted::default()).map(|again| again.section()).ok(), Some(section.clone()));
    if section.len() > LARGEST {
        return;
    }
    let json = section.replacen('{', r#"{"models": [{"name": "*"}],"#, 1);
    let config = GatewayConfig::parse(json.as_bytes(), &|_| None)
        .unwrap_or_else(|problems| panic!("{problems}\n{json}"));
    let usage =
        Usage { input: 3, cache_read: 5, cache_write_5m: 7, cache_write_1h: 11, output: 13, reasoning: 17 };
    for listed in &found.prices {
        let price = pricing::Price::new(listed.rates, listed.tiers.clone(), listed.per_request);
        let read = config.prices.of(&listed.provider, &listed.model).map(|price| price.cost(&usage));
        assert_eq!(read.ok(), price.map(|price| price.cost(&usage)).ok());
    }
});
