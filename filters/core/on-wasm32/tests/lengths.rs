//! Lengths and counts beyond 32 bits are refused or kept whole; none wraps round to something that looks right.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test that meets what it does not expect has to fail"
)]

use std::rc::Rc;

use config::GatewayConfig;
use gateway::{Gateway, Routes};
use llm_api::Dialect;
use seam::testing::{FilterState, Host};
use seam::{ContextError, Headers, RequestContext};
use serde_json::Value;
use translate::ResponseOptions;
use wasm_bindgen_test::wasm_bindgen_test;

/// 2³² + 1: one, to whoever forgets the upper half.
const WRAPS_TO_ONE: u64 = (1 << 32) + 1;

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[wasm_bindgen_test]
fn this_is_the_target_that_the_filters_have() {
    let bits = if cfg!(target_arch = "wasm32") { 32 } else { usize::BITS };
    assert_eq!(usize::BITS, bits);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[wasm_bindgen_test]
fn a_content_length_that_would_wrap_is_too_large() {
    let config = GatewayConfig::parse(br#"{"models": [{"name": "m"}], "max_body_bytes": 1000}"#, &|_| None);
    let config = config.unwrap_or_else(|problems| panic!("{problems}"));
    let mut host =
        Host::new(Gateway::new(Rc::new(Routes::new(config, gateway::Secret([0; 16])))), FilterState::new());
    let length = WRAPS_TO_ONE.to_string();
    let headers =
        [(":method", "POST"), (":path", "/v1/chat/completions"), ("content-length", length.as_str())];
    host.request_headers(&headers, false);
    assert_eq!(host.reply().map(|reply| reply.status), Some(413));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[wasm_bindgen_test]
fn a_field_that_claims_more_than_there_is_is_refused() {
    for length in ["4294967297", "4294967295", "18446744073709551617"] {
        let value = format!("{length}:x");
        assert_eq!(RequestContext::decode(value.as_bytes()), Err(ContextError), "{length}");
    }
    for sizes in [[u32::MAX, u32::MAX], [u32::MAX, 3], [1, u32::MAX - 2]] {
        let value = [sizes[0].to_le_bytes().as_slice(), &sizes[1].to_le_bytes(), b"x\0y\0"].concat();
        assert_eq!(Headers::decode(&value), Err(ContextError), "{sizes:?}");
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[wasm_bindgen_test]
fn a_pair_outside_its_buffer_is_left_out() {
    for far in [usize::MAX, usize::MAX - 1, 1 << 31] {
        let sizes = [(4, 1), (4, far), (far, 4)];
        let buffer = b"name\0x\0more".to_vec();
        let headers = Headers::from_buffer(buffer, 0, sizes.len(), |_, index| sizes.get(index).copied());
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("name", &b"x"[..])]);
        assert!(Headers::from_buffer(b"name".to_vec(), far, far, |_, _| Some((0, 0))).is_empty());
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[wasm_bindgen_test]
fn token_counts_of_more_than_32_bits_survive() {
    let answer = format!(
        r#"{{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[{{"type":"text","text":"x"}}],
            "stop_reason":"end_turn","usage":{{"input_tokens":{WRAPS_TO_ONE},"output_tokens":2}}}}"#
    );
    let options =
        ResponseOptions { model: "m", created: WRAPS_TO_ONE, id_seed: 0, max_output_bytes: usize::MAX };
    let translated =
        translate::response(Dialect::Anthropic, Dialect::OpenAi, answer.as_bytes(), &options).unwrap();
    let body: Value = serde_json::from_slice(&translated.body).unwrap();
    assert_eq!(body["usage"]["prompt_tokens"], WRAPS_TO_ONE);
    assert_eq!(body["usage"]["total_tokens"], WRAPS_TO_ONE + 2);
    assert_eq!(body["created"], WRAPS_TO_ONE);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[wasm_bindgen_test]
fn a_configured_limit_beyond_the_address_space_is_refused() {
    for limit in [WRAPS_TO_ONE, u64::MAX] {
        let config = format!(r#"{{"models": [{{"name": "m"}}], "max_body_bytes": {limit}}}"#);
        let problems =
            GatewayConfig::parse(config.as_bytes(), &|_| None).expect_err("a limit of four gigabytes");
        assert!(problems.to_string().starts_with("max_body_bytes"), "{problems}");
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[wasm_bindgen_test]
fn an_event_limit_of_the_whole_address_space_does_not_overflow() {
    let mut decoder = sse::Decoder::new(usize::MAX);
    let mut events = Vec::new();
    for chunk in ["data: o", "ne\n", "\ndata: two\n\n"] {
        decoder.push(chunk.as_bytes(), &mut |event| events.push(event.data.to_vec())).unwrap();
    }
    assert_eq!(events, [b"one", b"two"]);
}
