//! What kinds of text a text is made of, told from its bytes.

/// Bytes of each kind. Additive: of a text in pieces it is the same as of the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mix {
    /// ASCII, the next included.
    ascii: u64,
    /// ASCII that prose has little of and program text much.
    symbols: u64,
    pub(crate) cjk: u64,
    /// What belongs to other scripts.
    pub(crate) other: u64,
}

/// One symbol in so many bytes makes ASCII wholly program text. Prose has one in some eighty, program text and JSON one in ten.
const BYTES_PER_SYMBOL: u64 = 10;

impl Mix {
    pub(crate) fn of(text: &str) -> Self {
        let mut mix = Self::default();
        mix.add(text);
        mix
    }

    pub(crate) fn add(&mut self, text: &str) {
        let (mut ascii, mut symbols, mut cjk_leads, mut other_leads) = (0_u64, 0_u64, 0_u64, 0_u64);
        for chunk in text.as_bytes().chunks(CHUNK) {
            let sums = chunk.iter().fold(0_u64, |sums, byte| {
                sums.wrapping_add(KINDS.get(usize::from(*byte)).copied().unwrap_or_default())
            });
            ascii = ascii.saturating_add(sums & LANE);
            symbols = symbols.saturating_add(sums >> 16 & LANE);
            cjk_leads = cjk_leads.saturating_add(sums >> 32 & LANE);
            other_leads = other_leads.saturating_add(sums >> 48 & LANE);
        }
        let counted = [ascii, symbols, cjk_leads, other_leads].into_iter().fold(0, u64::saturating_add);
        let continuations = (text.len() as u64).saturating_sub(counted);
        // A character of CJK has two continuation bytes; what is left of them belongs to the other scripts.
        let cjk = cjk_leads.saturating_mul(3).min(cjk_leads.saturating_add(continuations));
        let other = (text.len() as u64).saturating_sub(ascii.saturating_add(symbols).saturating_add(cjk));
        self.ascii = self.ascii.saturating_add(ascii).saturating_add(symbols);
        self.symbols = self.symbols.saturating_add(symbols);
        self.cjk = self.cjk.saturating_add(cjk);
        self.other = self.other.saturating_add(other);
    }

    /// ASCII that is program text.
    pub(crate) fn code(&self) -> u64 {
        self.symbols.saturating_mul(BYTES_PER_SYMBOL).min(self.ascii)
    }

    /// ASCII that is not.
    pub(crate) fn latin(&self) -> u64 {
        self.ascii.saturating_sub(self.code())
    }

    /// All bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.ascii.saturating_add(self.cjk).saturating_add(self.other)
    }
}

/// A counter, four of which are added up at once.
const LANE: u64 = 0xffff;

/// Bytes that no counter overflows by.
const CHUNK: usize = 0xffff;

/// For each byte a one in the counter of its kind.
#[expect(clippy::indexing_slicing, reason = "computed by the compiler, which would refuse it")]
const KINDS: [u64; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0_u8;
    loop {
        kinds[byte as usize] = kind(byte);
        if byte == u8::MAX {
            break kinds;
        }
        byte += 1;
    }
};

/// The counter of a byte: plain ASCII, symbols, beginnings of ideographs and the like, beginnings of other characters. Continuation bytes
/// have none.
const fn kind(byte: u8) -> u64 {
    match byte {
        b'{' | b'}' | b'[' | b']' | b'(' | b')' | b'<' | b'>' | b'=' | b';' | b'_' | b'/' | b'\\' | b'|'
        | b'&' | b'*' | b'+' | b'#' | b'@' | b'$' | b'%' | b'^' | b'~' | b'`' | b'"' | b':' => 1 << 16,
        0x00..0x80 => 1,
        0x80..0xc0 => 0,
        // U+3000 to U+DFFF: ideographs, kana, hangul.
        0xe3..=0xed => 1 << 32,
        _ => 1 << 48,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_of_one_kind_each() {
        for (text, [latin, code, cjk, other]) in [
            ("", [0; 4]),
            ("plain words", [11, 0, 0, 0]),
            ("{}", [0, 2, 0, 0]),
            ("a{b} c d e f g h i j k", [2, 20, 0, 0]),
            ("中文", [0, 0, 6, 0]),
            ("한글 かな", [1, 0, 12, 0]),
            ("привет", [0, 0, 0, 12]),
            ("né 中", [2, 0, 3, 2]),
            ("😀", [0, 0, 0, 4]),
        ] {
            let mix = Mix::of(text);
            assert_eq!([mix.latin(), mix.code(), mix.cjk, mix.other], [latin, code, cjk, other], "{text}");
            assert_eq!(mix.bytes(), text.len() as u64);
        }
    }

    #[test]
    fn pieces_add_up_and_counters_do_not_overflow() {
        let text = "word {x} 中 é".repeat(40_000);
        let mut pieces = Mix::default();
        text.split_inclusive(' ').for_each(|piece| pieces.add(piece));
        assert_eq!(pieces, Mix::of(&text));
        assert_eq!(pieces.bytes(), text.len() as u64);
    }
}
