//! Tests of JSON as the text that a model is shown.

use super::*;

#[test]
fn compact_drops_space_between_and_escapes_within() {
    for (json, expect) in [
        (r#"{"a":1}"#, r#"{"a":1}"#),
        ("{ \"a\" :\n\t[ 1 , 2 ] }", r#"{"a":[1,2]}"#),
        (r#"{"a b": "c  d"}"#, r#"{"a b":"c  d"}"#),
        (r#"["\u4e2d\n\/\"\\"]"#, "[\"中\n/\"\\\"]"),
        (r#"["\ud83d\ude00"]"#, "[\"😀\"]"),
        (r#"["\ud83d", "\ude00\ud83dx"]"#, "[\"\u{fffd}\",\"\u{fffd}\u{fffd}x\"]"),
    ] {
        assert_eq!(compact(json), expect, "{json}");
        assert!(compact(json).len() <= json.len());
    }
}

#[test]
fn compact_takes_what_is_no_json() {
    for text in ["", "\"", "\"\\", "\"\\u", "\"\\u12", "\"\\ud800\\u", "\\", " \"é\\é", "\"\\ud83d\\u00e"] {
        let _ = compact(text);
    }
}

#[test]
fn halves_of_pairs_are_replaced_where_they_are_alone() {
    assert_eq!(without_lone_surrogates(r#"["\ud83d\ude00","\\ud83d","\u00e9"]"#), None);
    for (json, expect) in [
        (r#"["\ud83d"]"#, r#"["\ufffd"]"#),
        (r#"["\ude00\ud83d\ude00"]"#, r#"["\ufffd\ud83d\ude00"]"#),
        (r#"["\\\ud83d\\"]"#, r#"["\\\ufffd\\"]"#),
        (r#"["\ud83d\n"]"#, r#"["\ufffd\n"]"#),
    ] {
        assert_eq!(without_lone_surrogates(json).as_deref(), Some(expect));
        assert_eq!(json.len(), expect.len());
    }
    for broken in ["\\", "\\u", "\\ud83", "\\ud83d\\", "\\u日本"] {
        let _ = without_lone_surrogates(broken);
    }
}
