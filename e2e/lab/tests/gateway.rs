//! `lab gateway` as a person or a script meets it: the same contract as `lab run`, behind a real Envoy Gateway.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may say what it means")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lab::http;
use mock_llm::{Listen, MockProvider, ProviderKind, Reply};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

/// Nothing of this process's environment decides what is tested, but for what finds Envoy, the filters and the programs.
fn lab(variables: &[(&str, &str)]) -> Command {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.arg("gateway").env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for kept in ["PATH", "HOME", "ENVOY", "ENVOY_GATEWAY", "CARGO_TARGET_DIR", "TMPDIR"] {
        lab.envs(std::env::var_os(kept).map(|value| (kept, value)));
    }
    lab.env("PORT", "0").envs(variables.iter().copied());
    lab
}

/// A gateway that said that it is ready. It is killed with the test.
struct Gateway {
    child: Child,
    address: SocketAddr,
}

impl Gateway {
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut child = lab(variables).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("ready: http://").and_then(|rest| rest.strip_suffix("/v1"));
        let Some(url) = url else {
            let mut stderr = String::new();
            child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            panic!("{line:?} {stderr}");
        };
        Self { address: url.parse().unwrap(), child }
    }

    async fn chat(&self, user: &str) -> http::Reply {
        let messages = json!([{"role": "user", "content": "Hello"}]);
        let body = json!({"model": "gpt-4", "max_tokens": 60, "messages": messages});
        let request = http::post_json("/v1/chat/completions", &[("x-user-id", user)], &body).unwrap();
        http::send(self.address, request, Duration::from_secs(20)).await.unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It has ended by itself where the test got that far.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One after the other: there is one Envoy Gateway on a machine.
#[tokio::test]
async fn addresses_keys_budgets_and_signals() {
    let hosts = fs::read("/etc/hosts").unwrap();
    let openai = MockProvider::start(ProviderKind::OpenAi, Listen::plain()).await.unwrap();
    let anthropic = MockProvider::start(ProviderKind::Anthropic, Listen::plain()).await.unwrap();
    openai.expect_key("sk-openai");
    anthropic.expect_key("sk-anthropic");
    let mut gateway = Gateway::start(&[
        ("OPENAI_API_KEY", "sk-openai"),
        ("OPENAI_BASE_URL", &format!("http://{}/v1", openai.address())),
        ("ANTHROPIC_API_KEY", "sk-anthropic"),
        ("ANTHROPIC_BASE_URL", &format!("http://{}", anthropic.address())),
        ("TOKENS_PER_MINUTE", "100"),
    ]);

    // Both providers are addresses, and still one falls back to the other, each with its own key and its own name.
    openai.script(Reply::status(503));
    let reply = gateway.chat("alice").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["model"], "gpt-4");
    assert_eq!(anthropic.requests().len(), 1);
    assert_eq!(anthropic.requests()[0].authority, anthropic.address().to_string());

    // What one has spent is no other's, and a budget that is used up is refused before a provider is asked.
    let mut refused = None;
    for _ in 0..20 {
        let reply = gateway.chat("alice").await;
        if reply.status != 200 {
            refused = Some(reply.status);
            break;
        }
    }
    assert_eq!(refused, Some(429));
    let asked = openai.requests().len();
    assert_eq!(gateway.chat("alice").await.status, 429);
    assert_eq!(openai.requests().len(), asked);
    assert_eq!(gateway.chat("bob").await.status, 200);

    kill_process(Pid::from_child(&gateway.child), Signal::TERM).unwrap();
    assert!(gateway.child.wait().unwrap().success());
    for port in [gateway.address.port(), 18000, 18002, 19003, 8081] {
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap_or_else(|error| panic!("{port}: {error}"));
    }
    assert_eq!(fs::read("/etc/hosts").unwrap(), hosts);
    assert!(!Path::new("/certs").exists() && !Path::new("/ai-provider").exists());
}

#[test]
fn where_namespaces_are_not_allowed_it_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let unshare = directory.path().join("unshare");
    fs::write(&unshare, "#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n").unwrap();
    fs::set_permissions(&unshare, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", directory.path().display(), std::env::var("PATH").unwrap());
    let output = lab(&[("PATH", &path)]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("no mount namespace is to be had here: unshare failed: Operation not permitted"),
        "{said}"
    );
    assert!(said.contains("\nhint: run it as root"), "{said}");
    assert!(output.stdout.is_empty());
}
