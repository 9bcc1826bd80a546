//! What a mock provider should answer: a [`Reply`] describes one response down to the single write.

mod faults;
mod parts;

use std::time::Duration;

use bytes::Bytes;

pub use parts::{At, Usage};
pub(crate) use parts::{Content, Ending, Framed, Held, Text, Writes};

/// One scripted response. Start from a constructor, then say what is special about it.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) content: Content,
    pub(crate) model: Option<String>,
    pub(crate) usage: Option<Usage>,
    pub(crate) finish: Option<String>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) removed_headers: Vec<String>,
    pub(crate) status_line: Option<Vec<u8>>,
    pub(crate) trailers: Vec<(String, Vec<u8>)>,
    pub(crate) delay_headers: Duration,
    pub(crate) delay_body: Duration,
    pub(crate) delay_content: Duration,
    pub(crate) delay_events: Duration,
    pub(crate) held: Option<Held>,
    pub(crate) writes: Writes,
    pub(crate) framed: Framed,
    pub(crate) crlf: bool,
    pub(crate) between: Option<Bytes>,
    pub(crate) prefix: Bytes,
    pub(crate) suffix: Bytes,
    pub(crate) spill: Bytes,
    pub(crate) cut: Option<(At, Ending)>,
    pub(crate) error_at: Option<(At, String, String)>,
}

/// What a response says.
impl Reply {
    fn of(content: Content) -> Self {
        Self {
            content,
            model: None,
            usage: None,
            finish: None,
            headers: Vec::new(),
            removed_headers: Vec::new(),
            status_line: None,
            trailers: Vec::new(),
            delay_headers: Duration::ZERO,
            delay_body: Duration::ZERO,
            delay_content: Duration::ZERO,
            delay_events: Duration::ZERO,
            held: None,
            writes: Writes::PerEvent,
            framed: Framed::Usual,
            crlf: false,
            between: None,
            prefix: Bytes::new(),
            suffix: Bytes::new(),
            spill: Bytes::new(),
            cut: None,
            error_at: None,
        }
    }

    /// A proper answer, JSON or a stream as the request asks, whose text is derived from the request.
    pub fn answer() -> Self {
        Self::of(Content::Answer(Text::Derived))
    }

    /// A proper answer with this text; in a stream it is one delta.
    pub fn text(text: impl Into<String>) -> Self {
        Self::of(Content::Answer(Text::Pieces(vec![text.into()])))
    }

    /// A proper answer whose text comes in these deltas; as JSON they are joined.
    pub fn chunks<T: Into<String>>(pieces: impl IntoIterator<Item = T>) -> Self {
        Self::of(Content::Answer(Text::Pieces(pieces.into_iter().map(Into::into).collect())))
    }

    /// A proper answer whose JSON body has exactly that many bytes, or as few as it can. For benchmarks.
    pub fn sized_json(bytes: usize) -> Self {
        Self::of(Content::Answer(Text::Padded(bytes)))
    }

    /// A proper answer of that many deltas, the whole stream in one write. For benchmarks.
    pub fn burst(deltas: usize) -> Self {
        Self { writes: Writes::Once, ..Self::of(Content::Answer(Text::Count(deltas))) }
    }

    /// A proper answer of that many deltas, one write each, that long apart. For benchmarks.
    pub fn paced(deltas: usize, gap: Duration) -> Self {
        Self { delay_events: gap, ..Self::of(Content::Answer(Text::Count(deltas))) }
    }

    /// The error that the real API sends with this status: 400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504, 529 or any other.
    pub fn status(status: u16) -> Self {
        Self::of(Content::Status(status))
    }

    /// An error of this status, type and message in the API's own shape.
    pub fn error(status: u16, error_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self::of(Content::Error { status, error_type: error_type.into(), message: message.into() })
    }

    /// A 200 whose first event is an error, as both APIs send when they fail after the headers.
    pub fn stream_error(error_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self::of(Content::StreamError { error_type: error_type.into(), message: message.into() })
    }

    /// This body under that status, as `application/json` unless a header says otherwise.
    pub fn body(status: u16, body: impl Into<Bytes>) -> Self {
        Self::of(Content::Body { status, body: body.into() })
    }

    /// A 200 stream of these events, verbatim: each string brings its own blank line.
    pub fn events<T: Into<Bytes>>(events: impl IntoIterator<Item = T>) -> Self {
        Self::of(Content::Events(events.into_iter().map(Into::into).collect()))
    }

    /// HTTP/1.1 only: exactly these bytes, then the connection closes.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::of(Content::Raw(bytes.into()))
    }

    /// The request is read and the connection closed without an answer.
    pub fn hang_up() -> Self {
        Self::answer().drop_at(At::Start)
    }

    /// The request is read and nothing ever comes.
    pub fn silence() -> Self {
        Self::answer().stall_at(At::Start)
    }

    /// The answer names this model instead of the snapshot that the API would name.
    #[must_use]
    pub fn model(self, model: impl Into<String>) -> Self {
        Self { model: Some(model.into()), ..self }
    }

    /// The answer reports these counts.
    #[must_use]
    pub fn usage(self, usage: Usage) -> Self {
        Self { usage: Some(usage), ..self }
    }

    /// The answer ends for this reason, in the API's own vocabulary (`finish_reason`, `stop_reason`).
    #[must_use]
    pub fn finish(self, reason: impl Into<String>) -> Self {
        Self { finish: Some(reason.into()), ..self }
    }
}

/// How a response comes over the wire.
impl Reply {
    /// One more response header; of the standard ones it replaces the one of that name.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Leaves out the standard header of that name.
    #[must_use]
    pub fn without_header(mut self, name: impl Into<String>) -> Self {
        self.removed_headers.push(name.into());
        self
    }

    /// Claims this content-encoding; the body stays what it is.
    #[must_use]
    pub fn claim_encoding(self, encoding: &str) -> Self {
        self.header("content-encoding", encoding)
    }

    /// HTTP/1.1 only: these bytes in place of the status line, without the line end.
    #[must_use]
    pub fn status_line(self, line: impl Into<Vec<u8>>) -> Self {
        Self { status_line: Some(line.into()), ..self }
    }

    /// One more trailer; on HTTP/1.1 the body becomes chunked.
    #[must_use]
    pub fn trailer(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.trailers.push((name.into(), value.into()));
        self
    }

    /// Waits before the first byte of the response.
    #[must_use]
    pub fn delay_headers(self, delay: Duration) -> Self {
        Self { delay_headers: delay, ..self }
    }

    /// Sends the headers, then waits before the first byte of the body.
    #[must_use]
    pub fn delay_body(self, delay: Duration) -> Self {
        Self { delay_body: delay, ..self }
    }

    /// Sends what precedes a stream's first text (role chunk; `message_start` to `ping`), then waits before that text. A JSON body waits whole.
    #[must_use]
    pub fn delay_content(self, delay: Duration) -> Self {
        Self { delay_content: delay, ..self }
    }

    /// Waits that long before every event but the first.
    #[must_use]
    pub fn delay_events(self, delay: Duration) -> Self {
        Self { delay_events: delay, ..self }
    }

    /// Nothing is sent until [`MockProvider::release`](crate::MockProvider::release): a test that needs many requests to be under way at the
    /// same time holds their answers until all are there.
    #[must_use]
    pub fn held(self) -> Self {
        Self { held: Some(Held::Whole), ..self }
    }

    /// The same, after that many events of a stream. Only for events that are writes of their own.
    #[must_use]
    pub fn held_after(self, events: usize) -> Self {
        Self { held: Some(Held::After(events)), ..self }
    }

    /// Every byte of the body is its own write, on HTTP/1.1 with chunked coding its own chunk, on HTTP/2 its own DATA frame.
    #[must_use]
    pub fn byte_by_byte(self) -> Self {
        Self { writes: Writes::PerByte, ..self }
    }

    /// The whole body in one write.
    #[must_use]
    pub fn in_one_write(self) -> Self {
        Self { writes: Writes::Once, ..self }
    }

    /// The body in writes that end at these offsets.
    #[must_use]
    pub fn split_at(self, offsets: impl IntoIterator<Item = usize>) -> Self {
        Self { writes: Writes::SplitAt(offsets.into_iter().collect()), ..self }
    }

    /// Chunked coding also where the API would send a content-length.
    #[must_use]
    pub fn chunked(self) -> Self {
        Self { framed: Framed::Chunked, ..self }
    }

    /// HTTP/1.1: no length at all, the body ends with the connection.
    #[must_use]
    pub fn until_close(self) -> Self {
        Self { framed: Framed::UntilClose, ..self }
    }

    /// Declares this content-length, whatever is sent.
    #[must_use]
    pub fn declare_length(self, length: u64) -> Self {
        Self { framed: Framed::Declared(length), ..self }
    }

    /// A stream's lines end in CRLF.
    #[must_use]
    pub fn crlf(self) -> Self {
        Self { crlf: true, ..self }
    }

    /// These bytes between any two events, such as `": keep-alive\n\n"`.
    #[must_use]
    pub fn between_events(self, bytes: impl Into<Bytes>) -> Self {
        Self { between: Some(bytes.into()), ..self }
    }

    /// These bytes in front of the body.
    #[must_use]
    pub fn prepend(self, bytes: impl Into<Bytes>) -> Self {
        Self { prefix: bytes.into(), ..self }
    }

    /// These bytes at the end of the body, after the terminal event.
    #[must_use]
    pub fn append(self, bytes: impl Into<Bytes>) -> Self {
        Self { suffix: bytes.into(), ..self }
    }

    /// HTTP/1.1 only: these bytes on the connection after the end of the response, as a broken server leaves them.
    #[must_use]
    pub fn spill(self, bytes: impl Into<Bytes>) -> Self {
        Self { spill: bytes.into(), ..self }
    }
}

impl Default for Reply {
    fn default() -> Self {
        Self::answer()
    }
}
