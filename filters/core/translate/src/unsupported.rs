//! What a request holds that the API it is for cannot express.

use std::fmt;

/// A part of a request that the target has no words for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Where it stands, such as `messages[2].content[0]` or `tools`. A name that the client made up is cut at 64 characters.
    pub path: String,
    /// Why it cannot be expressed, as a clause of its own.
    pub reason: &'static str,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.path, self.reason)
    }
}

/// The most that is reported of one request. Far more than an honest request has; a hostile one of nothing but unknown
/// members must not grow into a report many times its size.
const MAX_REPORTED: usize = 100;

/// The longest part of a member's name that is repeated in a path, in characters.
const MAX_NAME_CHARS: usize = 64;

/// What was found so far, in the order in which the request has it.
#[derive(Debug, Default)]
pub(crate) struct Losses(Vec<Unsupported>);

impl Losses {
    /// Notes one more.
    pub(crate) fn note(&mut self, path: impl FnOnce() -> String, reason: &'static str) {
        if self.0.len() < MAX_REPORTED {
            self.0.push(Unsupported { path: path(), reason });
        }
    }

    /// All of them.
    pub(crate) fn into_inner(self) -> Vec<Unsupported> {
        self.0
    }
}

/// A member's name as a path shows it: printable, and not too long.
pub(crate) fn shown(name: &str) -> String {
    name.chars().take(MAX_NAME_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_is_cut_and_made_printable() {
        assert_eq!(shown("a\nb\u{1b}[31m"), "a\u{fffd}b\u{fffd}[31m");
        assert_eq!(shown(&"ä".repeat(1000)).chars().count(), MAX_NAME_CHARS);
    }

    #[test]
    fn a_report_is_bounded() {
        let mut losses = Losses::default();
        for index in 0..100_000 {
            losses.note(|| index.to_string(), "no");
        }
        assert_eq!(losses.into_inner().len(), MAX_REPORTED);
    }
}
