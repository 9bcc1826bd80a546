//! What one event says of its model and of the stream's end.
//!
//! A stream's OpenAI chunks begin alike: id, object, creation time, model. So the bytes of one chunk up to its model's name are kept, and
//! the next chunk is first compared with them: if it begins so, its model's name is where the other's was, without a look at the JSON. Equal
//! bytes from the beginning of an object on mean an equal place in it, so this is as exact as a parser. Only where the beginning differs is
//! the object walked. Nothing is assumed of the order of keys; a server that puts the model last is merely slower.

use std::ops::Range;

use llm_api::Dialect;
use memchr::memmem::Finder;
use serde::de::IgnoredAny;

use super::cursor;
use super::cutter::Fields;
use super::rename::json_string;

/// A longer beginning than this is not kept: copying it would cost more than it saves.
const BEGINNING_LIMIT: usize = 1024;

/// Reads the events of one stream.
#[derive(Debug)]
pub(super) struct Reader {
    dialect: Dialect,
    /// The name the client knows, as a JSON string.
    model: Vec<u8>,
    /// How an earlier event's data began, its model's name included. Empty until there was one.
    beginning: Vec<u8>,
    /// Where in `beginning` the name starts.
    model_at: usize,
    error_key: Finder<'static>,
}

/// What was found in an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Where in the event a model's name stands that must change, as a JSON string with its quotes.
    pub(super) model: Option<Range<usize>>,
    pub(super) last: Option<Last>,
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
            beginning: Vec::new(),
            model_at: 0,
            error_key: Finder::new(b"\"error\""),
        }
    }

    /// The name the client knows, as a JSON string.
    pub(super) fn model(&self) -> &[u8] {
        &self.model
    }

    /// Reads an event, whose data may be cut.
    pub(super) fn read(&mut self, event: &[u8], fields: &Fields) -> Found {
        let name = fields.name.clone().and_then(|name| event.get(name));
        match fields.data.as_slice() {
            [] => Found::default(),
            [line] => {
                let found = self.read_data(name, event.get(line.clone()).unwrap_or_default());
                Found { model: found.model.and_then(|model| shift(&model, line)), ..found }
            }
            lines => {
                let found = self.read_data(name, &joined(event, lines));
                Found { model: found.model.and_then(|model| in_line(lines, &model)), ..found }
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
            return Found { model: None, last: Some(Last::Terminal) };
        }
        let model = if !self.beginning.is_empty() && data.starts_with(&self.beginning) {
            Some(self.model_at..self.beginning.len())
        } else {
            let model = cursor::find_string(data, &["model"]);
            self.learn(data, model.as_ref());
            model
        };
        // Hardly an event contains the key at any depth, so the object is walked for it only where one does.
        let last = (self.error_key.find(data).is_some() && has_error(data)).then_some(Last::Error);
        Found { model: self.other_than_wanted(data, model), last }
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
                Found { model: self.other_than_wanted(data, model), last: None }
            }
            Some(b"message_stop") => Found { model: None, last: Some(Last::Terminal) },
            Some(b"error") => Found { model: None, last: Some(Last::Error) },
            _ => Found::default(),
        }
    }

    fn other_than_wanted(&self, data: &[u8], model: Option<Range<usize>>) -> Option<Range<usize>> {
        model.filter(|model| data.get(model.clone()) != Some(&self.model))
    }

    fn learn(&mut self, data: &[u8], model: Option<&Range<usize>>) {
        let Some(model) = model.filter(|model| model.end <= BEGINNING_LIMIT) else { return };
        self.beginning.clear();
        self.beginning.extend_from_slice(data.get(..model.end).unwrap_or_default());
        self.model_at = model.start;
    }
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
