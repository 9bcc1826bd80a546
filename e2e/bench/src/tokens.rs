//! `bench tokens`: tokenizers against each other, in wasm under V8 and in native processes.
//!
//! Every contender is built alone (`contenders/`) and runs in a process of its own, so that none profits from, or suffers from, another's
//! memory, features or crash. They are measured in turn on the same text. Before anything is timed, all have to give the same counts.

mod contender;
mod measure;
mod options;
mod report;
mod runner;
mod texts;

pub use contender::{Built, Contender, Place, build};
pub use measure::{Findings, HostileSample, Sample, Start, Timing, measure};
pub use options::TokenOptions;
pub use report::{json, markdown};
pub use runner::{Counted, Encoding};
