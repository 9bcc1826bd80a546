//! A provider's stream into a client's, event by event: one state machine for each direction.
//!
//! What both have in common: an event is parsed with borrowed types, or not at all where it is an earlier one with another text (see
//! `anthropic_likeness` and `openai_likeness`), and written straight into the caller's buffer; nothing is held back except the end of the
//! answer, which waits for the provider's terminal event, because only that proves that there is nothing to come. The output is the same
//! however the input is chunked, and bounded by a constant factor of it.
//!
//! What is absent: no time and no randomness ([`StreamOptions`] carries both), no status and no headers, and no second attempt. An error
//! before any content is a reason for one, but that is for the caller to see before it starts a translator.

mod anthropic_event;
mod anthropic_likeness;
mod anthropic_to_openai;
mod anthropic_writer;
mod error;
mod openai_event;
mod openai_likeness;
mod openai_to_anthropic;
mod openai_writer;
mod tool_blocks;
mod tool_calls;
mod wire;

use std::fmt;

use llm_api::{ApiError, Dialect, Usage};
use sse::Reader as _;

use crate::End;

use anthropic_to_openai::AnthropicToOpenAi;
use openai_to_anthropic::OpenAiToAnthropic;

/// The bytes that one event of a provider's stream may occupy. More than any real one, whose largest is a tool's whole input.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// What a client's stream says that the provider's does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOptions {
    /// The model's name as the client sees it.
    pub model: String,
    /// When the answer was created, in seconds since the Unix epoch. OpenAI's chunks say it.
    pub created: u64,
    /// Whether the client asked for usage. Anthropic's dialect always carries it.
    pub include_usage: bool,
    /// What ids are made from where the provider gives none. Different for each request.
    pub id_seed: u64,
}

/// What a translator could not carry over. Nothing of it is an error to the client; all of it is worth a line in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Events whose data is not what the dialect says, passed over so that the rest of the answer survives.
    pub malformed: u32,
    /// Pieces of content that the client's dialect has no place for, such as a citation.
    pub inexpressible: u32,
}

/// The provider's stream in, the client's stream out.
#[derive(Debug)]
pub struct StreamTranslator {
    events: sse::Decoder,
    machine: Box<dyn Machine>,
}

impl StreamTranslator {
    /// A translator for one answer; none where both speak the same dialect.
    pub fn new(provider: Dialect, client: Dialect, options: StreamOptions) -> Option<Self> {
        let machine: Box<dyn Machine> = match (provider, client) {
            (Dialect::Anthropic, Dialect::OpenAi) => Box::new(AnthropicToOpenAi::new(options)),
            (Dialect::OpenAi, Dialect::Anthropic) => Box::new(OpenAiToAnthropic::new(options)),
            (Dialect::OpenAi, Dialect::OpenAi) | (Dialect::Anthropic, Dialect::Anthropic) => return None,
        };
        Some(Self { events: sse::Decoder::new(MAX_EVENT_BYTES), machine })
    }

    /// Takes the next bytes of the provider's stream and appends what they become to `out`. After the end, it appends nothing.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        if self.machine.end().is_some() {
            return;
        }
        let mut reading = Reading { machine: &mut *self.machine, out };
        if let Err(sse::EventTooLarge { limit }) = self.events.push_to(chunk, &mut reading) {
            self.fail(&error::too_large(limit), out);
        }
    }

    /// The provider ended its stream cleanly. Without its terminal event the client is told so by an in-band error, and gets neither a
    /// finish reason nor `[DONE]` or `message_stop`.
    ///
    /// Not for a stream that was reset or timed out: that one ends as uncleanly for the client, with no call at all.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> End {
        let mut reading = Reading { machine: &mut *self.machine, out };
        self.events.finish(&mut |event| reading.event(event));
        self.fail(&error::interrupted(), out);
        self.machine.end().unwrap_or(End::Broken)
    }

    /// What the provider has reported so far; it changes with every event that reports more.
    pub fn usage(&self) -> Option<&Usage> {
        self.machine.usage()
    }

    /// What could not be carried over so far.
    pub fn skipped(&self) -> Skipped {
        self.machine.skipped()
    }

    /// What can end a stream besides its own events. After the end it says nothing more.
    fn fail(&mut self, error: &ApiError, out: &mut Vec<u8>) {
        if self.machine.end().is_none() {
            self.machine.fail(error, out);
        }
    }
}

/// What one direction makes of a provider's events: an answer in the client's dialect, which ends once.
trait Machine: fmt::Debug {
    /// What one event becomes. Not called after the end.
    fn take(&mut self, event: sse::Event<'_>, out: &mut Vec<u8>);

    /// Takes the events off these bytes that it knows without having them parsed, as an [`sse::Reader`] does; what is left. After the end it
    /// knows none.
    fn take_known<'a>(&mut self, bytes: &'a [u8], _out: &mut Vec<u8>) -> &'a [u8] {
        bytes
    }

    /// Ends the answer with that error. Not called after the end.
    fn fail(&mut self, error: &ApiError, out: &mut Vec<u8>);

    /// How the answer ended, once it has.
    fn end(&self) -> Option<End>;

    /// What the provider has reported so far.
    fn usage(&self) -> Option<&Usage>;

    /// What could not be carried over so far.
    fn skipped(&self) -> Skipped;
}

/// A machine, and where it writes to.
struct Reading<'m> {
    machine: &'m mut dyn Machine,
    out: &'m mut Vec<u8>,
}

impl sse::Reader for Reading<'_> {
    fn event(&mut self, event: sse::Event<'_>) {
        if self.machine.end().is_none() {
            self.machine.take(event, self.out);
        }
    }

    fn take_known<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        self.machine.take_known(bytes, self.out)
    }
}
