//! A header map as the host hands it over: ordered pairs, names in lower case, values as bytes.

use std::fmt;
use std::ops::Range;

use crate::ContextError;
use crate::fields::{Reader, Writer};

/// Ordered header pairs. A value is bytes: clients do send what is not UTF-8.
///
/// All names and values lie in one buffer, because a map is read and built for every request and every answer, and thirty small
/// allocations cost more than everything else that is done with them.
#[derive(Clone, Default)]
pub struct Headers {
    buffer: Vec<u8>,
    pairs: Vec<Pair>,
}

/// Where a pair lies in the buffer.
#[derive(Clone, Debug)]
struct Pair {
    name: Range<usize>,
    value: Range<usize>,
}

impl Headers {
    /// No headers yet, with room for that many of usual length.
    pub fn with_capacity(capacity: usize) -> Self {
        const USUAL: usize = 32;
        Self {
            buffer: Vec::with_capacity(capacity.saturating_mul(USUAL)),
            pairs: Vec::with_capacity(capacity),
        }
    }

    /// Takes a host's buffer as it is; each pair says where its name and its value lie. A pair that lies elsewhere reads as empty.
    pub fn from_buffer(buffer: Vec<u8>, pairs: impl Iterator<Item = (Range<usize>, Range<usize>)>) -> Self {
        Self { buffer, pairs: pairs.map(|(name, value)| Pair { name, value }).collect() }
    }

    /// The first value under that lower-case name.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        let found = self.pairs.iter().find(|pair| {
            pair.name.len() == name.len() && self.buffer.get(pair.name.clone()) == Some(name.as_bytes())
        })?;
        self.buffer.get(found.value.clone())
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

    /// Whether the body is encoded, so that it cannot be read as it is.
    pub fn is_encoded(&self) -> bool {
        self.bytes("content-encoding")
            .is_some_and(|value| !value.trim_ascii().eq_ignore_ascii_case(b"identity"))
    }

    /// Adds a pair at the end, next to any other of that name.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let name = self.append(name.as_ref());
        let value = self.append(value.as_ref());
        self.pairs.push(Pair { name, value });
    }

    /// The pairs in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> + Clone {
        self.raw().map(|(name, value)| (std::str::from_utf8(name).unwrap_or_default(), value))
    }

    /// The pairs in their order, names as bytes too: to look through a whole map, or to hand it on, nothing need be known to be text.
    pub fn raw(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.pairs.iter().map(|pair| {
            let name = self.buffer.get(pair.name.clone()).unwrap_or_default();
            (name, self.buffer.get(pair.value.clone()).unwrap_or_default())
        })
    }

    /// How many pairs there are.
    pub const fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The value for filter state, of those pairs whose name is to be kept.
    pub fn encode(&self, keep: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let mut out = Writer::with_capacity(self.buffer.len().saturating_add(self.len().saturating_mul(8)));
        for (name, value) in self.raw().filter(|(name, _)| keep(name)) {
            out.bytes(name);
            out.bytes(value);
        }
        out.into_bytes()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(value: &[u8]) -> Result<Self, ContextError> {
        let mut fields = Reader::new(value);
        let mut headers = Self::default();
        while !fields.is_empty() {
            headers.push(fields.bytes()?, fields.bytes()?);
        }
        Ok(headers)
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        start..self.buffer.len()
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
