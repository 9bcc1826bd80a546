//! Names and paths of the dialects.

use llm_api::Dialect;

#[test]
fn a_dialect_survives_its_name() {
    for dialect in Dialect::ALL {
        assert_eq!(Dialect::from_name(dialect.name()), Some(dialect));
        assert_eq!(dialect.to_string(), dialect.name());
        assert!(dialect.path().ends_with(dialect.endpoint()), "a base URL and the endpoint make the path");
    }
    for name in ["", "OpenAI", "openai ", "gemini"] {
        assert_eq!(Dialect::from_name(name), None);
    }
}

#[test]
fn a_path_is_a_dialect_only_as_a_whole() {
    let table: &[(&[u8], Option<Dialect>)] = &[
        (b"/v1/chat/completions", Some(Dialect::OpenAi)),
        (b"/v1/chat/completions?api-version=1", Some(Dialect::OpenAi)),
        (b"/v1/messages", Some(Dialect::Anthropic)),
        (b"/v1/messages?beta=true", Some(Dialect::Anthropic)),
        (b"/v1/messages/count_tokens", None),
        (b"/v1/messages/", None),
        (b"/v1/chat/completions#", None),
        (b"/V1/messages", None),
        (b"/v1/models", None),
        (b"?/v1/messages", None),
        (b"", None),
        (b"\xff", None),
    ];
    for (path, dialect) in table {
        assert_eq!(Dialect::of_path(path), *dialect, "{}", path.escape_ascii());
    }
}
