//! What an answer cost in tokens, in one shape for every API.

/// Token counts of one answer. The fields do not overlap: every token is in exactly one of them.
///
/// OpenAI counts cached tokens inside `prompt_tokens`, Anthropic counts them beside `input_tokens`: only a shape
/// without overlap can be added up the same way for both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens that were neither read from a cache nor written to one.
    pub input: u64,
    /// Prompt tokens read from a cache.
    pub cache_read: u64,
    /// Prompt tokens written to a cache that lives five minutes, or as long as the provider likes.
    pub cache_write_5m: u64,
    /// Prompt tokens written to a cache that lives an hour.
    pub cache_write_1h: u64,
    /// Generated tokens that the client sees.
    pub output: u64,
    /// Generated tokens that the model thought with.
    pub reasoning: u64,
}

impl Usage {
    /// All tokens of the prompt.
    pub const fn prompt(&self) -> u64 {
        self.input.saturating_add(self.cache_read).saturating_add(self.cache_write())
    }

    /// Prompt tokens written to any cache.
    pub const fn cache_write(&self) -> u64 {
        self.cache_write_5m.saturating_add(self.cache_write_1h)
    }

    /// All generated tokens.
    pub const fn completion(&self) -> u64 {
        self.output.saturating_add(self.reasoning)
    }

    /// All tokens.
    pub const fn total(&self) -> u64 {
        self.prompt().saturating_add(self.completion())
    }
}
