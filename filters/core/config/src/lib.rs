//! The filters' JSON configuration: as given, as meant, and every problem at once.
//!
//! Two stages. `raw` is what a file may say; [`GatewayConfig`] and [`ProviderConfig`] are what it means, and can only be had by
//! validation. A configuration with problems is refused whole, with every problem, each with its path and a hint.

#![forbid(unsafe_code)]

mod gateway;
mod provider;
mod redacted;

pub use gateway::{GatewayConfig, HeadersHeld, ModelRoute, Models, OtherPaths, PlannedTarget, Resolved};
pub use provider::{Auth, Provider, ProviderConfig, Selection};
pub use redacted::Redacted;
