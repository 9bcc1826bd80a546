//! JSON text into a tree that remembers the order of the document and both of two equal keys.
//!
//! serde_json's own `Value` sorts keys and keeps the last of two equal ones. A duplicate hides a mistake, and problems are listed in
//! the order of the document, so the tree is our own; the parser, its numbers, its recursion limit and its messages are serde_json's.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::problem::Fault;

/// The longest text that is read, in bytes. A large configuration has some ten thousand.
const MAX_BYTES: usize = 1 << 20;

/// A value and its number in the order of the document.
pub(crate) struct Node {
    pub(crate) order: u32,
    pub(crate) value: Value,
}

pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Node>),
    /// Every entry as it was written, duplicates included.
    Object(Vec<(String, Node)>),
}

impl Value {
    /// What it is, for a message. The value itself is not said: where a wrong type stands, a secret may stand.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// As JSON again, with both of two equal keys. As deep as the parser lets it nest.
    pub(crate) fn to_json(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(value) => text(value),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(|item| item.value.to_json()).collect();
                format!("[{}]", items.join(","))
            }
            Self::Object(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(key, item)| format!("{}:{}", text(key), item.value.to_json()))
                    .collect();
                format!("{{{}}}", entries.join(","))
            }
        }
    }
}

/// Parses that text; errors name line and column.
pub(crate) fn parse(json: &[u8]) -> Result<Node, Fault> {
    if json.len() > MAX_BYTES {
        let message = format!("{} bytes are more than the {MAX_BYTES} that are read", json.len());
        return Err(Fault::new(message, "a configuration of this size is usually another file"));
    }
    if json.iter().all(u8::is_ascii_whitespace) {
        return Err(Fault::new(
            "empty",
            "give the filter its JSON in Envoy's `configuration`, as a google.protobuf.StringValue whose `value` is the text",
        ));
    }
    let next = Cell::new(0);
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    Tree(&next)
        .deserialize(&mut deserializer)
        .and_then(|root| deserializer.end().map(|()| root))
        .map_err(|error| syntax_fault(&error, json))
}

fn syntax_fault(error: &serde_json::Error, json: &[u8]) -> Fault {
    let position = format!(" at line {} column {}", error.line(), error.column());
    let text = error.to_string();
    let reason = text.strip_suffix(&position).unwrap_or(&text);
    let hint = if json.starts_with(b"\xef\xbb\xbf") {
        "remove the byte order mark in front of the text"
    } else if error.is_eof() {
        "the text ends too early: a bracket or a quote is left open"
    } else if reason.starts_with("recursion limit") {
        "no part of a configuration is nested this deep"
    } else if reason.starts_with("trailing characters") {
        "the configuration is one JSON object, and nothing follows it"
    } else if reason.starts_with("trailing comma") {
        "remove the comma in front of the closing bracket"
    } else {
        "look just before this place for a missing comma, quote or bracket; JSON has no comments"
    };
    Fault::new(format!("not valid JSON at line {}, column {}: {reason}", error.line(), error.column()), hint)
}

/// Builds a [`Node`]; the counter gives each its number before its children get theirs.
struct Tree<'a>(&'a Cell<u32>);

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let order = self.0.get();
        self.0.set(order.saturating_add(1));
        let value = deserializer.deserialize_any(self)?;
        Ok(Node { order, value })
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Tree(self.0))? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key::<String>()? {
            entries.push((key, access.next_value_seed(Tree(self.0))?));
        }
        Ok(Value::Object(entries))
    }
}
