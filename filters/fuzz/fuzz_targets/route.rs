//! AIGatewayRoute files and what is imported into them: any bytes are understood or refused with problems that each say where and what to
//! do; what is understood is rendered, the same twice, and taken by the filters.

#![no_main]

use ai_filters::import::{envoy_ai_gateway, litellm};
use ai_filters::render::{ComposeFiles, EnvoyVersion, bootstrap, compose, gateway_config, provider_configs};
use ai_filters::route::{explain, read};
use config::{GatewayConfig, ProviderConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for envoy in [EnvoyVersion::OLDEST, EnvoyVersion::PRIORITY_GROUP] {
        match read("fuzz", data, envoy) {
            Err(found) => {
                assert!(found.iter().count() > 0);
                assert!(found.iter().all(|finding| !finding.path.is_empty() && !finding.hint.is_empty()));
            }
            Ok(understood) => {
                let router = understood.router;
                assert_eq!(bootstrap(&router), bootstrap(&router));
                let files = ComposeFiles { bootstrap: "./envoy.yaml".to_owned(), modules: "./wasm".to_owned() };
                assert!(compose(&router, &files).ends_with('\n'));
                assert!(explain(&router, router.model.as_str(), None).is_some());
                let set = |_: &str| Some("set".repeat(16));
                assert!(GatewayConfig::parse(gateway_config(&router).as_bytes(), &set).is_ok());
                for text in provider_configs(&router) {
                    assert!(ProviderConfig::parse(text.as_bytes(), &set).is_ok(), "{text}");
                }
            }
        }
    }
    for imported in [litellm(data), envoy_ai_gateway(data)].into_iter().flatten() {
        // What could not be named as we name things is refused when it is read; it never breaks the YAML.
        let _ = read("imported", imported.yaml.as_bytes(), EnvoyVersion::default());
    }
});
