//! One LLM API's requests, answers, streams and errors in terms of another's.
//!
//! Pure functions of bytes: no clock, no randomness, no I/O; times and ids are parameters. Nothing that a client asked
//! for is dropped without a word: what a target cannot express is reported by [`unsupported`], and refused by [`request`].

#![forbid(unsafe_code)]

mod bytes;
mod end;
mod error;
mod first_content;
mod json;
mod peek;
mod request;
mod response;
mod stream;
mod stream_edit;
mod unsupported;
mod written;

pub use end::End;
pub use error::provider_error;
pub use first_content::{FirstContent, Peeked};
pub use peek::{CompletionLimit, RequestPeek, peek};
pub use request::{
    DEFAULT_ANTHROPIC_VERSION, LeftOut, RequestError, RequestOptions, left_out, request, unsupported,
    unsupported_in_version,
};
pub use response::{ResponseOptions, Translated, response};
pub use stream::{Skipped, StreamOptions, StreamTranslator};
pub use stream_edit::{BodyEdit, Edit, StreamEdit, edit, rename_response, splice};
pub use unsupported::Unsupported;
