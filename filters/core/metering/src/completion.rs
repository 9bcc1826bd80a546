//! How many tokens an answer is, counted from its deltas when its provider does not say.

use tokens::Counter;

use crate::{
    Counting, Encoding, Family, Memory, NotCountable, Source, Surface, framing::Framing, meter::Meter,
    mix::Mix, surface::Document,
};

/// What a delta says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Said {
    /// Text: `delta.content`, `text_delta`, `response.output_text.delta`.
    Text,
    /// Thought: `delta.reasoning_content`, `thinking_delta`, `response.reasoning_text.delta`.
    Reasoning,
    /// A refusal: `delta.refusal`, `response.refusal.delta`.
    Refusal,
    /// The name of a tool that is called; once for each call. `call` tells the calls of one choice apart: `tool_calls[].index`, or the
    /// content block's index.
    ToolName {
        /// Which call.
        call: u32,
    },
    /// A piece of the arguments of a tool call: `function.arguments`, `input_json_delta`.
    ToolArguments {
        /// Which call.
        call: u32,
    },
}

/// How many tokens were generated, in the terms of [`llm_api::Usage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Tokens that the client sees: text, refusals and tool calls.
    pub output: u64,
    /// Tokens of thought, as far as it was shown. Most providers do not show all of it.
    pub reasoning: u64,
    /// How they were found; never [`Source::Extrapolated`].
    pub source: Source,
}

impl Generated {
    /// All generated tokens.
    pub const fn tokens(&self) -> u64 {
        self.output.saturating_add(self.reasoning)
    }
}

/// The count of one answer, fed delta by delta.
///
/// Most answers end with reported usage, and then nothing need be counted: text is only collected, in a bounded buffer, and counted
/// when that is full or when it is [asked for](Self::generated). Deltas may cut a text anywhere between two characters; the total is
/// that of the whole texts.
#[derive(Debug)]
pub struct Completion {
    encoding: Encoding,
    counting: Counting,
    tool_call: u64,
    /// What was said and not counted yet, and by whom: runs of text of one lane each.
    buffer: String,
    runs: Vec<(usize, usize)>,
    lanes: Vec<Lane>,
    calls: u64,
    memory: Memory,
}

/// Texts that are tokenized apart from each other: of each choice its text, its thought, its refusal, and each call's name and arguments.
#[derive(Debug)]
struct Lane {
    choice: u32,
    said: Said,
    /// Made when there is something to count.
    counter: Option<Counter>,
    mix: Mix,
}

/// Bytes that are collected before they are counted: more than most answers are long.
const BUFFER: usize = 16 * 1024;

/// How many runs are remembered: where lanes take turns at every delta, they are counted earlier.
const RUNS: usize = 1_024;

/// How many lanes are told apart. A stream that has more, which nobody has seen, counts the rest as one.
const LANES: usize = 256;

impl Completion {
    /// Nothing was said yet. Allocates nothing before the first delta.
    pub fn new(family: &Family, memory: &Memory) -> Self {
        Self {
            encoding: family.encoding(),
            counting: family.counting(),
            tool_call: Framing::NONE.tool_call,
            buffer: String::new(),
            runs: Vec::new(),
            lanes: Vec::new(),
            calls: 0,
            memory: memory.clone(),
        }
    }

    /// A piece of the answer. `choice` is the index of the choice (`choices[].index`), zero for Anthropic and for Responses.
    ///
    /// Text without bytes says nothing, but for a tool's name: a call is one even where its name is empty.
    pub fn push(&mut self, choice: u32, said: Said, text: &str) {
        if matches!(said, Said::ToolName { .. }) {
            self.calls = self.calls.saturating_add(1);
        }
        if text.is_empty() {
            return;
        }
        let lane = self.lane(choice, said);
        if text.len() > BUFFER {
            self.drain();
            self.count(lane, text);
            return;
        }
        if self.buffer.len().saturating_add(text.len()) > BUFFER {
            self.drain();
        }
        self.buffer.push_str(text);
        match self.runs.last_mut() {
            Some((last, len)) if *last == lane => *len = len.saturating_add(text.len()),
            _ => {
                if self.runs.len() >= RUNS {
                    let at = self.buffer.len().saturating_sub(text.len());
                    self.buffer.truncate(at);
                    self.drain();
                    self.buffer.push_str(text);
                }
                self.runs.push((lane, text.len()));
            }
        }
    }

    /// What was generated until now. More may follow.
    pub fn generated(&mut self) -> Generated {
        self.drain();
        let (mut output, mut reasoning) = (0_u64, 0_u64);
        for lane in &self.lanes {
            let counter = lane.counter.as_ref();
            let tokens = self.memory.with(|memory| counter.map_or(0, |counter| counter.count_with(memory)));
            let milli = match self.counting {
                Counting::Exact => tokens.saturating_mul(1_000),
                Counting::Estimated(permille) => tokens.saturating_mul(permille.of(&lane.mix)),
            };
            let sum = if lane.said == Said::Reasoning { &mut reasoning } else { &mut output };
            *sum = sum.saturating_add(milli);
        }
        let calls = self.calls.saturating_mul(self.tool_call);
        let is_exact = self.counting == Counting::Exact && self.calls == 0 && reasoning == 0;
        Generated {
            output: output.div_ceil(1_000).saturating_add(calls),
            reasoning: reasoning.div_ceil(1_000),
            source: if is_exact { Source::Exact } else { Source::Estimated },
        }
    }

    fn lane(&mut self, choice: u32, said: Said) -> usize {
        // The last one first: most answers have one lane at a time.
        let found = self.lanes.iter().rposition(|lane| lane.choice == choice && lane.said == said);
        match found {
            Some(lane) => lane,
            None if self.lanes.len() >= LANES => LANES.saturating_sub(1),
            None => {
                self.lanes.push(Lane { choice, said, counter: None, mix: Mix::default() });
                self.lanes.len().saturating_sub(1)
            }
        }
    }

    /// Counts what was collected.
    fn drain(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        let runs = std::mem::take(&mut self.runs);
        let mut rest = buffer.as_str();
        for (lane, len) in &runs {
            let Some((text, after)) = rest.split_at_checked(*len) else {
                break;
            };
            self.count(*lane, text);
            rest = after;
        }
        // Their memory is kept for the next.
        self.buffer = buffer;
        self.buffer.clear();
        self.runs = runs;
        self.runs.clear();
    }

    fn count(&mut self, lane: usize, text: &str) {
        let encoding = self.encoding;
        if let Some(lane) = self.lanes.get_mut(lane) {
            let counter = lane.counter.get_or_insert_with(|| Counter::new(encoding));
            self.memory.with(|memory| counter.push_with(text, memory));
            if self.counting != Counting::Exact {
                lane.mix.add(text);
            }
        }
    }
}

/// Counts a complete answer that was not streamed, from its body.
///
/// # Errors
///
/// [`NotCountable`] where the body is no JSON object.
pub fn answer(
    surface: Surface,
    family: &Family,
    body: &[u8],
    memory: &Memory,
) -> Result<Generated, NotCountable> {
    let mut meter = Meter::tokens(family, Framing::NONE, memory);
    Document::new(body)?.answer(surface, &mut meter)?;
    let reasoning = meter.thought();
    let source = if meter.is_estimated() || reasoning > 0 { Source::Estimated } else { Source::Exact };
    Ok(Generated { output: meter.said(), reasoning, source })
}
