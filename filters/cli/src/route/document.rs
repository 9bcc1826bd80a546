//! YAML into JSON text and the line of every value: what the configuration's own readers take, and where to point when they complain.
//!
//! Plain scalars are read by YAML 1.2's core schema, so `no` is a text and `2023-06-01` too; a number keeps its digits. What a
//! configuration has no use for is refused instead of being half understood: aliases (one line can stand for a million), tags, keys that
//! are no texts.

use std::fmt::Write as _;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// The longest text that is read, in bytes.
const MAX_BYTES: usize = 1 << 20;
/// How deep values may be nested: deeper than any configuration, and shallow enough for the reader of the JSON.
const MAX_DEPTH: usize = 64;

/// The documents of a text.
#[derive(Debug, PartialEq, Eq)]
pub struct Documents {
    /// A JSON list with an item for each document that is not empty.
    pub json: String,
    /// The line, from 1, of each value in the order of the text; the list itself is the first.
    lines: Vec<usize>,
}

/// Why a text is no YAML that is understood here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
    /// What would be right.
    pub hint: &'static str,
}

impl Documents {
    /// Reads that text.
    ///
    /// # Errors
    /// Where it is no YAML, or uses what is not understood; the first such place.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        if text.len() > MAX_BYTES {
            let message = format!("{} bytes are more than the {MAX_BYTES} that are read", text.len());
            let hint = "a file of this size is usually another file";
            return Err(Unreadable { line: 1, message, hint });
        }
        let mut writer = Writer { json: "[".to_owned(), lines: vec![1], open: vec![Open::List(0)] };
        for next in Parser::new_from_str(text) {
            let (event, span) = next.map_err(|error| Unreadable {
                line: error.marker().line(),
                message: format!("not valid YAML: {}", error.info()),
                hint: "look at this line and the one above: indentation, a missing colon, an open quote or bracket",
            })?;
            writer.event(event, span)?;
        }
        writer.json.push(']');
        Ok(Self { json: writer.json, lines: writer.lines })
    }

    /// The line of the value with that number, from 1.
    pub fn line(&self, order: u32) -> Option<usize> {
        self.lines.get(usize::try_from(order).ok()?).copied()
    }
}

/// A collection that is not closed yet, and how many values it has.
enum Open {
    List(u64),
    /// The key comes next.
    Key(u64),
    /// The value of a key comes next.
    Value(u64),
}

struct Writer {
    json: String,
    lines: Vec<usize>,
    open: Vec<Open>,
}

impl Writer {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Unreadable> {
        let line = span.start.line();
        let refuse = |message: &str, hint| Err(Unreadable { line, message: message.to_owned(), hint });
        match event {
            Event::Alias(_) => refuse("an alias (`*name`)", "write out what it stands for"),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                refuse("a tag (`!name`)", "leave it out: types follow from the field")
            }
            Event::Scalar(text, style, _, None) => {
                let json = match style {
                    ScalarStyle::Plain => plain(&text),
                    _ => quoted(&text),
                };
                // A document of nothing: what stands between two `---`, or behind the last.
                if self.open.len() == 1 && json == "null" {
                    return Ok(());
                }
                match self.open.last_mut() {
                    Some(Open::Key(count)) => {
                        let count = *count;
                        self.key(&text, count);
                    }
                    _ => {
                        self.value(line);
                        self.json.push_str(&json);
                    }
                }
                Ok(())
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if matches!(self.open.last(), Some(Open::Key(_))) {
                    return refuse("a key that is no text", "keys are names");
                }
                if self.open.len() > MAX_DEPTH {
                    return refuse("nested too deep", "no part of a configuration is nested this deep");
                }
                self.value(line);
                let (bracket, open) = match event {
                    Event::SequenceStart(..) => ('[', Open::List(0)),
                    _ => ('{', Open::Key(0)),
                };
                self.json.push(bracket);
                self.open.push(open);
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.json.push(if matches!(self.open.pop(), Some(Open::List(_))) { ']' } else { '}' });
                Ok(())
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    /// What stands before a value, and its line.
    fn value(&mut self, line: usize) {
        match self.open.last_mut() {
            Some(Open::List(count)) => {
                if *count > 0 {
                    self.json.push(',');
                }
                *count = count.saturating_add(1);
            }
            Some(open) => {
                let (Open::Key(count) | Open::Value(count) | Open::List(count)) = open;
                *open = Open::Key(count.saturating_add(1));
            }
            None => {}
        }
        self.lines.push(line);
    }

    fn key(&mut self, text: &str, count: u64) {
        if count > 0 {
            self.json.push(',');
        }
        let _ = write!(self.json, "{}:", quoted(text));
        if let Some(open) = self.open.last_mut() {
            *open = Open::Value(count);
        }
    }
}

/// A plain scalar by the core schema of YAML 1.2, as far as JSON has the same.
fn plain(text: &str) -> String {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => "null".to_owned(),
        "true" | "True" | "TRUE" => "true".to_owned(),
        "false" | "False" | "FALSE" => "false".to_owned(),
        _ if is_number(text) => text.to_owned(),
        _ => quoted(text),
    }
}

/// Whether JSON has that number, written the same way.
fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit() || first == '-')
        && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::Documents;

    fn json(text: &str) -> String {
        Documents::read(text).map(|documents| documents.json).unwrap_or_else(|error| format!("{error:?}"))
    }

    #[test]
    fn scalars_are_those_of_yaml_1_2() {
        let text = "[1, -2.50, 1e3, 0x1f, 010, +1, .5, 1e999, no, true, ~, , '1', \"a\\n\", 2023-06-01, 30s]";
        let expected =
            r#"[[1,-2.50,1e3,"0x1f","010","+1",".5","1e999","no",true,null,"1","a\n","2023-06-01","30s"]]"#;
        assert_eq!(json(&text.replace(" ,", "")), expected);
    }

    #[test]
    fn every_value_has_its_line_and_keys_have_none() {
        let documents = Documents::read("a: 1\nb:\n- {c: x,\n   d: y}\n---\n# nothing\n---\ne: |\n  text\n");
        let documents = documents.expect("YAML");
        assert_eq!(documents.json, r#"[{"a":1,"b":[{"c":"x","d":"y"}]},{"e":"text\n"}]"#);
        let lines: Vec<_> = (0..9).map(|order| documents.line(order)).collect();
        let expected = [1, 1, 1, 3, 3, 3, 4, 8, 9].map(Some);
        assert_eq!(lines, expected);
        assert_eq!(documents.line(9), None);
    }

    #[test]
    fn equal_keys_stay_for_the_reader_to_refuse() {
        assert_eq!(json("a: 1\na: 2"), r#"[{"a":1,"a":2}]"#);
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line() {
        for (text, line, word) in [
            ("a: &x 1\nb: *x", 2, "alias"),
            ("a: !!int 1", 1, "tag"),
            ("a:\n  ? [1]\n  : 2", 2, "key"),
            ("a: 'open", 1, "YAML"),
            ("a: b: c", 1, "YAML"),
            (&"[".repeat(70), 1, "deep"),
        ] {
            let error = Documents::read(text).expect_err(text);
            assert!(error.message.contains(word), "{text}: {error:?}");
            assert_eq!(error.line, line, "{text}: {error:?}");
        }
    }
}
