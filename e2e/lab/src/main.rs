//! `lab`: what `make run` and `make demo` start.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use lab::envoy::{self, Pin};
use lab::settings::Problems;
use lab::stand::Deployment;
use lab::{Failure, demo, paths, run};

/// A local stand: a pinned Envoy, the filters, and scripted or real providers.
#[derive(Parser)]
#[command(name = "lab")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the gateway and keep it running; the environment says on which port and with which providers.
    Run,
    /// The same behind a real Envoy Gateway, which starts Envoy on manifests for Kubernetes.
    Gateway,
    /// Show the whole path on scripted providers, and check every step.
    Demo,
    /// Print the path of the Envoy that is used, fetching the pinned one if it is not there yet.
    FetchEnvoy {
        /// Fetch into this directory, whatever ENVOY says.
        #[arg(long)]
        cache: Option<PathBuf>,
        /// Fetch what this file pins, whatever ENVOY says.
        #[arg(long)]
        pin: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            return failed(
                &Failure::new(format!("no threads: {error}"), "is the machine out of memory?").into(),
            );
        }
    };
    let result = runtime.block_on(execute(arguments.command));
    // Connections of the scripted providers may still be open; nobody waits for them.
    runtime.shutdown_timeout(Duration::from_millis(200));
    match result {
        Ok(code) => code,
        Err(problems) => failed(&problems),
    }
}

fn failed(problems: &Problems) -> ExitCode {
    eprintln!("{problems}");
    ExitCode::FAILURE
}

async fn execute(command: Command) -> Result<ExitCode, Problems> {
    match command {
        Command::Run => run::run(Deployment::Envoy).await.map(|()| ExitCode::SUCCESS),
        Command::Gateway => run::run(Deployment::EnvoyGateway).await.map(|()| ExitCode::SUCCESS),
        Command::Demo => Ok(demo::demo().await?),
        Command::FetchEnvoy { cache, pin } => {
            let binary = if cache.is_none() && pin.is_none() {
                envoy::locate().await?
            } else {
                let pin = pin.map_or_else(Pin::committed, |path| Pin::read(&path))?;
                envoy::locate_in(&cache.unwrap_or_else(|| paths::cache().join("envoy")), &pin).await?
            };
            println!("{}", binary.path.display());
            Ok(ExitCode::SUCCESS)
        }
    }
}
