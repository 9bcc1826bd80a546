//! What a C library would do for bytes, where the C library is one of WebAssembly.

/// What follows that beginning, if the bytes have it. For a hundred bytes and more: the C library of a Wasm module compares one by one.
///
/// Sixteen at a time, of which the last ones may overlap those before.
pub(crate) fn behind<'a>(bytes: &'a [u8], beginning: &[u8]) -> Option<&'a [u8]> {
    let same =
        |some: &[u8; 16], others: &[u8; 16]| u128::from_ne_bytes(*some) == u128::from_ne_bytes(*others);
    let (bytes, rest) = bytes.split_at_checked(beginning.len())?;
    let equal = match (bytes.last_chunk(), beginning.last_chunk()) {
        (Some(last), Some(expected)) => {
            let ((chunks, _), (expected_chunks, _)) = (bytes.as_chunks(), beginning.as_chunks());
            same(last, expected)
                && chunks.iter().zip(expected_chunks).all(|(some, others)| same(some, others))
        }
        _ => bytes == beginning,
    };
    equal.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::behind;

    #[test]
    fn every_byte_of_a_beginning_counts() {
        let text: Vec<u8> = (0..80).collect();
        for length in 0..=text.len() {
            let (beginning, rest) = text.split_at(length);
            assert_eq!(behind(&text, beginning), Some(rest));
            assert_eq!(behind(beginning, &text), (length == text.len()).then_some(&[][..]));
            for at in 0..length {
                let mut other = text.clone();
                other[at] ^= 0x80;
                assert_eq!(behind(&other, beginning), None, "byte {at} of {length}");
            }
        }
    }
}
