//! The state machine of ai-provider: one attempt at one provider.
//!
//! Upstream of Envoy's router, once per attempt; Envoy's retry makes the next attempt, with a fresh machine and the original body. It
//! rebuilds the request's headers for its provider, translates body, answer, stream and errors between the client's API and the
//! provider's, and gives Envoy a status from which it retries exactly when another target should be tried.
//!
//! It works beside ai-gateway, whose [`seam::RequestContext`] saves it from reading the body, and without it.
//!
//! Deliberately absent: the choice of the next target, time limits, TLS, which are Envoy's; and accounting, which is ai-gateway's.

#![forbid(unsafe_code)]

mod answer;
mod attempt;
mod failure;
mod machine;
mod opening;
mod request_headers;
mod response_headers;
mod stream;
mod upstream;

pub use machine::ProviderAttempt;
pub use upstream::Upstreams;
