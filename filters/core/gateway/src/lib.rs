//! The state machine of ai-gateway: which model a client asked for, and what it is told.
//!
//! Downstream of Envoy's router, once per client request. It reads the request, finds the model's route and marks the request for Envoy's
//! own routing; in the answer it puts back the model name that the client asked for. It speaks only the client's dialect, and knows
//! nothing about providers beyond the names and APIs of the planned targets.
//!
//! Beside that it keeps the account of each request: what its prompt and its answer cost in tokens, counted as late and as seldom as
//! possible, published once. That has a state machine of its own, `Accounting`.
//!
//! Deliberately absent: retries, time limits, routing and TLS, which are Envoy's.

#![forbid(unsafe_code)]

mod accounting;
mod admission;
mod answer;
mod budgets;
mod caller;
mod endpoint;
mod ledger;
mod limits;
mod machine;
mod meter;
mod models;
mod quantity;
mod refusal;
mod request;
mod routes;
mod strip;
mod token_count;
mod told;

pub use budgets::Secret;
pub use machine::Gateway;
pub use routes::Routes;
