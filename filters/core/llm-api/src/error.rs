//! An error as an API client sees it: one value, the body of either dialect.

use serde::Serialize;

use crate::Dialect;

/// What kind of error it is. Each kind knows its HTTP status and its name in both dialects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is malformed, or asks for what cannot be done. 400.
    InvalidRequest,
    /// No or wrong credentials. 401.
    Authentication,
    /// The account behind the credentials cannot pay. 402.
    Billing,
    /// The credentials do not allow this. 403.
    Permission,
    /// No such model or endpoint. 404.
    NotFound,
    /// The endpoint exists, the method does not. 405.
    MethodNotAllowed,
    /// Conflict. 409.
    Conflict,
    /// The body is larger than allowed. 413.
    RequestTooLarge,
    /// Too many requests or tokens. 429.
    RateLimit,
    /// The gateway or its configuration is at fault. 500.
    Internal,
    /// A provider answered something that is no answer. 502.
    BadGateway,
    /// No provider can take the request now. 503.
    Overloaded,
    /// No provider answered in time. 504.
    Timeout,
}

impl ErrorKind {
    /// The HTTP status a client of either dialect gets. Anthropic's own 529 is 503 here, as OpenAI's clients know it.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Authentication => 401,
            Self::Billing => 402,
            Self::Permission => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::RequestTooLarge => 413,
            Self::RateLimit => 429,
            Self::Internal => 500,
            Self::BadGateway => 502,
            Self::Overloaded => 503,
            Self::Timeout => 504,
        }
    }

    /// The kind that an HTTP status stands for in either dialect.
    pub const fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Authentication,
            402 => Self::Billing,
            403 => Self::Permission,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            409 => Self::Conflict,
            413 => Self::RequestTooLarge,
            429 => Self::RateLimit,
            408 | 504 => Self::Timeout,
            400..=499 => Self::InvalidRequest,
            503 | 529 => Self::Overloaded,
            500 => Self::Internal,
            _ => Self::BadGateway,
        }
    }

    /// `error.type` in OpenAI's error body.
    pub const fn openai_type(self) -> &'static str {
        match self {
            Self::InvalidRequest
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::Conflict
            | Self::RequestTooLarge => "invalid_request_error",
            Self::Authentication => "authentication_error",
            Self::Billing => "insufficient_quota",
            Self::Permission => "permission_error",
            Self::RateLimit => "rate_limit_error",
            Self::Internal | Self::BadGateway | Self::Overloaded => "server_error",
            Self::Timeout => "timeout_error",
        }
    }

    /// `error.type` in Anthropic's error body.
    pub const fn anthropic_type(self) -> &'static str {
        match self {
            Self::InvalidRequest | Self::MethodNotAllowed => "invalid_request_error",
            Self::Authentication => "authentication_error",
            Self::Billing => "billing_error",
            Self::Permission => "permission_error",
            Self::NotFound => "not_found_error",
            Self::Conflict => "conflict_error",
            Self::RequestTooLarge => "request_too_large",
            Self::RateLimit => "rate_limit_error",
            Self::Internal | Self::BadGateway => "api_error",
            Self::Overloaded => "overloaded_error",
            Self::Timeout => "timeout_error",
        }
    }
}

/// An error on its way to a client: what it is, in words, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The kind, from which status and type follow.
    pub kind: ErrorKind,
    /// One or two sentences for the person who reads it. Never a secret, never a prompt.
    pub message: String,
    /// The request's field that it is about, as a path such as `messages[2].content`.
    pub param: Option<String>,
    /// A stable machine-readable code, such as `model_not_found`.
    pub code: Option<String>,
}

impl ApiError {
    /// An error of that kind without field or code.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), param: None, code: None }
    }

    /// The same error about that field.
    #[must_use]
    pub fn with_param(self, param: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..self }
    }

    /// The same error with that code.
    #[must_use]
    pub fn with_code(self, code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..self }
    }

    /// The HTTP status that goes with it.
    pub const fn status(&self) -> u16 {
        self.kind.status()
    }

    /// The JSON body that a client of this dialect understands.
    ///
    /// OpenAI: `{"error":{"message","type","param","code"}}`; Anthropic: `{"type":"error","error":{"type","message"}}`.
    pub fn body(&self, dialect: Dialect) -> String {
        let written = match dialect {
            Dialect::OpenAi => serde_json::to_string(&OpenAiBody {
                error: OpenAiError {
                    message: &self.message,
                    kind: self.kind.openai_type(),
                    param: self.param.as_deref(),
                    code: self.code.as_deref(),
                },
            }),
            Dialect::Anthropic => serde_json::to_string(&AnthropicBody {
                kind: "error",
                error: AnthropicError { kind: self.kind.anthropic_type(), message: &self.message },
            }),
        };
        // Strings alone always serialise.
        written.unwrap_or_default()
    }
}

/// OpenAI's error body, in the order in which the API itself writes it.
#[derive(Serialize)]
struct OpenAiBody<'a> {
    error: OpenAiError<'a>,
}

#[derive(Serialize)]
struct OpenAiError<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

/// Anthropic's error body, likewise.
#[derive(Serialize)]
struct AnthropicBody<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    error: AnthropicError<'a>,
}

#[derive(Serialize)]
struct AnthropicError<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    message: &'a str,
}
