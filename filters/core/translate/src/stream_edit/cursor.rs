//! Where in a JSON object a member's value lies, found without parsing the rest.

use std::ops::Range;

/// The bytes of the value at that path of keys, in an object that may end too early: whatever comes after the value is not looked at, so
/// it is not known to be JSON.
///
/// Keys are compared as they are written. One that spells a letter as an escape (`"mod\u0065l"`) is not found: no server writes its own
/// field names so, and to unescape every key would cost each event for nothing. Of members with the same key the first counts.
pub(super) fn find(object: &[u8], path: &[&str]) -> Option<Range<usize>> {
    let mut cursor = Cursor { bytes: object, at: 0 };
    for key in path {
        cursor.enter_member(key.as_bytes())?;
    }
    cursor.value()
}

/// The same, if the value is a string; its quotes included.
pub(super) fn find_string(object: &[u8], path: &[&str]) -> Option<Range<usize>> {
    find(object, path).filter(|span| object.get(span.start) == Some(&b'"'))
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its value.
    pub(super) value: Range<usize>,
    /// What has to go for the object to be the same without it: the key, the value, and one of the commas beside them.
    pub(super) whole: Range<usize>,
}

/// The member of that key, of an object that may end too early behind it.
pub(super) fn find_member(object: &[u8], key: &str) -> Option<Member> {
    let mut cursor = Cursor { bytes: object, at: 0 };
    cursor.take(b'{')?;
    let mut comma = None;
    loop {
        let found = cursor.string()?;
        cursor.take(b':')?;
        let value = cursor.value()?;
        if cursor.inside(&found) == Some(key.as_bytes()) {
            let whole = match comma {
                Some(comma) => comma..value.end,
                None if cursor.take(b',').is_some() => found.start..cursor.at,
                None => found.start..value.end,
            };
            return Some(Member { value, whole });
        }
        cursor.peek()?;
        comma = Some(cursor.at);
        cursor.take(b',')?;
    }
}

/// A place in JSON text. Its steps fail at the end of the text and where the text is plainly no JSON; nesting costs no stack.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// From before an object to the value of its member of that key.
    fn enter_member(&mut self, key: &[u8]) -> Option<()> {
        self.take(b'{')?;
        loop {
            let found = self.string()?;
            self.take(b':')?;
            if self.inside(&found) == Some(key) {
                return Some(());
            }
            self.value()?;
            self.take(b',')?;
        }
    }

    /// Over a value of any kind.
    fn value(&mut self) -> Option<Range<usize>> {
        match self.peek()? {
            b'"' => self.string(),
            b'{' | b'[' => self.container(),
            _ => self.scalar(),
        }
    }

    /// Over a string; its quotes are part of the span.
    fn string(&mut self) -> Option<Range<usize>> {
        self.take(b'"')?;
        let start = self.at.checked_sub(1)?;
        loop {
            let rest = self.bytes.get(self.at..)?;
            let at = memchr::memchr2(b'"', b'\\', rest)?;
            let escaped = rest.get(at) == Some(&b'\\');
            self.at = self.at.checked_add(at)?.checked_add(if escaped { 2 } else { 1 })?;
            if !escaped {
                return Some(start..self.at);
            }
        }
    }

    /// Over an object or an array, by counting what opens and closes outside of strings.
    fn container(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.bytes.get(self.at)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth = depth.checked_add(1)?,
                b'}' | b']' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            self.at = self.at.checked_add(1)?;
            if depth == 0 {
                return Some(start..self.at);
            }
        }
    }

    /// Over a number or a literal, which something must follow: `1` at the end of a cut text may be the beginning of `15`.
    fn scalar(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let rest = self.bytes.get(start..)?;
        let length =
            rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace())?;
        self.at = start.checked_add(length)?;
        (length > 0).then_some(start..self.at)
    }

    /// Over that byte, and the whitespace before it.
    fn take(&mut self, expected: u8) -> Option<()> {
        (self.peek()? == expected).then_some(())?;
        self.at = self.at.checked_add(1)?;
        Some(())
    }

    /// The next byte that is not whitespace, where the cursor then is.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at = self.at.checked_add(1)?;
        }
    }

    /// What is between a string's quotes.
    fn inside(&self, string: &Range<usize>) -> Option<&'a [u8]> {
        match self.bytes.get(string.clone())? {
            [b'"', inside @ .., b'"'] => Some(inside),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(object: &str, path: &[&str], expect: Option<&str>) {
        let found = find(object.as_bytes(), path).map(|span| &object.as_bytes()[span]);
        assert_eq!(found, expect.map(str::as_bytes), "{object}");
    }

    #[test]
    fn a_member_is_found_at_its_own_depth_only() {
        check(r#"{"a":{"model":1},"b":["model",{"model":2}],"model":"m","c":3}"#, &["model"], Some(r#""m""#));
        check(r#" { "s" : "\"model\":\"x\"" , "model" : null } "#, &["model"], Some("null"));
        check(r#"{"message":{"x":{"model":1},"model":"m"}}"#, &["message", "model"], Some(r#""m""#));
        check(r#"{"message":"model","model":"m"}"#, &["message", "model"], None);
        check(r#"{"a":"model"}"#, &["model"], None);
        check(r#"{"model":"a","model":"b"}"#, &["model"], Some(r#""a""#));
        check(r#"{"mod\u0065l":"a","model":"b"}"#, &["model"], Some(r#""b""#));
        check(r#"{"model":"a\"b\\"}"#, &["model"], Some(r#""a\"b\\""#));
    }

    #[test]
    fn a_member_goes_with_one_of_its_commas() {
        for (object, rest) in [
            (r#"{"u":1,"a":2}"#, r#"{"a":2}"#),
            (r#"{"a":2 , "u" : {"u":[1]} }"#, r#"{"a":2  }"#),
            (r#"{"a":",\"u\":1","u":null,"b":3}"#, r#"{"a":",\"u\":1","b":3}"#),
            (r#"{"u":1}"#, "{}"),
            (r#"{"a":{"u":1}}"#, r#"{"a":{"u":1}}"#),
        ] {
            let mut bytes = object.as_bytes().to_vec();
            if let Some(member) = find_member(&bytes, "u") {
                bytes.drain(member.whole);
            }
            assert_eq!(std::str::from_utf8(&bytes).unwrap(), rest);
        }
        assert_eq!(find_member(b"{\"u\":1", "u"), None, "its value may go on");
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for text in [
            "",
            "[DONE]",
            "null",
            "{",
            "{}",
            "[{\"model\":1}]",
            "\"model\"",
            "{model:1}",
            "{\"a\" \"model\":1}",
            "{\"a\":}]",
            "{\"a\":,\"model\":1}",
        ] {
            check(text, &["model"], None);
        }
    }

    #[test]
    fn a_cut_value_is_not_found() {
        let object = r#"{"id":[1,"2"],"model":{"n":15}}"#;
        let (last, _) = object.char_indices().next_back().unwrap();
        for (end, _) in object.char_indices() {
            check(object.get(..end).unwrap(), &["model"], (end == last).then_some(r#"{"n":15}"#));
        }
        check(r#"{"model":1"#, &["model"], None);
    }

    #[test]
    fn nesting_costs_no_stack() {
        let deep = format!(r#"{{"a":{}{},"model":1}}"#, "[".repeat(1 << 20), "]".repeat(1 << 20));
        check(&deep, &["model"], Some("1"));
    }
}
