//! From a reply to the steps of writing it: the one place that both HTTP versions take their orders from.

mod body;
mod head;

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use body::{Body, cut, dress, write};
use head::head;

use crate::answer::Answer;
use crate::asked::{Asked, Streaming};
use crate::models::Model;
use crate::reply::{At, Content, Ending, Held, Reply, Usage};
use crate::state::ProviderKind;
use crate::vendor_error::VendorError;

/// One thing to do on the connection or stream.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Wait(Duration),
    /// Until the test releases what is held.
    Hold,
    Head(Head),
    /// Exactly one write, on HTTP/2 one DATA frame.
    Data(Bytes),
    /// What the answer costs. It stands before the last write, so that whoever has read the whole answer finds it noted.
    Cost(Usage),
    /// The end of the message, with these trailers; then these bytes on the connection.
    End {
        trailers: Vec<(String, Vec<u8>)>,
        spill: Bytes,
    },
    /// Nothing until the other side gives up.
    Stall,
    Reset,
    /// Close the connection as it is.
    Drop,
    /// Bytes on the connection without any framing, then close.
    Raw(Bytes),
}

/// Status and header section.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) status_line: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) framing: Framing,
}

/// How the other side learns where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// A refusal by the API's rules.
pub(crate) fn refusal(kind: ProviderKind, error: &VendorError, serial: u64) -> Vec<Step> {
    let body = error.json(kind, &request_id(serial)).to_string();
    steps(kind, &Reply::answer(), Body::json(error.status, body), serial)
}

/// The answer to `GET /v1/models`.
pub(crate) fn model_list(kind: ProviderKind, models: &[Model]) -> Vec<Step> {
    let list: Vec<_> = models
        .iter()
        .map(|model| match kind {
            ProviderKind::OpenAi => json!({"id": model.name, "object": "model", "created": 1_686_588_896, "owned_by": "openai"}),
            ProviderKind::Anthropic => {
                json!({"type": "model", "id": model.name, "display_name": model.name, "created_at": "2024-02-29T00:00:00Z"})
            }
        })
        .collect();
    let body = match kind {
        ProviderKind::OpenAi => json!({"object": "list", "data": list}),
        ProviderKind::Anthropic => json!({"data": list, "has_more": false}),
    };
    steps(kind, &Reply::answer(), Body::json(200, body.to_string()), 0)
}

/// What `reply` does for that request.
pub(crate) fn plan(
    kind: ProviderKind,
    reply: &Reply,
    asked: &Asked,
    snapshot: &str,
    serial: u64,
) -> Vec<Step> {
    let error_event = |error: &VendorError| {
        let data = error.json(kind, &request_id(serial));
        Bytes::from(match kind {
            ProviderKind::OpenAi => format!("data: {data}\n\n"),
            ProviderKind::Anthropic => format!("event: error\ndata: {data}\n\n"),
        })
    };
    let error_body =
        |error: &VendorError| Body::json(error.status, error.json(kind, &request_id(serial)).to_string());
    let mut body = match &reply.content {
        Content::Answer(text) => {
            let mut answer = Answer::new(reply, text, asked, snapshot, serial);
            let body = match asked.stream {
                Streaming::No => Body::json(200, answer.json(kind, text)),
                Streaming::Yes { .. } => {
                    let stream = answer.stream(kind);
                    Body::stream(stream.events, stream.preamble)
                }
            };
            Body { usage: Some(answer.usage()), ..body }
        }
        Content::Status(status) => error_body(&VendorError::of_status(kind, *status)),
        Content::Error { status, error_type, message } => {
            error_body(&VendorError::new(*status, error_type, message))
        }
        Content::StreamError { error_type, message } => {
            Body::stream(vec![error_event(&VendorError::new(200, error_type, message))], 0)
        }
        Content::Body { status, body } => Body::json(*status, body.clone()),
        Content::Events(events) => Body::stream(events.clone(), 0),
        Content::Raw(bytes) => {
            let mut steps = Vec::new();
            wait(&mut steps, reply.delay_headers);
            steps.push(Step::Raw(bytes.clone()));
            return steps;
        }
    };
    if let Some((at, error_type, message)) = &reply.error_at {
        cut(&mut body.events, *at);
        body.events.push(error_event(&VendorError::new(200, error_type, message)));
    }
    steps(kind, reply, body, serial)
}

fn steps(kind: ProviderKind, reply: &Reply, mut body: Body, serial: u64) -> Vec<Step> {
    let mut steps = Vec::with_capacity(body.events.len() + 4);
    wait(&mut steps, reply.delay_headers);
    if reply.held == Some(Held::Whole) {
        steps.push(Step::Hold);
    }
    let usage = body.usage;
    let ending = match reply.cut {
        Some((At::Start, ending)) => {
            steps.push(ended(ending, reply));
            return steps;
        }
        Some((_, ending)) => ending,
        None => Ending::Clean,
    };
    dress(&mut body, reply);
    let whole = body.events.iter().map(Bytes::len).sum::<usize>() + reply.suffix.len();
    if let Some((at, _)) = reply.cut {
        cut(&mut body.events, at);
    }
    if !reply.suffix.is_empty() {
        body.events.push(reply.suffix.clone());
    }
    // A message that ends cleanly has the length that it has; one that breaks off had promised all of it.
    let length = if ending == Ending::Clean { body.events.iter().map(Bytes::len).sum() } else { whole };
    steps.push(Step::Head(head(kind, reply, &body, length as u64, serial)));
    wait(&mut steps, reply.delay_body);
    if !body.is_stream() {
        wait(&mut steps, reply.delay_content);
    }
    write(&mut steps, reply, body);
    if let (Ending::Clean, Some(usage)) = (ending, usage) {
        let before_the_last = steps.len() - usize::from(matches!(steps.last(), Some(Step::Data(_))));
        steps.insert(before_the_last, Step::Cost(usage));
    }
    steps.push(ended(ending, reply));
    steps
}

fn wait(steps: &mut Vec<Step>, delay: Duration) {
    if !delay.is_zero() {
        steps.push(Step::Wait(delay));
    }
}

fn ended(ending: Ending, reply: &Reply) -> Step {
    match ending {
        Ending::Stall => Step::Stall,
        Ending::Reset => Step::Reset,
        Ending::Drop => Step::Drop,
        Ending::Clean => Step::End { trailers: reply.trailers.clone(), spill: reply.spill.clone() },
    }
}

fn request_id(serial: u64) -> String {
    format!("req_{serial:024x}")
}
