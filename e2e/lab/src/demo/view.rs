//! What the client sent and saw, and what each provider saw, in the few words that a person wants.

use std::time::Instant;

use bytes::Bytes;
use http::Request;
use mock_llm::{ProviderKind, Recorded};
use serde_json::{Value, json};

use crate::http::{self as client, HttpError, Reply};
use crate::stand::Stand;

/// What this client believes to be its key. It is the gateway's client, so no provider may ever see it.
pub(super) const CLIENT_KEY: &str = "sk-client-own-key-that-must-stay-here";

/// What must appear in no log.
pub(super) fn secrets() -> [(&'static str, &'static str); 3] {
    [
        ("the client's key", CLIENT_KEY),
        ("OpenAI's key", ProviderKind::OpenAi.default_key()),
        ("Anthropic's key", ProviderKind::Anthropic.default_key()),
    ]
}

/// Whether an answer is wanted whole or as it comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    Stream,
}

/// A stream as an OpenAI client reads it.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The `data:` of each event that is JSON.
    pub(super) events: Vec<Value>,
    /// The `data:` of the last event.
    pub(super) last: String,
    /// Milliseconds from the first piece of the body to the last.
    pub(super) spread: u128,
}

/// A chat request as the `openai` SDK makes it, in the name of that user.
pub(super) fn request(
    model: &str,
    user: &str,
    prompt: &str,
    wanted: Wanted,
) -> Result<Request<Bytes>, HttpError> {
    let mut body = json!({
        "model": model,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": prompt}],
    });
    if let (Wanted::Stream, Some(body)) = (wanted, body.as_object_mut()) {
        body.insert("stream".to_owned(), json!(true));
    }
    let headers = [("authorization", &*format!("Bearer {CLIENT_KEY}")), ("x-user-id", user)];
    client::post_json("/v1/chat/completions", &headers, &body)
}

/// Reads an answer piece by piece, timing the pieces. The error of a body that does not end cleanly is the caller's to show.
pub(super) async fn read(stand: &Stand, request: Request<Bytes>) -> Result<(Reply, Stream), HttpError> {
    let mut answer = client::stream(stand.address, request).await?;
    let mut body = Vec::new();
    let mut times: Vec<Instant> = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        times.push(Instant::now());
        body.extend_from_slice(&chunk);
    }
    let spread = match (times.first(), times.last()) {
        (Some(first), Some(last)) => last.duration_since(*first).as_millis(),
        _ => 0,
    };
    let reply = Reply { status: answer.status, headers: answer.headers, body: body.into() };
    let stream = Stream { spread, ..parse(&reply.text()) };
    Ok((reply, stream))
}

fn parse(body: &str) -> Stream {
    let data: Vec<&str> =
        body.split("\n\n").filter_map(|event| event.trim().strip_prefix("data: ")).collect();
    Stream {
        events: data.iter().filter_map(|data| serde_json::from_str(data).ok()).collect(),
        last: data.last().copied().unwrap_or_default().to_owned(),
        spread: 0,
    }
}

impl Stream {
    /// The deltas' texts, joined.
    pub(super) fn text(&self) -> String {
        self.events.iter().filter_map(|event| event.pointer("/choices/0/delta/content")?.as_str()).collect()
    }

    /// Every model that an event names.
    pub(super) fn models(&self) -> Vec<&str> {
        let mut models: Vec<_> =
            self.events.iter().map(|event| at(event, "/model").as_str().unwrap_or("(none)")).collect();
        models.dedup();
        models
    }

    /// The position of the first event that has something there.
    pub(super) fn first(&self, pointer: &str) -> Option<usize> {
        self.events
            .iter()
            .position(|event| event.pointer(pointer).is_some_and(|value| !value.is_null() && value != ""))
    }

    /// The position of the last event that has something there.
    pub(super) fn last_of(&self, pointer: &str) -> Option<usize> {
        self.events
            .iter()
            .rposition(|event| event.pointer(pointer).is_some_and(|value| !value.is_null() && value != ""))
    }
}

/// The client's view in one line.
pub(super) fn answer(reply: &Reply, text: &str) -> String {
    let from = |name: &str| match reply.header(name) {
        "" => String::new(),
        value => format!("  {name}: {value}"),
    };
    let kind = reply.header("content-type").split(';').next().unwrap_or_default().to_owned();
    format!("<- {} {kind}{}{}  {text:?}", reply.status, from("x-ai-provider"), from("x-ai-attempts"))
}

/// A provider's view in one line for each request.
pub(super) fn seen(requests: &[Recorded]) -> Vec<String> {
    if requests.is_empty() {
        return vec!["saw nothing".to_owned()];
    }
    requests
        .iter()
        .map(|request| {
            let credentials: Vec<_> = request
                .headers
                .iter()
                .filter(|(name, _)| {
                    matches!(name.to_ascii_lowercase().as_str(), "authorization" | "x-api-key" | "api-key")
                })
                .map(|(name, value)| format!("{name}: {}", masked(value)))
                .collect();
            let model = body(request)
                .get("model")
                .and_then(Value::as_str)
                .map_or_else(|| "(none)".to_owned(), str::to_owned);
            let credentials =
                if credentials.is_empty() { "no credential".to_owned() } else { credentials.join(", ") };
            format!("saw {} {}  model {model}  {credentials}", request.method, request.path)
        })
        .collect()
}

/// What is there in the JSON; `null` where there is nothing.
pub(super) fn at<'a>(json: &'a Value, pointer: &str) -> &'a Value {
    json.pointer(pointer).unwrap_or(&Value::Null)
}

/// A request's body as JSON; `null` where it is none.
pub(super) fn body(request: &Recorded) -> Value {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

/// Enough of a credential to tell it from another: its scheme, its first characters, its length.
fn masked(value: &[u8]) -> String {
    let value = String::from_utf8_lossy(value);
    let (scheme, key) = value.split_once(' ').map_or(("", &*value), |(scheme, key)| (scheme, key));
    let start: String = key.chars().take(6).collect();
    let space = if scheme.is_empty() { "" } else { " " };
    format!("{scheme}{space}{start}… ({} characters)", key.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_recognised_and_not_shown() {
        assert_eq!(masked(b"Bearer sk-proj-abcdef"), "Bearer sk-pro… (14 characters)");
        assert_eq!(masked(b"\xff\xfe"), "\u{fffd}\u{fffd}… (2 characters)");
    }

    #[test]
    fn a_stream_is_its_events() {
        let stream = parse(
            "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n",
        );
        assert_eq!((stream.text().as_str(), stream.last.as_str()), ("a", "[DONE]"));
        assert_eq!(stream.models(), ["m"]);
    }
}
