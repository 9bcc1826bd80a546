//! Where and how a response goes wrong.

use super::{At, Ending, Reply};

/// Where a response goes wrong.
impl Reply {
    /// From there on nothing comes; the connection stays open.
    #[must_use]
    pub fn stall_at(self, at: At) -> Self {
        Self { cut: Some((at, Ending::Stall)), ..self }
    }

    /// There the connection is reset: RST on TCP, `RST_STREAM` on HTTP/2.
    #[must_use]
    pub fn reset_at(self, at: At) -> Self {
        Self { cut: Some((at, Ending::Reset)), ..self }
    }

    /// There the response ends as a complete HTTP message, although it is no complete answer.
    #[must_use]
    pub fn end_at(self, at: At) -> Self {
        Self { cut: Some((at, Ending::Clean)), ..self }
    }

    /// There the connection is closed (FIN, no final chunk, no TLS `close_notify`): a JSON body is shorter than its content-length.
    #[must_use]
    pub fn drop_at(self, at: At) -> Self {
        Self { cut: Some((at, Ending::Drop)), ..self }
    }

    /// There a stream sends an error event and ends, without a terminal event.
    #[must_use]
    pub fn error_at(self, at: At, error_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error_at: Some((at, error_type.into(), message.into())), ..self }
    }
}
