//! `make bench`: measures, prints the table, and optionally writes every measurement to a file.

use std::process::ExitCode;
use std::{env, fs};

use bench::stand::BuiltFilters;
use bench::{Error, Options, report, run};
use clap::Parser;

fn main() -> ExitCode {
    let options = Options::parse();
    match measure(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<(), Error> {
    let filters = BuiltFilters::in_directory(&lab::paths::filters())?;
    // One thread for the load and one for each upstream: more would only get in each other's way on the core that Envoy leaves them.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::System { doing: "starting the runtime", source })?;
    let findings = runtime.block_on(async {
        let envoy = lab::envoy::locate().await?;
        run::run(options, &envoy, &filters, |what| eprintln!("{what}")).await
    })?;
    let command = command();
    println!("{}", report::markdown(&findings, &command));
    if options.quick {
        println!("A quick run shows that the bench works. Its figures mean nothing.");
    }
    if let Some(path) = &options.json {
        fs::write(path, format!("{:#}\n", report::json(&findings, &command)))
            .map_err(|source| Error::System { doing: "writing the measurements", source })?;
    }
    Ok(())
}

/// How to measure this again.
fn command() -> String {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.is_empty() {
        "make bench".to_owned()
    } else {
        format!("cargo run --release -p bench -- {}", arguments.join(" "))
    }
}
