//! What is shipped cannot hold what is wrong on purpose, and is built wherever a checkout stands.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The lines of a section of the workspace's manifest.
fn section(manifest: &str, name: &str) -> Vec<String> {
    let heading = format!("[{name}]");
    let lines = manifest.lines().skip_while(|line| line.trim() != heading);
    let lines: Vec<_> = lines.skip(1).take_while(|line| !line.starts_with('[')).map(str::to_owned).collect();
    assert!(!lines.is_empty(), "Cargo.toml has no {heading}");
    lines
}

/// The host's crate refuses to compile those features without debug assertions: that is a guard as long as what is shipped is built without.
#[test]
fn modules_that_are_wrong_on_purpose_do_not_compile_as_what_is_shipped() {
    let manifest = tidy::read("Cargo.toml".as_ref());
    let wasm = section(&manifest, "profile.wasm");
    assert!(wasm.iter().any(|line| line == r#"inherits = "release""#), "{wasm:?}");
    for line in wasm.iter().chain(&section(&manifest, "profile.release")) {
        assert!(!line.starts_with("debug-assertions"), "{line}");
    }
    let host = tidy::read("filters/host/proxy-wasm/src/lib.rs".as_ref());
    let guard = r#"#[cfg(all(any(feature = "blind-swap", feature = "trap"), not(debug_assertions)))]"#;
    let guarded =
        host.split(guard).nth(1).is_some_and(|after| after.trim_start().starts_with("compile_error!"));
    assert!(guarded, "nothing stands in the way of shipping them");
    let makefile = tidy::read("Makefile".as_ref());
    let recipe =
        makefile.split("\nwasm: ").nth(1).and_then(|after| after.split("\n\n").next()).unwrap_or_default();
    assert!(recipe.contains("--profile wasm") && !recipe.contains("--features"), "{recipe}");
}

/// What make splits at spaces is no path any more.
#[test]
fn a_checkout_may_stand_where_a_path_has_spaces() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("of two words");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("Makefile"), tidy::read("Makefile".as_ref())).unwrap();
    let mut make = Command::new("make");
    make.args(["-n", "wasm"]).current_dir(&directory).env_remove("CARGO_TARGET_DIR").env_remove("MAKEFLAGS");
    let output = make.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected = format!("'--remap-path-prefix={}=/ai-filters'", directory.display());
    assert!(output.status.success() && said.contains(&expected), "{said}");
}
