//! The one seam between a state machine and its host: `handle(&dyn Clock, Input, &mut dyn Output) -> Flow`.
//!
//! The clock is an argument and effects return nothing, so a test's [`Output`] is a `Vec` of what was emitted. What a machine needs to know
//! mid-callback (the bytes of a body, an attribute of the stream) it asks for with its [`Flow`]; the host fetches it and enters the
//! machine again in the same callback. A machine that does not ask pays for no copy.

use crate::{Counter, Headers, Histogram, Page};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl Millis {
    /// Whole seconds since the Unix epoch.
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000
    }
}

/// What time it is, for a machine that needs to know. Most callbacks do not, and to ask a host costs as much as anything else that is done
/// with one event of a stream.
pub trait Clock {
    /// The time of the callback that is running.
    fn now(&self) -> Millis;
}

/// A clock that stands still.
impl Clock for Millis {
    fn now(&self) -> Millis {
        *self
    }
}

/// What happened, or what was asked for.
#[derive(Debug)]
pub enum Input<'a> {
    /// The request's headers arrived (an attempt's, for the provider filter).
    RequestHeaders {
        /// All of them.
        headers: Headers,
        /// Whether nothing follows.
        end_of_stream: bool,
    },
    /// More of the request's body arrived.
    RequestBody {
        /// Bytes readable now: this chunk and everything that was held before it.
        size: usize,
        /// Whether nothing follows.
        end_of_stream: bool,
    },
    /// The request ends with trailers: its body is complete.
    RequestTrailers {
        /// Bytes of the body that are held: those can still be read and replaced. Where there are none, nothing can be written any more.
        held: usize,
    },
    /// The response's headers arrived.
    ResponseHeaders {
        /// All of them.
        headers: Headers,
        /// Whether nothing follows.
        end_of_stream: bool,
    },
    /// More of the response's body arrived.
    ResponseBody {
        /// Bytes readable now: this chunk and everything that was held before it.
        size: usize,
        /// Whether nothing follows.
        end_of_stream: bool,
    },
    /// The response ends with trailers: its body is complete.
    ResponseTrailers {
        /// As in [`RequestTrailers`](Self::RequestTrailers).
        held: usize,
    },
    /// The answer to [`Flow::Read`]: those bytes, or fewer where the body is shorter. They are the machine's to take.
    Bytes(&'a mut Vec<u8>),
    /// The answer to [`Flow::Ask`].
    Attribute(Option<&'a [u8]>),
    /// The answer to [`Flow::Load`]: what stands on the page; nothing where the host keeps none. It is a copy, to be changed at will.
    Loaded(Option<&'a mut Vec<u8>>),
    /// The answer to [`Flow::Swap`].
    Swapped(Swapped),
    /// The stream is over, however it ended: nothing follows, and nothing of it can be changed any more. Only for a machine that
    /// [awaits it](Machine::awaits_end), and only downstream of the router, where Envoy tells.
    Ended,
}

/// What became of a page that was to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// It was replaced.
    Done,
    /// Somebody else replaced it since it was loaded, and it was left alone.
    Conflict,
    /// The host refused, as it would again.
    Refused,
}

/// What the host does with the stream when the machine returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// Pass on what arrived, as it now is.
    Continue,
    /// Hold it: headers until a later callback continues, body bytes together with those that follow.
    Pause,
    /// Read that much of the current body and enter again with [`Input::Bytes`].
    Read {
        /// First byte.
        start: usize,
        /// How many at most.
        len: usize,
    },
    /// Look that up and enter again with [`Input::Attribute`].
    Ask(Attribute),
    /// Read that page of shared memory and enter again with [`Input::Loaded`].
    Load(Page),
    /// Say what became of the last [`Effect::Swap`], and enter again with [`Input::Swapped`].
    Swap,
}

/// What a machine can ask of the stream it runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// A value published in filter state under that key, by either filter.
    State(&'static str),
    /// Which attempt this is, from 1; ASCII decimal.
    Attempt,
    /// The provider's name, where the configuration says that metadata holds it. Text.
    SelectedProvider,
}

/// What a machine wants done. Applied in the order of emission, before [`Flow`] takes effect.
///
/// Header effects are only valid while those headers are held or just arriving; a machine whose state does not hold them cannot emit them.
#[derive(Clone, Copy, Debug)]
pub enum Effect<'a> {
    /// Set one request header.
    SetRequestHeader(&'a str, &'a [u8]),
    /// Remove one request header.
    RemoveRequestHeader(&'a str),
    /// Replace the whole request header map.
    ReplaceRequestHeaders(&'a Headers),
    /// Replace all readable bytes of the request's body.
    ReplaceRequestBody(&'a [u8]),
    /// Let Envoy choose the route anew.
    ClearRouteCache,
    /// Take the request's trailers away. Only when they arrive.
    DropRequestTrailers,
    /// Set one response header.
    SetResponseHeader(&'a str, &'a [u8]),
    /// Remove one response header.
    RemoveResponseHeader(&'a str),
    /// Replace the whole response header map.
    ReplaceResponseHeaders(&'a Headers),
    /// Replace all readable bytes of the response's body.
    ReplaceResponseBody(&'a [u8]),
    /// Take the response's trailers away. Only when they arrive.
    DropResponseTrailers,
    /// End the answer in a way that no client takes for its end, after its headers were let go; the machine returns [`Flow::Pause`].
    CutResponse,
    /// Put a value into filter state: for the other filter, access logs, rate limits.
    Publish(&'static str, &'a [u8]),
    /// Answer the client here; the machine returns [`Flow::Pause`] after it.
    Respond {
        /// HTTP status.
        status: u16,
        /// Headers beside content-length.
        headers: &'a [(&'a str, &'a str)],
        /// The whole body.
        body: &'a [u8],
    },
    /// Add to a counter.
    Count(Counter, u64),
    /// Record a number in a histogram.
    Record(Histogram, u64),
    /// Replace that page of shared memory if it still is what the last [`Flow::Load`] brought; the machine returns [`Flow::Swap`] to learn
    /// whether it was.
    Swap(Page, &'a [u8]),
    /// Say something in Envoy's log. Never a prompt, never a key.
    Log(Level, &'a str),
}

/// How loud a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For someone who is debugging.
    Debug,
    /// Worth knowing.
    Info,
    /// Someone should look.
    Warn,
}

/// Takes a machine's effects. A host applies them; a test keeps them.
pub trait Output {
    /// Takes one effect.
    fn emit(&mut self, effect: Effect<'_>);
}

/// A filter's behaviour for one stream.
pub trait Machine {
    /// Takes in what happened and says how to go on.
    fn handle(&mut self, clock: &dyn Clock, input: Input<'_>, out: &mut dyn Output) -> Flow;

    /// Whether nothing is left to do with this stream's bodies, so that a host need not enter the machine for them.
    fn is_done(&self) -> bool;

    /// Whether something is left to do when the stream is over, so that a host enters the machine with [`Input::Ended`].
    fn awaits_end(&self) -> bool {
        false
    }
}
