//! Which API a client or a provider speaks.

use std::fmt;

/// An LLM API, as a client speaks it to the gateway or as a provider serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI Chat Completions, `POST /v1/chat/completions`, and every server that is compatible with it.
    OpenAi,
    /// Anthropic Messages, `POST /v1/messages`.
    Anthropic,
}

impl Dialect {
    /// Every dialect, for tables and tests.
    pub const ALL: [Self; 2] = [Self::OpenAi, Self::Anthropic];

    /// The dialect's name in configurations and in internal state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }

    /// The dialect of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }

    /// The dialect whose generation endpoint this is; a query is ignored.
    pub fn of_path(path: &[u8]) -> Option<Self> {
        let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        Self::ALL.into_iter().find(|dialect| dialect.path().as_bytes() == path)
    }

    /// The path at which clients of this dialect ask for an answer.
    pub const fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }

    /// What a provider's base URL is followed by: OpenAI's ends in `/v1` by its SDK's convention, Anthropic's does not.
    pub const fn endpoint(self) -> &'static str {
        match self {
            Self::OpenAi => "/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
