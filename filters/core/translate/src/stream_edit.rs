//! What a client's own dialect needs done to a stream that already speaks it: the model's name, and an honest end.
//!
//! A provider that speaks the client's dialect needs no translator. Two things remain: every event must name the model that the client
//! asked for, not the one that the provider calls its own; and a stream that ends without its terminal event, which looks as clean as a
//! whole one, must end in an error that the client's SDK raises. Everything else goes through byte for byte: comments, unknown fields, the
//! order of keys, white space, line ends.
//!
//! This runs for every event of every such stream, so the common event costs one comparison with an earlier one, a look at its text, and one
//! copy, and no copy at all where the name is right already: see [`likeness`]. What is written otherwise is for the [`reader`].

mod cursor;
mod cutter;
mod likeness;
mod reader;
mod rename;
#[cfg(test)]
mod tests;

use std::mem;
use std::ops::Range;

use llm_api::{ApiError, Dialect, ErrorKind};

use crate::End;

use cutter::Cutter;
use reader::{Alike, Found, Last, Reader, Unasked};

pub use rename::{BodyEdit, edit, rename_response, splice};

/// What may be withheld of an event that is not complete yet. The first events of a stream, and all that name a model, are a few hundred
/// bytes; larger ones carry audio or images, and a client should not wait for their ends.
const EVENT_LIMIT: usize = 64 * 1024;

/// Edits one stream.
///
/// Its output is the same however the stream is chunked. Of an incomplete event nothing is passed on, so that what follows a cut is never
/// read as part of it. An event of more than 64 KiB is the exception: its model is renamed if it is named within the first 64 KiB, and all
/// of it flows from there on.
#[derive(Debug)]
pub struct StreamEdit {
    dialect: Dialect,
    reader: Reader,
    cutter: Cutter,
    /// The bytes of the event that the last chunk ended in.
    held: Vec<u8>,
    place: Place,
    /// What the stream has said about its end so far.
    last: Option<Last>,
}

/// What becomes of a chunk.
#[must_use = "a chunk that was replaced must not go on"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The chunk goes on as it is. Nothing was appended.
    Unchanged,
    /// What was appended goes on in the chunk's place. That may be nothing.
    Replaced,
}

/// Where the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In an event that is withheld until it is complete, or at its beginning.
    Event,
    /// In an event that was too large to withhold. What its beginning said of the stream's end holds once it is complete.
    Flowing(Option<Last>),
}

/// How far the bytes at hand have been dealt with.
struct Progress {
    /// The bytes from here to `held_from` go on as they are, and have not been copied yet.
    copied: usize,
    /// The bytes from here on are withheld.
    held_from: usize,
}

/// Bytes that are copied with some of them replaced. Nothing is copied before the first of these.
struct Copying<'b> {
    bytes: &'b [u8],
    /// Up to where they have been copied.
    copied: usize,
    out: &'b mut Vec<u8>,
}

impl Copying<'_> {
    /// Puts a text in the place of a span of the event that starts there. As a call it costs thirty instructions more.
    #[inline(always)]
    fn replace(&mut self, start: usize, span: &Range<usize>, text: &[u8]) {
        let Self { bytes, copied, out } = self;
        if *copied == 0 {
            // Names are of a length: what comes out is about as long as what came in.
            out.reserve(bytes.len());
        }
        out.extend_from_slice(bytes.get(*copied..start.saturating_add(span.start)).unwrap_or_default());
        // Even to copy nothing is a call in WebAssembly.
        if !text.is_empty() {
            out.extend_from_slice(text);
        }
        *copied = start.saturating_add(span.end);
    }
}

impl StreamEdit {
    /// For one stream of that dialect, whose client asked for that model.
    pub fn new(dialect: Dialect, model: String) -> Self {
        Self {
            dialect,
            reader: Reader::new(dialect, &model),
            cutter: Cutter::default(),
            held: Vec::new(),
            place: Place::Event,
            last: None,
        }
    }

    /// The same without the usage that OpenAI's streams carry where it was asked for: the event that is only a report, and a `usage` in any
    /// other. For a client that did not ask for it.
    #[must_use]
    pub fn without_usage(mut self) -> Self {
        self.reader.drop_usage();
        self
    }

    /// Takes the next bytes of the stream. What they become goes on instead of them: see [`Edit`].
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Edit {
        if self.held.is_empty() {
            let progress = self.edit(chunk, out);
            if progress.copied == 0 && progress.held_from == chunk.len() {
                return Edit::Unchanged;
            }
            out.extend_from_slice(chunk.get(progress.copied..progress.held_from).unwrap_or_default());
            self.held.extend_from_slice(chunk.get(progress.held_from..).unwrap_or_default());
            return Edit::Replaced;
        }
        let mut bytes = mem::take(&mut self.held);
        bytes.extend_from_slice(chunk);
        let progress = self.edit(&bytes, out);
        out.extend_from_slice(bytes.get(progress.copied..progress.held_from).unwrap_or_default());
        // What stays is an event's beginning: all of the bytes if it has not ended, else a part of this chunk. Either way, moving it costs
        // no more than the chunk.
        bytes.drain(..progress.held_from.min(bytes.len()));
        self.held = bytes;
        Edit::Replaced
    }

    /// The stream has ended cleanly. Appends what must still be sent: an error in the client's dialect if the terminal event did not come
    /// and no error of the provider's did.
    ///
    /// A last event without its blank line counts if it is the terminal event or an error and its data is whole: some servers end so. The
    /// blank line is then added, since a client's SDK waits for it. Any other unfinished event was cut, and is dropped.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> End {
        let held = mem::take(&mut self.held);
        if self.last.is_none() {
            let found = self.reader.read_cut(&held, self.cutter.close(&held));
            if found.last.is_some() {
                self.last = found.last;
                let model = found.model.unwrap_or_default();
                let name = if model.is_empty() { &[] } else { self.reader.model() };
                out.extend_from_slice(held.get(..model.start).unwrap_or_default());
                out.extend_from_slice(name);
                out.extend_from_slice(held.get(model.end..).unwrap_or_default());
                out.extend_from_slice(if held.ends_with(b"\n") { b"\n" } else { b"\n\n" });
            }
        }
        match self.last {
            Some(Last::Terminal) => End::Complete,
            Some(Last::Error) => End::Broken,
            None => {
                if self.place != Place::Event {
                    out.extend_from_slice(b"\n\n");
                }
                self.write_interrupted(out);
                self.last = Some(Last::Error);
                End::Broken
            }
        }
    }

    /// Goes through the bytes event by event. They begin where an event does, or where a flowing one goes on.
    fn edit(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Progress {
        let mut copying = Copying { bytes, copied: 0, out };
        let mut start = 0_usize;
        loop {
            start = self.pass_known(&mut copying, start);
            let rest = bytes.get(start..).unwrap_or_default();
            let (length, found) = match self.read_alike(rest) {
                Some(Alike { length, found }) => (Some(length), found),
                None => {
                    let length = self.cutter.read(rest);
                    let found = match (self.place, length) {
                        (Place::Flowing(_), None) => {
                            self.cutter.forget_read();
                            return Progress { copied: copying.copied, held_from: bytes.len() };
                        }
                        (Place::Flowing(last), Some(_)) => Found { last, ..Found::default() },
                        (Place::Event, None) if rest.len() < EVENT_LIMIT => {
                            return Progress { copied: copying.copied, held_from: start };
                        }
                        (Place::Event, Some(length)) if length <= EVENT_LIMIT => {
                            self.reader.read(rest.get(..length).unwrap_or_default(), self.cutter.fields())
                        }
                        (Place::Event, _) => {
                            // The same first bytes are read whatever else is at hand, so that the chunks make no difference.
                            let part = rest.get(..EVENT_LIMIT).unwrap_or_default();
                            self.reader.read(part, &self.cutter.fields_of_part(part))
                        }
                    };
                    (length, found)
                }
            };
            self.apply(&found, start, length, &mut copying);
            let Some(length) = length else {
                self.place = Place::Flowing(found.last);
                self.cutter.forget_read();
                return Progress { copied: copying.copied, held_from: bytes.len() };
            };
            self.place = Place::Event;
            self.last = self.last.or(found.last);
            self.cutter.next_event();
            start = start.saturating_add(length);
        }
    }

    /// Passes the events that are written like an earlier one, and does to them what was done to that. Says where the next event starts.
    fn pass_known(&self, copying: &mut Copying<'_>, mut start: usize) -> usize {
        let Some(likeness) = self.reader.likeness().filter(|_| self.is_at_beginning()) else {
            return start;
        };
        while let Some(known) = copying.bytes.get(start..).and_then(|rest| likeness.read(rest))
            && known.length <= EVENT_LIMIT
        {
            if let Some(model) = likeness.model() {
                copying.replace(start, model, self.reader.model());
            }
            if let Some(usage) = likeness.usage(&known) {
                copying.replace(start, &usage, b"");
            }
            start = start.saturating_add(known.length);
        }
        start
    }

    fn is_at_beginning(&self) -> bool {
        self.place == Place::Event && self.cutter.at_beginning()
    }

    /// Does to the event that starts there what was found to be needed.
    fn apply(&self, found: &Found, start: usize, length: Option<usize>, copying: &mut Copying<'_>) {
        let model = found.model.as_ref().map(|model| (model, self.reader.model()));
        let (first, second) = match (&found.usage, length) {
            (None, _) => (model, None),
            // Of an event that is only usage nothing goes on. One that flows has begun to.
            (Some(Unasked::Event), Some(length)) => (Some((&(0..length), &[][..])), None),
            (Some(Unasked::Event), None) => (model, None),
            (Some(Unasked::Member(member)), _) => {
                let member = (member, &[][..]);
                match model {
                    Some(model) if model.0.start <= member.0.start => (Some(model), Some(member)),
                    Some(model) => (Some(member), Some(model)),
                    None => (Some(member), None),
                }
            }
        };
        for (span, text) in [first, second].into_iter().flatten() {
            copying.replace(start, span, text);
        }
    }

    /// The event with which the bytes begin, where its bytes alone tell what it says.
    fn read_alike(&mut self, bytes: &[u8]) -> Option<Alike> {
        self.is_at_beginning()
            .then(|| self.reader.read_alike(bytes))
            .flatten()
            .filter(|alike| alike.length <= EVENT_LIMIT)
    }

    /// The error that an SDK raises where otherwise it would take the beginning of an answer for the whole. No finish reason and no
    /// `[DONE]`: those would say that the answer is whole.
    fn write_interrupted(&self, out: &mut Vec<u8>) {
        let error = ApiError::new(
            ErrorKind::BadGateway,
            "The provider's stream ended before its answer was complete.",
        )
        .with_code("stream_interrupted");
        let name = match self.dialect {
            Dialect::OpenAi => None,
            Dialect::Anthropic => Some("error"),
        };
        sse::write_event(out, name, error.body(self.dialect).as_bytes());
    }
}
