//! What a client saw of an answer, down to how it ended.

use serde_json::Value;

/// How an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As a complete HTTP message.
    Clean,
    /// In the middle: connection closed without final chunk, `RST_STREAM`, or too few bytes. With what the client saw of it.
    Unclean(String),
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status; 0 where none came.
    pub status: u16,
    /// Header fields in their order, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The decoded body, as far as it came.
    pub body: Vec<u8>,
    /// How it ended.
    pub ending: Ending,
}

impl Answer {
    /// No answer at all.
    pub fn none(reason: impl Into<String>) -> Self {
        Self { status: 0, headers: Vec::new(), body: Vec::new(), ending: Ending::Unclean(reason.into()) }
    }

    /// The first header of that name, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(candidate, _)| candidate == name)
            .and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The body as text, with replacements where it is none.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}
