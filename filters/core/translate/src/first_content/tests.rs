//! Where an attempt is judged, and how.

use proptest::prelude::*;

use super::*;

fn judge<'a>(dialect: Dialect, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Option<usize>, Peeked) {
    let mut first = FirstContent::new(dialect);
    for (index, chunk) in chunks.into_iter().enumerate() {
        let peeked = first.push(chunk);
        if peeked != Peeked::Undecided {
            assert_eq!(first.push(b"data: {\"error\":1}\n\n"), peeked, "a decision stays");
            assert_eq!(first.finish(), peeked, "a decision stays");
            return (Some(index), peeked);
        }
    }
    (None, first.finish())
}

/// Pushes these events and expects the decision on the last one and not before, or at the end of the stream only.
fn check(dialect: Dialect, events: &[&str], on_last: bool, expect: &Peeked) {
    let stream: Vec<String> = events.iter().map(|event| format!("{event}\n\n")).collect();
    let decided = judge(dialect, stream.iter().map(|event| event.as_bytes()));
    assert_eq!(decided, (on_last.then(|| events.len().saturating_sub(1)), expect.clone()), "{events:?}");
    let whole = stream.concat();
    assert_eq!(judge(dialect, [whole.as_bytes()]).1, *expect, "in one chunk: {events:?}");
    assert_eq!(judge(dialect, whole.as_bytes().chunks(1)).1, *expect, "byte by byte: {events:?}");
}

fn failed(kind: ErrorKind, message: &str, code: Option<&str>) -> Peeked {
    Peeked::Failed(ApiError { kind, message: message.to_owned(), param: None, code: code.map(str::to_owned) })
}

const OPENAI_ROLE: &str = r#"data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
const AZURE_ANNOTATIONS: &str = r#"data: {"choices":[],"prompt_filter_results":[{"content_filter_results":{"hate":{"filtered":false}}}],"usage":null}"#;
const MESSAGE_START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude\",\"content\":[]}}";
const PING: &str = "event: ping\ndata: {\"type\":\"ping\"}";
const TEXT_START: &str = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}";

#[test]
fn openai_content() {
    let deltas = [
        r#"{"content":"H"}"#,
        r#"{"refusal":"No"}"#,
        r#"{"reasoning":"hm"}"#,
        r#"{"reasoning_content":"hm"}"#,
        r#"{"reasoning_details":[{"text":"hm"}]}"#,
        r#"{"tool_calls":[{"index":0}]}"#,
        r#"{"function_call":{"name":"f"}}"#,
        r#"{"audio":{"id":"a"}}"#,
    ];
    for delta in deltas {
        let chunk = format!(
            r#"data: {{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}],"error":null}}"#
        );
        check(
            Dialect::OpenAi,
            &[AZURE_ANNOTATIONS, OPENAI_ROLE, ": comment", &chunk],
            true,
            &Peeked::Content,
        );
    }
    let finish = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    check(Dialect::OpenAi, &[OPENAI_ROLE, finish], true, &Peeked::Content);
    let second_choice = r#"data: {"choices":[{"delta":{}},{"delta":{"content":"H"}}]}"#;
    check(Dialect::OpenAi, &[second_choice], true, &Peeked::Content);
    check(Dialect::OpenAi, &[OPENAI_ROLE, "data: [DONE]"], true, &Peeked::Content);
}

#[test]
fn openai_without_content() {
    let ended = ended();
    let empty =
        r#"data: {"choices":[{"delta":{"content":"","refusal":null,"tool_calls":[]},"finish_reason":null}]}"#;
    let nested = r#"data: {"choices":[{"delta":{"role":"assistant"},"logprobs":{"content":[1],"error":1}}],"error":{}}"#;
    check(Dialect::OpenAi, &[AZURE_ANNOTATIONS, OPENAI_ROLE, empty, nested], false, &ended);
    check(Dialect::OpenAi, &["data: {\"choi", "data: 7", "data:", "data: \"error\""], false, &ended);
    check(Dialect::OpenAi, &[AZURE_ANNOTATIONS, "data: [DONE]"], true, &ended);
    check(Dialect::OpenAi, &[], false, &ended);
}

#[test]
fn openai_failures() {
    let cases = [
        (r#"{"error":{"message":"busy","type":"x","code":503}}"#, ErrorKind::Overloaded, "busy", None),
        (
            r#"{"error":{"message":"busy","type":"x","code":"429"}}"#,
            ErrorKind::RateLimit,
            "busy",
            Some("429"),
        ),
        (
            r#"{"object":"error","message":"long","type":"BadRequestError","code":400}"#,
            ErrorKind::InvalidRequest,
            "long",
            None,
        ),
        (
            r#"{"error":{"message":"m","type":"server_error","code":"rate_limit_exceeded"}}"#,
            ErrorKind::RateLimit,
            "m",
            Some("rate_limit_exceeded"),
        ),
        (
            r#"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            ErrorKind::RateLimit,
            "m",
            Some("insufficient_quota"),
        ),
        (r#"{"error":{"message":"m","type":"server_error","code":null}}"#, ErrorKind::Internal, "m", None),
        (r#"{"error":{"message":"m","type":"new_kind"},"status_code":504}"#, ErrorKind::Timeout, "m", None),
        (
            r#"{"error":{"message":"m","code":200,"type":"rate_limit_error"}}"#,
            ErrorKind::RateLimit,
            "m",
            None,
        ),
        (r#"{"error":"plain"}"#, ErrorKind::BadGateway, "plain", None),
        (r#"{"error":true}"#, ErrorKind::BadGateway, failure_unexplained(), None),
        (
            r#"{"id":"c","choices":[{"delta":{"content":""},"finish_reason":"error"}],"error":{"code":502,"message":"m"}}"#,
            ErrorKind::BadGateway,
            "m",
            None,
        ),
    ];
    for (data, kind, message, code) in cases {
        check(
            Dialect::OpenAi,
            &[AZURE_ANNOTATIONS, OPENAI_ROLE, &format!("data: {data}")],
            true,
            &failed(kind, message, code),
        );
    }
    let key =
        r#"data: {"error":{"message":"Incorrect API key provided: sk-canary","code":"invalid_api_key"}}"#;
    let (_, Peeked::Failed(error)) = judge(Dialect::OpenAi, [format!("{key}\n\n").as_bytes()]) else {
        panic!("must fail")
    };
    assert_eq!(error.kind, ErrorKind::Authentication);
    assert!(!error.message.contains("canary"), "{error}");
    let named = "event: error\ndata: {\"message\":\"gone\",\"type\":\"overloaded_error\"}";
    check(Dialect::OpenAi, &[named], true, &failed(ErrorKind::Overloaded, "gone", None));
    check(
        Dialect::OpenAi,
        &["event: error\ndata: oops"],
        true,
        &failed(ErrorKind::BadGateway, failure_unexplained(), None),
    );
}

const fn failure_unexplained() -> &'static str {
    "The provider reported an error without an explanation."
}

#[test]
fn a_message_of_any_length_is_bounded() {
    let data = format!("data: {{\"error\":\"{}\"}}\n\n", "ä".repeat(10_000));
    let (_, Peeked::Failed(error)) = judge(Dialect::OpenAi, [data.as_bytes()]) else { panic!("must fail") };
    assert_eq!(error.message.len(), 2048);
}

#[test]
fn anthropic_content() {
    let blocks = [
        r#"{"type":"tool_use","id":"t","name":"f","input":{}}"#,
        r#"{"type":"thinking","thinking":"","signature":""}"#,
        r#"{"type":"redacted_thinking","data":"x"}"#,
        r#"{"type":"text","text":"H"}"#,
    ];
    for block in blocks {
        let start = format!(
            "event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"content_block\":{block}}}"
        );
        check(Dialect::Anthropic, &[MESSAGE_START, PING, &start], true, &Peeked::Content);
    }
    for delta in [
        r#"{"type":"text_delta","text":"H"}"#,
        r#"{"type":"signature_delta","signature":"s"}"#,
        r#"{"type":"citations_delta","citation":{"a":1}}"#,
    ] {
        let delta = format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"delta\":{delta}}}"
        );
        check(Dialect::Anthropic, &[MESSAGE_START, TEXT_START, PING, &delta], true, &Peeked::Content);
        let unnamed = delta.split_once('\n').unwrap().1;
        check(Dialect::Anthropic, &[MESSAGE_START, unnamed], true, &Peeked::Content);
    }
    let stop =
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}";
    check(Dialect::Anthropic, &[MESSAGE_START, stop], true, &Peeked::Content);
}

#[test]
fn anthropic_without_content() {
    let ended = ended();
    let empty = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"\"}}";
    let no_stop = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":null}}";
    let block_end = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}";
    check(Dialect::Anthropic, &[MESSAGE_START, TEXT_START, empty, block_end, no_stop, PING], false, &ended);
    check(
        Dialect::Anthropic,
        &[MESSAGE_START, "event: message_stop\ndata: {\"type\":\"message_stop\"}"],
        true,
        &ended,
    );
    check(
        Dialect::Anthropic,
        &["event: content_block_start\ndata: {\"content_bl", "event: unknown\ndata: {}"],
        false,
        &ended,
    );
}

#[test]
fn anthropic_failures() {
    let cases = [
        ("overloaded_error", ErrorKind::Overloaded),
        ("rate_limit_error", ErrorKind::RateLimit),
        ("api_error", ErrorKind::Internal),
        ("timeout_error", ErrorKind::Timeout),
        ("invalid_request_error", ErrorKind::InvalidRequest),
        ("of_tomorrow", ErrorKind::BadGateway),
    ];
    for (name, kind) in cases {
        let data =
            format!("data: {{\"type\":\"error\",\"error\":{{\"type\":\"{name}\",\"message\":\"m\"}}}}");
        let expect = failed(kind, "m", None);
        check(Dialect::Anthropic, &[MESSAGE_START, PING, &format!("event: error\n{data}")], true, &expect);
        check(Dialect::Anthropic, &[&data], true, &expect);
    }
    check(
        Dialect::Anthropic,
        &["event: error\ndata: oops"],
        true,
        &failed(ErrorKind::BadGateway, failure_unexplained(), None),
    );
}

#[test]
fn an_error_whose_blank_line_is_missing_counts() {
    let stream = b"data: {\"error\":{\"message\":\"m\",\"code\":503}}".as_slice();
    assert_eq!(judge(Dialect::OpenAi, [stream]), (None, failed(ErrorKind::Overloaded, "m", None)));
}

#[test]
fn a_stream_that_says_nothing_for_long_is_committed() {
    let pings = [PING; EVENT_LIMIT];
    check(Dialect::Anthropic, &pings, true, &Peeked::Content);
    check(Dialect::Anthropic, &pings[1..], false, &ended());
    for filler in [": comment\n", "data: ", "x", "\n"] {
        let stream = filler.repeat(BYTE_LIMIT / filler.len() + 1);
        let (decided, peeked) = judge(Dialect::OpenAi, stream.as_bytes().chunks(1));
        assert_eq!((decided, peeked), (Some(BYTE_LIMIT - 1), Peeked::Content), "{filler:?}");
        assert_eq!(judge(Dialect::OpenAi, [stream.as_bytes()]).1, Peeked::Content, "{filler:?}");
    }
    // An error behind the bound no longer counts, not even in the chunk that reaches it.
    let late = format!(":{}\n\ndata: {{\"error\":1}}\n\n", "x".repeat(BYTE_LIMIT));
    assert_eq!(judge(Dialect::OpenAi, [late.as_bytes()]).1, Peeked::Content);
}

#[test]
fn deep_nesting_is_no_content() {
    let deep = format!("data: {}", "[".repeat(100_000));
    check(Dialect::OpenAi, &[&deep], false, &ended());
}

/// An event that decides or does not, or bytes that are none.
fn events() -> impl Strategy<Value = Vec<String>> {
    let event = prop::sample::select(vec![
        OPENAI_ROLE,
        AZURE_ANNOTATIONS,
        MESSAGE_START,
        PING,
        TEXT_START,
        ": comment",
        "data: [DONE]",
        "data: {\"choi",
        "data: {\"error\":{\"code\":503}}",
        "data: {\"choices\":[{\"delta\":{\"content\":\"H\"}}]}",
        "event: error\ndata: {}",
        "event: message_stop\ndata: {}",
        "event: message_delta\ndata: {\"delta\":{\"stop_reason\":\"x\"}}",
    ]);
    let end = prop::sample::select(vec!["\n\n", "\r\n\r\n", "\r\r", "\n", ""]);
    prop::collection::vec((event, end).prop_map(|(event, end)| format!("{event}{end}")), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_judgement_falls_alike_under_every_chunking(events in events(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let stream = events.concat().into_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len().saturating_add(1))).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        for dialect in Dialect::ALL {
            let (byte, peeked) = judge(dialect, stream.chunks(1));
            let chunks = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]);
            let (chunk, by_chunks) = judge(dialect, chunks);
            prop_assert_eq!(&by_chunks, &peeked);
            // The chunk on which it falls is the one that contains the byte on which it falls.
            let expect = byte.map(|byte| cuts.windows(2).position(|cut| (cut[0]..cut[1]).contains(&byte)).unwrap());
            prop_assert_eq!(chunk, expect);
        }
    }
}

#[test]
fn what_python_takes_for_true() {
    let says = |json: &str| says_something(serde_json::from_str(json).unwrap());
    for nothing in ["null", "false", "0", "-0", "0.0", "0e7", r#""""#, "{}", "{ }", "[]", "[\n]"] {
        assert!(!says(nothing), "{nothing}");
    }
    for something in ["true", "1", "-0.5", "1e999", r#"" ""#, r#"{"":null}"#, "[null]", r#""\u0000""#] {
        assert!(says(something), "{something}");
    }
}

#[test]
fn the_last_of_several_members_counts_and_a_cut_object_has_none() {
    let errors = r#"data: {"error":{"message":"m"},"error":null,"choices":[]}"#;
    let cut = r#"data: {"choices":[{"delta":{"content":"H"}}],"#;
    let written_otherwise = r#"data: {"choices":[{"delta":{"cont\u0065nt":"H"}}]}"#;
    check(Dialect::OpenAi, &[errors, cut, written_otherwise], true, &Peeked::Content);
}
