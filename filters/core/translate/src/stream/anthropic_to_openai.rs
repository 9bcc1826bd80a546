//! An Anthropic provider's stream for an OpenAI client.

use std::mem;

use llm_api::anthropic::{StopReason, Usage as AnthropicUsage};
use llm_api::openai::{FinishReason, Usage as OpenAiUsage};
use llm_api::{ApiError, Usage};
use serde_json::value::RawValue;

use super::anthropic_event::{Content, Event};
use super::anthropic_likeness::Likeness;
use super::openai_writer::{self, ChunkWriter, Delta};
use super::tool_blocks::ToolBlocks;
use super::wire::{JsonString, answer_id};
use super::{Machine, Skipped, StreamOptions, error};
use crate::End;

/// Anthropic's events in, OpenAI's chunks out.
///
/// ```text
///                  message_start,            message_delta
///                  or any content            with a stop_reason            message_stop
///  AwaitingStart ─────────────────▶ Answering ────────────────▶ AwaitingStop ──────────▶ Ended(Complete)
///        │                              │  └─────────────────────────────────────────────▶   ▲
///        │                              │          message_stop without a reason: `stop`, or `tool_calls`
///        └──────────────┬───────────────┴───────────────────────────┐
///                       ▼  `error`, an event that is too large, the bytes end
///                 Ended(Broken)
/// ```
///
/// The finish chunk waits in `AwaitingStop` for `message_stop`: an answer that was cut off must not look like one that finished. The two
/// events come together, so nobody waits for it. Content that a provider sends in between is still passed on.
#[derive(Debug)]
pub(super) struct AnthropicToOpenAi {
    options: StreamOptions,
    state: State,
    reported: AnthropicUsage,
    usage: Option<Usage>,
    skipped: Skipped,
    /// How the last piece of the answer was written.
    likeness: Likeness,
}

#[derive(Debug)]
enum State {
    AwaitingStart,
    Answering(Answer),
    AwaitingStop { answer: Answer, finish: Finish },
    Ended(End),
}

/// An answer that has begun: the client has the chunk with its role.
#[derive(Debug)]
struct Answer {
    chunks: ChunkWriter,
    tools: ToolBlocks,
}

/// Why the answer ended, in the client's terms.
#[derive(Debug)]
struct Finish {
    reason: FinishReason,
    /// The provider's own word, where it is one that is not known.
    native: Option<String>,
    /// Why the model refused: a JSON string.
    refusal: Option<Box<RawValue>>,
}

impl Machine for AnthropicToOpenAi {
    fn take(&mut self, event: sse::Event<'_>, out: &mut Vec<u8>) {
        match Event::parse(event) {
            Some(parsed) => {
                if let Event::Content(content) = &parsed {
                    self.likeness.learn(event, content);
                }
                let state = mem::replace(&mut self.state, State::Ended(End::Broken));
                self.state = self.step(state, parsed, out);
            }
            None => self.skipped.malformed = self.skipped.malformed.saturating_add(1),
        }
    }

    /// The pieces of the answer that are written like the last one.
    fn take_known<'a>(&mut self, mut bytes: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let State::Answering(answer) = &mut self.state else { return bytes };
        while let Some((content, rest)) = self.likeness.read(bytes) {
            bytes = rest;
            if let Err(error) = answer.take(content, out) {
                self.state = broken(&error, out);
                break;
            }
        }
        bytes
    }

    fn fail(&mut self, error: &ApiError, out: &mut Vec<u8>) {
        self.state = broken(error, out);
    }

    fn end(&self) -> Option<End> {
        match self.state {
            State::Ended(end) => Some(end),
            State::AwaitingStart | State::Answering(_) | State::AwaitingStop { .. } => None,
        }
    }

    fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }

    fn skipped(&self) -> Skipped {
        self.skipped
    }
}

impl AnthropicToOpenAi {
    pub(super) fn new(options: StreamOptions) -> Self {
        Self {
            options,
            state: State::AwaitingStart,
            reported: AnthropicUsage::default(),
            usage: None,
            skipped: Skipped::default(),
            likeness: Likeness::default(),
        }
    }

    /// What one event makes of a state.
    fn step(&mut self, state: State, event: Event<'_>, out: &mut Vec<u8>) -> State {
        match (state, event) {
            (State::Ended(end), _) => State::Ended(end),
            (state, Event::Nothing) => state,
            (state, Event::Inexpressible) => {
                self.skipped.inexpressible = self.skipped.inexpressible.saturating_add(1);
                state
            }
            (_, Event::Error(error)) => broken(&error, out),

            (State::AwaitingStart, Event::MessageStart { id, usage }) => {
                self.report(usage);
                State::Answering(self.begin(id.as_deref(), out))
            }
            (State::AwaitingStart, Event::MessageStop) => broken(&error::empty(), out),
            // The answer goes on although its start was malformed: what can be saved is the rest.
            (State::AwaitingStart, event @ (Event::Content(_) | Event::MessageDelta { .. })) => {
                let answer = self.begin(None, out);
                self.step(State::Answering(answer), event, out)
            }

            // Only one message to a stream: a second start can only restate the first.
            (state, Event::MessageStart { usage, .. }) => {
                self.report(usage);
                state
            }
            (State::Answering(mut answer), Event::Content(content)) => match answer.take(content, out) {
                Ok(()) => State::Answering(answer),
                Err(error) => broken(&error, out),
            },
            (State::AwaitingStop { mut answer, finish }, Event::Content(content)) => {
                match answer.take(content, out) {
                    Ok(()) => State::AwaitingStop { answer, finish },
                    Err(error) => broken(&error, out),
                }
            }
            (State::Answering(answer), Event::MessageDelta { stop_reason, explanation, usage }) => {
                self.report(usage);
                match stop_reason {
                    Some(reason) => State::AwaitingStop { answer, finish: Finish::of(&reason, explanation) },
                    None => State::Answering(answer),
                }
            }
            (
                State::AwaitingStop { answer, finish },
                Event::MessageDelta { stop_reason, explanation, usage },
            ) => {
                self.report(usage);
                let finish = stop_reason.map_or(finish, |reason| Finish::of(&reason, explanation));
                State::AwaitingStop { answer, finish }
            }
            // The terminal event proves the end, if not its reason: that one came in an event that could not be read, or never did.
            (State::Answering(answer), Event::MessageStop) => {
                let reason =
                    if answer.tools.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls };
                self.complete(answer, Finish { reason, native: None, refusal: None }, out)
            }
            (State::AwaitingStop { answer, finish }, Event::MessageStop) => {
                self.complete(answer, finish, out)
            }
        }
    }

    /// The client's first chunk: the role, and the id that all chunks share.
    fn begin(&self, id: Option<&str>, out: &mut Vec<u8>) -> Answer {
        let id = answer_id(id, "msg_", "chatcmpl-", self.options.id_seed);
        let chunks = ChunkWriter::new(&id, &self.options);
        chunks.delta(out, Delta::Role);
        Answer { chunks, tools: ToolBlocks::default() }
    }

    /// The end of a whole answer.
    fn complete(&self, mut answer: Answer, finish: Finish, out: &mut Vec<u8>) -> State {
        for (index, input) in answer.tools.close_all() {
            answer.chunks.delta(out, Delta::Arguments { index, fragment: JsonString::Plain(&input) });
        }
        if let Some(refusal) = &finish.refusal {
            answer.chunks.delta(out, Delta::Refusal(JsonString::Raw(refusal.get())));
        }
        answer.chunks.finish(out, finish.reason.name(), finish.native.as_deref());
        if let Some(usage) = self.usage {
            answer.chunks.usage(out, &OpenAiUsage::from(usage));
        }
        openai_writer::write_done(out);
        State::Ended(End::Complete)
    }

    fn report(&mut self, usage: Option<AnthropicUsage>) {
        if let Some(usage) = usage {
            self.reported = self.reported.updated_by(usage);
            self.usage = Some(self.reported.into());
        }
    }
}

impl Answer {
    /// Passes on a piece of the answer.
    fn take(&mut self, content: Content<'_>, out: &mut Vec<u8>) -> Result<(), ApiError> {
        let Self { chunks, tools } = self;
        match content {
            Content::Text(text) if !text.is_empty() => {
                chunks.content(out, text);
            }
            Content::Thinking(text) if !text.is_empty() => {
                chunks.delta(out, Delta::Reasoning(text));
            }
            Content::Text(_) | Content::Thinking(_) => {}
            Content::ToolStart { block, id, name, input } => {
                let index = tools.open(block, input).ok_or_else(|| error::tool_call("there are too many"))?;
                chunks.delta(out, Delta::ToolCall { index, id: &id, name: &name });
            }
            Content::ToolInput { json, .. } if json.is_empty() => {}
            Content::ToolInput { block, json } => {
                let index =
                    tools.fragment(block).ok_or_else(|| error::tool_call("its beginning is missing"))?;
                chunks.delta(out, Delta::Arguments { index, fragment: json });
            }
            Content::BlockStop { block } => {
                if let Some((index, input)) = tools.close(block) {
                    chunks.delta(out, Delta::Arguments { index, fragment: JsonString::Plain(&input) });
                }
            }
        }
        Ok(())
    }
}

impl Finish {
    /// A reason that the API got after this was written says at least that the model stopped.
    fn of(stop_reason: &str, explanation: Option<&RawValue>) -> Self {
        let Some(known) = StopReason::from_name(stop_reason) else {
            return Self { reason: FinishReason::Stop, native: Some(stop_reason.to_owned()), refusal: None };
        };
        let reason = known.finish_reason();
        let refusal = explanation.filter(|_| reason == FinishReason::ContentFilter).map(RawValue::to_owned);
        Self { reason, native: None, refusal }
    }
}

fn broken(error: &ApiError, out: &mut Vec<u8>) -> State {
    openai_writer::write_error(out, error);
    State::Ended(End::Broken)
}
