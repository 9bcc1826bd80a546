//! Claims about what was seen: printed one a line, and counted.

use std::fmt::Display;

/// What was claimed so far and how much of it held.
#[derive(Debug, Default)]
pub(super) struct Claims {
    sections: u32,
    held: u32,
    broken: Vec<String>,
}

impl Claims {
    /// Begins the next step.
    pub(super) fn section(&mut self, title: &str) {
        self.sections = self.sections.saturating_add(1);
        println!("\n{}. {title}", self.sections);
    }

    /// Prints what was seen, which claims nothing.
    pub(super) fn saw(&self, who: &str, what: impl Display) {
        println!("   {who:<10} {what}");
    }

    /// Claims something; `seen` says what was seen instead, where it does not hold.
    pub(super) fn claim(&mut self, what: &str, held: bool, seen: impl Display) {
        if held {
            self.held = self.held.saturating_add(1);
            println!("   ✓ {what}");
        } else {
            println!("   ✗ {what}: {seen}");
            self.broken.push(format!("step {}: {what}", self.sections));
        }
    }

    /// Claims that two values are the same.
    pub(super) fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, seen: &T, expected: &T) {
        self.claim(what, seen == expected, format_args!("{seen:?}, expected {expected:?}"));
    }

    /// Whether every claim held, and there was one.
    pub(super) const fn all_held(&self) -> bool {
        self.broken.is_empty() && self.held > 0
    }

    /// The closing lines.
    pub(super) fn summary(&self) -> String {
        if self.all_held() {
            return format!("all {} claims held", self.held);
        }
        let mut text = format!("{} claims held, {} did not:", self.held, self.broken.len());
        for claim in &self.broken {
            text.push_str("\n  ✗ ");
            text.push_str(claim);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_broken_claim_is_enough() {
        let mut claims = Claims::default();
        assert!(!claims.all_held(), "nothing was claimed");
        claims.section("first");
        claims.equal("one is one", &1, &1);
        assert!(claims.all_held());
        claims.equal("one is two", &1, &2);
        assert!(!claims.all_held());
        assert_eq!(claims.summary(), "1 claims held, 1 did not:\n  ✗ step 1: one is two");
    }
}
