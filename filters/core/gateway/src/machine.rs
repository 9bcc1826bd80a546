//! ai-gateway's states and the one place where they change.

use std::rc::Rc;

use config::{HeadersHeld, OtherPaths};
use llm_api::{ApiError, Dialect, ErrorKind};
use seam::{Attribute, Clock, EarlierFailure, Effect, Flow, Headers, Input, Machine, Output, names};

use crate::accounting::Accounting;
use crate::admission::{self, Admitted, Admitting, Progress};
use crate::answer::{self, Answer};
use crate::caller;
use crate::endpoint::Endpoint;
use crate::refusal::{self, Refusal};
use crate::request::{Asked, Forwarded, What};
use crate::routes::Routes;
use crate::token_count::{self, Telling};
use crate::told::Told;
use crate::{models, strip};

/// One client request and its answer.
///
/// ```text
///                     ┌─ list of models, refused at once ──────────────────────► Refused
///                     ├─ other path, passed ───────────────────────────────────► Done
///                     │
/// AwaitingRequest ────┴─► AwaitingBody ──complete──► ReadingBody ─┬─ refused, or only to be counted (Telling) ──► Refused
///                            │   ▲                                │
///                            └───┘ more of it (too large: refused)└─ planned ──► (Admitting) ──► Forwarded
///                                                                                   │ response headers
///                                              an error? AskingStatus, AskingFailure
///                                              translated? AskingReport
///    Done ◄── nothing to change ────────────────────────────────────────────────────┤
///                                                                                   ▼
///    Done ◄── end of the answer ────────────────────────────────────────────── Answering ⟲ per chunk
/// ```
///
/// `Forwarded` can only be built of a plan that was [admitted](Admitting), so no answer is handled for a request that was not understood.
/// What the request costs has a state of its own beside this one, because it outlives the bodies: see [`Accounting`].
pub struct Gateway {
    routes: Rc<Routes>,
    state: State,
    accounting: Accounting,
}

enum State {
    /// Nothing arrived yet.
    AwaitingRequest,
    /// An LLM request whose body is not complete.
    AwaitingBody(Asked),
    /// The complete body was asked for.
    ReadingBody(Asked),
    /// A planned request, of which the limits and budgets are asked.
    Admitting(Box<Admitting>),
    /// A count that its client asked for, to be corrected before it is told.
    Telling(Telling),
    /// On its way to a provider.
    Forwarded(Forwarded),
    /// A failed attempt's answer, whose status may be meant for the router alone.
    AskingStatus(Forwarded, Headers, bool),
    /// An error without a body, of which filter state may have the words.
    AskingFailure(Forwarded, Headers, Option<u16>),
    /// A translated answer, of which filter state may have the provider's report.
    AskingReport(Forwarded, Headers, bool),
    /// The answer's body is ours to change.
    Answering(Box<Answer>),
    /// Answered here, or by Envoy before us; what still comes of the request goes nowhere.
    Refused(Dialect),
    /// Nothing left to do.
    Done,
}

impl Gateway {
    /// A machine for one request.
    pub const fn new(routes: Rc<Routes>) -> Self {
        Self { routes, state: State::AwaitingRequest, accounting: Accounting::Nothing }
    }

    fn request_headers(
        &self,
        headers: &Headers,
        end_of_stream: bool,
        clock: &dyn Clock,
        out: &mut dyn Output,
    ) -> (State, Flow) {
        strip::internal_headers(headers, out);
        let Routes { config, meter } = &*self.routes;
        let endpoint = Endpoint::of(headers, config.counting.endpoints);
        let caller = match caller::identify(config, meter, headers, clock, out) {
            Ok(caller) => caller,
            Err(denied) => {
                let dialect = endpoint.map_or_else(|refusal| refusal.dialect, |endpoint| endpoint.dialect());
                return refuse(&caller::denied(dialect, denied), out);
            }
        };
        let asked = match endpoint {
            Ok(Endpoint::Generate(dialect)) => Asked { dialect, what: What::Answer, caller },
            Ok(Endpoint::Count(dialect, surface)) => Asked { dialect, what: What::Tokens(surface), caller },
            Ok(Endpoint::Models(dialect)) => {
                models::list(&config.models, &caller, dialect, out);
                return (State::Refused(dialect), Flow::Pause);
            }
            Ok(Endpoint::Model(dialect, id)) => {
                models::one(&config.models, &caller, dialect, id, out);
                return (State::Refused(dialect), Flow::Pause);
            }
            Ok(Endpoint::Other(_)) if config.other_paths == OtherPaths::Pass => {
                return (State::Done, Flow::Continue);
            }
            Ok(Endpoint::Other(dialect)) => return refuse(&Refusal::unknown_endpoint(dialect), out),
            Err(refusal) => return refuse(&refusal, out),
        };
        if end_of_stream {
            return refuse(&Refusal::no_body(asked.dialect), out);
        }
        if headers.number::<u64>("content-length").is_some_and(|length| length > config.max_body_bytes as u64)
        {
            return refuse(&self.too_large(&asked), out);
        }
        strip::encodings(headers, out);
        match config.headers_held {
            HeadersHeld::Yes => (State::AwaitingBody(asked), Flow::Pause),
            // The body may change its size after these headers are gone, so no length can be promised.
            HeadersHeld::No => {
                out.emit(Effect::RemoveRequestHeader("content-length"));
                (State::AwaitingBody(asked), Flow::Continue)
            }
        }
    }

    fn request_body(
        &self,
        asked: Asked,
        size: usize,
        end_of_stream: bool,
        out: &mut dyn Output,
    ) -> (State, Flow) {
        if size > self.routes.config.max_body_bytes {
            return refuse(&self.too_large(&asked), out);
        }
        if !end_of_stream {
            return (State::AwaitingBody(asked), Flow::Pause);
        }
        if size == 0 {
            return refuse(&Refusal::no_body(asked.dialect), out);
        }
        (State::ReadingBody(asked), Flow::Read { start: 0, len: size })
    }

    fn complete_body(
        &mut self,
        asked: Asked,
        body: &mut Vec<u8>,
        clock: &dyn Clock,
        out: &mut dyn Output,
    ) -> (State, Flow) {
        let Routes { config, meter } = &*self.routes;
        if let What::Tokens(surface) = asked.what {
            return match token_count::count(config, meter, &asked, surface, body) {
                Ok((telling, Some(page))) => (State::Telling(telling), Flow::Load(page)),
                Ok((telling, None)) => tell(&telling, out),
                Err(refusal) => refuse(&refusal, out),
            };
        }
        let body = std::mem::take(body);
        let progress = admission::admit(&self.routes, asked.dialect, asked.caller, body, clock, out);
        self.go_on_admitting(progress, clock, out)
    }

    fn go_on_admitting(
        &mut self,
        progress: Progress,
        clock: &dyn Clock,
        out: &mut dyn Output,
    ) -> (State, Flow) {
        match progress {
            Progress::Waiting(admitting, flow) => (State::Admitting(admitting), flow),
            Progress::Refused(refusal) => refuse(&refusal, out),
            Progress::Admitted(admitted) => {
                let Admitted { plan, body, mut accounting, told } = *admitted;
                plan.announce(&self.routes.config, &body, &accounting, out);
                if accounting.is_open() {
                    accounting.send(body, clock.now());
                }
                self.accounting = accounting;
                (State::Forwarded(plan.into_forwarded(told)), Flow::Continue)
            }
        }
    }

    /// The answer's headers, once it is known what filter state says of it.
    fn answer(
        &mut self,
        forwarded: Forwarded,
        headers: Headers,
        end_of_stream: bool,
        original_status: Option<u16>,
        out: &mut dyn Output,
    ) -> (State, Flow) {
        let (config, accounting) = (&self.routes.config, &mut self.accounting);
        let begun =
            answer::begin(config, forwarded, &headers, end_of_stream, original_status, accounting, out);
        match begun {
            (Some(answer), flow) => (State::Answering(Box::new(answer)), flow),
            (None, flow) => (State::Done, flow),
        }
    }

    fn too_large(&self, asked: &Asked) -> Refusal {
        Refusal::new(
            asked.dialect,
            ApiError::new(
                ErrorKind::RequestTooLarge,
                format!(
                    "The request's body is larger than the {} bytes accepted here.",
                    self.routes.config.max_body_bytes
                ),
            ),
        )
    }
}

impl Machine for Gateway {
    fn handle(&mut self, clock: &dyn Clock, input: Input<'_>, out: &mut dyn Output) -> Flow {
        match input {
            Input::Ended => {
                self.state = State::Done;
                self.accounting.end(out)
            }
            input if matches!(self.accounting, Accounting::Settling(_)) => {
                self.accounting.settle(input, clock, out)
            }
            input => self.go_on(input, clock, out),
        }
    }

    fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    fn awaits_end(&self) -> bool {
        self.accounting.is_open()
    }
}

impl Gateway {
    fn go_on(&mut self, input: Input<'_>, clock: &dyn Clock, out: &mut dyn Output) -> Flow {
        let state = std::mem::replace(&mut self.state, State::Done);
        let (state, flow) = match (state, input) {
            (State::AwaitingRequest, Input::RequestHeaders { headers, end_of_stream }) => {
                self.request_headers(&headers, end_of_stream, clock, out)
            }
            (State::AwaitingBody(asked), Input::RequestBody { size, end_of_stream }) => {
                self.request_body(asked, size, end_of_stream, out)
            }
            (State::AwaitingBody(asked), Input::RequestTrailers { held }) => {
                // Nothing that is understood here comes in trailers, and a provider is to get nothing else.
                out.emit(Effect::DropRequestTrailers);
                self.request_body(asked, held, true, out)
            }
            (State::ReadingBody(asked), Input::Bytes(body)) => self.complete_body(asked, body, clock, out),
            (State::Admitting(admitting), input) => {
                let progress = admitting.take(input, clock, out);
                self.go_on_admitting(progress, clock, out)
            }
            (State::Telling(telling), Input::Loaded(page)) => {
                tell(&telling.corrected(page.as_deref().map(Vec::as_slice)), out)
            }
            (State::Forwarded(forwarded), Input::ResponseHeaders { headers, end_of_stream }) => {
                answer::account(&mut self.accounting, &forwarded, &headers, clock, out);
                if answer::may_have_another_status(&headers) {
                    let question = Flow::Ask(Attribute::State(names::STATUS_KEY));
                    (State::AskingStatus(forwarded, headers, end_of_stream), question)
                } else if answer::may_be_reported(&self.accounting, &forwarded, &headers) {
                    let question = Flow::Ask(Attribute::State(names::USAGE_KEY));
                    (State::AskingReport(forwarded, headers, end_of_stream), question)
                } else {
                    self.answer(forwarded, headers, end_of_stream, None, out)
                }
            }
            (State::AskingReport(forwarded, headers, end_of_stream), Input::Attribute(value)) => {
                self.accounting.reported(value);
                self.answer(forwarded, headers, end_of_stream, None, out)
            }
            (State::AskingStatus(forwarded, headers, end_of_stream), Input::Attribute(value)) => {
                let original = value.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
                if end_of_stream {
                    let question = Flow::Ask(Attribute::State(names::FAILURE_KEY));
                    (State::AskingFailure(forwarded, headers, original), question)
                } else {
                    self.answer(forwarded, headers, false, original, out)
                }
            }
            (State::AskingFailure(forwarded, headers, original), Input::Attribute(value)) => {
                let failure = value.and_then(|value| EarlierFailure::decode(value).ok());
                answer::respond_without_body(&forwarded, &headers, original, failure, out);
                (State::Refused(forwarded.dialect), Flow::Pause)
            }
            // Envoy answered before the body was complete, or instead of a refusal that came too late: for example because of its buffer
            // limit. The client gets that in its own shape too.
            (
                State::AwaitingBody(Asked { dialect, .. }) | State::Refused(dialect),
                Input::ResponseHeaders { headers, .. },
            ) => {
                let flow = answer::reshape_error(dialect, &headers, None, &Told::default(), out);
                (State::Refused(dialect), flow)
            }
            (State::Refused(dialect), Input::RequestBody { .. } | Input::RequestTrailers { .. }) => {
                (State::Refused(dialect), Flow::Pause)
            }
            (State::Answering(mut answer), input) => {
                let flow = answer.handle(input, &mut self.accounting, out);
                (State::Answering(answer), flow)
            }
            (state, _) => (state, Flow::Continue),
        };
        self.state = state;
        flow
    }
}

fn refuse(refusal: &Refusal, out: &mut dyn Output) -> (State, Flow) {
    refusal::respond(refusal, out);
    (State::Refused(refusal.dialect), Flow::Pause)
}

fn tell(telling: &Telling, out: &mut dyn Output) -> (State, Flow) {
    telling.tell(out);
    (State::Refused(telling.dialect()), Flow::Pause)
}
