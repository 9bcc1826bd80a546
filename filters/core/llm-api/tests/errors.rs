//! Kinds, statuses and bodies of errors, as the SDKs of both dialects read them.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use llm_api::{ApiError, Dialect, ErrorKind};
use serde_json::{Value, json};

const KINDS: [ErrorKind; 13] = [
    ErrorKind::InvalidRequest,
    ErrorKind::Authentication,
    ErrorKind::Billing,
    ErrorKind::Permission,
    ErrorKind::NotFound,
    ErrorKind::MethodNotAllowed,
    ErrorKind::Conflict,
    ErrorKind::RequestTooLarge,
    ErrorKind::RateLimit,
    ErrorKind::Internal,
    ErrorKind::BadGateway,
    ErrorKind::Overloaded,
    ErrorKind::Timeout,
];

fn body(error: &ApiError, dialect: Dialect) -> Value {
    serde_json::from_str(&error.body(dialect)).unwrap()
}

#[test]
fn a_kind_survives_its_own_status() {
    for kind in KINDS {
        assert_eq!(ErrorKind::of_status(kind.status()), kind);
    }
}

#[test]
fn statuses_without_a_kind_of_their_own() {
    let table = [
        (408, ErrorKind::Timeout),
        (418, ErrorKind::InvalidRequest),
        (422, ErrorKind::InvalidRequest),
        (529, ErrorKind::Overloaded),
        (501, ErrorKind::BadGateway),
        (599, ErrorKind::BadGateway),
        (302, ErrorKind::BadGateway),
        (0, ErrorKind::BadGateway),
    ];
    for (status, kind) in table {
        assert_eq!(ErrorKind::of_status(status), kind, "{status}");
    }
}

#[test]
fn a_kind_has_the_type_that_each_api_documents_for_its_status() {
    let table = [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "authentication_error", "authentication_error"),
        (402, "insufficient_quota", "billing_error"),
        (403, "permission_error", "permission_error"),
        (404, "invalid_request_error", "not_found_error"),
        (409, "invalid_request_error", "conflict_error"),
        (413, "invalid_request_error", "request_too_large"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (502, "server_error", "api_error"),
        (503, "server_error", "overloaded_error"),
        (529, "server_error", "overloaded_error"),
        (504, "timeout_error", "timeout_error"),
    ];
    for (status, openai, anthropic) in table {
        let kind = ErrorKind::of_status(status);
        assert_eq!((kind.openai_type(), kind.anthropic_type()), (openai, anthropic), "{status}");
    }
}

#[test]
fn openais_body_always_has_all_four_members() {
    let error = ApiError::new(ErrorKind::NotFound, "No model `x\"`.");
    let expected = json!({"error": {
        "message": "No model `x\"`.", "type": "invalid_request_error", "param": null, "code": null,
    }});
    assert_eq!(body(&error, Dialect::OpenAi), expected);

    let error = error.with_param("model").with_code("model_not_found");
    assert_eq!(body(&error, Dialect::OpenAi)["error"]["param"], "model");
    assert_eq!(body(&error, Dialect::OpenAi)["error"]["code"], "model_not_found");
    assert_eq!((error.status(), error.to_string().as_str()), (404, "No model `x\"`."));
}

#[test]
fn anthropics_body_says_twice_that_it_is_an_error() {
    let error = ApiError::new(ErrorKind::Overloaded, "Busy.").with_param("model").with_code("c");
    let expected = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}});
    assert_eq!(body(&error, Dialect::Anthropic), expected);
}
