//! The name of a user or a team, as it goes into budgets, filter state and logs.

use std::fmt;

/// A user's or a team's name: 1 to 256 bytes of UTF-8 without control characters and without space around it.
///
/// Bounded, because it becomes part of ledger keys; without control characters, because it becomes part of log lines.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Name(String);

/// Why something is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// There is nothing.
    #[error("is empty")]
    Empty,
    /// More than [`Name::LONGEST`] bytes.
    #[error("is longer than 256 bytes")]
    TooLong,
    /// Bytes that are no text.
    #[error("is not UTF-8")]
    NotUtf8,
    /// A line break, a tab and the like.
    #[error("has a control character")]
    Control,
    /// A space at its beginning or end: two names that look the same.
    #[error("has a space at its beginning or end")]
    Padded,
}

impl Name {
    /// The longest name in bytes.
    pub const LONGEST: usize = 256;

    /// That text as a name.
    pub fn new(text: &str) -> Result<Self, BadName> {
        if text.is_empty() {
            Err(BadName::Empty)
        } else if text.len() > Self::LONGEST {
            Err(BadName::TooLong)
        } else if text.chars().any(char::is_control) {
            Err(BadName::Control)
        } else if text.trim() != text {
            Err(BadName::Padded)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// A header's value as a name. The length is looked at before the text is.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadName> {
        if bytes.len() > Self::LONGEST {
            return Err(BadName::TooLong);
        }
        Self::new(std::str::from_utf8(bytes).map_err(|_| BadName::NotUtf8)?)
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
