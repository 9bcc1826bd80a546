//! One stream: the host's callbacks in, the machine's effects and answers out.

use std::cell::OnceCell;
use std::rc::Rc;
use std::time::UNIX_EPOCH;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType, MapType};
use seam::{Attribute, Clock, Flow, Input, Machine, Millis, Swapped};

use crate::abi;
use crate::effects::Effects;
use crate::filters::Filter;
use crate::header_map;
use crate::root::Configured;

/// A machine and what the host told of its stream.
pub(crate) struct Stream<F: Filter> {
    configured: Rc<Configured<F>>,
    machine: F::Machine,
    /// How many bytes of the request's and of the response's body are readable: in a body's callback what it named, after it what is held.
    request_size: usize,
    response_size: usize,
}

impl<F: Filter> Stream<F> {
    pub(crate) const fn new(configured: Rc<Configured<F>>, machine: F::Machine) -> Self {
        Self { configured, machine, request_size: 0, response_size: 0 }
    }

    /// Runs the machine until it neither reads nor asks.
    fn drive(&mut self, buffer: BufferType, input: Input<'_>) -> Action {
        let mut effects = Effects {
            memory: &self.configured.memory,
            loaded: None,
            swapped: None,
            request_size: self.request_size,
            response_size: self.response_size,
        };
        let clock = HostClock::default();
        let mut flow = self.machine.handle(&clock, input, &mut effects);
        loop {
            flow = match flow {
                Flow::Continue => return Action::Continue,
                Flow::Pause => return Action::Pause,
                Flow::Read { start, len } => {
                    let mut bytes = abi::body(buffer, start, len).unwrap_or_default();
                    self.machine.handle(&clock, Input::Bytes(&mut bytes), &mut effects)
                }
                Flow::Ask(attribute) => {
                    let value = self.attribute(attribute);
                    self.machine.handle(&clock, Input::Attribute(value.as_deref()), &mut effects)
                }
                Flow::Load(page) => {
                    let mut value = effects.load(page);
                    self.machine.handle(&clock, Input::Loaded(value.as_mut()), &mut effects)
                }
                Flow::Swap => {
                    let swapped = effects.swapped.take().unwrap_or(Swapped::Refused);
                    self.machine.handle(&clock, Input::Swapped(swapped), &mut effects)
                }
            };
        }
    }

    fn attribute(&self, attribute: Attribute) -> Option<Vec<u8>> {
        match attribute {
            Attribute::State(key) => abi::property(key).ok(),
            // The host has it as a little-endian u64.
            Attribute::Attempt => {
                let number: [u8; 8] =
                    abi::property("upstream\0request_attempt_count").ok()?.try_into().ok()?;
                Some(u64::from_le_bytes(number).to_string().into_bytes())
            }
            Attribute::SelectedProvider => {
                abi::property(&self.configured.filter.selecting_attribute()?.join("\0")).ok()
            }
        }
    }
}

impl<F: Filter> Context for Stream<F> {}

impl<F: Filter> HttpContext for Stream<F> {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let headers = header_map::read(MapType::HttpRequestHeaders);
        if cfg!(feature = "trap") && headers.bytes("x-trap").is_some() {
            std::process::abort();
        }
        self.drive(BufferType::HttpRequestBody, Input::RequestHeaders { headers, end_of_stream })
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if self.machine.is_done() {
            return Action::Continue;
        }
        self.request_size = size;
        let action = self.drive(BufferType::HttpRequestBody, Input::RequestBody { size, end_of_stream });
        self.request_size = held(action, size);
        action
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        let held = self.request_size;
        self.drive(BufferType::HttpRequestBody, Input::RequestTrailers { held })
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let headers = header_map::read(MapType::HttpResponseHeaders);
        self.drive(BufferType::HttpResponseBody, Input::ResponseHeaders { headers, end_of_stream })
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        // For most streams this is what one of the two filters does with every event.
        if self.machine.is_done() {
            return Action::Continue;
        }
        self.response_size = size;
        let action = self.drive(BufferType::HttpResponseBody, Input::ResponseBody { size, end_of_stream });
        self.response_size = held(action, size);
        action
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        let held = self.response_size;
        self.drive(BufferType::HttpResponseBody, Input::ResponseTrailers { held })
    }

    // Envoy calls this downstream of its router only, whatever became of the stream, and before its access loggers.
    fn on_log(&mut self) {
        if self.machine.awaits_end() {
            self.drive(BufferType::HttpResponseBody, Input::Ended);
        }
    }
}

/// How much of a body the host still holds after that callback.
fn held(action: Action, size: usize) -> usize {
    if action == Action::Pause { size } else { 0 }
}

/// The host's clock, read at most once in a callback.
#[derive(Default)]
pub(crate) struct HostClock(OnceCell<Millis>);

impl Clock for HostClock {
    fn now(&self) -> Millis {
        *self.0.get_or_init(|| {
            let now = hostcalls::get_current_time().ok().and_then(|now| now.duration_since(UNIX_EPOCH).ok());
            Millis(now.map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)))
        })
    }
}
