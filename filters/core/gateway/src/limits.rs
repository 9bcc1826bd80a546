//! What a request may not exceed before it is sent, and what its client is told where it does.
//!
//! A limit judges a number of prompt tokens. How the number is found is none of its business: by a bound, by a count, by an estimate.

use llm_api::{ApiError, Dialect, ErrorKind};
use metering::Part;

use crate::meter::Source;
use crate::refusal::Refusal;

/// A number of prompt tokens that may not be exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    most: u64,
    what: What,
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// The prompt of a model: `max_input_tokens`.
    ModelInput,
}

impl Limit {
    pub(crate) const fn model_input(most: u64) -> Self {
        Self { most, what: What::ModelInput }
    }

    /// The most that it allows.
    pub(crate) const fn most(self) -> u64 {
        self.most
    }

    /// The refusal of a prompt of that many tokens, where it is more than allowed.
    pub(crate) fn judge(self, dialect: Dialect, tokens: u64, source: Source) -> Result<(), Refusal> {
        if tokens <= self.most { Ok(()) } else { Err(self.exceeded(dialect, tokens, source)) }
    }

    /// The refusal of a prompt that is more than allowed. Clients that shorten a conversation and try again recognise it by its words and
    /// read both numbers from them, so the words are each API's own.
    pub(crate) fn exceeded(self, dialect: Dialect, tokens: u64, source: Source) -> Refusal {
        let most = self.most;
        let doubt = if source == Source::Counted { "" } else { " (estimated)" };
        let error = match (self.what, dialect) {
            (What::ModelInput, Dialect::OpenAi) => format!(
                "This model's maximum context length is {most} tokens. However, your messages resulted in {tokens} tokens{doubt}. \
                 Please reduce the length of the messages."
            ),
            (What::ModelInput, Dialect::Anthropic) => {
                format!("prompt is too long: {tokens} tokens > {most} maximum{doubt}")
            }
        };
        let error = ApiError::new(ErrorKind::InvalidRequest, error);
        Refusal::new(dialect, error.with_param("messages").with_code("context_length_exceeded"))
    }
}

/// The refusal of a request with a part whose tokens nobody can know before it is sent, where a limit wants to know.
pub(crate) fn not_countable(dialect: Dialect, part: Part) -> Refusal {
    let what = match part {
        Part::File => "a file",
        Part::Audio => "audio",
        Part::Image => "an image of unknown size",
        Part::Stored => "what the provider has stored",
        Part::HostedTool => "a tool that the provider defines",
        Part::Body => "a body that is no JSON object",
        _ => "a part of a kind that is not known",
    };
    let message = format!(
        "The number of input tokens of this model is limited, and how many {what} has cannot be known before the request is sent."
    );
    let error = ApiError::new(ErrorKind::InvalidRequest, message);
    Refusal::new(dialect, error.with_param("messages").with_code("input_not_countable"))
}
