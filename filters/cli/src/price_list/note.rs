//! What a conversion has to say: what was skipped, left out or rounded, and why.

use std::fmt;

use pricing::{Class, PriceProblem, TokenPrice};

/// Something about one model that is not in its converted price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// It has no price here.
    Skipped(Skipped),
    /// It has costs that tokens do not tell.
    LeftOut {
        /// The list's names of them.
        fields: Vec<String>,
    },
    /// A cost has more decimals than are kept, and was rounded up.
    RoundedUp {
        /// The list's name of it.
        field: String,
        /// As the list says it.
        given: String,
    },
    /// The list says that it costs nothing.
    Free,
    /// The list says nothing of a class in long prompts.
    Unnamed {
        /// The threshold.
        above: u64,
        /// The class.
        class: Class,
        /// What it was taken to cost.
        price: TokenPrice,
    },
}

/// Why a model has no price here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// It is not paid for by the token.
    Mode(String),
    /// The list says no price of prompt or of generated tokens.
    Incomplete(&'static str),
    /// A cost is no amount of money.
    NoAmount {
        /// The list's name of it.
        field: String,
        /// What is wrong with it.
        error: String,
    },
    /// The list tells its prices in a way that is not read here.
    Unread(&'static str),
    /// Its prices contradict each other.
    Problems(Vec<PriceProblem>),
    /// The list has two different prices of it.
    Contradictory,
    /// Its name or its provider's cannot stand in a configuration.
    Name,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped(why) => write!(f, "skipped: {why}"),
            Self::LeftOut { fields } => write!(f, "left out: {}", fields.join(", ")),
            Self::RoundedUp { field, given } => write!(f, "rounded up: {field} is {given}"),
            Self::Free => f.write_str("free: is that so?"),
            Self::Unnamed { above, class, price } => {
                write!(
                    f,
                    "taken as {price}: `{}` above {above} tokens, which the list does not name",
                    class.name()
                )
            }
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode(mode) => write!(f, "`{mode}` is not paid for by the token alone"),
            Self::Incomplete(field) => write!(f, "no {field}"),
            Self::NoAmount { field, error } => write!(f, "{field} {error}"),
            Self::Unread(field) => write!(f, "{field} is not read"),
            Self::Problems(problems) => {
                let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
                write!(f, "its prices contradict each other: {}", problems.join("; "))
            }
            Self::Contradictory => f.write_str("the list has two different prices of it"),
            Self::Name => f.write_str("its name or its provider's cannot stand in a configuration"),
        }
    }
}
