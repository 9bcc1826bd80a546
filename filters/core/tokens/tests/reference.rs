//! Both encodings against tiktoken-rs, from which their vocabularies come, on texts made to find where hand-written rules differ from the
//! regular expressions.
//!
//! A million random texts, some minutes: `cargo test --release -p tokens --test reference -- --ignored`

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "what cannot be in a test fails it"
)]

use corpora::{Corpus, Random};
use proptest::prelude::*;
use tiktoken_rs::CoreBPE;
use tokens::{Bound, Counter, Encoding, Memory, UpTo};

/// What the expressions tell apart, and what looks as if they did.
const PARTS: &[&str] = &[
    "a",
    "b",
    "s",
    "t",
    "re",
    "LL",
    "Ve",
    "the",
    " the",
    "'",
    "'s",
    "'S",
    "'ſ",
    "'t",
    "'ll",
    "'LL",
    "'r",
    "ſ",
    "K",
    "A",
    "B",
    "X",
    "ǅ",
    "ʰ",
    "ˠ",
    "中",
    "文",
    "ก",
    "ا",
    "\u{301}",
    "\u{93e}",
    "\u{20dd}",
    "0",
    "1",
    "23",
    "٣",
    "Ⅷ",
    "½",
    "५",
    "𝟘",
    " ",
    "  ",
    "     ",
    "\t",
    "\u{b}",
    "\u{c}",
    "\u{85}",
    "\u{a0}",
    "\u{3000}",
    "\u{2028}",
    "\u{200b}",
    "\u{feff}",
    "\r",
    "\n",
    "\r\n",
    "\n\n",
    "/",
    "//",
    "!",
    "?",
    ".",
    ",",
    "-",
    "_",
    "—",
    "’",
    "“",
    "<|endoftext|>",
    "<|fim_prefix|>",
    "<|im_start|>",
    "😀",
    "👩\u{200d}💻",
    "🇩",
    "é",
    "É",
    "ß",
    "İ",
    "µ",
    "ª",
    "\u{0}",
    "\u{e000}",
    "\u{378}",
    "\u{10ffff}",
    "한",
    "が",
    "ﬁ",
];

fn reference(encoding: Encoding) -> &'static CoreBPE {
    match encoding {
        Encoding::O200kBase => tiktoken_rs::o200k_base_singleton(),
        Encoding::Cl100kBase => tiktoken_rs::cl100k_base_singleton(),
    }
}

/// Counts a text in every way there is; all agree with the reference.
fn check(text: &str) {
    for encoding in Encoding::ALL {
        let expect = reference(encoding).count_ordinary(text) as u64;
        let name = encoding.name();
        assert_eq!(encoding.count(text), expect, "{name} of {text:?}");
        let mut memory = Memory::new();
        let mut twice = || encoding.count_with(text, &mut memory);
        assert_eq!((twice(), twice()), (expect, expect), "{name} of {text:?}");
        assert!(tokens::bounds(text.len()).contains(&expect));
        assert_eq!(encoding.count_up_to(text, expect), UpTo::Exactly(expect), "{name} of {text:?}");
        if expect > 0 {
            for limit in [0, expect / 2, expect - 1] {
                assert_eq!(encoding.count_up_to(text, limit), UpTo::MoreThan(limit), "{name} of {text:?}");
                let remembered = encoding.count_up_to_with(text, limit, &mut memory);
                assert_eq!(remembered, UpTo::MoreThan(limit), "{name} of {text:?}");
            }
        }
        for enough in [0, expect / 2, expect, expect * 2] {
            for limit in [expect / 2, expect, expect * 3, u64::MAX] {
                check_bound(text, encoding, [expect, enough, limit], &mut memory);
            }
        }
    }
}

fn check_bound(text: &str, encoding: Encoding, [expect, enough, limit]: [u64; 3], memory: &mut Memory) {
    let bytes = text.len() as u64;
    let is_right = match encoding.bound_with(text, enough, limit, memory) {
        Bound::Exactly(tokens) => tokens == expect && tokens <= limit,
        Bound::AtMost(tokens) => (expect..=enough.min(bytes)).contains(&tokens),
        Bound::MoreThan(tokens) => tokens == limit && expect > limit,
    };
    assert!(is_right, "{} of {text:?}: enough {enough}, limit {limit}", encoding.name());
}

/// Counts a text in parts; after each, it is the count of what came so far.
fn check_parts(text: &str, ends: impl IntoIterator<Item = usize>) {
    let mut ends: Vec<usize> = ends.into_iter().filter(|end| text.is_char_boundary(*end)).collect();
    ends.sort_unstable();
    for encoding in Encoding::ALL {
        let (mut counter, mut with_memory) = (Counter::new(encoding), Counter::new(encoding));
        let mut memory = Memory::new();
        let mut start = 0;
        for end in ends.iter().copied().chain([text.len()]) {
            counter.push(&text[start..end]);
            with_memory.push_with(&text[start..end], &mut memory);
            start = end;
            let expect = encoding.count(&text[..end]);
            let counts = [counter.count(), with_memory.count(), with_memory.count_with(&mut memory)];
            assert_eq!(counts, [expect; 3], "{} of {:?}", encoding.name(), &text[..end]);
        }
        assert_eq!(counter.finish(), encoding.count(text));
    }
}

/// A text of parts, of characters of all planes, or of a corpus.
fn random_text(random: &mut Random, corpora: &[String]) -> String {
    match random.below(4) {
        0 => {
            // From a few parts only, so that they meet themselves.
            let few: Vec<&str> = (0..1 + random.below(6)).map(|_| part(random)).collect();
            (0..random.below(24)).map(|_| few[random.below(few.len() as u64) as usize]).collect()
        }
        1 => (0..random.below(16)).map(|_| part(random)).collect(),
        2 => (0..random.below(12)).filter_map(|_| character(random)).collect(),
        _ => {
            let corpus = &corpora[random.below(corpora.len() as u64) as usize];
            let start = random.below(corpus.len() as u64) as usize;
            let skipped = corpus.bytes().skip(start).take_while(|byte| byte & 0xC0 == 0x80).count();
            corpus[start + skipped..].chars().take(random.below(120) as usize).collect()
        }
    }
}

fn part(random: &mut Random) -> &'static str {
    PARTS[random.below(PARTS.len() as u64) as usize]
}

fn character(random: &mut Random) -> Option<char> {
    let below = [0x80, 0x800, 0x1_0000, 0x11_0000][random.below(4) as usize];
    char::from_u32(random.below(below) as u32)
}

fn check_random(seed: u64, texts: u32) {
    let corpora: Vec<String> = Corpus::ALL.iter().map(|corpus| corpus.text()).collect();
    let mut random = Random::new(seed);
    for _ in 0..texts {
        check(&random_text(&mut random, &corpora));
    }
}

#[test]
fn twenty_thousand_random_texts() {
    check_random(1, 20_000);
}

#[test]
#[ignore = "takes minutes: the command is at the top of this file"]
fn a_million_random_texts() {
    check_random(2, 1_000_000);
}

#[test]
fn what_is_remembered_changes_no_count() {
    for encoding in Encoding::ALL {
        let mut memory = Memory::new();
        for corpus in Corpus::ALL {
            let text = corpus.text();
            let expect = encoding.count(&text);
            let mut count = || encoding.count_with(&text, &mut memory);
            assert_eq!((count(), count()), (expect, expect), "{}", corpus.name());
        }
    }
}

#[test]
fn special_tokens_are_text() {
    for encoding in Encoding::ALL {
        for text in ["<|endoftext|>", "<|endofprompt|>", "<|fim_prefix|>x<|fim_suffix|>", "<|im_start|>"] {
            assert!(encoding.count(text) >= 5, "{text}");
            check(text);
        }
    }
}

/// One piece of up to a megabyte: the reference survives these, other than some that consist of blanks alone.
#[test]
fn long_pieces() {
    let mut random = Random::new(3);
    for len in [30, 64, 65, 200, 256, 257, 1000, 1024, 1025, 1100, 2000, 5000, 20_000] {
        let mut of = |set: &[char]| -> String {
            (0..len).map(|_| set[random.below(set.len() as u64) as usize]).collect()
        };
        let lower: Vec<char> = ('a'..='z').collect();
        let upper: Vec<char> = ('A'..='Z').collect();
        let ideographs: Vec<char> = ('\u{4e00}'..'\u{9fff}').collect();
        for set in [
            lower.as_slice(),
            upper.as_slice(),
            ideographs.as_slice(),
            &['a'],
            &['中'],
            &['^'],
            &[' '],
            &['\n'],
            &['\u{3000}'],
            &[' ', '\n', '\t'],
            &[' ', '\u{a0}', '\u{3000}', '\u{2028}', '\u{b}'],
            &['-', '=', '*', '#', '/'],
            &['A', 'Q', 'X', '中'],
            &['\u{301}', '\u{93e}'],
        ] {
            let text = of(set);
            check(&text);
            check(&format!("x {text}y"));
            check_parts(&text, (0..text.len()).step_by(97));
        }
    }
    let word: String = (0..1_000_000).map(|_| random.letter()).collect();
    for encoding in Encoding::ALL {
        assert_eq!(encoding.count(&word), reference(encoding).count_ordinary(&word) as u64);
    }
}

/// Pieces that the end of the text, or what comes thousands of characters later, decides upon.
#[test]
fn long_pieces_that_end_late() {
    let capitals = "QXZWKJ".repeat(400);
    let blanks = " \t".repeat(1200);
    for text in [
        format!("A中{capitals}"),
        format!("A中{capitals}b"),
        format!("A中{capitals}中{capitals} x"),
        format!("A中{capitals}'s"),
        format!("A中{capitals}'ſx"),
        format!("{capitals}'ll"),
        format!("{capitals}\u{301}"),
        format!("-{capitals}中'r"),
        format!("a{blanks}"),
        format!("a\n{blanks}"),
        format!("a\n{blanks}b"),
        format!("a\n{blanks}\n{blanks}\u{3000}!"),
        format!("\r\n{blanks}\u{2028}"),
        format!("{blanks}{blanks}1"),
        format!("{}\n{}", "!".repeat(3000), "/\n".repeat(900)),
        format!("{}n't", "q".repeat(2000)),
        format!("{}'re", "é".repeat(2000)),
        format!("{}'rX", "é".repeat(2000)),
    ] {
        check(&text);
        for step in [1, 7, 500, 1024, 1500] {
            let near_end = text.len() - 8..text.len();
            check_parts(
                &text,
                (0..text.len()).step_by(step).filter(|at| step > 1 || at % 211 == 0).chain(near_end),
            );
        }
        // Bytes one at a time, counted at the end alone.
        for encoding in Encoding::ALL {
            let mut counter = Counter::new(encoding);
            text.chars().for_each(|character| counter.push(character.encode_utf8(&mut [0; 4])));
            assert_eq!(counter.finish(), encoding.count(&text));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn parts_of_all_kinds(parts in prop::collection::vec(prop::sample::select(PARTS), 0..40)) {
        check(&parts.concat());
    }

    #[test]
    fn every_split_of_short_texts(parts in prop::collection::vec(prop::sample::select(PARTS), 0..8)) {
        let text = parts.concat();
        for cut in 0..=text.len() {
            check_parts(&text, [cut]);
        }
        check_parts(&text, 0..text.len());
    }

    #[test]
    fn runs_in_parts(
        runs in prop::collection::vec((prop::sample::select(PARTS), 1..900_usize), 1..6),
        ends in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let text: String = runs.iter().map(|(part, times)| part.repeat(*times)).collect();
        check_parts(&text, ends.iter().map(|end| end.index(text.len())));
    }
}
