//! Why something is not counted: one line, and a hint.

use metering::NotCountable;

/// Why nothing is counted.
#[derive(Debug, thiserror::Error)]
pub(in crate::commands) enum Problem {
    /// Neither a model nor an encoding.
    #[error("whose tokens should be counted?\n  hint: --model gpt-4o, or --encoding o200k_base")]
    NoModel,
    /// A model whose tokenizer is not known, not even roughly.
    #[error(
        "--model: no tokenizer is known for `{given}`\n  hint: is the name right? --encoding o200k_base counts in that encoding, \
         whatever the model"
    )]
    UnknownModel {
        /// The name.
        given: String,
    },
    /// An encoding that is not built in.
    #[error(
        "--encoding: `{given}` is no encoding that is known here\n  hint: one of `o200k_base`, `cl100k_base`"
    )]
    UnknownEncoding {
        /// The name.
        given: String,
    },
    /// An input, or a line of it, that cannot be counted.
    #[error("{place}: {refused}\n  hint: {}", refused.hint())]
    Input {
        /// The file, `stdin`, or a line of either.
        place: String,
        /// Why not.
        refused: Refused,
    },
}

/// Why an input is not counted.
#[derive(Debug, thiserror::Error)]
pub(in crate::commands) enum Refused {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(std::io::Error),
    /// It is not UTF-8.
    #[error("not UTF-8 at byte {valid_up_to}")]
    NotUtf8 {
        /// How many bytes are.
        valid_up_to: u64,
    },
    /// It is no JSON.
    #[error("not valid JSON (line {line}, column {column})")]
    NotJson {
        /// Counted from one.
        line: usize,
        /// Counted from one.
        column: usize,
    },
    /// It is JSON, but neither a body nor messages.
    #[error("neither a JSON object nor an array")]
    NoRequest,
    /// A body that is not any API's.
    #[error("the body has neither `messages` nor `input`")]
    NoSurface,
    /// A body without a model.
    #[error("the request does not say which model it is for")]
    NoModel,
    /// A body for a model whose tokenizer is not known, not even roughly.
    #[error("no tokenizer is known for the request's model `{model}`")]
    UnknownModel {
        /// The name.
        model: String,
    },
    /// What the counter refuses.
    #[error("{0}")]
    NotCountable(NotCountable),
}

impl Refused {
    /// Where it was refused.
    pub(super) fn at(self, place: &str) -> Problem {
        Problem::Input { place: place.to_owned(), refused: self }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "a file to count, or nothing to count what comes in on stdin",
            Self::NotUtf8 { .. } => "models read UTF-8; iconv converts other encodings to it",
            Self::NotJson { .. } | Self::NoRequest | Self::NotCountable(_) => {
                "with --chat the input is the JSON body of a request, or its `messages`; without, it is text"
            }
            Self::NoSurface => "--surface says which API's body it is",
            Self::NoModel => "--model gpt-4o",
            Self::UnknownModel { .. } => "--model names another, --encoding an encoding",
        }
    }
}
