//! Where the events of a stream and their fields lie, found as the bytes come in.

use std::ops::Range;

/// Reads each byte of a stream once, in whatever pieces, and tells where events end. Unlike [`sse::Decoder`] it says where things are and
/// not what they are, so that everything else can stay as it is.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    /// What has been found in the event so far.
    fields: Fields,
    /// How far the event has been read.
    read: usize,
    /// Where its current line begins.
    line: usize,
    /// The current line began in bytes that have been forgotten.
    line_open: bool,
    /// The last byte read was a carriage return: a line feed is the second half of that line end.
    after_cr: bool,
    /// The stream's first line, which a byte order mark may open, is not at the beginning of the bytes given.
    past_beginning: bool,
}

/// The fields of one event, as ranges of its bytes.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// The value of the last `event:` line.
    pub(super) name: Option<Range<usize>>,
    /// The value of each `data:` line.
    pub(super) data: Vec<Range<usize>>,
}

impl Cutter {
    /// Whether nothing of an event has been read yet.
    pub(super) const fn at_beginning(&self) -> bool {
        self.read == 0 && !self.line_open
    }

    /// Reads on in an event, given all of its bytes that are known; its length once its blank line has been read. A line end of two bytes
    /// is over at its carriage return, for the line feed may be long in coming; it then looks like one more blank line.
    pub(super) fn read(&mut self, event: &[u8]) -> Option<usize> {
        loop {
            let rest = event.get(self.read..)?;
            if self.after_cr && !rest.is_empty() {
                self.after_cr = false;
                if rest.first() == Some(&b'\n') {
                    self.read = self.read.saturating_add(1);
                    self.line = self.read;
                    continue;
                }
            }
            let Some(at) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.read = event.len();
                return None;
            };
            let end = self.read.saturating_add(at);
            self.after_cr = rest.get(at) == Some(&b'\r');
            self.read = end.saturating_add(1);
            if self.end_line(event, end) == LineEnd::OfEvent {
                return Some(self.read);
            }
            self.line = self.read;
        }
    }

    /// The stream has ended inside this event: its last line counts as a line.
    pub(super) fn close(&mut self, event: &[u8]) -> &Fields {
        self.end_line(event, event.len());
        &self.fields
    }

    /// The fields of the event that has been read.
    pub(super) const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The next byte begins a new event, or is the rest of the line end of the last one, which makes no difference.
    pub(super) fn next_event(&mut self) {
        self.fields.name = None;
        self.fields.data.clear();
        self.read = 0;
        self.line = 0;
        self.line_open = false;
        self.after_cr = false;
        self.past_beginning = true;
    }

    /// The bytes read so far are gone, and what comes continues the event without them. Its fields mean nothing from here on.
    pub(super) fn forget_read(&mut self) {
        self.line_open |= self.line < self.read;
        self.read = 0;
        self.line = 0;
        self.fields = Fields::default();
        self.past_beginning = true;
    }

    /// The fields that the first bytes of an event have, whether or not more follow; `self` has read the same event from its beginning.
    pub(super) fn fields_of_part(&self, part: &[u8]) -> Fields {
        let mut cutter = Self { past_beginning: self.past_beginning, ..Self::default() };
        cutter.read(part);
        cutter.close(part);
        cutter.fields
    }

    fn end_line(&mut self, event: &[u8], end: usize) -> LineEnd {
        let mut line = event.get(self.line..end).unwrap_or_default();
        if self.line == 0 && !self.past_beginning {
            line = line.strip_prefix(sse::BOM).unwrap_or(line);
        }
        if std::mem::take(&mut self.line_open) {
            return LineEnd::OfLine;
        }
        if line.is_empty() {
            return LineEnd::OfEvent;
        }
        let span = |value: &[u8]| end.saturating_sub(value.len())..end;
        if let Some(value) = sse::field_value(line, b"data") {
            self.fields.data.push(span(value));
        } else if let Some(value) = sse::field_value(line, b"event") {
            self.fields.name = Some(span(value)).filter(|name| !name.is_empty());
        }
        LineEnd::OfLine
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    OfLine,
    OfEvent,
}
