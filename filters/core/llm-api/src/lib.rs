//! The wire types of the LLM APIs: OpenAI Chat Completions and Anthropic Messages, their usage and their errors.
//!
//! Types, and the one reader that passes over what nobody wants to know: what turns one API into the other lives in `translate`. Every type names the source it was written from.
//! Types that are read skip what they do not know and borrow from the document; text stays a raw JSON string where it
//! is only passed on.

#![forbid(unsafe_code)]

pub mod anthropic;
mod count;
mod dialect;
mod error;
mod members;
pub mod openai;
mod text;
mod usage;

pub use dialect::Dialect;
pub use error::{ApiError, ErrorKind};
pub use members::{Member, Members, NotPlain, plain_string, written_string};
pub use text::Text;
pub use usage::Usage;
