//! The command-line tool's library: reads AIGatewayRoute files, renders Envoy configuration, reads manifests for mistakes, converts lists of prices.

#![forbid(unsafe_code)]

pub mod import;
pub mod lint;
pub mod price_list;
pub mod render;
pub mod route;
pub mod yaml;
