//! The wire types of the LLM APIs: OpenAI Chat Completions and Anthropic Messages, their usage and their errors.
//!
//! Types only: what turns one API into the other lives in `translate`. Every type names the source it was written from.

#![forbid(unsafe_code)]

mod dialect;
mod error;

pub use dialect::Dialect;
pub use error::{ApiError, ErrorKind};
