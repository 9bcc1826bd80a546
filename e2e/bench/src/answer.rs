//! Whether an answer is the right one: status, shape, model name, every event, and the end.

use std::fmt;

use llm_api::Dialect;
use memchr::memmem;
use serde::de::IgnoredAny;

use crate::variant::Variant;
use crate::wire::{Message, fields};
use crate::workload::{DELTAS, Workload};

/// How much of a wrong answer is shown.
const SHOWN: usize = 600;

/// What a client should be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    dialect: Dialect,
    /// `None`: any, but the same throughout.
    model: Option<&'static str>,
    workload: Workload,
}

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    what: String,
    answer: String,
}

impl Expected {
    /// What that Envoy should answer its clients.
    pub const fn of(variant: Variant, workload: Workload) -> Self {
        Self { dialect: variant.client_dialect(), model: variant.answered_model(), workload }
    }

    /// What one should be answered that asks the provider behind that Envoy.
    pub const fn direct(variant: Variant, workload: Workload) -> Self {
        let dialect = match variant.baseline() {
            Variant::BareAnthropic => Dialect::Anthropic,
            _ => Dialect::OpenAi,
        };
        Self { dialect, model: None, workload }
    }

    /// How many events it has; JSON is one.
    ///
    /// # Errors
    /// With the first thing that is wrong.
    pub fn check(&self, answer: &Message<'_>) -> Result<u32, Wrong> {
        let wrong = |what: String| Wrong {
            what,
            answer: [answer.head, &answer.body[..answer.body.len().min(SHOWN)]]
                .concat()
                .escape_ascii()
                .to_string(),
        };
        if !answer.head.starts_with(b"HTTP/1.1 200 ") {
            return Err(wrong("its status is not 200".to_owned()));
        }
        let content_type = fields(answer.head, b"content-type").next().unwrap_or_default();
        let (media_type, events) = match self.workload {
            Workload::Json | Workload::LargeJson => ("application/json", self.json(answer.body)),
            Workload::Unpaced | Workload::Paced => ("text/event-stream", self.stream(answer.body)),
        };
        if !content_type.starts_with(media_type.as_bytes()) {
            return Err(wrong(format!("its content-type is {}", content_type.escape_ascii())));
        }
        events.map_err(wrong)
    }

    fn json(&self, body: &[u8]) -> Result<u32, String> {
        serde_json::from_slice::<IgnoredAny>(body)
            .map_err(|error| format!("its body is no JSON: {error}"))?;
        let marks: &[&str] = match self.dialect {
            Dialect::OpenAi => &["chat.completion\"", "\"finish_reason\"", "\"total_tokens\""],
            Dialect::Anthropic => &["\"message\"", "\"stop_reason\"", "\"output_tokens\""],
        };
        if let Some(mark) = marks.iter().find(|mark| memmem::find(body, mark.as_bytes()).is_none()) {
            return Err(format!("its body has no {mark}"));
        }
        self.names(body, 1)?;
        Ok(1)
    }

    fn stream(&self, body: &[u8]) -> Result<u32, String> {
        let (events, named, end): (usize, usize, &[u8]) = match self.dialect {
            // Role, pieces, finish, [DONE]; all but the last are chunks that name the model.
            Dialect::OpenAi => (DELTAS + 3, DELTAS + 2, b"\n\ndata: [DONE]\n\n"),
            // message_start, content_block_start, pieces, content_block_stop, message_delta, message_stop; the first names it. The provider
            // itself, whose model has whatever name it has, sends a ping too.
            Dialect::Anthropic => (DELTAS + 5 + usize::from(self.model.is_none()), 1, b"}\n\n"),
        };
        let count = memmem::find_iter(body, b"data: ").count();
        if count != events {
            return Err(format!("it has {count} events, not {events}"));
        }
        let last_event = memmem::rfind(body, b"message_stop").is_some_and(|at| body.len() - at < 40);
        if !body.ends_with(end) || (self.dialect == Dialect::Anthropic && !last_event) {
            let tail = &body[body.len().saturating_sub(SHOWN)..];
            return Err(format!("it has no terminal event: {}", tail.escape_ascii()));
        }
        self.names(body, named)?;
        Ok(count as u32)
    }

    /// Whether it names the model that often and no other.
    fn names(&self, body: &[u8], times: usize) -> Result<(), String> {
        let models = models(body);
        let first = models.first().copied().unwrap_or_default();
        let expected = self.model.map_or(first, str::as_bytes);
        match models.iter().find(|model| **model != expected) {
            Some(other) => Err(format!("it names the model {}", other.escape_ascii())),
            None if models.len() != times => {
                Err(format!("it names the model {} times, not {times}", models.len()))
            }
            None => Ok(()),
        }
    }
}

impl Wrong {
    /// The same with what Envoy's log says about it.
    #[must_use]
    pub fn with_log(self, log: &str) -> Self {
        Self { answer: format!("{}\n{log}", self.answer), ..self }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a wrong answer: {}\n{}", self.what, self.answer)
    }
}

/// The values of every `"model"` in there. Texts of this bench have no quotation marks, so that nothing else looks like one.
pub(crate) fn models(body: &[u8]) -> Vec<&[u8]> {
    const KEY: &[u8] = b"\"model\":";
    let value = |at: usize| {
        let text = body[at + KEY.len()..].trim_ascii_start().strip_prefix(b"\"")?;
        Some(&text[..memchr::memchr(b'"', text)?])
    };
    memmem::find_iter(body, KEY).filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

    fn stream(model: &str, deltas: usize, end: &str) -> Vec<u8> {
        let chunk = format!("data: {{\"model\":\"{model}\",\"choices\":[]}}\n\n");
        [chunk.repeat(deltas + 2), end.to_owned()].concat().into_bytes()
    }

    fn check(head: &[u8], body: &[u8]) -> Result<u32, String> {
        let expected = Expected::of(Variant::Renamed, Workload::Unpaced);
        expected.check(&Message { head, body, reads: 1 }).map_err(|wrong| wrong.what)
    }

    #[test]
    fn a_stream_is_right_only_if_all_of_it_is() {
        let done = "data: [DONE]\n\n";
        assert_eq!(check(HEAD, &stream("gpt-4", DELTAS, done)), Ok(203));
        let other_status = b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/event-stream\r\n\r\n";
        for (head, body, expected) in [
            (HEAD, stream("gpt-4", DELTAS - 1, done), "202 events"),
            (HEAD, stream("gpt-4o-mini", DELTAS, done), "names the model gpt-4o-mini"),
            (HEAD, stream("gpt-4", DELTAS, "data: {}\n\n"), "no terminal event"),
            (other_status, stream("gpt-4", DELTAS, done), "status"),
            (b"HTTP/1.1 200 OK\r\n\r\n", stream("gpt-4", DELTAS, done), "content-type"),
        ] {
            let wrong = check(head, &body).unwrap_err();
            assert!(wrong.contains(expected), "{wrong}");
        }
    }

    #[test]
    fn model_names_are_found_with_and_without_spaces() {
        assert_eq!(models(br#"{"model": "a", "x": {"model":"b"}, "models":"c"}"#), [b"a", b"b"]);
    }
}
