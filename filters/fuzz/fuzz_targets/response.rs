//! Complete answers and error answers of both dialects: any bytes become a bounded answer or error that is JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_api::Dialect;
use translate::{ResponseOptions, provider_error, response};

const MAX_OUTPUT_BYTES: usize = 1 << 16;

fuzz_target!(|data: &[u8]| {
    let options =
        ResponseOptions { model: "gpt-4", created: 1, id_seed: 1, max_output_bytes: MAX_OUTPUT_BYTES };
    for provider in Dialect::ALL {
        for client in Dialect::ALL {
            match response(provider, client, data, &options) {
                Ok(translated) => {
                    assert!(translated.body.len() <= MAX_OUTPUT_BYTES.max(data.len()));
                    serde_json::from_slice::<serde::de::IgnoredAny>(&translated.body)
                        .expect("an answer is JSON");
                }
                Err(error) => assert!(error.status() >= 400 && !error.message.is_empty()),
            }
        }
        for status in [200, 400, 401, 429, 529] {
            let error = provider_error("openai", status, data);
            assert!(!error.message.is_empty() && error.message.len() <= 2048);
            assert!(!error.message.chars().any(char::is_control));
        }
    }
});
