//! Passing over JSON: what it says of an object's members is what a parser says, and it says nothing where that is not so.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_api::{Members, openai};
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert_eq!(openai::Usage::read(data), serde_json::from_str(text).ok());

    let mut found = Vec::new();
    let mut members = Members::of(data);
    let whole = loop {
        match members.next_member() {
            Ok(Some(member)) => found.push(member),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    match parsed(text) {
        Some(parsed) if whole => {
            let parsed: Vec<_> =
                parsed.iter().map(|(key, value)| (key.as_bytes(), value.get().as_bytes())).collect();
            assert_eq!(found, parsed);
        }
        Some(_) => assert!(text.contains('\\'), "only a key with an escape is left to a parser"),
        None => assert!(!whole, "that is no JSON"),
    }
});

/// The members as a parser has them.
fn parsed(text: &str) -> Option<Vec<(String, &RawValue)>> {
    struct Each;
    impl<'de> Visitor<'de> for Each {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = Vec::new();
            while let Some(member) = map.next_entry()? {
                found.push(member);
            }
            Ok(found)
        }
    }
    let mut parser = serde_json::Deserializer::from_str(text);
    parser.deserialize_map(Each).and_then(|found| parser.end().map(|()| found)).ok()
}
