//! A file as a tree: each value with the number of its place, by which its line is known.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::Read;

/// A value of a file.
#[derive(Debug)]
pub(super) struct Node {
    /// Its number in the order of the text.
    pub(super) order: u32,
    pub(super) value: Value,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// A value, where it stands, and in which file.
#[derive(Clone)]
pub(super) struct Spot<'a> {
    pub(super) file: &'a Read<'a>,
    /// The number of the file.
    pub(super) number: usize,
    pub(super) node: &'a Node,
    /// `HTTPRoute llm: spec.rules[0]`
    pub(super) path: String,
}

impl Node {
    /// The tree of that JSON.
    ///
    /// # Errors
    /// With the number of a value whose key stands twice in its object.
    pub(super) fn read(json: &str) -> Result<Self, u32> {
        let order = Cell::new(0);
        Seed(&order).deserialize(&mut serde_json::Deserializer::from_str(json)).map_err(|_| order.get())
    }

    /// The value as JSON.
    pub(super) fn json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => serde_json::Value::Number(number.clone()),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Self::json).collect(),
            Value::Object(members) => {
                members.iter().map(|(key, value)| (key.clone(), value.json())).collect()
            }
        }
    }
}

impl<'a> Spot<'a> {
    /// The member of that name.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let Value::Object(members) = &self.node.value else { return None };
        let (_, node) = members.iter().find(|(name, _)| name == key)?;
        Some(self.at(node, &format!(".{key}")))
    }

    /// The member behind those names.
    pub(super) fn find(&self, keys: &[&str]) -> Option<Self> {
        keys.iter().try_fold(self.clone(), |spot, key| spot.get(key))
    }

    /// Every member, with its name.
    pub(super) fn members(&self) -> Vec<(&'a str, Self)> {
        let Value::Object(members) = &self.node.value else { return Vec::new() };
        members.iter().map(|(key, node)| (key.as_str(), self.at(node, &format!(".{key}")))).collect()
    }

    /// Every item of a list.
    pub(super) fn items(&self) -> Vec<Self> {
        let Value::List(items) = &self.node.value else { return Vec::new() };
        items.iter().enumerate().map(|(index, node)| self.at(node, &format!("[{index}]"))).collect()
    }

    /// Every item of the list of that name.
    pub(super) fn each(&self, key: &str) -> Vec<Self> {
        self.get(key).map_or_else(Vec::new, |list| list.items())
    }

    /// The text that it is.
    pub(super) fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of that member.
    pub(super) fn text_of(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.text()
    }

    /// The whole number that it is.
    pub(super) fn number(&self) -> Option<u64> {
        match &self.node.value {
            Value::Number(number) => number.as_u64(),
            _ => None,
        }
    }

    /// A quantity of Kubernetes in bytes: `16777216`, `16Mi`, `1.5M`, `1e7`.
    pub(super) fn bytes(&self) -> Option<u64> {
        match &self.node.value {
            Value::Number(number) => quantity(&number.to_string()),
            Value::Text(text) => quantity(text),
            _ => None,
        }
    }

    /// Whether that member is true.
    pub(super) fn is_true(&self, key: &str) -> bool {
        self.get(key).is_some_and(|spot| matches!(spot.node.value, Value::Bool(true)))
    }

    /// Every value below it, itself first.
    pub(super) fn all(&self) -> Vec<Self> {
        let below = match &self.node.value {
            Value::List(_) => self.items(),
            Value::Object(_) => self.members().into_iter().map(|(_, spot)| spot).collect(),
            _ => Vec::new(),
        };
        std::iter::once(self.clone()).chain(below.iter().flat_map(Self::all)).collect()
    }

    fn at(&self, node: &'a Node, step: &str) -> Self {
        // A resource's own path ends with a colon and a space.
        let step = if self.path.ends_with(": ") { step.trim_start_matches('.') } else { step };
        Self { node, path: format!("{}{step}", self.path), ..self.clone() }
    }
}

/// Without what is behind a point at the end.
fn quantity(text: &str) -> Option<u64> {
    const UNITS: [(&str, u128); 11] = [
        ("", 1),
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("Pi", 1 << 50),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
        ("P", 1_000_000_000_000_000),
    ];
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(end)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let unit = match suffix.strip_prefix(['e', 'E']) {
        Some(exponent) => 10_u128.checked_pow(exponent.parse().ok()?)?,
        None => UNITS.iter().find(|(name, _)| *name == suffix)?.1,
    };
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    u64::try_from(digits.checked_mul(unit)?.checked_div(scale)?).ok()
}

/// Numbers values as the YAML's reader does: a collection before what is in it, and keys not at all.
struct Seed<'a>(&'a Cell<u32>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let order = self.0.get();
        self.0.set(order.saturating_add(1));
        Ok(Node { order, value: deserializer.deserialize_any(self)? })
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
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

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Seed(self.0))? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members: Vec<(String, Node)> = Vec::new();
        while let Some(key) = access.next_key::<String>()? {
            if members.iter().any(|(known, _)| *known == key) {
                return Err(serde::de::Error::custom("a key stands twice"));
            }
            members.push((key, access.next_value_seed(Seed(self.0))?));
        }
        Ok(Value::Object(members))
    }
}
