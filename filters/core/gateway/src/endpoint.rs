//! What a client asks for by method and path.

use config::LocalEndpoints;
use llm_api::{ApiError, Dialect, ErrorKind};
use metering::Surface;
use seam::Headers;

use crate::refusal::Refusal;

/// An endpoint, with the dialect in which its client is answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Endpoint<'a> {
    /// Generate an answer.
    Generate(Dialect),
    /// Count a prompt.
    Count(Dialect, Surface),
    /// List the models.
    Models(Dialect),
    /// Show one model.
    Model(Dialect, &'a str),
    /// None of ours.
    Other(Dialect),
}

const MODELS: &str = "/v1/models";
/// Anthropic, "Count tokens in a Message".
const COUNT_TOKENS: &[u8] = b"/v1/messages/count_tokens";
/// OpenAI, "Get input token counts".
const INPUT_TOKENS: &[u8] = b"/v1/responses/input_tokens";

impl Endpoint<'_> {
    /// The dialect in which its client is answered.
    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Generate(dialect)
            | Self::Count(dialect, _)
            | Self::Models(dialect)
            | Self::Model(dialect, _)
            | Self::Other(dialect) => *dialect,
        }
    }
}

impl<'a> Endpoint<'a> {
    /// The endpoint that these headers ask for. An endpoint of ours with another method is refused.
    pub(crate) fn of(headers: &'a Headers, local: LocalEndpoints) -> Result<Self, Refusal> {
        let path = headers.bytes(":path").unwrap_or_default();
        let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        if let Some(dialect) = Dialect::of_path(path) {
            return with_body(headers, dialect).map(|()| Self::Generate(dialect));
        }
        match (local, path) {
            (LocalEndpoints::Served, COUNT_TOKENS) => {
                let dialect = Dialect::Anthropic;
                return with_body(headers, dialect).map(|()| Self::Count(dialect, Surface::Messages));
            }
            (LocalEndpoints::Served, INPUT_TOKENS) => {
                let dialect = Dialect::OpenAi;
                return with_body(headers, dialect).map(|()| Self::Count(dialect, Surface::Responses));
            }
            _ => {}
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

/// A request that brings a body, which can be read.
fn with_body(headers: &Headers, dialect: Dialect) -> Result<(), Refusal> {
    require(headers, "POST", dialect)?;
    if !headers.is_encoded() {
        return Ok(());
    }
    let message = "A compressed request body is not accepted; send it without a content-encoding.";
    Err(Refusal::new(dialect, ApiError::new(ErrorKind::InvalidRequest, message)))
}

fn require(headers: &Headers, method: &str, dialect: Dialect) -> Result<(), Refusal> {
    if headers.bytes(":method") == Some(method.as_bytes()) {
        return Ok(());
    }
    let error =
        ApiError::new(ErrorKind::MethodNotAllowed, format!("This endpoint takes {method} requests only."));
    Err(Refusal::new(dialect, error))
}
