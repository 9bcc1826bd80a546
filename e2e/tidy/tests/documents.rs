//! Documents that tell the truth: their paths exist, their links lead somewhere, their make targets are there.

use std::path::Path;

/// Paths in backquotes that begin with one of these must exist.
const TOPS: [&str; 7] = ["filters/", "e2e/", "docs/", "envoy-configs/", ".ci/", ".github/", ".cargo/"];

fn documents() -> Vec<std::path::PathBuf> {
    tidy::files(&[".md"])
}

#[test]
fn paths_in_documents_exist() {
    let mut seen = 0;
    for document in documents() {
        let text = tidy::read(&document);
        for (index, quoted) in text.split('`').enumerate() {
            let path = quoted.split(['#', ' ', ':']).next().unwrap_or_default();
            let literal = !path.contains(['*', '<', '{', '$', '\n']);
            if index % 2 == 1 && literal && TOPS.iter().any(|top| path.starts_with(top)) {
                seen += 1;
                assert!(
                    tidy::root().join(path).exists(),
                    "{} names {path}, which does not exist",
                    document.display()
                );
            }
        }
    }
    assert!(seen > 10, "only {seen} paths were found in the documents");
}

#[test]
fn links_in_documents_lead_somewhere() {
    for document in documents() {
        let folder = document.parent().unwrap_or(Path::new(""));
        let text = tidy::read(&document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let path = tidy::root().join(folder).join(target);
            assert!(path.exists(), "{} links to {link}, which does not exist", document.display());
        }
    }
}

#[test]
fn make_targets_in_documents_exist() {
    let makefile = tidy::read("Makefile".as_ref());
    for document in documents() {
        let text = tidy::read(&document);
        for target in text.split("`make ").skip(1).filter_map(|rest| rest.split(['`', ' ']).next()) {
            let defined = makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
            assert!(
                defined,
                "{} names `make {target}`, which the Makefile does not define",
                document.display()
            );
        }
    }
}

#[test]
fn invariants_name_tests_that_exist() {
    let text = tidy::read("ARCHITECTURE.md".as_ref());
    let invariants =
        text.split("## Invariants").nth(1).expect("ARCHITECTURE.md has a section `## Invariants`");
    let section = invariants.split("\n## ").next().unwrap_or_default();
    let sources: String = tidy::files(&[".rs", ".py"]).iter().map(|file| tidy::read(file)).collect();
    let mut named = 0;
    for row in section.lines().filter(|line| line.starts_with("| ") && !line.contains("---")).skip(1) {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "an invariant without a test: {row}");
        for name in names {
            named += 1;
            let name = name.rsplit("::").next().unwrap_or(name);
            let there = sources.contains(&format!("fn {name}"))
                || sources.contains(&format!("\"{name}\""))
                || sources.contains(&format!("def {name}"));
            assert!(there, "ARCHITECTURE.md names the test `{name}`, which does not exist");
        }
    }
    assert!(named > 10, "only {named} tests were named");
}

/// Names that code agrees on are all on the page that promises so, and headers that a client is told budgets by.
#[test]
fn every_name_is_on_its_page() {
    let page = tidy::read("docs/reference/names.md".as_ref());
    let names = tidy::read("filters/core/seam/src/names.rs".as_ref());
    let told = tidy::read("filters/core/gateway/src/told.rs".as_ref());
    let constants =
        names.lines().filter_map(|line| line.trim().strip_prefix("pub const ")?.split_once(": &str = \""));
    let constants = constants.filter_map(|(name, value)| (name != "INTERNAL_HEADER_PREFIX").then_some(value));
    let headers = told.lines().filter(|line| line.contains("ratelimit") || line.contains("headers.push"));
    let headers = headers.flat_map(|line| line.split('"').skip(1).step_by(2)).filter(|text| is_header(text));
    let mut seen = 0;
    for value in constants.filter_map(|value| value.split('"').next()).chain(headers) {
        seen += 1;
        assert!(page.contains(&format!("`{value}`")), "docs/reference/names.md lacks `{value}`");
    }
    assert!(seen > 50, "only {seen} names were found");
}

fn is_header(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.contains('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}
