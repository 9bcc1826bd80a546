//! ai-provider's states and the one place where they change.

use std::rc::Rc;

use llm_api::{ApiError, Dialect, ErrorKind};
use seam::{
    Attribute, Clock, EarlierFailure, Effect, Flow, Input, Machine, Millis, Output, RequestContext, names,
};
use translate::{RequestError, Unsupported};

use crate::answer::{self, Answer};
use crate::attempt::{Attempt, Body};
use crate::opening::{Opened, Opening, Question, Request, Sources};
use crate::upstream::Upstreams;
use crate::{failure, request_headers};

/// How much longer than the limit a translated body may be: a request that just fits must not fail because its fallback's API has longer
/// names for things. Envoy's own buffer limit has to be above both together.
const TRANSLATION_MARGIN: usize = 64 << 10;

/// One attempt at one provider.
///
/// ```text
/// AwaitingRequest ──► Opening ⟲ questions ──► headers only ───────────────────────────────► Sent
///                        │                                                                   ▲ │
///                        └─► AwaitingBody ⟲ ──complete──► (AskingContext) ──► ReadingBody ───┘ │ response headers
///                                                                  │ this provider cannot      ▼
///                                                                  │ express it              Answering ⟲ ──► Done
///                                                                  ▼
///                                                        AskingEarlierFailure ──► Done
/// ```
///
/// `Sent` holds an [`Attempt`] whose provider, dialect and model are known: an answer is only ever read as what was asked for.
pub struct ProviderAttempt {
    upstreams: Rc<Upstreams>,
    id_seed: u64,
    state: State,
}

enum State {
    /// Nothing arrived yet.
    AwaitingRequest,
    /// Asking the host what it knows of this attempt.
    Opening(Opening, Question),
    /// The body must change; it is not complete.
    AwaitingBody(Sources, Request),
    /// The body of that size is complete; ai-gateway may have described the request only now (where it cannot hold headers).
    AskingContext(Sources, Request, usize),
    /// The complete body was asked for.
    ReadingBody(Sources, Request),
    /// This provider cannot express these fields of the request; what came before?
    AskingEarlierFailure(Attempt, Vec<Unsupported>),
    /// The request is on its way.
    Sent(Attempt),
    /// The answer is ours to read.
    Answering(Box<Answer>),
    /// Nothing left to do.
    Done,
}

impl ProviderAttempt {
    /// A machine for one attempt. `id_seed` makes the ids that a provider leaves out of its answer.
    pub const fn new(upstreams: Rc<Upstreams>, id_seed: u64) -> Self {
        Self { upstreams, id_seed, state: State::AwaitingRequest }
    }

    fn opened(&self, opening: Opening, out: &mut dyn Output) -> (State, Flow) {
        let Opened { sources, request, end_of_stream } = match opening.open(&self.upstreams) {
            Ok(opened) => opened,
            Err((dialect, error)) => return refuse(dialect, &error, out),
        };
        sources.keep(out);
        match request {
            Request::Described(attempt) if attempt.body() == Body::AsItIs => {
                request_headers::rebuild(&attempt, &sources, sources.content_length(), out);
                (State::Sent(attempt), Flow::Continue)
            }
            request if end_of_stream => {
                let message =
                    "The request has no body; a JSON object with `model` and `messages` is expected.";
                refuse(request.dialect(), &ApiError::new(ErrorKind::InvalidRequest, message), out)
            }
            request => (State::AwaitingBody(sources, request), Flow::Pause),
        }
    }

    fn translate_request(
        &self,
        sources: &Sources,
        request: Request,
        body: &[u8],
        out: &mut dyn Output,
    ) -> (State, Flow) {
        let dialect = request.dialect();
        let attempt = match request {
            Request::Described(attempt) => attempt,
            Request::Undescribed(chosen) => match chosen.attempt_by_body(body) {
                Ok(attempt) => {
                    out.emit(Effect::Publish(names::CONTEXT_KEY, &attempt.context.encode()));
                    attempt
                }
                Err(error) => return refuse(dialect, &error, out),
            },
        };
        let max_body_bytes = self.upstreams.max_body_bytes;
        let options = attempt.request_options(max_body_bytes.saturating_add(TRANSLATION_MARGIN));
        let translated = translate::request(dialect, attempt.api(), body, &options);
        match translated {
            Ok(translated) => {
                request_headers::rebuild(&attempt, sources, Some(translated.len() as u64), out);
                out.emit(Effect::ReplaceRequestBody(&translated));
                (State::Sent(attempt), Flow::Continue)
            }
            Err(RequestError::Unsupported(fields)) => {
                let question = Flow::Ask(Attribute::State(names::FAILURE_KEY));
                (State::AskingEarlierFailure(attempt, fields), question)
            }
            Err(RequestError::Invalid(error)) => refuse(dialect, &error, out),
            Err(RequestError::TooLarge) => refuse(dialect, &too_large(max_body_bytes), out),
        }
    }
}

impl Machine for ProviderAttempt {
    fn handle(&mut self, clock: &dyn Clock, input: Input<'_>, out: &mut dyn Output) -> Flow {
        // Nothing that is understood here comes in trailers, and an allow-list of headers would be worth little beside them.
        match input {
            Input::RequestTrailers { .. } => out.emit(Effect::DropRequestTrailers),
            Input::ResponseTrailers { .. } => out.emit(Effect::DropResponseTrailers),
            _ => {}
        }
        let state = std::mem::replace(&mut self.state, State::Done);
        let (state, flow) = match (state, input) {
            (State::AwaitingRequest, Input::RequestHeaders { headers, end_of_stream }) => {
                ask(Opening::new(headers, end_of_stream), Question::Context)
            }
            (State::Opening(opening, question), Input::Attribute(value)) => {
                let opening = opening.answered(question, value);
                match opening.question_after(question, &self.upstreams) {
                    Some(next) => ask(opening, next),
                    None => self.opened(opening, out),
                }
            }
            (State::AwaitingBody(_, request), Input::RequestBody { size, .. })
                if size > self.upstreams.max_body_bytes =>
            {
                refuse(request.dialect(), &too_large(self.upstreams.max_body_bytes), out)
            }
            (State::AwaitingBody(sources, request), Input::RequestBody { end_of_stream: false, .. }) => {
                (State::AwaitingBody(sources, request), Flow::Pause)
            }
            (State::AwaitingBody(_, request), Input::RequestBody { size: 0, .. }) => {
                refuse_empty(request.dialect(), out)
            }
            (State::AwaitingBody(sources, request), Input::RequestBody { size, .. }) => {
                body_complete(sources, request, size)
            }
            (State::AwaitingBody(_, request), Input::RequestTrailers { held: 0 }) => {
                refuse_empty(request.dialect(), out)
            }
            (State::AwaitingBody(sources, request), Input::RequestTrailers { held }) => {
                body_complete(sources, request, held)
            }
            (State::AskingContext(sources, request, size), Input::Attribute(value)) => {
                let context = value.and_then(|value| RequestContext::decode(value).ok());
                let request = match (request, context) {
                    (Request::Undescribed(chosen), Some(context)) => {
                        Request::Described(chosen.attempt(context))
                    }
                    (request, _) => request,
                };
                read_body(sources, request, size)
            }
            (State::ReadingBody(sources, request), Input::Bytes(body)) => {
                self.translate_request(&sources, request, body, out)
            }
            (State::AskingEarlierFailure(attempt, fields), Input::Attribute(value)) => {
                let earlier = value.and_then(|value| EarlierFailure::decode(value).ok());
                let error = failure::cannot_express(&attempt, &fields, earlier);
                refuse(attempt.dialect(), &error, out)
            }
            (State::Sent(attempt), Input::ResponseHeaders { headers, end_of_stream }) => {
                let limits = answer::Limits { max_body_bytes: self.upstreams.max_body_bytes };
                // Only what is translated gets a date of ours.
                let now = if attempt.translates() { clock.now() } else { Millis::default() };
                match answer::begin(attempt, headers, end_of_stream, limits, self.id_seed, now, out) {
                    (Some(answer), flow) => (State::Answering(Box::new(answer)), flow),
                    (None, flow) => (State::Done, flow),
                }
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
        match &self.state {
            State::Done => true,
            State::Answering(answer) => answer.is_finished(),
            _ => false,
        }
    }
}

fn ask(opening: Opening, question: Question) -> (State, Flow) {
    (State::Opening(opening, question), Flow::Ask(question.attribute()))
}

fn body_complete(sources: Sources, request: Request, size: usize) -> (State, Flow) {
    match request {
        Request::Described(_) => read_body(sources, request, size),
        Request::Undescribed(_) => {
            let question = Flow::Ask(Attribute::State(names::CONTEXT_KEY));
            (State::AskingContext(sources, request, size), question)
        }
    }
}

fn read_body(sources: Sources, request: Request, size: usize) -> (State, Flow) {
    (State::ReadingBody(sources, request), Flow::Read { start: 0, len: size })
}

/// Answers the client from here. Envoy does not retry what an upstream filter answers, so this is for what no other target would mend.
fn refuse(dialect: Dialect, error: &ApiError, out: &mut dyn Output) -> (State, Flow) {
    out.emit(Effect::Respond {
        status: error.status(),
        headers: &[("content-type", "application/json")],
        body: error.body(dialect).as_bytes(),
    });
    (State::Done, Flow::Pause)
}

fn refuse_empty(dialect: Dialect, out: &mut dyn Output) -> (State, Flow) {
    let message = "The request has no body; a JSON object with `model` and `messages` is expected.";
    refuse(dialect, &ApiError::new(ErrorKind::InvalidRequest, message), out)
}

fn too_large(max_body_bytes: usize) -> ApiError {
    let message = format!("The request's body is larger than the {max_body_bytes} bytes accepted here.");
    ApiError::new(ErrorKind::RequestTooLarge, message)
}
