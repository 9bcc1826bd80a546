//! Every command of the documents, run by a shell, prints what the document says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[path = "common/document.rs"]
mod document;

use std::io::Write as _;
use std::process::Command;

use document::{Setting, check};

/// A list of prices for the commands that convert one; the public one has to be downloaded.
const PRICE_LIST: &[u8] = include_bytes!("price_list/list.json");
const PRICE_LIST_NAME: &str = "model_prices_and_context_window.json";

#[test]
fn the_tools_commands_print_what_its_document_says() {
    let setting = Setting { files: &[(PRICE_LIST_NAME, PRICE_LIST)], ..Setting::default() };
    assert!(check("cli.md", &setting) > 10);
}

#[test]
fn the_commands_about_routes_print_what_their_document_says() {
    let route = include_bytes!("../../../envoy-configs/llm-router/route.yaml");
    let litellm = b"model_list:
- model_name: chat
  litellm_params: {model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY, rpm: 480}
- model_name: backup
  litellm_params: {model: anthropic/claude-sonnet-4, api_key: os.environ/ANTHROPIC_API_KEY}
litellm_settings:
  fallbacks: [{chat: [backup]}]
";
    let files: &[(&str, &[u8])] = &[("route.yaml", route), ("config.yaml", litellm)];
    assert!(check("route.md", &Setting { files, ..Setting::default() }) > 8);
}

#[test]
fn the_commands_about_keys_print_what_their_document_says() {
    assert!(check("identity.md", &Setting::default()) > 5);
}

#[test]
fn the_commands_about_prices_print_what_their_document_says() {
    if Command::new("jq").arg("--version").output().is_err() {
        // Not by a macro: what a passing test prints is kept from who runs it.
        let _ = std::io::stderr()
            .write_all(b"\nSKIPPED: the commands about prices: jq was not found (install jq)\n");
        return;
    }
    let gateway = br#"{"models": [{"name": "*"}]}"#;
    let files: &[(&str, &[u8])] = &[(PRICE_LIST_NAME, PRICE_LIST), ("gateway.json", gateway)];
    assert!(check("prices.md", &Setting { files, ..Setting::default() }) > 3);
}
