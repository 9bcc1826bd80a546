//! What the two files may say, field by field; these descriptions are also the hints and the generated schemas.

pub(crate) mod budgets;
pub(crate) mod counting;
pub(crate) mod gateway;
pub(crate) mod identity;
pub(crate) mod prices;
pub(crate) mod provider;
#[cfg(feature = "route")]
pub(crate) mod route;

use llm_api::Dialect;

choice! {
    /// The API that a provider speaks.
    enum Api: "API" {
        /// OpenAI Chat Completions, and every server that is compatible with it.
        OpenAi = "openai",
        /// Anthropic Messages.
        Anthropic = "anthropic",
    }
}

impl From<Api> for Dialect {
    fn from(api: Api) -> Self {
        match api {
            Api::OpenAi => Self::OpenAi,
            Api::Anthropic => Self::Anthropic,
        }
    }
}

/// The default of `max_body_bytes` in both filters: a long conversation with a few images.
pub(crate) const DEFAULT_MAX_BODY_BYTES: u64 = 8 << 20;
/// The most that `max_body_bytes` may be: a VM has 4 GiB, and several bodies and copies of each live in it at a time.
pub(crate) const LARGEST_MAX_BODY_BYTES: u64 = 512 << 20;
