//! What routing learns of a request, and the same request under another model's name.

use llm_api::{
    Dialect::{self, Anthropic, OpenAi},
    ErrorKind,
};
use translate::{BodyEdit, RequestError, RequestOptions, edit, peek, request};

#[test]
fn the_model_and_where_it_stands() {
    let bodies = [
        r#"{"model":"gpt-4","messages":[]}"#,
        " {\n \"messages\" : [{\"model\":\"decoy\"}] , \"model\" : \"gpt-4\" } ",
        r#"{"metadata":{"model":"decoy"},"x":"\"model\":\"decoy\"","m\u006fdel":"gpt-4"}"#,
        r#"{"model":"gpt-\u0034"}"#,
    ];
    for body in bodies {
        let found = peek(OpenAi, body.as_bytes()).unwrap();
        assert_eq!(found.model, "gpt-4");
        let name: String = serde_json::from_slice(&body.as_bytes()[found.model_span]).unwrap();
        assert_eq!(name, "gpt-4", "the span is the whole JSON string");
        assert!(!found.stream && !found.include_usage);
    }
}

#[test]
fn streaming_and_usage() {
    let table = [
        (r#""stream":true"#, true, false),
        (r#""stream":null"#, false, false),
        (r#""stream":true,"stream_options":{"include_usage":true}"#, true, true),
        (r#""stream":true,"stream_options":{"include_usage":false}"#, true, false),
        (r#""stream":true,"stream_options":{"other":[1,{"include_usage":true}]}"#, true, false),
        (r#""stream":true,"stream_options":null"#, true, false),
    ];
    for (members, stream, include_usage) in table {
        let body = format!(r#"{{"model":"m",{members}}}"#);
        let found = peek(OpenAi, body.as_bytes()).unwrap();
        assert_eq!((found.stream, found.include_usage), (stream, include_usage), "{members}");
        let found = peek(Anthropic, body.as_bytes()).unwrap();
        assert_eq!((found.stream, found.include_usage), (stream, true), "Anthropic always reports usage");
    }
}

#[test]
fn a_stream_is_made_to_end_with_usage() {
    let table = [
        (
            r#"{"model":"m","stream":true}"#,
            Some(r#"{"stream_options":{"include_usage":true},"model":"m","stream":true}"#),
        ),
        (
            r#" {"model":"m","stream":true,"stream_options":null}"#,
            Some(r#" {"model":"m","stream":true,"stream_options":{"include_usage":true}}"#),
        ),
        (
            r#"{"stream_options": { } ,"model":"m","stream":true}"#,
            Some(r#"{"stream_options": {"include_usage":true} ,"model":"m","stream":true}"#),
        ),
        (
            r#"{"stream_options":{"x":[1]},"model":"m","stream":true}"#,
            Some(r#"{"stream_options":{"include_usage":true,"x":[1]},"model":"m","stream":true}"#),
        ),
        (
            r#"{"stream_options":{"x":1,"include_usage":false},"model":"m","stream":true}"#,
            Some(r#"{"stream_options":{"x":1,"include_usage":true},"model":"m","stream":true}"#),
        ),
        (
            r#"{"stream_options":{"include_usage":null},"model":"m","stream":true}"#,
            Some(r#"{"stream_options":{"include_usage":true},"model":"m","stream":true}"#),
        ),
        (r#"{"stream_options":{"include_usage":true},"model":"m","stream":true}"#, None),
        (r#"{"model":"m"}"#, None),
    ];
    for (body, expect) in table {
        let found = peek(OpenAi, body.as_bytes()).unwrap();
        let edited = found.usage_edit.map(|usage| edit(body.as_bytes(), &[usage]));
        assert_eq!(edited.as_deref(), expect.map(str::as_bytes), "{body}");
        if let Some(edited) = edited {
            let again = peek(OpenAi, &edited).unwrap();
            assert!(again.include_usage && again.usage_edit.is_none() && again.model == "m");
        }
        assert_eq!(peek(Anthropic, body.as_bytes()).unwrap().usage_edit, None);
    }
}

#[test]
fn how_long_an_answer_may_become() {
    let table = [
        (OpenAi, r#""x":1"#, None, 1, r#"{"max_completion_tokens":50,"model":"m","x":1}"#),
        (
            OpenAi,
            r#""max_tokens":null"#,
            None,
            1,
            r#"{"max_completion_tokens":50,"model":"m","max_tokens":null}"#,
        ),
        (OpenAi, r#""max_tokens":100,"n":3"#, Some(100), 3, r#"{"model":"m","max_tokens":50,"n":3}"#),
        (
            OpenAi,
            r#""max_completion_tokens":70,"max_tokens":20"#,
            Some(70),
            1,
            r#"{"model":"m","max_completion_tokens":50,"max_tokens":20}"#,
        ),
        (OpenAi, r#""max_tokens":50,"n":0"#, Some(50), 1, r#"{"model":"m","max_tokens":50,"n":0}"#),
        (Anthropic, r#""max_tokens":100,"n":3"#, Some(100), 1, r#"{"model":"m","max_tokens":50,"n":3}"#),
        (
            Anthropic,
            r#""max_completion_tokens":100"#,
            None,
            1,
            r#"{"max_tokens":50,"model":"m","max_completion_tokens":100}"#,
        ),
        // What some servers take for a number is one, and no limit stands beside another of its name.
        (OpenAi, r#""max_tokens":99.5"#, Some(100), 1, r#"{"model":"m","max_tokens":50}"#),
        (OpenAi, r#""max_tokens":"1e2","n":"2""#, Some(100), 2, r#"{"model":"m","max_tokens":50,"n":"2"}"#),
        (OpenAi, r#""max_tokens":1e999"#, Some(u64::MAX), 1, r#"{"model":"m","max_tokens":50}"#),
        (OpenAi, r#""max_tokens":-0.0,"n":-3"#, Some(0), 1, r#"{"model":"m","max_tokens":-0.0,"n":-3}"#),
        (OpenAi, r#""max_completion_tokens":null"#, None, 1, r#"{"model":"m","max_completion_tokens":50}"#),
        (
            OpenAi,
            r#""max_tokens":null,"max_completion_tokens":null"#,
            None,
            1,
            r#"{"model":"m","max_tokens":null,"max_completion_tokens":50}"#,
        ),
        (
            OpenAi,
            r#""max_tokens":9,"max_completion_tokens":-1"#,
            None,
            1,
            r#"{"model":"m","max_tokens":9,"max_completion_tokens":50}"#,
        ),
        (OpenAi, r#""max_tokens":true"#, None, 1, r#"{"model":"m","max_tokens":50}"#),
        (OpenAi, r#""max_tokens":"many""#, None, 1, r#"{"model":"m","max_tokens":50}"#),
        (Anthropic, r#""max_tokens":[]"#, None, 1, r#"{"model":"m","max_tokens":50}"#),
    ];
    for (dialect, members, tokens, choices, at_most_50) in table {
        let body = format!(r#"{{"model":"m",{members}}}"#);
        let completion = peek(dialect, body.as_bytes()).unwrap().completion;
        assert_eq!((completion.tokens, completion.choices), (tokens, choices), "{members}");
        let edited = edit(body.as_bytes(), &completion.at_most(50));
        assert_eq!(std::str::from_utf8(&edited).unwrap(), at_most_50);
    }
    for twice in [
        r#""max_tokens":1,"max_tokens":2"#,
        r#""n":1,"n":2"#,
        r#""max_completion_tokens":1,"max_completion_tokens":1"#,
    ] {
        let error = peek(OpenAi, format!(r#"{{"model":"m",{twice}}}"#).as_bytes()).unwrap_err();
        assert!(error.message.contains("more than once"), "{error}");
    }
}

#[test]
fn edits_do_not_disturb_each_other() {
    let body = br#"{"model":"m","stream":true}"#;
    let found = peek(OpenAi, body).unwrap();
    let mut edits = vec![BodyEdit::model(found.model_span.clone(), "other"), found.usage_edit.unwrap()];
    edits.extend(found.completion.at_most(9));
    let edited = edit(body, &edits);
    let again = peek(OpenAi, &edited).unwrap();
    assert_eq!((&*again.model, again.include_usage, again.completion.tokens), ("other", true, Some(9)));
    let outside = BodyEdit { span: 0..body.len() + 1, text: b"x".to_vec() };
    assert_eq!(edit(body, &[outside]), body);
}

#[test]
fn what_is_no_request() {
    let table: &[(&[u8], Option<&str>, &str)] = &[
        (b"", None, "not valid JSON"),
        (b"{", None, "not valid JSON"),
        (b"{}", Some("model"), "missing"),
        (b"[\"gpt-4\"]", None, "must be a JSON object"),
        (b"{\"model\":\"a\"}{}", None, "trailing"),
        (b"{\"model\":\"a\",\"messages\":[\"\xc3\"]}", None, "not valid UTF-8"),
        (b"{\"model\":[\"a\"]}", Some("model"), "must be a string"),
        (b"{\"model\":\"\\ud800\"}", Some("model"), "must be a string"),
        (b"{\"model\":\"a\",\"model\":\"a\"}", Some("model"), "more than once"),
        (b"{\"model\":\"a\",\"stream\":\"yes\"}", Some("stream"), "a boolean"),
        (b"{\"model\":\"a\",\"stream\":true,\"stream\":true}", Some("stream"), "more than once"),
        (b"{\"model\":\"a\",\"stream_options\":[true]}", Some("stream_options"), "an object"),
        (
            b"{\"model\":\"a\",\"stream_options\":{\"include_usage\":true,\"include_usage\":false}}",
            Some("stream_options.include_usage"),
            "more than once",
        ),
    ];
    for (body, param, message) in table {
        let error = peek(OpenAi, body).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidRequest);
        assert_eq!(error.param.as_deref(), *param, "{error}");
        assert!(error.message.contains(message), "{error}");
    }
}

#[test]
fn the_same_dialect_only_renames_the_model() {
    let body =
        "{ \"unknown\": 1.50, \"model\" : \"gpt-4\",\t\"messages\":[\"\u{1f980}\"] , \"unknown\":[ ] }\n";
    let options = RequestOptions {
        model: "quo\"te\n\u{1f980}",
        default_max_tokens: 1,
        anthropic_version: "2023-06-01",
        max_output_bytes: 1 << 20,
    };
    for dialect in Dialect::ALL {
        let renamed =
            String::from_utf8(request(dialect, dialect, body.as_bytes(), &options).unwrap()).unwrap();
        assert_eq!(
            renamed,
            body.replace("\"gpt-4\"", "\"quo\\\"te\\n\u{1f980}\""),
            "every other byte survives"
        );

        let exact = RequestOptions { max_output_bytes: renamed.len(), ..options };
        assert!(request(dialect, dialect, body.as_bytes(), &exact).is_ok());
        let short = RequestOptions { max_output_bytes: renamed.len() - 1, ..options };
        assert_eq!(request(dialect, dialect, body.as_bytes(), &short), Err(RequestError::TooLarge));
    }
}

#[test]
fn however_a_request_is_limited_it_can_be_limited_more() {
    const VALUES: [&str; 16] = [
        "",
        "null",
        "0",
        "50",
        "51",
        "-1",
        "1e9",
        "1e999",
        "50.5",
        "\"9\"",
        "\"900\"",
        "\" 7e2 \"",
        "\"\"",
        "true",
        "[60]",
        "{\"n\":60}",
    ];
    let field = |name: &str, value: &str| match value {
        "" => String::new(),
        value => format!(",\"{name}\":{value}"),
    };
    for (old, new) in VALUES.iter().flat_map(|old| VALUES.iter().map(move |new| (old, new))) {
        let (old, new) = (field("max_tokens", old), field("max_completion_tokens", new));
        for dialect in [OpenAi, Anthropic] {
            let body = format!(r#"{{"model":"m"{old}{new}}}"#);
            let edited =
                edit(body.as_bytes(), &peek(dialect, body.as_bytes()).unwrap().completion.at_most(50));
            let again = peek(dialect, &edited).unwrap_or_else(|error| panic!("{body}: {error}")).completion;
            assert!(
                again.tokens.is_some_and(|tokens| tokens <= 50),
                "{body}: {}",
                String::from_utf8_lossy(&edited)
            );
        }
    }
}

#[test]
fn what_routing_reads_has_one_spelling() {
    for (key, name) in [
        ("MODEL", "model"),
        ("Stream", "stream"),
        ("Max_Tokens", "max_tokens"),
        (r"MAX_TO\u212aENS", "max_tokens"),
        ("max_to\u{212a}en\u{17f}", "max_tokens"),
    ] {
        for dialect in [OpenAi, Anthropic] {
            let error = peek(dialect, format!(r#"{{"model":"m","{key}":1}}"#).as_bytes()).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(name), "{key}: {error}");
        }
    }
    for key in ["Max_Completion_Tokens", "N", "STREAM_OPTIONS"] {
        let body = format!(r#"{{"model":"m","{key}":1}}"#);
        assert!(peek(OpenAi, body.as_bytes()).is_err(), "{key}");
        assert!(peek(Anthropic, body.as_bytes()).is_ok(), "{key} is none of its names");
    }
    assert!(peek(OpenAi, br#"{"model":"m","models":[],"max-tokens":1,"top_n":1}"#).is_ok());
}
