//! The same files as manifests for Envoy Gateway. That it takes them, and what comes of it, is seen in the lab.

use ai_filters::render::{GatewayApi, GatewayVersion, Infrastructure, manifests};
use ai_filters::route::{Target, Understood, read_for};
use serde::Deserialize as _;

use super::*;

fn read_kubernetes(text: &str, secret: Option<&str>) -> Result<Understood, String> {
    let target = Target::Kubernetes { version: GatewayVersion::V1_9, tls_secret: secret.map(str::to_owned) };
    read_for("route.yaml", text.as_bytes(), &target).map_err(|found| found.to_string())
}

/// What is rendered, as documents.
fn rendered(text: &str, secret: Option<&str>) -> Vec<Value> {
    let understood = read_kubernetes(text, secret).unwrap_or_else(|found| unreachable(&found));
    let pods = understood.cluster.pods("registry/ai-provider:2".to_owned());
    let gateway = GatewayApi {
        router: understood.router,
        gateway_image: "registry/ai-gateway:1".to_owned(),
        infrastructure: Infrastructure::Kubernetes(pods),
        place: understood.cluster.place,
    };
    assert_eq!(gateway.check(), Ok(()));
    let text = manifests(&gateway);
    let documents = serde_yaml_ng::Deserializer::from_str(&text);
    documents.map(|document| Value::deserialize(document).unwrap()).collect()
}

fn of<'a>(documents: &'a [Value], kind: &str) -> Vec<&'a Value> {
    documents.iter().filter(|document| document["kind"] == kind).collect()
}

/// Everything that a route may say and Envoy Gateway can: with names in the place of addresses, and a Secret in that of files.
fn full() -> String {
    FULL.replace("http://127.0.0.1:8000/v1", "http://llama.models.svc.cluster.local:8000/v1")
        .replace(
            "tls: {certificate: /etc/envoy/tls/tls.crt, key: /etc/envoy/tls/tls.key}",
            "tls: {secretName: shown}",
        )
        .replace("    admin: 127.0.0.1:9902\n", "")
        .replace("namespace: team-a}", "namespace: team-a, labels: {team: a}, annotations: {note: \"x, y\"}}")
        .replace(
            "apiKeyRef: {name: canary, env: CANARY_KEY}",
            "apiKeyRef: {name: canary, env: CANARY_KEY, entry: second}",
        )
        .replace(
            "  counting: {mode: exact}\n",
            "  counting: {mode: exact}\n  replicas: 2\n  outlierDetection: {failures: 4}\n",
        )
}

#[test]
fn everything_that_may_be_said_reaches_the_manifests() {
    let all = rendered(&full(), None);
    let proxy = &of(&all, "EnvoyProxy")[0]["spec"]["provider"]["kubernetes"]["envoyDeployment"];
    assert_eq!(proxy["replicas"], 2);
    let secret = |env: &str, name: &str, key: &str| json!({"name": env, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}});
    let keys = json!([
        secret("OPENAI_API_KEY", "openai-key", "key"),
        secret("CANARY_KEY", "canary", "second"),
        secret("ANTHROPIC_API_KEY", "anthropic-api-key", "key"),
    ]);
    assert_eq!(proxy["container"]["env"], keys);
    assert_eq!(proxy["pod"]["volumes"][0]["image"]["reference"], "registry/ai-provider:2");
    assert!(of(&all, "EnvoyProxy")[0]["spec"].get("telemetry").is_none(), "the access log is off");

    let listener = json!({
        "name": "https", "protocol": "HTTPS", "port": 8443,
        "tls": {"mode": "Terminate", "certificateRefs": [{"kind": "Secret", "name": "shown"}]},
        "allowedRoutes": {"namespaces": {"from": "Same"}},
    });
    assert_eq!(of(&all, "Gateway")[0]["spec"]["listeners"], json!([listener]));
    assert_eq!(of(&all, "ClientTrafficPolicy")[0]["spec"]["connection"]["bufferLimit"], 2_097_152);
    assert_eq!(
        of(&all, "ClientTrafficPolicy")[0]["spec"]["timeout"]["http"]["streamIdleTimeout"],
        "900s",
        "the longest of all"
    );

    for document in &all {
        let metadata = &document["metadata"];
        assert_eq!(
            (&metadata["labels"], &metadata["annotations"]),
            (&json!({"team": "a"}), &json!({"note": "x, y"}))
        );
        let cluster_wide = document["kind"] == "GatewayClass";
        assert_eq!(metadata.get("namespace"), (!cluster_wide).then_some(&json!("team-a")), "{document}");
    }
    let names: Vec<_> =
        of(&all, "HTTPRoute").iter().map(|route| route["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["chat", "chat-gpt-4o-mini", "chat-llama"]);
    let weights: Vec<_> = of(&all, "HTTPRoute")[0]["spec"]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| {
            rule["backendRefs"]
                .as_array()
                .unwrap()
                .iter()
                .map(|backend| (backend["name"].as_str().unwrap(), backend["weight"].as_u64().unwrap_or(1)))
                .collect::<Vec<_>>()
        })
        .collect();
    let (shared, last) = ([("big", 9), ("canary", 1)], ("claude", 1));
    assert!(weights.contains(&[&shared[..], &[last]].concat()), "{weights:?}");
    assert!(
        weights.contains(&shared.to_vec()) && weights.contains(&vec![last]),
        "narrowed plans keep their shares: {weights:?}"
    );
    let ranks: Vec<_> = of(&all, "Backend")
        .iter()
        .map(|it| (it["metadata"]["name"].as_str().unwrap(), it["spec"]["fallback"] == true))
        .collect();
    assert_eq!(ranks, [("big", false), ("canary", false), ("claude", true), ("mini", false), ("own", false)]);
    let own = &of(&all, "Backend")[4]["spec"]["endpoints"][0]["fqdn"];
    assert_eq!(own, &json!({"hostname": "llama.models.svc.cluster.local", "port": 8000}));
    let verified: Vec<_> = of(&all, "BackendTLSPolicy")
        .iter()
        .map(|it| it["spec"]["validation"]["hostname"].as_str().unwrap())
        .collect();
    assert_eq!(verified, ["api.openai.com", "api.openai.com", "claude.example.com", "api.openai.com"]);

    let passive = json!({"consecutive5XxErrors": 4, "interval": "1s", "baseEjectionTime": "30s", "maxEjectionPercent": 50});
    assert_eq!(of(&all, "BackendTrafficPolicy")[0]["spec"]["healthCheck"]["passive"], passive);

    let filter = &of(&all, "EnvoyExtensionPolicy")[0]["spec"]["wasm"][0];
    assert_eq!(filter["code"]["image"]["url"], "registry/ai-gateway:1");
    let config = &filter["config"];
    GatewayConfig::parse(config.to_string().as_bytes(), &|_| None).unwrap();
    assert_eq!(config["budgets"]["limits"][0]["name"], "team-month");
    assert_eq!(config["prices"].as_array().unwrap().len(), 5);
}

#[test]
fn each_rule_has_a_policy_a_patch_and_requests_of_its_own() {
    let all = rendered(&full(), None);
    let mut rules = Vec::new();
    let mut clusters = Vec::new();
    let mut matches = Vec::new();
    for route in of(&all, "HTTPRoute") {
        let route_name = route["metadata"]["name"].as_str().unwrap();
        for (index, rule) in route["spec"]["rules"].as_array().unwrap().iter().enumerate() {
            rules.push((route_name.to_owned(), rule["name"].as_str().unwrap().to_owned()));
            clusters.push(format!("httproute/team-a/{route_name}/rule/{index}"));
            matches.push(rule["matches"][0].to_string());
        }
    }
    let target = |policy: &&Value| {
        let target = &policy["spec"]["targetRefs"][0];
        (target["name"].as_str().unwrap().to_owned(), target["sectionName"].as_str().unwrap().to_owned())
    };
    assert_eq!(of(&all, "BackendTrafficPolicy").iter().map(target).collect::<Vec<_>>(), rules);
    let policies = of(&all, "EnvoyPatchPolicy");
    let patches: Vec<&Value> =
        policies.iter().flat_map(|policy| policy["spec"]["jsonPatches"].as_array().unwrap()).collect();
    let patched: Vec<_> = patches
        .iter()
        .filter(|patch| patch["type"].as_str().unwrap().ends_with(".Cluster"))
        .map(|patch| patch["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(patched, clusters);
    let listeners: std::collections::BTreeSet<_> = patches
        .iter()
        .filter(|patch| patch["type"].as_str().unwrap().ends_with(".Listener"))
        .map(|patch| patch["name"].as_str().unwrap())
        .collect();
    assert_eq!(listeners.into_iter().collect::<Vec<_>>(), ["team-a/ai/https"]);
    let mut parted = matches.clone();
    parted.sort();
    parted.dedup();
    assert_eq!(parted.len(), matches.len(), "two rules for the same requests: {matches:#?}");
    let caught: Vec<_> = matches.iter().filter(|matched| !matched.contains("headers")).collect();
    assert_eq!(caught.len(), 1, "one rule is found before the filter has run");
}

#[test]
fn names_that_resources_cannot_have_are_made_into_some_that_they_can() {
    let backend = |name: &str, model: &str| {
        format!(
            "  - {{name: {name}, provider: openai, model: \"{model}\", baseUrl: \"https://a.example/v1\"}}\n"
        )
    };
    let head = EXAMPLE.split("  - name").next().unwrap();
    let text = format!(
        "{head}{}{}{}{}",
        backend("a", "Meta/Llama-3"),
        backend("b", "meta.llama-3"),
        backend("c", "*"),
        backend("d", "x")
    );
    let all = rendered(&text, None);
    let names: Vec<_> =
        of(&all, "BackendTrafficPolicy").iter().map(|it| it["metadata"]["name"].as_str().unwrap()).collect();
    let expected = ["meta-llama-3", "meta-llama-3-2", "model", "x"];
    let expected: Vec<_> =
        expected.iter().flat_map(|name| [format!("{name}-stream"), format!("{name}-answer")]).collect();
    assert_eq!(names, expected);
}

/// The rules of a model for one API are named after both, and another model may have just that name.
#[test]
fn no_model_takes_the_names_of_anothers_rules() {
    let named = EXAMPLE.replace("gpt-4", "chat");
    let other = "  - {name: other, provider: openai, model: chat-openai, auth: {type: APIKey, apiKeyRef: {name: openai-key}}}\n";
    let behind = named.replace("  rateLimit:", &format!("{other}  rateLimit:"));
    let before = named.replace("  - name: openai\n", &format!("{other}  - name: openai\n"));
    for text in [behind, before] {
        let all = rendered(&text, None);
        let names: Vec<_> =
            all.iter().map(|it| format!("{} {}", it["kind"], it["metadata"]["name"])).collect();
        let parted: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(parted.len(), names.len(), "two resources have one name: {names:#?}");
    }
}

/// `kubectl apply` keeps a resource in an annotation of itself, which may have 256 KiB.
#[test]
fn many_models_are_no_resource_that_is_too_long() {
    let head = EXAMPLE.split("  - name").next().unwrap();
    let backends: String = (0..24)
        .map(|number| {
            format!("  - {{name: o{number}, provider: openai, model: model-{number}, auth: {{type: APIKey, apiKeyRef: {{name: openai-key}}}}}}\n  - {{name: a{number}, priority: 1, provider: anthropic, model: claude, modelNameOverride: model-{number}, auth: {{type: APIKey, apiKeyRef: {{name: anthropic-key}}}}}}\n")
        })
        .collect();
    for resource in rendered(&format!("{head}{backends}"), None) {
        let bytes = resource.to_string().len();
        assert!(bytes < 256 << 10, "{} {}: {bytes}", resource["kind"], resource["metadata"]["name"]);
    }
}

#[test]
fn the_files_own_secret_is_the_one_that_counts() {
    let own = format!("{EXAMPLE}  listener: {{tls: {{secretName: own}}}}\n");
    let shown = |text: &str| {
        let all = rendered(text, Some("from-outside"));
        of(&all, "Gateway")[0]["spec"]["listeners"][0]["tls"]["certificateRefs"][0]["name"].clone()
    };
    assert_eq!((shown(&own), shown(EXAMPLE)), (json!("own"), json!("from-outside")));
}

/// A whole number may be written as one with an exponent or a fraction of nothing.
#[test]
fn a_number_stays_a_number_however_it_is_written() {
    let text = format!(
        "{EXAMPLE}  budgets: {{default_completion_tokens: 2e3, limits: [{{name: all, callers: 1000.0, quota: {{amount: 1e3, window: day}}}}]}}\n"
    );
    let all = rendered(&text, None);
    let config = &of(&all, "EnvoyExtensionPolicy")[0]["spec"]["wasm"][0]["config"];
    GatewayConfig::parse(config.to_string().as_bytes(), &|_| None)
        .unwrap_or_else(|problems| unreachable(&problems));
    assert_eq!(config["budgets"]["default_completion_tokens"], 2000);
}

#[test]
fn what_envoy_gateway_cannot_say_is_refused_at_its_place() {
    let third = "  - {name: third, provider: openai, priority: 2, model: gpt-4, auth: {type: APIKey, apiKeyRef: {name: openai-key}}}\n  rateLimit:";
    for (text, expected) in [
        (
            EXAMPLE.replace("  rateLimit:", third),
            "route.yaml:18: spec.backends[2].name: `third` would be a third rank of `gpt-4`",
        ),
        (
            EXAMPLE.replace("name: openai\n", "name: open_ai\n"),
            "spec.backends[0].name: `open_ai` cannot be the name of a Backend",
        ),
        (
            EXAMPLE.replace("    model: gpt-4\n", "    model: gpt-4\n    baseUrl: https://10.0.0.1/v1\n"),
            "spec.backends[0].baseUrl: is an address",
        ),
        (
            EXAMPLE.replace("    model: gpt-4\n", "    model: gpt-4\n    baseUrl: http://my_llm:8000/v1\n"),
            "spec.backends[0].baseUrl: `my_llm` cannot be the host of a Backend",
        ),
        (
            EXAMPLE.replace("name: llm-router", "name: LLM"),
            "metadata.name: `LLM` cannot be the name of an HTTPRoute",
        ),
        (
            format!("{EXAMPLE}  listener: {{tls: {{certificate: /a, key: /b}}}}\n"),
            "spec.listener.tls: names no Secret",
        ),
        (
            format!("{EXAMPLE}  listener: {{tls: {{secretName: Shown}}}}\n"),
            "spec.listener.tls.secretName: is no name of a Secret",
        ),
        (
            format!("{EXAMPLE}  sharedBudget: {{perDay: 5}}\n"),
            "spec.sharedBudget: Envoy Gateway takes what a request costs from dynamic metadata",
        ),
        (
            EXAMPLE.replace("{name: anthropic-key}", "{name: other, env: OPENAI_API_KEY}"),
            "OPENAI_API_KEY is the variable of another Secret already",
        ),
        (
            EXAMPLE.replace("{name: anthropic-key}", "{name: anthropic-key, entry: sk-ant-ABC}"),
            "apiKeyRef.entry: that is no entry of a Secret",
        ),
    ] {
        let said = read_kubernetes(&text, None).unwrap_err();
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(!said.contains("sk-ant"), "{said}");
    }
    let files_alone = format!("{EXAMPLE}  listener: {{tls: {{secretName: shown}}}}\n");
    assert!(
        problems(&files_alone).contains("spec.listener.tls: names no files"),
        "a bootstrap reads no Secret"
    );
    for (tls, expected) in [
        ("{}", "spec.listener.tls: names no certificate"),
        ("{key: /a}", "spec.listener.tls.certificate: missing field"),
    ] {
        let said = problems(&format!("{EXAMPLE}  listener: {{tls: {tls}}}\n"));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn what_has_no_effect_there_is_warned_of() {
    let said = |text: &str, secret: Option<&str>| -> Vec<String> {
        read_kubernetes(text, secret).unwrap().warnings.iter().map(|warning| warning.path.clone()).collect()
    };
    let budget = "spec.rateLimit.tokenBudget.perMinute";
    assert_eq!(said(EXAMPLE, None), [budget, "spec.listener.tls"]);
    assert_eq!(said(EXAMPLE, Some("shown")), [budget]);
    let listener = format!(
        "{EXAMPLE}  listener: {{address: \"127.0.0.1:1\", admin: \"127.0.0.1:2\", caBundle: /a, tls: {{secretName: b}}}}\n"
    );
    assert_eq!(
        said(&listener, None),
        [budget, "spec.listener.admin", "spec.listener.caBundle", "spec.listener.address"]
    );
}

#[test]
fn other_versions_of_envoy_gateway_are_refused_by_name() {
    let example = "../../../../envoy-configs/llm-router/route.yaml";
    let run = |version: &str| {
        run(&["render", "route", example, "--to", "kubernetes", "--gateway-version", version])
    };
    assert!(run("1.9").status.success() && run("v1.9.1").status.success());
    for version in ["1.8.2", "1.10", "2.0"] {
        let output = run(version);
        assert_eq!(output.status.code(), Some(2));
        assert!(
            String::from_utf8_lossy(&output.stderr).contains(&format!("and not for {version}")),
            "{version}"
        );
    }
    assert_eq!(run("new").status.code(), Some(2));
    let secret = super::run(&["render", "route", example, "--to", "kubernetes", "--tls-secret", "A b"]);
    assert_eq!(secret.status.code(), Some(2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Files with lines left out or from elsewhere: what is understood can be rendered, Envoy Gateway's names are right, and the linter has
    /// nothing against it.
    #[test]
    fn what_is_understood_is_rendered_without_reproach(
        changes in proptest::collection::vec((0..60_usize, 0..60_usize, any::<bool>()), 0..6),
        secret in any::<bool>(),
    ) {
        let good = full();
        let good: Vec<&str> = good.lines().collect();
        let mut lines: Vec<&str> = good.clone();
        for (line, other, replaced) in changes {
            if let (Some(slot), Some(other)) = (lines.get_mut(line), good.get(other)) {
                *slot = if replaced { other } else { "" };
            }
        }
        let text = lines.join("\n");
        if read_kubernetes(&text, secret.then_some("shown")).is_ok() {
            let all = rendered(&text, secret.then_some("shown"));
            let names: std::collections::BTreeSet<_> =
                all.iter().map(|it| format!("{} {}", it["kind"], it["metadata"]["name"])).collect();
            prop_assert_eq!(names.len(), all.len(), "two resources have one name");
            let text: String = all.iter().map(|document| format!("---\n{document}\n")).collect();
            let found = ai_filters::lint::lint(&[ai_filters::lint::File { name: "rendered.yaml", text: &text }]);
            prop_assert!(found.problems.is_empty(), "{:?}", found.problems);
        }
    }
}
