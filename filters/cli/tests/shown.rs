//! Every configuration that a document shows is one that the filters take.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it does not expect has to fail"
)]

use std::fs;
use std::path::Path;

use config::{GatewayConfig, ProviderConfig};

#[test]
fn configurations_in_documents_are_valid() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut seen = 0;
    let set = |_: &str| Some("set".repeat(16));
    for entry in fs::read_dir(docs).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for block in text.split("```json\n").skip(1).filter_map(|rest| rest.split("\n```").next()) {
            // A section that is shown alone belongs to some models.
            let outcome = match block.trim_start_matches(['{', '\n', ' ']).split('"').nth(1) {
                Some("models") => GatewayConfig::parse(block.as_bytes(), &set).map(drop),
                Some("identity" | "budgets" | "prices" | "counting") => {
                    let whole = block.replacen('{', r#"{"models": [{"name": "*"}], "#, 1);
                    GatewayConfig::parse(whole.as_bytes(), &set).map(drop)
                }
                Some("provider" | "providers" | "select") => {
                    ProviderConfig::parse(block.as_bytes(), &set).map(drop)
                }
                _ => continue,
            };
            seen += 1;
            outcome.unwrap_or_else(|problems| panic!("{}: {problems}\n{block}", path.display()));
        }
    }
    assert!(seen >= 8, "only {seen} configurations were found");
}
