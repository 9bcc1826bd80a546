//! What holds for every body: no panic, bounded stack, the same count however it is written, and limits that mean what they say.

mod common;

use common::{MODELS, SURFACES, family, requests};
use metering::{Limits, Memory, NotCountable, Source, Surface, UpTo, answer, bound, prompt, prompt_up_to};
use proptest::prelude::*;
use serde_json::json;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn bytes_are_counted_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        for surface in SURFACES {
            let counted = prompt(surface, &family("gpt-4o"), &bytes, &Limits::NONE, &Memory::default());
            let is_object = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes).is_ok();
            prop_assert!(counted.is_ok() || !is_object);
            let _ = bound(surface, &family("gpt-4o"), &bytes);
            let _ = answer(surface, &family("gpt-4o"), &bytes, &Memory::default());
        }
    }

    #[test]
    fn pieces_of_a_request_are_counted_or_refused(request in requests::request(), cut in any::<prop::sample::Index>()) {
        let body = request.to_string();
        let piece = &body.as_bytes()[..cut.index(body.len())];
        for surface in SURFACES {
            prop_assert!(prompt(surface, &family("gpt-4o"), piece, &Limits::NONE, &Memory::default()).is_err());
            let _ = bound(surface, &family("claude-opus-4-7"), piece);
        }
    }

    #[test]
    fn space_and_escapes_make_no_difference(request in requests::request()) {
        let (plain, respelled) = (request.to_string(), requests::respelled(&request));
        for model in MODELS {
            for surface in SURFACES {
                let of = |body: &str| prompt(surface, &family(model), body.as_bytes(), &Limits::NONE, &Memory::default()).unwrap();
                let (plain, respelled) = (of(&plain), of(&respelled));
                // An opaque string is charged by its length as it is written.
                if !request.to_string().contains("\"data\"") && !request.to_string().contains("encrypted_content") && !request.to_string().contains("image_url") {
                    prop_assert_eq!(plain, respelled, "{:?} {} {}", surface, model, request);
                }
            }
        }
    }

    #[test]
    fn a_count_up_to_a_limit_is_the_count_or_more(request in requests::request(), limit in 0_u64..300) {
        let body = request.to_string();
        for model in ["gpt-4o", "claude-opus-4-7"] {
            for surface in SURFACES {
                for limits in [Limits::NONE, Limits { extrapolate_above: 100 }] {
                    let all = prompt(surface, &family(model), body.as_bytes(), &limits, &Memory::default()).unwrap();
                    let up_to = prompt_up_to(surface, &family(model), body.as_bytes(), &limits, limit, &Memory::default()).unwrap();
                    let expect = if all.tokens > limit { UpTo::MoreThan(limit) } else { UpTo::Within(all) };
                    prop_assert_eq!(up_to, expect, "{:?} {}", surface, body);
                }
            }
        }
    }
}

#[test]
fn only_objects_are_counted() {
    let of = |body: &[u8]| {
        prompt(Surface::ChatCompletions, &family("gpt-4o"), body, &Limits::NONE, &Memory::default())
    };
    assert_eq!(of(b"[]"), Err(NotCountable::NotAnObject));
    assert_eq!(of(b"\"text\""), Err(NotCountable::NotAnObject));
    assert!(matches!(of(b"{"), Err(NotCountable::NotJson { .. })));
    assert!(matches!(of(b""), Err(NotCountable::NotJson { .. })));
    assert!(matches!(of(b"{} {}"), Err(NotCountable::NotJson { .. })));
    assert_eq!(of(b"{\"a\":\"\xff\"}"), Err(NotCountable::NotUtf8 { valid_up_to: 6 }));
    assert_eq!(of(b"{}").unwrap().tokens, 0);
}

#[test]
fn half_a_surrogate_pair_is_counted_as_the_character_that_replaces_it() {
    let of = |body: &str| {
        prompt(
            Surface::ChatCompletions,
            &family("gpt-4o"),
            body.as_bytes(),
            &Limits::NONE,
            &Memory::default(),
        )
        .unwrap()
    };
    let cut = of(r#"{"messages":[{"role":"user","content":"cut \ud83d"}]}"#);
    let replaced = of("{\"messages\":[{\"role\":\"user\",\"content\":\"cut \u{fffd}\"}]}");
    assert_eq!(cut, replaced);
}

#[test]
fn depth_costs_no_stack() {
    const DEPTH: usize = 10_000;
    let nested = |open: &str, close: &str| format!("{}{}", open.repeat(DEPTH), close.repeat(DEPTH));
    for value in [
        nested("[", "]"),
        nested("{\"content\":[", "]}"),
        nested("{\"a\":", "}").replace("\"a\":}", "\"a\":1}"),
        nested("{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":[", "]}}"),
        nested("{\"properties\":{\"a\":", "}}").replace(":}", ":{}}"),
    ] {
        for (surface, body) in [
            (Surface::ChatCompletions, format!(r#"{{"messages":[{{"role":"user","content":{value}}}]}}"#)),
            (Surface::Messages, format!(r#"{{"messages":{value},"system":{value}}}"#)),
            (Surface::Responses, format!(r#"{{"input":{value},"text":{value}}}"#)),
            (Surface::Embeddings, format!(r#"{{"input":{value}}}"#)),
            (
                Surface::ChatCompletions,
                format!(r#"{{"tools":[{{"name":"f","parameters":{value}}}],"tool_choice":{value}}}"#),
            ),
            (
                Surface::ChatCompletions,
                format!(r#"{{"choices":[{{"message":{value}}}],"response_format":{value}}}"#),
            ),
        ] {
            let counted =
                prompt(surface, &family("gpt-4o"), body.as_bytes(), &Limits::NONE, &Memory::default())
                    .unwrap();
            if let Ok(bound) = bound(surface, &family("gpt-4o"), body.as_bytes()) {
                assert!(bound >= counted.tokens);
            }
            assert!(answer(surface, &family("gpt-4o"), body.as_bytes(), &Memory::default()).is_ok());
        }
    }
}

#[test]
fn long_text_is_extrapolated_from_samples() {
    let sentence = "The quick brown fox jumps over the lazy dog, and 42 more of them do so in turn. ";
    let body = json!({"messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": sentence.repeat(3_000)},
        {"role": "user", "content": sentence.repeat(2_000)},
    ]})
    .to_string();
    let of = |limits: &Limits| {
        prompt(Surface::ChatCompletions, &family("gpt-4o"), body.as_bytes(), limits, &Memory::default())
            .unwrap()
    };
    let (all, sampled) = (of(&Limits::NONE), of(&Limits { extrapolate_above: 32 * 1024 }));
    assert_eq!((all.source, sampled.source), (Source::Exact, Source::Extrapolated));
    assert!(all.tokens.abs_diff(sampled.tokens) * 100 <= all.tokens, "{all:?} {sampled:?}");
    assert_eq!(of(&Limits { extrapolate_above: body.len() }).source, Source::Exact);
}

#[test]
fn a_long_payload_is_not_text() {
    let image = "A".repeat(500_000);
    let body = json!({"messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "data": image}},
        {"type": "text", "text": "What is this?"},
    ]}]})
    .to_string();
    let prompt = prompt(
        Surface::Messages,
        &family("gpt-4o"),
        body.as_bytes(),
        &Limits { extrapolate_above: 1_000 },
        &Memory::default(),
    )
    .unwrap();
    // The size is not known, so neither is the charge for sure; but nothing was extrapolated.
    assert_eq!(prompt.source, Source::Estimated);
    assert!((1_445..1_470).contains(&prompt.tokens), "{prompt:?}");
}
