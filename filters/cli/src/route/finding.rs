//! What is found in a file: each with its line, its path and a hint.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use config::route::Given;

use super::Documents;
use crate::render::Problem;

/// One thing that is wrong, or that experience warns of. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    file: String,
    /// The line, from 1; none where it concerns several.
    pub line: Option<usize>,
    /// Where, as `spec.backends[0].name`.
    pub path: String,
    /// What is wrong there.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

/// Every problem, in the order of the file. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Finding {
    pub(crate) fn new(file: &str, line: Option<usize>, path: String, message: String, hint: String) -> Self {
        Self { file: file.to_owned(), line, path, message, hint }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, path, message, hint } = self;
        let [file, path, message, hint] = [file, path, message, hint].map(|text| visible(text));
        match line {
            Some(line) => write!(f, "{file}:{line}: {path}: {message}\n  hint: {hint}"),
            None => write!(f, "{file}: {path}: {message}\n  hint: {hint}"),
        }
    }
}

/// The text with what moves a terminal's cursor, or begins a line, written out: parts of it are whatever stands in somebody's file.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let shown =
        text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() });
    Cow::Owned(shown.collect())
}

impl Findings {
    pub(super) fn of(findings: Vec<Finding>) -> Self {
        Self(findings)
    }

    /// The problems.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            finding.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

/// Collects problems by the numbers of their places.
pub(super) struct Found<'a> {
    file: &'a str,
    documents: &'a Documents,
    seen: BTreeSet<(u32, String)>,
    kept: Vec<(u32, Finding)>,
}

impl<'a> Found<'a> {
    pub(super) fn new(file: &'a str, documents: &'a Documents) -> Self {
        Self { file, documents, seen: BTreeSet::new(), kept: Vec::new() }
    }

    /// Notes a problem; the same at the same place is one.
    pub(super) fn push(&mut self, order: u32, path: String, message: String, hint: String) {
        if self.seen.insert((order, message.clone())) {
            let line = self.documents.line(order);
            self.kept.push((order, Finding::new(self.file, line, path, message, hint)));
        }
    }

    /// What that makes of the value. Where the filters' own check has complained already, its words are enough.
    pub(super) fn parse<T: std::str::FromStr<Err = Problem>>(&mut self, given: &Given<String>) -> Option<T> {
        let result = given.value.parse();
        self.take(given, result)
    }

    /// The value, where it is one.
    pub(super) fn take<T, U>(&mut self, given: &Given<U>, result: Result<T, Problem>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(problem) => {
                let told = self
                    .kept
                    .iter()
                    .any(|(order, finding)| *order == given.order && finding.path == given.path);
                if !told {
                    self.push(given.order, given.path.clone(), problem.to_string(), problem.hint());
                }
                None
            }
        }
    }

    /// The problems in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        self.kept.sort_by_key(|(order, _)| *order);
        self.kept.into_iter().map(|(_, finding)| finding).collect()
    }
}
