//! What ai-provider sends: headers built anew, the body in the provider's terms, and nothing of the other provider.

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

use common::{
    ANTHROPIC_KEY, CHAT, OPENAI_KEY, attempt, body, client_headers, context, header, json, state, upstreams,
};
use llm_api::{ApiError, Dialect, ErrorKind};
use seam::testing::{FilterState, Message};
use seam::{EarlierFailure, RequestContext, names};
use serde_json::json as object;

fn header_names(message: &Message) -> Vec<&str> {
    message.headers.as_ref().unwrap().iter().map(|(name, _)| name).collect()
}

#[test]
fn a_request_that_fits_goes_out_with_new_headers_and_its_own_body() {
    let mut host = attempt(&upstreams("openai", object!({})), state(&context(Dialect::OpenAi, false)));
    let sent = host.request(&client_headers(), &[&body(false)]);
    assert_eq!(sent.body, body(false));
    let expected = [
        ":method",
        ":scheme",
        ":authority",
        ":path",
        "content-type",
        "content-length",
        "accept",
        "accept-encoding",
        "x-request-id",
        "user-agent",
        "authorization",
    ];
    assert_eq!(header_names(&sent), expected);
    assert_eq!(header(&sent, ":path"), Some("/v1/chat/completions"));
    assert_eq!(header(&sent, ":authority"), Some("api.openai.com"));
    assert_eq!(header(&sent, "authorization"), Some(&*format!("Bearer {OPENAI_KEY}")));
    assert_eq!(header(&sent, "content-length"), Some(&*body(false).len().to_string()));
    assert_eq!(host.state()[names::PROVIDER_KEY], b"openai");
    assert_eq!(host.state()[names::SERVED_MODEL_KEY], b"gpt-4");
}

#[test]
fn the_second_attempt_carries_nothing_of_the_first() {
    let first = upstreams("openai", object!({"headers": {"openai-organization": "org-canary"}}));
    let mut host = attempt(&first, state(&context(Dialect::OpenAi, true)));
    let sent = host.request(&client_headers(), &[&body(true)]);
    let failed = host.response(&[(":status", "503")], &[b"down"]);
    assert_eq!(header(&failed, ":status"), Some("503"));

    // Envoy hands the second attempt the headers as the first one left them, and the body as the client sent it.
    let left: Vec<(&str, &str)> = sent
        .headers
        .as_ref()
        .unwrap()
        .iter()
        .map(|(name, value)| (name, std::str::from_utf8(value).unwrap()))
        .collect();
    let second = upstreams("anthropic", object!({"pass_request_headers": ["x-trace"]}));
    let mut host = attempt(&second, host.state().clone());
    host.attempt = 2;
    let sent = host.request(&left, &[&body(true)]);
    let expected = [
        ":method",
        ":scheme",
        ":authority",
        ":path",
        "content-type",
        "content-length",
        "accept",
        "accept-encoding",
        "x-request-id",
        "x-trace",
        "anthropic-version",
        "user-agent",
        "x-api-key",
    ];
    assert_eq!(header_names(&sent), expected);
    assert_eq!(
        header(&sent, "x-trace"),
        Some("t1"),
        "taken away by the first attempt, and back from the originals"
    );
    assert_eq!(header(&sent, "x-api-key"), Some(ANTHROPIC_KEY));
    assert_eq!(header(&sent, ":path"), Some("/v1/messages"));
    assert_eq!(header(&sent, "accept"), Some("text/event-stream"));
    assert_eq!(header(&sent, "content-length"), Some(&*sent.body.len().to_string()));
    let translated = json(&sent.body);
    assert_eq!(translated["model"], "claude-3-opus");
    assert_eq!(translated["max_tokens"], 4096);
    assert_eq!(translated["stream"], true);
    let headers = format!("{:?}", sent.headers);
    for canary in ["canary-client", "canary-openai", "org-canary"] {
        assert!(!headers.contains(canary), "{headers}");
    }
}

#[test]
fn the_routers_count_goes_no_further_than_the_first_attempt() {
    const COUNT: &str = names::ROUTERS_COUNT_HEADER;
    // A client may say it too where the router does not: then a second attempt has none, or what the router says.
    for (count, then) in [("1", Some("2")), ("1", None), ("9", None), ("9", Some("2"))] {
        let passing = upstreams("openai", object!({"pass_request_headers": ["x-trace"]}));
        let mut host = attempt(&passing, state(&context(Dialect::OpenAi, false)));
        let counted: Vec<_> = client_headers().into_iter().chain([(COUNT, count)]).collect();
        let sent = host.request(&counted, &[&body(false)]);
        assert_eq!(header(&sent, COUNT), None);
        assert_eq!(header(&sent, "x-trace"), Some("t1"));
        let kept = host.state().clone();
        assert!(!String::from_utf8_lossy(&kept[names::ORIGINAL_HEADERS_KEY]).contains(COUNT));

        let mut host = attempt(&passing, kept);
        host.attempt = 2;
        let left: Vec<_> = [(":method", "POST"), (":path", CHAT), ("x-trace", "left behind")]
            .into_iter()
            .chain(then.map(|then| (COUNT, then)))
            .collect();
        let sent = host.request(&left, &[&body(false)]);
        assert_eq!(header(&sent, COUNT), None);
        assert_eq!(header(&sent, "x-trace"), Some("t1"), "from the originals");
        assert_eq!(
            header(
                &host.response(&[(":status", "200"), ("content-type", "application/json")], &[b"{}"]),
                "x-ai-attempts"
            ),
            Some("2")
        );
    }
}

#[test]
fn filter_state_keeps_no_credential() {
    let mut host = attempt(&upstreams("openai", object!({})), state(&context(Dialect::OpenAi, false)));
    host.request(&client_headers(), &[&body(false)]);
    for (key, value) in host.state() {
        assert!(!String::from_utf8_lossy(value).contains("canary"), "{key}");
    }
}

#[test]
fn another_model_name_is_spliced_in_with_the_right_length() {
    let mut described = context(Dialect::OpenAi, false);
    described.targets[0].model = Some("gpt-4-turbo".into());
    let mut host = attempt(&upstreams("openai", object!({})), state(&described));
    let sent = host.request(&client_headers(), &[&body(false)[..9], &body(false)[9..]]);
    assert_eq!(
        sent.body,
        String::from_utf8(body(false)).unwrap().replace("gpt-4", "gpt-4-turbo").into_bytes()
    );
    assert_eq!(header(&sent, "content-length"), Some(&*sent.body.len().to_string()));
}

#[test]
fn without_the_gateway_the_first_attempt_describes_the_request() {
    let mut host = attempt(&upstreams("anthropic", object!({})), FilterState::new());
    let sent = host.request(&client_headers(), &[&body(false)]);
    assert_eq!(json(&sent.body)["model"], "claude-3-opus");
    let described = RequestContext::decode(&host.state()[names::CONTEXT_KEY]).unwrap();
    assert_eq!((described.gateway, described.requested_model.as_str()), (false, "gpt-4"));

    // On the second attempt the path says nothing any more; the description does.
    let mut second = attempt(&upstreams("openai", object!({})), host.state().clone());
    second.attempt = 2;
    let sent = second.request(&[(":method", "POST"), (":path", "/v1/messages")], &[&body(false)]);
    assert_eq!(header(&sent, ":path"), Some(CHAT));
    assert_eq!(json(&sent.body)["model"], "gpt-4");
}

#[test]
fn a_description_that_comes_with_the_body_is_not_missed() {
    let mut host = attempt(&upstreams("anthropic", object!({})), FilterState::new());
    host.request_headers(&client_headers(), false);
    assert_eq!(host.reply(), None);
    let mut late = attempt(&upstreams("anthropic", object!({})), state(&context(Dialect::OpenAi, false)));
    let sent = late.request(&client_headers(), &[&body(false)]);
    assert_eq!(json(&sent.body)["model"], "claude-3-opus");
}

#[test]
fn the_provider_is_the_one_that_metadata_names() {
    for (named, authority) in [("openai", "api.openai.com"), ("anthropic", "api.anthropic.com")] {
        let mut host = attempt(&common::selected_upstreams(), state(&context(Dialect::OpenAi, false)));
        host.selected_provider = Some(named.into());
        let sent = host.request(&client_headers(), &[&body(false)]);
        assert_eq!(header(&sent, ":authority"), Some(authority));
    }
    for named in [None, Some("unheard-of".to_owned())] {
        let mut host = attempt(&common::selected_upstreams(), state(&context(Dialect::OpenAi, false)));
        host.selected_provider = named;
        host.request_headers(&client_headers(), false);
        let reply = host.reply().unwrap();
        assert_eq!((reply.status, &json(&reply.body)["error"]["code"]), (500, &"unknown_provider".into()));
    }
}

#[test]
fn only_understood_paths_go_out_with_our_credentials() {
    let mut host = attempt(&upstreams("openai", object!({})), FilterState::new());
    host.request_headers(&[(":method", "GET"), (":path", "/v1/files")], true);
    assert_eq!(host.reply().unwrap().status, 404);
}

#[test]
fn what_this_provider_cannot_express_is_refused_by_name() {
    let body = br#"{"model":"gpt-4","n":3,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut host = attempt(&upstreams("anthropic", object!({})), state(&context(Dialect::OpenAi, false)));
    host.request(&client_headers(), &[body]);
    let reply = host.reply().unwrap();
    let error = &json(&reply.body)["error"];
    assert_eq!((reply.status, &error["param"]), (400, &"n".into()));
}

#[test]
fn a_fallback_that_cannot_take_over_tells_the_earlier_error_with_a_note() {
    let body = br#"{"model":"gpt-4","n":3,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut state = state(&context(Dialect::OpenAi, false));
    let error = ApiError::new(ErrorKind::RateLimit, "Too fast.").with_code("rate_limit_exceeded");
    state.insert(names::FAILURE_KEY, EarlierFailure { provider: "openai".into(), error }.encode());
    let mut host = attempt(&upstreams("anthropic", object!({})), state);
    host.attempt = 2;
    host.request(&client_headers(), &[body]);
    let reply = host.reply().unwrap();
    let error = &json(&reply.body)["error"];
    assert_eq!((reply.status, &error["code"]), (429, &"rate_limit_exceeded".into()));
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("Too fast.") && message.contains("`n`"), "{message}");
}

#[test]
fn a_fallback_after_silence_says_so() {
    let body = br#"{"model":"gpt-4","n":3,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut host = attempt(&upstreams("anthropic", object!({})), state(&context(Dialect::OpenAi, false)));
    host.publish(names::ORIGINAL_HEADERS_KEY, b"");
    host.attempt = 2;
    host.request(&client_headers(), &[body]);
    assert_eq!(host.reply().unwrap().status, 503);
}

#[test]
fn bodies_and_their_translations_are_bounded() {
    let mut host = attempt(&upstreams("anthropic", object!({})), state(&context(Dialect::OpenAi, false)));
    let large = vec![b' '; 9 << 20];
    host.request(&client_headers(), &[&large]);
    assert_eq!(host.reply().unwrap().status, 413);

    // Exactly at the limit: its translation, with another API's longer names, still goes out.
    let frame = r#"{"model":"gpt-4","messages":[{"role":"user","content":""}]}"#;
    let just_fits = frame.replace("\"\"", &format!("\"{}\"", "x".repeat((8 << 20) - frame.len())));
    let mut host = attempt(&upstreams("anthropic", object!({})), state(&context(Dialect::OpenAi, false)));
    let sent = host.request(&client_headers(), &[just_fits.as_bytes()]);
    assert!(sent.complete && sent.body.len() > 8 << 20, "{:?}", host.reply());
}

#[test]
fn an_anthropic_client_keeps_its_version_towards_anthropic() {
    let mut headers = client_headers();
    headers.push(("anthropic-version", "2026-10-21"));
    headers.push(("anthropic-beta", "b1"));
    let mut host = attempt(&upstreams("anthropic", object!({})), state(&context(Dialect::Anthropic, false)));
    let sent = host.request(&headers, &[br#"{"model":"gpt-4","max_tokens":5,"messages":[]}"#]);
    assert_eq!(header(&sent, "anthropic-version"), Some("2026-10-21"));
    assert_eq!(header(&sent, "anthropic-beta"), Some("b1"));
    assert_eq!(header(&sent, "x-api-key"), Some(ANTHROPIC_KEY));
}

#[test]
fn every_line_of_a_header_that_is_passed_goes_on() {
    let passing = upstreams(
        "anthropic",
        object!({"pass_request_headers": ["x-tag"], "pass_response_headers": ["x-note"]}),
    );
    let lines = |message: &Message, name: &str| -> Vec<Vec<u8>> {
        let headers = message.headers.as_ref().unwrap().iter();
        headers.filter(|(each, _)| *each == name).map(|(_, value)| value.to_vec()).collect()
    };
    let mut headers = client_headers();
    // Anthropic takes a list as well as a line for each.
    headers.extend([("anthropic-beta", "b1"), ("anthropic-beta", "b2"), ("x-tag", "1"), ("x-tag", "2")]);
    let body = br#"{"model":"gpt-4","max_tokens":5,"messages":[]}"#;
    let mut first = attempt(&passing, state(&context(Dialect::Anthropic, false)));
    let sent = first.request(&headers, &[body]);
    let mut second = attempt(&passing, first.state().clone());
    second.attempt = 2;
    for sent in [
        sent,
        second.request(&[(":method", "POST"), (":scheme", "https"), (":path", "/v1/messages")], &[body]),
    ] {
        assert_eq!(lines(&sent, "anthropic-beta"), [b"b1", b"b2"]);
        assert_eq!(lines(&sent, "x-tag"), [b"1", b"2"]);
    }
    let headers = [(":status", "200"), common::JSON, ("x-note", "1"), ("x-note", "2")];
    let got = first.response(&headers, &[b"{}"]);
    assert_eq!(lines(&got, "x-note"), [b"1", b"2"]);
}

#[test]
fn trailers_go_nowhere() {
    let mut host = attempt(&upstreams("anthropic", object!({})), state(&context(Dialect::OpenAi, false)));
    let sent = host.request_with_trailers(&client_headers(), &[&body(false)]);
    assert!(sent.complete && !sent.trailers);
    host.response_headers(&[(":status", "200"), common::JSON], false);
    host.response_trailers();
    assert!(!host.client_side().trailers);
}

#[test]
fn an_unreadable_past_passes_nothing_on() {
    // What an earlier attempt left in the header map must not be taken for the client's.
    let trusting = upstreams("anthropic", object!({"pass_request_headers": ["openai-organization"]}));
    let mut host = attempt(&trusting, state(&context(Dialect::OpenAi, false)));
    host.publish(names::ORIGINAL_HEADERS_KEY, b"not of this version");
    host.attempt = 2;
    let mut left = client_headers();
    left.push(("openai-organization", "org-of-the-first-provider"));
    let sent = host.request(&left, &[&body(false)]);
    assert_eq!(header(&sent, "openai-organization"), None);
}

#[test]
fn a_header_is_sent_once() {
    let passing = upstreams("openai", object!({"pass_request_headers": ["user-agent", "x-request-id"]}));
    let mut host = attempt(&passing, state(&context(Dialect::OpenAi, false)));
    let sent = host.request(&client_headers(), &[&body(false)]);
    let mut names = header_names(&sent);
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
    assert_eq!(header(&sent, "user-agent"), Some("OpenAI/Python"));
}
