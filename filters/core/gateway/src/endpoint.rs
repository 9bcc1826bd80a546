//! What a client asks for by method and path.

use llm_api::{ApiError, Dialect, ErrorKind};
use seam::Headers;

use crate::refusal::Refusal;

/// An endpoint, with the dialect in which its client is answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Endpoint<'a> {
    /// Generate an answer.
    Generate(Dialect),
    /// List the models.
    Models(Dialect),
    /// Show one model.
    Model(Dialect, &'a str),
    /// None of ours.
    Other(Dialect),
}

const MODELS: &str = "/v1/models";

impl<'a> Endpoint<'a> {
    /// The endpoint that these headers ask for. An endpoint of ours with another method is refused.
    pub(crate) fn of(headers: &'a Headers) -> Result<Self, Refusal> {
        let path = headers.bytes(":path").unwrap_or_default();
        let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        if let Some(dialect) = Dialect::of_path(path) {
            require(headers, "POST", dialect)?;
            return match headers.is_encoded() {
                false => Ok(Self::Generate(dialect)),
                true => Err(Refusal {
                    dialect,
                    error: ApiError::new(
                        ErrorKind::InvalidRequest,
                        "A compressed request body is not accepted; send it without a content-encoding.",
                    ),
                }),
            };
        }
        // Both APIs list models at the same path and in different shapes; only Anthropic's clients send this header.
        let dialect =
            if headers.bytes("anthropic-version").is_some() { Dialect::Anthropic } else { Dialect::OpenAi };
        let Some(rest) = std::str::from_utf8(path).ok().and_then(|path| path.strip_prefix(MODELS)) else {
            return Ok(Self::Other(dialect));
        };
        match rest.strip_prefix('/') {
            None if rest.is_empty() => require(headers, "GET", dialect).map(|()| Self::Models(dialect)),
            Some(id) if !id.is_empty() => require(headers, "GET", dialect).map(|()| Self::Model(dialect, id)),
            _ => Ok(Self::Other(dialect)),
        }
    }
}

fn require(headers: &Headers, method: &str, dialect: Dialect) -> Result<(), Refusal> {
    if headers.bytes(":method") == Some(method.as_bytes()) {
        return Ok(());
    }
    let error =
        ApiError::new(ErrorKind::MethodNotAllowed, format!("This endpoint takes {method} requests only."));
    Err(Refusal { dialect, error })
}
