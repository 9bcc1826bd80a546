//! What is wrong with a configuration: every problem, with its path and what to do about it.

use std::fmt;

use crate::place::Place;

/// How many problems are kept word for word; a file with more is a wrong file, and the message must fit a log line.
const KEPT: usize = 100;

/// One thing that is wrong with a configuration. No part of it ever holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, for example `providers.anthropic.headers["x-a b"]` or `models[2].name`; `configuration` for the whole.
    pub path: String,
    /// What is wrong there.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  hint: {}", self.path, self.message, self.hint)
    }
}

/// Every problem of a configuration, in the order of the document. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    kept: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// The problems in the order of the document; of a file with hundreds of them, the hundred that were found first.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.kept.iter()
    }

    /// The one problem that the whole text has, so that there is nothing to look into.
    pub(crate) fn whole(fault: Fault) -> Self {
        Self { kept: vec![fault.at(&Place::root())], more: 0 }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.kept.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}

impl std::error::Error for Problems {}

/// What is wrong with a value, before it is known where the value stands.
#[derive(Debug)]
pub(crate) struct Fault {
    message: String,
    hint: String,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }

    fn at(self, place: &Place) -> Problem {
        Problem { path: place.path(), message: self.message, hint: self.hint }
    }
}

/// Collects problems while a configuration is read and checked.
#[derive(Default)]
pub(crate) struct Findings {
    kept: Vec<(u32, Problem)>,
    more: usize,
}

impl Findings {
    /// Notes what is wrong at that path, which has that number in the order of the document.
    #[cfg(feature = "route")]
    pub(crate) fn report_at(&mut self, order: u32, path: &str, fault: Fault) {
        self.report(&Place::of(order, path), fault);
    }

    /// Notes what is wrong at that place.
    pub(crate) fn report(&mut self, place: &Place, fault: Fault) {
        if self.kept.len() < KEPT {
            self.kept.push((place.order(), fault.at(place)));
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Whether nothing was found yet.
    #[cfg(feature = "route")]
    pub(crate) const fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Every problem with the number of its place in the document, in that order.
    #[cfg(feature = "route")]
    pub(crate) fn in_order(mut self) -> Vec<(u32, Problem)> {
        self.kept.sort_by_key(|(order, _)| *order);
        self.kept
    }

    /// The value if nothing was found. Reading and checking find problems in two passes; here they get the order of the document.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, Problems> {
        match value {
            Some(value) if self.kept.is_empty() => Ok(value),
            None if self.kept.is_empty() => Err(Problems::whole(Fault::new(
                "cannot be used",
                "please report this as a bug: no reason was recorded",
            ))),
            _ => {
                self.kept.sort_by_key(|(order, _)| *order);
                Err(Problems {
                    kept: self.kept.into_iter().map(|(_, problem)| problem).collect(),
                    more: self.more,
                })
            }
        }
    }
}

/// A piece of the configuration inside a message: in backticks, without control characters, at most 64 characters of it.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 64;
    let mut out = String::from("`");
    for character in text.chars().take(SHOWN) {
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    if text.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out.push('`');
    out
}

/// Choices inside a message, at most eight of them: `` `a`, `b`, … ``.
pub(crate) fn quoted_list<'a>(choices: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 8;
    let mut choices = choices.map(quoted);
    let mut shown: Vec<_> = choices.by_ref().take(SHOWN).collect();
    if choices.next().is_some() {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}
