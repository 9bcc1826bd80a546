//! A local stand: a pinned Envoy, the filters, and the scripted or real providers.
//!
//! The library is what `make run`, `make demo`, the scenario suite and the bench have in common: finding an Envoy ([`envoy::locate`]),
//! starting and stopping it ([`envoy::Envoy`]), talking to it ([`http`], [`envoy::Admin`]). It knows nothing about the filters' inner
//! workings: configuration comes rendered from `ai-filters`, providers come scripted from `mock-llm`.

#![forbid(unsafe_code)]

pub mod ca;
pub mod demo;
pub mod engine;
pub mod envoy;
pub mod fleet;
pub mod gateway;
pub mod http;
mod log;
pub mod paths;
pub mod port;
pub mod prometheus;
pub mod run;
pub mod settings;
pub mod stand;

mod failure;
mod server;

pub use failure::Failure;
