//! Whatever the text: no panic, no key in a message, and models that resolve to what is configured.

use std::collections::BTreeMap;

use config::{GatewayConfig, ProviderConfig};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Values that look like the configuration's own, so that more than the outermost object is reached.
fn value() -> impl Strategy<Value = Value> {
    let words = [
        "models",
        "aliases",
        "name",
        "match",
        "model",
        "route",
        "targets",
        "provider",
        "providers",
        "api",
        "openai",
        "anthropic",
        "auth",
        "type",
        "api_key",
        "env",
        "KEY",
        "LINE_BREAK",
        "select",
        "host_metadata",
        "headers",
        "authority",
        "base_path",
        "/v1",
        "*",
        "gpt-*",
        "a",
        "",
        "\n",
        "é",
        "x-ai-model",
        "pass_request_headers",
        "retry_statuses",
        "max_body_bytes",
        "headers_held",
        "none",
        "default_max_tokens",
        "prices",
        "input",
        "output",
        "tiers",
        "above_prompt_tokens",
        "2.50",
    ];
    let word = proptest::sample::select(words.to_vec()).prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0_u64..700).prop_map(Value::from),
        word.clone().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(word.clone(), inner, 0..6)
                .prop_map(|map: BTreeMap<String, Value>| Value::from_iter(map)),
        ]
    })
}

/// Parses it as both, and says what came of it.
fn both(text: &[u8]) -> [String; 2] {
    let gateway = GatewayConfig::parse(text, &crate::environment::variable)
        .map_or_else(|problems| problems.to_string(), |config| format!("{config:?}"));
    let provider = ProviderConfig::parse(text, &crate::environment::variable)
        .map_or_else(|problems| problems.to_string(), |config| format!("{config:?}"));
    [gateway, provider]
}

/// Replaces the value at the n-th place of a document, counted in its order.
fn replace(document: &mut Value, n: &mut usize, with: &Value) {
    if *n == 0 {
        *document = with.clone();
    }
    *n = n.wrapping_sub(1);
    match document {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, n, with)),
        Value::Object(entries) => entries.values_mut().for_each(|item| replace(item, n, with)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn bytes_never_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        both(&text);
    }

    #[test]
    fn json_never_panics_and_never_shows_the_key(value in value()) {
        for said in both(value.to_string().as_bytes()) {
            prop_assert!(!said.contains("canary"), "{}", said);
        }
    }

    #[test]
    fn a_good_configuration_with_one_value_replaced_never_panics(n in 0_usize..60, with in value()) {
        use crate::configurations::{GATEWAY, PRICES, PROVIDER};
        for good in [GATEWAY, PRICES, PROVIDER] {
            let mut document: Value = serde_json::from_str(good).expect("JSON");
            replace(&mut document, &mut n.clone(), &with);
            for said in both(document.to_string().as_bytes()) {
                prop_assert!(!said.contains("canary"), "{}", said);
            }
        }
    }

    #[test]
    fn a_cut_configuration_is_refused(cut in 0.0..1.0) {
        for good in [crate::configurations::GATEWAY, crate::configurations::PROVIDER] {
            let length = (good.len() as f64 * cut) as usize;
            prop_assert!(GatewayConfig::parse(&good.as_bytes()[..length], &|_| None).is_err());
            prop_assert!(ProviderConfig::parse(&good.as_bytes()[..length], &crate::environment::variable).is_err());
        }
    }

    #[test]
    fn resolution_is_that_of_a_plain_search(names in proptest::collection::btree_set("[ab]{0,3}\\*?", 1..8), asked in "[abc]{0,5}") {
        let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
        prop_assume!(!names.is_empty());
        let models: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        let config = GatewayConfig::parse(json!({"models": models}).to_string().as_bytes(), &|_| None).expect("good");
        let expected = names.iter().find(|name| **name == asked).or_else(|| {
            let prefixes = names.iter().filter(|name| name.strip_suffix('*').is_some_and(|prefix| asked.starts_with(prefix)));
            prefixes.max_by_key(|name| name.len())
        });
        let resolved = config.models.resolve(&asked);
        prop_assert_eq!(resolved.map(|resolved| &resolved.route.name), expected);
    }
}
