//! A provider's error answers, of every shape that was seen, in the client's terms; and answers that are none.

use llm_api::{
    ApiError,
    Dialect::{self, Anthropic, OpenAi},
    ErrorKind::{self, *},
};
use translate::{ResponseOptions, provider_error, response};

fn error(status: u16, body: &str) -> ApiError {
    provider_error("openai", status, body.as_bytes())
}

#[test]
fn each_status_is_a_kind() {
    let table: &[(u16, ErrorKind, u16)] = &[
        (400, InvalidRequest, 400),
        (404, NotFound, 404),
        (405, MethodNotAllowed, 405),
        (408, Timeout, 504),
        (409, Conflict, 409),
        (413, RequestTooLarge, 413),
        (422, InvalidRequest, 400),
        (429, RateLimit, 429),
        (500, Internal, 500),
        (502, BadGateway, 502),
        (503, Overloaded, 503),
        (504, Timeout, 504),
        (529, Overloaded, 503),
        (599, BadGateway, 502),
    ];
    for (status, kind, client_status) in table {
        let error = error(*status, r#"{"error":{"message":"Why.","type":"t","param":"p","code":"c"}}"#);
        assert_eq!((error.kind, error.status()), (*kind, *client_status));
        assert_eq!(
            (error.message.as_str(), error.param.as_deref(), error.code.as_deref()),
            ("Why.", Some("p"), Some("c"))
        );
    }
}

#[test]
fn the_message_is_found_in_every_shape() {
    let table: &[(&str, Option<&str>, Option<&str>)] = &[
        (
            r#"{"error":{"message":"Why.","type":"invalid_request_error","param":null,"code":null}}"#,
            None,
            None,
        ),
        (
            r#"{"error":{"message":"Why.","type":"x","param":"messages[0].content","code":"context_length_exceeded"}}"#,
            Some("messages[0].content"),
            Some("context_length_exceeded"),
        ),
        (
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Why."},"request_id":"req_1"}"#,
            None,
            None,
        ),
        (
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"Why.","details":{"error_code":"enforced_spend_limit_reached"}}}"#,
            None,
            Some("enforced_spend_limit_reached"),
        ),
        (r#"[{"error":{"code":400,"message":"Why.","status":"INVALID_ARGUMENT"}}]"#, None, None),
        (r#"{"error":"Why."}"#, None, None),
        (
            r#"{"object":"error","message":"Why.","type":"BadRequestError","param":null,"code":400}"#,
            None,
            None,
        ),
        (r#"{"message":"Why."}"#, None, None),
        (r#"{"detail":"Why."}"#, None, None),
        (r#"{"detail":[{"loc":["body","messages"],"msg":"Why.","type":"missing"}]}"#, None, None),
    ];
    for (body, param, code) in table {
        let error = error(400, body);
        assert_eq!(error.message, "Why.", "{body}");
        assert_eq!((error.param.as_deref(), error.code.as_deref()), (*param, *code), "{body}");
    }
}

#[test]
fn without_an_explanation_there_is_a_plain_sentence() {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "x".repeat(100_000));
    let bodies: &[&[u8]] = &[
        b"",
        b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
        b"upstream connect error",
        b"\xff\xfe",
        b"{\"error\":",
        b"{\"error\":null}",
        b"{\"error\":{\"message\":\"\"}}",
        b"{\"error\":{\"message\":\" \\n \"}}",
        b"{\"error\":{\"message\":7}}",
        b"[]",
        b"[[]]",
        b"7",
        b"null",
        deep.as_bytes(),
        long.as_bytes(),
    ];
    for body in bodies {
        let error = provider_error("claude", 502, body);
        assert_eq!(error.message, "The provider `claude` answered with status 502 and no explanation.");
        assert_eq!((error.kind, error.param, error.code), (BadGateway, None, None));
    }
}

#[test]
fn a_refusal_of_the_gateways_credentials_is_told_in_our_words() {
    const CANARY: &str = "sk-canary";
    let body = r#"{"error":{"message":"Incorrect API key provided: sk-canary*****1234. Find it at https://x.","type":"invalid_request_error","param":"sk-canary","code":"invalid_api_key"}}"#;
    let table: &[(u16, ErrorKind)] = &[
        (401, Authentication),
        (402, Billing),
        (403, Permission),
        (400, Authentication),
        (404, Authentication),
    ];
    for (status, kind) in table {
        let error = error(*status, body);
        assert_eq!(error.kind, *kind);
        assert!(
            error.message.contains("The provider `openai`")
                && error.message.contains("the gateway's credentials")
        );
        assert_eq!(
            (error.param.as_deref(), error.code.as_deref()),
            (None, Some("provider_credentials_refused"))
        );
        assert!(!format!("{error:?}").contains(CANARY), "{error:?}");
    }
    let plain = error(401, "");
    assert_eq!(plain.message, "The provider `openai` refused the gateway's credentials.");
}

#[test]
fn keys_do_not_pass_in_any_message() {
    let keys = [
        "sk-canary0123456789",
        "sk-ant-api03-canary",
        "sk-ca***************ary",
        "xai-canary",
        "gsk_canary",
        "AIzaSycanary",
        "AKIAcanary",
        "Bearer canary.canary.canary",
        "bearer  canary",
    ];
    for key in keys {
        for message in
            [format!("No: {key}"), format!("'{key}' is no good"), format!("key=\\\"{key}\\\", ({key})")]
        {
            for status in [400, 404, 429, 500, 503] {
                let error = error(
                    status,
                    &format!(r#"{{"error":{{"message":"{message}","code":"{key}","param":"{key}"}}}}"#),
                );
                assert!(!format!("{error:?}").contains("canary"), "{error:?}");
                assert!(error.message.contains("[redacted]"), "{error:?}");
            }
        }
    }
    let harmless = "Ask your task-force about risk-free tokens, or see the sky.";
    assert_eq!(error(400, &format!(r#"{{"message":"{harmless}"}}"#)).message, harmless);
}

#[test]
fn a_message_is_bounded_and_printable() {
    let error = error(400, &format!(r#"{{"message":"a\u0000b\u001b[31m\n{}"}}"#, "ä".repeat(5000)));
    assert!(error.message.starts_with("a b [31m ä"));
    assert!(error.message.len() <= 2048 && error.message.len() > 2000);
    assert!(!error.message.chars().any(char::is_control));
}

#[test]
fn under_a_good_status_the_errors_own_type_decides() {
    let table: &[(Dialect, &str, ErrorKind)] = &[
        (Anthropic, "overloaded_error", Overloaded),
        (Anthropic, "rate_limit_error", RateLimit),
        (Anthropic, "api_error", Internal),
        (Anthropic, "timeout_error", Timeout),
        (Anthropic, "invalid_request_error", InvalidRequest),
        (Anthropic, "authentication_error", Authentication),
        (Anthropic, "never_heard_of", BadGateway),
        (OpenAi, "server_error", Internal),
        (OpenAi, "rate_limit_error", RateLimit),
        (OpenAi, "invalid_request_error", InvalidRequest),
        (OpenAi, "insufficient_quota", RateLimit),
    ];
    for (provider, name, kind) in table {
        let body = format!(r#"{{"type":"error","error":{{"type":"{name}","message":"Why."}}}}"#);
        assert_eq!(provider_error("p", 200, body.as_bytes()).kind, *kind, "{name}");
        let client = if *provider == OpenAi { Anthropic } else { OpenAi };
        assert_eq!(answer(*provider, client, &body).unwrap_err().kind, *kind, "{name}");
    }
}

fn answer(provider: Dialect, client: Dialect, body: &str) -> Result<translate::Translated, ApiError> {
    let options = ResponseOptions { model: "m", created: 1, id_seed: 2, max_output_bytes: 1000 };
    response(provider, client, body.as_bytes(), &options)
}

#[test]
fn an_answer_that_is_none_is_a_bad_gateway() {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let long = "x".repeat(2000);
    let from_anthropic = [
        "",
        "<html>",
        "{}",
        "[]",
        r#"{"type":"message","content":null}"#,
        r#"{"type":"message","content":"SECRET"}"#,
        r#"{"type":"message","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]}"#,
        r#"{"type":"message","content":[{"type":"hologram"}]}"#,
        r#"{"type":"message","content":[{"type":"text","text":"a"}"#,
        &deep,
        &format!(r#"{{"type":"message","content":{deep}}}"#),
        &format!(r#"{{"type":"message","content":[{{"type":"text","text":"{long}"}}]}}"#),
    ];
    let from_openai = [
        "",
        "{}",
        r#"{"choices":[]}"#,
        r#"{"choices":[{"index":0}]}"#,
        r#"{"choices":[{"message":{"content":7}}]}"#,
        r#"{"choices":[{"message":{"content":null,"tool_calls":[{"id":"c"}]}}]}"#,
        r#"{"choices":[{"message":{"content":null,"function_call":{"name":"f"}}}]}"#,
        r#"{"choices":[{"message":{"content":"a"}}],"error":{"message":"no"}}"#,
        &deep,
        &format!(r#"{{"choices":[{{"message":{{"content":"{long}"}}}}]}}"#),
    ];
    for (provider, client, bodies) in
        [(Anthropic, OpenAi, from_anthropic.as_slice()), (OpenAi, Anthropic, from_openai.as_slice())]
    {
        for body in bodies {
            let error = answer(provider, client, body).unwrap_err();
            assert_eq!(error.kind, BadGateway, "{body}");
            assert!(!error.message.contains("SECRET"), "{error}");
        }
    }
    let not_utf8 = ResponseOptions { model: "m", created: 1, id_seed: 2, max_output_bytes: 1000 };
    assert_eq!(response(OpenAi, Anthropic, b"\"\xff\"", &not_utf8).unwrap_err().kind, BadGateway);
}

#[test]
fn an_error_that_is_none_costs_nobody_the_answer() {
    for empty in ["null", "false", "{}", "\"\"", "[]", "0"] {
        let body = format!(
            r#"{{"error":{empty},"choices":[{{"message":{{"content":"a"}},"finish_reason":"stop"}}]}}"#
        );
        assert!(answer(OpenAi, Anthropic, &body).is_ok(), "{empty}");
    }
}

#[test]
fn an_id_comes_from_the_provider_or_from_the_seed() {
    let id = |body: &str| {
        let translated = answer(Anthropic, OpenAi, body).unwrap();
        serde_json::from_slice::<serde_json::Value>(&translated.body).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(id(r#"{"id":"msg_01","content":[]}"#), "chatcmpl-01");
    assert_eq!(id(r#"{"id":"other","content":[]}"#), "chatcmpl-other");
    assert_eq!(id(r#"{"id":"","content":[]}"#), "chatcmpl-0000000000000002");
    assert_eq!(id(r#"{"content":[]}"#), "chatcmpl-0000000000000002");
}

#[test]
fn the_same_dialect_keeps_the_body_and_reads_the_usage() {
    let body = r#"{ "choices":[], "usage":{"prompt_tokens":5,"completion_tokens":2} }"#;
    let translated = answer(OpenAi, OpenAi, body).unwrap();
    assert_eq!(translated.body, body.as_bytes());
    assert_eq!(translated.usage.unwrap().total(), 7);
    let translated =
        answer(Anthropic, Anthropic, r#"{"usage":{"input_tokens":5,"output_tokens":2}}"#).unwrap();
    assert_eq!(translated.usage.unwrap().total(), 7);
    assert_eq!(answer(Anthropic, Anthropic, "{}").unwrap().usage, None);
    assert_eq!(answer(Anthropic, Anthropic, "[]").unwrap_err().kind, BadGateway);
}
