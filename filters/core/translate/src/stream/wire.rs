//! What both directions read and write alike: JSON strings that are passed on as they came, ids, and JSON put straight into the output.

use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::json;

/// The longest id that is taken over from a provider. Real ones have about thirty characters; OpenAI's chunks repeat theirs every time, so
/// a long one would let the output outgrow the input.
const MAX_ID_BYTES: usize = 64;

/// Text on its way out.
#[derive(Clone, Copy, Debug)]
pub(super) enum JsonString<'a> {
    /// A JSON string with its quotes and escapes, as it stood in the event. It goes out as it came in: nothing to decode, nothing to get
    /// wrong, and half of a surrogate pair survives until the next delta brings the other half.
    Raw(&'a str),
    /// Text that has yet to be escaped.
    Plain(&'a str),
}

impl<'a> JsonString<'a> {
    /// The value, if it is a string.
    pub(super) fn new(value: &'a RawValue) -> Option<Self> {
        json::is_string(value).then_some(Self::Raw(value.get()))
    }

    /// Whether there is no text, and so nothing that is worth an event.
    pub(super) fn is_empty(self) -> bool {
        match self {
            Self::Raw(value) => value == "\"\"",
            Self::Plain(text) => text.is_empty(),
        }
    }

    /// Appends it as JSON.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Raw(value) => out.extend_from_slice(value.as_bytes()),
            Self::Plain(text) => write_json(out, &text),
        }
    }
}

/// Appends the value as compact JSON, which holds no line break.
pub(super) fn write_json(out: &mut Vec<u8>, value: &impl Serialize) {
    let start = out.len();
    // Neither a string nor a number nor a vector's growth can fail, and every value here is made of these.
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

/// The id of the answer under the client's prefix: what follows the provider's prefix, or the seed where the provider gave no usable id.
pub(super) fn answer_id(id: Option<&str>, theirs: &str, ours: &str, seed: u64) -> String {
    match id.map(|id| id.strip_prefix(theirs).unwrap_or(id)).filter(|id| is_id(id)) {
        Some(id) => format!("{ours}{id}"),
        None => format!("{ours}{}", Seed(seed)),
    }
}

/// An id made from the request's seed.
pub(super) struct Seed(pub(super) u64);

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
