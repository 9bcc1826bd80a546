//! The answer on its way back: the model name that the client asked for, and errors in the client's own shape.

use config::{GatewayConfig, HeadersHeld, InputTokensHeader};
use llm_api::{ApiError, Dialect, ErrorKind};
use seam::{Clock, EarlierFailure, Effect, Flow, Headers, Input, Output, names};
use translate::{Edit, End, StreamEdit};

use crate::accounting::{Accounting, Heard, Reader};
use crate::request::{Forwarded, Reported};
use crate::told::Told;

/// An answer whose body is changed, or read for its account.
///
/// ```text
/// Renaming ──complete──► ReadingJson ──► Finished
/// Streaming ──chunk──► ReadingChunk ──► Streaming          Streaming, ReadingChunk ──end──► Finished
///                        └─ its budget is spent ──► Stopped ⟲ what still comes is read for its account, and goes nowhere
/// ```
pub(crate) struct Answer {
    dialect: Dialect,
    /// The name that the client asked for.
    model: String,
    state: State,
}

enum State {
    /// A JSON answer, held until it is complete.
    Renaming(Rename),
    /// The complete JSON answer was asked for.
    ReadingJson(Rename),
    /// A stream between two chunks; there is no edit where ai-provider has done it, and it is only read.
    Streaming(Option<Box<StreamEdit>>),
    /// A chunk was asked for; whether it is the last.
    ReadingChunk(Option<Box<StreamEdit>>, Last),
    /// The client has got an end of ours.
    Stopped,
    /// What came after it was asked for.
    ReadingRest,
    /// All is said.
    Finished,
}

struct Rename {
    headers_held: HeadersHeld,
    max_body_bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Yes,
    No,
}

/// Whether the status may be ai-provider's word to the router and not the client's: then filter state has the true one.
///
/// A header could not carry it, because without ai-provider every provider could set it.
pub(crate) fn may_have_another_status(headers: &Headers) -> bool {
    headers.number::<u16>(":status").is_some_and(|status| status >= 400)
        && headers.bytes(names::ANSWERED_BY_HEADER).is_some()
}

/// Whether it has to be known what the provider reported, before anything else is done: ai-provider translated the whole of an answer, and
/// only one of which it read no report has to be read here.
pub(crate) fn may_be_reported(accounting: &Accounting, forwarded: &Forwarded, headers: &Headers) -> bool {
    accounting.is_open()
        && headers.number::<u16>(":status").is_some_and(|status| status < 400)
        && headers.is_content_type("application/json")
        && forwarded.is_translated(headers)
}

/// Opens the answer's side of the account, or closes the account of what is no answer: an error, or a redirection.
pub(crate) fn account(
    accounting: &mut Accounting,
    forwarded: &Forwarded,
    headers: &Headers,
    clock: &dyn Clock,
    out: &mut dyn Output,
) {
    if headers.number::<u16>(":status").is_some_and(|status| status >= 300) {
        accounting.fail();
    } else if accounting.is_open() {
        let reader = if forwarded.is_translated(headers) { Reader::Provider } else { Reader::Gateway };
        let attempts = headers.number(names::ATTEMPTS_HEADER);
        accounting.begin(headers.text(names::ANSWERED_BY_HEADER), reader, attempts, clock.now(), out);
    }
}

/// Looks at the answer's headers, once its [`account`] is open. Without an [`Answer`] there is nothing left to do.
pub(crate) fn begin(
    config: &GatewayConfig,
    forwarded: Forwarded,
    headers: &Headers,
    end_of_stream: bool,
    original_status: Option<u16>,
    accounting: &mut Accounting,
    out: &mut dyn Output,
) -> (Option<Answer>, Flow) {
    let translated = forwarded.is_translated(headers);
    let Forwarded { dialect, requested_model: model, usage, told, .. } = forwarded;
    if headers.number::<u16>(":status").is_some_and(|status| status >= 400) {
        return (None, reshape_error(dialect, headers, original_status, &told, out));
    }
    told.set(out);
    if let (InputTokensHeader::Shown, Some(count)) = (config.counting.header, accounting.prompt()) {
        let tokens = count.tokens.to_string();
        out.emit(Effect::SetResponseHeader(names::INPUT_TOKENS_HEADER, tokens.as_bytes()));
        let source = count.source.name();
        out.emit(Effect::SetResponseHeader(names::INPUT_TOKENS_SOURCE_HEADER, source.as_bytes()));
    }
    let accounted = !accounting.is_open() || accounting.has_report();
    if (translated && accounted) || headers.is_encoded() || end_of_stream {
        return (None, Flow::Continue);
    }
    if headers.is_content_type("text/event-stream") {
        accounting.begin_stream();
        let edit = (!translated).then(|| {
            out.emit(Effect::RemoveResponseHeader("content-length"));
            let edit = StreamEdit::new(dialect, model.clone());
            Box::new(match usage {
                Reported::ForUs => edit.without_usage(),
                Reported::AsAsked => edit,
            })
        });
        return (Some(Answer { dialect, model, state: State::Streaming(edit) }), Flow::Continue);
    }
    if !headers.is_content_type("application/json") {
        return (None, Flow::Continue);
    }
    let rename = Rename { headers_held: config.headers_held, max_body_bytes: config.max_body_bytes };
    let flow = match config.headers_held {
        HeadersHeld::Yes => Flow::Pause,
        HeadersHeld::No => {
            out.emit(Effect::RemoveResponseHeader("content-length"));
            Flow::Continue
        }
    };
    (Some(Answer { dialect, model, state: State::Renaming(rename) }), flow)
}

/// Puts an error that is not JSON (Envoy's own replies, a proxy's HTML page) into the client's shape.
pub(crate) fn reshape_error(
    dialect: Dialect,
    headers: &Headers,
    original_status: Option<u16>,
    told: &Told,
    out: &mut dyn Output,
) -> Flow {
    let status = headers.number::<u16>(":status").unwrap_or(0);
    if status >= 400 && !headers.is_content_type("application/json") {
        let status = original_status.unwrap_or(status);
        respond(status, &envoy_error(status), dialect, headers, told, out);
        return Flow::Pause;
    }
    told.set(out);
    if let Some(original) = original_status {
        out.emit(Effect::SetResponseHeader(":status", original.to_string().as_bytes()));
    }
    Flow::Continue
}

/// Gives an error that came without a body the words that the provider filter found for it.
pub(crate) fn respond_without_body(
    forwarded: &Forwarded,
    headers: &Headers,
    original_status: Option<u16>,
    failure: Option<EarlierFailure>,
    out: &mut dyn Output,
) {
    let status = original_status.or_else(|| headers.number(":status")).unwrap_or(500);
    let error = failure.map_or_else(|| envoy_error(status), |failure| failure.error);
    respond(status, &error, forwarded.dialect, headers, &forwarded.told, out);
}

/// Answers in the place of an error, and keeps of its headers what an SDK acts on.
fn respond(
    status: u16,
    error: &ApiError,
    dialect: Dialect,
    headers: &Headers,
    told: &Told,
    out: &mut dyn Output,
) {
    const KEPT: [&str; 8] = [
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
        "x-request-id",
        "request-id",
        names::ANSWERED_BY_HEADER,
        names::ANSWERED_MODEL_HEADER,
        names::ATTEMPTS_HEADER,
    ];
    let kept = KEPT.iter().filter_map(|name| headers.text(name).map(|value| (*name, value)));
    let told = told.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let headers: Vec<(&str, &str)> =
        [("content-type", "application/json")].into_iter().chain(kept).chain(told).collect();
    out.emit(Effect::Respond { status, headers: &headers, body: error.body(dialect).as_bytes() });
}

impl Answer {
    pub(crate) fn handle(
        &mut self,
        input: Input<'_>,
        accounting: &mut Accounting,
        out: &mut dyn Output,
    ) -> Flow {
        let state = std::mem::replace(&mut self.state, State::Finished);
        let (state, flow) = match (state, input) {
            (State::Renaming(rename), Input::ResponseBody { size, .. }) if size > rename.max_body_bytes => {
                // Larger than is ever held: it keeps the provider's name for the model rather than fail.
                (State::Finished, Flow::Continue)
            }
            (State::Renaming(rename), Input::ResponseBody { end_of_stream: false, .. }) => {
                (State::Renaming(rename), Flow::Pause)
            }
            (
                State::Renaming(_),
                Input::ResponseBody { size: 0, .. } | Input::ResponseTrailers { held: 0 },
            ) => (State::Finished, Flow::Continue),
            (
                State::Renaming(rename),
                Input::ResponseBody { size: len, .. } | Input::ResponseTrailers { held: len },
            ) => (State::ReadingJson(rename), Flow::Read { start: 0, len }),
            (State::ReadingJson(rename), Input::Bytes(body)) => {
                accounting.whole(body);
                rename.apply(self.dialect, &self.model, body, out);
                (State::Finished, Flow::Continue)
            }
            (State::Streaming(edit), Input::ResponseBody { size, end_of_stream }) => {
                let last = if end_of_stream { Last::Yes } else { Last::No };
                match size {
                    0 if end_of_stream => (finish(edit, None, out), Flow::Continue),
                    0 => (State::Streaming(edit), Flow::Continue),
                    _ => (State::ReadingChunk(edit, last), Flow::Read { start: 0, len: size }),
                }
            }
            // Nothing is held when trailers end a stream, so nothing can be written any more: one that is not over is cut.
            (State::Streaming(None), Input::ResponseTrailers { .. }) => (State::Finished, Flow::Continue),
            (State::Streaming(Some(mut edit)), Input::ResponseTrailers { .. }) => {
                out.emit(Effect::DropResponseTrailers);
                match edit.finish(&mut Vec::new()) {
                    End::Complete => (State::Finished, Flow::Continue),
                    End::Broken => {
                        out.emit(Effect::CutResponse);
                        (State::Finished, Flow::Pause)
                    }
                }
            }
            (State::ReadingChunk(edit, last), Input::Bytes(chunk)) => match (accounting.chunk(chunk), edit) {
                (Heard::TooMuch, _) => {
                    out.emit(Effect::Publish(names::DECISION_KEY, b"stopped_at_budget"));
                    out.emit(Effect::ReplaceResponseBody(&accounting.ending(&self.model)));
                    (if last == Last::Yes { State::Finished } else { State::Stopped }, Flow::Continue)
                }
                (Heard::Enough, None) => {
                    (if last == Last::Yes { State::Finished } else { State::Streaming(None) }, Flow::Continue)
                }
                (Heard::Enough, Some(mut edit)) => {
                    let mut changed = Vec::new();
                    let replaced = edit.push(chunk, &mut changed) == Edit::Replaced;
                    let state = match last {
                        Last::Yes => finish(Some(edit), Some((chunk, replaced, changed)), out),
                        Last::No => {
                            if replaced {
                                out.emit(Effect::ReplaceResponseBody(&changed));
                            }
                            State::Streaming(Some(edit))
                        }
                    };
                    (state, Flow::Continue)
                }
            },
            (State::Stopped, Input::ResponseBody { size, .. }) if size > 0 => {
                (State::ReadingRest, Flow::Read { start: 0, len: size })
            }
            (State::Stopped, Input::ResponseTrailers { .. }) => {
                out.emit(Effect::DropResponseTrailers);
                (State::Finished, Flow::Continue)
            }
            (State::ReadingRest, Input::Bytes(rest)) => {
                let _ = accounting.chunk(rest);
                out.emit(Effect::ReplaceResponseBody(b""));
                (State::Stopped, Flow::Continue)
            }
            (state, _) => (state, Flow::Continue),
        };
        self.state = state;
        flow
    }
}

impl Rename {
    fn apply(&self, dialect: Dialect, model: &str, body: &[u8], out: &mut dyn Output) {
        let Some(renamed) = translate::rename_response(dialect, body, model) else { return };
        if self.headers_held == HeadersHeld::Yes {
            out.emit(Effect::SetResponseHeader("content-length", renamed.len().to_string().as_bytes()));
        }
        out.emit(Effect::ReplaceResponseBody(&renamed));
    }
}

/// Ends a stream: after its last chunk, if there is one, what the edit withheld and what must be said of a cut.
fn finish(
    edit: Option<Box<StreamEdit>>,
    last: Option<(&[u8], bool, Vec<u8>)>,
    out: &mut dyn Output,
) -> State {
    let mut tail = Vec::new();
    if let Some(mut edit) = edit {
        let _ = edit.finish(&mut tail);
    }
    match last {
        Some((_, true, mut changed)) => {
            changed.append(&mut tail);
            out.emit(Effect::ReplaceResponseBody(&changed));
        }
        Some((chunk, false, _)) if !tail.is_empty() => {
            out.emit(Effect::ReplaceResponseBody(&[chunk, &tail].concat()));
        }
        None if !tail.is_empty() => out.emit(Effect::ReplaceResponseBody(&tail)),
        _ => {}
    }
    State::Finished
}

/// An error of Envoy's own in a client's terms. Envoy's text names internal addresses and flags; those are for its log.
fn envoy_error(status: u16) -> ApiError {
    let (message, code) = match status {
        401 => ("The request is not authenticated.", None),
        403 => ("The request is not allowed.", None),
        404 => ("Nothing is served at this path.", Some("unknown_endpoint")),
        408 => ("The request did not arrive in time.", None),
        413 => ("The request is larger than is accepted here.", None),
        429 => ("Too many requests.", None),
        502 => ("No provider gave an answer that could be used.", Some("provider_answer_unusable")),
        503 => ("No provider could be reached.", Some("provider_unavailable")),
        504 => ("No provider answered in time.", Some("provider_timeout")),
        _ => ("The request could not be served.", None),
    };
    let error = ApiError::new(ErrorKind::of_status(status), message);
    match code {
        Some(code) => error.with_code(code),
        None => error,
    }
}
