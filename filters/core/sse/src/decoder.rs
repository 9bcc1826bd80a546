//! Bytes to events, whatever pieces the bytes come in.

use std::fmt;
use std::mem;

/// The byte order mark that may open a stream, and is no part of its first line.
pub const BOM: &[u8] = b"\xEF\xBB\xBF";

/// One event of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The value of its last `event:` line; `None` where there is none or an empty one, which the standard calls `message`.
    pub name: Option<&'a [u8]>,
    /// The values of its `data:` lines, joined by line feeds. May be empty, for a stream can say `data:`.
    pub data: &'a [u8],
}

/// An event is larger than the decoder's limit; its stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTooLarge {
    /// The bytes that one event may occupy.
    pub limit: usize,
}

impl fmt::Display for EventTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event of the stream is larger than {} bytes", self.limit)
    }
}

impl std::error::Error for EventTooLarge {}

/// Cuts a stream into events.
///
/// Each byte is searched once and copied at most twice: into the unfinished line that a chunk ends in, and into the data of an event of
/// several lines or chunks. An event of one data line that lies whole inside a chunk, the usual case, is not copied: its [`Event`] borrows
/// from the chunk. What is kept between chunks is bounded by the limit.
///
/// ```
/// let mut decoder = sse::Decoder::new(1024);
/// let mut seen = Vec::new();
/// for chunk in [b"event: ping\r".as_slice(), b"\ndata: {}\r\n\r", b"\ndata: [DO", b"NE]\n\n"] {
///     decoder.push(chunk, &mut |event| seen.push((event.name.map(<[u8]>::to_vec), event.data.to_vec())))?;
/// }
/// assert_eq!(seen, [(Some(b"ping".to_vec()), b"{}".to_vec()), (None, b"[DONE]".to_vec())]);
/// # Ok::<(), sse::EventTooLarge>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    /// The bytes of the line that the last chunk ended in.
    line: Vec<u8>,
    /// What earlier chunks said of the event that is being read.
    event: Kept,
    position: Position,
    /// An event was too large.
    failed: bool,
    /// Bytes searched or copied, and calls.
    #[cfg(test)]
    pub(crate) work: usize,
}

/// Where in the stream the next byte is, as far as it changes that byte's meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// In the first line, which a byte order mark may open.
    FirstLine,
    /// Right after a carriage return: a line feed is the second half of that line end.
    AfterCr,
    /// Anywhere else.
    Elsewhere,
}

/// The parts of an unfinished event that outlive the chunk they came in.
#[derive(Debug, Default)]
struct Kept {
    /// Empty where there is none.
    name: Vec<u8>,
    /// The joined data; meaningful if `has_data`, for data may be empty.
    data: Vec<u8>,
    has_data: bool,
}

/// The parts of an unfinished event that lie in the chunk being read. Each takes precedence over, or follows, what is [`Kept`].
#[derive(Clone, Copy, Default)]
struct Seen<'c> {
    /// A later name replaces an earlier one, even if it is empty.
    name: Option<&'c [u8]>,
    /// Only ever the first data line of an event: a second one moves both to [`Kept`].
    data: Option<&'c [u8]>,
}

/// What one line means.
enum Line<'a> {
    /// The blank line that ends an event.
    Blank,
    Name(&'a [u8]),
    Data(&'a [u8]),
    /// A comment, a field without meaning here, or an unknown one.
    Other,
}

/// Who is told of a stream's events.
pub trait Reader {
    /// One event.
    fn event(&mut self, event: Event<'_>);

    /// Looks at bytes that begin where an event does, and takes whole events off them that it knows without having them decoded. What it leaves
    /// is decoded. An event that is taken ends in its blank line, whose last byte is a line feed, and is no longer than the decoder's limit.
    fn take_known<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        bytes
    }
}

struct EachEvent<'f>(&'f mut dyn FnMut(Event<'_>));

impl Reader for EachEvent<'_> {
    fn event(&mut self, event: Event<'_>) {
        (self.0)(event);
    }
}

impl Seen<'_> {
    const fn is_nothing(&self) -> bool {
        self.name.is_none() && self.data.is_none()
    }
}

impl Decoder {
    /// A decoder for one stream, whose events may each occupy `limit` bytes: its name, its data so far, and the line being read. A comment
    /// is a line too, but is forgotten once read, so any number of them may come.
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            event: Kept { name: Vec::new(), data: Vec::new(), has_data: false },
            position: Position::FirstLine,
            failed: false,
            #[cfg(test)]
            work: 0,
        }
    }

    /// Reads the next bytes and hands on each event that they complete.
    ///
    /// # Errors
    ///
    /// [`EventTooLarge`] once an event exceeds the limit, and from then on always: where the next event begins is no longer known.
    pub fn push(&mut self, chunk: &[u8], on_event: &mut dyn FnMut(Event<'_>)) -> Result<(), EventTooLarge> {
        self.push_to(chunk, &mut EachEvent(on_event))
    }

    /// The same for a reader that may know events by their bytes.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    pub fn push_to(&mut self, chunk: &[u8], reader: &mut impl Reader) -> Result<(), EventTooLarge> {
        let mut rest = chunk;
        let mut seen = Seen::default();
        while !self.failed {
            if self.position == Position::AfterCr && !rest.is_empty() {
                self.position = Position::Elsewhere;
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            if !rest.is_empty() && seen.is_nothing() && !self.has_partial() {
                let unknown = reader.take_known(rest);
                if unknown.len() < rest.len() {
                    self.count(rest.len().saturating_sub(unknown.len()));
                    self.position = Position::Elsewhere;
                    rest = unknown;
                }
            }
            let Some((line, end, after)) = next_line(rest) else {
                self.count(rest.len());
                self.keep(seen, rest);
                break;
            };
            self.count(line.len());
            rest = after;
            self.read_line(line, &mut seen, reader);
            self.position = if end == b'\r' { Position::AfterCr } else { Position::Elsewhere };
        }
        if self.failed { Err(EventTooLarge { limit: self.limit }) } else { Ok(()) }
    }

    /// The stream has ended: hands on the last event if only its end is missing.
    ///
    /// The standard drops an event that no blank line ends. LLM servers exist that end without one after `data: [DONE]`, and that stream is
    /// whole; so what has been read of a last event is handed on, the line that lacks its end included. A reader is not misled by an event
    /// that was cut: the data of LLM streams is a JSON object or `[DONE]`, and no beginning of either is itself one. Whoever cares asks
    /// [`has_partial`](Self::has_partial) first.
    pub fn finish(&mut self, on_event: &mut dyn FnMut(Event<'_>)) {
        if self.failed {
            return;
        }
        let reader = &mut EachEvent(on_event);
        let mut seen = Seen::default();
        if !self.line.is_empty() {
            self.read_line(b"", &mut seen, reader);
        }
        self.dispatch(seen, reader);
        self.position = Position::Elsewhere;
    }

    /// Whether there are bytes of an event that has not been handed on: a stream that ends here ends inside an event. Comments and fields
    /// without meaning do not count once their line is complete.
    pub fn has_partial(&self) -> bool {
        !self.line.is_empty() || self.event.has_data || !self.event.name.is_empty()
    }

    /// Reads one line whose end has been found, and whose beginning may be in an earlier chunk.
    fn read_line<'c>(&mut self, line: &'c [u8], seen: &mut Seen<'c>, reader: &mut impl Reader) {
        if self.exceeds(*seen, line.len()) {
            self.fail();
            return;
        }
        if self.line.is_empty() {
            match self.meaning(line) {
                Line::Blank => self.dispatch(mem::take(seen), reader),
                Line::Name(name) => seen.name = Some(name),
                Line::Data(data) if seen.data.is_none() && !self.event.has_data => seen.data = Some(data),
                Line::Data(data) => {
                    self.keep(mem::take(seen), b"");
                    self.count(data.len());
                    self.event.add_data(data);
                }
                Line::Other => {}
            }
            return;
        }
        // Nothing has been seen in this chunk yet: the line that an earlier chunk began is its first.
        let mut whole = mem::take(&mut self.line);
        whole.extend_from_slice(line);
        self.count(whole.len());
        match self.meaning(&whole) {
            Line::Blank => self.dispatch(Seen::default(), reader),
            Line::Name(name) => self.event.rename(name),
            Line::Data(data) => self.event.add_data(data),
            Line::Other => {}
        }
        whole.clear();
        self.line = whole;
    }

    fn meaning<'a>(&self, line: &'a [u8]) -> Line<'a> {
        let line = match self.position {
            Position::FirstLine => line.strip_prefix(BOM).unwrap_or(line),
            Position::AfterCr | Position::Elsewhere => line,
        };
        if line.is_empty() {
            Line::Blank
        } else if let Some(value) = field_value(line, b"data") {
            Line::Data(value)
        } else if let Some(value) = field_value(line, b"event") {
            Line::Name(value)
        } else {
            Line::Other
        }
    }

    /// The blank line: the event is handed on if it has data, and forgotten either way.
    fn dispatch(&mut self, seen: Seen<'_>, reader: &mut impl Reader) {
        let name = seen.name.unwrap_or(&self.event.name);
        let data = seen.data.or_else(|| self.event.has_data.then_some(self.event.data.as_slice()));
        if let Some(data) = data {
            reader.event(Event { name: Some(name).filter(|name| !name.is_empty()), data });
        }
        self.event.clear();
    }

    /// Copies what the next chunk needs: the parts of the event, and the line that this chunk ends in.
    fn keep(&mut self, seen: Seen<'_>, line: &[u8]) {
        if self.exceeds(seen, line.len()) {
            self.fail();
            return;
        }
        self.count(seen.data.map_or(0, <[u8]>::len));
        if let Some(name) = seen.name {
            self.event.rename(name);
        }
        if let Some(data) = seen.data {
            self.event.add_data(data);
        }
        self.line.extend_from_slice(line);
    }

    /// Whether the event would exceed the limit with that many more bytes of the line that is being read.
    fn exceeds(&self, seen: Seen<'_>, more: usize) -> bool {
        let name = seen.name.map_or(self.event.name.len(), <[u8]>::len);
        let data = self.event.data.len().saturating_add(seen.data.map_or(0, <[u8]>::len));
        name.saturating_add(data).saturating_add(self.line.len()).saturating_add(more) > self.limit
    }

    fn fail(&mut self) {
        self.failed = true;
        self.line = Vec::new();
        self.event = Kept::default();
    }

    /// The bytes allocated.
    #[cfg(test)]
    pub(crate) const fn held(&self) -> usize {
        self.line
            .capacity()
            .saturating_add(self.event.name.capacity())
            .saturating_add(self.event.data.capacity())
    }

    /// Lets a test tell linear work from quadratic. Does nothing elsewhere.
    fn count(&mut self, bytes: usize) {
        #[cfg(test)]
        {
            self.work = self.work.saturating_add(bytes).saturating_add(1);
        }
        #[cfg(not(test))]
        let _ = bytes;
    }
}

impl Kept {
    fn rename(&mut self, name: &[u8]) {
        self.name.clear();
        self.name.extend_from_slice(name);
    }

    fn add_data(&mut self, line: &[u8]) {
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(line);
    }

    fn clear(&mut self) {
        self.name.clear();
        self.data.clear();
        self.has_data = false;
    }
}

/// The bytes up to the first line end, that end's first byte, and the bytes after it.
fn next_line(bytes: &[u8]) -> Option<(&[u8], u8, &[u8])> {
    let at = memchr::memchr2(b'\n', b'\r', bytes)?;
    let (line, end_and_rest) = bytes.split_at_checked(at)?;
    let (end, rest) = end_and_rest.split_first()?;
    Some((line, *end, rest))
}

/// The value of a line if it is of that field: what follows the colon and one optional space. A line that is the bare name has an empty one.
///
/// For whoever edits a stream and so needs to know where its parts are; [`Decoder`] says only what they are.
pub fn field_value<'a>(line: &'a [u8], field: &[u8]) -> Option<&'a [u8]> {
    match line.strip_prefix(field)? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}
