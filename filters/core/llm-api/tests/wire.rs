//! Reasons to stop, and the parts of streams, as they are on the wire.

use llm_api::{
    Text,
    anthropic::{EventKind, StopReason, StreamEvent},
    openai::{Chunk, FinishReason},
};
use std::borrow::Cow;

#[test]
fn reasons_survive_their_names() {
    for reason in FinishReason::ALL {
        assert_eq!(FinishReason::from_name(reason.name()), Some(reason));
    }
    for reason in StopReason::ALL {
        assert_eq!(StopReason::from_name(reason.name()), Some(reason));
    }
    assert_eq!(FinishReason::from_name("end_turn"), None);
    assert_eq!(StopReason::from_name("moon_phase"), None);
}

#[test]
fn anthropics_reasons_in_openais_terms() {
    let table = [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
    ];
    assert_eq!(table.len(), StopReason::ALL.len());
    for (anthropic, openai) in table {
        assert_eq!(StopReason::from_name(anthropic).unwrap().finish_reason().name(), openai);
    }
}

#[test]
fn openais_reasons_in_anthropics_terms() {
    let table = [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("function_call", "tool_use"),
        ("content_filter", "refusal"),
    ];
    assert_eq!(table.len(), FinishReason::ALL.len());
    for (openai, anthropic) in table {
        assert_eq!(FinishReason::from_name(openai).unwrap().stop_reason().name(), anthropic);
    }
}

#[test]
fn text_borrows_where_it_can() {
    let borrowed: Option<Text<'_>> = serde_json::from_str("\"plain ä\"").unwrap();
    assert!(matches!(borrowed.unwrap().into_cow(), Cow::Borrowed("plain ä")));
    let owned: Text<'_> = serde_json::from_str("\"line\\n\"").unwrap();
    assert!(matches!(owned.into_cow(), Cow::Owned(text) if text == "line\n"));
    assert!(serde_json::from_str::<Text<'_>>("7").is_err());
    assert_eq!(serde_json::to_string(&Text::from("a\"b")).unwrap(), "\"a\\\"b\"");
}

#[test]
fn chunks_of_openais_stream() {
    let chunk: Chunk<'_> = serde_json::from_str(
        r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","obfuscation":"aB3",
            "choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"logprobs":null,"finish_reason":null}],
            "usage":null}"#,
    )
    .unwrap();
    assert_eq!(
        (chunk.id.as_deref(), chunk.model.as_deref(), chunk.usage),
        (Some("chatcmpl-1"), Some("gpt-4o"), None)
    );
    let choices = chunk.choices.unwrap();
    let delta = choices[0].delta.as_ref().unwrap();
    assert_eq!((delta.role.as_deref(), delta.content.unwrap().get()), (Some("assistant"), "\"Hi\""));

    let last: Chunk<'_> = serde_json::from_str(
        r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6}}"#,
    )
    .unwrap();
    assert!(last.choices.unwrap().is_empty());
    assert_eq!(last.usage.unwrap().total_tokens, 6);
}

#[test]
fn events_of_anthropics_stream() {
    let event: StreamEvent<'_> = serde_json::from_str(
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"a\n"}}"#,
    )
    .unwrap();
    assert_eq!((event.kind, event.index), (EventKind::ContentBlockDelta, 1));
    assert_eq!(event.delta.unwrap().text.unwrap().get(), "\"a\\n\"", "text stays as it was written");

    let event: StreamEvent<'_> = serde_json::from_str(
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}"#,
    )
    .unwrap();
    assert_eq!(event.kind, EventKind::MessageDelta);
    assert_eq!(event.delta.unwrap().stop_reason.as_deref(), Some("end_turn"));
    assert_eq!(event.usage.unwrap().output_tokens, Some(15));

    for (json, kind) in [
        (r#"{"type":"ping"}"#, EventKind::Ping),
        (r#"{"type":"message_stop"}"#, EventKind::MessageStop),
        (r#"{"type":"not_yet_invented","index":3,"more":{"x":[1]}}"#, EventKind::Unknown),
        (r#"{}"#, EventKind::Unknown),
    ] {
        assert_eq!(serde_json::from_str::<StreamEvent<'_>>(json).unwrap().kind, kind, "{json}");
    }
}
