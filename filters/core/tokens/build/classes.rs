//! The class of every character, as the patterns of the two encodings tell them apart.

use regex_syntax::hir::{Class, HirKind};

/// The classes, later ones win; the numbers are those of `src/split/class.rs`.
const CLASSES: [(u8, &str); 7] = [
    (1, r"[\p{Lu}\p{Lt}]"),
    (2, r"\p{Ll}"),
    (3, r"[\p{Lm}\p{Lo}]"),
    (4, r"\p{M}"),
    (5, r"\p{N}"),
    (6, r"\s"),
    (7, r"[\r\n]"),
];

/// Code points of one block.
const BLOCK: usize = 128;

/// A two-stage table: the block of a code point, and the class of each in the block.
pub(crate) struct Classes {
    pub(crate) index: Vec<u8>,
    pub(crate) blocks: Vec<u8>,
}

impl Classes {
    pub(crate) fn new() -> Self {
        let mut all = vec![0; 0x11_0000];
        for (class, pattern) in CLASSES {
            let hir = regex_syntax::parse(pattern).expect("the pattern is valid");
            let HirKind::Class(Class::Unicode(set)) = hir.kind() else { panic!("{pattern} is no class") };
            for range in set.iter() {
                all[range.start() as usize..=range.end() as usize].fill(class);
            }
        }
        let mut seen: Vec<&[u8]> = Vec::new();
        let mut index = Vec::new();
        for block in all.chunks(BLOCK) {
            let at = seen.iter().position(|known| *known == block).unwrap_or_else(|| {
                seen.push(block);
                seen.len() - 1
            });
            index.push(u8::try_from(at).expect("at most 256 different blocks"));
        }
        Self { index, blocks: seen.concat() }
    }
}
