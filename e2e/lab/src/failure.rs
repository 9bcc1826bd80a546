//! A failure as a person at a terminal reads it: one line that says what, one that says what to do.

use std::fmt;

/// What went wrong and what helps.
///
/// Prints as `WHAT` and, on a second line, `hint: HINT`. Neither line ever holds a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    what: String,
    hint: String,
}

impl Failure {
    /// A failure of one line and one hint. Line breaks inside either become spaces, so that it stays one line each.
    pub fn new(what: impl AsRef<str>, hint: impl AsRef<str>) -> Self {
        Self { what: one_line(what.as_ref()), hint: one_line(hint.as_ref()) }
    }

    /// What went wrong.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What helps.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nhint: {}", self.what, self.hint)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_two_lines_whatever_it_was_made_from() {
        let failure = Failure::new("pip failed:\n  no route\n", "check\nthe network");
        assert_eq!(failure.to_string(), "pip failed: no route\nhint: check the network");
    }
}
