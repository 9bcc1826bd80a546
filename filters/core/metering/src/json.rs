//! Reading JSON of whatever type stands somewhere, and the text that a piece of JSON is to a model.
//!
//! Two things shape it. A request that a provider would refuse is still counted, so no value is of a wrong type: each place says what
//! it does with strings, objects, arrays and scalars, and by default all of them are text. And a request may be nested as deep as it
//! is long: only levels that have a place of their own cost stack, everything else is a [`RawValue`], whose scanner does not recurse.

use std::{borrow::Cow, fmt};

use llm_api::Text;
use serde::{
    Deserializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess},
};
use serde_json::value::RawValue;

use crate::meter::Meter;

/// A place in a document, and what is done with the value that stands there.
pub(crate) trait Place<'de>: Sized {
    /// What counts the text here.
    fn meter(&mut self) -> &mut Meter;

    /// A string, without its escapes.
    fn string(mut self, text: &str) {
        self.meter().text(text);
    }

    /// An object.
    fn object<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        object_text(self.meter(), map)
    }

    /// An array.
    fn array<A: SeqAccess<'de>>(mut self, seq: A) -> Result<(), A::Error> {
        array_text(self.meter(), seq)
    }

    /// A number or a boolean, as JSON writes it.
    fn scalar(mut self, json: &str) {
        self.meter().text(json);
    }
}

/// Where text is expected, and whatever stands there is counted as text.
pub(crate) struct Plain<'m>(pub(crate) &'m mut Meter);

impl Place<'_> for Plain<'_> {
    fn meter(&mut self) -> &mut Meter {
        self.0
    }
}

/// Reads the value at a place.
pub(crate) struct At<P>(pub(crate) P);

impl<'de, P: Place<'de>> DeserializeSeed<'de> for At<P> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, P: Place<'de>> de::Visitor<'de> for At<P> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.0.string(text);
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.0.scalar(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.0.scalar(&value.to_string());
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.0.scalar(&value.to_string());
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        // Its digits are gone, and written out again it could be longer than it was. No text was expected to be a fraction.
        self.0.scalar("0");
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.0.object(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        self.0.array(seq)
    }
}

/// Counts an object's names and values as text.
pub(crate) fn object_text<'de, A: MapAccess<'de>>(meter: &mut Meter, mut map: A) -> Result<(), A::Error> {
    meter.estimate();
    while let Some(key) = map.next_key::<Text<'de>>()? {
        meter.text(&key);
        let value: &'de RawValue = map.next_value()?;
        meter.json(value.get());
        meter.go_on()?;
    }
    Ok(())
}

/// Counts an array's elements as text.
pub(crate) fn array_text<'de, A: SeqAccess<'de>>(meter: &mut Meter, mut seq: A) -> Result<(), A::Error> {
    meter.estimate();
    while let Some(element) = seq.next_element::<&'de RawValue>()? {
        meter.json(element.get());
        meter.go_on()?;
    }
    Ok(())
}

/// The string that a raw value is; none where it is none.
pub(crate) fn string(json: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(json.get()).ok().map(Text::into_cow)
}

/// What stands between the quotes of a string, escapes and all; none where it is no string.
pub(crate) fn inside(json: &RawValue) -> Option<&str> {
    json.get().strip_prefix('"')?.strip_suffix('"')
}

/// Whether it is `null`, which every API here takes for absent.
pub(crate) fn is_null(json: &RawValue) -> bool {
    json.get() == "null"
}

/// Whether it is an object.
pub(crate) fn is_object(json: &RawValue) -> bool {
    json.get().starts_with('{')
}

/// The members of an object, one by one; none where it is no object.
pub(crate) fn members<'a>(json: &'a RawValue, mut visit: impl FnMut(&str, &'a RawValue)) {
    struct Members<F>(F);

    impl<'de, F: FnMut(&str, &'de RawValue)> de::Visitor<'de> for Members<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<Text<'de>>()? {
                (self.0)(&key, map.next_value()?);
            }
            Ok(())
        }
    }

    if is_object(json) {
        // A member that cannot be read ends the walk: what came before it has been seen, and the provider refuses the rest.
        let _ = serde_json::Deserializer::from_str(json.get()).deserialize_map(Members(&mut visit));
    }
}

/// The elements of an array; none where it is no array.
pub(crate) fn elements(json: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(json.get()).unwrap_or_default()
}

/// JSON as a model is shown it: without white space between its parts, and without escapes in its strings.
///
/// How a client wrote it makes no difference then. Never longer than it was. The text must be JSON.
pub(crate) fn compact(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    if memchr::memchr2(b'\\', b' ', bytes).is_none() && memchr::memchr3(b'\n', b'\t', b'\r', bytes).is_none()
    {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((between, string)) = rest.split_once('"') {
        push_between(&mut out, between);
        out.push('"');
        rest = push_string(&mut out, string);
    }
    push_between(&mut out, rest);
    Cow::Owned(out)
}

fn push_between(out: &mut String, between: &str) {
    out.extend(between.split_ascii_whitespace());
}

/// Copies a string up to and with its closing quote, and returns what follows.
fn push_string<'a>(out: &mut String, mut rest: &'a str) -> &'a str {
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest.as_bytes()) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = special.chars();
        if chars.next() == Some('"') {
            out.push('"');
            return chars.as_str();
        }
        rest = push_escape(out, chars.as_str());
    }
    out.push_str(rest);
    ""
}

/// Copies what an escape stands for; `rest` begins behind its backslash.
fn push_escape<'a>(out: &mut String, rest: &'a str) -> &'a str {
    let mut chars = rest.chars();
    match chars.next() {
        Some('n') => out.push('\n'),
        Some('t') => out.push('\t'),
        Some('r') => out.push('\r'),
        Some('b') => out.push('\u{8}'),
        Some('f') => out.push('\u{c}'),
        Some('u') => {
            let (unit, rest) = code_unit(chars.as_str());
            if let Some(low) = rest.strip_prefix("\\u").filter(|_| (0xd800..0xdc00).contains(&unit)) {
                let (low, after) = code_unit(low);
                if let Some(Ok(character)) = char::decode_utf16([unit, low]).next() {
                    out.push(character);
                    return after;
                }
            }
            out.push(char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER));
            return rest;
        }
        Some(other) => out.push(other),
        None => {}
    }
    chars.as_str()
}

/// Four hexadecimal digits, and what follows them.
fn code_unit(rest: &str) -> (u16, &str) {
    match rest.split_at_checked(4) {
        Some((digits, rest)) => (u16::from_str_radix(digits, 16).unwrap_or(0xfffd), rest),
        None => (0xfffd, ""),
    }
}

/// The document with each escaped half of a surrogate pair replaced by U+FFFD, as tokenizers read it; none where it has none.
///
/// Some clients cut a string between the halves. serde takes no such string, but some providers do.
pub(crate) fn without_lone_surrogates(json: &str) -> Option<String> {
    let mut out = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = json.as_bytes().get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        at = at.saturating_add(found);
        let unit_at = |at: usize| {
            let digits = json.get(at..)?.strip_prefix("\\u")?.get(..4)?;
            u16::from_str_radix(digits, 16).ok()
        };
        let Some(unit) = unit_at(at) else {
            at = at.saturating_add(2);
            continue;
        };
        let next = at.saturating_add(6);
        at = match unit {
            0xd800..0xdc00 if unit_at(next).is_some_and(|low| (0xdc00..0xe000).contains(&low)) => {
                next.saturating_add(6)
            }
            0xd800..0xe000 => {
                out.push_str(json.get(copied..at)?);
                out.push_str("\\ufffd");
                copied = next;
                next
            }
            _ => next,
        };
    }
    if copied == 0 {
        return None;
    }
    out.push_str(json.get(copied..)?);
    Some(out)
}

#[cfg(test)]
mod tests;
