//! One stream: the host's callbacks in, the machine's effects and answers out.

use std::rc::Rc;
use std::time::UNIX_EPOCH;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType, MapType};
use seam::{Attribute, Flow, Input, Machine, Millis};

use crate::abi;
use crate::effects::Effects;
use crate::filters::Filter;
use crate::header_map;

/// A machine and what the host told of its stream.
pub(crate) struct Stream<F: Filter> {
    filter: Rc<F>,
    machine: F::Machine,
    /// How many bytes of the request's and of the response's body are readable: in a body's callback what it named, after it what is held.
    request_size: usize,
    response_size: usize,
}

impl<F: Filter> Stream<F> {
    pub(crate) const fn new(filter: Rc<F>, machine: F::Machine) -> Self {
        Self { filter, machine, request_size: 0, response_size: 0 }
    }

    /// Runs the machine until it neither reads nor asks.
    fn drive(&mut self, buffer: BufferType, input: Input<'_>) -> Action {
        let mut effects = Effects { request_size: self.request_size, response_size: self.response_size };
        let now = now();
        let mut flow = self.machine.handle(now, input, &mut effects);
        loop {
            flow = match flow {
                Flow::Continue => return Action::Continue,
                Flow::Pause => return Action::Pause,
                Flow::Read { start, len } => {
                    let bytes = abi::body(buffer, start, len).unwrap_or_default();
                    self.machine.handle(now, Input::Bytes(&bytes), &mut effects)
                }
                Flow::Ask(attribute) => {
                    let value = self.attribute(attribute);
                    self.machine.handle(now, Input::Attribute(value.as_deref()), &mut effects)
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
            Attribute::SelectedProvider => abi::property(&self.filter.selecting_attribute()?.join("\0")).ok(),
        }
    }
}

impl<F: Filter> Context for Stream<F> {}

impl<F: Filter> HttpContext for Stream<F> {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let headers = header_map::read(MapType::HttpRequestHeaders);
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
}

/// How much of a body the host still holds after that callback.
fn held(action: Action, size: usize) -> usize {
    if action == Action::Pause { size } else { 0 }
}

fn now() -> Millis {
    let since_epoch = hostcalls::get_current_time().ok().and_then(|now| now.duration_since(UNIX_EPOCH).ok());
    Millis(since_epoch.map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)))
}
