//! Why a run ends without a result.

use std::io;
use std::path::PathBuf;

use lab::Failure;
use lab::http::HttpError;

use crate::answer::Wrong;
use crate::wire::WireError;

/// Why a run ends without a result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No Envoy, or none that starts with that configuration.
    #[error("{0}")]
    Envoy(#[from] Failure),
    /// A filter was not built.
    #[error("there is no {}\nhint: make wasm builds it", path.display())]
    MissingFilter {
        /// Where it should be.
        path: PathBuf,
    },
    /// An answer that is not the right one.
    #[error("{variant}, {workload}: {wrong}")]
    Wrong {
        /// Which Envoy gave it.
        variant: &'static str,
        /// To which kind of request.
        workload: &'static str,
        /// What is wrong with it.
        wrong: Wrong,
    },
    /// A request that the provider's own rules refuse.
    #[error("{variant}, {workload}: the provider refused a request as it left Envoy: {answer}")]
    Refused {
        /// Which Envoy sent it.
        variant: &'static str,
        /// Which kind of request it was.
        workload: &'static str,
        /// The provider's answer.
        answer: String,
    },
    /// A connection that broke, or that carried no HTTP.
    #[error("{doing}: {source}")]
    Wire {
        /// What was going on.
        doing: &'static str,
        /// What happened.
        source: WireError,
    },
    /// A request to a scripted provider or to Envoy's admin interface failed.
    #[error("{0}")]
    Http(#[from] HttpError),
    /// An Envoy that did something else about prompts than it is measured for.
    #[error(
        "{variant}: of {requests} requests {} should have been bounded and {} counted, but {} and {} were",
        expected.0, expected.1, found.0, found.1
    )]
    Miscounted {
        /// Which Envoy.
        variant: &'static str,
        /// How many requests it was sent.
        requests: u64,
        /// How many should have been bounded, and counted.
        expected: (u64, u64),
        /// How many were.
        found: (u64, u64),
    },
    /// A round did not end in time.
    #[error(
        "{variant}, {workload}: not done after {seconds} s\nhint: fewer --requests, or is the machine very busy?"
    )]
    TooSlow {
        /// Which Envoy was loaded.
        variant: &'static str,
        /// With which kind of request.
        workload: &'static str,
        /// How long a round may take.
        seconds: u64,
    },
    /// A tokenizer that cargo cannot build.
    #[error("cargo does not build {package}:\n{output}")]
    Build {
        /// The package.
        package: String,
        /// What cargo says.
        output: String,
    },
    /// A tokenizer's process that does not do as it is told.
    #[error("{}: {answer}", program.display())]
    Contender {
        /// The program or module.
        program: PathBuf,
        /// What it said instead.
        answer: String,
    },
    /// The CPU time of a process cannot be read.
    #[error(
        "cannot read the CPU time of process {pid}: {reason}\nhint: Linux with /proc, or a system with ps, is needed"
    )]
    Cpu {
        /// Whose.
        pid: u32,
        /// Why not.
        reason: String,
    },
    /// The system refused something.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: the system refused that.
    pub(crate) fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { doing, source }
    }

    /// For `map_err`: a connection broke while doing that.
    pub(crate) fn wire(doing: &'static str) -> impl FnOnce(WireError) -> Self {
        move |source| Self::Wire { doing, source }
    }
}
