//! What a reply is put together from.

use bytes::Bytes;

/// Token counts of a scripted answer, in terms that both APIs can be written from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Every input token, cached ones included (OpenAI's `prompt_tokens`; Anthropic's three input counts added up).
    pub input: u64,
    /// Input tokens read from a cache.
    pub cached: u64,
    /// Input tokens written to a cache.
    pub cache_written: u64,
    /// Every output token, reasoning included.
    pub output: u64,
    /// Output tokens spent on reasoning.
    pub reasoning: u64,
}

impl Usage {
    /// Plain counts: nothing cached, no reasoning.
    pub const fn new(input: u64, output: u64) -> Self {
        Self { input, cached: 0, cache_written: 0, output, reasoning: 0 }
    }
}

/// A point in a response at which something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Before the first byte of the response.
    Start,
    /// After the headers, before the first byte of the body.
    Headers,
    /// After that many events of a stream (pings and comments put in by the script do not count); a JSON body is one event.
    Events(usize),
    /// Before the last event of a stream: `data: [DONE]` or `message_stop`.
    Terminal,
    /// After that many bytes of the body.
    Bytes(usize),
}

/// A point in a response at which it waits for [`MockProvider::release`](crate::MockProvider::release).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// Before the first byte.
    Whole,
    /// After that many events of a stream; a JSON body is one event.
    After(usize),
}

/// How a response that is cut short ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing more comes, the connection stays open.
    Stall,
    /// RST on TCP, `RST_STREAM` on HTTP/2.
    Reset,
    /// A complete HTTP message: final chunk, `END_STREAM`, or a content-length that fits.
    Clean,
    /// The connection is closed in the middle of the message.
    Drop,
}

/// What the body says.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A model's answer, JSON or a stream as the request asked.
    Answer(Text),
    /// An error in the API's own shape, with what the API puts there for that status.
    Status(u16),
    /// An error with this type and message in the API's own shape.
    Error { status: u16, error_type: String, message: String },
    /// A 200 stream whose first event is this error.
    StreamError { error_type: String, message: String },
    /// These bytes under that status.
    Body { status: u16, body: Bytes },
    /// A 200 stream of these events, verbatim.
    Events(Vec<Bytes>),
    /// HTTP/1.1 only: exactly these bytes on the connection, which is then closed.
    Raw(Bytes),
}

/// Where an answer's text comes from.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    /// Derived from the request, so that every request's answer differs.
    Derived,
    /// These pieces, one delta each.
    Pieces(Vec<String>),
    /// That many short pieces, the first of them derived from the request.
    Count(usize),
    /// Derived from the request and padded until the JSON body has that many bytes.
    Padded(usize),
}

/// How the body is cut into writes (HTTP/2: into DATA frames).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Writes {
    /// One write per event.
    PerEvent,
    /// One write per byte.
    PerByte,
    /// One write for everything.
    Once,
    /// Cut at these offsets of the body.
    SplitAt(Vec<usize>),
}

/// How the length of the body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framed {
    /// As the real API does: content-length for JSON, chunked for a stream.
    Usual,
    /// Chunked also for JSON.
    Chunked,
    /// By closing the connection.
    UntilClose,
    /// By this content-length, right or not.
    Declared(u64),
}
