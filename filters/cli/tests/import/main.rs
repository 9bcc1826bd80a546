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
