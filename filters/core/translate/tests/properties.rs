//! What holds for every request and every answer, not only for those that someone thought of.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test may fail it"
)]

use llm_api::Dialect::{self, Anthropic, OpenAi};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use translate::{
    RequestError, RequestOptions, ResponseOptions, peek, provider_error, request, response, unsupported,
};

const OPTIONS: RequestOptions<'static> = RequestOptions {
    model: "served",
    default_max_tokens: 4096,
    anthropic_version: "2023-06-01",
    max_output_bytes: 1 << 20,
};

const ANSWER: ResponseOptions<'static> =
    ResponseOptions { model: "asked", created: 7, id_seed: 9, max_output_bytes: 1 << 20 };

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn translated(from: Dialect, to: Dialect, body: &Value) -> Value {
    parsed(&request(from, to, body.to_string().as_bytes(), &OPTIONS).unwrap())
}

/// Text that is not blank, with everything that JSON has to escape.
fn text() -> impl Strategy<Value = String> {
    "\\PC{0,20}[a-zA-Z\u{e4}\u{1f980}\"\\\\\n\u{1}]{0,5}x"
}

/// A request that both APIs can express, as Chat Completions has it: the system first, then user and assistant in turn.
fn common_request() -> impl Strategy<Value = Value> {
    let turns = prop::collection::vec((text(), text()), 0..4);
    let optional = (
        prop::option::of(text()),
        prop::option::of((0..=1000_u32).prop_map(|thousandths| f64::from(thousandths) / 1000.0)),
        prop::option::of((0..=999_u32).prop_map(|thousandths| f64::from(thousandths) / 1000.0)),
        prop::collection::vec(text(), 0..4),
        1..100_000_u64,
        any::<bool>(),
        prop::option::of("[a-z0-9]{1,64}"),
        prop::option::of(prop::sample::select(vec!["auto", "default"])),
    );
    (turns, text(), optional).prop_map(
        |(turns, last, (system, temperature, top_p, stop, max_tokens, stream, user, service_tier))| {
            let mut messages = Vec::new();
            messages.extend(system.map(|system| json!({"role": "system", "content": system})));
            for (user, assistant) in turns {
                messages.push(json!({"role": "user", "content": user}));
                messages.push(json!({"role": "assistant", "content": assistant}));
            }
            messages.push(json!({"role": "user", "content": last}));
            let mut body =
                json!({"model": "served", "messages": messages, "max_completion_tokens": max_tokens});
            let members: [(&str, Value); 6] = [
                ("temperature", json!(temperature)),
                ("top_p", json!(top_p)),
                ("stop", if stop.is_empty() { Value::Null } else { json!(stop) }),
                ("stream", if stream { json!(true) } else { Value::Null }),
                ("user", json!(user)),
                ("service_tier", json!(service_tier)),
            ];
            for (name, value) in members.into_iter().filter(|(_, value)| !value.is_null()) {
                body[name] = value;
            }
            if stream {
                body["stream_options"] = json!({"include_usage": true});
            }
            body
        },
    )
}

/// JSON of any shape, in which the words of both APIs come up often.
fn any_json() -> impl Strategy<Value = Value> {
    const WORDS: &[&str] = &[
        "model",
        "messages",
        "role",
        "content",
        "user",
        "assistant",
        "system",
        "tool",
        "type",
        "text",
        "max_tokens",
        "stop",
        "stream",
        "tools",
        "tool_choice",
        "temperature",
        "metadata",
        "user_id",
        "image_url",
        "error",
        "message",
        "choices",
        "usage",
        "finish_reason",
        "stop_reason",
        "thinking",
        "input_tokens",
        "prompt_tokens",
        "refusal",
    ];
    let word = || prop::sample::select(WORDS).prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..7)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A good request of that dialect with any JSON in some of its places.
fn near_request() -> impl Strategy<Value = Value> {
    let members = prop::collection::vec(
        (
            prop::sample::select(vec![
                "n",
                "stop",
                "temperature",
                "user",
                "tools",
                "system",
                "metadata",
                "zzz",
                "stream",
            ]),
            any_json(),
        ),
        0..3,
    );
    (members, prop::option::of(any_json()), prop::option::of(any_json())).prop_map(
        |(members, content, message)| {
            let mut messages =
                vec![json!({"role": "user", "content": content.unwrap_or_else(|| json!("hi"))})];
            messages.extend(message);
            let mut body = json!({"model": "m", "max_tokens": 5, "messages": messages});
            for (name, value) in members {
                body[name] = value;
            }
            body
        },
    )
}

/// Everything that takes bytes, in every direction.
fn run_everything(body: &[u8]) {
    for from in Dialect::ALL {
        let _ = peek(from, body);
        for to in Dialect::ALL {
            agree(from, to, body);
            if let Ok(translated) = response(from, to, body, &ANSWER) {
                parsed(&translated.body);
            }
        }
        for status in [200, 400, 401, 529] {
            let error = provider_error("p", status, body);
            assert!(!error.message.is_empty() && error.message.len() <= 2048);
        }
    }
}

/// `unsupported` is empty exactly where `request` succeeds, and both find the same faults.
fn agree(from: Dialect, to: Dialect, body: &[u8]) {
    match (unsupported(from, to, body), request(from, to, body, &OPTIONS)) {
        (Ok(found), Ok(sent)) => {
            assert!(found.is_empty());
            parsed(&sent);
        }
        (Ok(found), Err(RequestError::Unsupported(list))) => assert_eq!(found, list),
        (Err(error), Err(RequestError::Invalid(same))) => assert_eq!(error, same),
        (found, sent) => panic!("{found:?}, {sent:?}"),
    }
}

proptest! {
    // A failure is kept as a test or a fixture of its own, not in a file beside this one.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn there_and_back_is_the_same_request(body in common_request()) {
        let there = translated(OpenAi, Anthropic, &body);
        let back = translated(Anthropic, OpenAi, &there);
        prop_assert_eq!(&back, &body);
        prop_assert_eq!(translated(OpenAi, Anthropic, &back), there);
    }

    #[test]
    fn there_and_back_is_the_same_answer(
        content in prop::option::of(text()),
        finish_reason in prop::sample::select(vec!["stop", "length", "content_filter"]),
        [cached, written, uncached, output, reasoning] in any::<[u32; 5]>(),
    ) {
        let sum = |parts: &[u32]| parts.iter().copied().map(u64::from).sum::<u64>();
        let answer = json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "asked",
            "choices": [{
                "index": 0, "logprobs": null, "finish_reason": finish_reason,
                "message": {"role": "assistant", "content": content.unwrap_or_default(), "refusal": null},
            }],
            "usage": {
                "prompt_tokens": sum(&[cached, written, uncached]),
                "completion_tokens": sum(&[output, reasoning]),
                "total_tokens": sum(&[cached, written, uncached, output, reasoning]),
                "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
                "completion_tokens_details": {"reasoning_tokens": reasoning},
            },
        });
        let there = response(OpenAi, Anthropic, answer.to_string().as_bytes(), &ANSWER).unwrap();
        let back = response(Anthropic, OpenAi, &there.body, &ANSWER).unwrap();
        prop_assert_eq!(parsed(&back.body), answer);
        prop_assert_eq!(back.usage, there.usage);
    }

    #[test]
    fn any_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..200)) {
        run_everything(&body);
    }

    #[test]
    fn any_json_is_survived(body in any_json()) {
        run_everything(body.to_string().as_bytes());
    }

    #[test]
    fn what_is_nearly_a_request_is_translated_or_refused_with_one_voice(body in near_request()) {
        run_everything(body.to_string().as_bytes());
    }

    #[test]
    fn a_truncated_request_is_invalid(body in common_request(), cut in any::<prop::sample::Index>()) {
        let body = body.to_string();
        let body = &body.as_bytes()[..cut.index(body.len())];
        let outcome = request(OpenAi, Anthropic, body, &OPTIONS);
        prop_assert!(matches!(outcome, Err(RequestError::Invalid(_))), "{:?}", outcome);
    }
}
