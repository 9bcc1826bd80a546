//! An OpenAI provider's stream for an Anthropic client.

use std::mem;

use llm_api::anthropic::{StopReason, Usage as AnthropicUsage};
use llm_api::openai::{self, FinishReason, Usage as OpenAiUsage};
use llm_api::{ApiError, Usage};

use super::anthropic_writer::{self, MessageWriter};
use super::openai_event::{Choice, Event, ToolFragment};
use super::openai_likeness::{Likeness, Piece};
use super::tool_calls::{self, ToolCalls};
use super::wire::{JsonString, answer_id};
use super::{Machine, Skipped, StreamOptions, error};
use crate::End;

/// OpenAI's chunks in, Anthropic's events out.
///
/// ```text
///                  a chunk with              a finish_reason
///                  a choice                                            [DONE]
///  AwaitingStart ─────────────▶ Answering ────────────────▶ AwaitingDone ──────────▶ Ended(Complete)
///        │                          │  └────────────────────────────────────────────▶   ▲
///        │                          │          [DONE] without a reason: `end_turn`, or `tool_use`
///        └────────────┬─────────────┴──────────────────────────┐
///                     ▼  `error`, an event that is too large, the bytes end
///               Ended(Broken)
/// ```
///
/// The finish reason waits in `AwaitingDone` for what OpenAI sends after it: the chunk with the usage, which Anthropic's `message_delta`
/// carries together with the reason, and `[DONE]`, which proves that the answer is whole. The open block waits too, so content that a
/// server sends late is still passed on.
#[derive(Debug)]
pub(super) struct OpenAiToAnthropic {
    options: StreamOptions,
    state: State,
    usage: Option<Usage>,
    skipped: Skipped,
    /// How the last piece of the answer was written.
    likeness: Likeness,
}

#[derive(Debug)]
enum State {
    AwaitingStart,
    Answering(Answer),
    AwaitingDone { answer: Answer, finish: Finish },
    Ended(End),
}

/// An answer that has begun: the client has `message_start`.
#[derive(Debug)]
struct Answer {
    message: MessageWriter,
    calls: ToolCalls,
    refusal: Refusal,
}

/// Whether the model's words were a refusal, which OpenAI says beside the finish reason and Anthropic in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Unseen,
    Seen,
}

/// Why the answer ended.
#[derive(Debug)]
struct Finish {
    reason: FinishReason,
    /// The provider's own word, where it is one that is not known.
    native: Option<String>,
}

impl Machine for OpenAiToAnthropic {
    fn take(&mut self, event: sse::Event<'_>, out: &mut Vec<u8>) {
        match Event::parse(event) {
            Some(parsed) => {
                self.likeness.learn(event, &parsed);
                let state = mem::replace(&mut self.state, State::Ended(End::Broken));
                self.state = self.step(state, parsed, out);
            }
            None => self.skipped.malformed = self.skipped.malformed.saturating_add(1),
        }
    }

    /// The pieces of the answer that are written like the last one.
    fn take_known<'a>(&mut self, mut bytes: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let State::Answering(answer) = &mut self.state else { return bytes };
        while let Some((piece, rest)) = self.likeness.read(bytes) {
            bytes = rest;
            if let Err(error) = answer.say(piece, out) {
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
            State::AwaitingStart | State::Answering(_) | State::AwaitingDone { .. } => None,
        }
    }

    fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }

    fn skipped(&self) -> Skipped {
        self.skipped
    }
}

impl OpenAiToAnthropic {
    pub(super) fn new(options: StreamOptions) -> Self {
        Self {
            options,
            state: State::AwaitingStart,
            usage: None,
            skipped: Skipped::default(),
            likeness: Likeness::default(),
        }
    }

    /// What one event makes of a state.
    fn step(&mut self, state: State, event: Event<'_>, out: &mut Vec<u8>) -> State {
        match (state, event) {
            (State::Ended(end), _) => State::Ended(end),
            (_, Event::Error(error)) => broken(&error, out),
            (state, Event::Usage(usage)) => {
                self.report(usage);
                state
            }
            (State::AwaitingStart, Event::Done) => broken(&error::empty(), out),
            (State::AwaitingStart, Event::Chunk { id, usage, choice, others }) => {
                self.note(usage, others);
                let answer = self.begin(id.as_deref(), out);
                self.advance(answer, None, choice, out)
            }
            (State::Answering(answer), Event::Chunk { usage, choice, others, .. }) => {
                self.note(usage, others);
                self.advance(answer, None, choice, out)
            }
            (State::AwaitingDone { answer, finish }, Event::Chunk { usage, choice, others, .. }) => {
                self.note(usage, others);
                self.advance(answer, Some(finish), choice, out)
            }
            // The terminal event proves the end, if not its reason: that one came in an event that could not be read, or never did.
            (State::Answering(answer), Event::Done) => {
                let reason =
                    if answer.calls.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls };
                self.complete(answer, Finish { reason, native: None }, out)
            }
            (State::AwaitingDone { answer, finish }, Event::Done) => self.complete(answer, finish, out),
        }
    }

    /// The client's first event: the id, and what is known of the usage, which is seldom anything.
    fn begin(&self, id: Option<&str>, out: &mut Vec<u8>) -> Answer {
        let id = answer_id(id, "chatcmpl-", "msg_", self.options.id_seed);
        let message = MessageWriter::start(out, &id, &self.options.model, self.usage_for_client());
        Answer { message, calls: ToolCalls::new(self.options.id_seed), refusal: Refusal::Unseen }
    }

    /// What one chunk adds to the answer. The latest reason counts; some servers send an empty one until they have one.
    fn advance(
        &self,
        mut answer: Answer,
        finish: Option<Finish>,
        choice: Choice<'_>,
        out: &mut Vec<u8>,
    ) -> State {
        let Choice { delta, finish_reason: reason } = choice;
        if let Err(error) = answer.take(delta, out) {
            return broken(&error, out);
        }
        let reason = reason.as_deref().filter(|reason| !reason.is_empty());
        match reason.map(Finish::of).or(finish) {
            Some(finish) => State::AwaitingDone { answer, finish },
            None => State::Answering(answer),
        }
    }

    /// The end of a whole answer.
    fn complete(&self, answer: Answer, finish: Finish, out: &mut Vec<u8>) -> State {
        let Answer { mut message, mut calls, refusal } = answer;
        if let Err(error) = calls.flush(&mut message, out) {
            return broken(&error, out);
        }
        let reason = match (finish.reason, refusal) {
            (FinishReason::Stop, Refusal::Seen) => StopReason::Refusal,
            (reason, Refusal::Seen | Refusal::Unseen) => reason.stop_reason(),
        };
        message.end(out, reason, finish.native.as_deref(), self.usage_for_client());
        State::Ended(End::Complete)
    }

    fn note(&mut self, usage: Option<OpenAiUsage>, others: u32) {
        self.report(usage);
        self.skipped.inexpressible = self.skipped.inexpressible.saturating_add(others);
    }

    fn report(&mut self, usage: Option<OpenAiUsage>) {
        if let Some(usage) = usage {
            self.usage = Some(usage.into());
        }
    }

    /// Anthropic's events always have counts, so what is not known is 0.
    fn usage_for_client(&self) -> AnthropicUsage {
        self.usage.unwrap_or_default().into()
    }
}

impl Answer {
    fn take(&mut self, delta: llm_api::openai::ChunkDelta<'_>, out: &mut Vec<u8>) -> Result<(), ApiError> {
        let reasoning = openai::reasoning(delta.reasoning_content, delta.reasoning);
        if let Some(thinking) = reasoning.and_then(JsonString::new) {
            self.say(Piece::Thinking(thinking), out)?;
        }
        if let Some(text) = delta.content.and_then(JsonString::new) {
            self.say(Piece::Text(text), out)?;
        }
        if let Some(text) = delta.refusal.and_then(JsonString::new).filter(|text| !text.is_empty()) {
            self.refusal = Refusal::Seen;
            self.say(Piece::Text(text), out)?;
        }
        for fragment in delta.tool_calls.into_iter().flatten() {
            self.calls.take(tool_calls::parse(fragment)?, &mut self.message, out)?;
        }
        if let Some(function) = delta.function_call {
            let function = Some(tool_calls::parse(function)?);
            self.calls.take(ToolFragment { index: Some(0), id: None, function }, &mut self.message, out)?;
        }
        Ok(())
    }

    /// Passes on a piece that has words in it. Calls that wait for their names come before it.
    fn say(&mut self, piece: Piece<'_>, out: &mut Vec<u8>) -> Result<(), ApiError> {
        match piece {
            Piece::Text(text) | Piece::Thinking(text) if text.is_empty() => {}
            Piece::Text(text) => {
                self.calls.flush(&mut self.message, out)?;
                self.message.text(out, text);
            }
            Piece::Thinking(thinking) => {
                self.calls.flush(&mut self.message, out)?;
                self.message.thinking(out, thinking);
            }
        }
        Ok(())
    }
}

impl Finish {
    /// A reason that the API does not have, as some servers send, says at least that the model stopped.
    fn of(finish_reason: &str) -> Self {
        match FinishReason::from_name(finish_reason) {
            Some(reason) => Self { reason, native: None },
            None => Self { reason: FinishReason::Stop, native: Some(finish_reason.to_owned()) },
        }
    }
}

fn broken(error: &ApiError, out: &mut Vec<u8>) -> State {
    anthropic_writer::write_error(out, error);
    State::Ended(End::Broken)
}
