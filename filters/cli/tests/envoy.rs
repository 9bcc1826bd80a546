//! Every shape that can be rendered is taken by a real Envoy. Runs where `ENVOY` names its binary, as `make test` does.
//!
//! The filters' own modules are not needed for that: a module of the least that Envoy accepts stands in their place. What the shapes do
//! with traffic is proven by the scenario suite.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ai_filters::render::{
    AccessLog, Fallback, Filters, GlobalBudget, HeadersHeld, LlmRouter, Modules, OnFailure, Provider,
    Refunds, bootstrap,
};

/// The least module that Envoy takes: a memory, the mark of its ABI, an initialiser, and an allocator.
///
/// Written out by hand, so that the test needs neither the wasm target nor a tool.
const LEAST_MODULE: &[&[u8]] = &[
    b"\0asm\x01\0\0\0",
    // Types: `() -> ()` and `(i32) -> i32`.
    &[0x01, 0x09, 0x02, 0x60, 0x00, 0x00, 0x60, 0x01, 0x7f, 0x01, 0x7f],
    // Functions of the first, the first and the second type.
    &[0x03, 0x04, 0x03, 0x00, 0x00, 0x01],
    // One page of memory.
    &[0x05, 0x03, 0x01, 0x00, 0x01],
    &[0x07, 0x3b, 0x04],
    b"\x06memory\x02\x00",
    b"\x17proxy_abi_version_0_2_1\x00\x00",
    b"\x0b_initialize\x00\x01",
    b"\x06malloc\x00\x02",
    // Two functions that do nothing, and one that hands out address 1024.
    &[0x0a, 0x0d, 0x03, 0x02, 0x00, 0x0b, 0x02, 0x00, 0x0b, 0x05, 0x00, 0x41, 0x80, 0x08, 0x0b],
];

struct Envoy {
    binary: PathBuf,
    minor: u16,
    directory: PathBuf,
}

impl Envoy {
    /// The Envoy to test with, and a directory of this test's own; none where there is no Envoy.
    fn given(test: &str) -> Option<Self> {
        let Some(binary) = std::env::var_os("ENVOY").map(PathBuf::from) else {
            println!("skipped: ENVOY names no binary");
            return None;
        };
        let version = Command::new(&binary).arg("--version").output().expect("ENVOY runs");
        let version = String::from_utf8_lossy(&version.stdout).into_owned();
        let minor = version
            .split("/1.")
            .nth(1)
            .and_then(|rest| rest.split('.').next())
            .and_then(|minor| minor.parse().ok());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("least.wasm"), LEAST_MODULE.concat()).unwrap();
        // Any certificate does: validation reads the file and connects nowhere.
        fs::write(directory.join("ca.pem"), CERTIFICATE).unwrap();
        Some(Self { binary, minor: minor.unwrap_or_else(|| panic!("no version in {version:?}")), directory })
    }

    fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// What Envoy says about that text: nothing, where it takes it without a warning.
    fn complaint(&self, text: &str) -> Option<String> {
        let path = self.directory.join("envoy.yaml");
        fs::write(&path, text).unwrap();
        let output = Command::new(&self.binary)
            .args(["--mode", "validate", "--disable-hot-restart", "-l", "warning", "-c"])
            .arg(&path)
            .envs([("OPENAI_API_KEY", "a"), ("ANTHROPIC_API_KEY", "b")])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let deprecated = said.contains("Deprecated field") || said.contains("deprecated");
        (!output.status.success() || deprecated).then_some(said)
    }

    fn router(&self, fallback: Fallback) -> LlmRouter {
        let module: ai_filters::render::FilePath = self.file("least.wasm").parse().unwrap();
        LlmRouter {
            fallback,
            modules: Modules { gateway: module.clone(), provider: module },
            ca_bundle: self.file("ca.pem").parse().unwrap(),
            ..LlmRouter::default()
        }
    }
}

#[test]
fn every_shape_is_taken_without_a_deprecation() {
    let Some(envoy) = Envoy::given("shapes") else { return };
    let mut fallbacks = vec![Fallback::PreviousPriorities];
    if envoy.minor >= 40 {
        fallbacks.push(Fallback::PriorityGroup);
    }
    for fallback in fallbacks {
        for filters in [Filters::Both, Filters::GatewayOnly, Filters::ProviderOnly, Filters::Neither] {
            for headers_held in [HeadersHeld::Yes, HeadersHeld::No] {
                let router = LlmRouter { filters, headers_held, ..envoy.router(fallback) };
                let complaint = envoy.complaint(&bootstrap(&router));
                assert_eq!(complaint, None, "{fallback:?} {filters:?} {headers_held:?}");
            }
        }
        let mut mixed = LlmRouter { access_log: AccessLog::Off, ..envoy.router(fallback) };
        mixed.providers[0].base_url = "http://127.0.0.1:8080/v1".parse().unwrap();
        let mut third = Provider::openai();
        third.name = "third".parse().unwrap();
        third.base_url = "https://[::1]:8443".parse().unwrap();
        mixed.providers.push(third);
        assert_eq!(
            envoy.complaint(&bootstrap(&mixed)),
            None,
            "{fallback:?}: plain HTTP, a name and an address"
        );
        mixed.providers.truncate(1);
        assert_eq!(envoy.complaint(&bootstrap(&mixed)), None, "{fallback:?}: one provider in plain HTTP");
    }
}

#[test]
fn every_shared_budget_is_taken_without_a_deprecation() {
    let Some(envoy) = Envoy::given("budgets") else { return };
    if envoy.minor < 40 {
        println!("skipped: the shared budget needs Envoy 1.40");
        return;
    }
    for on_failure in [OnFailure::Serve, OnFailure::Refuse] {
        for refunds in [Refunds::None, Refunds::NegativeHits] {
            for fallback in [Fallback::PriorityGroup, Fallback::PreviousPriorities] {
                let budget = GlobalBudget { on_failure, refunds, ..GlobalBudget::default() };
                let counting = [("mode".to_owned(), "exact".into())].into_iter().collect();
                let router = LlmRouter { global_budget: Some(budget), counting, ..envoy.router(fallback) };
                assert_eq!(router.check(), Ok(()));
                let complaint = envoy.complaint(&bootstrap(&router));
                assert_eq!(complaint, None, "{on_failure:?} {refunds:?} {fallback:?}");
            }
        }
    }
}

#[test]
fn a_broken_bootstrap_is_refused() {
    let Some(envoy) = Envoy::given("broken") else { return };
    let text = bootstrap(&envoy.router(Fallback::PreviousPriorities));
    let broken = text.replace("failure_policy: FAIL_RELOAD", "failure_policy: FAIL_SOMEHOW");
    assert_ne!(text, broken);
    assert!(envoy.complaint(&broken).is_some(), "or the test above says nothing");
    let missing = text.replace("least.wasm", "missing.wasm");
    assert!(envoy.complaint(&missing).is_some());
}

/// A self-signed certificate that signs nothing.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBITCByKADAgECAgEBMAoGCCqGSM49BAMCMA8xDTALBgNVBAMMBHRlc3QwIBcN
MjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMA8xDTALBgNVBAMMBHRlc3Qw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQqWSqLcm8ispNoXyqbrlIKCTw4mY/K
Z3bv0k2UbJ8LbZTUgL28bMumZ1xwS0DqJa6hFU/xnyV+u4lyHNYsOZK1oxMwETAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQD6W/f1KSLJwyBQceNm
wvQ25lLFzeyQok5rhWIv9GsGdgIgfZv37soedlFyVKgXTtR/5p/ZVAi5ZTNHZ7dG
J2TCcvE=
-----END CERTIFICATE-----
";
