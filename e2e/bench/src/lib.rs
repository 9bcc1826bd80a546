//! What the filters cost, beside a bare Envoy in the same run.
//!
//! Several Envoys run side by side: bare ones, and ones with the filters, whose configurations differ in nothing but the filters. They are
//! loaded in turn, round after round, with the same requests ([`run`]), and what counts is the CPU time of the Envoy process
//! ([`cpu`]): not latency, not throughput, so that neither the load generator nor the upstream is part of the result. Each round gives one
//! ratio to the bare Envoy of the same round; the table shows their median and how far they spread ([`report`]).
//!
//! No two requests of a round are alike, and every answer is checked ([`answer`]): a wrong one ends the run, for a filter that does the
//! wrong thing fast has no price worth knowing.
//!
//! Beside that, [`tokens`] measures tokenizers against each other, and [`cold`] what a memory of words is worth.
//!
//! Absent on purpose: targets that fail a run. Timing on a shared machine is a measurement, not a test.

pub mod answer;
pub mod cold;
pub mod cpu;
pub mod load;
pub mod machine;
pub mod options;
pub mod prompt;
pub mod report;
pub mod run;
pub mod stand;
pub mod stats;
pub mod tokens;
pub mod upstream;
pub mod variant;
pub mod wire;
pub mod workload;

mod error;

pub use error::Error;
pub use options::Options;
