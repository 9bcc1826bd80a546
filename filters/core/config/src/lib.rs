//! The filters' JSON configuration: as given, as meant, and every problem at once.
//!
//! Two stages. `raw` is what a file may say, with the place of everything in it; [`GatewayConfig`] and [`ProviderConfig`] are what
//! it means, and can only be parsed into by validation (`check`). A configuration with problems is refused whole, with every
//! problem, each with its path and a hint. Where the shape is wrong in one place, the values everywhere else are still checked:
//! that is why `json` and `read` exist beside serde, whose derive stops at the first error.
//!
//! Nothing here reads the environment or a clock: variables come through a function, so that a test says what they are.

#![forbid(unsafe_code)]

#[macro_use]
mod read;

mod budgets;
mod check;
mod counting;
mod gateway;
mod json;
mod models;
mod numerals;
mod place;
mod problem;
mod provider;
mod raw;
mod redacted;
#[cfg(feature = "route")]
pub mod route;
#[cfg(feature = "schema")]
mod schema;
mod suggest;

pub use budgets::{
    BudgetHeaders, BudgetLimit, Budgets, Completions, Downgrade, HardStop, Scope, Unit, Unlimited,
    UnseenAnswer, Weights,
};
pub use counting::{Counting, CountingMode, InputTokensHeader, LocalEndpoints, StreamUsage};
pub use gateway::{GatewayConfig, HeadersHeld, OtherPaths};
pub use models::{ModelRoute, Models, PlannedTarget, Resolved};
pub use problem::{Problem, Problems};
pub use provider::{Auth, Provider, ProviderConfig, RetryStatuses, Selection};
pub use redacted::Redacted;
#[cfg(all(feature = "schema", feature = "route"))]
pub use schema::route_schema;
#[cfg(feature = "schema")]
pub use schema::{gateway_schema, provider_schema};

/// Whether a request header of that lower-case name carries a client's credentials, under one API or another. Such a header is never kept
/// and never passed on, and no configuration may say otherwise.
pub fn is_credential(name: &[u8]) -> bool {
    check::header::CREDENTIALS.iter().any(|credential| credential.as_bytes() == name)
}
