//! Dependencies point down only, and one crate alone knows the host's ABI.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// The project's crates from the bottom up. A crate may use those in lower layers; crates of one layer do not see each other.
const LAYERS: [&[&str]; 8] = [
    &["budget", "identity", "llm-api", "sse", "tokens"],
    &["metering", "pricing", "seam", "translate"],
    &["config"],
    &["gateway", "provider"],
    &["host-proxy-wasm", "oci"],
    &["ai-gateway", "ai-provider", "ai-filters"],
    &["mock-llm", "ports"],
    &["lab"],
];

/// Crates that only test: they may use everything, nothing may use them.
const TESTS: [&str; 5] = ["bench", "corpora", "on-wasm32", "scenarios", "tidy"];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata =
        MetadataCommand::new().manifest_path(tidy::root().join("Cargo.toml")).exec().expect("cargo metadata");
    let names: BTreeSet<String> = metadata.workspace_packages().iter().map(|p| p.name.to_string()).collect();
    let used = |package: &&cargo_metadata::Package| {
        let normal =
            package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        normal.map(|dependency| dependency.name.clone()).collect()
    };
    let packages = metadata.workspace_packages();
    let all: BTreeMap<String, BTreeSet<String>> =
        packages.iter().map(|package| (package.name.to_string(), used(package))).collect();
    assert_eq!(all.len(), names.len());
    all
}

#[test]
fn dependencies_point_down() {
    let layer_of = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    let all = dependencies();
    for (name, uses) in &all {
        if TESTS.contains(&name.as_str()) {
            continue;
        }
        let layer = layer_of(name).unwrap_or_else(|| {
            panic!("{name} has no layer: give it one in this test and in ARCHITECTURE.md")
        });
        for used in uses.iter().filter(|used| all.contains_key(*used)) {
            let below = layer_of(used).unwrap_or_else(|| panic!("{name} uses {used}, which only tests may"));
            assert!(below < layer, "{name} (layer {layer}) uses {used} (layer {below})");
        }
    }
}

#[test]
fn only_the_host_crate_knows_the_abi() {
    for (name, uses) in dependencies() {
        assert!(name == "host-proxy-wasm" || !uses.contains("proxy-wasm"), "{name} depends on proxy-wasm");
    }
    for file in tidy::files(&[".rs"]) {
        if file.starts_with("filters/core") {
            assert!(!tidy::read(&file).contains("proxy_wasm"), "{} names proxy_wasm", file.display());
        }
    }
}

#[test]
fn the_core_has_no_host_no_unsafe_and_no_runtime() {
    const FOREIGN: [&str; 8] = ["tokio", "hyper", "rustls", "rand", "getrandom", "reqwest", "log", "tracing"];
    for (name, uses) in dependencies() {
        if LAYERS.iter().take(4).any(|layer| layer.contains(&name.as_str())) {
            for foreign in FOREIGN {
                assert!(!uses.contains(foreign), "{name} depends on {foreign}");
            }
        }
    }
    for file in tidy::files(&["src/lib.rs"]) {
        if file.starts_with("filters/core") {
            assert!(
                tidy::read(&file).contains("#![forbid(unsafe_code)]"),
                "{} may use unsafe code",
                file.display()
            );
        }
    }
}

#[test]
fn the_map_in_the_architecture_document_names_every_crate() {
    let map = tidy::read("ARCHITECTURE.md".as_ref());
    for name in dependencies().keys() {
        assert!(map.contains(&format!("`{name}`")), "ARCHITECTURE.md does not name `{name}`");
    }
}
