//! Text, counted piece by piece as it is read.

use std::io::BufRead;
use std::str;

use metering::{Completion, Family, Memory, Said};

use super::{Counted, Refused};

/// Counts a text to its end. At most one character that was cut in two is kept from one piece to the next.
pub(super) fn count(family: &Family, input: &mut dyn BufRead) -> Result<Counted, Refused> {
    // A model's answer is text without any framing, and its count takes pieces: what is wanted here.
    let mut count = Completion::new(family, &Memory::default());
    let mut pending = Vec::new();
    let mut before: u64 = 0;
    loop {
        let read = input.fill_buf().map_err(Refused::Unreadable)?;
        let (length, ended) = (read.len(), read.is_empty());
        pending.extend_from_slice(read);
        input.consume(length);
        let valid = match str::from_utf8(&pending) {
            Ok(text) => {
                count.push(0, Said::Text, text);
                pending.len()
            }
            Err(error) if error.error_len().is_none() && !ended => {
                let valid = pending.get(..error.valid_up_to()).and_then(|valid| str::from_utf8(valid).ok());
                let text = valid.unwrap_or_default();
                count.push(0, Said::Text, text);
                text.len()
            }
            Err(error) => {
                let valid_up_to = before.saturating_add(error.valid_up_to() as u64);
                return Err(Refused::NotUtf8 { valid_up_to });
            }
        };
        pending.drain(..valid);
        before = before.saturating_add(valid as u64);
        if ended {
            let generated = count.generated();
            return Ok(Counted { tokens: generated.tokens(), source: generated.source, uncharged: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use metering::Families;

    use super::*;

    fn counted(bytes: &[u8], chunk: usize) -> Result<u64, String> {
        let families = Families::default();
        let mut input = BufReader::with_capacity(chunk, bytes);
        match count(families.of("gpt-4o"), &mut input) {
            Ok(counted) => Ok(counted.tokens),
            Err(refused) => Err(refused.to_string()),
        }
    }

    #[test]
    fn pieces_may_cut_a_character() {
        let text = "na\u{ef}ve caf\u{e9} \u{4e2d}\u{6587} \u{1f680}\u{1f680} end".as_bytes();
        let whole = counted(text, 1024).unwrap();
        assert!(whole > 5);
        for chunk in 1..8 {
            assert_eq!(counted(text, chunk), Ok(whole), "{chunk}");
        }
    }

    #[test]
    fn what_is_not_utf8_is_refused_where_it_is() {
        for chunk in [1, 2, 3, 1024] {
            for (bytes, at) in [(&b"abc\xff def"[..], 3), (b"ab\xe4\xb8", 2), (b"\xf0\x9f\x9a\x80\x80", 4)] {
                assert_eq!(counted(bytes, chunk), Err(format!("not UTF-8 at byte {at}")));
            }
        }
        assert_eq!(counted(b"", 8), Ok(0));
    }
}
