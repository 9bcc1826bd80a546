//! What routing learns of a request, and the same request under another model's name.

use llm_api::{
    Dialect::{self, Anthropic, OpenAi},
    ErrorKind,
};
use translate::{RequestError, RequestOptions, peek, request};

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
