//! `lab run` and `lab gateway`: the gateway until somebody stops it.
//!
//! Progress goes to stderr. Stdout gets what a person or a script waits for, once the gateway really answers. SIGINT, SIGTERM and SIGHUP
//! end everything that was started, and that is success: stopping is how a run ends.

use std::io::{self, Write as _};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::{self, ExitStatus};
use std::time::Duration;
use std::{env, fs};

use ai_filters::render::Fallback;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time;

use crate::engine::Engine;
use crate::envoy;
use crate::settings::{Problems, Providers, Real, Settings};
use crate::stand::{self, Deployment, Stand};
use crate::{Failure, paths};

/// Runs the gateway until a signal ends it.
///
/// # Errors
/// Everything that kept it from starting, or Envoy's unexpected end.
pub async fn run(deployment: Deployment) -> Result<(), Problems> {
    let settings = Settings::from_env()?;
    let mut stop = StopSignals::new().map_err(|error| {
        Failure::new(format!("signals cannot be caught: {error}"), "is this a very restricted sandbox?")
    })?;
    let directory = directory(&settings, deployment);
    let stand = tokio::select! {
        stand = start(&settings, deployment, &directory) => stand?,
        // Dropping what was being started kills it.
        () = stop.any() => {
            eprintln!("stopped before it was ready");
            return Ok(());
        }
    };
    print_to_stdout(&ready(&stand));
    let Stand { mut envoy, scripted, .. } = stand;
    let ended = tokio::select! {
        status = envoy.wait() => Some(status),
        () = stop.any() => None,
    };
    if let Some(status) = ended {
        return Err(died(&envoy, status).into());
    }
    eprintln!("stopping");
    envoy.stop().await.map_err(|error| {
        Failure::new(format!("Envoy could not be stopped: {error}"), "look for it with `ps`")
    })?;
    drop(scripted);
    if settings.port == 0 {
        // It is named after this process, so nobody would look into it again; what cannot be removed does no harm.
        let _ = fs::remove_dir_all(&directory);
    }
    Ok(())
}

async fn start(settings: &Settings, deployment: Deployment, directory: &Path) -> Result<Stand, Failure> {
    let binary = envoy::locate().await?;
    eprintln!("Envoy {} ({})", binary.version, binary.path.display());
    if deployment == Deployment::EnvoyGateway {
        // What an earlier run left there would be taken for this one's.
        match fs::remove_dir_all(directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Failure::new(
                    format!("cannot remove {}: {error}", directory.display()),
                    "remove it by hand",
                ));
            }
            _ => eprintln!("Envoy Gateway starts it, which takes some seconds"),
        }
    } else if stand::fallback(&binary) == Fallback::PreviousPriorities {
        eprintln!("this Envoy has no priority_group: both providers are in one cluster, by priority");
    }
    announce(settings);
    let stand = Stand::start(settings, deployment, &binary, directory).await?;
    eprintln!("admin http://{}, log {}", stand.envoy.admin().address(), stand.envoy.log_path().display());
    Ok(stand)
}

/// Where this run's log and bootstrap go: each port has its own, so that two runs do not share one.
fn directory(settings: &Settings, deployment: Deployment) -> PathBuf {
    let runs = match deployment {
        Deployment::Envoy => "run",
        Deployment::EnvoyGateway => "gateway",
    };
    let name = if settings.port == 0 {
        format!("process-{}", process::id())
    } else {
        format!("port-{}", settings.port)
    };
    paths::cache().join(runs).join(name)
}

/// Says who will answer.
fn announce(settings: &Settings) {
    match &settings.providers {
        Providers::Scripted { .. } => {
            eprintln!(
                "no provider key in the environment: scripted providers answer, with keys of their own"
            );
            eprintln!("for real ones set OPENAI_API_KEY and ANTHROPIC_API_KEY, or one of them");
        }
        Providers::Real(real) => {
            let order: Vec<_> = real
                .iter()
                .map(|Real { provider, .. }| {
                    format!(
                        "{} ({}, model {})",
                        provider.name.as_str(),
                        provider.base_url,
                        provider.model.as_str()
                    )
                })
                .collect();
            eprintln!("providers: {}", order.join(", then "));
            if let [Real { provider, .. }] = real.as_slice() {
                eprintln!(
                    "only one key is set: {} answers alone, there is no fallback",
                    provider.name.as_str()
                );
            }
        }
    }
}

/// What can be tried now.
fn ready(stand: &Stand) -> String {
    let url = format!("http://{}/v1", stand.address);
    let model = &stand.model;
    let mut text = format!(
        "ready: {url}\n\
         \n\
         curl {url}/chat/completions -H 'content-type: application/json' \\\n  \
           -d '{{\"model\": \"{model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'\n\
         \n\
         from openai import OpenAI; client = OpenAI(base_url=\"{url}\", api_key=\"unused\")\n\
         client.chat.completions.create(model=\"{model}\", messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}])\n"
    );
    if let Some(scripted) = &stand.scripted {
        let control = scripted.control.address();
        text.push_str(&format!(
            "\n\
             The providers are scripted; the gateway has keys for them that open nothing else, and clients need none.\n\
             Break one: curl -X POST http://{control}/openai/down   All that can be done, and what they saw: curl http://{control}/\n"
        ));
    }
    text
}

/// Nobody may be reading: a pipe that was closed ends no gateway.
fn print_to_stdout(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

fn died(envoy: &Engine, status: io::Result<ExitStatus>) -> Failure {
    eprintln!("{}", envoy.log_tail(10));
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    Failure::new(
        format!("Envoy ended unexpectedly ({status}): {}", envoy.last_words()),
        format!("its log: {}", envoy.log_path().display()),
    )
}

/// What asks a run to stop.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    make: Option<Make>,
}

impl StopSignals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            make: Make::above(),
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
            () = stopped(self.make.as_ref()) => {}
        }
    }
}

/// Ends when that make was asked to stop; never where there is none to watch.
async fn stopped(make: Option<&Make>) {
    let Some(make) = make else { return std::future::pending().await };
    while !make.is_stopping() {
        time::sleep(Duration::from_millis(250)).await;
    }
}

/// The make that started this program.
///
/// It passes SIGTERM on and nothing else. Asked to stop by SIGINT or SIGHUP, it waits for its recipe, in the belief that the terminal has
/// signalled that too; killed, it leaves the recipe behind. So it is watched.
struct Make {
    pid: u32,
    /// The signals that it catches, as a set of bits, where the system shows them.
    catches: Option<u64>,
}

impl Make {
    fn above() -> Option<Self> {
        env::var_os("MAKELEVEL")?;
        let pid = parent_id();
        Some(Self { pid, catches: caught_signals(pid) })
    }

    /// Whether it is gone, or no longer catches a signal that it did: its handler gives that up before it waits.
    fn is_stopping(&self) -> bool {
        let gave_up = match (self.catches, caught_signals(self.pid)) {
            (Some(then), Some(now)) => then & !now != 0,
            _ => false,
        };
        parent_id() != self.pid || gave_up
    }
}

/// Linux shows which signals a process catches; elsewhere only make's end is noticed.
fn caught_signals(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}
