//! What a client must see.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::answer::{Answer, Ending};
use crate::problems::Problems;
use crate::sse;

type Check = Arc<dyn Fn(&Answer, &mut Problems) + Send + Sync>;

/// An expected answer: every check has to hold.
#[derive(Clone)]
pub struct Expect {
    checks: Vec<Check>,
    clean: bool,
}

impl fmt::Debug for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expect({} checks)", self.checks.len())
    }
}

/// An answer that ends as a complete message.
pub fn any() -> Expect {
    Expect { checks: Vec::new(), clean: true }
}

/// An answer with that status that ends as a complete message.
pub fn status(status: u16) -> Expect {
    any().check(move |answer, problems| {
        let body: String = answer.text().chars().take(300).collect();
        problems.require(answer.status == status, || {
            format!("status: expected {status}, seen {} ({:?}) with {body}", answer.status, answer.ending)
        });
    })
}

/// An OpenAI answer with that text under the name that was asked for, from that provider after so many attempts.
pub fn completion(text: &str, provider: &str, attempts: u32) -> Expect {
    let text = text.to_owned();
    status(200)
        .header("content-type", "application/json")
        .from(provider, attempts)
        .at("/object", "chat.completion")
        .at("/model", "gpt-4")
        .at("/choices/0/message/role", "assistant")
        .at("/choices/0/message/content", text)
        .at("/choices/0/finish_reason", "stop")
}

/// An Anthropic answer with that text under the name that was asked for.
pub fn reply(text: &str, provider: &str, attempts: u32) -> Expect {
    let text = text.to_owned();
    status(200)
        .header("content-type", "application/json")
        .from(provider, attempts)
        .at("/type", "message")
        .at("/role", "assistant")
        .at("/model", "gpt-4")
        .at("/content/0/text", text)
        .at("/stop_reason", "end_turn")
}

/// An OpenAI stream with that text, complete in every respect.
pub fn stream(text: &str, provider: &str, attempts: u32) -> Expect {
    let text = text.to_owned();
    status(200).from(provider, attempts).event_stream().check(move |answer, problems| {
        let events = sse::events(answer);
        problems.same("the stream's text", &sse::openai_text(&events), &text);
        problems.same("last event", &events.last().map(|event| event.data.as_str()), &Some("[DONE]"));
        let chunks: Vec<Value> =
            events.iter().filter(|event| event.data != "[DONE]").map(sse::Event::json).collect();
        let finishes = chunks
            .iter()
            .filter_map(|chunk| chunk.pointer("/choices/0/finish_reason")?.as_str().map(str::to_owned));
        problems.same("finish reasons", &finishes.collect::<Vec<_>>(), &vec!["stop"]);
        let first = chunks.first().cloned().unwrap_or_default();
        problems.same("first chunk's role", &first["choices"][0]["delta"]["role"], &Value::from("assistant"));
        for chunk in &chunks {
            problems.same("a chunk's model", &chunk["model"], &Value::from("gpt-4"));
            problems.same("a chunk's object", &chunk["object"], &Value::from("chat.completion.chunk"));
            problems.same("a chunk's id", &chunk["id"], &first["id"]);
        }
        problems.require(first["id"].as_str().is_some_and(|id| !id.is_empty()), || "no id".to_owned());
    })
}

/// An Anthropic stream with that text, complete in every respect.
pub fn message_stream(text: &str, provider: &str, attempts: u32) -> Expect {
    let text = text.to_owned();
    status(200).from(provider, attempts).event_stream().check(move |answer, problems| {
        let events = sse::events(answer);
        problems.same("the stream's text", &sse::anthropic_text(&events), &text);
        let named: Vec<_> =
            events.iter().filter_map(|event| event.name.as_deref()).filter(|name| *name != "ping").collect();
        let mut kinds = named.clone();
        kinds.dedup();
        let expected = [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ];
        problems.same("events", kinds.as_slice(), expected.as_slice());
        let start = events.first().map(sse::Event::json).unwrap_or_default();
        problems.same("message's model", &start["message"]["model"], &Value::from("gpt-4"));
        let stop = events.iter().find(|event| event.name.as_deref() == Some("message_delta"));
        let stop = stop.map(sse::Event::json).unwrap_or_default();
        problems.same("stop reason", &stop["delta"]["stop_reason"], &Value::from("end_turn"));
    })
}

/// An error in OpenAI's shape, of that status and type.
pub fn openai_error(code: u16, kind: &str) -> Expect {
    status(code).header("content-type", "application/json").at("/error/type", kind.to_owned()).check(
        |answer, problems| {
            let body = answer.json();
            let shaped = body["error"]["message"].as_str().is_some_and(|message| !message.is_empty());
            problems.require(shaped, || format!("no OpenAI error: {}", answer.text()));
            problems.require(body.get("type").is_none(), || format!("Anthropic's shape: {}", answer.text()));
        },
    )
}

/// An error in Anthropic's shape, of that status and type.
pub fn anthropic_error(code: u16, kind: &str) -> Expect {
    status(code)
        .header("content-type", "application/json")
        .at("/type", "error")
        .at("/error/type", kind.to_owned())
        .check(|answer, problems| {
            let body = answer.json();
            let shaped = body["error"]["message"].as_str().is_some_and(|message| !message.is_empty());
            problems.require(shaped, || format!("no Anthropic error: {}", answer.text()));
        })
}

impl Expect {
    /// One more check.
    #[must_use]
    pub fn check(mut self, check: impl Fn(&Answer, &mut Problems) + Send + Sync + 'static) -> Self {
        self.checks.push(Arc::new(check));
        self
    }

    /// That header, once, with that value.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.check(move |answer, problems| {
            let seen: Vec<_> = answer
                .headers
                .iter()
                .filter(|(n, _)| *n == name)
                .map(|(_, v)| String::from_utf8_lossy(v))
                .collect();
            problems.same(&format!("header {name}"), &seen, &vec![value.as_str()]);
        })
    }

    /// None of these headers.
    #[must_use]
    pub fn no_headers(self, names: &'static [&'static str]) -> Self {
        self.check(move |answer, problems| {
            for name in names {
                problems.same(&format!("header {name}"), &answer.header(name), &None::<&str>);
            }
        })
    }

    /// From that provider, after so many attempts.
    #[must_use]
    pub fn from(self, provider: &str, attempts: u32) -> Self {
        self.header("x-ai-provider", provider).header("x-ai-attempts", &attempts.to_string())
    }

    /// That value at that JSON pointer.
    #[must_use]
    pub fn at(self, pointer: &str, value: impl Into<Value>) -> Self {
        let (pointer, value) = (pointer.to_owned(), value.into());
        self.check(move |answer, problems| {
            let body = answer.json();
            let seen = body.pointer(&pointer).unwrap_or(&Value::Null);
            problems.require(*seen == value, || {
                let text: String = answer.text().chars().take(400).collect();
                format!("{pointer}: expected {value}, seen {seen} in {text}")
            });
        })
    }

    /// That text somewhere in the body.
    #[must_use]
    pub fn says(self, text: &str) -> Self {
        let text = text.to_owned();
        self.check(move |answer, problems| {
            problems
                .require(answer.text().contains(&text), || format!("`{text}` is not in: {}", answer.text()));
        })
    }

    /// That text nowhere in the body.
    #[must_use]
    pub fn lacks(self, text: &str) -> Self {
        let text = text.to_owned();
        self.check(move |answer, problems| {
            problems.require(!answer.text().contains(&text), || format!("`{text}` is in: {}", answer.text()));
        })
    }

    /// That very body.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let body = String::from_utf8_lossy(&body.into()).into_owned();
        self.check(move |answer, problems| problems.same("body", &answer.text(), &body))
    }

    /// A stream by its content-type, without a length.
    #[must_use]
    pub fn event_stream(self) -> Self {
        self.no_headers(&["content-length"]).check(|answer, problems| {
            let kind = answer.header("content-type").unwrap_or_default();
            problems.require(kind.starts_with("text/event-stream"), || format!("content-type: {kind}"));
        })
    }

    /// An OpenAI stream that says in its last event that it broke: no finish, no `[DONE]`, a clean end.
    #[must_use]
    pub fn broken_in_band(self) -> Self {
        self.event_stream().check(|answer, problems| {
            let events = sse::events(answer);
            let last = events.last().map(sse::Event::json).unwrap_or_default();
            let error = last["error"]["message"].as_str().is_some_and(|message| !message.is_empty());
            problems.require(error, || format!("the last event is no error: {}", answer.text()));
            problems.require(!answer.text().contains("[DONE]"), || {
                format!("[DONE] after a break: {}", answer.text())
            });
            let finished = events.iter().any(|event| {
                event.json().pointer("/choices/0/finish_reason").is_some_and(|reason| !reason.is_null())
            });
            problems.require(!finished, || format!("a finish after a break: {}", answer.text()));
        })
    }

    /// An Anthropic stream that says in its last event that it broke: no `message_stop`, a clean end.
    #[must_use]
    pub fn broken_message_in_band(self) -> Self {
        self.event_stream().check(|answer, problems| {
            let events = sse::events(answer);
            let last = events.last().and_then(|event| event.name.clone());
            problems.same("last event", &last.as_deref(), &Some("error"));
            let stops = events.iter().filter(|event| event.name.as_deref() == Some("message_stop")).count();
            problems.same("message_stop events", &stops, &0);
        })
    }

    /// Not a complete message: HTTP/1.1 without its final chunk, HTTP/2 with `RST_STREAM`.
    #[must_use]
    pub fn unclean(self) -> Self {
        Self { clean: false, ..self }.check(|answer, problems| {
            problems.require(answer.ending != Ending::Clean, || format!("a clean end: {}", answer.text()));
            problems.require(!answer.text().contains("[DONE]"), || {
                format!("[DONE] after a break: {}", answer.text())
            });
        })
    }

    /// However it ends: a row that says this checks the end itself.
    #[must_use]
    pub fn any_end(self) -> Self {
        Self { clean: false, ..self }
    }

    /// Everything that is not as it should be.
    pub fn problems(&self, answer: &Answer) -> Problems {
        let mut problems = Problems::default();
        if self.clean {
            problems.same("the answer's end", &answer.ending, &Ending::Clean);
        }
        for check in &self.checks {
            check(answer, &mut problems);
        }
        problems
    }
}
