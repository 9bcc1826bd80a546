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
