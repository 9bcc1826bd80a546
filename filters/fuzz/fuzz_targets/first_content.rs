//! The judge of a stream's beginning: the same judgement on the same byte under every chunking, and once it has judged it stays so.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_api::Dialect;
use translate::{FirstContent, Peeked};

fuzz_target!(|data: &[u8]| {
    for dialect in Dialect::ALL {
        let single: Vec<&[u8]> = data.chunks(1).collect();
        let (byte, peeked) = judge(dialect, &single);
        let chunks = fuzz::chunks(data);
        let (chunk, by_chunks) = judge(dialect, &chunks);
        assert_eq!(by_chunks, peeked);
        // The chunk on which the judgement falls is the one that brings the byte on which it falls.
        let mut end = 0;
        let ends = chunks.iter().map(|chunk| {
            end += chunk.len();
            end
        });
        let expect = byte.and_then(|byte| ends.into_iter().position(|end| end > byte));
        assert_eq!(chunk, expect);
        if let Peeked::Failed(error) = &peeked {
            assert!(!error.message.is_empty() && error.message.chars().count() <= 2000);
        }
    }
});

/// The judgement, and the chunk on which it fell; none where it fell at the end of the stream.
fn judge(dialect: Dialect, chunks: &[&[u8]]) -> (Option<usize>, Peeked) {
    let mut first = FirstContent::new(dialect);
    for (index, chunk) in chunks.iter().enumerate() {
        let peeked = first.push(chunk);
        if peeked != Peeked::Undecided {
            assert_eq!(first.push(b"data: [DONE]\n\n"), peeked);
            assert_eq!(first.finish(), peeked);
            return (Some(index), peeked);
        }
    }
    let peeked = first.finish();
    assert_ne!(peeked, Peeked::Undecided);
    (None, peeked)
}
