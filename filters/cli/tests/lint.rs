//! `ai-filters lint`: silent about the project's own manifests, and each of a set of broken ones told as its golden file says.
//! `UPDATE_GOLDENS=1 cargo test -p ai-filters --test lint` rewrites those: read the diff.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ai_filters::lint::{File, Lint, lint};
use ai_filters::render::{GatewayApi, GatewayVersion, HeadersHeld, Infrastructure, manifests};
use ai_filters::route::{Target, read_for};
use proptest::prelude::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn of(text: &str) -> Lint {
    lint(&[File { name: "f.yaml", text }])
}

fn run(arguments: &[&str]) -> Output {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint");
    Command::new(env!("CARGO_BIN_EXE_ai-filters")).args(arguments).current_dir(directory).output().unwrap()
}

#[test]
fn the_projects_own_manifests_are_left_alone() {
    let mut seen = 0;
    for entry in fs::read_dir(root().join("envoy-configs/gateway-api")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let found = of(&fs::read_to_string(&path).unwrap());
            assert_eq!(found, Lint::default(), "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 0, "there are no manifests");
    let file = include_str!("../../../envoy-configs/llm-router/route.yaml");
    let more = "  aliases: [{match: \"any-*\", model: gpt-4}]\n  budgets: {limits: [{name: all, quota: {amount: 5, window: day}}]}\n";
    let target = Target::Kubernetes { version: GatewayVersion::V1_9, tls_secret: Some("shown".to_owned()) };
    let understood = read_for("route.yaml", format!("{file}{more}").as_bytes(), &target).unwrap();
    let infrastructure = Infrastructure::Kubernetes(understood.cluster.pods("a/b:1".to_owned()));
    let gateway = GatewayApi {
        router: understood.router,
        gateway_image: "a/c:1".to_owned(),
        infrastructure,
        place: understood.cluster.place,
    };
    assert_eq!(of(&manifests(&gateway)), Lint::default());
    let mut unpatched = gateway;
    unpatched.router.filters = ai_filters::render::Filters::GatewayOnly;
    unpatched.router.headers_held = HeadersHeld::No;
    assert_eq!(of(&manifests(&unpatched)), Lint::default());
}

#[test]
fn each_broken_file_is_told_as_it_should_be() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint");
    let mut seen = 0;
    for entry in fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        seen += 1;
        let name = path.file_name().unwrap().to_str().unwrap();
        let output = run(&["lint", name, "--deny-warnings"]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        let said = String::from_utf8(output.stderr).unwrap();
        let golden = path.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            fs::write(&golden, &said).unwrap();
        }
        assert_eq!(said, fs::read_to_string(&golden).unwrap_or_default(), "{name}");
        for key in ["0123456789", "hunter2", "c2stYW50"] {
            assert!(!said.contains(key), "{name}: a key is repeated");
        }
    }
    assert_eq!(seen, 6);
}

/// What the project's own manifests need, taken away one by one.
#[test]
fn each_part_of_the_projects_own_manifests_is_missed() {
    let text = fs::read_to_string(root().join("envoy-configs/gateway-api/llm-router.yaml")).unwrap();
    for (part, instead, expected) in [
        ("bufferLimit: 16777216", "bufferLimit: 32768", "answered 413"),
        ("numAttemptsPerPriority: 1", "numAttemptsPerPriority: 0", "a fallback that no retry reaches"),
        ("requestTimeout: \"900s\"", "requestTimeout: 0s", "switches the time limit off"),
        ("kind: BackendTLSPolicy", "kind: Other", "speaks plain HTTP to `api.openai.com`"),
        ("protocol: HTTPS", "protocol: HTTP", "is served without TLS"),
        ("identity:", "identities:", "without `identity`"),
        ("max_body_bytes: 8388608", "max_body_bytes: 8388609", "less than twice the filter's longest body"),
        ("secretKeyRef: {name: openai-key, key: key}", "x: sk-0123456789abcdefghij", "looks like a key"),
    ] {
        assert!(text.contains(part), "{part}");
        let found = of(&text.replace(part, instead));
        let all: Vec<String> =
            found.problems.iter().chain(&found.warnings).map(|one| one.message.clone()).collect();
        assert!(all.iter().any(|message| message.contains(expected)), "{part}: {all:#?}");
    }
}

/// All that is told of it.
fn messages(text: &str) -> Vec<String> {
    let found = of(text);
    found.problems.iter().chain(&found.warnings).map(|one| one.message.clone()).collect()
}

#[test]
fn a_key_is_told_wherever_it_stands_and_a_name_is_none() {
    let map =
        |text: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{x: {text}}}\n");
    for text in [
        "\"{\\\"api_key\\\": \\\"sk-proj-0123456789abcdefghij\\\"}\"",
        "--key=sk-0123456789abcdefghij",
        "\"curl -H 'authorization: bearer 0123456789abcdefghij'\"",
        "\"a: 1\\nb: gsk_0123456789abcdefghijklmn\"",
        "sk-lf-01234567-89ab-cdef-0123-456789abcdef",
    ] {
        assert_eq!(messages(&map(text)), ["looks like a key"], "{text}");
    }
    for text in [
        "sk-telecom-inference-gateway-production",
        "\"Bearer of bad news, and of others too\"",
        "task-0123456789abcdefghij",
    ] {
        assert_eq!(messages(&map(text)), [""; 0], "{text}");
    }
    let variable = |name: &str, value: &str| {
        messages(&format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{env: [{{name: {name}, value: \"{value}\"}}]}}]}}\n"
        ))
    };
    for name in [
        "OPENAI_API_KEY",
        "openai_api_key",
        "AWS_SECRET_ACCESS_KEY",
        "HF_TOKEN",
        "REDIS_PASSWORD",
        "OPENAI_API_KEY_2",
    ] {
        assert_eq!(variable(name, "hunter2"), [format!("the value of {name} is written down")]);
        assert_eq!(variable(name, "$(OF_ANOTHER)"), [""; 0], "{name}");
    }
    for name in [
        "TOKENIZERS_PARALLELISM",
        "MAX_TOKENS",
        "API_KEY_HEADER",
        "SECRET_NAME",
        "TOKEN_URL",
        "PASSWORD_FILE",
        "KEY",
    ] {
        assert_eq!(variable(name, "false"), [""; 0], "{name}");
    }
}

#[test]
fn a_quantity_is_the_same_however_it_is_written() {
    let own = fs::read_to_string(root().join("envoy-configs/gateway-api/llm-router.yaml")).unwrap();
    for same in ["16Mi", "16777216.0", "1.7e7", "17e6", "0.5Gi", "17000k", "\"16777216\""] {
        assert_eq!(
            of(&own.replace("bufferLimit: 16777216", &format!("bufferLimit: {same}"))),
            Lint::default(),
            "{same}"
        );
    }
    for less in ["8Mi", "8388608", "8.5M", "1e7", "\"16777215\""] {
        let said = messages(&own.replace("bufferLimit: 16777216", &format!("bufferLimit: {less}")));
        assert!(
            said.iter().any(|message| message.contains("less than twice the filter's longest body")),
            "{less}: {said:?}"
        );
    }
}

#[test]
fn a_policy_may_select_what_it_is_for_by_labels() {
    let own = fs::read_to_string(root().join("envoy-configs/gateway-api/llm-router.yaml")).unwrap();
    let gateway = "kind: Gateway\nmetadata: {name: ai, namespace: default}";
    let named = "targetRefs:\n  - {group: gateway.networking.k8s.io, kind: Gateway, name: ai}\n  # What Envoy buffers";
    assert!(own.contains(gateway) && own.contains(named));
    let labelled =
        own.replace(gateway, "kind: Gateway\nmetadata: {name: ai, namespace: default, labels: {for: llm}}");
    let with = |selector: &str| {
        labelled.replace(named, &format!("targetSelectors:\n  - {{group: gateway.networking.k8s.io, kind: Gateway, {selector}}}\n  # What Envoy buffers"))
    };
    for selector in [
        "matchLabels: {for: llm}",
        "matchExpressions: [{key: for, operator: In, values: [llm, other]}]",
        "matchExpressions: [{key: for, operator: Exists}, {key: other, operator: DoesNotExist}]",
    ] {
        assert_eq!(of(&with(selector)), Lint::default(), "{selector}");
    }
    // And so may the policy of the filter, whose longest body Envoy's limit has to be twice of.
    let route = "kind: HTTPRoute\nmetadata: {name: llm-router, namespace: default}";
    let named =
        "  targetRefs:\n  - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: llm-router}\n  wasm:";
    assert!(own.contains(route) && own.contains(named));
    let longer = own
        .replace(route, &route.replace("default}", "default, labels: {for: llm}}"))
        .replace(named, "  targetSelectors:\n  - {kind: HTTPRoute, matchLabels: {for: llm}}\n  wasm:")
        .replace("max_body_bytes: 8388608", "max_body_bytes: 8388609");
    let said = messages(&longer);
    assert!(
        said.iter().any(|message| message.contains("less than twice the filter's longest body")),
        "{said:?}"
    );
    for selector in
        ["matchLabels: {for: other}", "matchExpressions: [{key: for, operator: NotIn, values: [llm]}]"]
    {
        assert!(
            messages(&with(selector)).iter().any(|message| message.contains("answered 413")),
            "{selector}"
        );
    }
}

#[test]
fn a_resource_is_not_judged_by_its_name() {
    let grant = "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: {name: a, namespace: models}\nspec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}], to: [{group: \"\", kind: Service}]}\n---\n";
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: certificate-checks}\nspec: {rules: [{backendRefs: [{name: a, namespace: models, port: 80}]}]}\n";
    assert_eq!(messages(&format!("{grant}{route}")), [""; 0]);
    let service = |name: &str, spec: &str| {
        messages(&format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"))
    };
    assert_eq!(service("shop", "type: LoadBalancer, ports: [{port: 80, targetPort: 8081}]"), [""; 0]);
    for (name, spec) in [
        ("rate-limit", "type: LoadBalancer, ports: [{port: 80, targetPort: 8081}]"),
        ("limits", "type: NodePort, selector: {app: ratelimit}, ports: [{port: 8081}]"),
        ("redis", "externalIPs: [192.0.2.1], ports: [{port: 6379}]"),
    ] {
        let said = service(name, spec);
        assert!(said.len() == 1 && said[0].contains("can be reached from outside"), "{name}: {said:?}");
    }
}

#[test]
fn a_key_that_stands_twice_is_told_with_its_line() {
    let found = of("kind: a\napiVersion: v1\nmetadata:\n  name: b\n  labels: {}\n  name: c\n");
    assert_eq!(found.problems.iter().map(|one| one.line).collect::<Vec<_>>(), [Some(6)]);
}

/// What somebody else wrote is shown, and does not write on the terminal by itself.
#[test]
fn no_name_of_a_resource_moves_the_cursor() {
    let found = of(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"a\\e[2J\\nb\"}\ndata: {x: sk-0123456789abcdefghij}\n",
    );
    let said = found.problems[0].to_string();
    assert!(said.contains("ConfigMap a\\u{1b}[2J\\nb: data.x") && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn files_are_read_together() {
    let whole = fs::read_to_string(root().join("envoy-configs/gateway-api/llm-router.yaml")).unwrap();
    let (policies, rest): (Vec<&str>, Vec<&str>) =
        whole.split("\n---\n").partition(|text| text.contains("kind: BackendTrafficPolicy"));
    assert!(policies.len() > 3 && rest.len() > 3);
    let (policies, rest) = (policies.join("\n---\n"), rest.join("\n---\n"));
    let (first, second) = (File { name: "a.yaml", text: &rest }, File { name: "b.yaml", text: &policies });
    assert_eq!(lint(&[first, second]), Lint::default());
    let alone = lint(&[first]);
    assert!(alone.problems.iter().any(|problem| problem.to_string().starts_with("a.yaml:")), "{alone:?}");
}

#[test]
fn a_pipeline_has_its_exit_code() {
    let own = "../../../../envoy-configs/gateway-api/llm-router.yaml";
    let sound = run(&["lint", own, "--deny-warnings"]);
    assert_eq!((sound.status.code(), sound.stderr.len()), (Some(0), 0));
    let warned = run(&["lint", "listeners.yaml"]);
    assert_eq!(
        (warned.status.code(), warned.stderr.starts_with(b"warning: listeners.yaml:")),
        (Some(0), true)
    );
    assert_eq!(run(&["lint", "keys.yaml"]).status.code(), Some(1));
    assert_eq!(run(&["lint"]).status.code(), Some(2));
    assert_eq!(run(&["lint", "absent.yaml"]).status.code(), Some(1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Manifests that somebody is still writing: lines of good and bad ones, left out, doubled, indented otherwise.
    #[test]
    fn any_text_is_read_or_told(
        changes in proptest::collection::vec((0..700_usize, 0..4_usize), 0..30),
        noise in "[ -~\\n]{0,40}",
    ) {
        let mut lines: Vec<String> = [
            include_str!("../../../envoy-configs/gateway-api/llm-router.yaml"),
            include_str!("lint/traffic.yaml"),
            include_str!("lint/budgets.yaml"),
        ].iter().flat_map(|text| text.lines().map(str::to_owned)).collect();
        for (line, change) in changes {
            let Some(text) = lines.get_mut(line) else { continue };
            *text = match change {
                0 => String::new(),
                1 => format!("  {text}"),
                2 => text.trim_start().to_owned(),
                _ => noise.clone(),
            };
        }
        for text in [lines.join("\n").as_str(), noise.as_str()] {
            let found = of(text);
            prop_assert!(found.problems.iter().chain(&found.warnings).all(|one| !one.hint.is_empty() && !one.path.is_empty()));
        }
    }
}
