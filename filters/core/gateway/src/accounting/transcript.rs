//! What a stream said, for its account: the usage in it, or else the text, of which nothing is looked at before it must be.
//!
//! Almost every stream ends with usage, or is one whose usage ai-provider publishes. So its bytes are only collected; at the end its last
//! event that reports is looked for from behind, and if there is one, nothing else was ever read. Events are read one by one, and their text
//! is collected, where there is none, and where a stream outgrows what is held of it.

mod likeness;

use llm_api::{Dialect, Members, Text, Usage, anthropic, openai};
use metering::{Completion, Generated, Said};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use sse::Decoder;

use likeness::Likeness;

/// Bytes that are held unread. A few hundred events: more than most answers, and little enough for thousands of streams at a time.
const HELD_BYTES: usize = 64 << 10;

/// How far from the end the last report is looked for, in bytes: several times the last events of any stream.
const TAIL_BYTES: usize = 4 << 10;

/// The bytes that one event may occupy, as in every other reader of streams here.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// Listens to one stream in a client's dialect.
#[derive(Debug)]
pub(crate) struct Transcript {
    dialect: Dialect,
    held: Vec<u8>,
    events: Decoder,
    notes: Notes,
    /// More tokens than this may not be generated: then every event is read as it comes.
    most: Option<u64>,
    /// What the client has of the message before the chunk that was read last; only of a stream that may be ended here.
    shown: Shown,
}

/// How far an Anthropic message has come.
#[derive(Clone, Copy, Debug)]
struct Shown {
    begun: bool,
    /// The content block that has begun and not ended.
    open_block: Option<u64>,
}

/// Whether a stream may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Heard {
    /// It has said no more than it may.
    Enough,
    /// It has said more.
    TooMuch,
}

/// What was heard of a stream.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// What its provider reported, in it or elsewhere; where it broke, until then.
    pub(crate) reported: Option<Usage>,
    /// What was counted, where that report is not the last word.
    pub(crate) generated: Option<Generated>,
}

/// What the events that were read said.
#[derive(Debug)]
struct Notes {
    dialect: Dialect,
    openai: Option<openai::Usage>,
    anthropic: Option<anthropic::Usage>,
    /// Whether the terminal event was among them.
    over: bool,
    /// Made with the first text.
    completion: Option<Completion>,
    /// The id of the answer.
    id: Option<String>,
    /// How many choices OpenAI's chunks speak of.
    choices: u32,
    /// How far Anthropic's message has come.
    message: Shown,
    /// How OpenAI's chunks of text look.
    likeness: Option<Likeness>,
}

impl Transcript {
    pub(crate) const fn new(dialect: Dialect) -> Self {
        let notes = Notes::new(dialect);
        let shown = Shown { begun: false, open_block: None };
        Self { dialect, held: Vec::new(), events: Decoder::new(MAX_EVENT_BYTES), notes, most: None, shown }
    }

    /// The same, of a stream that may not say more than so many tokens.
    pub(crate) fn up_to(self, most: Option<u64>) -> Self {
        Self { most, ..self }
    }

    /// Takes the next bytes, and says whether the stream has said more than it may. A count is only begun where text is collected.
    pub(crate) fn push(&mut self, chunk: &[u8], begin: &dyn Fn() -> Option<Completion>) -> Heard {
        if let Some(most) = self.most {
            self.shown = self.notes.message;
            self.read(chunk, begin);
            let said = self.notes.completion.as_mut().map_or(0, |completion| completion.generated().tokens());
            return if said > most && !self.notes.over { Heard::TooMuch } else { Heard::Enough };
        }
        if self.held.len().saturating_add(chunk.len()) > HELD_BYTES {
            self.read_held(begin);
        }
        if chunk.len() > HELD_BYTES {
            self.read(chunk, begin);
        } else {
            self.held.extend_from_slice(chunk);
        }
        Heard::Enough
    }

    /// What ends the stream in the place of the last chunk, as if the model had reached its limit of tokens, for a client that asked for that
    /// model. An event that was only in that chunk is none for the client: Anthropic's SDKs do not take the end of a block, or of a message,
    /// whose beginning they have not seen.
    pub(crate) fn ending(&mut self, model: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let Shown { begun, open_block } = self.shown;
        let Notes { dialect, id, choices, completion, anthropic, .. } = &mut self.notes;
        match dialect {
            Dialect::OpenAi => {
                let choices: Vec<_> = (0..*choices)
                    .map(|index| json!({"index": index, "delta": {}, "finish_reason": "length"}))
                    .collect();
                let chunk = json!({
                    "id": id.as_deref().unwrap_or("chatcmpl-stopped"), "object": "chat.completion.chunk", "created": 0,
                    "model": model, "choices": choices,
                });
                sse::write_event(&mut out, None, chunk.to_string().as_bytes());
                sse::write_event(&mut out, None, DONE);
            }
            Dialect::Anthropic => {
                let tokens = completion.as_mut().map_or(0, |completion| completion.generated().tokens());
                let mut event = |name, data: serde_json::Value| {
                    sse::write_event(&mut out, Some(name), data.to_string().as_bytes());
                };
                if !begun {
                    let usage = Usage { output: 0, reasoning: 0, ..anthropic.unwrap_or_default().into() };
                    event(
                        "message_start",
                        json!({"type": "message_start", "message": {
                            "id": id.as_deref().unwrap_or("msg_stopped"), "type": "message", "role": "assistant",
                            "model": model, "content": [], "stop_reason": null, "stop_sequence": null,
                            "usage": anthropic::Usage::from(usage),
                        }}),
                    );
                }
                if let Some(index) = open_block {
                    event("content_block_stop", json!({"type": "content_block_stop", "index": index}));
                }
                event(
                    "message_delta",
                    json!({
                        "type": "message_delta", "delta": {"stop_reason": "max_tokens", "stop_sequence": null},
                        "usage": {"output_tokens": tokens},
                    }),
                );
                event("message_stop", json!({"type": "message_stop"}));
            }
        }
        out
    }

    /// The stream is over, well or badly. `elsewhere` is what its provider reported beside it.
    pub(crate) fn finish(
        &mut self,
        elsewhere: Option<Usage>,
        begin: &dyn Fn() -> Option<Completion>,
    ) -> Report {
        let last_word = match elsewhere {
            Some(usage) => Some(usage).filter(|_| self.notes.over || self.is_over()),
            None => self.last_report(),
        };
        if let Some(usage) = last_word.filter(|usage| usage.completion() > 0) {
            return Report { reported: Some(usage), generated: None };
        }
        self.read_held(begin);
        let Self { events, notes, .. } = self;
        events.finish(&mut |event| notes.take(&event, begin));
        let reported = elsewhere.or_else(|| notes.usage());
        if notes.over && reported.is_some_and(|usage| usage.completion() > 0) {
            return Report { reported, generated: None };
        }
        // A stream without a word was heard, too: it is no tokens.
        let mut completion = notes.completion.take().or_else(begin);
        Report { reported, generated: completion.as_mut().map(Completion::generated) }
    }

    fn read_held(&mut self, begin: &dyn Fn() -> Option<Completion>) {
        let held = std::mem::take(&mut self.held);
        self.read(&held, begin);
    }

    fn read(&mut self, bytes: &[u8], begin: &dyn Fn() -> Option<Completion>) {
        let Self { events, notes, .. } = self;
        // An event that is too large ends the reading: what was heard until then is what there is, and the client got no more of it either.
        let _ = events.push(bytes, &mut |event| notes.take(&event, begin));
    }

    /// Whether the bytes that are held end with the terminal event.
    fn is_over(&self) -> bool {
        let last = lines_from_end(tail(&self.held)).find_map(data);
        last.is_some_and(|data| match self.dialect {
            Dialect::OpenAi => data.starts_with(DONE),
            Dialect::Anthropic => serde_json::from_slice::<anthropic::StreamEvent<'_>>(data)
                .is_ok_and(|event| event.kind == anthropic::EventKind::MessageStop),
        })
    }

    /// The report that is the last word of a stream, where it is among the last bytes. Each dialect has one event for it, with the terminal
    /// event right behind; reports of other events are beginnings.
    fn last_report(&self) -> Option<Usage> {
        let mut found = lines_from_end(tail(&self.held)).filter_map(data).take(4);
        match self.dialect {
            Dialect::OpenAi => found.find_map(openai_report).map(Usage::from),
            Dialect::Anthropic => {
                let last = found.find_map(message_delta_report)?;
                let first = match self.notes.anthropic {
                    Some(noted) => noted,
                    None => message_start_report(&self.held)?,
                };
                Some(first.updated_by(last).into())
            }
        }
    }
}

/// The most choices that are ended one by one; OpenAI's API gives no more (`n`).
const MOST_CHOICES: u32 = 128;

/// How the data of OpenAI's terminal event begins.
const DONE: &[u8] = b"[DONE]";

/// The last bytes, from the beginning of a line on.
fn tail(held: &[u8]) -> &[u8] {
    let from = held.len().saturating_sub(TAIL_BYTES);
    let tail = held.get(from..).unwrap_or_default();
    match memchr::memchr(b'\n', tail) {
        Some(at) if from > 0 => tail.get(at..).unwrap_or_default(),
        _ => tail,
    }
}

/// The lines, last first. A server that ends lines with a carriage return alone has one line for all; nothing is found in it, and every
/// event is read instead.
fn lines_from_end(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.rsplit(|byte| *byte == b'\n')
}

/// The data of a line that has some.
fn data(line: &[u8]) -> Option<&[u8]> {
    sse::field_value(line.trim_ascii_end(), b"data")
}

fn openai_report(data: &[u8]) -> Option<openai::Usage> {
    memchr::memmem::find(data, b"\"usage\"")?;
    serde_json::from_slice::<openai::Chunk<'_>>(data).ok()?.usage
}

fn message_delta_report(data: &[u8]) -> Option<anthropic::Usage> {
    let event = serde_json::from_slice::<anthropic::StreamEvent<'_>>(data).ok()?;
    event
        .usage
        .filter(|usage| event.kind == anthropic::EventKind::MessageDelta && usage.output_tokens.is_some())
}

/// What the first event of a message reports, which is the prompt.
fn message_start_report(held: &[u8]) -> Option<anthropic::Usage> {
    let first = held.split(|byte| *byte == b'\n').find_map(data)?;
    let event = serde_json::from_slice::<anthropic::StreamEvent<'_>>(first).ok()?;
    event.message.and_then(|message| message.usage)
}

/// What an answer that is no stream reports; what cannot be read is no report.
pub(crate) fn reported_in(dialect: Dialect, body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        usage: Option<&'a RawValue>,
    }
    if let Some(usage) = last_report_in(dialect, body) {
        return Some(usage);
    }
    let usage = serde_json::from_slice::<Answer<'_>>(body).ok()?.usage?.get().as_bytes();
    match dialect {
        Dialect::OpenAi => openai::Usage::read(usage).map(Usage::from),
        Dialect::Anthropic => serde_json::from_slice::<anthropic::Usage>(usage).ok().map(Usage::from),
    }
}

/// What stands under an answer's own `usage`, found from behind: servers write it after the text, which may be long.
///
/// The key's quotes are no escaped ones, so it stands outside of every string; and it is a member of the whole, not of a part, if what follows
/// its value closes one object and nothing else. Anything else is left to a parser.
fn last_report_in(dialect: Dialect, body: &[u8]) -> Option<Usage> {
    const KEY: &[u8] = b"\"usage\"";
    /// Where in it the letter is that is looked for: the rarest of its letters in what stands behind it.
    const LETTER: usize = 4;
    let mut places = memchr::memrchr_iter(b'g', body).filter_map(|at| at.checked_sub(LETTER));
    let at = places.find(|at| body.get(*at..).is_some_and(|rest| rest.starts_with(KEY)))?;
    if body.get(..at)?.last() == Some(&b'\\') {
        return None;
    }
    let mut members = Members::of_rest(body.get(at..)?);
    members.key()??;
    let usage = match dialect {
        Dialect::OpenAi => openai::Usage::read_plain(&mut members)?.into(),
        Dialect::Anthropic => {
            let usage = members.pass_over().filter(|usage| usage.starts_with(b"{"))?;
            serde_json::from_slice::<anthropic::Usage>(usage).ok()?.into()
        }
    };
    while members.next_member().ok()?.is_some() {}
    Some(usage)
}

impl Notes {
    const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            openai: None,
            anthropic: None,
            over: false,
            completion: None,
            id: None,
            choices: 1,
            message: Shown { begun: false, open_block: None },
            likeness: None,
        }
    }

    fn usage(&self) -> Option<Usage> {
        self.openai.map(Usage::from).or_else(|| self.anthropic.map(Usage::from))
    }

    fn take(&mut self, event: &sse::Event<'_>, begin: &dyn Fn() -> Option<Completion>) {
        match self.dialect {
            Dialect::OpenAi => self.take_chunk(event.data, begin),
            Dialect::Anthropic => self.take_event(event.data, begin),
        }
    }

    fn take_chunk(&mut self, data: &[u8], begin: &dyn Fn() -> Option<Completion>) {
        if data.starts_with(DONE) {
            self.over = true;
            return;
        }
        if let Some(likeness) = &self.likeness
            && let Some(text) = likeness.text(data)
        {
            let choice = likeness.choice;
            return self.say(choice, Said::Text, Some(text), begin);
        }
        let Ok(chunk) = serde_json::from_slice::<openai::Chunk<'_>>(data) else { return };
        self.likeness = Likeness::of(data, &chunk).or(self.likeness.take());
        self.openai = chunk.usage.or(self.openai);
        if self.id.is_none() {
            self.id = chunk.id.as_deref().map(str::to_owned);
        }
        for choice in chunk.choices.into_iter().flatten() {
            let number = u32::try_from(choice.index).unwrap_or(u32::MAX);
            self.choices = number.saturating_add(1).clamp(self.choices, MOST_CHOICES);
            let delta = choice.delta.unwrap_or_default();
            let texts = [
                (Said::Text, delta.content),
                (Said::Reasoning, openai::reasoning(delta.reasoning_content, delta.reasoning)),
                (Said::Refusal, delta.refusal),
            ];
            for (said, text) in texts {
                self.say(number, said, text.and_then(string).as_deref(), begin);
            }
            for call in delta.tool_calls.into_iter().flatten() {
                if let Ok(ToolCall { index, function }) = serde_json::from_str(call.get()) {
                    self.say_call(number, index, function, begin);
                }
            }
            if let Some(Ok(function)) = delta.function_call.map(|call| serde_json::from_str(call.get())) {
                self.say_call(number, 0, function, begin);
            }
        }
    }

    fn say_call(
        &mut self,
        choice: u32,
        call: u32,
        function: Function<'_>,
        begin: &dyn Fn() -> Option<Completion>,
    ) {
        self.say(choice, Said::ToolName { call }, function.name.as_deref(), begin);
        self.say(choice, Said::ToolArguments { call }, function.arguments.as_deref(), begin);
    }

    fn take_event(&mut self, data: &[u8], begin: &dyn Fn() -> Option<Completion>) {
        use anthropic::EventKind;
        let Ok(event) = serde_json::from_slice::<anthropic::StreamEvent<'_>>(data) else { return };
        let message = event.message.unwrap_or_default();
        if self.id.is_none() {
            self.id = message.id.as_deref().map(str::to_owned);
        }
        let usage = message.usage.or(event.usage);
        if let Some(usage) = usage {
            self.anthropic = Some(self.anthropic.unwrap_or_default().updated_by(usage));
        }
        match event.kind {
            EventKind::MessageStart => self.message.begun = true,
            EventKind::ContentBlockStart => self.message.open_block = Some(event.index),
            EventKind::ContentBlockStop => self.message.open_block = None,
            _ => {}
        }
        let call = u32::try_from(event.index).unwrap_or(u32::MAX);
        let mut say = |said, text: Option<&RawValue>| {
            self.say(0, said, text.and_then(string).as_deref(), begin);
        };
        if let Some(block) = event.content_block {
            say(Said::Text, block.text);
            say(Said::Reasoning, block.thinking);
            if let Some(name) = block.name {
                self.say(0, Said::ToolName { call }, Some(&name), begin);
            }
            // Compatible servers send a whole input at once; the real API begins with an empty object.
            let input = block.input.map(RawValue::get).filter(|input| *input != "{}");
            self.say(0, Said::ToolArguments { call }, input, begin);
        } else if let Some(delta) = event.delta {
            say(Said::Text, delta.text);
            say(Said::Reasoning, delta.thinking);
            say(Said::ToolArguments { call }, delta.partial_json);
        }
        self.over |= event.kind == EventKind::MessageStop;
    }

    fn say(&mut self, choice: u32, said: Said, text: Option<&str>, begin: &dyn Fn() -> Option<Completion>) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        if self.completion.is_none() {
            self.completion = begin();
        }
        if let Some(completion) = &mut self.completion {
            completion.push(choice, said, text);
        }
    }
}

/// The text of a JSON string; none where it is no string, or half of a surrogate pair.
fn string(json: &RawValue) -> Option<Text<'_>> {
    serde_json::from_str(json.get()).ok()
}

/// A piece of a tool's call, as OpenAI streams it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToolCall<'a> {
    index: u32,
    #[serde(borrow)]
    function: Function<'a>,
}

/// A tool's name, in its first piece, and a piece of the arguments.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    arguments: Option<Text<'a>>,
}

#[cfg(test)]
mod tests;
