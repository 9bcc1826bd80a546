//! What a configuration may say of models, and what may be wrong with that.

use tokens::Encoding;

use super::{Charges, Counting, Families, TextPermille};

/// What a configuration says of the models that a pattern matches. Whatever it leaves out is as it would be without the rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FamilyRule {
    /// A model's name, or a prefix followed by `*`.
    pub pattern: String,
    /// The model whose family these models belong to, such as `gpt-4o` for a deployment of another name.
    pub like: Option<String>,
    /// The encoding.
    pub encoding: Option<Encoding>,
    /// How text is counted.
    pub counting: Option<Counting>,
    /// Charges; each that is none stays as it was.
    pub charges: Charges,
}

impl FamilyRule {
    /// Adds what is wrong with a rule, that of this index among all.
    pub(super) fn check(&self, rule: usize, all: &[Self], known: &Families, problems: &mut Vec<RuleProblem>) {
        let pattern = &self.pattern;
        if pattern.is_empty() {
            problems.push(RuleProblem::EmptyPattern { rule });
        }
        if pattern.strip_suffix('*').unwrap_or(pattern).contains('*') {
            problems.push(RuleProblem::InnerStar { rule, pattern: pattern.clone() });
        }
        let first = all.iter().position(|other| other.pattern.eq_ignore_ascii_case(pattern));
        if let Some(first) = first.filter(|first| *first < rule) {
            problems.push(RuleProblem::Duplicate { rule, first, pattern: pattern.clone() });
        }
        if let Some(Counting::Estimated(permille)) = self.counting {
            for (kind, permille) in permille.named() {
                if !(TextPermille::MIN..=TextPermille::MAX).contains(&permille) {
                    problems.push(RuleProblem::PermilleOutOfRange { rule, kind, permille });
                }
            }
        }
        if let Some(like) = self.like.as_deref().filter(|like| *known.of(like) == known.unknown) {
            problems.push(RuleProblem::UnknownLike { rule, like: like.to_owned() });
        }
    }
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleProblem {
    /// There is no pattern.
    #[error("the pattern is empty")]
    EmptyPattern {
        /// Index of the rule.
        rule: usize,
    },
    /// `*` stands elsewhere than at the end.
    #[error("`*` may only be the last character of `{pattern}`")]
    InnerStar {
        /// Index of the rule.
        rule: usize,
        /// The pattern.
        pattern: String,
    },
    /// Two rules have the same pattern.
    #[error("`{pattern}` already has a rule (the one with index {first})")]
    Duplicate {
        /// Index of the later rule.
        rule: usize,
        /// Index of the earlier one.
        first: usize,
        /// The pattern.
        pattern: String,
    },
    /// A multiplier is out of bounds.
    #[error("{permille} is not between {} and {} per mille", TextPermille::MIN, TextPermille::MAX)]
    PermilleOutOfRange {
        /// Index of the rule.
        rule: usize,
        /// Which of the four: `latin`, `code`, `cjk` or `other`.
        kind: &'static str,
        /// The multiplier.
        permille: u32,
    },
    /// `like` names no model that a family is known for.
    #[error("nothing is known of `{like}`")]
    UnknownLike {
        /// Index of the rule.
        rule: usize,
        /// The name.
        like: String,
    },
}

impl RuleProblem {
    /// Index of the rule that it concerns.
    pub const fn rule(&self) -> usize {
        match self {
            Self::EmptyPattern { rule }
            | Self::InnerStar { rule, .. }
            | Self::Duplicate { rule, .. }
            | Self::PermilleOutOfRange { rule, .. }
            | Self::UnknownLike { rule, .. } => *rule,
        }
    }
}
