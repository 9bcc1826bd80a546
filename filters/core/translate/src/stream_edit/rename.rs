//! Another model name in a JSON body, every other byte as it was.

use std::ops::Range;

use llm_api::Dialect;
use serde_json::Value;

use super::cursor;

/// The body of an answer that names this model, or `None` if it does already, or names none: if it is not an object with a string `model`.
///
/// In both dialects an answer's model is at the top level. Only what comes before it is read: whether the rest is JSON is not checked.
pub fn rename_response(dialect: Dialect, body: &[u8], model: &str) -> Option<Vec<u8>> {
    let span = match dialect {
        Dialect::OpenAi | Dialect::Anthropic => cursor::find_string(body, &["model"])?,
    };
    (body.get(span.clone()) != Some(&json_string(model))).then(|| splice(body, span, model))
}

/// Other bytes for a part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyEdit {
    /// The part. Where it is empty, the bytes are put in there.
    pub span: Range<usize>,
    /// What stands there then.
    pub text: Vec<u8>,
}

impl BodyEdit {
    /// The model's name, as a JSON string, in place of that span.
    pub fn model(span: Range<usize>, model: &str) -> Self {
        Self { span, text: json_string(model) }
    }
}

/// The body with all these edits, every other byte as it was. Spans must not overlap; one that does, or that is not inside the body, changes
/// nothing.
pub fn edit(body: &[u8], edits: &[BodyEdit]) -> Vec<u8> {
    let mut edits: Vec<&BodyEdit> = edits.iter().collect();
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut out = Vec::with_capacity(body.len().saturating_add(added));
    let mut copied = 0;
    for BodyEdit { span, text } in edits {
        let (Some(between), true) = (body.get(copied..span.start), span.end >= span.start) else { continue };
        if span.end > body.len() {
            continue;
        }
        out.extend_from_slice(between);
        out.extend_from_slice(text);
        copied = span.end;
    }
    out.extend_from_slice(body.get(copied..).unwrap_or_default());
    out
}

/// The body with the model's name, as a JSON string, in place of that span of it. A span that is not inside the body changes nothing.
pub fn splice(body: &[u8], span: Range<usize>, model: &str) -> Vec<u8> {
    edit(body, &[BodyEdit::model(span, model)])
}

/// The name as a JSON string, with its quotes.
pub(super) fn json_string(model: &str) -> Vec<u8> {
    Value::from(model).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expect: Option<&str>) {
        for dialect in Dialect::ALL {
            let renamed = rename_response(dialect, body.as_bytes(), "gpt-\"4\"");
            assert_eq!(renamed.as_deref().map(|body| std::str::from_utf8(body).unwrap()), expect, "{body}");
        }
    }

    #[test]
    fn only_the_name_changes() {
        check(
            r#"{"id":1,  "model" : "x\"y","z":{"model":"x"}}"#,
            Some(r#"{"id":1,  "model" : "gpt-\"4\"","z":{"model":"x"}}"#),
        );
        check("\n{\"model\":\"\"}\n", Some("\n{\"model\":\"gpt-\\\"4\\\"\"}\n"));
    }

    #[test]
    fn what_names_no_other_model_is_left_alone() {
        for body in [
            "",
            "{}",
            "null",
            "[{\"model\":\"x\"}]",
            "{\"model\":null}",
            "{\"model\":[\"x\"]}",
            "{\"model\":\"x",
            "{\"a\":{\"model\":\"x\"}}",
            r#"{"model":"gpt-\"4\""}"#,
        ] {
            check(body, None);
        }
    }

    #[test]
    fn a_span_outside_the_body_changes_nothing() {
        assert_eq!(splice(b"{}", 1..3, "m"), b"{}");
        assert_eq!(splice(b"{\"model\":0}", 9..10, "m"), b"{\"model\":\"m\"}");
    }
}
