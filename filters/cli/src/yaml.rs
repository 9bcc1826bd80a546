//! A YAML tree with comments, and its emitter: what a person reads, and nothing that an input could break out of.
//!
//! The tree holds only what Envoy's configuration needs: maps, lists, text, numbers, booleans, durations. Every text that is not
//! obviously plain is written as a double-quoted scalar with every unusual character escaped, so a hostile model name stays a model
//! name. Comments are folded to the line width and cannot end early. There is deliberately no parser here.

mod scalar;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use scalar::{is_line_break, is_literal, is_printable, quoted, scalar, seconds};

/// Columns that comments and one-line collections stay within.
const WIDTH: usize = 120;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Yaml {
    /// Text, quoted where it must be.
    Text(String),
    /// Text of several lines, as a literal block where that is safe and as quoted text where not.
    Block(String),
    /// A non-negative number.
    Integer(u64),
    /// `true` or `false`.
    Bool(bool),
    /// A `google.protobuf.Duration`: `30s`, `0.025s`. Finer than a millisecond is cut off.
    Duration(Duration),
    /// Keys and values.
    Map(Map),
    /// Items.
    List(List),
}

/// Keys and values in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map {
    entries: Vec<Commented<(String, Yaml)>>,
    pending: Option<String>,
    inline: bool,
}

/// Items in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    items: Vec<Commented<Yaml>>,
    pending: Option<String>,
    inline: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Commented<T> {
    comment: Option<String>,
    value: T,
}

/// The text of a whole document: `heading` as its first comment, then the map. A comment that repeats an earlier one is left out:
/// what is rendered five times is explained once.
pub fn document(heading: &str, root: Map) -> String {
    documents(heading, vec![root])
}

/// The same with several documents, `---` between them.
pub fn documents(heading: &str, roots: Vec<Map>) -> String {
    let mut said = BTreeSet::new();
    let mut out = String::new();
    comment(&mut out, 0, heading);
    for (index, mut root) in roots.into_iter().enumerate() {
        root.say_once(&mut said);
        out.push_str(if index == 0 { "\n" } else { "---\n" });
        root.block(&mut out, 0);
    }
    out
}

impl Map {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key and its value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Yaml>) -> Self {
        let comment = self.pending.take();
        self.entries.push(Commented { comment, value: (key.to_owned(), value.into()) });
        self
    }

    /// Adds a key where there is a value. Where there is none, a comment that was waiting for it is dropped.
    #[must_use]
    pub fn with_some(mut self, key: &str, value: Option<impl Into<Yaml>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => {
                self.pending = None;
                self
            }
        }
    }

    /// The comment that stands above the next key.
    #[must_use]
    pub fn why(mut self, comment: impl Into<String>) -> Self {
        self.pending = Some(comment.into());
        self
    }

    /// On one line, where it fits and holds no comment.
    #[must_use]
    pub fn inline(mut self) -> Self {
        self.inline = true;
        self
    }

    fn say_once(&mut self, said: &mut BTreeSet<String>) {
        for entry in &mut self.entries {
            once(&mut entry.comment, said);
            entry.value.1.say_once(said);
        }
    }

    fn block(&self, out: &mut String, indent: usize) {
        for entry in &self.entries {
            if let Some(text) = &entry.comment {
                comment(out, indent, text);
            }
            pad(out, indent);
            entry.value.1.after_key(out, indent, &entry.value.0);
        }
    }
}

impl List {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an item.
    #[must_use]
    pub fn item(mut self, value: impl Into<Yaml>) -> Self {
        let comment = self.pending.take();
        self.items.push(Commented { comment, value: value.into() });
        self
    }

    /// The comment that stands above the next item.
    #[must_use]
    pub fn why(mut self, comment: impl Into<String>) -> Self {
        self.pending = Some(comment.into());
        self
    }

    /// On one line, where it fits and holds no comment.
    #[must_use]
    pub fn inline(mut self) -> Self {
        self.inline = true;
        self
    }

    fn block(&self, out: &mut String, indent: usize) {
        for item in &self.items {
            if let Some(text) = &item.comment {
                comment(out, indent, text);
            }
            match (&item.value, item.value.one_line(indent.saturating_add(2))) {
                (Yaml::Map(map), None) => {
                    // The dash takes the place of the first key's indentation, so that key's comment goes above the dash.
                    let mut text = String::new();
                    let mut map = map.clone();
                    if let Some(first) = map.entries.first_mut().and_then(|first| first.comment.take()) {
                        comment(out, indent, &first);
                    }
                    map.block(&mut text, indent.saturating_add(2));
                    pad(out, indent);
                    out.push_str("- ");
                    out.push_str(text.trim_start_matches(' '));
                }
                (_, Some(line)) => {
                    pad(out, indent);
                    let _ = writeln!(out, "- {line}");
                }
                (Yaml::List(list), None) => {
                    pad(out, indent);
                    out.push_str("-\n");
                    list.block(out, indent.saturating_add(2));
                }
                (value, None) => {
                    pad(out, indent);
                    out.push('-');
                    value.below(out, indent);
                }
            }
        }
    }
}

impl Yaml {
    /// The value after `key:`, on the same line or on those below.
    fn after_key(&self, out: &mut String, indent: usize, key: &str) {
        let key = scalar(key);
        out.push_str(&key);
        out.push(':');
        match self.one_line(indent.saturating_add(key.len()).saturating_add(2)) {
            Some(line) => {
                let _ = writeln!(out, " {line}");
            }
            None => self.below(out, indent),
        }
    }

    /// The value on the lines below a key or a dash at `indent`.
    fn below(&self, out: &mut String, indent: usize) {
        match self {
            Self::Map(map) => {
                out.push('\n');
                map.block(out, indent.saturating_add(2));
            }
            Self::List(list) => {
                out.push('\n');
                // Items stand under their key without further indentation, as Envoy's own examples have it.
                list.block(out, indent);
            }
            Self::Block(text) => {
                out.push_str(" |-\n");
                for line in text.lines() {
                    if !line.is_empty() {
                        pad(out, indent.saturating_add(2));
                        out.push_str(line);
                    }
                    out.push('\n');
                }
            }
            scalar => {
                let _ = writeln!(out, " {}", scalar.flow().unwrap_or_default());
            }
        }
    }

    /// The value as one line, where it is meant to be one and fits behind `column` others.
    fn one_line(&self, column: usize) -> Option<String> {
        match self {
            Self::Map(Map { inline, entries, .. }) if !inline && !entries.is_empty() => None,
            Self::List(List { inline, items, .. }) if !inline && !items.is_empty() => None,
            Self::Map(_) | Self::List(_) => {
                self.flow().filter(|line| column.saturating_add(line.chars().count()) <= WIDTH)
            }
            scalar => scalar.flow(),
        }
    }

    /// The value in flow style; none where a comment or a literal block forbids it.
    fn flow(&self) -> Option<String> {
        Some(match self {
            Self::Text(text) => scalar(text),
            Self::Block(text) if is_literal(text) => return None,
            Self::Block(text) => quoted(text),
            Self::Integer(number) => number.to_string(),
            Self::Bool(flag) => flag.to_string(),
            Self::Duration(duration) => seconds(*duration),
            Self::Map(map) => {
                let mut parts = Vec::new();
                for entry in &map.entries {
                    if entry.comment.is_some() {
                        return None;
                    }
                    parts.push(format!("{}: {}", scalar(&entry.value.0), entry.value.1.flow()?));
                }
                format!("{{{}}}", parts.join(", "))
            }
            Self::List(list) => {
                let mut parts = Vec::new();
                for item in &list.items {
                    if item.comment.is_some() {
                        return None;
                    }
                    parts.push(item.value.flow()?);
                }
                format!("[{}]", parts.join(", "))
            }
        })
    }

    /// Drops the comments that were said before.
    fn say_once(&mut self, said: &mut BTreeSet<String>) {
        match self {
            Self::Map(map) => map.say_once(said),
            Self::List(list) => {
                for item in &mut list.items {
                    once(&mut item.comment, said);
                    item.value.say_once(said);
                }
            }
            _ => {}
        }
    }
}

/// Drops a comment that was said before.
fn once(comment: &mut Option<String>, said: &mut BTreeSet<String>) {
    if comment.as_ref().is_some_and(|text| !said.insert(text.clone())) {
        *comment = None;
    }
}

impl From<&str> for Yaml {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Yaml {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Yaml {
    fn from(number: u64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Yaml {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<Duration> for Yaml {
    fn from(duration: Duration) -> Self {
        Self::Duration(duration)
    }
}

impl From<Map> for Yaml {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl From<List> for Yaml {
    fn from(list: List) -> Self {
        Self::List(list)
    }
}

impl<T: Into<Yaml>> FromIterator<T> for List {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        items.into_iter().fold(Self::new(), Self::item)
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Writes `text` as comment lines. A line break in it starts a new one; longer lines are folded between words.
fn comment(out: &mut String, indent: usize, text: &str) {
    for paragraph in text.split(is_line_break) {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let word: String = word.chars().filter(|c| is_printable(*c)).collect();
            let width = indent
                .saturating_add(3)
                .saturating_add(line.chars().count())
                .saturating_add(word.chars().count());
            if !line.is_empty() && width > WIDTH {
                comment_line(out, indent, &line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        comment_line(out, indent, &line);
    }
}

fn comment_line(out: &mut String, indent: usize, line: &str) {
    pad(out, indent);
    let _ = writeln!(out, "{}", format!("# {line}").trim_end());
}
