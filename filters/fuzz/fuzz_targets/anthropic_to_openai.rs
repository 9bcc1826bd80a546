//! The translator from an Anthropic provider's stream to an OpenAI client's: the same output under every chunking, of a
//! bounded size, and a stream in which the editor of the client's own dialect finds nothing to do and the same end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_api::Dialect;

fuzz_target!(|data: &[u8]| fuzz::check_translator(Dialect::Anthropic, Dialect::OpenAi, data));
