//! A header map as the host hands it over: ordered pairs, names in lower case, values as bytes.

use std::fmt;

use crate::ContextError;

/// Ordered header pairs. A value is bytes: clients do send what is not UTF-8.
///
/// All names and values lie in one buffer, because a map is read and built for every request and every answer, and thirty small
/// allocations cost more than everything else that is done with them. They lie there one after another, each with a zero byte behind it,
/// as hosts send and take them: a map that a host sent is not copied, and one that it is to take is copied at once.
#[derive(Clone, Default)]
pub struct Headers {
    buffer: Vec<u8>,
    /// Where in the buffer the pairs begin. What is before is the host's own.
    start: usize,
    pairs: Vec<Pair>,
}

/// Where a pair lies in the buffer: its name at `at`, its value one byte after the name's end.
#[derive(Clone, Copy, Debug)]
struct Pair {
    at: usize,
    name: usize,
    value: usize,
}

/// What is behind each name and each value.
const END: u8 = 0;

impl Headers {
    /// No headers yet, with room for that many of usual length.
    pub fn with_capacity(capacity: usize) -> Self {
        const USUAL: usize = 32;
        Self {
            buffer: Vec::with_capacity(capacity.saturating_mul(USUAL)),
            start: 0,
            pairs: Vec::with_capacity(capacity),
        }
    }

    /// Takes a host's buffer as it is: that many names and values lie in it from `start` on. `sizes` reads from the buffer how long those of
    /// a pair are. Where the buffer is too short for them, the rest is left out.
    pub fn from_buffer(
        mut buffer: Vec<u8>,
        start: usize,
        count: usize,
        sizes: impl Fn(&[u8], usize) -> Option<(usize, usize)>,
    ) -> Self {
        // No pair is shorter than the two bytes behind its parts.
        let mut pairs = Vec::with_capacity(count.min(buffer.len() / 2));
        let mut at = start.min(buffer.len());
        for index in 0..count {
            let Some((name, value)) = sizes(&buffer, index) else { break };
            let pair = Pair { at, name, value };
            let Some(end) = pair.end().filter(|end| *end <= buffer.len()) else { break };
            pairs.push(pair);
            at = end;
        }
        buffer.truncate(at);
        Self { buffer, start, pairs }
    }

    /// The first value under that lower-case name.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.lines(name).next()
    }

    /// Every value under that lower-case name: a list may come in several lines (RFC 9110, section 5.3).
    pub fn lines<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let is =
            move |pair: &&Pair| pair.name == name.len() && self.part(pair.at, pair.name) == name.as_bytes();
        self.pairs.iter().filter(is).map(|pair| self.value(*pair))
    }

    /// The first value under that lower-case name, where it is UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.bytes(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The first value under that lower-case name as a decimal number.
    pub fn number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        self.text(name).and_then(|value| value.parse().ok())
    }

    /// Whether the body is of that media type (lower case), whatever parameters follow it. Media types know no case (RFC 9110, section 8.3.1).
    pub fn is_content_type(&self, media_type: &str) -> bool {
        let said = self.text("content-type").and_then(|value| value.split(';').next());
        said.is_some_and(|said| said.trim().eq_ignore_ascii_case(media_type))
    }

    /// Whether the body is encoded, so that it cannot be read as it is: by any of the codings that are listed, in however many lines.
    pub fn is_encoded(&self) -> bool {
        self.lines("content-encoding")
            .flat_map(|line| line.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
    }

    /// Adds a pair at the end, next to any other of that name.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (name, value) = (name.as_ref(), value.as_ref());
        let at = self.buffer.len();
        self.buffer.reserve(name.len().saturating_add(value.len()).saturating_add(2));
        for part in [name, value] {
            self.buffer.extend_from_slice(part);
            self.buffer.push(END);
        }
        self.pairs.push(Pair { at, name: name.len(), value: value.len() });
    }

    /// The pairs in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> + Clone {
        self.raw().map(|(name, value)| (std::str::from_utf8(name).unwrap_or_default(), value))
    }

    /// The pairs in their order, names as bytes too: to look through a whole map, or to hand it on, nothing need be known to be text.
    pub fn raw(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.pairs.iter().map(|pair| (self.part(pair.at, pair.name), self.value(*pair)))
    }

    /// The sizes of each name and value.
    pub fn sizes(&self) -> impl ExactSizeIterator<Item = (usize, usize)> {
        self.pairs.iter().map(|pair| (pair.name, pair.value))
    }

    /// All names and values, one after another, each with a zero byte behind it.
    pub fn parts(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// How many pairs there are.
    pub const fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The value for filter state, of those pairs whose name is to be kept: the sizes of name and value as little-endian `u32`, then both.
    pub fn encode(&self, keep: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let room = self.parts().len().saturating_add(self.len().saturating_mul(2 * SIZE));
        let mut out = Vec::with_capacity(room);
        for pair in self.pairs.iter().filter(|pair| keep(self.part(pair.at, pair.name))) {
            // A host's map has a megabyte at most.
            let [name, value] = [pair.name, pair.value].map(|size| u32::try_from(size).unwrap_or(u32::MAX));
            out.extend_from_slice(&name.to_le_bytes());
            out.extend_from_slice(&value.to_le_bytes());
            out.extend_from_slice(self.part(pair.at, pair.len().unwrap_or_default()));
        }
        out
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(value: &[u8]) -> Result<Self, ContextError> {
        let mut headers = Self { buffer: Vec::with_capacity(value.len()), ..Self::default() };
        let mut rest = value;
        while let Some((sizes, after)) = rest.split_first_chunk::<{ 2 * SIZE }>() {
            let [name, value] = [sizes.first_chunk(), sizes.last_chunk()].map(|size| {
                size.and_then(|size| usize::try_from(u32::from_le_bytes(*size)).ok()).unwrap_or(usize::MAX)
            });
            let pair = Pair { at: headers.buffer.len(), name, value };
            let (parts, after) =
                pair.len().and_then(|len| after.split_at_checked(len)).ok_or(ContextError)?;
            if parts.get(name) != Some(&END) || parts.last() != Some(&END) {
                return Err(ContextError);
            }
            headers.buffer.extend_from_slice(parts);
            headers.pairs.push(pair);
            rest = after;
        }
        if rest.is_empty() { Ok(headers) } else { Err(ContextError) }
    }

    fn value(&self, pair: Pair) -> &[u8] {
        self.part(pair.at.saturating_add(pair.name).saturating_add(1), pair.value)
    }

    fn part(&self, at: usize, len: usize) -> &[u8] {
        self.buffer.get(at..at.saturating_add(len)).unwrap_or_default()
    }
}

/// Bytes of a size in filter state.
const SIZE: usize = 4;

impl Pair {
    /// Of name and value, and of what is behind them. None where that is beyond all memory.
    const fn len(self) -> Option<usize> {
        match self.name.checked_add(self.value) {
            Some(len) => len.checked_add(2),
            None => None,
        }
    }

    /// Where the next pair begins.
    fn end(self) -> Option<usize> {
        self.at.checked_add(self.len()?)
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.raw().eq(other.raw())
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| (name, String::from_utf8_lossy(value))))
            .finish()
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut headers = Self::default();
        for (name, value) in pairs {
            headers.push(name.as_ref(), value);
        }
        headers
    }
}
