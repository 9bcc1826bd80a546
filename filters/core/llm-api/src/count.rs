//! A number of tokens as a provider reports it, whatever it reports.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, IgnoredAny},
};
use serde_json::value::RawValue;

use crate::Members;

/// Reads a count: a whole number; a fraction loses its fraction, and what is negative or no number at all counts
/// nothing. An odd count must never cost the client an answer that is otherwise good.
pub(crate) fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(Count)
}

/// Reads a count that may be absent: `null` is as good as absent, everything else as in [`lenient`].
pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    deserializer.deserialize_option(OptionalCount)
}

/// Reads usage that may be absent; what is none, or cannot be read, is absent.
pub(crate) fn report<'de, D: Deserializer<'de>, U: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<U>, D::Error> {
    let usage = Option::<&RawValue>::deserialize(deserializer)?;
    // An array is taken for a struct, too.
    let usage = usage.filter(|usage| usage.get().starts_with('{'));
    Ok(usage.and_then(|usage| serde_json::from_str(usage.get()).ok()))
}

/// A count as most are written, in digits; `None` where it takes a parser to say what it is, and where there is one already.
pub(crate) fn digits(into: &mut Option<u64>, members: &mut Members<'_>) -> Option<()> {
    let mut count = 0_u64;
    for byte in members.pass_over()? {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        count = count.checked_mul(10)?.checked_add(digit.into())?;
    }
    into.replace(count).is_none().then_some(())
}

struct OptionalCount;

impl<'de> de::Visitor<'de> for OptionalCount {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count or null")
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        lenient(deserializer).map(Some)
    }
}

struct Count;

impl<'de> de::Visitor<'de> for Count {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<u64, E> {
        Ok(count)
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<u64, E> {
        Ok(u64::try_from(count).unwrap_or(0))
    }

    fn visit_f64<E: de::Error>(self, count: f64) -> Result<u64, E> {
        // A float-to-integer cast saturates, and turns NaN into zero.
        Ok(count as u64)
    }

    fn visit_unit<E: de::Error>(self) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<u64, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(0)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<u64, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(0)
    }
}
