//! What is written to filter state is read back as it was, and anything else is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test that meets what it does not expect has to fail"
)]

use llm_api::{ApiError, Dialect, ErrorKind, Usage};
use proptest::option;
use proptest::prelude::*;
use seam::{ContextError, EarlierFailure, Headers, RequestContext, Target, UsageReport};

fn context() -> impl Strategy<Value = RequestContext> {
    let target = (".*", option::of(".*")).prop_map(|(provider, model)| Target { provider, model });
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (any::<bool>(), flags, ".*", ".*", prop::collection::vec(target, 0..4)).prop_map(
        |(openai, (stream, include_usage, gateway), requested_model, body_model, targets)| {
            let dialect = if openai { Dialect::OpenAi } else { Dialect::Anthropic };
            RequestContext { dialect, stream, include_usage, gateway, requested_model, body_model, targets }
        },
    )
}

proptest! {
    #[test]
    fn a_context_survives(context in context()) {
        prop_assert_eq!(RequestContext::decode(&context.encode()), Ok(context));
    }

    #[test]
    fn a_failure_survives(provider in ".*", message in ".*", param in option::of(".*"), code in option::of(".*")) {
        let failure = EarlierFailure {
            provider,
            error: ApiError { kind: ErrorKind::Overloaded, message, param, code },
        };
        prop_assert_eq!(EarlierFailure::decode(&failure.encode()), Ok(failure));
    }

    #[test]
    fn headers_survive_whatever_bytes_they_hold(pairs in prop::collection::vec(("[a-z-]+", any::<Vec<u8>>()), 0..8)) {
        let headers: Headers = pairs.into_iter().collect();
        prop_assert_eq!(Headers::decode(&headers.encode(|_| true)), Ok(headers));
    }

    #[test]
    fn a_usage_report_survives(t in any::<[u64; 6]>()) {
        let report = UsageReport(Usage {
            input: t[0], cache_read: t[1], cache_write_5m: t[2], cache_write_1h: t[3], output: t[4], reasoning: t[5],
        });
        let encoded = report.encode();
        prop_assert_eq!(UsageReport::decode(&encoded), Ok(report));
        prop_assert_eq!(UsageReport::decode(&[encoded.as_slice(), b"1:0"].concat()), Err(ContextError));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>()) {
        let _ = UsageReport::decode(&bytes);
        let _ = RequestContext::decode(&bytes);
        let _ = EarlierFailure::decode(&bytes);
        let _ = Headers::decode(&bytes);
    }
}

#[test]
fn a_cut_value_is_refused_at_every_length() {
    let whole = RequestContext {
        dialect: Dialect::OpenAi,
        stream: true,
        include_usage: false,
        gateway: true,
        requested_model: "gpt-4".into(),
        body_model: "gpt-4".into(),
        targets: Vec::new(),
    }
    .encode();
    for length in 0..whole.len() {
        let cut = whole.get(..length).unwrap_or_default();
        assert_eq!(RequestContext::decode(cut), Err(ContextError), "cut to {length} bytes");
    }
}
