//! What a bootstrap must say, read back with a YAML reader; and that hostile inputs cannot make it say anything else.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

use ai_filters::render::{
    AccessLog, Auth, EnvoyVersion, Fallback, Filters, HeadersHeld, Limit, Limits, LlmRouter, Model, Problem,
    Provider, Turn, bootstrap, gateway_config, provider_configs,
};
use config::{GatewayConfig, ProviderConfig, Selection};
use serde_json::{Value, json};

const SHAPES: [Fallback; 2] = [Fallback::PriorityGroup, Fallback::PreviousPriorities];

fn read(router: &LlmRouter) -> Value {
    serde_yaml_ng::from_str(&bootstrap(router)).unwrap()
}

fn manager(root: &Value) -> &Value {
    &root["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
}

fn routes(root: &Value) -> Vec<Value> {
    manager(root)["route_config"]["virtual_hosts"][0]["routes"].as_array().unwrap().clone()
}

fn route<'a>(routes: &'a [Value], name: &str) -> &'a Value {
    routes.iter().find(|route| route["name"] == name).unwrap_or_else(|| panic!("no route {name}"))
}

fn clusters(root: &Value) -> Vec<Value> {
    root["static_resources"]["clusters"].as_array().unwrap().clone()
}

fn http_options(cluster: &Value) -> &Value {
    &cluster["typed_extension_protocol_options"]["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
}

/// Every Wasm filter's `config`, wherever it stands.
fn wasm_filters(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(map)
            if map
                .get("@type")
                .is_some_and(|t| t == "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm") =>
        {
            vec![&map["config"]]
        }
        Value::Object(map) => map.values().flat_map(wasm_filters).collect(),
        Value::Array(items) => items.iter().flat_map(wasm_filters).collect(),
        _ => Vec::new(),
    }
}

/// Every combination of what changes the shape of the result.
fn variants() -> Vec<LlmRouter> {
    let mut variants = Vec::new();
    for fallback in SHAPES {
        for filters in [Filters::Both, Filters::GatewayOnly, Filters::ProviderOnly, Filters::Neither] {
            for headers_held in [HeadersHeld::Yes, HeadersHeld::No] {
                for access_log in [AccessLog::Json, AccessLog::Off] {
                    variants.push(LlmRouter {
                        fallback,
                        filters,
                        headers_held,
                        access_log,
                        ..LlmRouter::default()
                    });
                }
            }
        }
    }
    variants
}

fn url(text: &str) -> ai_filters::render::BaseUrl {
    text.parse().unwrap()
}

#[test]
fn the_filters_accept_their_configuration() {
    let keys = |name: &str| matches!(name, "OPENAI_API_KEY" | "ANTHROPIC_API_KEY").then(|| "key".to_owned());
    for router in variants() {
        GatewayConfig::parse(gateway_config(&router).as_bytes(), &|_| None)
            .unwrap_or_else(|problems| panic!("{problems}"));
        for text in provider_configs(&router) {
            let parsed =
                ProviderConfig::parse(text.as_bytes(), &keys).unwrap_or_else(|problems| panic!("{problems}"));
            assert_eq!(parsed.max_body_bytes, 8 << 20);
        }
        // What the bootstrap holds is exactly that text.
        let root = read(&router);
        for filter in wasm_filters(&root) {
            let text = filter["configuration"]["value"].as_str().unwrap();
            assert!(
                text == gateway_config(&router)
                    || provider_configs(&router).iter().any(|config| config == text)
            );
        }
    }
}

#[test]
fn aliases_and_extra_members_reach_the_filters() {
    let mut router = LlmRouter { aliases: vec!["gpt-4o*=gpt-4".parse().unwrap()], ..LlmRouter::default() };
    router.providers[1].extra.insert("default_max_tokens".to_owned(), json!(77));
    let gateway = GatewayConfig::parse(gateway_config(&router).as_bytes(), &|_| None).unwrap();
    assert_eq!(gateway.models.resolve("gpt-4o-mini").unwrap().model, "gpt-4");
    let text = &provider_configs(&router)[1];
    let parsed = ProviderConfig::parse(text.as_bytes(), &|_| Some("key".to_owned())).unwrap();
    assert_eq!(parsed.provider("anthropic").unwrap().default_max_tokens, 77);
}

#[test]
fn a_providers_own_filter_knows_no_other_key() {
    let root = read(&LlmRouter::default());
    for (cluster, own, other) in [(0, "OPENAI_API_KEY", "ANTHROPIC"), (1, "ANTHROPIC_API_KEY", "OPENAI")] {
        let cluster = &clusters(&root)[cluster];
        let filter = wasm_filters(cluster)[0];
        assert_eq!(filter["vm_config"]["environment_variables"]["host_env_keys"], json!([own]));
        assert!(!filter.to_string().contains(other), "{filter}");
    }
    let gateway = wasm_filters(manager(&root))[0];
    assert!(gateway["vm_config"].get("environment_variables").is_none());
}

#[test]
fn with_priorities_each_host_names_its_provider_and_every_plan_has_one_vm() {
    let root = read(&LlmRouter { fallback: Fallback::PreviousPriorities, ..LlmRouter::default() });
    let clusters = clusters(&root);
    let names: Vec<_> = clusters.iter().map(|cluster| cluster["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["llm", "llm-anthropic", "llm-openai"]);
    for (priority, name) in ["openai", "anthropic"].into_iter().enumerate() {
        let group = &clusters[0]["load_assignment"]["endpoints"][priority];
        assert_eq!(group.get("priority").unwrap(), priority);
        assert_eq!(group["lb_endpoints"][0]["metadata"]["filter_metadata"]["ai"]["provider"], name);
        assert_eq!(group["lb_endpoints"][0]["endpoint"]["hostname"], format!("api.{name}.com"));
    }
    let filters: Vec<_> = clusters.iter().flat_map(wasm_filters).collect();
    assert!(filters.iter().all(|filter| *filter == filters[0]), "one VM key, one environment");
    let text = filters[0]["configuration"]["value"].as_str().unwrap();
    let parsed = ProviderConfig::parse(text.as_bytes(), &|_| Some("key".to_owned())).unwrap();
    assert!(matches!(parsed.selection, Selection::Attribute(_)));
}

#[test]
fn each_kind_of_route_has_its_own_limits() {
    for fallback in SHAPES {
        let routes = routes(&read(&LlmRouter { fallback, ..LlmRouter::default() }));
        for plan in ["llm", "llm-openai", "llm-anthropic"] {
            let stream = &route(&routes, &format!("{plan}/stream"))["route"];
            assert_eq!(stream["timeout"], "900s");
            assert_eq!(stream["retry_policy"]["per_try_timeout"], "30s");
            // All attempts' beginnings, where they may take longer than the gap.
            assert_eq!(stream["idle_timeout"], if plan == "llm" { "70.5s" } else { "60s" });
            let answer = &route(&routes, &format!("{plan}/answer"))["route"];
            assert_eq!(answer["timeout"], "900s");
            assert_eq!(answer["retry_policy"]["per_try_timeout"], "300s");
            assert!(answer.get("idle_timeout").is_none());
        }
        // Order is meaning: a narrowed plan and a stream must be looked for before what would match them too.
        let names: Vec<_> = routes.iter().map(|route| route["name"].as_str().unwrap()).collect();
        let expected = [
            "llm-openai/stream",
            "llm-openai/answer",
            "llm-anthropic/stream",
            "llm-anthropic/answer",
            "llm/stream",
            "llm/answer",
            "none",
        ];
        assert_eq!(names, expected);
        // One header map for all attempts: they must never run at once. And per_try_idle_timeout dies with per_try_timeout.
        assert!(routes.iter().all(|route| route["route"].get("hedge_policy").is_none()));
        assert!(
            routes.iter().all(|route| route["route"]["retry_policy"].get("per_try_idle_timeout").is_none())
        );
    }
}

#[test]
fn without_held_headers_one_route_has_the_longest_limits() {
    for fallback in SHAPES {
        let router = LlmRouter { fallback, headers_held: HeadersHeld::No, ..LlmRouter::default() };
        let root = read(&router);
        let routes = routes(&root);
        assert_eq!(routes.len(), 1);
        let policy = &routes[0]["route"]["retry_policy"];
        assert_eq!(
            (&policy["per_try_timeout"], routes[0]["route"].get("idle_timeout")),
            (&json!("300s"), None)
        );
        assert!(wasm_filters(manager(&root))[0].get("allow_on_headers_stop_iteration").is_none());
        assert_eq!(wasm_filters(&json!(clusters(&root)))[0]["allow_on_headers_stop_iteration"], true);
    }
}

#[test]
fn narrowed_plans_are_those_of_the_apis() {
    let mut router = LlmRouter::default();
    let mut backup = Provider::openai();
    backup.name = "backup".parse().unwrap();
    router.providers.push(backup);
    let routes = routes(&read(&router));
    let both = route(&routes, "llm-openai-backup/answer");
    assert!(
        both["match"]["headers"]
            .as_array()
            .unwrap()
            .contains(&json!({"name": "x-ai-plan", "string_match": {"exact": "openai,backup"}}))
    );
    assert_eq!(both["route"]["cluster_specifier_plugin"], "llm-openai-backup");
    assert_eq!(both["route"]["retry_policy"]["num_retries"], 1);
    assert_eq!(route(&routes, "llm/answer")["route"]["retry_policy"]["num_retries"], 2);
    assert_eq!(routes.len(), 7, "two APIs narrow to two plans, however many providers speak them");
}

#[test]
fn envoys_limit_is_above_the_filters() {
    let root = read(&LlmRouter { max_body: "1048576".parse().unwrap(), ..LlmRouter::default() });
    let listener = &root["static_resources"]["listeners"][0];
    assert_eq!(listener["per_connection_buffer_limit_bytes"], 2_097_152);
    assert_eq!(manager(&root)["route_config"]["virtual_hosts"][0]["request_body_buffer_limit"], 2_097_152);
}

#[test]
fn tls_is_verified_and_plain_http_has_none() {
    let mut router = LlmRouter::default();
    router.providers[0].base_url = url("http://127.0.0.1:8080");
    router.providers[1].base_url = url("https://[::1]:8443/x");
    let clusters_of = |fallback| clusters(&read(&LlmRouter { fallback, ..router.clone() }));
    let groups = clusters_of(Fallback::PriorityGroup);
    assert!(groups[0].get("transport_socket").is_none());
    assert!(http_options(&groups[0]).get("auto_config").is_none(), "no ALPN without TLS");
    let context = &groups[1]["transport_socket"]["typed_config"];
    assert!(context.get("sni").is_none(), "an address is no server name");
    let validation = &context["common_tls_context"]["validation_context"];
    assert_eq!(
        validation["match_typed_subject_alt_names"],
        json!([{"san_type": "IP_ADDRESS", "matcher": {"exact": "::1"}}])
    );
    assert_eq!(validation["trusted_ca"]["filename"], "/etc/ssl/certs/ca-certificates.crt");
    let priorities = clusters_of(Fallback::PreviousPriorities);
    let sockets = &priorities[0]["transport_socket_matches"];
    assert_eq!(sockets[0]["match"], json!({"socket": "http.plain"}));
    assert_eq!(sockets[1]["match"], json!({"socket": "anthropic"}));
    assert_eq!(
        sockets[1]["transport_socket"], groups[1]["transport_socket"],
        "an address is verified as an address"
    );
    let metadata =
        &priorities[0]["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["metadata"]["filter_metadata"];
    assert_eq!(metadata["envoy.transport_socket_match"], json!({"socket": "http.plain"}));
    let validation =
        &priorities[0]["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"];
    assert!(validation.get("trusted_ca").is_some());
}

#[test]
fn a_name_without_an_address_leads_to_a_refused_connection() {
    let mut router = LlmRouter::default();
    let places = |router: &LlmRouter| clusters(&read(router))[0]["load_assignment"]["endpoints"].clone();
    let nowhere = &places(&router)[1];
    assert_eq!(nowhere["priority"], 1);
    let address = &nowhere["lb_endpoints"][0]["endpoint"]["address"]["socket_address"];
    assert_eq!(address, &json!({"address": "127.0.0.1", "port_value": 1}));
    router.providers[0].base_url = url("https://127.0.0.1:8443");
    assert_eq!(places(&router).as_array().unwrap().len(), 1, "an address needs no name");
}

#[test]
fn every_wasm_filter_reloads_after_a_trap_and_shares_the_vm_id() {
    for router in variants() {
        let root = read(&router);
        for filter in wasm_filters(&root) {
            assert_eq!(
                (&filter["failure_policy"], &filter["vm_config"]["vm_id"]),
                (&json!("FAIL_RELOAD"), &json!("ai-filters"))
            );
        }
        for cluster in clusters(&root) {
            let last = http_options(&cluster)["http_filters"].as_array().unwrap().last().unwrap().clone();
            assert_eq!(last["name"], "envoy.filters.http.upstream_codec");
        }
    }
}

#[test]
fn one_provider_is_never_retried() {
    for fallback in SHAPES {
        let router = LlmRouter { fallback, providers: vec![Provider::anthropic()], ..LlmRouter::default() };
        router.check().unwrap();
        let routes = routes(&read(&router));
        assert_eq!(routes.len(), 3, "nothing to narrow");
        assert_eq!(route(&routes, "llm/answer")["route"]["retry_policy"]["num_retries"], 0);
    }
}

#[test]
fn the_log_names_no_credential_and_no_query() {
    let root = read(&LlmRouter::default());
    let log = manager(&root)["access_log"].to_string().to_lowercase();
    for word in ["authorization", "api-key", "cookie", ":path", "body"] {
        assert!(!log.contains(word), "{word}");
    }
    assert!(log.contains("%filter_state(wasm.ai.model.requested:plain)%"));
    assert!(
        manager(&read(&LlmRouter { access_log: AccessLog::Off, ..LlmRouter::default() }))
            .get("access_log")
            .is_none()
    );
}

#[test]
fn hostile_inputs_stay_in_their_place() {
    let mut router = LlmRouter { model: "a{}[]&#:!|>%@`-?x".parse().unwrap(), ..LlmRouter::default() };
    router.providers[0].model = "~".parse().unwrap();
    router.providers[0].extra.insert("headers".to_owned(), json!({"x-a": "\n- b: |\n  \u{85}\u{2028}\"'"}));
    router.ca_bundle = "/a: b, {c} #d".parse().unwrap();
    for fallback in SHAPES {
        router.fallback = fallback;
        let root = read(&router);
        let keys: Vec<_> = root.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["admin", "overload_manager", "static_resources", "stats_config"]);
        let routes = routes(&root);
        let model = &route(&routes, "llm/answer")["match"]["headers"][0]["string_match"]["exact"];
        assert_eq!(model, "a{}[]&#:!|>%@`-?x");
        let cluster = clusters(&root)[0].clone();
        let validation =
            &cluster["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"];
        assert_eq!(validation["trusted_ca"]["filename"], "/a: b, {c} #d");
        let config: Value =
            serde_json::from_str(wasm_filters(&cluster)[0]["configuration"]["value"].as_str().unwrap())
                .unwrap();
        assert_eq!(config["providers"]["openai"]["headers"]["x-a"], "\n- b: |\n  \u{85}\u{2028}\"'");
    }
}

#[test]
fn rules_between_values_are_all_told_at_once() {
    let mut router = LlmRouter { admin_port: 10_000, envoy: EnvoyVersion(39), ..LlmRouter::default() };
    router.limits.total = Limit::seconds(45);
    router.providers.push(Provider::openai());
    router.providers[0].extra.insert("auth".to_owned(), json!({}));
    let problems = router.check().unwrap_err();
    let found: Vec<_> = problems.iter().map(|(_, problem)| problem.clone()).collect();
    assert_eq!(
        found,
        [
            Problem::RenderedAnyway { provider: "openai".to_owned(), key: "auth" },
            Problem::DuplicateProvider { name: "openai".to_owned() },
            Problem::LimitAboveTotal { part: "idle" },
            Problem::LimitAboveTotal { part: "answer" },
            Problem::SamePort { port: 10_000 },
            Problem::EnvoyTooOld { given: 39, fallback: "priority-group", needed: 40 },
        ]
    );
    assert!(found.iter().all(|problem| !problem.hint().is_empty()));
    let nobody = LlmRouter { providers: Vec::new(), ..LlmRouter::default() };
    assert_eq!(nobody.check().unwrap_err().iter().next().unwrap().1, &Problem::NoProvider);
    LlmRouter::default().check().unwrap();
}

#[test]
fn a_provider_without_auth_says_so() {
    let mut router = LlmRouter::default();
    router.providers[0].auth = Auth::None;
    let root = read(&router);
    let filter = wasm_filters(&clusters(&root)[0])[0].clone();
    assert!(filter["vm_config"].get("environment_variables").is_none());
    ProviderConfig::parse(provider_configs(&router)[0].as_bytes(), &|_| None).unwrap();
}

#[test]
fn only_envoys_own_answers_are_reshaped_and_only_where_no_filter_does_it() {
    let shaped_by_the_filter = read(&LlmRouter::default());
    assert!(manager(&shaped_by_the_filter).get("local_reply_config").is_none());

    let root = read(&LlmRouter { filters: Filters::ProviderOnly, ..LlmRouter::default() });
    let mappers = manager(&root)["local_reply_config"]["mappers"].as_array().unwrap();
    assert_eq!(mappers.len(), 2);
    for mapper in mappers {
        let filter = mapper["filter"].as_object().unwrap();
        assert_eq!(
            filter.keys().collect::<Vec<_>>(),
            ["response_flag_filter"],
            "a status may be a filter's own answer"
        );
        assert!(!filter["response_flag_filter"]["flags"].as_array().unwrap().contains(&json!("URX")));
    }
}

/// `gpt-4` as in the example, and `fast`: two that share the first attempt, nine to one, then a third.
fn two_models() -> LlmRouter {
    let named = |provider: Provider, name: &str| Provider { name: name.parse().unwrap(), ..provider };
    let fast = Model {
        name: "fast".parse().unwrap(),
        providers: vec![
            Provider { weight: 9, ..named(Provider::openai(), "big") },
            Provider { turn: Turn::Beside, ..named(Provider::openai(), "canary") },
            named(Provider::anthropic(), "last"),
        ],
        limits: Limits {
            total: Limit::seconds(20),
            answer: Limit::seconds(20),
            idle: Limit::seconds(9),
            first_byte: Limit::seconds(2),
        },
        max_input_tokens: Some(7),
        counting: None,
    };
    LlmRouter { more_models: vec![fast], ..LlmRouter::default() }
}

#[test]
fn each_model_has_its_own_routes_limits_and_providers() {
    for fallback in SHAPES {
        let router = LlmRouter { fallback, ..two_models() };
        router.check().unwrap();
        let root = read(&router);
        let routes = routes(&root);
        assert_eq!(routes.len(), 13, "six for each model, and one for everything else");
        let answer = route(&routes, "llm-fast/answer");
        assert_eq!(answer["match"]["headers"][0]["string_match"]["exact"], "fast");
        assert_eq!(answer["route"]["timeout"], "20s");
        assert_eq!(answer["route"]["retry_policy"]["num_retries"], 1, "three providers, two attempts");
        assert_eq!(route(&routes, "llm-fast,big,canary/answer")["route"]["retry_policy"]["num_retries"], 0);
        assert_eq!(route(&routes, "llm-gpt-4/answer")["route"]["timeout"], "900s");
        assert_eq!(manager(&root)["stream_idle_timeout"], "900s", "the longest of all");
        let config = GatewayConfig::parse(gateway_config(&router).as_bytes(), &|_| None).unwrap();
        assert_eq!(config.models.resolve("fast").unwrap().model, "fast");
    }
}

#[test]
fn providers_share_an_attempt_by_their_weights() {
    let root = read(&two_models());
    let specifiers = &manager(&root)["route_config"]["cluster_specifier_plugins"];
    let fast =
        specifiers.as_array().unwrap().iter().find(|one| one["extension"]["name"] == "llm-fast").unwrap();
    let shared = json!([{"cluster_name": "big", "weight": 9}, {"cluster_name": "canary", "weight": 1}]);
    let groups = &fast["extension"]["typed_config"]["priority_groups"];
    assert_eq!(groups[0], json!({"name": "big,canary", "clusters": shared}));
    assert_eq!(groups[1]["clusters"], json!([{"cluster_name": "last", "weight": 1}]));

    let root = read(&LlmRouter { fallback: Fallback::PreviousPriorities, ..two_models() });
    let clusters = clusters(&root);
    let fast = clusters.iter().find(|cluster| cluster["name"] == "llm-fast").unwrap();
    let first = &fast["load_assignment"]["endpoints"][0]["lb_endpoints"];
    assert_eq!(
        (&first[0]["load_balancing_weight"], &first[1]["load_balancing_weight"]),
        (&json!(9), &json!(1))
    );
    assert!(
        fast["load_assignment"]["endpoints"][1]["lb_endpoints"][0].get("load_balancing_weight").is_none()
    );
}

#[test]
fn who_is_left_of_an_attempt_stays_in_it() {
    // Anthropic's and OpenAI's share the second attempt; without Anthropic's, OpenAI's is still the second and not beside the first.
    let second = Provider { name: "second".parse().unwrap(), turn: Turn::Beside, ..Provider::openai() };
    let providers = vec![Provider::openai(), Provider::anthropic(), second];
    let root = read(&LlmRouter { providers, ..LlmRouter::default() });
    let specifiers = manager(&root)["route_config"]["cluster_specifier_plugins"].as_array().unwrap();
    let groups = |name: &str| {
        let one = specifiers.iter().find(|one| one["extension"]["name"] == name).unwrap();
        let groups = one["extension"]["typed_config"]["priority_groups"].as_array().unwrap();
        groups.iter().map(|group| group["name"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(groups("llm"), ["openai", "anthropic,second"]);
    assert_eq!(groups("llm-openai-second"), ["openai", "second"]);
}

#[test]
fn several_models_need_what_tells_them_apart() {
    for router in [
        LlmRouter { headers_held: HeadersHeld::No, ..two_models() },
        LlmRouter { filters: Filters::ProviderOnly, ..two_models() },
    ] {
        let problems = router.check().unwrap_err();
        assert!(problems.iter().any(|(_, problem)| *problem == Problem::ModelsNeedHeaders), "{problems}");
    }
    let mut twice = two_models();
    twice.more_models[0].providers[0].name = "openai".parse().unwrap();
    let problems = twice.check().unwrap_err();
    assert!(
        problems.iter().any(|(_, problem)| matches!(problem, Problem::DuplicateProvider { .. })),
        "{problems}"
    );
}
