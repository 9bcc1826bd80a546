//! The provider's answer: passed, translated, or turned into a failure from which Envoy goes on to the next target.

use llm_api::{ApiError, ErrorKind, Usage};
use seam::{EarlierFailure, Effect, Flow, Headers, Input, Level, Millis, Output, UsageReport, names};
use translate::{FirstContent, Peeked, ResponseOptions, Skipped};

use crate::attempt::Attempt;
use crate::failure::{self, Verdict};
use crate::response_headers::{self, Length};
use crate::stream::Stream;

/// How much of a stream's beginning is read at a time, where nothing but its first content is looked for: enough for the events that
/// come before it, while a provider that sends everything at once does not have all of it copied.
const PEEKED_BYTES: usize = 2 << 10;

/// How much of an error's body is read. No provider's error is longer; a proxy's HTML page may be.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// An answer of which more than the headers concerns us.
///
/// ```text
/// Peeking ⟲ chunk ──first content──► Streaming ⟲ chunk ──end──► Finished      (or Finished at once: nothing to change)
///    └── error, or end ──► failed ──────────────────────────┐
/// Refusing ──first chunk───────────────────────────────────► failed ──► Swallowing (the rest of it)
/// Collecting ──complete──► Reading ─┬─ no answer, or an error ──► failed
///                                   └─ translated ──► Finished
/// ```
///
/// Headers are held until `Streaming`, `Swallowing` or `Finished`, and until then Envoy may still retry.
pub(crate) struct Answer {
    attempt: Attempt,
    /// As the provider sent them.
    headers: Headers,
    max_body_bytes: usize,
    id_seed: u64,
    now: Millis,
    /// What was last published of the provider's report.
    reported: Option<Usage>,
    state: State,
}

enum State {
    /// A stream before its first content.
    Peeking(Peek),
    /// The bytes that came were asked for.
    ReadingPeek(Peek, Last),
    /// A stream that the client already gets.
    Streaming(Stream),
    /// A chunk was asked for.
    ReadingChunk(Stream, Last),
    /// An answer whose headers already say that it is none; its error takes the place of the first bytes.
    Refusing(ApiError),
    /// A body that is read as a whole.
    Collecting(Whole),
    /// The complete body was asked for.
    Reading(Whole),
    /// The client has its error: the rest of the provider's answer is dropped.
    Swallowing,
    /// All is said.
    Finished,
}

struct Peek {
    first: FirstContent,
    stream: Stream,
    /// How many bytes are held, and how many of them were read.
    held: usize,
    seen: usize,
    /// What replaces the held bytes, where they are translated.
    pending: Vec<u8>,
}

/// What a whole body is read as.
#[derive(Clone, Copy)]
enum Whole {
    /// An answer.
    Answer,
    /// The body of that error status.
    Failure(u16),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Yes,
    No,
}

/// What an answer may take.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_body_bytes: usize,
}

/// What the headers say the answer is.
enum Kind {
    Stream,
    Json,
    PassedAsItIs,
    Failure(u16),
    Unusable(ApiError),
}

/// Looks at the answer's headers. No answer is returned where they are all there is to do.
pub(crate) fn begin(
    attempt: Attempt,
    headers: Headers,
    end_of_stream: bool,
    limits: Limits,
    id_seed: u64,
    now: Millis,
    out: &mut dyn Output,
) -> (Option<Answer>, Flow) {
    let kind = kind(&attempt, &headers);
    let max_body_bytes = limits.max_body_bytes;
    let state = State::Finished;
    let mut answer = Answer { attempt, headers, max_body_bytes, id_seed, now, reported: None, state };
    match kind {
        Kind::Failure(status) if end_of_stream => {
            let error = answer.provider_error(status, b"");
            let (_, flow) = answer.fail(status, &error, Body::None, out);
            return (None, flow);
        }
        _ if end_of_stream => {
            let error = unusable("answered without a body");
            let (_, flow) = answer.fail(error.status(), &error, Body::None, out);
            return (None, flow);
        }
        Kind::PassedAsItIs => {
            let headers = response_headers::answer(&answer.attempt, &answer.headers, Length::AsItIs);
            out.emit(Effect::ReplaceResponseHeaders(&headers));
            return (None, Flow::Continue);
        }
        Kind::Unusable(error) => answer.state = State::Refusing(error),
        Kind::Failure(status) => answer.state = State::Collecting(Whole::Failure(status)),
        Kind::Json => answer.state = State::Collecting(Whole::Answer),
        Kind::Stream => {
            let stream = Stream::of(&answer.attempt, id_seed, now);
            let first = FirstContent::new(answer.attempt.api());
            answer.state = State::Peeking(Peek { first, stream, held: 0, seen: 0, pending: Vec::new() });
        }
    }
    (Some(answer), Flow::Pause)
}

fn kind(attempt: &Attempt, headers: &Headers) -> Kind {
    let status = headers.number::<u16>(":status").unwrap_or(0);
    if status >= 400 {
        return Kind::Failure(status);
    }
    // A redirect would take the client, with its credentials, past the gateway.
    if !(200..300).contains(&status) {
        return Kind::Unusable(unusable(&format!("answered with status {status}")));
    }
    let streams = headers.is_content_type("text/event-stream");
    let read = attempt.context.stream || attempt.translates() || !attempt.context.gateway;
    match (attempt.context.stream, streams) {
        (true, false) => Kind::Unusable(unusable("was asked for a stream and sent none")),
        (false, true) => Kind::Unusable(unusable("sent a stream unasked")),
        // A captive portal or a parked domain says 200 too.
        (false, false) if !headers.is_content_type("application/json") => {
            Kind::Unusable(unusable("answered something that is not JSON"))
        }
        _ if !read => Kind::PassedAsItIs,
        _ if headers.is_encoded() => Kind::Unusable(unusable("compressed its answer unasked")),
        (true, true) => Kind::Stream,
        (false, false) => Kind::Json,
    }
}

impl Answer {
    /// Whether all is said, and what still comes passes as it is.
    pub(crate) const fn is_finished(&self) -> bool {
        matches!(self.state, State::Finished)
    }

    pub(crate) fn handle(&mut self, input: Input<'_>, out: &mut dyn Output) -> Flow {
        let state = std::mem::replace(&mut self.state, State::Finished);
        let (state, flow) = match (state, input) {
            (State::Peeking(mut peek), Input::ResponseBody { size, end_of_stream }) => {
                peek.held = size;
                self.peek_on(peek, if end_of_stream { Last::Yes } else { Last::No }, out)
            }
            // No byte of a body came: there is none to write an error into, and its status alone has to do.
            (
                State::Peeking(_) | State::Refusing(_) | State::Collecting(Whole::Answer),
                Input::ResponseTrailers { held: 0 },
            ) => {
                let error = unusable("answered without a body");
                self.fail(error.status(), &error, Body::None, out)
            }
            (State::Collecting(Whole::Failure(status)), Input::ResponseTrailers { held: 0 }) => {
                let error = self.provider_error(status, b"");
                self.fail(status, &error, Body::None, out)
            }
            (State::Peeking(peek), Input::ResponseTrailers { .. }) => self.peek_on(peek, Last::Yes, out),
            (State::ReadingPeek(peek, last), Input::Bytes(bytes)) => self.peeked(peek, bytes, last, out),
            (State::Streaming(stream), Input::ResponseBody { size: 0, end_of_stream }) => {
                if end_of_stream {
                    (self.finish(stream, out), Flow::Continue)
                } else {
                    (State::Streaming(stream), Flow::Continue)
                }
            }
            (State::Streaming(stream), Input::ResponseBody { size, end_of_stream }) => {
                let last = if end_of_stream { Last::Yes } else { Last::No };
                (State::ReadingChunk(stream, last), Flow::Read { start: 0, len: size })
            }
            // Nothing is held when trailers end a stream, so nothing can be written any more: one of which something is to be said is cut.
            (State::Streaming(mut stream), Input::ResponseTrailers { .. }) => {
                let mut tail = Vec::new();
                self.end(&mut stream, &mut tail, out);
                if tail.is_empty() {
                    (State::Finished, Flow::Continue)
                } else {
                    out.emit(Effect::CutResponse);
                    (State::Finished, Flow::Pause)
                }
            }
            (State::ReadingChunk(mut stream, last), Input::Bytes(chunk)) => {
                let mut changed = Vec::new();
                stream.push(chunk, &mut changed);
                if last == Last::Yes {
                    self.end(&mut stream, &mut changed, out);
                }
                out.emit(Effect::ReplaceResponseBody(&changed));
                self.report(stream.usage(), out);
                (if last == Last::Yes { State::Finished } else { State::Streaming(stream) }, Flow::Continue)
            }
            (State::Refusing(error), Input::ResponseBody { .. } | Input::ResponseTrailers { .. }) => {
                self.fail(error.status(), &error, Body::Replaced, out)
            }
            (State::Collecting(whole), Input::ResponseBody { size, end_of_stream }) => {
                self.collect(whole, size, end_of_stream, out)
            }
            (State::Collecting(whole), Input::ResponseTrailers { held }) => {
                self.collect(whole, held, true, out)
            }
            (State::Reading(whole), Input::Bytes(body)) => self.read(whole, body, out),
            (State::Swallowing, Input::ResponseBody { size, .. }) => {
                if size > 0 {
                    out.emit(Effect::ReplaceResponseBody(b""));
                }
                (State::Swallowing, Flow::Continue)
            }
            (state, _) => (state, Flow::Continue),
        };
        self.state = state;
        flow
    }

    /// Reads on where held bytes are unread, and else waits for more of them, or decides without.
    fn peek_on(&mut self, mut peek: Peek, last: Last, out: &mut dyn Output) -> (State, Flow) {
        let unread = peek.held.saturating_sub(peek.seen);
        if unread > 0 {
            let start = peek.seen;
            let len =
                if matches!(peek.stream, Stream::Untouched) { unread.min(PEEKED_BYTES) } else { unread };
            return (State::ReadingPeek(peek, last), Flow::Read { start, len });
        }
        match last {
            Last::No => (State::Peeking(peek), Flow::Pause),
            Last::Yes => {
                let decision = peek.first.finish();
                self.decide(peek, decision, last, out)
            }
        }
    }

    fn peeked(&mut self, mut peek: Peek, bytes: &[u8], last: Last, out: &mut dyn Output) -> (State, Flow) {
        // A host that holds less than it said has no more to give.
        peek.seen = if bytes.is_empty() { peek.held } else { peek.seen.saturating_add(bytes.len()) };
        if !matches!(peek.stream, Stream::Untouched) {
            peek.stream.push(bytes, &mut peek.pending);
        }
        let decision = peek.first.push(bytes);
        self.decide(peek, decision, last, out)
    }

    fn decide(&mut self, peek: Peek, decision: Peeked, last: Last, out: &mut dyn Output) -> (State, Flow) {
        match decision {
            Peeked::Undecided if peek.seen < peek.held || last == Last::Yes => self.peek_on(peek, last, out),
            Peeked::Undecided => (State::Peeking(peek), Flow::Pause),
            Peeked::Content => (self.commit(peek, last, out), Flow::Continue),
            Peeked::Failed(error) => self.fail(error.status(), &error, Body::Replaced, out),
        }
    }

    /// The stream has content: from here on it is the client's, and no retry is possible.
    fn commit(&mut self, peek: Peek, last: Last, out: &mut dyn Output) -> State {
        let Peek { mut stream, mut pending, .. } = peek;
        let headers = response_headers::answer(&self.attempt, &self.headers, Length::Unknown);
        out.emit(Effect::ReplaceResponseHeaders(&headers));
        if matches!(stream, Stream::Untouched) {
            return State::Finished;
        }
        if last == Last::Yes {
            self.end(&mut stream, &mut pending, out);
        }
        out.emit(Effect::ReplaceResponseBody(&pending));
        self.report(stream.usage(), out);
        if last == Last::Yes { State::Finished } else { State::Streaming(stream) }
    }

    fn finish(&self, mut stream: Stream, out: &mut dyn Output) -> State {
        let mut tail = Vec::new();
        self.end(&mut stream, &mut tail, out);
        if !tail.is_empty() {
            out.emit(Effect::ReplaceResponseBody(&tail));
        }
        State::Finished
    }

    /// The provider ended cleanly: appends what is still to be said, and tells the log how much could not be carried over. Not what it was: those
    /// are a model's words.
    fn end(&self, stream: &mut Stream, tail: &mut Vec<u8>, out: &mut dyn Output) {
        stream.finish(tail);
        let Skipped { malformed, inexpressible } = stream.skipped();
        let (name, number) = (self.attempt.name(), self.attempt.number);
        if malformed > 0 {
            let line = format!(
                "provider {name}: attempt {number}: {malformed} unreadable events of its stream were passed over"
            );
            out.emit(Effect::Log(Level::Warn, &line));
        }
        if inexpressible > 0 {
            let line = format!(
                "provider {name}: attempt {number}: {inexpressible} pieces of its stream have no place in the client's API"
            );
            out.emit(Effect::Log(Level::Info, &line));
        }
    }

    fn collect(&self, whole: Whole, size: usize, end_of_stream: bool, out: &mut dyn Output) -> (State, Flow) {
        match whole {
            Whole::Answer if size > self.max_body_bytes => {
                let error = unusable(&format!("answered with more than {} bytes", self.max_body_bytes));
                self.fail(error.status(), &error, Body::Replaced, out)
            }
            Whole::Failure(_) if end_of_stream || size >= MAX_ERROR_BYTES => {
                (State::Reading(whole), Flow::Read { start: 0, len: MAX_ERROR_BYTES })
            }
            Whole::Answer if end_of_stream => (State::Reading(whole), Flow::Read { start: 0, len: size }),
            _ => (State::Collecting(whole), Flow::Pause),
        }
    }

    fn read(&mut self, whole: Whole, body: &[u8], out: &mut dyn Output) -> (State, Flow) {
        if let Whole::Failure(status) = whole {
            return self.fail(status, &self.provider_error(status, body), Body::Replaced, out);
        }
        match self.translated(body) {
            Ok((translated, usage)) => {
                self.report(usage.as_ref(), out);
                let length = Length::Exactly(translated.len());
                let headers = response_headers::answer(&self.attempt, &self.headers, length);
                out.emit(Effect::ReplaceResponseHeaders(&headers));
                out.emit(Effect::ReplaceResponseBody(&translated));
                (State::Finished, Flow::Continue)
            }
            Err(error) => self.fail(error.status(), &error, Body::Replaced, out),
        }
    }

    /// Publishes what the provider has reported, where that is news. Not before the answer is committed: an attempt that fails costs nothing.
    /// Where nothing is translated ai-gateway reads it for itself.
    fn report(&mut self, usage: Option<&Usage>, out: &mut dyn Output) {
        if let Some(usage) = usage.filter(|usage| self.reported.as_ref() != Some(*usage)) {
            self.reported = Some(*usage);
            out.emit(Effect::Publish(names::USAGE_KEY, &UsageReport(*usage).encode()));
        }
    }

    /// The body in the client's terms, and what a translated one reports.
    fn translated(&self, body: &[u8]) -> Result<(Vec<u8>, Option<Usage>), ApiError> {
        let model = self.attempt.shown_model();
        if !self.attempt.translates() {
            let renamed = translate::rename_response(self.attempt.dialect(), body, model);
            return Ok((renamed.unwrap_or_else(|| body.to_vec()), None));
        }
        let options = ResponseOptions {
            model,
            created: self.now.seconds(),
            id_seed: self.id_seed,
            max_output_bytes: self.max_body_bytes,
        };
        translate::response(self.attempt.api(), self.attempt.dialect(), body, &options)
            .map(|translated| (translated.body, translated.usage))
    }

    fn provider_error(&self, status: u16, body: &[u8]) -> ApiError {
        translate::provider_error(self.attempt.name(), status, body)
    }

    /// Ends the attempt: with the client's error, or under a status from which Envoy goes on to the next target.
    fn fail(&self, seen: u16, error: &ApiError, body: Body, out: &mut dyn Output) -> (State, Flow) {
        // The provider's words stay out of the log: errors quote prompts and keys.
        let (name, number) = (self.attempt.name(), self.attempt.number);
        out.emit(Effect::Log(
            Level::Info,
            &format!("provider {name}: attempt {number} failed with status {seen}"),
        ));
        let (routed, original) = match failure::verdict(&self.attempt, seen, error) {
            Verdict::Final => return self.respond(error, out),
            Verdict::Retried { routed, original } => (routed, original),
        };
        let earlier = EarlierFailure { provider: name.to_owned(), error: error.clone() };
        out.emit(Effect::Publish(names::FAILURE_KEY, &earlier.encode()));
        let original = original.map(|status| status.to_string()).unwrap_or_default();
        out.emit(Effect::Publish(names::STATUS_KEY, original.as_bytes()));
        let (length, state, written) = match body {
            Body::None => (Length::Unknown, State::Finished, None),
            Body::Replaced => {
                let written = error.body(self.attempt.dialect());
                (Length::Exactly(written.len()), State::Swallowing, Some(written))
            }
        };
        let headers = response_headers::failure(&self.attempt, &self.headers, routed, length);
        out.emit(Effect::ReplaceResponseHeaders(&headers));
        if let Some(written) = written {
            out.emit(Effect::ReplaceResponseBody(written.as_bytes()));
        }
        (state, Flow::Continue)
    }

    /// Answers the client from here, whole and at once, however long the provider goes on.
    fn respond(&self, error: &ApiError, out: &mut dyn Output) -> (State, Flow) {
        let body = error.body(self.attempt.dialect());
        let headers = response_headers::failure(
            &self.attempt,
            &self.headers,
            error.status(),
            Length::Exactly(body.len()),
        );
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .filter(|(name, _)| !name.starts_with(':') && *name != "content-length")
            .filter_map(|(name, value)| std::str::from_utf8(value).ok().map(|value| (name, value)))
            .collect();
        out.emit(Effect::Respond { status: error.status(), headers: &headers, body: body.as_bytes() });
        (State::Finished, Flow::Pause)
    }
}

/// Whether the failed answer has a body that the error can take the place of.
#[derive(Clone, Copy)]
enum Body {
    None,
    Replaced,
}

/// An answer that is none.
fn unusable(what: &str) -> ApiError {
    ApiError::new(ErrorKind::BadGateway, format!("The provider {what}."))
}
