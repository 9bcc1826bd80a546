//! The numbers of a JSON text as they are written.
//!
//! serde_json hands a fraction over as a double, and two and a half cents are no double. So the text of each number is found a second time,
//! in the order of the document, which is the order in which the parser visits them.

/// The numbers of a text, in its order. What it yields of a text that is no JSON means nothing.
pub(crate) struct Numerals<'a>(&'a [u8]);

impl<'a> Numerals<'a> {
    pub(crate) const fn of(json: &'a [u8]) -> Self {
        Self(json)
    }
}

impl<'a> Iterator for Numerals<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let (first, after) = self.0.split_first()?;
            match first {
                b'"' => self.0 = after_string(after),
                b'-' | b'0'..=b'9' => {
                    let end = self.0.iter().position(|byte| !is_numeral(*byte)).unwrap_or(self.0.len());
                    let (numeral, after) = self.0.split_at(end);
                    self.0 = after;
                    return std::str::from_utf8(numeral).ok();
                }
                _ => self.0 = after,
            }
        }
    }
}

const fn is_numeral(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

/// What follows the string whose first quote has been read.
fn after_string(mut text: &[u8]) -> &[u8] {
    while let Some((first, after)) = text.split_first() {
        text = match first {
            b'"' => return after,
            b'\\' => after.split_first().map_or(after, |(_, after)| after),
            _ => after,
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Numerals;

    #[test]
    fn numbers_are_found_and_nothing_else() {
        let json =
            r#"{"a1": [2.50, -0, "3", "\"4\\", 1e-5], "5\u0036\"7": {"b": 8}, "é": null, "c":true,"d":90}"#;
        assert_eq!(Numerals::of(json.as_bytes()).collect::<Vec<_>>(), ["2.50", "-0", "1e-5", "8", "90"]);
    }

    #[test]
    fn what_is_no_json_ends_too() {
        for text in ["\"", "\"\\", "\"\\\"", "-", "1\"", "\"1\\"] {
            assert!(Numerals::of(text.as_bytes()).count() <= 1, "{text}");
        }
    }
}
