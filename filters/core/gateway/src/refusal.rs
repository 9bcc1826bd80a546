//! A request that ai-gateway answers itself, with an error in the client's dialect.

use llm_api::{ApiError, Dialect, ErrorKind};
use seam::{Effect, Output, names};

/// An error and the dialect that its client understands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) dialect: Dialect,
    pub(crate) error: ApiError,
    /// The status, where it is not the one of the error's kind.
    pub(crate) status: Option<u16>,
    /// What its client is told beside the error.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Refusal {
    /// With the status of the error's kind.
    pub(crate) const fn new(dialect: Dialect, error: ApiError) -> Self {
        Self { dialect, error, status: None, headers: Vec::new() }
    }

    pub(crate) fn unknown_endpoint(dialect: Dialect) -> Self {
        let message = "Nothing is served at this path. Served are POST /v1/chat/completions, POST /v1/messages and GET /v1/models.";
        Self::new(dialect, ApiError::new(ErrorKind::NotFound, message).with_code("unknown_endpoint"))
    }

    pub(crate) fn no_body(dialect: Dialect) -> Self {
        let message = "The request has no body; a JSON object with `model` and `messages` is expected.";
        Self::new(dialect, ApiError::new(ErrorKind::InvalidRequest, message))
    }
}

/// Answers the client, and leaves the reason for the access log.
pub(crate) fn respond(refusal: &Refusal, out: &mut dyn Output) {
    let Refusal { dialect, error, status, headers } = refusal;
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let headers: Vec<(&str, &str)> =
        [("content-type", "application/json")].into_iter().chain(headers).collect();
    let decision = error.code.as_deref().unwrap_or(error.kind.anthropic_type());
    out.emit(Effect::Publish(names::DECISION_KEY, decision.as_bytes()));
    out.emit(Effect::Respond {
        status: status.unwrap_or_else(|| error.status()),
        headers: &headers,
        body: error.body(*dialect).as_bytes(),
    });
}
