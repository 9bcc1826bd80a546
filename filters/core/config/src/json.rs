//! JSON text into a tree that remembers the order of the document and both of two equal keys.
//!
//! serde_json's own `Value` sorts keys and keeps the last of two equal ones. A duplicate hides a mistake, and problems are listed in
//! the order of the document, so the tree is our own; the parser, its numbers, its recursion limit and its messages are serde_json's.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::numerals::Numerals;
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
    Number(Numeral),
    Text(String),
    List(Vec<Node>),
    /// Every entry as it was written, duplicates included.
    Object(Vec<(String, Node)>),
}

/// A number and how it was written: a fraction may be no double.
pub(crate) struct Numeral {
    pub(crate) number: serde_json::Number,
    pub(crate) text: String,
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
            Self::Number(numeral) => numeral.text.clone(),
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
    let progress = Progress { next: Cell::new(0), numerals: RefCell::new(Numerals::of(json)) };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    Tree(&progress)
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

/// How far the document has been read.
struct Progress<'a> {
    /// The number of the next node: each gets its own before its children get theirs.
    next: Cell<u32>,
    /// The numbers that have not been visited yet.
    numerals: RefCell<Numerals<'a>>,
}

impl Progress<'_> {
    /// The number that is being visited, as it is written.
    fn numeral(&self, number: serde_json::Number) -> Value {
        let text = self.numerals.borrow_mut().next().map_or_else(|| number.to_string(), str::to_owned);
        Value::Number(Numeral { number, text })
    }
}

/// Builds a [`Node`].
struct Tree<'a>(&'a Progress<'a>);

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let order = self.0.next.get();
        self.0.next.set(order.saturating_add(1));
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
        Ok(self.0.numeral(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(self.0.numeral(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = serde_json::Number::from_f64(value).ok_or_else(|| E::custom("number out of range"))?;
        Ok(self.0.numeral(number))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::{Node, Value, parse};

    /// Documents of numbers, and of strings and keys that look like some.
    fn documents() -> impl Strategy<Value = Json> {
        let text = proptest::collection::vec(
            proptest::sample::select(vec!["1", "-2.5", "\"", "\\", "\n", "e", "é"]),
            0..6,
        );
        let text = text.prop_map(|parts| parts.concat());
        let leaf = prop_oneof![
            any::<f64>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<u64>().prop_map(Json::from),
            text.clone().prop_map(Json::from),
            any::<bool>().prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 48, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
                proptest::collection::vec((text.clone(), inner), 0..6).prop_map(Json::from_iter),
            ]
        })
    }

    fn check(node: &Node) {
        match &node.value {
            Value::Number(numeral) => {
                assert_eq!(serde_json::from_str(&numeral.text).ok(), Some(numeral.number.clone()));
            }
            Value::List(items) => items.iter().for_each(check),
            Value::Object(entries) => entries.iter().for_each(|(_, item)| check(item)),
            Value::Null | Value::Bool(_) | Value::Text(_) => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_number_has_its_own_text(document in documents()) {
            let root = parse(document.to_string().as_bytes()).expect("JSON");
            check(&root);
        }
    }

    #[test]
    fn a_number_keeps_its_digits() {
        let root = parse(br#"{"1": [2.50, "3", 1e-7]}"#).expect("JSON");
        let Value::Object(entries) = root.value else { panic!("an object") };
        let Value::List(items) = &entries[0].1.value else { panic!("a list") };
        let texts: Vec<_> = items
            .iter()
            .filter_map(|item| {
                if let Value::Number(number) = &item.value { Some(number.text.as_str()) } else { None }
            })
            .collect();
        assert_eq!(texts, ["2.50", "1e-7"]);
    }
}
