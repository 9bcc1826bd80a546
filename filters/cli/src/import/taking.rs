//! Takes members out of an object one by one; what nobody took is lost, and told.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Lost;

/// An object that is being taken apart.
pub(super) struct Taking<'a> {
    members: Option<&'a Map<String, Value>>,
    path: String,
    taken: BTreeSet<&'static str>,
    /// What is of another type than it has to be, and what it should be.
    wrong: Vec<(&'static str, &'static str)>,
}

impl<'a> Taking<'a> {
    /// Of that value at that path; nothing where it is no object.
    pub(super) fn of(value: Option<&'a Value>, path: impl Into<String>) -> Self {
        let members = value.and_then(Value::as_object);
        Self { members, path: path.into(), taken: BTreeSet::new(), wrong: Vec::new() }
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
        self.typed(key, "is no text", Value::as_str)
    }

    /// A member that is a whole number.
    pub(super) fn number(&mut self, key: &'static str) -> Option<u64> {
        self.typed(key, "is no whole number", Value::as_u64)
    }

    /// The items of a member that is a list, each with its path.
    pub(super) fn items(&mut self, key: &'static str) -> Vec<(String, &'a Value)> {
        let path = self.at(key);
        let items = self.typed(key, "is no list", Value::as_array).into_iter().flatten();
        items.enumerate().map(|(index, item)| (format!("{path}[{index}]"), item)).collect()
    }

    /// A member that is an object.
    pub(super) fn object(&mut self, key: &'static str) -> Taking<'a> {
        let path = self.at(key);
        self.typed(key, "is no object", Value::as_object);
        Taking::of(self.members.and_then(|members| members.get(key)), path)
    }

    /// Tells what nobody took, each once; `advice` says more about some of it.
    pub(super) fn finish(self, advice: &[(&str, &str)], lost: &mut Vec<Lost>) {
        for key in self.members.into_iter().flat_map(Map::keys) {
            let wrong = self.wrong.iter().find(|(name, _)| name == key);
            if wrong.is_none() && self.taken.contains(key.as_str()) {
                continue;
            }
            let more = wrong.or_else(|| advice.iter().find(|(name, _)| name == key));
            let reason = more.map_or("has no counterpart", |(_, more)| *more).to_owned();
            let told = Lost { path: self.at(key), reason };
            if !lost.contains(&told) {
                lost.push(told);
            }
        }
    }

    /// A member of a type. What is null is absent.
    fn typed<T>(
        &mut self,
        key: &'static str,
        wrong: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key).filter(|value| !value.is_null())?;
        let typed = read(value);
        if typed.is_none() {
            self.wrong.push((key, wrong));
        }
        typed
    }
}
