//! How a chunk of an OpenAI stream is written, apart from what it says.
//!
//! Nearly every chunk brings a piece of text, and all of them are written alike: the same bytes up to the text, the text, the same bytes up to
//! OpenAI's padding, the padding, and the same end. Once one was read and its bytes are kept, another one that has them is read by a look at its
//! two strings.
//!
//! What one of them says besides is what the other says: the earlier one was whole JSON, and with other strings in these two places it is the same
//! JSON, with every key where it was.

use llm_api::written_string;
use memchr::memmem;

use crate::bytes::behind;

/// A longer event is not kept. Real ones have some three hundred bytes.
pub(crate) const LONGEST: usize = 2048;

/// What is before OpenAI's padding, which nobody reads.
const PADDING: &[u8] = b"\"obfuscation\":\"";

/// The bytes of an event but for its text and its padding.
#[derive(Debug)]
pub(crate) struct Written {
    /// All of it up to the text, its first quote included.
    before: Vec<u8>,
    /// From behind the text to the padding, its first quote included; none where there is no padding.
    between: Option<Vec<u8>>,
    /// From behind these strings to behind the blank line.
    end: Vec<u8>,
}

/// An event that is written so.
pub(crate) struct Known {
    /// How many bytes it has, its blank line included.
    pub(crate) length: usize,
    /// Where its text ends: behind the last quote.
    pub(crate) behind_text: usize,
}

impl Written {
    /// How an event is written whose data is JSON, and whose text begins there, behind its first quote.
    pub(crate) fn of(event: &[u8], text: usize) -> Option<Self> {
        let (before, rest) = event.split_at_checked(text).filter(|_| event.len() <= LONGEST)?;
        let (_, rest) = written_string(rest)?;
        let (between, end) = match behind_member(rest, PADDING) {
            Some(at) => {
                let (between, rest) = rest.split_at_checked(at)?;
                (Some(between.to_vec()), written_string(rest)?.1)
            }
            None => (None, rest),
        };
        Some(Self { before: before.to_vec(), between, end: end.to_vec() })
    }

    /// The event with which the bytes begin, if it is whole and written so. Both loops that ask this have it within them: as a call it costs a
    /// twentieth of what they do for an event.
    #[inline(always)]
    pub(crate) fn read(&self, bytes: &[u8]) -> Option<Known> {
        let (_, rest) = written_string(behind(bytes, &self.before)?)?;
        let behind_text = bytes.len().checked_sub(rest.len())?;
        let rest = match &self.between {
            Some(between) => written_string(behind(rest, between)?)?.1,
            None => rest,
        };
        let length = bytes.len().checked_sub(behind(rest, &self.end)?.len())?;
        Some(Known { length, behind_text })
    }

    /// Where the text begins, behind its first quote.
    pub(crate) const fn text(&self) -> usize {
        self.before.len()
    }

    /// How many bytes behind the text are the same in every event that is written so.
    pub(crate) fn same_behind_text(&self) -> usize {
        self.between.as_ref().unwrap_or(&self.end).len()
    }
}

/// Behind the first quote of a member that is a string; `key` is written with it. In what is JSON, a quote behind a brace or a comma that is
/// followed by a name, a quote and a colon begins a key: had it ended a string, no name could follow.
pub(crate) fn behind_member(bytes: &[u8], key: &[u8]) -> Option<usize> {
    let at = memmem::find(bytes, key)?;
    matches!(bytes.get(at.checked_sub(1)?)?, b'{' | b',').then_some(())?;
    at.checked_add(key.len())
}

#[cfg(test)]
mod tests {
    use super::behind_member;

    #[test]
    fn a_key_in_a_text_is_none() {
        assert_eq!(behind_member(br#"{"a":",\"content\":\"","content":"b"}"#, b"\"content\":\""), Some(34));
        assert_eq!(behind_member(br#"{"a":"content":"b"}"#, b"\"content\":\""), None);
    }
}
