//! `lab run` and `lab demo` as a person or a script meets them: their output, their signals, their refusals.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test may say what it means"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use lab::http;
use mock_llm::{Listen, MockProvider, ProviderKind};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

/// Nothing of this process's environment decides what is tested, but for what finds Envoy, the filters and the programs.
fn lab(command: &str, variables: &[(&str, &str)]) -> Command {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.arg(command).env_clear().stdin(Stdio::null());
    for kept in ["PATH", "HOME", "ENVOY", "CARGO_TARGET_DIR", "TMPDIR"] {
        lab.envs(std::env::var_os(kept).map(|value| (kept, value)));
    }
    lab.envs(variables.iter().copied());
    lab
}

fn refused(variables: &[(&str, &str)]) -> String {
    let output: Output = lab("run", variables).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A gateway that said that it is ready, on pipes.
struct Gateway {
    child: Child,
    stdout: BufReader<ChildStdout>,
    said: String,
    address: SocketAddr,
}

impl Gateway {
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut command = lab("run", &[&[("PORT", "0"), ("ADMIN_PORT", "0")], variables].concat());
        Self::of(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn of(mut child: Child) -> Self {
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        stdout.read_line(&mut said).unwrap();
        let url = said.trim().strip_prefix("ready: http://").and_then(|rest| rest.strip_suffix("/v1"));
        let address = url.unwrap_or_else(|| panic!("{said:?} {}", rest_of(&mut child))).parse().unwrap();
        Self { child, stdout, said, address }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// What it said in all, and its exit status.
    fn ended(mut self) -> (String, String, Option<i32>) {
        self.stdout.read_to_string(&mut self.said).unwrap();
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let status = self.child.wait().unwrap();
        (self.said, stderr, status.code())
    }

    fn admin(stderr: &mut BufReader<std::process::ChildStderr>) -> SocketAddr {
        let mut line = String::new();
        while stderr.read_line(&mut line).unwrap() > 0 {
            if let Some(rest) = line.strip_prefix("admin http://") {
                return rest.split(',').next().unwrap().parse().unwrap();
            }
            line.clear();
        }
        panic!("no line names the admin interface");
    }
}

fn rest_of(child: &mut Child) -> String {
    let mut stderr = String::new();
    if let Some(mut pipe) = child.stderr.take() {
        pipe.read_to_string(&mut stderr).unwrap();
    }
    stderr
}

/// Whether that comes to pass. Envoy has five seconds to end before it is killed, and make is watched in intervals: this is longer than both.
fn refuses_connections(address: SocketAddr) -> bool {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        if TcpStream::connect(address).is_err() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

async fn chat(address: SocketAddr) -> http::Reply {
    let body = json!({"model": "gpt-4", "messages": [{"role": "user", "content": "Hello"}]});
    let request = http::post_json("/v1/chat/completions", &[], &body).unwrap();
    http::send(address, request, Duration::from_secs(20)).await.unwrap()
}

#[test]
fn a_busy_port_is_one_line_and_a_hint() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    for variable in ["PORT", "ADMIN_PORT"] {
        let other = if variable == "PORT" { "ADMIN_PORT" } else { "PORT" };
        let said = refused(&[(variable, &port), (other, "0")]);
        assert!(said.contains(&format!("port {port} is in use\nhint: ")), "{said}");
        assert!(said.contains(&format!("{variable}=")), "{said}");
    }
}

#[test]
fn every_problem_with_the_environment_is_told_before_anything_starts() {
    let said =
        refused(&[("PORT", "x"), ("TOTAL_TIMEOUT", "long"), ("OPENAI_API_KEY", "sk-canary with space")]);
    for named in ["PORT: ", "TOTAL_TIMEOUT: ", "OPENAI_API_KEY "] {
        assert!(said.contains(named), "{said}");
    }
    assert_eq!(said.matches("\nhint: ").count(), 3, "{said}");
    assert!(!said.contains("canary"), "{said}");
}

#[test]
fn a_missing_certificate_bundle_is_refused() {
    let said = refused(&[
        ("PORT", "0"),
        ("ADMIN_PORT", "0"),
        ("OPENAI_API_KEY", "k"),
        ("SSL_CERT_FILE", "/absent.pem"),
    ]);
    assert!(said.contains("SSL_CERT_FILE=/absent.pem"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_when_it_says_so_and_every_signal_stops_all_of_it() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let gateway = Gateway::start(&[]);
        let address = gateway.address;
        assert_eq!(chat(address).await.json()["model"], "gpt-4");
        gateway.signal(signal);
        let (said, stderr, status) = gateway.ended();
        assert_eq!(status, Some(0), "{stderr}");
        assert!(
            said.contains("curl ")
                && said.contains("from openai import OpenAI")
                && said.contains("Break one: curl"),
            "{said}"
        );
        assert!(refuses_connections(address), "something still listens at {address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_that_dies_ends_the_run_with_its_last_words() {
    let mut gateway = Gateway::start(&[]);
    let mut stderr = BufReader::new(gateway.child.stderr.take().unwrap());
    let admin = lab::envoy::Admin::new(Gateway::admin(&mut stderr));
    admin.post("/quitquitquit").await.unwrap();
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(gateway.child.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("Envoy ended unexpectedly") && said.contains("\nhint: its log: "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_alone_means_one_provider_which_it_says_without_the_key() {
    const KEY: &str = "sk-canary-anthropic-key";
    let anthropic = MockProvider::start(ProviderKind::Anthropic, Listen::plain()).await.unwrap();
    anthropic.expect_key(KEY);
    anthropic.accept_model("claude-next");
    let url = format!("http://{}", anthropic.address());
    let gateway = Gateway::start(&[
        ("ANTHROPIC_API_KEY", KEY),
        ("ANTHROPIC_BASE_URL", &url),
        ("ANTHROPIC_MODEL", "claude-next"),
    ]);
    let reply = chat(gateway.address).await;
    assert_eq!((reply.status, &reply.json()["model"]), (200, &json!("gpt-4")), "{}", reply.text());
    assert_eq!(anthropic.only_request().json()["model"], "claude-next");

    let directory = lab::paths::cache().join("run").join(format!("process-{}", gateway.child.id()));
    let written: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(written.len() >= 2, "{written:?}");
    for path in written {
        assert!(!String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(KEY), "{}", path.display());
    }
    gateway.signal(Signal::TERM);
    let (said, stderr, status) = gateway.ended();
    assert_eq!(status, Some(0));
    assert!(stderr.contains("anthropic answers alone, there is no fallback"), "{stderr}");
    assert!(!said.contains(KEY) && !stderr.contains(KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_url_with_a_path_of_its_own_is_kept() {
    let openai = MockProvider::start(ProviderKind::OpenAi, Listen::plain()).await.unwrap();
    openai.expect_key("any");
    openai.serve_at("/proxy/v1/chat/completions");
    let url = format!("http://{}/proxy/v1", openai.address());
    let gateway = Gateway::start(&[("OPENAI_API_KEY", "any"), ("OPENAI_BASE_URL", &url)]);
    let reply = chat(gateway.address).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(openai.only_request().path, "/proxy/v1/chat/completions");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.ended().2, Some(0));
}

/// make passes SIGTERM on, waits in vain after the others, and leaves its recipe behind when it is killed.
#[test]
fn nothing_outlives_the_make_that_started_it() {
    let directory = tempfile::tempdir().unwrap();
    let makefile = directory.path().join("Makefile");
    std::fs::write(&makefile, format!("run:\n\t@exec '{}' run\n", env!("CARGO_BIN_EXE_lab"))).unwrap();
    for signal in [Signal::TERM, Signal::KILL, Signal::INT, Signal::HUP]
        .into_iter()
        .filter(|signal| reaches_make(*signal))
    {
        let mut make = Command::new("make");
        make.arg("-f")
            .arg(&makefile)
            .env_clear()
            .envs(lab("run", &[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
        make.envs([("PORT", "0"), ("ADMIN_PORT", "0")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut gateway = Gateway::of(make.spawn().unwrap());
        gateway.signal(signal);
        gateway.child.wait().unwrap();
        assert!(
            refuses_connections(gateway.address),
            "{signal:?}: something still listens at {}",
            gateway.address
        );
    }
}

/// A signal that this process was started to ignore, as under `nohup` or in a script's background, make ignores too; and what make does
/// with SIGINT and SIGHUP can only be seen on Linux.
fn reaches_make(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let Some(ignored) = status.lines().find_map(|line| line.strip_prefix("SigIgn:")) else {
        return matches!(signal, Signal::TERM | Signal::KILL);
    };
    let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap();
    ignored & (1 << (signal.as_raw() - 1)) == 0
}

#[test]
fn the_demonstration_holds() {
    let output = lab("demo", &[]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("claims held") && !said.contains('✗'), "{said}");
    for key in
        ["sk-client-own-key", ProviderKind::OpenAi.default_key(), ProviderKind::Anthropic.default_key()]
    {
        assert!(!said.contains(key), "{key} is in:\n{said}");
    }
}
