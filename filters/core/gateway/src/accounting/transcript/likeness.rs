//! The events of a stream are alike but for their text: what was learnt from one that was parsed reads the next without parsing it.

use llm_api::{openai, plain_string};

/// The bytes that chunks have in common which bring a piece of one choice's text and nothing else.
///
/// A chunk that has these bytes, and strings in the same two places, is the same JSON but for these strings: the text, and OpenAI's padding,
/// which nobody reads.
#[derive(Debug)]
pub(super) struct Likeness {
    /// The choice's number.
    pub(super) choice: u32,
    /// Up to the text, its first quote included.
    before: Vec<u8>,
    /// From behind the text to the padding, its first quote included.
    between: Option<Vec<u8>>,
    /// All that is left.
    after: Vec<u8>,
}

/// Nothing is learnt from a longer chunk: what the copy costs is not saved again, and each stream keeps one.
const MOST_BYTES: usize = 4 << 10;

impl Likeness {
    /// What there is to learn from a chunk that was parsed, if it is such a chunk.
    pub(super) fn of(data: &[u8], chunk: &openai::Chunk<'_>) -> Option<Self> {
        /// Quotes within a string are escaped, so this is a member wherever it stands.
        const PADDING: &[u8] = b"\"obfuscation\":\"";
        if data.len() > MOST_BYTES {
            return None;
        }
        let [openai::ChunkChoice { index, delta: Some(delta), .. }] = chunk.choices.as_deref()? else {
            return None;
        };
        let openai::ChunkDelta {
            content: Some(content),
            refusal: None,
            reasoning_content: None,
            reasoning: None,
            ..
        } = delta
        else {
            return None;
        };
        let (Some(text), None, None, None) =
            (content.get().strip_prefix('"'), &delta.tool_calls, &delta.function_call, &chunk.usage)
        else {
            return None;
        };
        let start = (text.as_ptr() as usize).checked_sub(data.as_ptr() as usize)?;
        let (before, rest) = data.split_at_checked(start)?;
        let (_, rest) = plain_string(rest)?;
        let (between, after) = match memchr::memmem::find(rest, PADDING) {
            Some(at) => {
                let (between, rest) = rest.split_at_checked(at.checked_add(PADDING.len())?)?;
                (Some(between.to_vec()), plain_string(rest)?.1)
            }
            None => (None, rest),
        };
        let choice = u32::try_from(*index).unwrap_or(u32::MAX);
        Some(Self { choice, before: before.to_vec(), between, after: after.to_vec() })
    }

    /// The text of a chunk that is alike.
    pub(super) fn text<'a>(&self, data: &'a [u8]) -> Option<&'a str> {
        let (text, rest) = plain_string(behind(data, &self.before)?)?;
        let rest = match &self.between {
            Some(between) => plain_string(behind(rest, between)?)?.1,
            None => rest,
        };
        if !behind(rest, &self.after)?.is_empty() {
            return None;
        }
        std::str::from_utf8(text).ok()
    }
}

/// What is behind those bytes, where `data` begins with them. (A Wasm module's C library compares byte by byte.)
fn behind<'a>(data: &'a [u8], part: &[u8]) -> Option<&'a [u8]> {
    const BLOCK: usize = 16;
    let (mut same, behind) = data.split_at_checked(part.len())?;
    let mut part = part;
    while let (Some((left, left_behind)), Some((right, right_behind))) =
        (same.split_first_chunk::<BLOCK>(), part.split_first_chunk::<BLOCK>())
    {
        if left != right {
            return None;
        }
        (same, part) = (left_behind, right_behind);
    }
    (same == part).then_some(behind)
}
