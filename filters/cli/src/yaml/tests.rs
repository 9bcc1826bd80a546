//! What is written is what is read back, whatever it is.

use proptest::prelude::*;

use super::*;

/// What a YAML reader makes of a document with that value under `k`.
fn read_back(value: Yaml) -> serde_json::Value {
    let text = document("heading", Map::new().with("before", 1).with("k", value).with("after", "x"));
    let read: serde_json::Value =
        serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(read["before"], 1, "{text}");
    assert_eq!(read["after"], "x", "{text}");
    assert_eq!(read.as_object().unwrap().len(), 3, "{text}");
    read["k"].clone()
}

#[test]
fn words_that_yaml_takes_for_something_else_stay_text() {
    for text in [
        "",
        " ",
        "yes",
        "No",
        "on",
        "OFF",
        "true",
        "null",
        "~",
        "y",
        "n",
        "1",
        "0x1f",
        "1e3",
        ".inf",
        ".nan",
        "1:30",
        "2001-01-01",
        "-",
        "- a",
        "? a",
        "a: b",
        "a #b",
        "#a",
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "`a",
        "{a",
        "[a",
        "a]",
        "a, b",
        "|",
        ">",
        "'a'",
        "\"a\"",
        "\\",
        "\\n",
        "a\nb",
        "\n",
        "a\r\nb",
        "\t",
        "a\t",
        " a",
        "a ",
        "---",
        "...",
        "\u{0}",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{ffff}",
        "ü",
        "\u{1f600}",
        "=",
        "<<",
    ] {
        assert_eq!(read_back(Yaml::from(text)), text);
        assert_eq!(read_back(Yaml::Block(text.to_owned())), text);
    }
}

#[test]
fn scalars_read_as_what_they_are() {
    assert_eq!(read_back(Yaml::from(true)), true);
    assert_eq!(read_back(Yaml::from(42)), 42);
    assert_eq!(read_back(Yaml::from(Duration::from_millis(25))), "0.025s");
    assert_eq!(read_back(Yaml::from(Duration::from_millis(1_500))), "1.5s");
    assert_eq!(read_back(Yaml::from(Duration::from_secs(300))), "300s");
    assert_eq!(read_back(Map::new().into()), serde_json::json!({}));
    assert_eq!(read_back(List::new().into()), serde_json::json!([]));
}

#[test]
fn a_document_reads_like_one_that_a_person_wrote() {
    let inner = Map::new().why("Why a.").with("a", "x").with("b", Map::new().with("c", 1).inline());
    let root = Map::new()
        .why("Why the list.")
        .with(
            "list",
            List::new()
                .why("Why this item.")
                .item(inner.clone())
                .item(inner)
                .item("plain")
                .item(List::new().item(1)),
        )
        .with("block", Yaml::Block("{\n  \"a\": 1\n\n}".to_owned()));
    let expected = "\
# Heading.

# Why the list.
list:
# Why this item.
# Why a.
- a: x
  b: {c: 1}
- a: x
  b: {c: 1}
- plain
-
  - 1
block: |-
  {
    \"a\": 1

  }
";
    assert_eq!(document("Heading.", root), expected);
}

#[test]
fn a_comment_cannot_end_early() {
    let comment = "one\ntwo: 2\rthree: 3\u{85}four: 4\u{2028}five: 5\u{0}";
    let text = document(comment, Map::new().why(comment.replace("one", "ONE")).with("k", 1));
    let read: serde_json::Value = serde_yaml_ng::from_str(&text).unwrap();
    assert_eq!(read, serde_json::json!({"k": 1}));
    assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#') || line == "k: 1"), "{text}");
}

#[test]
fn long_comments_are_folded_and_long_one_liners_are_not_one_line() {
    let text =
        document(&"word ".repeat(100), Map::new().with("k", List::new().item("w".repeat(130)).inline()));
    assert!(text.lines().filter(|line| line.starts_with('#')).all(|line| line.len() <= WIDTH), "{text}");
    assert!(text.contains("k:\n- www"), "{text}");
}

proptest! {
    #[test]
    fn any_text_is_read_back_as_it_is(key in any::<String>(), text in any::<String>(), inline: bool) {
        prop_assume!(!key.is_empty() && key.chars().count() < 500);
        let map = Map::new().with(&key, text.as_str()).with("list", List::new().item(text.as_str()).inline());
        prop_assume!(key != "list");
        let map = if inline { map.inline() } else { map };
        prop_assert_eq!(read_back(map.into()), serde_json::json!({ key: text.clone(), "list": [text] }));
    }

    #[test]
    fn any_block_is_read_back_as_it_is(text in "[ -~\n\t\u{85}\u{2028}é]{0,40}") {
        prop_assert_eq!(read_back(Yaml::Block(text.clone())), text.clone());
        prop_assert_eq!(read_back(List::new().item(Yaml::Block(text.clone())).into()), serde_json::json!([text]));
    }
}
