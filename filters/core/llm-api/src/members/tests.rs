//! Beside a parser, on JSON, near JSON and no JSON.

use proptest::prelude::*;
use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Members, NotPlain};
use crate::Text;

fn members(object: &str) -> Result<Vec<(&str, &str)>, NotPlain> {
    let mut found = Vec::new();
    let mut members = Members::of(object.as_bytes());
    while let Some((key, value)) = members.next_member()? {
        found.push((std::str::from_utf8(key).unwrap(), std::str::from_utf8(value).unwrap()));
    }
    Ok(found)
}

/// What a parser says.
fn parsed(object: &str) -> Option<Vec<(String, &str)>> {
    struct Each;
    impl<'de> Visitor<'de> for Each {
        type Value = Vec<(String, &'de str)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = Vec::new();
            while let Some((key, value)) = map.next_entry::<Text<'de>, &RawValue>()? {
                found.push((key.to_string(), value.get()));
            }
            Ok(found)
        }
    }
    let mut parser = serde_json::Deserializer::from_str(object);
    parser.deserialize_map(Each).and_then(|found| parser.end().map(|()| found)).ok()
}

/// It agrees with a parser, but for keys with escapes.
fn check(object: &str) {
    match (members(object), parsed(object)) {
        (Ok(found), Some(parsed)) => {
            let parsed: Vec<_> = parsed.iter().map(|(key, value)| (key.as_str(), *value)).collect();
            assert_eq!(found, parsed, "{object}");
        }
        (Ok(found), None) => panic!("{object} is no JSON, but was read as {found:?}"),
        // The reader that follows is the parser, so this would only cost time: but it should not cost it for ordinary requests.
        (Err(NotPlain), Some(_)) => assert!(object.contains('\\'), "{object} is as plain as can be"),
        (Err(NotPlain), None) => {}
    }
}

#[test]
fn members_come_in_their_order_and_as_they_are_written() {
    let object = " {\"a\" : [1, {\"b\":\"}\"}, []] ,\n\"\": -0.5e+3,\"model\":\"a\\\"b\\u00e9\\\\\", \"n\":null,\"t\":{} }\t";
    let found = members(object).unwrap();
    let expected = [
        ("a", "[1, {\"b\":\"}\"}, []]"),
        ("", "-0.5e+3"),
        ("model", "\"a\\\"b\\u00e9\\\\\""),
        ("n", "null"),
        ("t", "{}"),
    ];
    assert_eq!(found, expected);
    assert_eq!(members("{}"), Ok(Vec::new()));
    assert_eq!(members("{\"mod\\u0065l\":1}"), Err(NotPlain), "a key with an escape is for a parser");
}

#[test]
fn the_rest_of_an_object_is_read_from_a_member_on() {
    let mut rest = Members::of_rest(b" \"b\":{},\"c\":2 } ");
    assert_eq!(rest.next_member(), Ok(Some((b"b".as_slice(), b"{}".as_slice()))));
    assert_eq!(rest.next_member(), Ok(Some((b"c".as_slice(), b"2".as_slice()))));
    assert_eq!(rest.next_member(), Ok(None));
    assert_eq!(rest.next_member(), Ok(None));
    for text in ["", "}", "{\"a\":1}", ",\"a\":1}", "\"a\":1", "\"a\":1}}", "\"a\":1]"] {
        let mut rest = Members::of_rest(text.as_bytes());
        let end = loop {
            match rest.next_member() {
                Ok(Some(_)) => {}
                end => break end,
            }
        };
        assert_eq!(end, Err(NotPlain), "{text}");
    }
}

#[test]
fn what_is_no_object_is_not_plain() {
    for text in [
        "",
        " ",
        "{",
        "}",
        "[]",
        "null",
        "{}{}",
        "{} x",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":[1,]}",
        "{\"a\":[1}",
        "{\"a\":{\"b\":1]}",
        "{\"a\":{\"b\"}}",
        "{\"a\":{,}}",
        "{\"a\":[,]}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":1e}",
        "{\"a\":1e+}",
        "{\"a\":-}",
        "{\"a\":+1}",
        "{\"a\":tru}",
        "{\"a\":nul}",
        "{\"a\":falsey}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\u123\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"a text of more than sixteen bytes and a tab\t\"}",
        "{\"a\":\"open}",
        "{\"a\":\"open\\\"}",
    ] {
        assert_eq!(members(text), Err(NotPlain), "{text:?}");
        check(text);
    }
}

#[test]
fn nesting_costs_no_stack() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    assert_eq!(members(&deep).unwrap().len(), 1);
}

#[test]
fn an_end_that_is_not_there_is_missed_at_every_place() {
    let object = r#"{"a":[1,{"b":"c\n"},true],"model":{"n":15e2}}"#;
    for (end, _) in object.char_indices() {
        let cut = object.get(..end).unwrap();
        assert_eq!(members(cut), Err(NotPlain), "{cut}");
    }
}

#[test]
fn every_mark_is_found_at_every_place() {
    for byte in 0..=u8::MAX {
        for length in 0..100 {
            let mut text = vec![byte; length];
            let expected = text.iter().position(|byte| super::is_mark(*byte));
            assert_eq!(super::mark(&text), expected);
            for around in [b'a', 0x80, 0xff, b'!', b'#', b'[', b']', b' '] {
                text.fill(around);
                assert_eq!(super::mark(&text), None);
                if let Some(last) = text.last_mut() {
                    *last = byte;
                    let expected = super::is_mark(byte).then(|| length - 1);
                    assert_eq!(super::mark(&text), expected, "{byte} behind {length} of {around}");
                }
            }
        }
    }
}

/// JSON, or nearly.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(&[
            "{", "}", "[", "]", ":", ",", "\"", "\\", " ", "\n", "\"a\"", "\"model\"", "\"\\u00e9\"", "\"\\n\"", "\"\u{1}\"", "1", "-0",
            "0.5", "1e9", "true", "false", "null", "é", "\"ééééééééééééééééééééé\"", "u12ab", "\"a\":1", "\"b\":[", "\"c\":{",
        ][..]).prop_map(str::to_owned),
        1 => "\\PC{0,20}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A JSON value of any kind, written with and without white space.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|it| it.to_string()),
        any::<i32>().prop_map(|it| it.to_string()),
        any::<f64>()
            .prop_filter("JSON has finite numbers", |it| it.is_finite())
            .prop_map(|it| format!("{it:e}")),
        any::<String>().prop_map(|it| serde_json::to_string(&it).unwrap()),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let key = "[a-z\"\\\\é]{0,20}".prop_map(|key| serde_json::to_string(&key).unwrap());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|it| format!("[{}]", it.join(" ,\n"))),
            prop::collection::vec((key, inner), 0..5).prop_map(|it| {
                let members: Vec<_> = it.iter().map(|(key, value)| format!("{key}:\t{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

#[test]
fn a_string_is_read_as_it_is_written() {
    for text in ["", "a", "a \\\"b\\\" \\\\", "\\u00e9 \\ud800", "é and more than sixteen bytes of text"] {
        let rest = format!("{text}\"}} \"");
        assert_eq!(super::written_string(rest.as_bytes()), Some((text.as_bytes(), b"} \"".as_slice())));
        assert!(serde_json::from_str::<&RawValue>(&format!("\"{text}\"")).is_ok(), "{text}");
        assert_eq!(super::written_string(text.as_bytes()), None, "{text} does not end");
    }
    for text in ["\n\"", "\\x\"", "\\u12g4\"", "\\\"", "\u{1f}\""] {
        assert_eq!(super::written_string(text.as_bytes()), None, "{text}");
        assert!(serde_json::from_str::<&RawValue>(&format!("\"{text}")).is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn it_reads_what_a_parser_reads(text in text()) {
        check(&text);
        check(&format!("{{{text}}}"));
    }

    #[test]
    fn it_reads_every_object(value in value()) {
        check(&value);
        check(&format!("{{\"messages\":{value},\"n\":1}}"));
    }
}
