//! What a route may say beyond the short form: patterns, settings of one model, headers, a shared budget, several gateways.

use serde_json::json;

use super::*;

fn gateway(text: &str) -> Value {
    serde_json::from_str(&gateway_config(&understood(text))).unwrap()
}

/// The example with the first backend's `model` written so.
fn with_model(model: &str) -> String {
    EXAMPLE.replacen("model: gpt-4\n", &format!("model: {model}\n"), 1)
}

#[test]
fn a_pattern_sends_the_name_that_was_asked_for() {
    let text =
        with_model("\"gpt-*\"").replace("modelNameOverride: gpt-4\n", "modelNameOverride: \"gpt-*\"\n");
    let model = &gateway(&text)["models"][0];
    assert_eq!(model["name"], "gpt-*");
    let targets = json!([
        {"provider": "openai", "api": "openai"},
        {"provider": "anthropic", "api": "anthropic", "model": "claude-3-opus"},
    ]);
    assert_eq!(model["targets"], targets);
    for config in provider_configs(&understood(&text)) {
        let config: Value = serde_json::from_str(&config).unwrap();
        let (_, provider) = config["providers"].as_object().unwrap().iter().next().unwrap();
        assert!(provider.get("model_name_override").is_none(), "a pattern is nobody's name: {provider}");
        ProviderConfig::parse(config.to_string().as_bytes(), &|_| Some("key".to_owned())).unwrap();
    }
    let way = explain(&understood(&text), "gpt-4o", None).unwrap();
    assert!(way.contains("model      gpt-4o, one of gpt-*\n"), "{way}");
    assert!(
        way.contains("attempt 1  openai: gpt-4o at")
            && way.contains("attempt 2  anthropic: claude-3-opus at"),
        "{way}"
    );
    assert_eq!(explain(&understood(&text), "claude", None), None);
}

#[test]
fn a_pattern_cannot_be_seen_as_another_name() {
    let text = with_model("\"gpt-*\"\n    modelNameOverride: gpt-4");
    let expected =
        "route.yaml:10: spec.backends[0].model: sends names as they were asked for, and clients see `gpt-4`";
    assert!(problems(&text).contains(expected), "{}", problems(&text));
    assert!(problems(&with_model("\"g*t\"")).contains("route.yaml:10: spec.backends[0].model: "));
}

#[test]
fn one_model_has_settings_of_its_own() {
    let text = format!("{FULL}  models: [{{name: llama, counting: estimate, maxInputTokens: 7}}]\n");
    let models = &gateway(&text)["models"];
    assert_eq!((&models[2]["counting"], &models[2]["max_input_tokens"]), (&json!("estimate"), &json!(7)));
    assert!(models[0].get("counting").is_none() && models[0]["max_input_tokens"] == 100_000);
    for (settings, expected) in [
        (
            "{name: lama}",
            "spec.models[0].name: unknown model `lama` (of this route: `llama`)\n  hint: did you mean `llama`?",
        ),
        ("{name: llama, counting: some}", "spec.models[0].counting: unknown mode `some`"),
        ("{name: llama, maxInputTokens: 0}", "spec.models[0].maxInputTokens: 0 is not from 1"),
        ("{name: llama}, {name: llama}", "spec.models[1].name: the settings of `llama` are given twice"),
    ] {
        let said = problems(&format!("{FULL}  models: [{settings}]\n"));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn headers_are_an_allow_list_that_credentials_cannot_join() {
    let with =
        |more: &str| EXAMPLE.replacen("    model: gpt-4\n", &format!("    model: gpt-4\n    {more}\n"), 1);
    let text = with(
        "passRequestHeaders: [X-Experiment]\n    passResponseHeaders: [x-model-version]\n    headers: {OpenAI-Beta: a}",
    );
    let config: Value = serde_json::from_str(&provider_configs(&understood(&text))[0]).unwrap();
    let provider = &config["providers"]["openai"];
    assert_eq!(provider["pass_request_headers"], json!(["x-experiment"]));
    assert_eq!(provider["pass_response_headers"], json!(["x-model-version"]));
    assert_eq!(provider["headers"], json!({"openai-beta": "a"}));
    for (more, expected) in [
        (
            "passRequestHeaders: [a, Authorization]",
            "spec.backends[0].passRequestHeaders[1]: `authorization` is a credential of the client",
        ),
        (
            "passResponseHeaders: [set-cookie]",
            "spec.backends[0].passResponseHeaders[0]: `set-cookie` is between the provider and the gateway",
        ),
        ("headers: {x-api-key: a}", "spec.backends[0].headers.x-api-key: `x-api-key` is a credential"),
        (
            "{headers: {x-a: b}, passRequestHeaders: [x-a]}",
            "spec.backends[0].passRequestHeaders[0]: `x-a` is set by `headers` already",
        ),
    ] {
        let more = more.trim_matches(['{', '}']).replace("}, pass", "}\n    pass");
        let more =
            if more.matches('{').count() > more.matches('}').count() { format!("{more}}}") } else { more };
        let said = problems(&with(&more));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_shared_budget_is_what_the_fleets_own_command_renders() {
    let shared = "  sharedBudget: {perMinute: 10000, perDay: 100000}\n";
    let router = understood(&format!("{EXAMPLE}{shared}"));
    assert_eq!(router.global_budget, Some(ai_filters::render::GlobalBudget::default()));
    assert_eq!(router.counting["mode"], "exact", "the service has to know a prompt's tokens");
    assert!(bootstrap(&router).contains("ratelimit.v3.RateLimit"));
    let more =
        "  sharedBudget: {perHour: 5, service: \"limits.example:9\", timeout: 20ms, onFailure: refuse}\n";
    let budget = understood(&format!("{EXAMPLE}{more}")).global_budget.unwrap();
    assert_eq!(
        (budget.service.host(), budget.service.port(), budget.budgets.len()),
        ("limits.example", 9, 1)
    );
    assert_eq!(budget.on_failure, ai_filters::render::OnFailure::Refuse);
    for (change, expected) in [
        ("  sharedBudget: {}\n", "spec.sharedBudget: has no window"),
        ("  sharedBudget: {perDay: 0}\n", "spec.sharedBudget.perDay: 0 is not from 1"),
        (
            "  sharedBudget: {perDay: 5, service: nowhere}\n",
            "spec.sharedBudget.service: `nowhere` is no address of a service",
        ),
        (
            "  sharedBudget: {perDay: 5}\n  counting: {mode: auto}\n",
            "spec.counting: a shared budget has to know",
        ),
        ("  sharedBudget: {perUser: 5}\n", "`perDay` is each caller's in a day"),
    ] {
        let said = problems(&format!("{EXAMPLE}{change}"));
        assert!(said.contains(expected), "{said}");
    }
    let old = read("r", format!("{EXAMPLE}{shared}").as_bytes(), EnvoyVersion(38)).unwrap_err().to_string();
    assert!(old.contains("Envoy 1.38 is too old for a shared budget"), "{old}");
}

#[test]
fn the_rate_limit_services_file_is_written_beside_the_others() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("route-shared");
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("route.yaml");
    std::fs::write(&file, format!("{EXAMPLE}  sharedBudget: {{perMinute: 10000, perDay: 100000}}\n"))
        .unwrap();
    let output = directory.join("docker-compose.yaml");
    let arguments =
        ["render", "route", file.to_str().unwrap(), "--to", "compose", "-o", output.to_str().unwrap()];
    let output = run(&arguments);
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("sharedBudget.service"), "{said}");
    let committed = include_str!("../../../../envoy-configs/global-budget/ratelimit.yaml");
    assert_eq!(std::fs::read_to_string(directory.join("ratelimit.yaml")).unwrap(), committed);
    // The services are the ones that the fleet's own file has, which the tests run.
    let parsed = |text: &str| {
        let mut value: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).unwrap();
        value.apply_merge().unwrap();
        serde_json::to_value(value).unwrap()
    };
    let rendered = parsed(&std::fs::read_to_string(directory.join("docker-compose.yaml")).unwrap());
    let fleet = parsed(include_str!("../../../../envoy-configs/global-budget/docker-compose.yaml"));
    for service in ["ratelimit", "redis"] {
        assert_eq!(rendered["services"][service], fleet["services"][service], "{service}");
    }
    assert_eq!(rendered["services"]["gateway"]["depends_on"], fleet["services"]["gateway-a"]["depends_on"]);
    let loopback = "  sharedBudget: {perDay: 5}\n  listener: {address: \"127.0.0.1:1\"}\n";
    std::fs::write(&file, format!("{EXAMPLE}{loopback}")).unwrap();
    let output = run(&["render", "route", file.to_str().unwrap(), "--to", "compose"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("spec.sharedBudget needs services"), "{said}");
    let elsewhere = format!("{EXAMPLE}  sharedBudget: {{perDay: 5, service: \"limits.example:9\"}}\n");
    std::fs::write(&file, elsewhere).unwrap();
    let away = directory.join("away.yaml");
    let output =
        run(&["render", "route", file.to_str().unwrap(), "--to", "compose", "-o", away.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("none of this file's, and the gateway asks for it at limits.example:9"), "{said}");
    assert!(!std::fs::read_to_string(away).unwrap().contains("redis"));
    std::fs::write(&file, format!("{EXAMPLE}  sharedBudget: {{perMinute: 10000, perDay: 100000}}\n"))
        .unwrap();
    let own = directory.join("own.yaml");
    let arguments = ["render", "route", file.to_str().unwrap(), "--service-config", own.to_str().unwrap()];
    assert!(run(&arguments).status.success());
    assert_eq!(std::fs::read_to_string(own).unwrap(), committed);
}

#[test]
fn several_gateways_have_to_agree() {
    let several = format!(
        "{EXAMPLE}  identity: {{header: {{user: x-id}}}}\n  replicas: 3\n  listener: {{address: \"127.0.0.1:1\"}}\n"
    );
    let expected = "spec.rateLimit.tokenBudget.perMinute: each of 3 gateways keeps this budget for itself, and all together admit up to 3 times as much";
    assert_eq!(warnings(&several), [expected]);
    assert_eq!(warnings(&several.replace("replicas: 3", "replicas: 1")), [""; 0]);
    assert_eq!(warnings(&format!("{several}  sharedBudget: {{perDay: 5}}\n")), [""; 0]);
    let none: String = several
        .lines()
        .filter(|line| !line.contains("per") && !line.contains("Limit") && !line.contains("tokenBudget"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(warnings(&none), [""; 0], "there is nothing to agree on");
    assert!(
        problems(&several.replace("replicas: 3", "replicas: 0"))
            .contains("spec.replicas: 0 is not from 1 to 1000")
    );
}

#[test]
fn a_budget_for_callers_whom_nobody_knows_is_warned_of() {
    let text = EXAMPLE.split("  rateLimit").next().unwrap().to_owned()
        + "  listener: {address: \"127.0.0.1:1\"}\n  budgets: {limits: [{name: a, per: [user], quota: {amount: 1, window: day}}]}\n";
    let expected = "spec.budgets.limits[0].per: users are told apart by the header `x-user-id`, which whoever can connect may write";
    assert_eq!(warnings(&text), [expected]);
    assert_eq!(warnings(&text.replace("per: [user], ", "")), [""; 0], "one budget for all asks nobody");
    let shared = text.replace(
        "budgets: {limits: [{name: a, per: [user], quota: {amount: 1, window: day}}]}",
        "sharedBudget: {perDay: 5}",
    );
    assert_eq!(warnings(&shared), [expected.replace("budgets.limits[0].per", "sharedBudget")]);
}

#[test]
fn keys_that_are_fetched_need_somebody_who_fetches() {
    let identity = "  listener: {address: \"127.0.0.1:1\"}\n  identity: {jwt: {issuers: [a], audiences: [b], jwks_from: {cluster: idp, authority: idp.example, path: /keys}}}\n";
    let said = warnings(&format!("{EXAMPLE}{identity}"));
    let expected = "spec.identity.jwt.jwks_from.cluster: nothing that is rendered has a cluster `idp`: until somebody adds it, no token is accepted";
    assert_eq!(said, [expected]);
}

#[test]
fn no_time_limit_is_switched_off() {
    for limit in ["firstByte", "idle", "answer", "total"] {
        let said = problems(&format!("{EXAMPLE}  timeouts: {{{limit}: 0s}}\n"));
        assert!(said.contains(&format!("spec.timeouts.{limit}: `0s` is no time limit")), "{said}");
    }
}

#[test]
fn labels_are_what_kubernetes_takes() {
    let with =
        |metadata: &str| EXAMPLE.replace("  name: llm-router", &format!("  name: llm-router\n  {metadata}"));
    for (metadata, expected) in [
        ("labels: {a b: c}", "metadata.labels[\"a b\"]: `a b` is no name of a label"),
        ("labels: {a: b c}", "metadata.labels.a: that is no value of a label"),
        ("namespace: Team", "metadata.namespace: `Team` is no name of a namespace"),
        ("annotations: {-a: b}", "metadata.annotations.-a: `-a` is no name of a label"),
    ] {
        let said = problems(&with(metadata));
        assert!(said.contains(expected), "{said}");
    }
    let other = FULL.replace("metadata: {name: own}", "metadata: {name: own, namespace: team-b}");
    assert!(problems(&other).contains("metadata.namespace: another route of this file is for `team-a`"));
    let two = FULL
        .replace("metadata: {name: own}", "metadata: {name: own, labels: {a: b}}")
        .replace("namespace: team-a}", "namespace: team-a, labels: {a: c}}");
    assert!(problems(&two).contains("metadata.labels.a: another route of this file says another value"));
}

#[test]
fn outlier_detection_is_there_where_it_is_asked_for() {
    let text = format!(
        "{EXAMPLE}  identity: {{header: {{}}}}\n  listener: {{address: \"127.0.0.1:1\"}}\n  outlierDetection: {{failures: 4, ejectionTime: 90s}}\n"
    );
    let router = read("r", text.as_bytes(), EnvoyVersion(39)).unwrap();
    assert!(router.warnings.is_empty(), "{:?}", router.warnings);
    let root: Value = serde_yaml_ng::from_str(&bootstrap(&router.router)).unwrap();
    let cluster = &root["static_resources"]["clusters"][0];
    assert_eq!(cluster["outlier_detection"]["consecutive_5xx"], 4);
    assert_eq!(cluster["outlier_detection"]["base_ejection_time"], "90s");
    let without: Value = serde_yaml_ng::from_str(&bootstrap(&understood(EXAMPLE))).unwrap();
    assert!(without["static_resources"]["clusters"][0].get("outlier_detection").is_none());
    let said = warnings(&text);
    assert!(
        matches!(said.as_slice(), [one] if one.starts_with("spec.outlierDetection: has an effect on providers with several addresses alone")),
        "{said:?}"
    );
    for (given, expected) in
        [("failures: 4", "failures: 0"), ("ejectionTime: 90s", "ejectionTime: soon"), ("failures: 4, ", "")]
            .map(|(from, to)| (text.replace(from, to), from.split(':').next().unwrap()))
    {
        assert!(
            problems(&given).contains(&format!("spec.outlierDetection.{expected}: ")),
            "{}",
            problems(&given)
        );
    }
}
