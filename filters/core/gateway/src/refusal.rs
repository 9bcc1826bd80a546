//! A request that ai-gateway answers itself, with an error in the client's dialect.

use llm_api::{ApiError, Dialect, ErrorKind};
use seam::{Effect, Output, names};

/// An error and the dialect that its client understands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) dialect: Dialect,
    pub(crate) error: ApiError,
}

impl Refusal {
    pub(crate) fn unknown_endpoint(dialect: Dialect) -> Self {
        let message = "Nothing is served at this path. Served are POST /v1/chat/completions, POST /v1/messages and GET /v1/models.";
        Self { dialect, error: ApiError::new(ErrorKind::NotFound, message).with_code("unknown_endpoint") }
    }

    pub(crate) fn no_body(dialect: Dialect) -> Self {
        let message = "The request has no body; a JSON object with `model` and `messages` is expected.";
        Self { dialect, error: ApiError::new(ErrorKind::InvalidRequest, message) }
    }
}

/// Answers the client, and leaves the reason for the access log.
pub(crate) fn respond(refusal: &Refusal, out: &mut dyn Output) {
    let Refusal { dialect, error } = refusal;
    let decision = error.code.as_deref().unwrap_or(error.kind.anthropic_type());
    out.emit(Effect::Publish(names::DECISION_KEY, decision.as_bytes()));
    out.emit(Effect::Respond {
        status: error.status(),
        headers: &[("content-type", "application/json")],
        body: error.body(*dialect).as_bytes(),
    });
}
