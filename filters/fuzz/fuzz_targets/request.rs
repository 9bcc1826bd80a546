//! Requests of both dialects: any bytes are translated to JSON within the limit, or refused, with one voice of all functions.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_api::Dialect;
use translate::{DEFAULT_ANTHROPIC_VERSION, RequestError, RequestOptions, peek, request, unsupported};

const MAX_OUTPUT_BYTES: usize = 1 << 16;

fuzz_target!(|data: &[u8]| {
    let options = RequestOptions {
        model: "gpt-4",
        default_max_tokens: 4096,
        anthropic_version: DEFAULT_ANTHROPIC_VERSION,
        max_output_bytes: MAX_OUTPUT_BYTES,
    };
    for from in Dialect::ALL {
        let peeked = peek(from, data);
        if let Ok(peeked) = &peeked {
            let name: String =
                serde_json::from_slice(&data[peeked.model_span.clone()]).expect("the span is a JSON string");
            assert_eq!(name, peeked.model);
        }
        for to in Dialect::ALL {
            match (unsupported(from, to, data), request(from, to, data, &options)) {
                (Ok(found), Ok(sent)) => {
                    assert!(found.is_empty() && sent.len() <= MAX_OUTPUT_BYTES);
                    assert_eq!(peek(to, &sent).expect("what is sent is a request").model, "gpt-4");
                    assert!(peeked.is_ok(), "what is translated can be routed");
                }
                (Ok(found), Err(RequestError::Unsupported(list))) => assert_eq!(found, list),
                (Ok(found), Err(RequestError::TooLarge)) => assert!(found.is_empty()),
                (Err(error), Err(RequestError::Invalid(same))) => assert_eq!(error, same),
                (found, sent) => panic!("{found:?}, {sent:?}"),
            }
        }
    }
});
