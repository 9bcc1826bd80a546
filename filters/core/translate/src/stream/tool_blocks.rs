//! The tool calls of an Anthropic answer, numbered as OpenAI numbers them.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// The calls that one answer may hold. Far more than any real one; it bounds what a stream can make the translator remember.
const MAX_CALLS: usize = 1024;

/// The `tool_use` blocks so far. A call's index is its place here: counted without gaps, where blocks of text and thinking count too.
#[derive(Debug, Default)]
pub(super) struct ToolBlocks(Vec<ToolBlock>);

#[derive(Debug)]
struct ToolBlock {
    block: u64,
    input: Input,
}

/// How much of a tool's input the client has.
#[derive(Debug)]
enum Input {
    /// Nothing. Should nothing follow, this is the whole of it: what the block opened with, or `{}`, for a client parses it.
    Owed(Cow<'static, str>),
    /// Some, in deltas.
    Streaming,
    /// All.
    Complete,
}

/// A call that has a piece of input to be sent.
pub(super) type CallIndex = usize;

impl ToolBlocks {
    /// Whether the answer calls no tool.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A block opens; none where there are too many.
    pub(super) fn open(&mut self, block: u64, input: Option<&RawValue>) -> Option<CallIndex> {
        let index = self.0.len();
        let input = input.map(RawValue::get).filter(|input| !is_empty_object(input));
        let owed = input.map_or(Cow::Borrowed("{}"), |input| Cow::Owned(input.to_owned()));
        (index < MAX_CALLS).then(|| self.0.push(ToolBlock { block, input: Input::Owed(owed) }))?;
        Some(index)
    }

    /// A fragment of that block's input comes; none where the block is no open call.
    pub(super) fn fragment(&mut self, block: u64) -> Option<CallIndex> {
        let (index, tool) = self.find(block)?;
        tool.input = Input::Streaming;
        Some(index)
    }

    /// That block closes; its input, where none of it was sent.
    pub(super) fn close(&mut self, block: u64) -> Option<(CallIndex, Cow<'static, str>)> {
        let (index, tool) = self.find(block)?;
        tool.close().map(|input| (index, input))
    }

    /// The answer ends, and with it every block that is still open.
    pub(super) fn close_all(&mut self) -> impl Iterator<Item = (CallIndex, Cow<'static, str>)> {
        self.0.iter_mut().enumerate().filter_map(|(index, tool)| tool.close().map(|input| (index, input)))
    }

    /// The latest open call of that block number.
    fn find(&mut self, block: u64) -> Option<(CallIndex, &mut ToolBlock)> {
        let is_open = |tool: &ToolBlock| tool.block == block && !matches!(tool.input, Input::Complete);
        self.0.iter_mut().enumerate().rev().find(|(_, tool)| is_open(tool))
    }
}

impl ToolBlock {
    fn close(&mut self) -> Option<Cow<'static, str>> {
        match std::mem::replace(&mut self.input, Input::Complete) {
            Input::Owed(input) => Some(input),
            Input::Streaming | Input::Complete => None,
        }
    }
}

fn is_empty_object(json: &str) -> bool {
    json.strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(|inner| inner.trim_ascii().is_empty())
}
