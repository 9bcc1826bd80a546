//! Requests that no provider could take: a clear error about the right field, in bounded stack.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test may fail it")]

use llm_api::{
    Dialect::{self, Anthropic, OpenAi},
    ErrorKind,
};
use translate::{RequestError, RequestOptions, peek, request, unsupported};

const OPTIONS: RequestOptions<'static> = RequestOptions {
    model: "served",
    default_max_tokens: 4096,
    anthropic_version: "2023-06-01",
    max_output_bytes: 1 << 26,
};

#[track_caller]
fn check(from: Dialect, body: impl AsRef<[u8]>, param: Option<&str>, message: &str) {
    let body = body.as_ref();
    let to = if from == OpenAi { Anthropic } else { OpenAi };
    let Err(RequestError::Invalid(error)) = request(from, to, body, &OPTIONS) else {
        panic!("{:?}", request(from, to, body, &OPTIONS).map(String::from_utf8));
    };
    assert_eq!(error.kind, ErrorKind::InvalidRequest);
    assert_eq!(error.param.as_deref(), param, "{error}");
    assert!(error.message.contains(message), "{error}");
    assert_eq!(unsupported(from, to, body).unwrap_err(), error, "both functions agree");
}

const CHAT: &str = r#"{"model":"m","messages":[{"role":"user","content":"SECRET PROMPT"}]"#;

#[test]
fn bodies_that_are_no_request() {
    for from in Dialect::ALL {
        check(from, "", None, "not valid JSON");
        check(from, r#"{"model":"m","messages":["#, None, "not valid JSON");
        check(from, b"{\"model\":\"\xff\"}", None, "not valid UTF-8 (at byte 10)");
        check(from, r#"["m",[{"role":"user","content":"SECRET"}]]"#, None, "must be a JSON object");
        check(from, "\"SECRET\"", None, "must be a JSON object");
        check(from, "null", None, "must be a JSON object");
        check(from, "\u{feff}{}", None, "not valid JSON");
        check(from, format!("{CHAT}}} x"), None, "trailing");
        check(from, "{}", Some("model"), "`model` is missing");
        check(from, r#"{"model":7,"messages":[]}"#, Some("model"), "must be a string");
        check(from, r#"{"model":null,"messages":[]}"#, Some("model"), "must be a string");
        check(from, r#"{"model":"m"}"#, Some("messages"), "at least one");
        check(from, r#"{"model":"m","messages":[]}"#, Some("messages"), "at least one");
        check(from, r#"{"model":"m","messages":"SECRET"}"#, Some("messages"), "must be an array");
        check(from, r#"{"model":"m","messages":null}"#, Some("messages"), "must be an array");
        check(from, r#"{"model":"m","messages":{"role":"user"}}"#, Some("messages"), "must be an array");
        check(from, r#"{"model":"m","messages":["SECRET"]}"#, Some("messages"), "must be an object");
        check(from, r#"{"model":"m","messages":[["user","SECRET"]]}"#, Some("messages"), "must be an object");
    }
}

#[test]
fn members_given_twice_are_a_parser_differential() {
    let message = r#""messages":[{"role":"user","content":"hi"}]"#;
    for from in Dialect::ALL {
        check(from, format!(r#"{{"model":"a",{message},"model":"b"}}"#), Some("model"), "more than once");
        check(
            from,
            format!(r#"{{"model":"a",{message},"m\u006fdel":"b"}}"#),
            Some("model"),
            "more than once",
        );
        check(from, format!(r#"{{"model":"a",{message},{message}}}"#), Some("messages"), "more than once");
        check(
            from,
            format!(r#"{{"model":"a",{message},"stream":true,"stream":false}}"#),
            Some("stream"),
            "once",
        );
        let twice = r#"{"model":"a","messages":[{"role":"user","role":"system","content":"hi"}]}"#;
        check(from, twice, Some("messages[0].role"), "more than once");
        let twice = r#"{"model":"a","messages":[{"role":"user","content":"hi","content":"ho"}]}"#;
        check(from, twice, Some("messages[0].content"), "more than once");
        let twice =
            r#"{"model":"a","messages":[{"role":"user","content":[{"type":"text","text":"a","text":"b"}]}]}"#;
        check(from, twice, Some("messages[0].content[0].text"), "more than once");
    }
}

#[test]
fn fields_of_the_wrong_type() {
    let table: &[(&str, &str, &str)] = &[
        (r#""stream":1"#, "stream", "a boolean"),
        (r#""stream_options":[]"#, "stream_options", "must be an object"),
        (r#""stream_options":{"include_usage":1}"#, "stream_options.include_usage", "a boolean"),
        (r#""max_tokens":0"#, "max_tokens", "above zero"),
        (r#""max_tokens":-5"#, "max_tokens", "above zero"),
        (r#""max_tokens":1.5"#, "max_tokens", "whole number"),
        (r#""max_completion_tokens":"9""#, "max_completion_tokens", "whole number"),
        (r#""max_tokens":5,"max_completion_tokens":6"#, "max_tokens", "different values"),
        (r#""temperature":"hot""#, "temperature", "a number"),
        (r#""temperature":1e999"#, "temperature", "a number"),
        (r#""top_p":[]"#, "top_p", "a number"),
        (r#""stop":7"#, "stop", "an array of strings"),
        (r#""stop":["a",7]"#, "stop[1]", "a string"),
        (r#""user":7"#, "user", "a string"),
        (r#""safety_identifier":{}"#, "safety_identifier", "a string"),
    ];
    for (members, param, message) in table {
        check(OpenAi, format!("{CHAT},{members}}}"), Some(param), message);
    }
    check(Anthropic, format!("{CHAT}}}"), Some("max_tokens"), "missing");
    check(Anthropic, format!("{CHAT},\"max_tokens\":1,\"system\":7}}"), Some("system"), "string or an array");
    check(Anthropic, format!("{CHAT},\"max_tokens\":1,\"metadata\":7}}"), Some("metadata"), "an object");
    check(
        Anthropic,
        format!("{CHAT},\"max_tokens\":1,\"stop_sequences\":\"a\"}}"),
        Some("stop_sequences"),
        "an array",
    );
}

#[test]
fn messages_of_the_wrong_shape() {
    let table: &[(&str, &str, &str)] = &[
        (r#"{"content":"a"}"#, "messages[0].role", "must be"),
        (r#"{"role":"wizard","content":"a"}"#, "messages[0].role", "must be"),
        (r#"{"role":7,"content":"a"}"#, "messages[0].role", "must be"),
        (r#"{"role":"user"}"#, "messages[0].content", "missing"),
        (r#"{"role":"user","content":null}"#, "messages[0].content", "missing"),
        (r#"{"role":"user","content":7}"#, "messages[0].content", "string or an array"),
        (r#"{"role":"user","content":{}}"#, "messages[0].content", "string or an array"),
        (r#"{"role":"user","content":["SECRET"]}"#, "messages[0].content", "must be an object"),
        (r#"{"role":"user","content":[{"text":"a"}]}"#, "messages[0].content[0].type", "a string"),
        (r#"{"role":"user","content":[{"type":"text"}]}"#, "messages[0].content[0].text", "a string"),
        (
            r#"{"role":"user","content":[{"type":"text","text":7}]}"#,
            "messages[0].content[0].text",
            "a string",
        ),
    ];
    for from in Dialect::ALL {
        for (message, param, text) in table {
            check(
                from,
                format!(r#"{{"model":"m","max_tokens":1,"messages":[{message}]}}"#),
                Some(param),
                text,
            );
        }
    }
}

#[test]
fn no_error_quotes_the_prompt() {
    let bodies = [
        r#"{"model":"m","messages":"SECRET"}"#,
        r#"{"model":"m","messages":["SECRET"]}"#,
        r#"{"model":"m","messages":[{"role":"SECRET","content":"SECRET"}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":["SECRET"]}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"SECRET"#,
        r#""SECRET""#,
    ];
    for body in bodies {
        let error = unsupported(OpenAi, Anthropic, body.as_bytes()).unwrap_err();
        assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
    }
}

/// Deep enough that a recursive reader would overflow the small stack that this runs on.
#[test]
fn nesting_costs_no_stack() {
    const DEPTH: usize = 10_000;
    let places = [
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}],"x":DEEP}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}],"tools":DEEP}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}],"metadata":DEEP}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}],"stream_options":DEEP}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}],"stop":DEEP,"stop_sequences":DEEP}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}],"temperature":DEEP}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}],"system":DEEP}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}],"response_format":DEEP}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}],"thinking":{"type":DEEP}}"#,
        r#"{"model":"m","max_tokens":1,"messages":DEEP}"#,
        r#"{"model":"m","max_tokens":1,"messages":[DEEP]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":DEEP}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":DEEP}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image_url","image_url":DEEP}]}]}"#,
        r#"{"model":DEEP}"#,
        "DEEP",
    ];
    let deep = [
        format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH)),
        format!("{}1{}", r#"{"a":"#.repeat(DEPTH), "}".repeat(DEPTH)),
        "[".repeat(DEPTH),
    ];
    let on_a_small_stack = move || {
        for (place, deep) in places.iter().flat_map(|place| deep.iter().map(move |deep| (place, deep))) {
            let body = place.replace("DEEP", deep);
            for from in Dialect::ALL {
                let to = if from == OpenAi { Anthropic } else { OpenAi };
                let _ = peek(from, body.as_bytes());
                assert!(
                    request(from, to, body.as_bytes(), &OPTIONS).is_err() || place.contains("metadata"),
                    "{place}"
                );
            }
        }
    };
    std::thread::Builder::new().stack_size(96 * 1024).spawn(on_a_small_stack).unwrap().join().unwrap();
}

#[test]
fn what_comes_out_is_bounded() {
    let body = format!("{CHAT}}}");
    let sent = request(OpenAi, Anthropic, body.as_bytes(), &OPTIONS).unwrap();
    for (max_output_bytes, fits) in [(0, false), (sent.len() - 1, false), (sent.len(), true)] {
        let options = RequestOptions { max_output_bytes, ..OPTIONS };
        let outcome = request(OpenAi, Anthropic, body.as_bytes(), &options);
        assert_eq!(outcome, if fits { Ok(sent.clone()) } else { Err(RequestError::TooLarge) });
    }
}
