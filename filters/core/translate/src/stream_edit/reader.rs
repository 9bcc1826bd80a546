//! What one event says of its model and of the stream's end.
//!
//! A stream's OpenAI chunks begin alike: id, object, creation time, model. So the bytes of one chunk up to its model's name are kept, and
//! the next chunk is first compared with them: if it begins so, its model's name is where the other's was, without a look at the JSON. Equal
//! bytes from the beginning of an object on mean an equal place in it, so this is as exact as a parser. Only where the beginning differs is
//! the object walked. Nothing is assumed of the order of keys; a server that puts the model last is merely slower. Where such a chunk is
//! also framed as usual, one line of data and a blank one, its fields need not be looked for either: see [`Reader::read_alike`].

use std::ops::Range;

use llm_api::Dialect;
use memchr::memmem::Finder;
use serde::de::IgnoredAny;

use super::cursor;
use super::cutter::Fields;
use super::likeness::Likeness;
use super::rename::json_string;
use crate::bytes::behind;

/// A longer beginning than this is not kept: copying it would cost more than it saves.
const BEGINNING_LIMIT: usize = 1024;

/// How often it is remembered how an event was written, which takes a parser: a stream has a few kinds of events, one after the other. One
/// that has more of them, or the same in turns, is read as it would be without.
const MAX_LIKENESSES: u8 = 8;

/// Reads the events of one stream.
#[derive(Debug)]
pub(super) struct Reader {
    dialect: Dialect,
    /// The name the client knows, as a JSON string.
    model: Vec<u8>,
    /// Whether the client did not ask for usage, so that what says it must go.
    usage: Wanted,
    /// How an earlier event began.
    beginning: Option<Beginning>,
    /// How an earlier event was written.
    likeness: Option<Likeness>,
    /// How many more likenesses are remembered.
    likenesses_left: u8,
    error_key: Finder<'static>,
    usage_key: Finder<'static>,
}

/// Whether the client asked for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Yes,
    No,
}

/// How the data of an event began, up to its model's name and on one line.
#[derive(Debug)]
struct Beginning {
    data: Vec<u8>,
    /// Where in the data the name starts; it ends where the data does.
    model_at: usize,
    /// Whether it is another name than the client knows.
    renamed: bool,
}

/// An event that begins as an earlier one did, and what was found in it.
#[derive(Debug)]
pub(super) struct Alike {
    /// How many bytes it has, its blank line included.
    pub(super) length: usize,
    pub(super) found: Found,
}

/// What was found in an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Where in the event a model's name stands that must change, as a JSON string with its quotes.
    pub(super) model: Option<Range<usize>>,
    /// Usage that the client did not ask for.
    pub(super) usage: Option<Unasked>,
    pub(super) last: Option<Last>,
}

/// What of an event must go because it is there only for the sake of usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unasked {
    /// A member of its object, with a comma.
    Member(Range<usize>),
    /// All of it: there is no choice in it.
    Event,
}

/// An event after which nothing has to be said about the stream's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// The dialect's terminal event: the answer is whole.
    Terminal,
    /// The provider's own error: the client has been told.
    Error,
}

impl Reader {
    pub(super) fn new(dialect: Dialect, model: &str) -> Self {
        Self {
            dialect,
            model: json_string(model),
            usage: Wanted::Yes,
            beginning: None,
            likeness: None,
            likenesses_left: MAX_LIKENESSES,
            error_key: Finder::new(b"\"error\""),
            usage_key: Finder::new(b"\"usage\""),
        }
    }

    /// From now on usage goes that OpenAI's streams have when it was asked for.
    pub(super) fn drop_usage(&mut self) {
        self.usage = Wanted::No;
    }

    /// The name the client knows, as a JSON string.
    pub(super) fn model(&self) -> &[u8] {
        &self.model
    }

    /// How an earlier event was written: one that is written so need not be read.
    pub(super) const fn likeness(&self) -> Option<&Likeness> {
        self.likeness.as_ref()
    }

    /// Reads the event with which the bytes begin, if it is whole and nothing but one line of data that begins as an earlier event's did. That is
    /// so for nearly every event of a stream: it is told by its bytes alone, and what is found is what [`read`](Self::read) would find.
    pub(super) fn read_alike(&mut self, bytes: &[u8]) -> Option<Alike> {
        const FIELD: &[u8] = b"data: ";
        const END: &[u8] = b"\n\n";
        let beginning = self.beginning.as_ref()?;
        let data = bytes.strip_prefix(FIELD)?;
        let rest = behind(data, &beginning.data)?;
        let line_end = memchr::memchr2(b'\n', b'\r', rest)?;
        let after_event = rest.get(line_end..)?.strip_prefix(END)?;

        let length = bytes.len().checked_sub(after_event.len())?;
        let model_at = FIELD.len().checked_add(beginning.model_at)?;
        let model_end = FIELD.len().checked_add(beginning.data.len())?;
        let line = data.get(..beginning.data.len().checked_add(line_end)?)?;
        let error = self.error_key.find(line).is_some() && has_error(line);
        let usage = match self.usage {
            Wanted::Yes => None,
            Wanted::No => {
                let usage = self.unasked_at_the_end(line);
                usage.map_or_else(|| self.unasked(line), |usage| Some(Unasked::Member(usage)))
            }
        };
        let found = Found {
            model: beginning.renamed.then_some(model_at..model_end),
            usage: usage.and_then(|usage| usage.shifted(FIELD.len())),
            last: error.then_some(Last::Error),
        };
        if let Some(left) = self.likenesses_left.checked_sub(1) {
            self.likenesses_left = left;
            self.likeness = Likeness::of(bytes.get(..length)?, line, &found);
        }
        Some(Alike { length, found })
    }

    /// `,"usage":null` as the last member, or the last before OpenAI's padding: that is how OpenAI itself ends every event but one where usage
    /// was asked for.
    ///
    /// What closes the object right behind it says that it is a member of the whole; that it is no part of a string is said by the comma: a
    /// quote inside a string has a backslash before it.
    fn unasked_at_the_end(&self, data: &[u8]) -> Option<Range<usize>> {
        const MEMBER: &[u8] = b",\"usage\":null";
        let members = data.strip_suffix(b"}")?;
        let rest = without_padding(members).unwrap_or(members).strip_suffix(MEMBER)?;
        Some(rest.len()..rest.len().checked_add(MEMBER.len())?)
    }

    /// What of an OpenAI event is there only for the sake of usage.
    fn unasked(&self, data: &[u8]) -> Option<Unasked> {
        self.usage_key.find(data)?;
        let usage = cursor::find_member(data, "usage")?;
        let is_report = data.get(usage.value.start) == Some(&b'{');
        let choices = cursor::find(data, &["choices"]).and_then(|choices| data.get(choices));
        let no_choice = choices.is_none_or(|choices| match choices {
            [b'[', inside @ .., b']'] => inside.trim_ascii().is_empty(),
            other => other == b"null",
        });
        Some(if is_report && no_choice { Unasked::Event } else { Unasked::Member(usage.whole) })
    }

    /// Reads an event, whose data may be cut.
    pub(super) fn read(&mut self, event: &[u8], fields: &Fields) -> Found {
        let name = fields.name.clone().and_then(|name| event.get(name));
        match fields.data.as_slice() {
            [] => Found::default(),
            [line] => {
                let found = self.read_data(name, event.get(line.clone()).unwrap_or_default());
                Found {
                    model: found.model.and_then(|model| shift(&model, line)),
                    usage: found.usage.and_then(|usage| usage.shifted(line.start)),
                    last: found.last,
                }
            }
            lines => {
                let found = self.read_data(name, &joined(event, lines));
                Found {
                    model: found.model.and_then(|model| in_line(lines, &model)),
                    usage: found.usage.and_then(|usage| match usage {
                        Unasked::Member(member) => in_line(lines, &member).map(Unasked::Member),
                        Unasked::Event => Some(Unasked::Event),
                    }),
                    last: found.last,
                }
            }
        }
    }

    /// Reads the event that a stream ended in. It says something of the end only if its data is whole.
    pub(super) fn read_cut(&mut self, event: &[u8], fields: &Fields) -> Found {
        let data = joined(event, &fields.data);
        let found = self.read(event, fields);
        let whole = data.starts_with(DONE) || serde_json::from_slice::<IgnoredAny>(&data).is_ok();
        Found { last: found.last.filter(|_| whole), ..found }
    }

    /// Reads an event's data; the span is one of the data.
    fn read_data(&mut self, name: Option<&[u8]>, data: &[u8]) -> Found {
        match self.dialect {
            Dialect::OpenAi => self.read_openai(data),
            Dialect::Anthropic => self.read_anthropic(name, data),
        }
    }

    fn read_openai(&mut self, data: &[u8]) -> Found {
        if data.starts_with(DONE) {
            return Found { last: Some(Last::Terminal), ..Found::default() };
        }
        let alike = self.beginning.as_ref().filter(|beginning| behind(data, &beginning.data).is_some());
        let model = match alike {
            Some(beginning) => Some(beginning.model_at..beginning.data.len()),
            None => {
                let model = cursor::find_string(data, &["model"]);
                self.learn(data, model.as_ref());
                model
            }
        };
        // Hardly an event contains the key at any depth, so the object is walked for it only where one does.
        let last = (self.error_key.find(data).is_some() && has_error(data)).then_some(Last::Error);
        let usage = if self.usage == Wanted::No { self.unasked(data) } else { None };
        Found { model: self.other_than_wanted(data, model), usage, last }
    }

    fn read_anthropic(&self, name: Option<&[u8]>, data: &[u8]) -> Found {
        // Anthropic's SDKs go by the event's name; where a server leaves it out, its data says the same.
        let kind = name.or_else(|| {
            let kind = data.get(cursor::find_string(data, &["type"])?)?;
            kind.strip_prefix(b"\"")?.strip_suffix(b"\"")
        });
        match kind {
            Some(b"message_start") => {
                let model = cursor::find_string(data, &["message", "model"]);
                Found { model: self.other_than_wanted(data, model), ..Found::default() }
            }
            Some(b"message_stop") => Found { last: Some(Last::Terminal), ..Found::default() },
            Some(b"error") => Found { last: Some(Last::Error), ..Found::default() },
            _ => Found::default(),
        }
    }

    fn other_than_wanted(&self, data: &[u8], model: Option<Range<usize>>) -> Option<Range<usize>> {
        model.filter(|model| data.get(model.clone()) != Some(&self.model))
    }

    fn learn(&mut self, data: &[u8], model: Option<&Range<usize>>) {
        let Some(model) = model.filter(|model| model.end <= BEGINNING_LIMIT) else { return };
        let Some(data) = data.get(..model.end).filter(|data| !data.contains(&b'\n')) else { return };
        let renamed = data.get(model.clone()) != Some(&self.model);
        self.beginning = Some(Beginning { data: data.to_vec(), model_at: model.start, renamed });
    }
}

impl Unasked {
    /// The same of bytes that begin so much earlier.
    fn shifted(self, by: usize) -> Option<Self> {
        match self {
            Self::Member(member) => {
                Some(Self::Member(member.start.checked_add(by)?..member.end.checked_add(by)?))
            }
            Self::Event => Some(Self::Event),
        }
    }
}

/// What is before `,"obfuscation":"…"`, where that is the last member. A quote or a backslash in it would end the search too early, and what is
/// before it there is no key.
fn without_padding(members: &[u8]) -> Option<&[u8]> {
    let (text, quote) = members.split_last_chunk::<1>()?;
    let start = memchr::memrchr2(b'"', b'\\', text).filter(|_| *quote == [b'"'])?;
    text.get(..=start)?.strip_suffix(b",\"obfuscation\":\"")
}

/// How the data of OpenAI's terminal event begins. Its SDKs ask for no more than that.
const DONE: &[u8] = b"[DONE]";

/// Whether an object's `error` is one that OpenAI's SDKs raise: any value that Python takes for true.
fn has_error(data: &[u8]) -> bool {
    let value = cursor::find(data, &["error"]).and_then(|error| data.get(error)).unwrap_or(b"null");
    let empty = matches!(value, [b'{', inside @ .., b'}'] | [b'[', inside @ .., b']'] if inside.trim_ascii().is_empty());
    !empty && !matches!(value, b"null" | b"false" | b"0" | b"\"\"")
}

/// The data of several lines, as an SSE decoder joins it.
fn joined(event: &[u8], lines: &[Range<usize>]) -> Vec<u8> {
    let lines: Vec<&[u8]> = lines.iter().filter_map(|line| event.get(line.clone())).collect();
    lines.join(&b'\n')
}

/// A span of joined data as one of the event. It must lie inside one line, as every JSON string does.
fn in_line(lines: &[Range<usize>], span: &Range<usize>) -> Option<Range<usize>> {
    let mut before = 0_usize;
    for line in lines {
        let after = before.checked_add(line.len())?;
        if span.end <= after {
            let inside = span.start.checked_sub(before)?..span.end.checked_sub(before)?;
            return shift(&inside, line);
        }
        before = after.checked_add(1)?;
    }
    None
}

/// A span of a line as one of the event.
fn shift(span: &Range<usize>, line: &Range<usize>) -> Option<Range<usize>> {
    Some(line.start.checked_add(span.start)?..line.start.checked_add(span.end)?)
}
