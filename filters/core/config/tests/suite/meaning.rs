//! What accepted configurations mean: values, defaults, and which model a name stands for.

use crate::configurations::{BUDGETS, COUNTING, GATEWAY, GATEWAYS, IDENTITY, PRICES, PROVIDER, PROVIDERS};
use budget::{Amount, Lease, Limit, Mode, Overflow, Quota, Rate, Span, UtcOffset, Window};
use config::{
    Auth, BudgetHeaders, Budgets, Completions, CountingMode, Downgrade, GatewayConfig, HardStop, HeadersHeld,
    InputTokensHeader, LocalEndpoints, OtherPaths, Provider, ProviderConfig, RetryStatuses, Scope, Selection,
    Unit, Unlimited, UnseenAnswer, Weights,
};
use identity::{Anonymous, FetchFrom, Identity, SourceSettings, UnixSeconds, UnknownCredentials};
use llm_api::{Dialect, Usage};
use pricing::{MicroDollars, TokenPrice, Unpriced};

fn gateway(json: &str) -> GatewayConfig {
    GatewayConfig::parse(json.as_bytes(), &crate::environment::variable)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

fn provider(json: &str) -> ProviderConfig {
    ProviderConfig::parse(json.as_bytes(), &crate::environment::variable)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn every_example_is_accepted() {
    GATEWAYS.iter().for_each(|json| drop(gateway(json)));
    PROVIDERS.iter().for_each(|json| drop(provider(json)));
}

#[test]
fn a_gateway_means_what_it_says() {
    let config = gateway(GATEWAY);
    assert_eq!(config.max_body_bytes, 1 << 20);
    assert_eq!(config.headers_held, HeadersHeld::Yes);
    assert_eq!(config.other_paths, OtherPaths::Pass);
    let routes: Vec<_> =
        config.models.routes().iter().map(|model| (&*model.name, &*model.route, &*model.owned_by)).collect();
    assert_eq!(
        routes,
        [("gpt-4", "gpt-4", "system"), ("gpt-4o*", "openai-any", "openai"), ("模型", "model", "system")]
    );
    let targets = &config.models.routes()[0].targets;
    let targets: Vec<_> =
        targets.iter().map(|target| (&*target.provider, target.api, target.model.as_deref())).collect();
    assert_eq!(
        targets,
        [
            ("openai", Dialect::OpenAi, Some("gpt-4")),
            ("anthropic", Dialect::Anthropic, Some("claude-3-opus"))
        ]
    );
    let listed: Vec<_> = config.models.listed().collect();
    assert_eq!(listed, [("gpt-4", "system"), ("模型", "system"), ("fast", "system"), ("mini", "openai")]);
}

#[test]
fn what_a_gateway_does_not_say_has_a_default() {
    let config = gateway(r#"{"models": [{"name": "a"}]}"#);
    assert_eq!(config.max_body_bytes, 8 << 20);
    assert_eq!(config.headers_held, HeadersHeld::Yes);
    assert_eq!(config.other_paths, OtherPaths::Refuse);
    let model = &config.models.routes()[0];
    assert_eq!((&*model.route, &*model.owned_by, model.targets.len()), ("a", "system", 0));
}

#[test]
fn an_exact_name_comes_before_a_prefix_and_a_long_prefix_before_a_short_one() {
    let config = gateway(
        r#"{"models": [{"name": "*"}, {"name": "gpt-*"}, {"name": "gpt-4"}, {"name": "gpt-4o*"}, {"name": "z"}],
            "aliases": [{"match": "gpt-4o", "model": "z"}, {"match": "gpt-4o-m*", "model": "gpt-4"}, {"match": "any", "model": "llama"},
                        {"match": "claude-*", "model": "gpt-3.5"}]}"#,
    );
    for (asked, name, model) in [
        ("gpt-4", "gpt-4", "gpt-4"),
        ("gpt-4-turbo", "gpt-*", "gpt-4-turbo"),
        ("gpt-4o", "z", "z"),
        ("gpt-4o-2024", "gpt-4o*", "gpt-4o-2024"),
        ("gpt-4o-mini", "gpt-4", "gpt-4"),
        ("any", "*", "llama"),
        ("claude-3", "gpt-*", "gpt-3.5"),
        ("claude-", "gpt-*", "gpt-3.5"),
        ("claude", "*", "claude"),
        ("", "*", ""),
        ("*", "*", "*"),
    ] {
        let resolved = config.models.resolve(asked).expect(asked);
        assert_eq!((&*resolved.route.name, resolved.model), (name, model), "{asked}");
    }
}

#[test]
fn a_name_that_nothing_matches_stands_for_nothing() {
    let models = gateway(GATEWAY).models;
    for asked in ["gpt-5", "", "GPT-4", "gpt-4 ", "fast2", "claude"] {
        assert_eq!(models.resolve(asked), None, "{asked}");
    }
}

#[test]
fn a_provider_means_what_it_says() {
    let config = provider(PROVIDER);
    assert_eq!(config.selection, Selection::Fixed("openai".to_owned()));
    assert_eq!(config.max_body_bytes, 1);
    let names: Vec<_> = config.providers.iter().map(|provider| &*provider.name).collect();
    assert_eq!(names, ["openai", "anthropic"]);

    let anthropic = config.provider("anthropic").expect("defined");
    assert_eq!(anthropic.api, Dialect::Anthropic);
    assert_eq!((&*anthropic.authority, &*anthropic.base_path), ("api.anthropic.com", ""));
    assert_eq!(anthropic.model.as_deref(), Some("claude-3-opus"));
    assert_eq!(anthropic.model_name_override.as_deref(), Some("gpt-4"));
    assert_eq!((anthropic.default_max_tokens, &*anthropic.anthropic_version), (1024, "2026-10-21"));
    assert_eq!(anthropic.headers, [("anthropic-beta".to_owned(), "a, b".to_owned())]);
    assert_eq!(anthropic.pass_request_headers, ["x-trace"]);
    assert_eq!(anthropic.pass_response_headers, ["request-id"]);
    assert_eq!(anthropic.retry_statuses, RetryStatuses::Listed(vec![408, 429, 529]));
    assert!(matches!(&anthropic.auth, Auth::ApiKey(key) if key.reveal() == crate::environment::CANARY));
    assert!(!format!("{config:?} {config:#?}").contains("canary"));
    let Auth::ApiKey(key) = &anthropic.auth else { panic!("a key") };
    assert_eq!(format!("{key} {key:?}"), "[redacted] [redacted]");
}

#[test]
fn what_a_provider_does_not_say_has_a_default() {
    let of = |api: &str| -> Provider {
        let json = format!(
            r#"{{"provider": "a", "providers": {{"a": {{"api": "{api}", "authority": "h", "auth": {{"type": "none"}}}}}}}}"#
        );
        let config = provider(&json);
        assert_eq!(config.max_body_bytes, 8 << 20);
        config.providers.into_iter().next().expect("one")
    };
    for (api, base_path) in [("openai", "/v1"), ("anthropic", "")] {
        let provider = of(api);
        assert_eq!(provider.base_path, base_path);
        assert_eq!((provider.model, provider.model_name_override), (None, None));
        assert_eq!((provider.default_max_tokens, &*provider.anthropic_version), (4096, "2023-06-01"));
        assert!(provider.headers.is_empty() && provider.pass_request_headers.is_empty());
        assert!(provider.pass_response_headers.is_empty());
        assert_eq!(provider.retry_statuses, RetryStatuses::Usual);
        assert!(matches!(provider.auth, Auth::None));
    }
}

#[test]
fn a_selection_is_the_attribute_path_of_its_metadata() {
    for (json, expected) in PROVIDERS.iter().skip(1).zip([
        "xds upstream_host_metadata filter_metadata ai provider",
        "xds upstream_host_locality_metadata filter_metadata envoy-gateway resources 0 name",
        "xds cluster_metadata filter_metadata ai provider",
    ]) {
        let expected = expected.split(' ').map(str::to_owned).collect();
        assert_eq!(provider(json).selection, Selection::Attribute(expected));
    }
}

#[test]
fn retried_statuses_are_the_usual_ones_or_those_listed() {
    let listed = RetryStatuses::Listed(vec![409]);
    for (status, usual, of_list) in [
        (200, false, false),
        (401, false, false),
        (408, true, false),
        (409, false, true),
        (429, true, false),
        (500, true, false),
        (529, true, false),
        (599, true, false),
        (600, false, false),
    ] {
        assert_eq!(RetryStatuses::default().contains(status), usual, "{status}");
        assert_eq!(listed.contains(status), of_list, "{status}");
    }
    assert!(!RetryStatuses::Listed(Vec::new()).contains(500));
}

#[test]
fn every_dialect_can_be_configured() {
    for dialect in Dialect::ALL {
        let config = gateway(&format!(
            r#"{{"models": [{{"name": "a", "targets": [{{"provider": "p", "api": "{dialect}"}}]}}]}}"#
        ));
        assert_eq!(config.models.routes()[0].targets[0].api, dialect);
    }
}

#[test]
fn counting_means_what_it_says() {
    let config = gateway(COUNTING);
    let routes: Vec<_> =
        config.models.routes().iter().map(|model| (model.counting, model.max_input_tokens)).collect();
    assert_eq!(
        routes,
        [(CountingMode::Exact, Some(128_000)), (CountingMode::Off, None), (CountingMode::Estimate, None)]
    );
    let counting = &config.counting;
    assert_eq!(counting.extrapolate_above, 65_536);
    assert_eq!((counting.header, counting.endpoints), (InputTokensHeader::Shown, LocalEndpoints::Served));
    let mine = counting.families.of("my-gpt");
    assert_eq!((mine.is_exact(), mine.charges().file, mine.charges().audio), (true, Some(5000), Some(0)));
    assert!(counting.families.of("house-1").is_exact());
    assert!(!counting.families.of("llama-9").is_exact());
}

#[test]
fn what_is_not_said_of_counting_is_auto() {
    for json in [r#"{"models": [{"name": "a"}]}"#, r#"{"models": [{"name": "a"}], "counting": {}}"#] {
        let config = gateway(json);
        let model = &config.models.routes()[0];
        assert_eq!((model.counting, model.max_input_tokens), (CountingMode::Auto, None));
        let counting = &config.counting;
        assert_eq!(counting.extrapolate_above, 1 << 20);
        assert_eq!(
            (counting.header, counting.endpoints),
            (InputTokensHeader::Absent, LocalEndpoints::Absent)
        );
    }
}

#[test]
fn prices_are_what_is_written() {
    let prices = gateway(PRICES).prices;
    let usage = Usage {
        input: 100_000,
        cache_read: 10_000,
        cache_write_5m: 1_000,
        cache_write_1h: 100,
        output: 10_000,
        reasoning: 1,
    };
    for (provider, model, micros) in [
        // 250,000 + 12,500 + 2,500 + 250 + 100,000 + 10.
        ("openai", "gpt-4o", 365_260),
        // 300,000 + 3,000 + 3,750 + 600 + 150,000 + 15.
        ("anthropic", "claude-sonnet-4-5-20250929", 457_365),
        // 5,000 for the request, 1,000 for the output, 100,000 for the thought, and less than one for the prompt.
        ("openai", "o3", 106_001),
        ("local", "gpt-4o", 0),
    ] {
        let cost = prices.of(provider, model).map(|price| price.cost(&usage));
        assert_eq!(cost, Ok(MicroDollars(micros)), "{provider} {model}");
    }
    let long = Usage { input: 200_001, output: 1, ..Usage::default() };
    let sonnet = prices.of("anthropic", "claude-sonnet-4-5").map(|price| price.cost(&long));
    // 1,200,006 + 22.5, rounded up.
    assert_eq!(sonnet, Ok(MicroDollars(1_200_029)));
    assert_eq!(prices.of("openai", "claude-sonnet-4-5"), Err(Unpriced));
    assert!(gateway(r#"{"models": [{"name": "a"}]}"#).prices.is_empty());
}

#[test]
fn an_amount_is_the_same_with_and_without_quotes() {
    // 8 × 10¹² tokens, so that the twelfth decimal of a price is seen. As a double, 0.1 + 0.2 would be one more.
    let usage = Usage { input: 8_000_000_000_000, ..Usage::default() };
    for written in
        ["0.300000000001", "3.00000000001e-1", "12.345678901234", "99999.999999999999", "1e-12", "0.5"]
    {
        let cost = |amount: &str| {
            let json = format!(
                r#"{{"models": [{{"name": "1.5"}}], "prices": [{{"match": "m", "input": {amount}, "output": 7.25}}]}}"#
            );
            gateway(&json).prices.of("p", "m").map(|price| price.cost(&usage))
        };
        let expected = TokenPrice::per_million(written)
            .map(|price| MicroDollars(price.attodollars() * 8))
            .expect(written);
        assert_eq!(cost(written), Ok(expected), "{written}");
        assert_eq!(cost(&format!("\"{written}\"")), Ok(expected), "{written}");
    }
}

#[test]
fn budgets_are_what_is_written() {
    let config = gateway(BUDGETS);
    let [minute, month, all] = config.budgets.limits.as_slice() else { panic!("three budgets") };
    let rate = Rate::new(Amount(10_000), Span(60_000)).unwrap().with_burst(Amount(20_000));
    assert_eq!(minute.limit, Limit::Rate(rate));
    assert_eq!(
        (minute.per.as_slice(), minute.hard_stop),
        ([Scope::User, Scope::Model].as_slice(), HardStop::Yes)
    );
    assert_eq!(minute.models, [0, 1, 2]);

    let offset = UtcOffset::from_minutes(-330).unwrap();
    let quota = Quota::new(Amount(500_250_000), Window::Month).at_offset(offset);
    assert_eq!((month.limit, month.unit, month.status), (Limit::Quota(quota), Unit::MicroDollars, 402));
    assert_eq!(month.downgrade, Some(Downgrade { to: "gpt-4o-mini".to_owned(), below_percent: 10 }));

    let weights = Weights { input: 1_000, cached: 100, output: 1_000, reasoning: 1_000 };
    assert_eq!((all.unit, all.mode), (Unit::Weighted(weights), Mode::Shadow));
    assert_eq!((all.models.as_slice(), all.callers, all.overflow), ([0, 1].as_slice(), 5, Overflow::Refuse));
    let Budgets { default_completion_tokens, completions, lease, unseen_answer, keys, headers, .. } =
        config.budgets;
    assert_eq!((default_completion_tokens, keys), (100, 10));
    assert_eq!(completions, Completions::Shortened { least: 7, unlimited: Unlimited::Default });
    assert_eq!(lease, Lease::new(Span(60_000)));
    assert_eq!((unseen_answer, headers), (UnseenAnswer::Prompt, BudgetHeaders::Absent));
    assert!(gateway(r#"{"models": [{"name": "a"}]}"#).budgets.limits.is_empty());
}

#[test]
fn identity_means_what_it_says() {
    let identity = gateway(IDENTITY).identity;
    let settings = identity.settings();
    assert_eq!(
        (settings.anonymous, settings.unknown_credentials),
        (Anonymous::Allowed, UnknownCredentials::Ignored)
    );
    let [
        SourceSettings::Jwt(jwt),
        SourceSettings::Header(header),
        SourceSettings::VirtualKeys(virtual_keys),
        SourceSettings::ApiKeys(api_keys),
    ] = settings.sources.as_slice()
    else {
        panic!("in their order: {settings:?}");
    };
    assert_eq!((header.user.as_str(), header.team.as_deref()), ("x-auth-user", Some("x-auth-team")));
    let key = &api_keys[0].caller;
    assert!(key.may_use("gpt-4o") && !key.may_use("o3"));
    let limits = &key.limits;
    assert_eq!(
        (
            limits.tokens_per_minute,
            limits.tokens_per_day,
            limits.tokens_per_month,
            limits.requests_per_minute
        ),
        (Some(1), Some(2), Some(3), Some(5))
    );
    assert_eq!(limits.cost_per_month.map(|cost| cost.0), Some(4));
    assert_eq!((virtual_keys.issuer.as_str(), virtual_keys.leeway), ("house", 0));
    assert!(virtual_keys.revoked.contains("k1"));
    let before: Vec<_> = virtual_keys
        .revoked_before
        .iter()
        .map(|rule| (rule.user.as_ref().map(|user| user.as_str()), rule.before))
        .collect();
    assert_eq!(before, [(Some("bob"), UnixSeconds(1_800_000_000)), (None, UnixSeconds(1_700_000_000))]);
    assert_eq!((jwt.issuers.as_slice(), jwt.leeway), (["https://a.example/".to_owned()].as_slice(), 30));
    let from = FetchFrom {
        cluster: "idp".to_owned(),
        authority: "a.example:8443".to_owned(),
        path: "/jwks?v=1".to_owned(),
        timeout_ms: 2000,
        interval: 60,
    };
    assert_eq!(identity.begin_fetch(UnixSeconds(1)), Some(&from));
    assert!(!format!("{identity:?}").contains("canary"));
}

/// Whoever configures keys or tokens wants to know the callers; whoever believes a header, or configures nothing, has not said so.
#[test]
fn strangers_are_refused_where_keys_or_tokens_are_configured() {
    let of = |section: &str| -> Identity {
        gateway(&format!(r#"{{"models": [{{"name": "a"}}], "identity": {section}}}"#)).identity
    };
    let key =
        r#"[{"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "user": "a"}]"#;
    for (section, expected) in [
        ("{}".to_owned(), Anonymous::Allowed),
        (r#"{"header": {}}"#.to_owned(), Anonymous::Allowed),
        (r#"{"header": {}, "anonymous": "refuse"}"#.to_owned(), Anonymous::Refused),
        (format!(r#"{{"api_keys": {key}}}"#), Anonymous::Refused),
        (format!(r#"{{"header": {{}}, "api_keys": {key}}}"#), Anonymous::Refused),
        (format!(r#"{{"api_keys": {key}, "anonymous": "allow"}}"#), Anonymous::Allowed),
    ] {
        let identity = of(&section);
        assert_eq!(identity.settings().anonymous, expected, "{section}");
        assert_eq!(identity.settings().unknown_credentials, UnknownCredentials::Refused, "{section}");
    }
    assert!(gateway(r#"{"models": [{"name": "a"}]}"#).identity.settings().sources.is_empty());
}
