//! How a provider's stream ended.

/// How a provider's stream ended, decided by its terminal event and by nothing else.
///
/// The terminal event is `data: [DONE]` for OpenAI and `message_stop` for Anthropic. The end of the bytes proves nothing: a provider that
/// is cut off behind a proxy of its own looks as clean as one that has finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The terminal event came: the answer is whole.
    Complete,
    /// It did not come, or an error came first. What the client has is the beginning of an answer, and it has been told so in its dialect.
    Broken,
}
