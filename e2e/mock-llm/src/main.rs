//! `mock-llm`: runs a mock OpenAI and a mock Anthropic until SIGTERM or ctrl-c.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use mock_llm::{CertificateAuthority, Control, Listen, MockProvider, ProviderKind};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
Runs scripted stand-ins for OpenAI and Anthropic.

usage: mock-llm [OPTION VALUE]…

  --listen ADDRESS        where all of them are; absent: 127.0.0.1
  --openai-port PORT      where OpenAI is; 0 or absent: any free port
  --anthropic-port PORT   where Anthropic is; 0 or absent: any free port
  --control-port PORT     where GET / tells what a person can do; absent: nowhere
  --tls-dir DIR           serve TLS, and write the authority's certificate to DIR/ca.pem; absent: plain HTTP
  --tls-name NAME         one more name in both certificates; may be repeated
  --openai-key KEY        the key that OpenAI accepts
  --anthropic-key KEY     the key that Anthropic accepts
  --openai-model NAME     one more model that OpenAI knows; may be repeated
  --anthropic-model NAME  one more model that Anthropic knows; may be repeated
";

/// The names in the certificates besides those of `--tls-name`.
const NAMES: &[&str] = &["localhost", "127.0.0.1", "::1"];

#[derive(Default)]
struct Options {
    openai: ProviderOptions,
    anthropic: ProviderOptions,
    listen: Option<IpAddr>,
    control_port: Option<u16>,
    tls_dir: Option<PathBuf>,
    tls_names: Vec<String>,
}

#[derive(Default)]
struct ProviderOptions {
    port: u16,
    key: Option<String>,
    models: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match parse(arguments) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("mock-llm: {problem}\nhint: mock-llm --help");
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mock-llm: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: Vec<String>) -> Result<Options, String> {
    let mut options = Options::default();
    let mut arguments = arguments.into_iter();
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name}: a value is missing"))?;
        let port = || value.parse::<u16>().map_err(|_| format!("{name}: {value:?} is no port"));
        match name.as_str() {
            "--listen" => {
                let address = value.parse().map_err(|_| format!("{name}: {value:?} is no address"))?;
                options.listen = Some(address);
            }
            "--openai-port" => options.openai.port = port()?,
            "--anthropic-port" => options.anthropic.port = port()?,
            "--control-port" => options.control_port = Some(port()?),
            "--tls-dir" => options.tls_dir = Some(PathBuf::from(value)),
            "--tls-name" => options.tls_names.push(value),
            "--openai-key" => options.openai.key = Some(value),
            "--anthropic-key" => options.anthropic.key = Some(value),
            "--openai-model" => options.openai.models.push(value),
            "--anthropic-model" => options.anthropic.models.push(value),
            _ => return Err(format!("unknown option {name}")),
        }
    }
    Ok(options)
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    // Before anything can be seen from outside, so that no signal is missed.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let authority = options.tls_dir.is_some().then(CertificateAuthority::new);
    let ca_file = options.tls_dir.as_deref().map(|dir| dir.join("ca.pem"));
    if let (Some(authority), Some(file), Some(dir)) = (&authority, &ca_file, &options.tls_dir) {
        std::fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        std::fs::write(file, authority.pem()).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let ip = options.listen.unwrap_or(Ipv4Addr::LOCALHOST.into());
    let listen = |own_name: &str| match &authority {
        Some(authority) => {
            let names = NAMES.iter().copied().chain([own_name]).map(str::to_owned);
            Listen::tls(authority.issue(names.chain(options.tls_names.iter().cloned()))).with_http2().at(ip)
        }
        None => Listen::plain().with_http2().at(ip),
    };
    let openai = start(ProviderKind::OpenAi, listen("api.openai.com"), options.openai).await?;
    let anthropic = start(ProviderKind::Anthropic, listen("api.anthropic.com"), options.anthropic).await?;
    let control = match options.control_port {
        Some(port) => {
            let providers = vec![Arc::clone(&openai), Arc::clone(&anthropic)];
            Some(
                Control::start(SocketAddr::new(ip, port), providers)
                    .await
                    .map_err(|error| format!("--control-port {port}: {error}"))?,
            )
        }
        None => None,
    };

    let scheme = if authority.is_some() { "https" } else { "http" };
    let mut ready =
        format!("ready openai={scheme}://{} anthropic={scheme}://{}", openai.address(), anthropic.address());
    if let Some(control) = &control {
        ready.push_str(&format!(" control=http://{}", control.address()));
    }
    if let Some(file) = &ca_file {
        ready.push_str(&format!(" ca={}", file.display()));
    }
    println!("{ready}");

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

async fn start(
    kind: ProviderKind,
    listen: Listen,
    options: ProviderOptions,
) -> Result<Arc<MockProvider>, String> {
    let provider = MockProvider::start(kind, listen.on_port(options.port))
        .await
        .map_err(|error| format!("--{}-port {}: {error}", kind.name(), options.port))?;
    if let Some(key) = options.key {
        provider.expect_key(key);
    }
    for model in options.models {
        provider.accept_model(model);
    }
    Ok(Arc::new(provider))
}
