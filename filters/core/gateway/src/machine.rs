//! ai-gateway's states and the one place where they change.

use std::rc::Rc;

use config::{GatewayConfig, HeadersHeld, OtherPaths};
use llm_api::{ApiError, Dialect, ErrorKind};
use seam::{Attribute, EarlierFailure, Effect, Flow, Headers, Input, Machine, Millis, Output, names};

use crate::answer::{self, Answer};
use crate::endpoint::Endpoint;
use crate::refusal::{self, Refusal};
use crate::request::{self, Forwarded, Generation};
use crate::{models, strip};

/// One client request and its answer.
///
/// ```text
///                     ┌─ list of models, refused at once ──────────────────────► Refused
///                     ├─ other path, passed ───────────────────────────────────► Done
///                     │
/// AwaitingRequest ────┴─► AwaitingBody ──complete──► ReadingBody ─┬─ refused ──► Refused
///                            │   ▲                                │
///                            └───┘ more of it (too large: refused)└─ planned ──► Forwarded
///                                                                                   │ response headers
///                                              an error? AskingStatus, AskingFailure
///    Done ◄── nothing to change ────────────────────────────────────────────────────┤
///                                                                                   ▼
///    Done ◄── end of the answer ────────────────────────────────────────────── Answering ⟲ per chunk
/// ```
///
/// `Forwarded` can only be built by [`request::plan`], so no answer is handled for a request that was not understood.
pub struct Gateway {
    config: Rc<GatewayConfig>,
    state: State,
}

enum State {
    /// Nothing arrived yet.
    AwaitingRequest,
    /// An LLM request whose body is not complete.
    AwaitingBody(Generation),
    /// The complete body was asked for.
    ReadingBody(Generation),
    /// On its way to a provider.
    Forwarded(Forwarded),
    /// A failed attempt's answer, whose status may be meant for the router alone.
    AskingStatus(Forwarded, Headers, bool),
    /// An error without a body, of which filter state may have the words.
    AskingFailure(Forwarded, Headers, Option<u16>),
    /// The answer's body is ours to change.
    Answering(Box<Answer>),
    /// Answered here, or by Envoy before us; what still comes of the request goes nowhere.
    Refused(Dialect),
    /// Nothing left to do.
    Done,
}

impl Gateway {
    /// A machine for one request.
    pub const fn new(config: Rc<GatewayConfig>) -> Self {
        Self { config, state: State::AwaitingRequest }
    }

    fn request_headers(&self, headers: &Headers, end_of_stream: bool, out: &mut dyn Output) -> (State, Flow) {
        strip::internal_headers(headers, out);
        let generation = match Endpoint::of(headers) {
            Ok(Endpoint::Generate(dialect)) => Generation { dialect },
            Ok(Endpoint::Models(dialect)) => {
                models::list(&self.config.models, dialect, out);
                return (State::Refused(dialect), Flow::Pause);
            }
            Ok(Endpoint::Model(dialect, id)) => {
                models::one(&self.config.models, dialect, id, out);
                return (State::Refused(dialect), Flow::Pause);
            }
            Ok(Endpoint::Other(_)) if self.config.other_paths == OtherPaths::Pass => {
                return (State::Done, Flow::Continue);
            }
            Ok(Endpoint::Other(dialect)) => return refuse(&Refusal::unknown_endpoint(dialect), out),
            Err(refusal) => return refuse(&refusal, out),
        };
        if end_of_stream {
            return refuse(&Refusal::no_body(generation.dialect), out);
        }
        if headers
            .number::<u64>("content-length")
            .is_some_and(|length| length > self.config.max_body_bytes as u64)
        {
            return refuse(&self.too_large(&generation), out);
        }
        match self.config.headers_held {
            HeadersHeld::Yes => (State::AwaitingBody(generation), Flow::Pause),
            // The body may change its size after these headers are gone, so no length can be promised.
            HeadersHeld::No => {
                out.emit(Effect::RemoveRequestHeader("content-length"));
                (State::AwaitingBody(generation), Flow::Continue)
            }
        }
    }

    fn request_body(
        &self,
        generation: Generation,
        size: usize,
        end_of_stream: bool,
        out: &mut dyn Output,
    ) -> (State, Flow) {
        if size > self.config.max_body_bytes {
            return refuse(&self.too_large(&generation), out);
        }
        if !end_of_stream {
            return (State::AwaitingBody(generation), Flow::Pause);
        }
        if size == 0 {
            return refuse(&Refusal::no_body(generation.dialect), out);
        }
        (State::ReadingBody(generation), Flow::Read { start: 0, len: size })
    }

    fn complete_body(&self, generation: Generation, body: &[u8], out: &mut dyn Output) -> (State, Flow) {
        match request::plan(&self.config, generation, body) {
            Ok(plan) => {
                plan.announce(self.config.headers_held, out);
                (State::Forwarded(plan.into_forwarded()), Flow::Continue)
            }
            Err(refusal) => refuse(&refusal, out),
        }
    }

    fn too_large(&self, generation: &Generation) -> Refusal {
        Refusal {
            dialect: generation.dialect,
            error: ApiError::new(
                ErrorKind::RequestTooLarge,
                format!(
                    "The request's body is larger than the {} bytes accepted here.",
                    self.config.max_body_bytes
                ),
            ),
        }
    }
}

impl Machine for Gateway {
    fn handle(&mut self, _now: Millis, input: Input<'_>, out: &mut dyn Output) -> Flow {
        let state = std::mem::replace(&mut self.state, State::Done);
        let (state, flow) = match (state, input) {
            (State::AwaitingRequest, Input::RequestHeaders { headers, end_of_stream }) => {
                self.request_headers(&headers, end_of_stream, out)
            }
            (State::AwaitingBody(generation), Input::RequestBody { size, end_of_stream }) => {
                self.request_body(generation, size, end_of_stream, out)
            }
            (State::AwaitingBody(generation), Input::RequestTrailers { held }) => {
                // Nothing that is understood here comes in trailers, and a provider is to get nothing else.
                out.emit(Effect::DropRequestTrailers);
                self.request_body(generation, held, true, out)
            }
            (State::ReadingBody(generation), Input::Bytes(body)) => self.complete_body(generation, body, out),
            (State::Forwarded(forwarded), Input::ResponseHeaders { headers, end_of_stream }) => {
                if answer::may_have_another_status(&headers) {
                    let question = Flow::Ask(Attribute::State(names::STATUS_KEY));
                    (State::AskingStatus(forwarded, headers, end_of_stream), question)
                } else {
                    answering(answer::begin(&self.config, forwarded, &headers, end_of_stream, None, out))
                }
            }
            (State::AskingStatus(forwarded, headers, end_of_stream), Input::Attribute(value)) => {
                let original = value.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
                if end_of_stream {
                    let question = Flow::Ask(Attribute::State(names::FAILURE_KEY));
                    (State::AskingFailure(forwarded, headers, original), question)
                } else {
                    answering(answer::begin(&self.config, forwarded, &headers, false, original, out))
                }
            }
            (State::AskingFailure(forwarded, headers, original), Input::Attribute(value)) => {
                let failure = value.and_then(|value| EarlierFailure::decode(value).ok());
                answer::respond_without_body(forwarded.dialect, &headers, original, failure, out);
                (State::Refused(forwarded.dialect), Flow::Pause)
            }
            // Envoy answered before the body was complete, or instead of a refusal that came too late: for example because of its buffer
            // limit. The client gets that in its own shape too.
            (
                State::AwaitingBody(Generation { dialect }) | State::Refused(dialect),
                Input::ResponseHeaders { headers, .. },
            ) => {
                let flow = answer::reshape_error(dialect, &headers, None, out);
                (State::Refused(dialect), flow)
            }
            (State::Refused(dialect), Input::RequestBody { .. } | Input::RequestTrailers { .. }) => {
                (State::Refused(dialect), Flow::Pause)
            }
            (State::Answering(mut answer), input) => {
                let flow = answer.handle(input, out);
                (State::Answering(answer), flow)
            }
            (state, _) => (state, Flow::Continue),
        };
        self.state = state;
        flow
    }

    fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }
}

fn answering((answer, flow): (Option<Answer>, Flow)) -> (State, Flow) {
    (answer.map_or(State::Done, |answer| State::Answering(Box::new(answer))), flow)
}

fn refuse(refusal: &Refusal, out: &mut dyn Output) -> (State, Flow) {
    refusal::respond(refusal, out);
    (State::Refused(refusal.dialect), Flow::Pause)
}
