//! A provider's error answer in the client's terms.

use llm_api::{ApiError, ErrorKind};
use serde_json::Value;

/// The longest message that is passed on, in bytes.
const MAX_MESSAGE_BYTES: usize = 2048;

/// The longest `param` or `code` that is passed on, in bytes.
const MAX_LABEL_BYTES: usize = 128;

/// The longest body that is looked into. A longer one is no error that anyone wrote by hand.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// `code` where a provider refused the gateway's own credentials.
const CREDENTIALS_REFUSED: &str = "provider_credentials_refused";

/// How the keys of well-known providers begin.
const KEY_PREFIXES: &[&str] =
    &["sk-", "pk-", "rk-", "xai-", "gsk_", "AIza", "ya29.", "AKIA", "ASIA", "hf_", "csk-", "pplx-"];

/// A provider's error answer in the client's terms: any status, any body (either dialect's JSON, a JSON array around it, the
/// shapes of compatible servers, HTML, nothing).
///
/// The provider's message, `param` and `code` are kept, cut to 2 KiB, without control characters and without anything that
/// looks like a key. A status below 400 is for an error that came under a good one, in a body or in a stream: there the
/// error's own type decides what kind it is.
///
/// 401, 402 and 403, and whatever else says that a key is wrong, are about *the gateway's* credentials. The client gets the
/// same status, because its SDK must not try again, which a status from 500 would make it do, and because nothing but an operator's hand can
/// change the outcome; but the message is ours, since providers quote pieces of the key in theirs, and so that nobody
/// looks for the fault in the client's own key. The code is `provider_credentials_refused`, by which an operator finds it.
pub fn provider_error(provider_name: &str, status: u16, body: &[u8]) -> ApiError {
    error_of(&format!("The provider `{provider_name}`"), status, Found::in_body(body))
}

/// An error that a provider sent in a body, or in an event, under a good status.
pub(crate) fn in_band_error(body: &[u8]) -> ApiError {
    error_of("The provider", 200, Found::in_body(body))
}

/// The same error, already parsed.
pub(crate) fn in_band_error_value(value: &Value) -> ApiError {
    error_of("The provider", 200, Found::in_value(value))
}

fn error_of(who: &str, status: u16, found: Found) -> ApiError {
    let kind = if status >= 400 { ErrorKind::of_status(status) } else { found.kind() };
    if found.is_about_credentials(kind) {
        return credentials_refused(who, kind);
    }
    let message =
        found.message.as_deref().map(|message| without_keys(&printable(message, MAX_MESSAGE_BYTES)));
    let message = message.filter(|message| !message.is_empty()).unwrap_or_else(|| {
        if status >= 400 {
            format!("{who} answered with status {status} and no explanation.")
        } else {
            format!("{who} reported an error without an explanation.")
        }
    });
    let label = |label: &str| without_keys(&printable(label, MAX_LABEL_BYTES));
    ApiError {
        kind,
        message,
        param: found.param.as_deref().map(label),
        code: found.code.as_deref().map(label),
    }
}

fn credentials_refused(who: &str, kind: ErrorKind) -> ApiError {
    let (kind, message) = match kind {
        ErrorKind::Billing => {
            (kind, "refused the request, because the account behind the gateway's credentials cannot pay")
        }
        ErrorKind::Permission => (kind, "does not allow this to the gateway's credentials"),
        _ => (ErrorKind::Authentication, "refused the gateway's credentials"),
    };
    ApiError::new(kind, format!("{who} {message}.")).with_code(CREDENTIALS_REFUSED)
}

/// What a body says of the error.
#[derive(Default)]
struct Found {
    message: Option<String>,
    kind: Option<String>,
    param: Option<String>,
    code: Option<String>,
    /// An HTTP status inside the body, which vLLM and SGLang put into `code`.
    status: Option<u16>,
}

impl Found {
    fn in_body(body: &[u8]) -> Self {
        if body.len() > MAX_BODY_BYTES {
            return Self::default();
        }
        // serde_json gives up below 128 levels: such a body has no explanation either.
        serde_json::from_slice(body).map(|value| Self::in_value(&value)).unwrap_or_default()
    }

    fn in_value(value: &Value) -> Self {
        // Gemini's compatible endpoint wraps its error into an array.
        let value = if value.is_array() { value.get(0).unwrap_or(&Value::Null) } else { value };
        let error = value.get("error").unwrap_or(value);
        let text = |name| error.get(name).and_then(label);
        // Some servers put the number beside the object and not into it.
        let numbers = [
            error.get("code"),
            error.get("status"),
            error.get("status_code"),
            value.get("status"),
            value.get("status_code"),
        ];
        Self {
            message: error
                .as_str()
                .map(str::to_owned)
                .or_else(|| text("message"))
                .or_else(|| value.get("message").and_then(label))
                .or_else(|| value.get("detail").and_then(detail)),
            kind: text("type"),
            param: text("param"),
            // Gemini's numeric code is the status once more, and `status` its code.
            code: error.get("code").and_then(Value::as_str).map(str::to_owned).or_else(|| {
                error.get("details").and_then(|details| details.get("error_code")).and_then(label)
            }),
            status: numbers.into_iter().flatten().find_map(http_error),
        }
    }

    /// The kind by what says it best: a status number, a code, a type.
    fn kind(&self) -> ErrorKind {
        let words = [self.code.as_deref(), self.kind.as_deref()];
        self.status
            .map(ErrorKind::of_status)
            .or_else(|| words.into_iter().flatten().find_map(kind_named))
            .unwrap_or(ErrorKind::BadGateway)
    }

    fn is_about_credentials(&self, kind: ErrorKind) -> bool {
        let says =
            |name: &Option<String>, what: &[&str]| name.as_deref().is_some_and(|name| what.contains(&name));
        matches!(kind, ErrorKind::Authentication | ErrorKind::Billing | ErrorKind::Permission)
            || says(&self.kind, &["authentication_error", "invalid_api_key"])
            || says(&self.code, &["invalid_api_key", "API_KEY_INVALID"])
            || self.message.as_deref().is_some_and(is_about_a_key)
    }
}

/// An HTTP error status, as a number or in digits.
fn http_error(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

/// The kind that a code or type stands for: OpenAI's, Anthropic's, and those of compatible servers in Python, which name it after the
/// exception. No name means different things to different providers.
fn kind_named(word: &str) -> Option<ErrorKind> {
    Some(match word {
        "invalid_request_error" | "context_length_exceeded" | "content_filter" | "BadRequestError" => {
            ErrorKind::InvalidRequest
        }
        "invalid_api_key" | "authentication_error" | "AuthenticationError" => ErrorKind::Authentication,
        "billing_error" => ErrorKind::Billing,
        "permission_error" | "PermissionDeniedError" => ErrorKind::Permission,
        "model_not_found" | "not_found_error" | "NotFoundError" => ErrorKind::NotFound,
        "conflict_error" => ErrorKind::Conflict,
        "request_too_large" => ErrorKind::RequestTooLarge,
        // OpenAI says 429 to an exhausted quota too: another provider may still have one.
        "rate_limit_exceeded"
        | "rate_limit_error"
        | "insufficient_quota"
        | "RateLimitError"
        | "tokens"
        | "requests" => ErrorKind::RateLimit,
        "overloaded" | "overloaded_error" | "service_unavailable" | "ServiceUnavailableError" => {
            ErrorKind::Overloaded
        }
        "timeout" | "timeout_error" | "TimeoutError" => ErrorKind::Timeout,
        "server_error" | "api_error" | "internal_error" | "internal_server_error" | "InternalServerError" => {
            ErrorKind::Internal
        }
        _ => return None,
    })
}

/// A wrong key is 400 with some providers, and their message quotes it.
fn is_about_a_key(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["incorrect api key", "invalid api key", "api key not valid", "invalid x-api-key"]
        .iter()
        .any(|phrase| message.contains(phrase))
}

fn label(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// FastAPI's `detail`: a sentence, or a list of findings.
fn detail(detail: &Value) -> Option<String> {
    label(detail).or_else(|| detail.get(0).and_then(|finding| finding.get("msg")).and_then(label))
}

/// The text without control characters, cut at a character's boundary.
fn printable(text: &str, max_bytes: usize) -> String {
    let mut out = String::new();
    for c in text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if out.len().saturating_add(c.len_utf8()) > max_bytes {
            break;
        }
        out.push(c);
    }
    out
}

/// The text with every word that looks like a key, or follows `Bearer`, replaced.
fn without_keys(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut after_bearer = false;
    for word in text.split_inclusive(|c: char| !is_of_a_key(c)) {
        let key = word.trim_end_matches(|c| !is_of_a_key(c));
        let is_key = after_bearer || KEY_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
        if is_key && !key.is_empty() {
            out.push_str("[redacted]");
            out.push_str(word.strip_prefix(key).unwrap_or_default());
        } else {
            out.push_str(word);
        }
        after_bearer = key.eq_ignore_ascii_case("bearer") || (after_bearer && key.is_empty());
    }
    out
}

/// Keys are shown with stars for their middle.
fn is_of_a_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*' | '\u{2022}' | '\u{2026}')
}
