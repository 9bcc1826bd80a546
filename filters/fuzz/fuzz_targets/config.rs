//! Both configurations: any text is accepted or refused with problems that each say where and what to do, and no key is ever shown.

#![no_main]

use config::{GatewayConfig, ProviderConfig};
use libfuzzer_sys::fuzz_target;

/// What every environment variable holds. An input that says it itself proves nothing.
const CANARY: &str = "canary-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789";

fuzz_target!(|data: &[u8]| {
    match GatewayConfig::parse(data, &|_| Some(CANARY.to_owned())) {
        Ok(config) => {
            for (name, _) in config.models.listed() {
                assert!(config.models.resolve(name).is_some());
            }
        }
        Err(problems) => {
            assert!(problems.iter().all(|problem| !problem.path.is_empty() && !problem.hint.is_empty()))
        }
    }
    let said = match ProviderConfig::parse(data, &|_| Some(CANARY.to_owned())) {
        Ok(config) => format!("{config:?}"),
        Err(problems) => format!("{problems} {problems:?}"),
    };
    assert!(!said.contains(CANARY) || data.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()));
});
