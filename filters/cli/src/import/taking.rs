//! Takes members out of an object one by one; what nobody took is lost, and told.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Lost;

/// An object that is being taken apart.
pub(super) struct Taking<'a> {
    members: Option<&'a Map<String, Value>>,
    path: String,
    taken: BTreeSet<&'static str>,
}

impl<'a> Taking<'a> {
    /// Of that value at that path; nothing where it is no object.
    pub(super) fn of(value: Option<&'a Value>, path: impl Into<String>) -> Self {
        Self { members: value.and_then(Value::as_object), path: path.into(), taken: BTreeSet::new() }
    }

    /// The path of a member.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// A member.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.taken.insert(key);
        self.members?.get(key)
    }

    /// A member that is text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<&'a str> {
        self.value(key)?.as_str()
    }

    /// A member that is a whole number.
    pub(super) fn number(&mut self, key: &'static str) -> Option<u64> {
        self.value(key)?.as_u64()
    }

    /// The items of a member that is a list, each with its path.
    pub(super) fn items(&mut self, key: &'static str) -> Vec<(String, &'a Value)> {
        let path = self.at(key);
        let items = self.value(key).and_then(Value::as_array).into_iter().flatten();
        items.enumerate().map(|(index, item)| (format!("{path}[{index}]"), item)).collect()
    }

    /// A member that is an object.
    pub(super) fn object(&mut self, key: &'static str) -> Taking<'a> {
        let path = self.at(key);
        Taking::of(self.value(key), path)
    }

    /// Tells what nobody took; `advice` says more about some of it.
    pub(super) fn finish(self, advice: &[(&str, &str)], lost: &mut Vec<Lost>) {
        for key in self.members.into_iter().flat_map(Map::keys) {
            if self.taken.contains(key.as_str()) {
                continue;
            }
            let more = advice.iter().find(|(name, _)| name == key).map(|(_, more)| *more);
            let reason = more.unwrap_or("has no counterpart").to_owned();
            lost.push(Lost { path: self.at(key), reason });
        }
    }
}
