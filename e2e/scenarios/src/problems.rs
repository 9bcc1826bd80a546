//! What a row found wrong, all of it at once.

use std::fmt::{self, Debug};

/// The differences between what was expected and what was seen.
#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    /// One more.
    pub fn add(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    /// A problem unless that holds.
    pub fn require(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.add(problem());
        }
    }

    /// A problem unless both are the same.
    pub fn same<A: PartialEq<B> + Debug + ?Sized, B: Debug + ?Sized>(
        &mut self,
        what: &str,
        seen: &A,
        expected: &B,
    ) {
        self.require(seen == expected, || format!("{what}: expected {expected:?}, seen {seen:?}"));
    }

    /// Takes over what somebody else found, each with that in front.
    pub fn of(&mut self, whose: &str, other: Self) {
        self.0.extend(other.0.into_iter().map(|problem| format!("{whose}: {problem}")));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| writeln!(f, "  - {problem}"))
    }
}
