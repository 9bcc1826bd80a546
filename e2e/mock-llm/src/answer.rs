//! A model's answer, before it is cut into writes: its text, its counts, and its bytes in either API's form.

mod anthropic;
mod openai;

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::asked::{Asked, Streaming};
use crate::reply::{Reply, Text, Usage};
use crate::state::ProviderKind;

/// How much of the user's last message a derived answer repeats, in characters.
const ECHO: usize = 200;

/// An answer to one request.
pub(crate) struct Answer<'a> {
    asked: &'a Asked,
    /// The model's name as the answer gives it.
    model: &'a str,
    /// The text, one delta each.
    pieces: Vec<String>,
    usage: Usage,
    finish: Finish<'a>,
    /// Makes ids unique.
    serial: u64,
    /// Seconds since 1970.
    created: u64,
}

/// Why an answer ends.
#[derive(Clone, Copy)]
enum Finish<'a> {
    /// It is complete.
    Complete,
    /// It reached the limit of the request.
    Limit,
    /// For a scripted reason.
    Scripted(&'a str),
}

/// An answer as a stream.
pub(crate) struct Stream {
    /// The events, each with its blank line.
    pub(crate) events: Vec<Bytes>,
    /// How many events come before the first text.
    pub(crate) preamble: usize,
}

impl<'a> Answer<'a> {
    /// The answer that `reply` wants for that request, text from `text`; `snapshot` is the model's own name for itself.
    pub(crate) fn new(
        reply: &'a Reply,
        text: &Text,
        asked: &'a Asked,
        snapshot: &'a str,
        serial: u64,
    ) -> Self {
        let mut pieces = pieces(text, asked);
        let mut finish = Finish::Complete;
        if let (Text::Derived, Some(limit)) = (text, asked.max_tokens)
            && pieces.len() as u64 > limit
        {
            pieces.truncate(limit as usize);
            finish = Finish::Limit;
        }
        if let Some(reason) = &reply.finish {
            finish = Finish::Scripted(reason);
        }
        let output = pieces.len() as u64 * asked.choices.max(1) as u64;
        Self {
            asked,
            model: reply.model.as_deref().unwrap_or(snapshot),
            usage: reply.usage.unwrap_or(Usage::new(asked.input_tokens, output)),
            pieces,
            finish,
            serial,
            created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs()),
        }
    }

    /// The body of a non-streaming answer.
    pub(crate) fn json(&mut self, kind: ProviderKind, text: &Text) -> Bytes {
        let render = match kind {
            ProviderKind::OpenAi => openai::json,
            ProviderKind::Anthropic => anthropic::json,
        };
        let body = render(self);
        match text {
            Text::Padded(size) if body.len() < *size => {
                self.pieces.push("~".repeat(size - body.len()));
                Bytes::from(render(self))
            }
            _ => Bytes::from(body),
        }
    }

    /// The events of a streaming answer.
    pub(crate) fn stream(&self, kind: ProviderKind) -> Stream {
        match kind {
            ProviderKind::OpenAi => openai::stream(self),
            ProviderKind::Anthropic => anthropic::stream(self),
        }
    }

    /// What it costs, whether it says so or not.
    pub(crate) const fn usage(&self) -> Usage {
        self.usage
    }

    /// 24 characters that no other answer has.
    fn id(&self) -> String {
        format!("{:016x}{:08x}", self.asked.fingerprint, self.serial)
    }

    fn obfuscates(&self) -> bool {
        matches!(self.asked.stream, Streaming::Yes { obfuscation: true, .. })
    }

    fn reports_usage(&self) -> bool {
        matches!(self.asked.stream, Streaming::Yes { usage: true, .. })
    }
}

fn pieces(text: &Text, asked: &Asked) -> Vec<String> {
    match text {
        Text::Derived | Text::Padded(_) => {
            let echo: String = asked.last_user.chars().take(ECHO).collect();
            let text = format!("Answer {:016x}: you said {echo}", asked.fingerprint);
            text.split_inclusive(' ').map(str::to_owned).collect()
        }
        Text::Pieces(pieces) => pieces.clone(),
        Text::Count(count) => (0..*count)
            .map(
                |index| {
                    if index == 0 { format!("{:016x}", asked.fingerprint) } else { format!(" word{index}") }
                },
            )
            .collect(),
    }
}

/// A string as JSON, quotes included.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is always JSON")
}
