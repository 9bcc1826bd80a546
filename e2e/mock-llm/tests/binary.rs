//! The binary as a person runs it: the ready line, TLS with the written authority, the control endpoint, SIGTERM.

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use common::{body, connect_tls, exchange, exchange_on, request};
use mock_llm::ProviderKind::{Anthropic, OpenAi};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A running binary and the addresses of its ready line.
struct Running {
    child: Child,
    ready: String,
}

impl Running {
    async fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mock-llm"))
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = timeout(common::PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
        Self { child, ready }
    }

    fn value(&self, name: &str) -> &str {
        let prefix = format!("{name}=");
        self.ready.split(' ').find_map(|word| word.strip_prefix(prefix.as_str())).unwrap()
    }

    fn address(&self, name: &str) -> SocketAddr {
        self.value(name).split("://").nth(1).unwrap().parse().unwrap()
    }
}

async fn control(running: &Running, method: &str, path: &str) -> common::Seen {
    let asked = format!("{method} {path} HTTP/1.1\r\nhost: control\r\n\r\n");
    exchange(running.address("control"), asked.as_bytes()).await
}

#[tokio::test]
async fn a_person_can_play_with_it() {
    let running =
        Running::start(&["--control-port", "0", "--anthropic-key", "sk-ant-own", "--openai-model", "house"])
            .await;
    assert!(running.ready.starts_with("ready openai=http://127.0.0.1:"), "{}", running.ready);
    let openai = running.address("openai");
    let asked = request(OpenAi, &body(OpenAi, false));
    assert_eq!(exchange(openai, &asked).await.status(), 200);
    let other_key = request(Anthropic, &body(Anthropic, false));
    assert_eq!(exchange(running.address("anthropic"), &other_key).await.status(), 401);

    assert_eq!(control(&running, "POST", "/openai/down").await.status(), 200);
    assert_eq!(exchange(openai, &asked).await.status(), 503);
    control(&running, "POST", "/openai/down?status=429").await;
    assert_eq!(exchange(openai, &asked).await.status(), 429);
    control(&running, "POST", "/openai/slow?ms=60").await;
    assert!(exchange(openai, &asked).await.reads[0].0.as_millis() >= 60);
    control(&running, "POST", "/openai/refuse").await;
    assert!(tokio::net::TcpStream::connect(openai).await.is_err());
    control(&running, "POST", "/openai/up").await;
    assert_eq!(exchange(openai, &asked).await.status(), 200);

    let seen = control(&running, "GET", "/requests").await;
    assert!(!seen.body().contains(OpenAi.default_key()) && !seen.body().contains(Anthropic.default_key()));
    let seen: Value = seen.json();
    assert_eq!(seen["openai"]["requests"].as_array().unwrap().len(), 5);
    assert_eq!(seen["openai"]["requests"][0]["body"]["model"], "gpt-4");
    assert_eq!(seen["anthropic"]["requests"][0]["refused"], "401 authentication_error: invalid x-api-key");
    control(&running, "POST", "/clear").await;
    assert_eq!(
        control(&running, "GET", "/requests").await.json()["openai"]["requests"],
        serde_json::json!([])
    );

    assert!(control(&running, "GET", "/").await.body().contains("/slow?ms=2000"));
    for (method, path) in [
        ("POST", "/gemini/down"),
        ("POST", "/openai/sideways"),
        ("POST", "/openai/slow"),
        ("POST", "/openai/down?status=x"),
    ] {
        assert_eq!(control(&running, method, path).await.status(), 400, "{path}");
    }
}

#[tokio::test]
async fn it_serves_tls_until_sigterm() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{}", std::process::id()));
    let mut running = Running::start(&[
        "--tls-dir",
        dir.to_str().unwrap(),
        "--tls-name",
        "llm.internal",
        "--openai-key",
        "sk-own",
    ])
    .await;
    let pem = std::fs::read_to_string(running.value("ca")).unwrap();
    for name in ["api.openai.com", "localhost", "127.0.0.1", "llm.internal"] {
        let mut stream = connect_tls(running.address("openai"), &pem, name, &[b"http/1.1"]).await.unwrap();
        assert_eq!(
            exchange_on(&mut stream, &request(OpenAi, &body(OpenAi, false))).await.status(),
            401,
            "another key"
        );
    }
    assert!(connect_tls(running.address("openai"), &pem, "api.anthropic.com", &[]).await.is_err());
    let mut stream =
        connect_tls(running.address("anthropic"), &pem, "api.anthropic.com", &[b"http/1.1"]).await.unwrap();
    assert_eq!(exchange_on(&mut stream, &request(Anthropic, &body(Anthropic, false))).await.status(), 200);

    let pid = running.child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert!(timeout(common::PATIENCE, running.child.wait()).await.unwrap().unwrap().success());
    std::fs::remove_dir_all(dir).unwrap();
}

#[tokio::test]
async fn what_it_cannot_do_it_says_in_one_line() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (arguments, status, said) in [
        (vec!["--openai-port", port.as_str()], 1, "--openai-port"),
        (vec!["--openai-port", "many"], 2, "is no port"),
        (vec!["--openai-port"], 2, "a value is missing"),
        (vec!["--what", "x"], 2, "unknown option --what"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_mock-llm")).args(&arguments).output().await.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {error}");
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn it_is_reached_at_the_address_that_was_named() {
    let running = Running::start(&["--listen", "0.0.0.0", "--control-port", "0"]).await;
    for (name, path) in [("openai", "/v1/models"), ("control", "/requests")] {
        let address = running.address(name);
        assert!(address.ip().is_unspecified(), "{}", running.ready);
        let asked = format!("GET {path} HTTP/1.1\r\nhost: here\r\n\r\n");
        let there = SocketAddr::from(([127, 0, 0, 1], address.port()));
        assert_ne!(exchange(there, asked.as_bytes()).await.status(), 0);
    }
}
