//! The command-line tool's library: renders Envoy configuration, converts lists of prices.

#![forbid(unsafe_code)]

pub mod price_list;
pub mod render;
pub mod yaml;
