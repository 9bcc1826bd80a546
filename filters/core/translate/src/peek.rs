//! The little that has to be known of a request before anyone decides where it goes.

use std::{borrow::Cow, fmt, ops::Range};

use llm_api::{ApiError, Dialect, Members, Text};
use serde::{
    Deserializer as _,
    de::{self, IgnoredAny, MapAccess},
};
use serde_json::value::RawValue;

use crate::{BodyEdit, json};

/// What routing needs to know of a request, and where its model's name stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPeek<'a> {
    /// The model's name.
    pub model: Cow<'a, str>,
    /// Where in the body the name stands, as a JSON string with its quotes.
    pub model_span: Range<usize>,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Whether a stream shall end with usage. Always so in Anthropic's dialect.
    pub include_usage: bool,
    /// What makes of the request one whose stream ends with usage. `None` where it does already, and where no stream is asked for.
    pub usage_edit: Option<BodyEdit>,
    /// How long the answer may become.
    pub completion: CompletionLimit,
}

/// How long an answer may become, as its request says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompletionLimit {
    /// The most tokens of one choice; `None` where the request does not say, or where nobody knows what it says: a negative number, or none at
    /// all. Of OpenAI's two names for it the larger number.
    pub tokens: Option<u64>,
    /// How many choices are asked for, at least one. Each may be as long.
    pub choices: u64,
    /// What says so.
    fields: Vec<Field>,
    /// Where a field can be put.
    insert_at: usize,
    /// The name of the one that would be.
    name: &'static str,
}

/// A field that limits an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    span: Range<usize>,
    /// Whether it is the one that would be put in.
    present_name: bool,
    says: Says,
}

/// What a field that should be a whole number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// `null`, which is as if it were not there.
    Nothing,
    /// A number, rounded up. Many servers take `1e5` and `"100000"` for what they mean, so they are read as that.
    Number(u64),
    /// Something that each server understands in its own way; to some a negative number is no limit at all.
    Unclear,
}

impl CompletionLimit {
    /// What makes of the request one whose choices are no longer than that. Nothing where they are not anyway.
    ///
    /// A limit that is absent is put in under the API's present name for it: `max_completion_tokens` (OpenAI), `max_tokens` (Anthropic). It
    /// never stands beside another of that name, of which a server might take either.
    pub fn at_most(&self, tokens: u64) -> Vec<BodyEdit> {
        let number = || tokens.to_string().into_bytes();
        let replaced = |field: &Field| BodyEdit { span: field.span.clone(), text: number() };
        if self.fields.iter().all(|field| field.says == Says::Nothing) {
            if let Some(null) = self.fields.iter().find(|field| field.present_name) {
                return vec![replaced(null)];
            }
            let member = format!("\"{}\":{tokens},", self.name);
            return vec![BodyEdit { span: self.insert_at..self.insert_at, text: member.into_bytes() }];
        }
        let larger = |field: &&Field| match field.says {
            Says::Nothing => false,
            Says::Number(asked) => asked > tokens,
            Says::Unclear => true,
        };
        self.fields.iter().filter(larger).map(replaced).collect()
    }
}

impl Says {
    fn of(value: &RawValue) -> Self {
        // What nearly all of them are.
        if let Ok(number) = value.get().parse::<u64>() {
            return Self::Number(number);
        }
        let text = match json::string(value) {
            Some(text) => text,
            None if json::is_null(value) => return Self::Nothing,
            None => value.get().into(),
        };
        let text = text.trim();
        if let Ok(number) = text.parse::<u64>() {
            return Self::Number(number);
        }
        match serde_json::from_str::<f64>(text) {
            // A cast saturates.
            Ok(number) if number >= 0.0 => Self::Number(number.ceil() as u64),
            // Beyond what a double holds.
            Err(_) if is_digits(text) => Self::Number(u64::MAX),
            _ => Self::Unclear,
        }
    }

    const fn number(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Nothing | Self::Unclear => None,
        }
    }
}

/// Whether a text that no number was read from is one nevertheless: `1e999`.
fn is_digits(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+'))
}

/// Reads what routing needs in one pass over the body, without building it up in memory and in bounded stack.
///
/// What it does not read it does not judge, beyond being JSON: the messages are for the translation, or the provider.
///
/// # Errors
///
/// [`InvalidRequest`](llm_api::ErrorKind::InvalidRequest) where the body is no JSON object, or one whose `model`,
/// `stream`, `stream_options`, `n` or limit of tokens is given twice, or in another spelling, or that has no `model`, or one of the first three has the
/// wrong type. A name given twice is refused because this reader and the provider's might each take another one: the
/// budget would be charged for one model, and another would answer.
pub fn peek<'a>(dialect: Dialect, body: &'a [u8]) -> Result<RequestPeek<'a>, ApiError> {
    let found = match passed_over(dialect, body) {
        Some(found) => found,
        None => parsed(dialect, json::utf8(body)?)?,
    };

    let model = found.model.ok_or_else(no_model)?;
    let name = json::string(model).ok_or_else(model_is_no_string)?;
    if name.len() > MAX_MODEL_BYTES {
        return Err(model_is_too_long());
    }
    // An object with a model has a first member, before which another can stand.
    let insert_at = body.iter().position(|byte| *byte == b'{').map_or(0, |brace| brace.saturating_add(1));
    let stream = flag(found.stream, "stream")?;
    let (include_usage, usage_edit) = match dialect {
        Dialect::OpenAi => {
            let asked = include_usage(found.stream_options)?;
            let edit = (stream && !asked).then(|| usage_edit(body, found.stream_options, insert_at));
            (asked, edit)
        }
        Dialect::Anthropic => (true, None),
    };
    Ok(RequestPeek {
        model: name,
        model_span: span_in(body, model),
        stream,
        include_usage,
        usage_edit,
        completion: completion_limit(dialect, body, &found, insert_at),
    })
}

/// What is found by passing over all the rest. `None` where anything is not quite as it should be: then a parser says what.
fn passed_over(dialect: Dialect, body: &[u8]) -> Option<Found<'_>> {
    // Most requests are ASCII, which is seen at once. What is not is looked at closely, because a provider would refuse it.
    if body.iter().fold(0, |bits, byte| bits | byte) >= 0x80 && std::str::from_utf8(body).is_err() {
        return None;
    }
    let mut found = Found::default();
    let mut members = Members::of(body);
    while let Some((key, value)) = members.next_member().ok()? {
        match found.slot(dialect, key) {
            Slot::Known(slot, _) => {
                // The value is small, and is known to be one.
                let value = serde_json::from_slice::<&RawValue>(value).ok()?;
                if slot.replace(value).is_some() {
                    return None;
                }
            }
            Slot::Misspelt(_) => return None,
            Slot::Other => {}
        }
    }
    Some(found)
}

/// The same by a parser, which says what is wrong.
fn parsed(dialect: Dialect, body: &str) -> Result<Found<'_>, ApiError> {
    let mut duplicate = None;
    let mut deserializer = serde_json::Deserializer::from_str(body);
    let outcome = deserializer.deserialize_map(TopLevel { dialect, duplicate: &mut duplicate });
    let outcome = outcome.and_then(|found| deserializer.end().map(|()| found));
    match (outcome, duplicate) {
        (_, Some(name)) => Err(json::duplicate(name)),
        (outcome, None) => outcome.map_err(|error| json::malformed(&error)),
    }
}

/// The edit by which a stream comes to end with usage.
fn usage_edit(body: &[u8], stream_options: Option<&RawValue>, insert_at: usize) -> BodyEdit {
    const WANTED: &str = "\"include_usage\":true";
    let Some(options) = stream_options else {
        let text = format!("\"stream_options\":{{{WANTED}}},").into_bytes();
        return BodyEdit { span: insert_at..insert_at, text };
    };
    let span = span_in(body, options);
    let mut members = Vec::new();
    // Read without a fault before.
    let _ = json::object(options.get(), "stream_options", |key, value| {
        members.push((key == "include_usage", span_in(body, value)));
        Ok(())
    });
    if let Some((_, asked)) = members.iter().find(|(asked, _)| *asked) {
        return BodyEdit { span: asked.clone(), text: b"true".to_vec() };
    }
    if members.is_empty() {
        return BodyEdit { span, text: format!("{{{WANTED}}}").into_bytes() };
    }
    let first = span.start.saturating_add(1);
    BodyEdit { span: first..first, text: format!("{WANTED},").into_bytes() }
}

fn completion_limit(dialect: Dialect, body: &[u8], found: &Found<'_>, insert_at: usize) -> CompletionLimit {
    let present_name = match dialect {
        Dialect::OpenAi => found.max_completion_tokens,
        Dialect::Anthropic => found.max_tokens,
    };
    let fields = [found.max_tokens, found.max_completion_tokens].into_iter().flatten();
    let fields: Vec<_> = fields
        .map(|value| Field {
            span: span_in(body, value),
            present_name: present_name.is_some_and(|present| std::ptr::eq(present, value)),
            says: Says::of(value),
        })
        .collect();
    let clear = fields.iter().all(|field| field.says != Says::Unclear);
    CompletionLimit {
        tokens: fields.iter().filter_map(|field| field.says.number()).max().filter(|_| clear),
        choices: found.n.and_then(|n| Says::of(n).number()).unwrap_or(1).max(1),
        fields,
        insert_at,
        name: match dialect {
            Dialect::OpenAi => "max_completion_tokens",
            Dialect::Anthropic => "max_tokens",
        },
    }
}

/// The longest model name that is taken, in bytes: several times the longest real one. Every event of a stream repeats it, so a longer one
/// would let a client have the gateway send a multiple of what it received.
const MAX_MODEL_BYTES: usize = 256;

fn model_is_too_long() -> ApiError {
    json::invalid(format!("`model` is longer than {MAX_MODEL_BYTES} bytes.")).with_param("model")
}

/// The error of a request without a model.
pub(crate) fn no_model() -> ApiError {
    json::invalid("The request names no model: `model` is missing.").with_param("model")
}

/// The error of a request whose model is no string.
pub(crate) fn model_is_no_string() -> ApiError {
    json::invalid("`model` must be a string.").with_param("model")
}

/// A boolean that may be absent or null.
pub(crate) fn flag(value: Option<&RawValue>, path: &str) -> Result<bool, ApiError> {
    match value {
        None => Ok(false),
        Some(value) if json::is_null(value) => Ok(false),
        Some(value) => json::boolean(value)
            .ok_or_else(|| json::invalid(format!("`{path}` must be a boolean.")).with_param(path)),
    }
}

/// `stream_options.include_usage`.
pub(crate) fn include_usage(stream_options: Option<&RawValue>) -> Result<bool, ApiError> {
    let Some(stream_options) = stream_options.filter(|options| !json::is_null(options)) else {
        return Ok(false);
    };
    let mut include_usage = None;
    json::object(stream_options.get(), "stream_options", |key, value| match key {
        "include_usage" => json::once(&mut include_usage, value, || "stream_options.include_usage".into()),
        _ => Ok(()),
    })?;
    flag(include_usage, "stream_options.include_usage")
}

/// Where `part`, which was borrowed from `whole`, stands in it.
fn span_in(whole: &[u8], part: &RawValue) -> Range<usize> {
    let part = part.get();
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start.saturating_add(part.len())
}

#[derive(Default)]
struct Found<'a> {
    model: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    stream_options: Option<&'a RawValue>,
    max_tokens: Option<&'a RawValue>,
    max_completion_tokens: Option<&'a RawValue>,
    n: Option<&'a RawValue>,
}

/// What a member of a request is here.
enum Slot<'f, 'a> {
    /// One that is read, and its name.
    Known(&'f mut Option<&'a RawValue>, &'static str),
    /// One that is read, under another spelling: servers that match names without regard to case, as Go's do, would take it for that one too.
    Misspelt(&'static str),
    /// Nothing to do with routing.
    Other,
}

impl<'a> Found<'a> {
    fn slot(&mut self, dialect: Dialect, key: &[u8]) -> Slot<'_, 'a> {
        match (dialect, key) {
            (_, b"model") => Slot::Known(&mut self.model, "model"),
            (_, b"stream") => Slot::Known(&mut self.stream, "stream"),
            (_, b"max_tokens") => Slot::Known(&mut self.max_tokens, "max_tokens"),
            (Dialect::OpenAi, b"stream_options") => Slot::Known(&mut self.stream_options, "stream_options"),
            (Dialect::OpenAi, b"max_completion_tokens") => {
                Slot::Known(&mut self.max_completion_tokens, "max_completion_tokens")
            }
            (Dialect::OpenAi, b"n") => Slot::Known(&mut self.n, "n"),
            (dialect, other) => match names(dialect).iter().find(|name| is_spelling_of(other, name)) {
                Some(name) => Slot::Misspelt(name),
                None => Slot::Other,
            },
        }
    }
}

/// The names of what is read.
const fn names(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::OpenAi => &["model", "stream", "max_tokens", "stream_options", "max_completion_tokens", "n"],
        Dialect::Anthropic => &["model", "stream", "max_tokens"],
    }
}

/// Whether a key is that lower-case name to a server that knows no case. Two letters beyond ASCII are a `k` and an `s` to it.
fn is_spelling_of(key: &[u8], name: &str) -> bool {
    /// Of an ASCII letter's other spellings the longest, in bytes.
    const LONGEST: usize = '\u{212a}'.len_utf8();
    if key.len() < name.len() || key.len() > name.len().saturating_mul(LONGEST) {
        return false;
    }
    // Nearly every key has another beginning; a letter beyond ASCII may be any.
    let begins = |key: u8, name: u8| !key.is_ascii() || key.eq_ignore_ascii_case(&name);
    if !key.iter().zip(name.as_bytes()).take(2).all(|(key, name)| begins(*key, *name)) {
        return false;
    }
    let Ok(key) = std::str::from_utf8(key) else { return false };
    let folded = key.chars().map(|character| match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    });
    folded.eq(name.chars())
}

struct TopLevel<'s> {
    dialect: Dialect,
    duplicate: &'s mut Option<&'static str>,
}

impl<'de> de::Visitor<'de> for TopLevel<'_> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        let mut found = Found::default();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let (slot, name) = match found.slot(self.dialect, key.as_bytes()) {
                Slot::Known(slot, name) => (slot, name),
                Slot::Misspelt(name) => {
                    *self.duplicate = Some(name);
                    return Err(de::Error::custom("given in another spelling"));
                }
                Slot::Other => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if slot.replace(map.next_value()?).is_some() {
                *self.duplicate = Some(name);
                return Err(de::Error::custom("given twice"));
            }
        }
        Ok(found)
    }
}
