//! The configurations of the two filters: what is refused and how, what is meant, and what the schemas say of both.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking, as tests do")]

mod broken;
mod configurations;
mod environment;
mod meaning;
mod problems;
mod properties;
mod schema;
