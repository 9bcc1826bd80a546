//! Every command of the documents, run by a shell, prints what the document says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// A list of prices for the commands that convert one; the public one has to be downloaded.
const PRICE_LIST: &str = include_str!("price_list/list.json");

/// Runs the commands of `docs/NAME`, one after the other in a directory of their own, where these files are. Returns how many there were.
fn check(name: &str, files: &[(&str, &str)]) -> usize {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(manifest.join("../../docs").join(name)).unwrap();
    let directory = fresh_directory(name);
    for (file, text) in files {
        fs::write(directory.join(file), text).unwrap();
    }
    let program = Path::new(env!("CARGO_BIN_EXE_ai-filters")).parent().unwrap();
    let inherited = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([program.to_owned()].into_iter().chain(env::split_paths(&inherited))).unwrap();
    let mut commands = 0_usize;
    for block in document.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        for command in block.split("$ ").skip(1) {
            let (command, expected) = command.split_once('\n').unwrap();
            let output = Command::new("sh")
                .args(["-c", &format!("{{ {command}\n}} 2>&1")])
                .env("PATH", &path)
                .current_dir(&directory)
                .output()
                .unwrap();
            assert_eq!(str::from_utf8(&output.stdout), Ok(expected), "{command}");
            commands = commands.saturating_add(1);
        }
    }
    commands
}

fn fresh_directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents").join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory).unwrap();
    }
    fs::create_dir_all(&directory).unwrap();
    directory
}

#[test]
fn the_tools_commands_print_what_its_document_says() {
    assert!(check("cli.md", &[("model_prices_and_context_window.json", PRICE_LIST)]) > 10);
}

#[test]
fn the_commands_about_keys_print_what_their_document_says() {
    assert!(check("identity.md", &[]) > 5);
}

#[test]
fn the_commands_about_prices_print_what_their_document_says() {
    if Command::new("jq").arg("--version").output().is_err() {
        // Not by a macro: what a passing test prints is kept from who runs it.
        let _ = std::io::stderr()
            .write_all(b"\nSKIPPED: the commands about prices: jq was not found (install jq)\n");
        return;
    }
    let gateway = r#"{"models": [{"name": "*"}]}"#;
    let files = [("model_prices_and_context_window.json", PRICE_LIST), ("gateway.json", gateway)];
    assert!(check("prices.md", &files) > 3);
}
