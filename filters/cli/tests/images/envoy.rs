//! The whole way: `make push` into a registry, out of it again, and both filters run in a real Envoy. Where `ENVOY` names its binary, as `make test` does.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ai_filters::render::{LlmRouter, Modules, bootstrap};
use oci::Digest;

use crate::registry::{PASSWORD, Registry, USERNAME};
use crate::{blob, json, plugin, prints, text};

/// Two modules are compiled first; a busy machine with two cores has been seen to need 20 seconds.
const ANSWERS_WITHIN: Duration = Duration::from_secs(90);

/// An Envoy that runs until this is dropped.
struct Envoy(Child);

impl Drop for Envoy {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn pulled_modules_run_in_envoy() {
    let Some(binary) = std::env::var_os("ENVOY") else {
        println!("skipped: ENVOY names no binary");
        return;
    };
    let Some(registry) = Registry::start("envoy") else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let made = Command::new("make")
        .args(["--no-print-directory", "push", &format!("REGISTRY={}/ai", registry.host())])
        .current_dir(&root)
        .env("REGISTRY_USERNAME", USERNAME)
        .env("REGISTRY_PASSWORD", PASSWORD)
        .env_remove("MAKEFLAGS")
        .env_remove("MFLAGS")
        .output()
        .unwrap();
    let pushed = prints(&made);
    for name in ["ai-gateway", "ai-provider"] {
        assert!(
            pushed.contains(&format!("{}/ai/{name}:{} ", registry.host(), env!("CARGO_PKG_VERSION"))),
            "{pushed}"
        );
    }

    // Of one filter the ordinary image, of the other the artifact: each is a way by which modules reach an Envoy.
    let gateway = registry.directory().join("gateway.wasm");
    let provider = registry.directory().join("provider.wasm");
    fs::write(&gateway, of_compat(&registry, "ai-gateway")).unwrap();
    fs::write(&provider, of_artifact(&registry, "ai-provider")).unwrap();
    assert_eq!(Digest::of(&fs::read(&provider).unwrap()), Digest::of(&of_compat(&registry, "ai-provider")));

    let answer = models(&binary, registry.directory(), &gateway, &provider);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"gpt-4\""), "{answer}");
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn of_compat(registry: &Registry, name: &str) -> Vec<u8> {
    let pulled = registry.pull(&format!("ai/{name}:{}", version()));
    let manifest = json(&fs::read(pulled.join("manifest.json")).unwrap());
    blob(&pulled, &manifest["layers"][0]);
    plugin(&pulled.join(manifest["layers"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:")))
}

fn of_artifact(registry: &Registry, name: &str) -> Vec<u8> {
    let pulled = registry.pull(&format!("ai/{name}:{}-wasm", version()));
    let manifest = json(&fs::read(pulled.join("manifest.json")).unwrap());
    blob(&pulled, &manifest["layers"][1])
}

/// What an Envoy with these modules answers to `GET /v1/models`, which no provider is asked for.
fn models(binary: &std::ffi::OsStr, directory: &Path, gateway: &Path, provider: &Path) -> String {
    let mut router = LlmRouter {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free().unwrap())),
        admin_port: ports::free().unwrap(),
        modules: Modules {
            gateway: gateway.to_str().unwrap().parse().unwrap(),
            provider: provider.to_str().unwrap().parse().unwrap(),
        },
        ..LlmRouter::default()
    };
    for provider in &mut router.providers {
        provider.base_url = "http://127.0.0.1:9/v1".parse().unwrap();
    }
    let configuration = directory.join("envoy.yaml");
    fs::write(&configuration, bootstrap(&router)).unwrap();
    let log: PathBuf = directory.join("envoy.log");
    let file = fs::File::create(&log).unwrap();
    let child = Command::new(binary)
        .args(["--disable-hot-restart", "--concurrency", "1", "-c"])
        .arg(&configuration)
        .env_clear()
        .envs([("OPENAI_API_KEY", "a"), ("ANTHROPIC_API_KEY", "b")])
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    let mut envoy = Envoy(child);
    let started = Instant::now();
    loop {
        if let Some(answer) = asked(router.listen) {
            return answer;
        }
        let ended = envoy.0.try_wait().unwrap();
        assert!(ended.is_none() && started.elapsed() < ANSWERS_WITHIN, "see {}", log.display());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn asked(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    stream.write_all(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    (!answer.is_empty()).then(|| text(&answer).to_owned())
}
