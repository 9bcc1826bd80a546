//! The command-line tool's library: renders Envoy configuration.

#![forbid(unsafe_code)]

pub mod render;
pub mod yaml;
