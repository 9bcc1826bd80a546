//! Files are units of attention: short, and each says on its first line what it is.

use std::path::Path;

/// No source file is longer; tests and declarative tables are excepted.
const MOST_LINES: usize = 800;

fn is_test(file: &Path) -> bool {
    let text = file.to_string_lossy();
    text.contains("/tests/")
        || text.ends_with("/tests.rs")
        || text.contains("/benches/")
        || text.contains("/fuzz_targets/")
}

#[test]
fn every_rust_file_says_what_it_is() {
    for file in tidy::files(&[".rs"]) {
        let text = tidy::read(&file);
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 12, "{} begins with: {first}", file.display());
    }
}

#[test]
fn every_shell_and_python_file_says_what_it_is() {
    for file in tidy::files(&[".sh", ".py", ".ci/run"]) {
        let text = tidy::read(&file);
        let said = text.lines().take(3).any(|line| {
            line.starts_with("\"\"\"")
                || (line.starts_with("# ") && line.len() > 12 && !line.starts_with("#!"))
        });
        assert!(said, "{} does not say what it is in its first lines", file.display());
    }
}

#[test]
fn no_source_file_is_too_long() {
    for file in tidy::files(&[".rs", ".py", ".sh"]) {
        let lines = tidy::read(&file).lines().count();
        assert!(
            is_test(&file) || lines <= MOST_LINES,
            "{} has {lines} lines: look for the seam",
            file.display()
        );
    }
}

#[test]
fn nothing_is_left_for_later() {
    // Spelled in two halves so that this file does not find itself.
    let words = [["TO", "DO"], ["FIX", "ME"], ["XX", "X:"], ["todo", "!("], ["unimple", "mented!("]]
        .map(|halves| halves.concat());
    for file in tidy::files(&[".rs", ".py", ".sh", ".yaml", "Makefile"]) {
        let text = tidy::read(&file);
        for word in &words {
            assert!(!text.contains(word.as_str()), "{} says {word}", file.display());
        }
    }
}
