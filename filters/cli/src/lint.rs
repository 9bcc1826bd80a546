//! Kubernetes manifests that run a gateway for LLMs, read for what experience forbids: each finding with its line, its path and a hint.
//!
//! Whether a resource is valid is the API server's affair, and whether a patch applies is Envoy Gateway's. Here is told what both take
//! and what costs somebody dearly later: a key in a file, a fallback that never happens, a limit that several gateways do not share.
//! [`tree`] reads the files, [`world`] knows what refers to what, and every other module has the rules about one subject.

mod budgets;
mod keys;
mod listeners;
mod management;
mod references;
mod traffic;
mod tree;
mod world;

use crate::route::{Documents, Finding};
use tree::{Node, Spot};
use world::World;

/// What was found, in the order of the files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lint {
    /// What is wrong.
    pub problems: Vec<Finding>,
    /// What may be meant, and has cost somebody dearly.
    pub warnings: Vec<Finding>,
}

/// A file: its name, for messages, and its text.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// A file that was read.
struct Read<'a> {
    name: &'a str,
    documents: Documents,
    root: Node,
}

/// Collects findings; the same at the same place is one.
#[derive(Default)]
struct Found {
    problems: Vec<(usize, u32, Finding)>,
    warnings: Vec<(usize, u32, Finding)>,
}

/// Reads manifests together: what one of them says may make another right.
pub fn lint(files: &[File<'_>]) -> Lint {
    let mut found = Found::default();
    let mut read = Vec::new();
    for (index, File { name, text }) in files.iter().enumerate() {
        match Documents::read(text) {
            Ok(documents) => match Node::read(&documents.json) {
                Ok(root) => read.push((index, Read { name, documents, root })),
                Err(order) => {
                    let line = documents.line(order).unwrap_or(1);
                    let message = "the key of this value stands twice".to_owned();
                    found.whole(index, name, line, message, "keep one of the two");
                }
            },
            Err(error) => found.whole(index, name, error.line, error.message, error.hint),
        }
    }
    let world = World::new(&read, &mut found);
    keys::check(&world, &mut found);
    listeners::check(&world, &mut found);
    management::check(&world, &mut found);
    references::check(&world, &mut found);
    traffic::check(&world, &mut found);
    budgets::check(&world, &mut found);
    found.finish()
}

/// The line of the value of a key that stands twice in an object of these documents, where one does.
pub(crate) fn key_given_twice(documents: &Documents) -> Option<usize> {
    Node::read(&documents.json).err().and_then(|order| documents.line(order))
}

impl Found {
    fn whole(&mut self, file: usize, name: &str, line: usize, message: String, hint: &str) {
        let finding = Finding::new(name, Some(line), "file".to_owned(), message, hint.to_owned());
        self.problems.push((file, 0, finding));
    }

    /// Notes what is wrong there.
    fn problem(&mut self, at: &Spot<'_>, message: impl Into<String>, hint: impl Into<String>) {
        note(&mut self.problems, at, message.into(), hint.into());
    }

    /// Notes what may be meant.
    fn warn(&mut self, at: &Spot<'_>, message: impl Into<String>, hint: impl Into<String>) {
        note(&mut self.warnings, at, message.into(), hint.into());
    }

    fn finish(self) -> Lint {
        let in_order = |mut all: Vec<(usize, u32, Finding)>| {
            all.sort_by_key(|(file, order, _)| (*file, *order));
            all.into_iter().map(|(_, _, finding)| finding).collect()
        };
        Lint { problems: in_order(self.problems), warnings: in_order(self.warnings) }
    }
}

fn note(all: &mut Vec<(usize, u32, Finding)>, at: &Spot<'_>, message: String, hint: String) {
    let line = at.file.documents.line(at.node.order);
    let finding = Finding::new(at.file.name, line, at.path.clone(), message, hint);
    if !all.iter().any(|(_, _, other)| *other == finding) {
        all.push((at.number, at.node.order, finding));
    }
}

#[cfg(test)]
mod tests;
