//! Other gateways' configurations: what becomes of them, what is told, and that no key gets through.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::path::PathBuf;
use std::process::{Command, Output};

use ai_filters::import::{Problem, envoy_ai_gateway, litellm};
use ai_filters::render::{EnvoyVersion, LlmRouter};
use ai_filters::route::read;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

fn file(name: &str) -> String {
    std::fs::read_to_string(directory().join(name)).unwrap()
}

fn run(what: &str, name: &str) -> Output {
    let arguments = ["import", what, name];
    Command::new(env!("CARGO_BIN_EXE_ai-filters")).args(arguments).current_dir(directory()).output().unwrap()
}

fn rendered(yaml: &str) -> LlmRouter {
    read("imported", yaml.as_bytes(), EnvoyVersion::default())
        .map_err(|found| found.to_string())
        .unwrap()
        .router
}

#[test]
fn both_formats_become_routes_that_can_be_rendered() {
    for what in ["litellm", "envoy-ai-gateway"] {
        let output = run(what, &format!("{what}.yaml"));
        assert!(output.status.success());
        let (yaml, told) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(yaml, file(&format!("{what}.expected.yaml")));
        assert_eq!(told, file(&format!("{what}.lost.txt")));
        rendered(&yaml);
        assert!(!yaml.contains("canary-0") && !told.contains("canary-0"), "a key gets through");
        assert!(!yaml.contains("sk-") && !told.contains("sk-"), "a key gets through");
    }
}

#[test]
fn what_is_sent_to_a_backend_there_is_its_model_here() {
    let imported = envoy_ai_gateway(file("envoy-ai-gateway.yaml").as_bytes()).unwrap();
    let router = rendered(&imported.yaml);
    assert_eq!(router.model.as_str(), "assistant", "the match is what clients say");
    assert_eq!(router.providers[0].model.as_str(), "gpt-4o", "the override is what is sent");
}

#[test]
fn what_is_another_file_is_said() {
    for (text, wanted) in [("", "`model_list`"), ("a: 1", "`model_list`"), ("model_list: []", "`model_list`")]
    {
        assert_eq!(litellm(text.as_bytes()), Err(Problem::Nothing { wanted }), "{text}");
    }
    assert!(matches!(envoy_ai_gateway(b"kind: Gateway"), Err(Problem::Nothing { .. })));
    assert!(matches!(litellm(b"a: [\n"), Err(Problem::Yaml { .. })));
    assert_eq!(litellm(b"\xff"), Err(Problem::Text));
    let nothing = litellm(b"model_list: [{model_name: a, litellm_params: {model: azure/b}}]").unwrap();
    assert_eq!((nothing.yaml.as_str(), nothing.lost.len()), ("", 1));
}

#[test]
fn strange_values_are_no_reason_to_stop() {
    for text in [
        "model_list: [1, null, {}, {model_name: 1}, {model_name: a, litellm_params: 3}, {model_name: '', litellm_params: {model: ''}}]\nrouter_settings: []",
        "model_list: {a: 1}",
        "- 1",
    ] {
        let _ = litellm(text.as_bytes());
    }
    for text in [
        "kind: AIGatewayRoute",
        "kind: AIGatewayRoute\nspec: {rules: [{backendRefs: [1, {name: x}], matches: 3}]}",
    ] {
        let imported = envoy_ai_gateway(text.as_bytes()).unwrap();
        assert_eq!(imported.yaml, "");
    }
}

/// What is told of that file, a line for each.
fn told(imported: &ai_filters::import::Imported) -> String {
    imported.lost.iter().map(|lost| format!("{lost}\n")).collect()
}

#[test]
fn nothing_of_another_type_is_left_out_in_silence() {
    let text = "
model_list:
- {model_name: a, litellm_params: {model: openai/gpt-4o, weight: 0.7, order: \"1\", api_key: null}}
- {model_name: 4, litellm_params: {model: openai/gpt-4}}
- {model_name: b, litellm_params: {model: openai/b, api_base: \"https://user:hunter2@host/v1\"}}
- {model_name: c, litellm_params: {model: openai/c, api_base: os.environ/BASE}}
litellm_settings:
  request_timeout: 60
  fallbacks: [{a: b}, x, {a: [{model: c}]}]
router_settings: {timeout: 30, fallbacks: {a: [b]}}
general_settings: on
---
model_list: []
";
    let imported = litellm(text.as_bytes()).unwrap();
    let told = told(&imported);
    for expected in [
        "document 2: only the first is read",
        "model_list[0].litellm_params.weight: is no whole number",
        "model_list[0].litellm_params.order: is no whole number",
        "model_list[1].model_name: is no text",
        "model_list[1]: names no model",
        "model_list[2].litellm_params.api_base: ",
        "model_list[3].litellm_params.api_base: a base URL is written out",
        "litellm_settings.fallbacks[0]: what `a` falls back to is no list",
        "litellm_settings.fallbacks[1]: is no object",
        "litellm_settings.fallbacks[2]: `a` can only fall back to names of models",
        "router_settings.timeout: a route has one limit",
        "router_settings.fallbacks: is no list",
        "general_settings: is no object",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(!told.contains("api_key"), "what is null is absent: {told}");
    assert!(!told.contains("hunter2") && !imported.yaml.contains("hunter2"), "{told}{}", imported.yaml);
    rendered(&imported.yaml);
}

/// The example of Envoy AI Gateway with that in the place of this.
fn changed(changes: &[(&str, &str)]) -> ai_filters::import::Imported {
    let mut text = file("envoy-ai-gateway.yaml");
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    envoy_ai_gateway(text.as_bytes()).unwrap()
}

#[test]
fn what_stands_behind_a_reference_is_told_too() {
    let imported = changed(&[
        (
            "spec: {schema: {name: OpenAI}, backendRef: {name: openai, kind: Backend}}",
            "spec: {schema: {name: OpenAI}, backendRef: {name: openai, kind: Backend}, headerMutation: {set: [{name: a, value: b}]}}",
        ),
        (
            "{endpoints: [{fqdn: {hostname: api.openai.com, port: 443}}]}",
            "{endpoints: [{fqdn: {hostname: api.openai.com, port: 443}}, {fqdn: {hostname: other, port: 443}}]}",
        ),
        (
            "{endpoints: [{ip: {address: 127.0.0.1, port: 8000}}]}",
            "{endpoints: [{ip: {address: \"fd00::1\", port: 8000}}], tls: {insecureSkipVerify: true}}",
        ),
        (
            "{wellKnownCACertificates: System, hostname: claude.example.com}",
            "{caCertificateRefs: [{name: ca}], hostname: elsewhere.example.com}",
        ),
    ]);
    let told = told(&imported);
    for expected in [
        "AIServiceBackend/openai: spec.headerMutation: has no counterpart",
        "Backend/openai: spec.endpoints[1]: a backend is one host",
        "Backend/local: spec.tls.insecureSkipVerify: certificates are always verified",
        "BackendTLSPolicy/claude-tls: spec.validation.caCertificateRefs: authorities of one's own",
        "BackendTLSPolicy/claude-tls: spec.validation.hostname: a certificate is of the host that is asked",
    ] {
        assert_eq!(told.matches(expected).count(), 1, "{expected}: {told}");
    }
    let local = rendered(&imported.yaml);
    let local = local.providers.iter().find(|provider| provider.name.as_str() == "local").unwrap();
    assert_eq!(local.base_url.to_string(), "https://[fd00::1]:8000/openai/v1", "a key would go in the clear");
}

#[test]
fn anthropics_paths_begin_with_their_version_once() {
    let imported = changed(&[("{name: Anthropic}", "{name: Anthropic, version: v1}")]);
    assert!(imported.yaml.contains("\"https://claude.example.com:8443\""), "{}", imported.yaml);
}

/// Two teams may call their resources alike; a key is its own namespace's.
#[test]
fn no_key_is_that_of_another_namespace_or_secret() {
    let other = "---
kind: BackendSecurityPolicy
metadata: {name: a, namespace: other}
spec: {targetRefs: [{kind: AIServiceBackend, name: openai}], type: APIKey, apiKey: {secretRef: {name: theirs-key}}}
---
kind: AIServiceBackend
metadata: {name: openai, namespace: other}
spec: {schema: {name: OpenAI}, backendRef: {name: theirs, kind: Backend}}
---
";
    let text = file("envoy-ai-gateway.yaml")
        .replace("metadata: {name: openai}", "metadata: {name: openai, namespace: default}");
    let imported = envoy_ai_gateway(format!("{other}{text}").as_bytes()).unwrap();
    assert!(!imported.yaml.contains("theirs"), "{}", imported.yaml);
    assert_eq!(rendered(&imported.yaml), rendered(&file("envoy-ai-gateway.expected.yaml")));

    let alike = changed(&[("{name: claude-key}", "{name: openai-api-key}")]);
    let said = told(&alike);
    assert!(
        said.contains("the Secrets `openai-key` and `openai-api-key` would be one variable, OPENAI_API_KEY"),
        "{said}"
    );
    assert!(!alike.yaml.contains("openai-key") && !alike.yaml.contains("openai-api-key"));

    let missing = changed(&[(
        "{schema: {name: Anthropic}, backendRef: {name: claude, kind: Backend}}",
        "{schema: {name: Anthropic}, backendSecurityPolicyRef: {name: gone}, backendRef: {name: claude, kind: Backend}}",
    )]);
    assert!(told(&missing).contains("the file has no BackendSecurityPolicy `gone`"), "{}", told(&missing));
}

#[test]
fn of_two_values_of_one_key_none_is_taken() {
    let text = "model_list:\n- {model_name: a, litellm_params: {model: openai/a}}\nmodel_list: []\n";
    assert!(matches!(litellm(text.as_bytes()), Err(Problem::Yaml { line: 3, .. })));
}

#[test]
fn no_name_is_longer_than_kubernetes_takes() {
    let long = "Some-Publisher/".to_owned() + &"a-long-name-".repeat(6);
    let deployment =
        format!("- {{model_name: chat, litellm_params: {{model: \"openai/{long}\", order: 1}}}}\n");
    let imported = litellm(format!("model_list:\n{deployment}{deployment}").as_bytes()).unwrap();
    let router = rendered(&imported.yaml);
    let names: Vec<_> = router.providers.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names.len(), 2);
    assert!(names.iter().all(|name| name.len() <= 63 && !name.ends_with('-')), "{names:?}");
    assert_eq!(router.providers[0].model.as_str(), long, "what is sent is not cut");
}
