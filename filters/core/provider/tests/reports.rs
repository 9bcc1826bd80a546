//! What ai-provider publishes of a provider's report, for ai-gateway to settle by.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test that meets what it does not expect has to fail"
)]

mod common;

use common::{JSON, SSE, sent};
use llm_api::{Dialect, Usage};
use provider::ProviderAttempt;
use seam::testing::Host;
use seam::{UsageReport, names};

const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":9,\"cache_read_input_tokens\":4,\"output_tokens\":1}}}\n\n";
const TEXT: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hel\"}}\n\n";
const END: &str = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":3}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

fn published(host: &Host<ProviderAttempt>) -> Option<Usage> {
    host.state().get(names::USAGE_KEY).map(|value| UsageReport::decode(value).unwrap().0)
}

#[test]
fn a_translated_stream_is_reported_as_it_goes_on() {
    let mut host = sent("anthropic", Dialect::OpenAi, true);
    host.response_headers(&[(":status", "200"), SSE], false);
    host.response_chunk(START.as_bytes(), false);
    assert_eq!(published(&host), None, "another provider may still answer");
    host.response_chunk(TEXT.as_bytes(), false);
    let first = Usage { input: 9, cache_read: 4, output: 1, ..Usage::default() };
    assert_eq!(published(&host), Some(first));
    host.response_chunk(END.as_bytes(), true);
    assert_eq!(published(&host), Some(Usage { output: 3, ..first }));
}

#[test]
fn a_translated_answer_is_reported_with_its_headers() {
    let mut host = sent("anthropic", Dialect::OpenAi, false);
    let body = br#"{"content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{"input_tokens":9,"output_tokens":3}}"#;
    host.response(&[(":status", "200"), JSON], &[body]);
    assert_eq!(published(&host), Some(Usage { input: 9, output: 3, ..Usage::default() }));
}

#[test]
fn an_attempt_that_fails_reports_nothing() {
    let mut host = sent("anthropic", Dialect::OpenAi, true);
    host.response_headers(&[(":status", "200"), SSE], false);
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n";
    host.response_chunk((START.to_owned() + error).as_bytes(), true);
    assert_eq!(published(&host), None);
}

#[test]
fn what_is_not_translated_is_ai_gateways_to_read() {
    let mut host = sent("openai", Dialect::OpenAi, false);
    host.response(&[(":status", "200"), JSON], &[br#"{"choices":[],"usage":{"prompt_tokens":9}}"#]);
    assert_eq!(published(&host), None);
}
