//! A host in memory: runs one machine as Envoy runs a Wasm filter, and fails a test that breaks the host's rules.
//!
//! What it holds to, all seen on a real Envoy: a header map may be touched only in its own callback or while its headers are held; held
//! body bytes accumulate and are readable; a replacement takes the place of all readable bytes; what one filter publishes the other reads;
//! after a local reply nothing more is called but the end; a page is only replaced by who loaded it last.

#![expect(clippy::expect_used, reason = "a host that meets what Envoy would not allow fails its test")]

mod shared;

use std::collections::BTreeMap;

use crate::{Attribute, Effect, Flow, Headers, Input, Level, Machine, Millis, Output, Page, Swapped};

pub use shared::Shared;

/// Filter state: what both filters of a request publish and read.
pub type FilterState = BTreeMap<&'static str, Vec<u8>>;

/// One direction of a stream as the other side got it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The headers, once they were let go.
    pub headers: Option<Headers>,
    /// The body bytes that were let go.
    pub body: Vec<u8>,
    /// Whether everything was let go.
    pub complete: bool,
    /// Whether it was cut: an end that is no end.
    pub cut: bool,
    /// Whether trailers were let go with it.
    pub trailers: bool,
}

/// An answer that a filter gave itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReply {
    /// HTTP status.
    pub status: u16,
    /// Headers beside content-length.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl LocalReply {
    /// The first value under that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }
}

/// Runs one machine.
pub struct Host<M> {
    machine: M,
    /// Milliseconds since the Unix epoch, as the machine is told.
    pub now: Millis,
    /// Which attempt this is.
    pub attempt: u32,
    /// What the metadata says the provider is.
    pub selected_provider: Option<String>,
    world: World,
}

#[derive(Default)]
struct World {
    state: FilterState,
    request: Direction,
    response: Direction,
    reply: Option<LocalReply>,
    route_cleared: bool,
    log: Vec<(Level, String)>,
    shared: Shared,
    /// The page that was loaded last, and its version then.
    loaded: Option<(Page, u64)>,
    swapped: Option<Swapped>,
    ended: bool,
}

#[derive(Default)]
struct Direction {
    headers: Headers,
    headers_open: bool,
    held: Vec<u8>,
    in_body_callback: bool,
    trailers: bool,
    out: Message,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Response,
}

impl<M: Machine> Host<M> {
    /// A host for one stream of that machine, with the filter state that others left.
    pub fn new(machine: M, state: FilterState) -> Self {
        let world = World { state, ..World::default() };
        Self { machine, now: Millis(1_700_000_000_000), attempt: 1, selected_provider: None, world }
    }

    /// The same host with that memory, in the place of one of its own that holds nothing.
    #[must_use]
    pub fn sharing(mut self, shared: &Shared) -> Self {
        self.world.shared = shared.clone();
        self
    }

    /// The stream is over, however it ended. A machine that does not await it is not told.
    pub fn end(&mut self) {
        assert!(!self.world.ended, "a stream ends once");
        self.world.ended = true;
        if self.machine.awaits_end() {
            self.drive(Side::Response, Input::Ended);
        }
    }

    /// What the streams of this filter share.
    pub fn shared(&self) -> &Shared {
        &self.world.shared
    }

    /// A whole request: headers, then the body in those chunks. Returns what went on.
    pub fn request(&mut self, headers: &[(&str, &str)], chunks: &[&[u8]]) -> Message {
        self.request_headers(headers, chunks.is_empty());
        for (index, chunk) in chunks.iter().enumerate() {
            self.chunk(Side::Request, chunk, index.saturating_add(1) == chunks.len());
        }
        self.world.request.out.clone()
    }

    /// A whole request that ends with trailers.
    pub fn request_with_trailers(&mut self, headers: &[(&str, &str)], chunks: &[&[u8]]) -> Message {
        self.request_headers(headers, false);
        for chunk in chunks {
            self.chunk(Side::Request, chunk, false);
        }
        self.trailers(Side::Request);
        self.world.request.out.clone()
    }

    /// Only a request's headers.
    pub fn request_headers(&mut self, headers: &[(&str, &str)], end_of_stream: bool) {
        self.headers(Side::Request, owned(headers), end_of_stream);
    }

    /// One more chunk of a request. Returns what went on so far.
    pub fn request_chunk(&mut self, chunk: &[u8], end_of_stream: bool) -> Message {
        self.chunk(Side::Request, chunk, end_of_stream);
        self.world.request.out.clone()
    }

    /// A whole response. Returns what went on.
    pub fn response(&mut self, headers: &[(&str, &str)], chunks: &[&[u8]]) -> Message {
        self.response_headers(headers, chunks.is_empty());
        for (index, chunk) in chunks.iter().enumerate() {
            self.response_chunk(chunk, index.saturating_add(1) == chunks.len());
        }
        self.world.response.out.clone()
    }

    /// Only a response's headers.
    pub fn response_headers(&mut self, headers: &[(&str, &str)], end_of_stream: bool) {
        self.headers(Side::Response, owned(headers), end_of_stream);
    }

    /// One chunk of a response.
    pub fn response_chunk(&mut self, chunk: &[u8], end_of_stream: bool) {
        self.chunk(Side::Response, chunk, end_of_stream);
    }

    /// The response ends with trailers.
    pub fn response_trailers(&mut self) {
        self.trailers(Side::Response);
    }

    /// What the client got so far.
    pub fn client_side(&self) -> &Message {
        &self.world.response.out
    }

    /// The answer that the filter gave itself, if it did.
    pub fn reply(&self) -> Option<&LocalReply> {
        self.world.reply.as_ref()
    }

    /// What the client got: the filter's own answer, or the one that it let through.
    pub fn answered(&self) -> Message {
        let Some(reply) = &self.world.reply else { return self.world.response.out.clone() };
        let status = [(":status".to_owned(), reply.status.to_string())];
        let headers = status.iter().chain(&reply.headers).map(|(name, value)| (name, value));
        Message {
            headers: Some(headers.collect()),
            body: reply.body.clone(),
            complete: true,
            ..Message::default()
        }
    }

    /// Whether Envoy was told to choose the route anew.
    pub fn route_cleared(&self) -> bool {
        self.world.route_cleared
    }

    /// The filter state as it stands.
    pub fn state(&self) -> &FilterState {
        &self.world.state
    }

    /// Puts a value into filter state, as the other filter would.
    pub fn publish(&mut self, key: &'static str, value: &[u8]) {
        self.world.state.insert(key, value.to_vec());
    }

    /// Every line logged.
    pub fn log(&self) -> &[(Level, String)] {
        &self.world.log
    }

    fn headers(&mut self, side: Side, headers: Headers, end_of_stream: bool) {
        if self.world.reply.is_some() {
            return;
        }
        let direction = self.world.side(side);
        direction.headers = headers.clone();
        direction.headers_open = true;
        let input = match side {
            Side::Request => Input::RequestHeaders { headers, end_of_stream },
            Side::Response => Input::ResponseHeaders { headers, end_of_stream },
        };
        let go_on = self.drive(side, input);
        if go_on {
            self.world.side(side).release(end_of_stream);
        }
    }

    fn chunk(&mut self, side: Side, chunk: &[u8], end_of_stream: bool) {
        if self.world.reply.is_some() {
            return;
        }
        let direction = self.world.side(side);
        direction.held.extend_from_slice(chunk);
        direction.in_body_callback = true;
        let size = direction.held.len();
        let input = match side {
            Side::Request => Input::RequestBody { size, end_of_stream },
            Side::Response => Input::ResponseBody { size, end_of_stream },
        };
        // As a real host does it.
        let go_on = self.machine.is_done() || self.drive(side, input);
        let direction = self.world.side(side);
        direction.in_body_callback = false;
        if go_on {
            direction.release(end_of_stream);
        }
    }

    fn trailers(&mut self, side: Side) {
        if self.world.reply.is_some() {
            return;
        }
        // Held bytes can still be replaced here; where none are held there is nothing to write into.
        let direction = self.world.side(side);
        let held = direction.held.len();
        direction.trailers = true;
        direction.in_body_callback = held > 0;
        let input = match side {
            Side::Request => Input::RequestTrailers { held },
            Side::Response => Input::ResponseTrailers { held },
        };
        let go_on = self.drive(side, input);
        let direction = self.world.side(side);
        direction.in_body_callback = false;
        if go_on {
            direction.release(true);
            direction.out.trailers = direction.trailers;
        }
    }

    /// Runs the machine until it neither reads nor asks; whether the stream goes on.
    fn drive(&mut self, side: Side, input: Input<'_>) -> bool {
        let mut flow = self.machine.handle(&self.now, input, &mut self.world);
        loop {
            flow = match flow {
                Flow::Continue => return self.world.reply.is_none(),
                Flow::Pause => return false,
                Flow::Read { start, len } => {
                    assert!(!self.world.ended, "a body was read after the end");
                    let held = self.world.side(side).held.clone();
                    assert!(start <= held.len(), "read past the end: {start} of {}", held.len());
                    let end = start.saturating_add(len).min(held.len());
                    let mut bytes = held.get(start..end).unwrap_or_default().to_vec();
                    self.machine.handle(&self.now, Input::Bytes(&mut bytes), &mut self.world)
                }
                Flow::Ask(attribute) => {
                    let value = match attribute {
                        Attribute::State(key) => self.world.state.get(key).cloned(),
                        Attribute::Attempt => Some(self.attempt.to_string().into_bytes()),
                        Attribute::SelectedProvider => self.selected_provider.clone().map(String::into_bytes),
                    };
                    self.machine.handle(&self.now, Input::Attribute(value.as_deref()), &mut self.world)
                }
                Flow::Load(page) => {
                    let loaded = self.world.shared.load(page);
                    self.world.loaded = loaded.as_ref().map(|(_, version)| (page, *version));
                    let mut value = loaded.map(|(value, _)| value);
                    self.machine.handle(&self.now, Input::Loaded(value.as_mut()), &mut self.world)
                }
                Flow::Swap => {
                    let swapped = self.world.swapped.take().expect("a swap that was asked about was made");
                    self.machine.handle(&self.now, Input::Swapped(swapped), &mut self.world)
                }
            };
        }
    }
}

impl World {
    fn side(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }
}

impl Direction {
    fn release(&mut self, complete: bool) {
        if self.headers_open {
            self.headers_open = false;
            self.out.headers = Some(self.headers.clone());
        }
        self.out.body.append(&mut self.held);
        self.out.complete = complete;
    }

    fn open(&mut self) -> &mut Headers {
        assert!(self.headers_open, "a header map was touched after its headers were let go");
        &mut self.headers
    }

    fn set(&mut self, name: &str, value: &[u8]) {
        self.remove(name);
        self.open().push(name, value);
    }

    fn remove(&mut self, name: &str) {
        self.headers = self.open().iter().filter(|(key, _)| *key != name).collect();
    }

    fn drop_trailers(&mut self) {
        assert!(self.trailers, "trailers were dropped before they came");
        self.trailers = false;
    }

    fn replace_body(&mut self, body: &[u8]) {
        assert!(self.in_body_callback, "a body was replaced outside its callback");
        self.held = body.to_vec();
    }
}

impl Output for World {
    fn emit(&mut self, effect: Effect<'_>) {
        let lasting = matches!(
            effect,
            Effect::Publish(..) | Effect::Count(..) | Effect::Record(..) | Effect::Swap(..) | Effect::Log(..)
        );
        assert!(lasting || !self.ended, "after the end nothing of a stream can be changed: {effect:?}");
        match effect {
            Effect::SetRequestHeader(name, value) => self.request.set(name, value),
            Effect::RemoveRequestHeader(name) => self.request.remove(name),
            Effect::ReplaceRequestHeaders(headers) => *self.request.open() = headers.clone(),
            Effect::ReplaceRequestBody(body) => self.request.replace_body(body),
            Effect::ClearRouteCache => {
                assert!(self.request.headers_open, "the route was cleared after the headers were let go");
                self.route_cleared = true;
            }
            Effect::SetResponseHeader(name, value) => self.response.set(name, value),
            Effect::RemoveResponseHeader(name) => self.response.remove(name),
            Effect::ReplaceResponseHeaders(headers) => *self.response.open() = headers.clone(),
            Effect::ReplaceResponseBody(body) => self.response.replace_body(body),
            Effect::DropRequestTrailers => self.request.drop_trailers(),
            Effect::DropResponseTrailers => self.response.drop_trailers(),
            Effect::CutResponse => {
                assert!(
                    !self.response.headers_open,
                    "cut before its headers were let go: that is a local reply"
                );
                self.response.out.cut = true;
            }
            Effect::Publish(key, value) => {
                self.state.insert(key, value.to_vec());
            }
            Effect::Respond { status, headers, body } => {
                assert!(self.reply.is_none(), "two local replies");
                let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
                self.reply = Some(LocalReply { status, headers, body: body.to_vec() });
            }
            Effect::Count(counter, by) => self.shared.count(counter.number(), by),
            Effect::Record(histogram, value) => self.shared.record(histogram.number(), value),
            Effect::Swap(page, value) => {
                let version = self.loaded.take().filter(|(loaded, _)| *loaded == page);
                let (_, version) = version.expect("a page is swapped by who loaded it last");
                self.swapped = Some(self.shared.swap(page, version, value));
            }
            Effect::Log(level, line) => self.log.push((level, line.to_owned())),
        }
    }
}

fn owned(headers: &[(&str, &str)]) -> Headers {
    headers.iter().copied().collect()
}
