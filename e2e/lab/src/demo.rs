//! `lab demo`: the whole path on scripted providers, each step shown, and every claim about it checked.
//!
//! The demonstration is a test: what is printed is what was seen, and the exit status says whether every claim held.

mod claims;
mod spending;
mod steps;
mod view;

use std::process::ExitCode;

use crate::settings::Settings;
use crate::stand::{Deployment, Stand};
use crate::{Failure, envoy};

use claims::Claims;

/// Shows and checks every step; succeeds if every claim held.
///
/// # Errors
/// When the stand does not start. A claim that does not hold is no error of this kind: it is printed, and the exit status says so.
pub async fn demo() -> Result<ExitCode, Failure> {
    let binary = envoy::locate().await?;
    let directory = tempfile::Builder::new().prefix("demo-").tempdir().map_err(|error| {
        Failure::new(format!("no temporary directory: {error}"), "check TMPDIR and the disk's free space")
    })?;
    let stand = Stand::start(&settings()?, Deployment::Envoy, &binary, directory.path()).await?;
    println!("Envoy {} with both filters at http://{}, providers scripted", binary.version, stand.address);

    let mut claims = Claims::default();
    steps::all(&stand, &mut claims).await?;
    // The log may name neither key: it is what a person would paste into a bug report.
    let log = stand.envoy.log();
    claims.section("Afterwards");
    for (what, key) in view::secrets() {
        claims.claim(&format!("{what} is not in Envoy's log"), !log.contains(key), "it is");
    }
    stand.stop().await.map_err(|error| {
        Failure::new(format!("Envoy could not be stopped: {error}"), "look for it with `ps`")
    })?;

    println!("\n{}", claims.summary());
    Ok(if claims.all_held() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The example as it is, on free ports; nothing of the environment changes what is shown.
fn settings() -> Result<Settings, Failure> {
    let free = |name: &str| matches!(name, "PORT" | "ADMIN_PORT").then(|| "0".into());
    Settings::from_lookup(free)
        .map_err(|problems| Failure::new(problems.to_string(), "this is a defect of the demonstration"))
}
