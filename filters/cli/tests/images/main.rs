//! Images from a module to a registry and back, through a registry and a client that others wrote, and into a real Envoy.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

#[path = "../common/document.rs"]
mod document;
mod envoy;
mod registry;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use oci::Digest;
use registry::{PASSWORD, Registry, USERNAME};
use serde_json::Value;

/// As little as passes for a module here; it is not run.
const MODULE: &[u8] = b"\0asm\x01\0\0\0proxy_abi_version_0_2_1";

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Says that something is not tested. Not by a macro: what a passing test prints is kept from who runs it.
fn skipped(what: &str) {
    let _ = std::io::stderr().write_all(format!("\nSKIPPED: {what}\n").as_bytes());
}

fn fresh_directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("images").join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory).unwrap();
    }
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// Runs `ai-filters image` with nothing in its environment but these variables and the path.
fn image(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ai-filters"))
        .arg("image")
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn prints(output: &Output) -> &str {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn refuses(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(output.stdout.is_empty());
    text(&output.stderr)
}

/// Builds a filter's images from the least module, with a bill of materials of this workspace; returns where they are.
fn built(directory: &Path) -> String {
    let module = directory.join("module.wasm");
    fs::write(&module, MODULE).unwrap();
    let metadata = directory.join("metadata.json");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    fs::write(&metadata, prints(&output)).unwrap();
    let to = directory.join("layout").display().to_string();
    let output = image(
        &[
            "build",
            "gateway",
            "--module",
            module.to_str().unwrap(),
            "--output",
            &to,
            "--version",
            "1.2.3",
            "--revision",
            "abc123",
            "--source",
            "https://example.com/source",
            "--metadata",
            metadata.to_str().unwrap(),
        ],
        &[("SOURCE_DATE_EPOCH", "1764100800")],
    );
    let tags: Vec<&str> = prints(&output).lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(tags, ["1.2.3", "1.2.3-wasm"]);
    to
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// The bytes that a pulled manifest's entry names: skopeo calls each file by its digest.
fn blob(pulled: &Path, descriptor: &Value) -> Vec<u8> {
    let digest = Digest::parse(descriptor["digest"].as_str().unwrap()).unwrap();
    let bytes = fs::read(pulled.join(digest.hex())).unwrap();
    assert_eq!(Digest::of(&bytes), digest);
    assert_eq!(descriptor["size"], bytes.len());
    bytes
}

/// The one file of a compressed layer, by the system's own `tar`.
fn plugin(layer: &Path) -> Vec<u8> {
    let list = Command::new("tar").arg("-tzf").arg(layer).output().unwrap();
    assert_eq!(prints(&list), "plugin.wasm\n");
    let file = Command::new("tar").arg("-xzOf").arg(layer).arg("plugin.wasm").output().unwrap();
    assert!(file.status.success(), "{}", text(&file.stderr));
    file.stdout
}

/// `make image` says where the sources are as git does, and a pipeline's remote has its token in it.
#[test]
fn no_token_of_the_sources_address_is_in_an_image() {
    for (number, (given, said)) in [
        ("https://ci:hunter2@git.example/a/b.git", "https://git.example/a/b.git"),
        ("https://hunter2@git.example", "https://git.example"),
        ("ssh://git@git.example:22/a@b", "ssh://git.example:22/a@b"),
        ("git@git.example:a/b.git", "git@git.example:a/b.git"),
    ]
    .into_iter()
    .enumerate()
    {
        let directory = fresh_directory(&format!("source-{number}"));
        let module = directory.join("module.wasm");
        fs::write(&module, MODULE).unwrap();
        let to = directory.join("layout");
        let arguments =
            ["build", "gateway", "--module", module.to_str().unwrap(), "--output", to.to_str().unwrap()];
        let output = image(&[&arguments[..], &["--source", given, "--created", "1"]].concat(), &[]);
        prints(&output);
        let blobs = fs::read_dir(to.join("blobs/sha256")).unwrap();
        let texts: Vec<String> = blobs
            .map(|blob| String::from_utf8_lossy(&fs::read(blob.unwrap().path()).unwrap()).into_owned())
            .collect();
        assert!(texts.iter().all(|text| !text.contains("hunter2")), "{given}");
        let label = format!("\"org.opencontainers.image.source\":\"{said}\"");
        assert!(texts.iter().any(|text| text.replace(": ", ":").contains(&label)), "{given}: {texts:?}");
    }
}

#[test]
fn what_is_pulled_is_what_was_built() {
    let Some(registry) = Registry::start("pulled") else { return };
    let layout = built(registry.directory());
    let repository = format!("{}/ai/ai-gateway", registry.host());
    let credentials = [("REGISTRY_USERNAME", USERNAME), ("REGISTRY_PASSWORD", PASSWORD)];
    let output = image(&["push", &layout, &repository], &credentials);
    let pushed = prints(&output).to_owned();
    let again = image(&["push", &layout, &repository], &credentials);
    assert_eq!(prints(&again), pushed, "a second time nothing is different");

    let lines: Vec<(&str, &str)> = pushed.lines().filter_map(|line| line.split_once(' ')).collect();
    let [(compat, compat_digest), (artifact, artifact_digest), bills @ ..] = lines.as_slice() else {
        panic!("{pushed}")
    };
    assert_eq!((*compat, *artifact), (&*format!("{repository}:1.2.3"), &*format!("{repository}:1.2.3-wasm")));
    assert_eq!(bills.len(), 2);

    // The ordinary image, as Envoy Gateway and Istio want it: the last layer is a compressed archive with `plugin.wasm`.
    let pulled = registry.pull("ai/ai-gateway:1.2.3");
    let manifest = fs::read(pulled.join("manifest.json")).unwrap();
    assert_eq!(Digest::of(&manifest).to_string(), *compat_digest);
    let manifest = json(&manifest);
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(manifest["annotations"]["module.wasm.image/variant"], "compat");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    let layer = &manifest["layers"][0];
    assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    blob(&pulled, layer);
    let file = pulled.join(layer["digest"].as_str().unwrap().trim_start_matches("sha256:"));
    assert_eq!(plugin(&file), MODULE);
    let inspected = json(&registry.skopeo(&["inspect"], "ai/ai-gateway:1.2.3"));
    assert_eq!(inspected["Digest"], *compat_digest);
    for (label, value) in [
        ("title", "ai-gateway"),
        ("version", "1.2.3"),
        ("revision", "abc123"),
        ("source", "https://example.com/source"),
        ("licenses", "Apache-2.0"),
        ("created", "2025-11-25T20:00:00Z"),
    ] {
        let label = format!("org.opencontainers.image.{label}");
        assert_eq!(inspected["Labels"][&label], value, "{label}");
        assert_eq!(manifest["annotations"][&label], value, "{label}");
    }

    // The artifact: exactly two layers, one of them the module as it is.
    let pulled = registry.pull("ai/ai-gateway:1.2.3-wasm");
    let manifest = fs::read(pulled.join("manifest.json")).unwrap();
    assert_eq!(Digest::of(&manifest).to_string(), *artifact_digest);
    let manifest = json(&manifest);
    let layers = manifest["layers"].as_array().unwrap();
    let types: Vec<_> = layers.iter().map(|layer| layer["mediaType"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        ["application/vnd.module.wasm.config.v1+json", "application/vnd.module.wasm.content.layer.v1+wasm"]
    );
    assert_eq!(blob(&pulled, &layers[1]), MODULE);
    assert_eq!(json(&blob(&pulled, &layers[0]))["abiVersions"][0], "0.2.1");

    // The bill of materials is found by the digest of what it is of.
    for (digest, (name, bill)) in [compat_digest, artifact_digest].into_iter().zip(bills) {
        assert_eq!(*name, format!("{repository}@{bill}"));
        let index = json(
            &registry.skopeo(&["inspect", "--raw"], &format!("ai/ai-gateway:{}", digest.replace(':', "-"))),
        );
        assert_eq!(index["manifests"].as_array().unwrap().len(), 1, "pushed twice, listed once");
        assert_eq!(index["manifests"][0]["digest"], *bill);
        assert_eq!(index["manifests"][0]["artifactType"], "application/vnd.cyclonedx+json");
        let manifest = json(&registry.skopeo(&["inspect", "--raw"], &format!("ai/ai-gateway@{bill}")));
        assert_eq!(manifest["subject"]["digest"], *digest);
    }
    let pulled = registry.pull(&format!("ai/ai-gateway@{}", bills[0].1));
    let manifest = json(&fs::read(pulled.join("manifest.json")).unwrap());
    let bill = json(&blob(&pulled, &manifest["layers"][0]));
    assert_eq!(bill["metadata"]["component"]["name"], "ai-gateway");
    assert_eq!(bill["metadata"]["component"]["hashes"][0]["content"], Digest::of(MODULE).hex());
    let materials: Vec<_> =
        bill["components"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    for linked in ["gateway", "proxy-wasm", "serde_json"] {
        assert!(materials.contains(&linked), "{linked} in {materials:?}");
    }
    for not_linked in ["ai-gateway", "serde_derive", "proptest", "tokio", "ureq"] {
        assert!(!materials.contains(&not_linked), "{not_linked} in {materials:?}");
    }
}

#[test]
fn the_same_module_gives_the_same_bytes() {
    let files = |name: &str| {
        let layout = PathBuf::from(built(&fresh_directory(name)));
        let mut files: Vec<_> =
            fs::read_dir(layout.join("blobs/sha256")).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files.push(layout.join("index.json"));
        files
            .iter()
            .map(|file| (file.file_name().unwrap().to_owned(), fs::read(file).unwrap()))
            .collect::<Vec<_>>()
    };
    let first = files("once");
    assert_eq!(first, files("again"));
    for (name, bytes) in first {
        let shown = String::from_utf8_lossy(&bytes);
        for place in [env!("CARGO_MANIFEST_DIR"), env!("CARGO_TARGET_TMPDIR"), "/home/", "/root/"] {
            assert!(!shown.contains(place), "{place} is in {}", name.display());
        }
    }
}

#[test]
fn credentials_are_taken_from_the_file_of_docker_login() {
    let Some(registry) = Registry::start("credentials") else { return };
    let layout = built(registry.directory());
    let repository = format!("{}/ai-gateway", registry.host());
    let config = registry.directory().join("config.json");
    let directory = registry.directory().to_str().unwrap();
    let push = |auth: &str| {
        fs::write(&config, format!(r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}}}"#, registry.host()))
            .unwrap();
        image(&["push", &layout, &repository], &[("DOCKER_CONFIG", directory)])
    };
    // `ci:a password`, and `ci:canary`.
    assert!(prints(&push("Y2k6YSBwYXNzd29yZA==")).starts_with(&format!("{repository}:1.2.3 sha256:")));
    let hint = "  hint: `docker login`, or set REGISTRY_USERNAME and REGISTRY_PASSWORD\n";
    let refusal = format!("{}: not allowed: the credentials are refused\n{hint}", registry.host());
    let output = push("Y2k6Y2FuYXJ5");
    assert_eq!(refuses(&output), refusal);
    let output = image(&["push", &layout, &repository], &[]);
    assert_eq!(
        refuses(&output),
        format!("{}: not allowed: no credentials are known for it\n{hint}", registry.host())
    );
}

#[test]
fn the_commands_about_images_print_what_their_document_says() {
    let Some(registry) = Registry::start("document") else { return };
    let repository = format!("{}/someone", registry.host());
    // A home where one is logged in, and where skopeo is told that this registry has no TLS.
    let home = registry.directory().join("home");
    let docker = home.join(".docker");
    fs::create_dir_all(&docker).unwrap();
    fs::create_dir_all(home.join(".config/containers")).unwrap();
    let host = registry.host();
    let login = format!(r#"{{"auths": {{"{host}": {{"auth": "Y2k6YSBwYXNzd29yZA=="}}}}}}"#);
    fs::write(docker.join("config.json"), login).unwrap();
    let insecure = format!("[[registry]]\nlocation = '{host}'\ninsecure = true\n");
    fs::write(home.join(".config/containers/registries.conf"), insecure).unwrap();
    let setting = document::Setting {
        files: &[("ai_gateway.wasm", MODULE)],
        environment: &[("HOME", home.to_str().unwrap()), ("DOCKER_CONFIG", docker.to_str().unwrap())],
        stands_for: Some(("ghcr.io/someone", &repository)),
    };
    assert!(document::check("images.md", &setting) > 4);
}

#[test]
fn what_cannot_be_built_or_pushed_says_why() {
    let directory = fresh_directory("refused");
    let here = directory.to_str().unwrap();
    let file = directory.join("module.wasm");
    let module = file.to_str().unwrap();
    let build = |more: &[&str]| {
        let all: Vec<&str> =
            ["build", "provider", "--module", module, "--output", here].iter().chain(more).copied().collect();
        image(&all, &[])
    };
    fs::write(&file, b"#!/bin/sh\n").unwrap();
    assert_eq!(
        refuses(&build(&["--created", "0"])),
        format!("{module}: is no wasm module\n  hint: `make wasm` builds the filters\n")
    );
    fs::write(&file, MODULE).unwrap();
    assert_eq!(
        refuses(&build(&[])),
        "--created: is missing, and so is SOURCE_DATE_EPOCH\n  hint: the commit's time: --created \"$(git log -1 --format=%ct)\"\n"
    );
    let output = build(&["--created", "yesterday"]);
    assert!(refuses(&output).starts_with("--created: is no number of seconds"));
    let output = build(&["--created", "0", "--version", "1.0+build"]);
    assert!(refuses(&output).starts_with("--version: is no tag\n"));
    let output = build(&["--created", "0", "--metadata", module]);
    assert!(
        refuses(&output).starts_with(&format!("{module}: is no output of `cargo metadata")),
        "{}",
        text(&output.stderr)
    );

    let push = |directory: &str, to: &str| image(&["push", directory, to], &[]);
    let output = push(here, "ai-gateway");
    assert!(refuses(&output).starts_with("ai-gateway: names no registry\n"));
    let output = push(here, "127.0.0.1:1/ai-gateway");
    assert!(refuses(&output).starts_with(&format!("{here}/index.json: ")), "{}", text(&output.stderr));
    prints(&build(&["--created", "0"]));
    let output = push(here, "127.0.0.1:1/ai-gateway");
    assert!(
        refuses(&output).starts_with("http://127.0.0.1:1/v2/ai-gateway/blobs/"),
        "{}",
        text(&output.stderr)
    );
    // A blob that has been changed is not pushed, and neither is a manifest that names it.
    let index = json(&fs::read(directory.join("index.json")).unwrap());
    let manifest = index["manifests"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:");
    let manifest = directory.join("blobs/sha256").join(manifest);
    fs::write(&manifest, b"{}").unwrap();
    let output = push(here, "127.0.0.1:1/ai-gateway");
    assert!(refuses(&output).starts_with(&format!("{}: its digest is sha256:44136fa3", manifest.display())));
}
