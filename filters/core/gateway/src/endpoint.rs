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
/// Whatever answers GET answers HEAD (RFC 9110, section 9.1). Envoy leaves out the body.
const READS: &[&str] = &["GET", "HEAD"];
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
            None if rest.is_empty() => require(headers, READS, dialect).map(|()| Self::Models(dialect)),
            Some(id) if !id.is_empty() => require(headers, READS, dialect).map(|()| Self::Model(dialect, id)),
            _ => Ok(Self::Other(dialect)),
        }
    }
}

/// A request that brings a body, which can be read.
fn with_body(headers: &Headers, dialect: Dialect) -> Result<(), Refusal> {
    require(headers, &["POST"], dialect)?;
    if !headers.is_encoded() {
        return Ok(());
    }
    let message = "A compressed request body is not accepted; send it without a content-encoding.";
    Err(Refusal::new(dialect, ApiError::new(ErrorKind::InvalidRequest, message)))
}

/// One of these methods, or a refusal that lists them (RFC 9110, section 15.5.6).
fn require(headers: &Headers, methods: &[&str], dialect: Dialect) -> Result<(), Refusal> {
    let method = headers.bytes(":method").unwrap_or_default();
    if methods.iter().any(|each| each.as_bytes() == method) {
        return Ok(());
    }
    let message = format!("This endpoint takes {} requests only.", methods.join(" and "));
    let mut refusal = Refusal::new(dialect, ApiError::new(ErrorKind::MethodNotAllowed, message));
    refusal.headers.push(("allow", methods.join(", ")));
    Err(refusal)
}
