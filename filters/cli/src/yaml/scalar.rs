//! Scalars: how a text or a duration is written so that every YAML 1.1 and 1.2 reader takes it for itself.

use std::fmt::Write as _;
use std::time::Duration;

/// Text as a scalar that any YAML 1.1 or 1.2 reader takes for that text.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Whether text needs no quotes: a letter or `/` first, then nothing that has a meaning anywhere in YAML, and no word that does.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "true", "false", "on", "off", "null"];
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-'))
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_printable(c) => out.push(c),
            c => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// Whether text can stand as a literal block and be read back as it is.
pub(super) fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && !text.ends_with('\n')
        && !text.starts_with([' ', '\n'])
        && text.chars().all(|c| c == '\n' || is_printable(c))
}

/// Whether a character is shown as itself and is no line break, no byte order mark and no control.
pub(super) fn is_printable(c: char) -> bool {
    !c.is_control() && !is_line_break(c) && c != '\u{FEFF}' && !matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

/// What YAML 1.1 or 1.2 takes for the end of a line.
pub(super) fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A duration as protobuf's JSON form has it.
pub(super) fn seconds(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        millis => format!("{}.{}s", duration.as_secs(), format!("{millis:03}").trim_end_matches('0')),
    }
}
