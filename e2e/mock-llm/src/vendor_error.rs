//! Errors in the shape of the two APIs, with what each really says for a status.

use std::fmt;

use serde_json::{Value, json};

use crate::state::ProviderKind;

/// An error as one of the APIs would send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VendorError {
    pub(crate) status: u16,
    pub(crate) error_type: String,
    pub(crate) message: String,
    /// OpenAI only.
    pub(crate) param: Option<String>,
    /// OpenAI only.
    pub(crate) code: Option<String>,
}

/// Status, type, code, message. Source: the error pages of both APIs' documentation.
const OPENAI: &[(u16, &str, Option<&str>, &str)] = &[
    (400, "invalid_request_error", None, "Your request was malformed or missing some required parameters."),
    (401, "invalid_request_error", Some("invalid_api_key"), "Incorrect API key provided."),
    (
        403,
        "invalid_request_error",
        Some("unsupported_country_region_territory"),
        "Country, region, or territory not supported",
    ),
    (
        404,
        "invalid_request_error",
        Some("model_not_found"),
        "The model does not exist or you do not have access to it.",
    ),
    (408, "server_error", None, "Request timed out."),
    (413, "invalid_request_error", None, "Request entity too large."),
    (
        429,
        "requests",
        Some("rate_limit_exceeded"),
        "Rate limit reached for requests. Please try again in 20s.",
    ),
    (500, "server_error", None, "The server had an error while processing your request. Sorry about that!"),
    (503, "server_error", None, "The engine is currently overloaded, please try again later"),
];

const ANTHROPIC: &[(u16, &str, &str)] = &[
    (400, "invalid_request_error", "There was an issue with the format or content of your request."),
    (401, "authentication_error", "invalid x-api-key"),
    (402, "billing_error", "Your credit balance is too low to access the Anthropic API."),
    (403, "permission_error", "Your API key does not have permission to use the specified resource."),
    (404, "not_found_error", "Not Found"),
    (413, "request_too_large", "Request exceeds the maximum size"),
    (
        429,
        "rate_limit_error",
        "This request would exceed your organization's rate limit of 50 requests per minute.",
    ),
    (500, "api_error", "Internal server error"),
    (504, "timeout_error", "Request timed out."),
    (529, "overloaded_error", "Overloaded"),
];

impl VendorError {
    pub(crate) fn new(status: u16, error_type: &str, message: impl Into<String>) -> Self {
        Self { status, error_type: error_type.to_owned(), message: message.into(), param: None, code: None }
    }

    pub(crate) fn with_param(self, param: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..self }
    }

    pub(crate) fn with_code(self, code: &str) -> Self {
        Self { code: Some(code.to_owned()), ..self }
    }

    /// What that API says with that status; the statuses of its documentation have its own words.
    pub(crate) fn of_status(kind: ProviderKind, status: u16) -> Self {
        match kind {
            ProviderKind::OpenAi => match OPENAI.iter().find(|row| row.0 == status) {
                Some((status, error_type, code, message)) => {
                    Self { code: code.map(str::to_owned), ..Self::new(*status, error_type, *message) }
                }
                None => Self::new(status, "server_error", format!("The server answered {status}.")),
            },
            ProviderKind::Anthropic => match ANTHROPIC.iter().find(|row| row.0 == status) {
                Some((status, error_type, message)) => Self::new(*status, error_type, *message),
                None => Self::new(status, "api_error", format!("The server answered {status}.")),
            },
        }
    }

    /// The JSON of a body or of an event in a stream.
    pub(crate) fn json(&self, kind: ProviderKind, request_id: &str) -> Value {
        match kind {
            ProviderKind::OpenAi => json!({"error": {
                "message": self.message, "type": self.error_type, "param": self.param, "code": self.code,
            }}),
            ProviderKind::Anthropic => json!({
                "type": "error", "error": {"type": self.error_type, "message": self.message}, "request_id": request_id,
            }),
        }
    }
}

impl fmt::Display for VendorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.error_type, self.message)
    }
}
