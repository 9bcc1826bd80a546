//! AIGatewayRoute files: what is rendered of them, and what is said of what is wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod compose;
mod fuller;
mod hostile;
mod kubernetes;

use std::path::PathBuf;
use std::process::{Command, Output};

use ai_filters::render::{
    ComposeFiles, EnvoyVersion, Fallback, LlmRouter, bootstrap, compose, gateway_config, provider_configs,
};
use ai_filters::route::{Documents, explain, read};
use config::{GatewayConfig, ProviderConfig};
use proptest::prelude::*;
use serde_json::{Value, json};

const EXAMPLE: &str = include_str!("../../../../envoy-configs/llm-router/route.yaml");
const FULL: &str = include_str!("full.yaml");
const BROKEN: &str = include_str!("broken.yaml");

fn understood(text: &str) -> LlmRouter {
    read("route.yaml", text.as_bytes(), EnvoyVersion::default())
        .unwrap_or_else(|found| unreachable(&found))
        .router
}

#[expect(clippy::panic, reason = "a test that cannot go on says so by panicking")]
fn unreachable(found: &dyn std::fmt::Display) -> ! {
    panic!("{found}")
}

fn problems(text: &str) -> String {
    read("route.yaml", text.as_bytes(), EnvoyVersion::default()).unwrap_err().to_string()
}

fn warnings(text: &str) -> Vec<String> {
    let understood = read("route.yaml", text.as_bytes(), EnvoyVersion::default()).unwrap();
    understood.warnings.iter().map(|warning| format!("{}: {}", warning.path, warning.message)).collect()
}

fn run(arguments: &[&str]) -> Output {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/route");
    Command::new(env!("CARGO_BIN_EXE_ai-filters")).args(arguments).current_dir(directory).output().unwrap()
}

#[test]
fn the_example_is_the_renderers_own() {
    let router = LlmRouter { route_file: None, ..understood(EXAMPLE) };
    assert_eq!(router, LlmRouter::default());
}

#[test]
fn everything_that_may_be_said_reaches_envoy_and_the_filters() {
    let router = understood(FULL);
    let root: Value = serde_yaml_ng::from_str(&bootstrap(&router)).unwrap();
    let listener = &root["static_resources"]["listeners"][0];
    assert_eq!(listener["address"]["socket_address"]["port_value"], 8443);
    assert_eq!(root["admin"]["address"]["socket_address"]["port_value"], 9902);
    assert_eq!(listener["per_connection_buffer_limit_bytes"], 2_097_152);
    let chain = &listener["filter_chains"][0];
    let certificates = &chain["transport_socket"]["typed_config"]["common_tls_context"]["tls_certificates"];
    assert_eq!(certificates[0]["private_key"]["filename"], "/etc/envoy/tls/tls.key");
    assert!(chain["filters"][0]["typed_config"].get("access_log").is_none());
    let clusters: Vec<_> = root["static_resources"]["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cluster| cluster["name"].clone())
        .collect();
    assert_eq!(clusters, ["big", "canary", "claude", "mini", "own"], "what has no weight is left out");

    let config = GatewayConfig::parse(gateway_config(&router).as_bytes(), &|_| None).unwrap();
    let served = config.models.resolve("gpt-4o-2024-99").unwrap();
    assert_eq!((served.model, served.route.max_input_tokens), ("gpt-4o", Some(100_000)));
    let gateway: Value = serde_json::from_str(&gateway_config(&router)).unwrap();
    let limits = gateway["budgets"]["limits"].as_array().unwrap();
    let names: Vec<_> = limits.iter().map(|limit| limit["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["team-month", "chat-user-minute", "own-user-day"]);
    assert_eq!(
        limits[1]["models"],
        json!(["gpt-4o", "gpt-4o-mini"]),
        "a route's budget is for its own models"
    );
    assert_eq!(gateway["counting"]["mode"], "exact");
    for text in provider_configs(&router) {
        ProviderConfig::parse(text.as_bytes(), &|_| Some("key".to_owned())).unwrap();
    }
    let claude: Value = serde_json::from_str(&provider_configs(&router)[2]).unwrap();
    let expected = json!({
        "api": "anthropic", "authority": "claude.example.com", "base_path": "/proxy", "model": "claude-sonnet-4",
        "model_name_override": "gpt-4o", "default_max_tokens": 2048,
        "auth": {"type": "api_key", "env": "ANTHROPIC_API_KEY"},
    });
    assert_eq!(claude["providers"]["claude"], expected);
}

#[test]
fn every_problem_is_told_at_once_with_its_line() {
    let expected = include_str!("broken.txt");
    let said = read("broken.yaml", BROKEN.as_bytes(), EnvoyVersion::default()).unwrap_err().to_string();
    assert_eq!(said, expected.trim_end());
    assert!(!said.contains("abcdef") && !said.contains("1234"), "a pasted key is not repeated");
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let validator = jsonschema::validator_for(&config::route_schema()).unwrap();
    let documents =
        |text: &str| -> Vec<Value> { serde_json::from_str(&Documents::read(text).unwrap().json).unwrap() };
    for text in [EXAMPLE, FULL] {
        for document in documents(text) {
            let errors: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?}");
        }
    }
    assert!(documents(BROKEN).iter().all(|document| !validator.is_valid(document)));
}

#[test]
fn an_older_envoy_gets_the_older_shape() {
    let of = |minor| {
        read("r", EXAMPLE.as_bytes(), EnvoyVersion(minor)).map(|understood| understood.router.fallback)
    };
    assert_eq!(of(40), Ok(Fallback::PriorityGroup));
    assert_eq!(of(36), Ok(Fallback::PreviousPriorities));
    assert!(of(35).unwrap_err().to_string().contains("Envoy 1.35"));
}

#[test]
fn what_holds_for_the_file_is_said_once_in_it() {
    let twice = format!("{FULL}  counting: {{mode: off}}\n");
    assert!(problems(&twice).contains("spec.counting: another route of this file has a `counting` already"));
    let second = EXAMPLE.replace("name: llm-router", "name: other");
    let said = problems(&format!("{EXAMPLE}---\n{second}"));
    for expected in [
        "`openai` is the name of a backend already",
        "`gpt-4` is the name of a model of another route already",
    ] {
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn another_file_is_recognised() {
    for (text, expected) in [
        ("", "route.yaml:1: file: there is no route in it"),
        ("- 1\n- 2", "route.yaml:1: configuration: expected an object, got a list"),
        ("kind: [", "file: not valid YAML"),
        (
            &EXAMPLE.replace("kind: AIGatewayRoute", "kind: HTTPRoute"),
            "route.yaml:2: kind: unknown kind `HTTPRoute`",
        ),
        (
            &EXAMPLE.replace("  backends:", "  rules: []\n  backends:"),
            "hint: that is Envoy AI Gateway's AIGatewayRoute",
        ),
    ] {
        let said = problems(text);
        assert!(said.contains(expected), "{said}");
    }
    assert!(read("x", b"\xff", EnvoyVersion::default()).is_err());
}

#[test]
fn nothing_is_left_out_in_silence() {
    for (change, expected) in [
        (
            "  aliases: [{match: \"a=b,c\", model: gpt-4}]",
            "spec.aliases[0].match: `a=b,c` is no name for a model",
        ),
        ("  aliases: [{match: a, model: gpt-5}]", "spec.aliases[0].model: unknown model `gpt-5`"),
        (
            "  listener: {address: \"127.0.0.1:9901\"}",
            "spec.listener.admin: port 9901 is both the listener's and the admin's",
        ),
        ("  listener: {admin: \"[::1]:9901\"}", "hint: write 127.0.0.1:9901"),
        (
            "  budgets: {limits: [{name: a, per: [user], models: [gpt-5], quota: {amount: 1, window: day}}]}",
            "spec.budgets.limits[0].models[0]: ",
        ),
        (
            "  listener: {tls: {certificate: a, key: /b}}",
            "spec.listener.tls.certificate: `a` is no absolute path of a file",
        ),
    ] {
        let said = problems(&format!("{EXAMPLE}{change}\n"));
        assert!(said.contains(expected), "{said}");
    }
    let tokens =
        EXAMPLE.replace("    model: claude-3-opus\n", "    model: claude-3-opus\n    defaultMaxTokens: 0\n");
    assert!(problems(&tokens).contains("spec.backends[1].defaultMaxTokens: 0 is not from 1"));
    let equal = understood(&format!("{EXAMPLE}  aliases: [{{match: \"a=b*\", model: gpt-4}}]\n"));
    assert_eq!(equal.aliases[0].pattern, "a=b*");
}

#[test]
fn experience_warns() {
    let plain = "spec.listener.address: 0.0.0.0:10000 is served without TLS: prompts and callers' keys can be read on the way";
    let header = "spec.rateLimit.tokenBudget.perMinute: users are told apart by the header `x-user-id`, which whoever can connect may write";
    assert_eq!(warnings(EXAMPLE), [header, plain]);
    assert_eq!(warnings(FULL), [""; 0]);
    let loopback = format!(
        "{EXAMPLE}  listener: {{address: \"127.0.0.1:10000\"}}\n  identity: {{header: {{user: x-id}}}}\n"
    );
    assert_eq!(warnings(&loopback), [""; 0]);
    let clear =
        loopback.replace("    model: gpt-4\n", "    model: gpt-4\n    baseUrl: http://llm.internal/v1\n");
    assert_eq!(
        warnings(&clear),
        ["spec.backends[0].baseUrl: the key of `openai` goes over the network in the clear"]
    );
}

#[test]
fn a_pipeline_has_its_exit_code() {
    let valid = run(&["render", "route", "full.yaml", "--validate-only", "--deny-warnings"]);
    assert_eq!((valid.status.code(), valid.stdout.as_slice()), (Some(0), b"full.yaml: valid\n".as_slice()));
    let broken = run(&["render", "route", "broken.yaml", "--validate-only"]);
    assert_eq!((broken.status.code(), broken.stdout.len()), (Some(1), 0));
    let example = "../../../../envoy-configs/llm-router/route.yaml";
    assert_eq!(run(&["render", "route", example, "--validate-only"]).status.code(), Some(0));
    let denied = run(&["render", "route", example, "--validate-only", "--deny-warnings"]);
    assert_eq!(denied.status.code(), Some(1));
    assert_eq!(run(&["render", "route", example, "--envoy-version", "2.0"]).status.code(), Some(2));
}

#[test]
fn compose_and_its_bootstrap_are_written_side_by_side() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("route-compose");
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("docker-compose.yaml");
    let output = run(&[
        "render",
        "route",
        "full.yaml",
        "--to",
        "compose",
        "--modules",
        "/opt/wasm/",
        "-o",
        file.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let router = read("full.yaml", FULL.as_bytes(), EnvoyVersion::default()).unwrap().router;
    assert_eq!(std::fs::read_to_string(directory.join("envoy.yaml")).unwrap(), bootstrap(&router));
    let files = ComposeFiles {
        bootstrap: "./envoy.yaml".to_owned(),
        modules: "/opt/wasm".to_owned(),
        ..ComposeFiles::default()
    };
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(written, compose(&router, &files));
    let root: Value = serde_yaml_ng::from_str(&written).unwrap();
    let gateway = &root["services"]["gateway"];
    assert_eq!(gateway["ports"], json!(["8443:8443"]));
    let volumes = json!([
        "./envoy.yaml:/etc/envoy/envoy.yaml:ro",
        "/opt/wasm/ai_gateway.wasm:/etc/envoy/wasm/ai_gateway.wasm:ro",
        "/opt/wasm/ai_provider.wasm:/etc/envoy/wasm/ai_provider.wasm:ro",
        "./tls.crt:/etc/envoy/tls/tls.crt:ro",
        "./tls.key:/etc/envoy/tls/tls.key:ro",
        "./cert.pem:/etc/ssl/cert.pem:ro",
    ]);
    assert_eq!(gateway["volumes"], volumes);
    let keys: Vec<_> = gateway["environment"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["ANTHROPIC_API_KEY", "CANARY_KEY", "OPENAI_API_KEY"]);
}

#[test]
fn a_requests_way_is_told() {
    let way = explain(&understood(FULL), "gpt-4o-2024-11", Some("alice")).unwrap();
    let expected = "\
caller     alice, by the header x-user-id
model      gpt-4o-2024-11, which is gpt-4o
prompt     at most 100000 tokens, else 400
budget     team-month: 500.5 dollars a month for each team
budget     chat-user-minute: 20000 tokens a minute for each user
attempt 1  big: gpt-4o-2024-08-06 at https://api.openai.com/v1 in OpenAI's API, with the key in OPENAI_API_KEY, 9 of 10
        or canary: gpt-4o-2024-11-20 at https://api.openai.com/v1 in OpenAI's API, with the key in CANARY_KEY, 1 of 10
attempt 2  claude: claude-sonnet-4 at https://claude.example.com/proxy in Anthropic's API, with the key in ANTHROPIC_API_KEY
next       after no connection, 408, 429, any 5xx, silence, or an error before a stream's first content
limits     10s to a stream's first content, 20s between its pieces, 60s for an answer, 120s for everything
answer     in the API that was asked, translated where the provider speaks another, under the name gpt-4o-2024-11
";
    assert_eq!(way, expected);
    assert_eq!(explain(&understood(FULL), "gpt-5", None), None);
    let unknown = run(&["render", "route", "full.yaml", "--explain", "gpt-5"]);
    assert_eq!(unknown.status.code(), Some(1));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Files that somebody is still writing: pieces of good ones, cut, doubled and put together anew.
    #[test]
    fn any_text_is_understood_or_refused_with_hints(
        lines in proptest::collection::vec((0..70_usize, 0..9_usize), 0..40),
        noise in "[ -~\\n]{0,40}",
    ) {
        let good: Vec<&str> = EXAMPLE.lines().chain(FULL.lines()).collect();
        let mut text = String::new();
        for (line, cut) in lines {
            let line = good.get(line).copied().unwrap_or(noise.as_str());
            text.push_str(if cut == 0 { line.get(1..).unwrap_or("") } else { line });
            text.push('\n');
        }
        for text in [text.as_str(), noise.as_str()] {
            match read("route.yaml", text.as_bytes(), EnvoyVersion::default()) {
                Ok(understood) => assert_eq!(understood.router.check(), Ok(())),
                Err(found) => assert!(found.iter().count() > 0 && found.iter().all(|one| !one.hint.is_empty())),
            }
        }
    }
}

#[test]
fn options_about_another_target_are_told_at_once() {
    let refused = |arguments: &[&str]| {
        let whole = [&["render", "route", "full.yaml"], arguments].concat();
        let output = run(&whole);
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = refused(&[
        "--to",
        "kubernetes",
        "--envoy-version",
        "1.39",
        "--metrics",
        "0.0.0.0:9902",
        "--modules",
        "./wasm",
    ]);
    for (option, targets) in [
        ("--envoy-version", "envoy and compose"),
        ("--metrics", "envoy and compose"),
        ("--modules", "compose"),
    ] {
        assert!(said.contains(&format!("{option}: is for {targets} alone\n  hint: ")), "{said}");
    }
    for (to, option, value, targets) in [
        ("envoy", "--mock", ".", "compose"),
        ("envoy", "--monitoring", ".", "compose"),
        ("envoy", "--modules", "./wasm", "compose"),
        ("compose", "--gateway-version", "1.9", "kubernetes"),
        ("compose", "--gateway-image", "a/b:1", "kubernetes"),
        ("envoy", "--provider-image", "a/b:1", "kubernetes"),
        ("envoy", "--tls-secret", "a", "kubernetes"),
    ] {
        let expected = format!("{option}: is for {targets} alone\n  hint: --to {targets}\n");
        assert_eq!(refused(&["--to", to, option, value]), expected);
    }
}
