//! The generated schemas agree with the filters, as far as a schema can tell.

use crate::broken::{Broken, GATEWAY, PROVIDER};
use serde_json::Value;

fn check(schema: &Value, accepted: &[&str], broken: &[Broken]) {
    let validator = jsonschema::draft202012::new(schema).expect("a schema");
    let tells = |json: &str| !validator.is_valid(&serde_json::from_str(json).expect("JSON"));
    for json in accepted {
        assert!(!tells(json), "{json}");
    }
    for case in broken {
        if let Some(expected) = case.schema_tells {
            assert_eq!(tells(case.json), expected, "{}", case.name);
        }
    }
}

#[test]
fn the_gateway_schema_agrees() {
    check(&config::gateway_schema(), crate::configurations::GATEWAYS, GATEWAY);
}

#[test]
fn the_provider_schema_agrees() {
    check(&config::provider_schema(), crate::configurations::PROVIDERS, PROVIDER);
}

#[test]
fn every_object_is_closed_and_everything_is_described() {
    for schema in [config::gateway_schema(), config::provider_schema()] {
        let definitions = schema["$defs"].as_object().expect("definitions").values();
        let mut fields = 0;
        for object in definitions.chain([&schema]).filter(|object| object["type"] == "object") {
            assert_eq!(object["additionalProperties"], false, "{object}");
            assert!(object["description"].is_string(), "{object}");
            for (name, field) in object["properties"].as_object().expect("properties") {
                let description = field["description"].as_str().expect(name);
                assert!(!description.contains('\n'), "{name}");
                fields += 1;
            }
        }
        assert!(fields > 10);
    }
}

#[test]
fn defaults_of_the_schema_are_those_of_the_filter() {
    let gateway = config::gateway_schema();
    let parsed = config::GatewayConfig::parse(br#"{"models": [{"name": "a"}]}"#, &|_| None).expect("good");
    assert_eq!(gateway["properties"]["max_body_bytes"]["default"], parsed.max_body_bytes);
    assert_eq!(
        gateway["properties"]["headers_held"]["default"],
        parsed.headers_held == config::HeadersHeld::Yes
    );
    assert_eq!(
        gateway["$defs"]["Model"]["properties"]["owned_by"]["default"],
        parsed.models.routes()[0].owned_by
    );

    let provider = config::provider_schema();
    let json = r#"{"provider": "a", "providers": {"a": {"api": "anthropic", "authority": "h", "auth": {"type": "none"}}}}"#;
    let parsed = config::ProviderConfig::parse(json.as_bytes(), &|_| None).expect("good");
    assert_eq!(provider["properties"]["max_body_bytes"]["default"], parsed.max_body_bytes);
    let fields = &provider["$defs"]["Provider"]["properties"];
    assert_eq!(fields["default_max_tokens"]["default"], parsed.providers[0].default_max_tokens);
    assert_eq!(fields["anthropic_version"]["default"], parsed.providers[0].anthropic_version);
}
