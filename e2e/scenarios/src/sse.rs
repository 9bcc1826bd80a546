//! A client's reading of a stream, as strict as the format allows: whole events, with their names.

use serde_json::Value;

use crate::answer::Answer;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The name, where it has one.
    pub name: Option<String>,
    /// The data lines, joined by line breaks.
    pub data: String,
}

impl Event {
    /// The data as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or(Value::Null)
    }
}

/// The events of a stream. Comments are skipped; what stands after the last blank line is no event.
pub fn events(answer: &Answer) -> Vec<Event> {
    let text = answer.text().replace("\r\n", "\n");
    let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
    whole.split("\n\n").filter_map(event).collect()
}

fn event(block: &str) -> Option<Event> {
    let field = |line: &str, name: &str| {
        let value = line.strip_prefix(name)?.strip_prefix(':')?;
        Some(value.strip_prefix(' ').unwrap_or(value).to_owned())
    };
    let name = block.lines().find_map(|line| field(line, "event"));
    let data: Vec<String> = block.lines().filter_map(|line| field(line, "data")).collect();
    (!data.is_empty()).then(|| Event { name, data: data.join("\n") })
}

/// The text of an OpenAI stream.
pub fn openai_text(events: &[Event]) -> String {
    events
        .iter()
        .filter_map(|event| Some(event.json().pointer("/choices/0/delta/content")?.as_str()?.to_owned()))
        .collect()
}

/// The text of an Anthropic stream.
pub fn anthropic_text(events: &[Event]) -> String {
    events
        .iter()
        .filter_map(|event| Some(event.json().pointer("/delta/text")?.as_str()?.to_owned()))
        .collect()
}
