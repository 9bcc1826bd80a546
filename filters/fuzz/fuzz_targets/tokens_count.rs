//! Counting tokens: what the reference counts, at once, with a memory, up to every limit, and in whatever parts the text arrives.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiktoken_rs::CoreBPE;
use tokens::{Bound, Counter, Encoding, Memory, UpTo};

/// The longest text that a run of the fuzzer repeats its input to: several windows of one piece.
const LONGEST: usize = 1 << 14;

fuzz_target!(|data: &[u8]| {
    // The first byte says how often the rest is repeated, so that a few bytes can be a long piece.
    let Some((times, data)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(data);
    check(&text, data);
    let times = usize::from(*times) * 16;
    if times > 1 && text.len() * times <= LONGEST {
        check(&text.repeat(times), data);
    }
});

/// `seed` is what the text is cut by.
fn check(text: &str, seed: &[u8]) {
    for encoding in Encoding::ALL {
        let expect = reference(encoding).count_ordinary(text) as u64;
        assert_eq!(encoding.count(text), expect);
        let mut memory = Memory::new();
        let mut twice = || encoding.count_with(text, &mut memory);
        assert_eq!((twice(), twice()), (expect, expect));
        assert!(tokens::bounds(text.len()).contains(&expect));
        for limit in [0, expect / 3, expect.saturating_sub(1), expect, expect + 1, u64::MAX] {
            let found = if expect <= limit { UpTo::Exactly(expect) } else { UpTo::MoreThan(limit) };
            assert_eq!(encoding.count_up_to(text, limit), found);
            assert_eq!(encoding.count_up_to_with(text, limit, &mut memory), found);
            match encoding.bound_with(text, limit, limit, &mut memory) {
                Bound::Exactly(tokens) => assert_eq!(tokens, expect),
                Bound::AtMost(tokens) => assert!((expect..=limit).contains(&tokens)),
                Bound::MoreThan(_) => assert!(expect > limit),
            }
        }

        let mut counter = Counter::new(encoding);
        let mut counted = String::new();
        for (part, seed) in parts(text, seed).zip(seed.iter().cycle()) {
            counter.push_with(part, &mut memory);
            counted.push_str(part);
            if seed % 8 == 0 {
                assert_eq!(counter.count(), encoding.count(&counted));
            }
        }
        assert_eq!(counted, text);
        assert_eq!(counter.finish(), expect);
    }
}

fn reference(encoding: Encoding) -> &'static CoreBPE {
    match encoding {
        Encoding::O200kBase => tiktoken_rs::o200k_base_singleton(),
        Encoding::Cl100kBase => tiktoken_rs::cl100k_base_singleton(),
    }
}

/// The text in parts of as many characters as the bytes of the seed say, over and over; no byte, no cut.
fn parts<'a>(text: &'a str, seed: &'a [u8]) -> impl Iterator<Item = &'a str> {
    let mut rest = text;
    let mut lengths = seed.iter().rev().map(|byte| usize::from(*byte % 64) * 3 + 1).cycle();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let characters = lengths.next().unwrap_or(usize::MAX);
        let end = rest.char_indices().nth(characters).map_or(rest.len(), |(end, _)| end);
        let (part, after) = rest.split_at(end);
        rest = after;
        Some(part)
    })
}
