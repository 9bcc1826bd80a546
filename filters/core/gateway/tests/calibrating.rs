//! How estimates are learnt to be corrected: over many requests, by several workers, with conflicts.

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

use common::{Worker, config, post, worker};
use metering::{Calibration, Families, Limits, Memory, Surface};
use seam::names;

const PAGE: &str = "calibration.v1/claude/anthropic";
const ERROR: &str = "ai_gateway.estimate.error;gen_ai.request.model=claude;gen_ai.provider.name=anthropic";
const LOST: &str = "ai_gateway.estimate.lost;gen_ai.request.model=claude;gen_ai.provider.name=anthropic";

fn body(words: usize) -> String {
    let text = "A story about counting. ".repeat(words);
    format!(r#"{{"model":"claude","max_tokens":9,"messages":[{{"role":"user","content":"{text}"}}]}}"#)
}

fn estimate(body: &str) -> u64 {
    let family = Families::default();
    metering::prompt(
        Surface::Messages,
        family.of("claude-3-opus"),
        body.as_bytes(),
        &Limits::default(),
        &Memory::default(),
    )
    .unwrap()
    .tokens
}

/// One request, whose provider reports that many tokens for its prompt.
fn exchange(worker: &Worker, body: &str, reported: u64) {
    let mut host = worker.stream();
    host.request(&post("/v1/messages"), &[body.as_bytes()]);
    let answer = format!(r#"{{"content":[],"usage":{{"input_tokens":{reported},"output_tokens":3}}}}"#);
    host.response(&[(":status", "200"), ("content-type", "application/json")], &[answer.as_bytes()]);
    host.end();
}

fn calibration(worker: &Worker) -> Calibration {
    Calibration::decode(&worker.shared.page(PAGE).unwrap())
}

#[test]
fn estimates_converge_within_tens_of_requests_over_several_workers() {
    for mode in ["auto", "exact"] {
        let fields = format!(r#"{{"counting": {{"mode": "{mode}"}}}}"#);
        let one = worker(config(&fields));
        let another = one.another(config(&fields));
        for request in 0..40 {
            let body = body(10 + request);
            let worker = if request % 2 == 0 { &one } else { &another };
            exchange(worker, &body, estimate(&body) * 3 / 2);
        }
        let learnt = calibration(&one);
        assert!((1_450..=1_550).contains(&learnt.factor_permille()), "{mode}: {learnt:?}");
        let errors = one.shared.recorded(ERROR);
        assert!(errors[0] > 300 && *errors.last().unwrap() < 50, "{mode}: {errors:?}");

        // What was learnt is what the next request is told.
        let fields = r#"{"counting": {"mode": "exact"}}"#;
        let mut host = one.another(config(fields)).stream();
        let body = body(100);
        host.request(&post("/v1/messages"), &[body.as_bytes()]);
        let told: f64 = std::str::from_utf8(&host.state()[names::INPUT_TOKENS_KEY]).unwrap().parse().unwrap();
        let expected = estimate(&body) as f64 * 1.5;
        assert!((0.96..1.04).contains(&(told / expected)), "{told} of {expected}");
    }
}

#[test]
fn once_enough_is_known_few_requests_are_samples() {
    let worker = worker(config("{}"));
    for _ in 0..32 {
        exchange(&worker, &body(10), 100);
    }
    let (loads, samples) = (worker.shared.loads(), calibration(&worker).samples());
    assert_eq!(samples, 32);
    for _ in 0..64 {
        exchange(&worker, &body(10), 100);
    }
    assert_eq!((worker.shared.loads() - loads, calibration(&worker).samples()), (1, 33));
}

#[test]
fn an_observation_survives_other_workers_and_is_given_up_when_they_do_not_stop() {
    let worker = worker(config("{}"));
    worker.shared.inject_conflicts(3);
    exchange(&worker, &body(10), 100);
    assert_eq!((calibration(&worker).samples(), worker.shared.counter(LOST)), (1, None));
    assert_eq!(worker.shared.recorded(ERROR).len(), 1, "recorded once, however often it is written");

    worker.shared.inject_conflicts(4);
    exchange(&worker, &body(10), 100);
    assert_eq!((calibration(&worker).samples(), worker.shared.counter(LOST)), (1, Some(1)));
}

#[test]
fn nothing_is_learnt_of_what_is_counted_exactly_or_not_reported() {
    let worker = worker(config("{}"));
    let chat = br#"{"model":"gpt-4","messages":[{"role":"user","content":"hello"}]}"#;
    for answer in
        [r#"{"choices":[],"usage":{"prompt_tokens":500,"completion_tokens":1}}"#, r#"{"choices":[]}"#]
    {
        let mut host = worker.stream();
        host.request(&post(common::CHAT), &[chat]);
        host.response(&[(":status", "200"), ("content-type", "application/json")], &[answer.as_bytes()]);
        host.end();
    }
    assert_eq!(worker.shared.loads(), 0);
    assert_eq!(worker.shared.page("calibration.v1/gpt-4/openai"), None, "no page without a use");

    exchange(&worker, &body(10), 0);
    assert_eq!(calibration(&worker).samples(), 0);
}

#[test]
fn a_correction_decides_at_a_limit() {
    let body = body(50);
    let plain = estimate(&body);
    let fields = |most: u64| {
        format!(
            r#"{{"models": [{{"name": "claude", "max_input_tokens": {most}, "targets": [{{"provider": "anthropic", "api": "anthropic", "model": "claude-3-opus"}}]}}], "aliases": []}}"#
        )
    };
    for (reported, most, admitted) in [(plain * 2, plain * 3 / 2, false), (plain / 2, plain * 3 / 4, true)] {
        let worker = worker(config(&fields(most)));
        let mut learnt = Calibration::new();
        (0..50).for_each(|_| learnt.observe(plain, reported));
        worker.shared.write(PAGE, &learnt.encode());
        let mut host = worker.stream();
        host.request(&post("/v1/messages"), &[body.as_bytes()]);
        assert_eq!(
            host.reply().is_none(),
            admitted,
            "{plain} estimated, {reported} reported, {most} allowed"
        );
    }
}

#[test]
fn a_host_without_shared_memory_has_uncorrected_estimates() {
    for mode in ["auto", "exact"] {
        let worker = worker(config(&format!(r#"{{"counting": {{"mode": "{mode}"}}}}"#))).without_pages();
        let body = body(10);
        exchange(&worker, &body, 500);
        let mut host = worker.stream();
        host.request(&post("/v1/messages"), &[body.as_bytes()]);
        host.end();
        let told = std::str::from_utf8(&host.state()[names::INPUT_TOKENS_KEY]).unwrap().to_owned();
        assert_eq!(told, estimate(&body).to_string());
        assert_eq!(worker.shared.counter(LOST), None);
    }
}
