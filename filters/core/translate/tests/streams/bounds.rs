//! What a hostile or broken provider can do: nothing that costs more than its own bytes, and nothing that passes for an answer.

use llm_api::Dialect;
use translate::End;

use crate::reading::{Part, read, text};
use crate::{other, translate};

const MIB: usize = 1 << 20;

/// The client's text and error code, where one event of that many bytes of text comes after a short one.
fn with_event_of(provider: Dialect, bytes: usize) -> (usize, End, String) {
    let event = |text: &str| match provider {
        Dialect::Anthropic => format!(
            "data: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
        ),
        Dialect::OpenAi => {
            format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
        }
    };
    let stream = [event("short"), event(&"x".repeat(bytes)), event("never sent")].concat();
    let (out, end, _) = translate(provider, false, stream.as_bytes().chunks(4_099));
    let answer = read(other(provider), false, &out).expect("a stream");
    let error = answer.error.as_ref().map(|error| error["message"].to_string()).unwrap_or_default();
    (text(&answer).len(), end, error)
}

#[test]
fn an_event_of_more_than_a_mebibyte_ends_the_stream() {
    for provider in Dialect::ALL {
        let (text, _, error) = with_event_of(provider, MIB - 1_000);
        assert_eq!(text, "short".len() + MIB - 1_000 + "never sent".len(), "{provider}");
        assert!(error.contains("ended before"), "{error}");
        let (text, end, error) = with_event_of(provider, MIB);
        assert_eq!((text, end), ("short".len(), End::Broken), "{provider}");
        assert!(error.contains("more than 1048576 bytes"), "{error}");
    }
}

/// Every chunk repeats the id, so a long one would be paid for by the gateway.
#[test]
fn a_long_id_is_not_repeated() {
    let id = "a".repeat(10_000);
    let mut stream = format!("data: {{\"type\":\"message_start\",\"message\":{{\"id\":\"msg_{id}\"}}}}\n\n");
    for _ in 0..1_000 {
        stream.push_str(
            "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}\n\n",
        );
    }
    let (out, ..) = translate(Dialect::Anthropic, true, [stream.as_bytes()]);
    assert!(out.len() < stream.len() * 4, "{} from {}", out.len(), stream.len());
    assert!(String::from_utf8_lossy(&out).contains("\"id\":\"chatcmpl-0000000000005eed\""));
}

/// The streams that end because of their tool calls, and the reason that the client is given.
#[test]
fn a_tool_call_that_cannot_be_passed_on_is_an_error() {
    let call =
        |fields: &str| format!("data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{{fields}}}]}}}}]}}\n\n");
    let head = call("\"index\":0,\"id\":\"i\",\"function\":{\"name\":\"n\",\"arguments\":\"{\"}");
    let text = "data: {\"choices\":[{\"delta\":{\"content\":\"t\"}}]}\n\n";
    let waiting = call(&format!("\"index\":7,\"function\":{{\"arguments\":\"{}\"}}", "x".repeat(MIB / 2)));
    let many: String = (0..2_000).map(|index| call(&format!("\"index\":{index}"))).collect();
    let cases = [
        (call("\"index\":0,\"function\":{\"arguments\":\"{}\"}") + "data: [DONE]\n\n", "it has no name"),
        (
            head.clone() + text + &call("\"index\":0,\"function\":{\"arguments\":\"}\"}"),
            "it goes on after it ended",
        ),
        (head.clone() + &call("\"index\":0,\"function\":7"), "it is malformed"),
        (head.clone() + &waiting.repeat(3), "too much of it comes before it can be sent"),
        (many, "there are too many"),
    ];
    for (stream, why) in cases {
        let (out, end, _) = translate(Dialect::OpenAi, true, [stream.as_bytes()]);
        let answer = read(Dialect::Anthropic, true, &out).expect("a stream");
        assert_eq!((end, answer.reason), (End::Broken, None), "{why}");
        let message = answer.error.expect("an error")["message"].to_string();
        assert!(message.contains(why), "{message} instead of {why}");
    }
    let many: String = (0..2_000)
        .map(|index| {
            format!("data: {{\"type\":\"content_block_start\",\"index\":{index},\"content_block\":{{\"type\":\"tool_use\",\"id\":\"i\",\"name\":\"n\"}}}}\n\n")
        })
        .collect();
    let (out, end, _) = translate(Dialect::Anthropic, true, [many.as_bytes()]);
    assert_eq!(end, End::Broken);
    assert!(String::from_utf8_lossy(&out).ends_with("\"code\":\"stream_tool_call_invalid\"}}\n\n"));
}

/// Servers that number every call 0, or none at all, or send an id of their own with every fragment.
#[test]
fn calls_are_told_apart_however_they_are_numbered() {
    let stream = |calls: &[&str]| -> String {
        let chunk =
            |call: &&str| format!("data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{call}]}}}}]}}\n\n");
        calls.iter().map(chunk).chain(["data: [DONE]\n\n".to_owned()]).collect()
    };
    let streams = [
        stream(&[
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}"#,
            r#"{"index":0,"id":"b","function":{"name":"g","arguments":"{\"y\":2}"}}"#,
        ]),
        stream(&[
            r#"{"id":"a","function":{"name":"f","arguments":"{\"x\""}}"#,
            r#"{"function":{"arguments":":1}"}}"#,
            r#"{"id":"b","function":{"name":"g","arguments":"{\"y\""}}"#,
            r#"{"id":"b","function":{"arguments":":2}"}}"#,
        ]),
        stream(&[
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":""}}"#,
            r#"{"index":0,"id":"other","function":{"name":null,"arguments":"{\"x\":1}"}}"#,
            r#"{"index":3,"id":"b","function":{"name":"g"}}"#,
            r#"{"index":3,"id":"","function":{"name":"","arguments":"{\"y\":2}"}}"#,
        ]),
    ];
    for stream in streams {
        let (out, end, _) = translate(Dialect::OpenAi, true, [stream.as_bytes()]);
        let answer = read(Dialect::Anthropic, true, &out).expect("a stream");
        let calls: Vec<String> =
            answer.calls.iter().map(|call| format!("{} {} {}", call.id, call.name, call.input)).collect();
        assert_eq!(
            (calls, end),
            (vec!["a f {\"x\":1}".to_owned(), "b g {\"y\":2}".to_owned()], End::Complete),
            "{stream}"
        );
    }
}

/// Text is passed on as it came, so a pair that is split over two deltas is whole again for a client that joins them.
#[test]
fn half_a_surrogate_pair_is_passed_on() {
    let anthropic = |text: &str| {
        format!(
            "data: {{\"type\":\"content_block_delta\",\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
        )
    };
    let openai = |member: &'static str| {
        move |text: &str| {
            format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"{member}\":\"{text}\"}}}}]}}\n\n")
        }
    };
    let check = |provider, event: &dyn Fn(&str) -> String, member: &str| {
        let stream = event("\\ud83e") + &event("\\udd80");
        let (out, _, translator) = translate(provider, true, [stream.as_bytes()]);
        let out = String::from_utf8(out).expect("UTF-8");
        for half in ["\\ud83e", "\\udd80"] {
            assert!(out.contains(&format!("\"{member}\":\"{half}\"")), "{out}");
        }
        assert_eq!(translator.skipped().malformed, 0);
    };
    check(Dialect::Anthropic, &anthropic, "content");
    check(Dialect::OpenAi, &openai("content"), "text");
    check(Dialect::OpenAi, &openai("refusal"), "text");
    check(Dialect::OpenAi, &openai("reasoning_content"), "thinking");
}

/// DeepSeek's name for reasoning and the one that vLLM and OpenRouter use; servers between the two send both.
#[test]
fn reasoning_is_thinking_once_under_either_name() {
    for delta in [
        r#""reasoning_content":"hmm""#,
        r#""reasoning":"hmm""#,
        r#""reasoning":"hmm","reasoning_content":"hmm""#,
        r#""reasoning":"hmm","reasoning_content":null"#,
        r#""reasoning":"hmm","reasoning_content":"","content":"""#,
        r#""reasoning":{"text":"hm"},"reasoning_content":"hmm""#,
    ] {
        let stream = format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{{delta}}}}}]}}\n\n\
             data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"yes\",\"reasoning\":null}}}}]}}\n\ndata: [DONE]\n\n"
        );
        let (out, _, _) = translate(Dialect::OpenAi, true, [stream.as_bytes()]);
        let answer = read(Dialect::Anthropic, true, &out).expect("a stream");
        let parts = [Part::Thinking("hmm".to_owned()), Part::Text("yes".to_owned())];
        assert_eq!(answer.parts, parts, "{delta}");
    }
}

/// Servers in Go write an empty list as `null`, and a usage that is none is no reason to lose what stands beside it.
#[test]
fn odd_lists_and_odd_usage_cost_nothing_else() {
    let chunk = |members: &str| format!("data: {{{members}}}\n\n");
    let hello = r#""choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":"stop"}]"#;
    let report = r#""choices":null,"usage":{"prompt_tokens":7,"completion_tokens":3}"#;
    for usage in ["null", "false", "\"\"", "[]", "[1,2,3]", "{\"prompt_tokens_details\":7}"] {
        let stream = chunk(&format!("{hello},\"usage\":{usage}")) + &chunk(report) + "data: [DONE]\n\n";
        let (out, end, translator) = translate(Dialect::OpenAi, true, [stream.as_bytes()]);
        let answer = read(Dialect::Anthropic, true, &out).expect("a stream");
        assert_eq!((text(&answer).as_str(), end), ("hello", End::Complete), "{usage}");
        assert_eq!(translator.usage().map(|usage| (usage.input, usage.output)), Some((7, 3)), "{usage}");

        let event = |data: &str| format!("data: {data}\n\n");
        let stream = [
            format!(r#"{{"type":"message_start","message":{{"id":"msg_1","usage":{usage}}}}}"#),
            r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"hello"}}"#.to_owned(),
            format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"max_tokens"}},"usage":{usage}}}"#),
            r#"{"type":"message_stop"}"#.to_owned(),
        ];
        let stream: String = stream.iter().map(|data| event(data)).collect();
        let (out, end, _) = translate(Dialect::Anthropic, false, [stream.as_bytes()]);
        let answer = read(Dialect::OpenAi, false, &out).expect("a stream");
        assert_eq!(
            (answer.id.as_deref(), answer.reason.as_deref(), end),
            (Some("chatcmpl-1"), Some("length"), End::Complete),
            "{usage}"
        );
    }
}

#[test]
fn nothing_to_translate_is_no_translator() {
    for dialect in Dialect::ALL {
        assert!(translate::StreamTranslator::new(dialect, dialect, crate::options(true)).is_none());
    }
}
