//! The command line: what it prints, and what it says when it is given something wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use ai_filters::render::{LlmRouter, bootstrap, gateway_config, provider_configs};

fn run(arguments: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ai-filters"))
        .args(arguments)
        .env_remove("OPENAI_API_KEY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> &str {
    assert!(output.status.success(), "{}", stderr(output));
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn without_options_the_example_is_rendered() {
    assert_eq!(stdout(&run(&["render", "llm-router"], "")), bootstrap(&LlmRouter::default()));
}

#[test]
fn the_example_can_be_spelled_out() {
    let arguments = [
        "render",
        "llm-router",
        "--listen",
        "0.0.0.0:10000",
        "--admin-port",
        "9901",
        "--model",
        "gpt-4",
        "--provider",
        "name=openai,api=openai,url=https://api.openai.com/v1,model=gpt-4,key-env=OPENAI_API_KEY",
        "--provider",
        "name=anthropic,api=anthropic,url=https://api.anthropic.com,model=claude-3-opus,key-env=ANTHROPIC_API_KEY",
        "--first-byte-timeout",
        "30s",
        "--idle-timeout",
        "1m",
        "--answer-timeout",
        "300s",
        "--total-timeout",
        "15m",
        "--ca-bundle",
        "/etc/ssl/certs/ca-certificates.crt",
        "--gateway-module",
        "/etc/envoy/wasm/ai_gateway.wasm",
        "--provider-module",
        "/etc/envoy/wasm/ai_provider.wasm",
        "--fallback",
        "priority-group",
        "--filters",
        "both",
    ];
    assert_eq!(stdout(&run(&arguments, "")), bootstrap(&LlmRouter::default()));
}

#[test]
fn output_goes_into_a_file() {
    let file = format!("{}/cli-output.yaml", env!("CARGO_TARGET_TMPDIR"));
    assert_eq!(stdout(&run(&["render", "llm-router", "--output", &file], "")), "");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), bootstrap(&LlmRouter::default()));
    let output = run(&["render", "llm-router", "-o", "/no/such/directory/x.yaml"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("/no/such/directory/x.yaml: "), "{}", stderr(&output));
}

#[test]
fn every_wrong_option_is_told_at_once() {
    let arguments = [
        "render",
        "llm-router",
        "--model",
        "gpt 4",
        "--idle-timeout",
        "4",
        "--max-body-bytes",
        "12",
        "--alias",
        "x",
        "--provider",
        "name=A,api=gemini,url=api.openai.com,key-env=sk-1,colour=red",
    ];
    let output = run(&arguments, "");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let expected = "\
--model: `gpt 4` is no name for a model
  hint: visible ASCII without spaces, commas, quotes, `\\` and `*`
--idle-timeout: `4` is no time limit
  hint: a whole number and a unit, above zero and at most a day: `500ms`, `4s`, `2m`, `1h`
--max-body-bytes: `12` bytes cannot be the largest body
  hint: a whole number of bytes from 1024 to 134217728
--alias: `x` is no alias
  hint: `NAME=MODEL`, where NAME is a model's name or a prefix followed by `*`
--provider[0]: `colour=red` is no part of a provider's description
  hint: `KEY=VALUE` with one of the keys name, api, url, model, key-env
--provider[0]: `model` is missing
  hint: add `model=…`
--provider[0]: `A` is no name for a provider
  hint: lower-case letters, digits, `-` and `_`, beginning with a letter or digit
--provider[0]: `gemini` is no API
  hint: one of `openai`, `anthropic`
--provider[0]: `api.openai.com` is no base URL: it begins with neither `http://` nor `https://`
  hint: as the provider's SDK takes it: `https://api.openai.com/v1`
--provider[0]: that is no name for an environment variable
  hint: letters, digits and `_`, such as `OPENAI_API_KEY`; never the key itself
";
    assert_eq!(stderr(&output), expected);
}

#[test]
fn rules_between_options_are_told_too() {
    let output = run(&["render", "llm-router", "--admin-port", "10000", "--envoy", "39"], "");
    assert_eq!(output.status.code(), Some(1));
    let expected = "\
admin-port: port 10000 is both the listener's and the admin's
  hint: choose another for one of them
envoy: Envoy 1.39 cannot fall back by priority-group
  hint: use Envoy 1.40 or newer, or the fallback `previous-priorities`
";
    assert_eq!(stderr(&output), expected);
}

#[test]
fn schemas_are_json() {
    for filter in ["gateway", "provider"] {
        let schema: serde_json::Value = serde_json::from_str(stdout(&run(&["schema", filter], ""))).unwrap();
        assert_eq!(schema["title"], format!("ai-{filter}"));
    }
}

#[test]
fn what_is_rendered_is_valid() {
    let router = LlmRouter::default();
    assert_eq!(stdout(&run(&["validate", "gateway", "-"], &gateway_config(&router))), "-: valid\n");
    for text in provider_configs(&router) {
        assert_eq!(stdout(&run(&["validate", "provider", "-"], &text)), "-: valid\n");
    }
    let output = run(&["validate", "provider", "--with-keys", "-"], &provider_configs(&router)[0]);
    assert_eq!(output.status.code(), Some(1), "the key is not in the environment");
    assert!(stderr(&output).contains("OPENAI_API_KEY"), "{}", stderr(&output));
}

#[test]
fn every_problem_of_a_configuration_is_printed() {
    let output =
        run(&["validate", "gateway", "-"], r#"{"models": [{"name": ""}], "max_body_bytes": 0, "colour": 1}"#);
    assert_eq!(output.status.code(), Some(1));
    for place in ["models[0].name: ", "max_body_bytes: ", "colour: "] {
        assert!(stderr(&output).contains(place), "{place} in {}", stderr(&output));
    }
    let output = run(&["validate", "gateway", "/no/such/file"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("/no/such/file: "));
}

#[test]
fn statistics_have_a_port_of_their_own() {
    let output = run(&["render", "llm-router", "--metrics", "127.0.0.1:9901"], "");
    assert_eq!(output.status.code(), Some(1));
    let expected = "\
metrics: port 9901 is the listener's or the admin's
  hint: choose another for one of them
";
    assert_eq!(stderr(&output), expected);
    let output = run(&["render", "llm-router", "--metrics", "127.0.0.1:9902"], "");
    let text = stdout(&output);
    assert_eq!(text.matches("port_value: 9902").count(), 1);
    assert_eq!(text.matches("port_value: 9901").count(), 2, "the admin's own and the way to it");
}
