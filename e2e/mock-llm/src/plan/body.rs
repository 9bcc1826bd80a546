//! The body of a reply: its events, what a script puts between them, where it is cut, and the writes it goes out in.

use bytes::{Bytes, BytesMut};

use super::{Step, wait};
use crate::reply::{At, Held, Reply, Usage, Writes};

const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// The body of a reply, uncut.
pub(super) struct Body {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) events: Vec<Bytes>,
    /// How many events come before the first content.
    pub(super) preamble: usize,
    /// What a model's answer cost.
    pub(super) usage: Option<Usage>,
}

impl Body {
    pub(super) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, content_type: JSON, events: vec![body.into()], preamble: 0, usage: None }
    }

    pub(super) fn stream(events: Vec<Bytes>, preamble: usize) -> Self {
        Self { status: 200, content_type: EVENT_STREAM, events, preamble, usage: None }
    }

    pub(super) fn is_stream(&self) -> bool {
        self.content_type == EVENT_STREAM
    }
}

/// Puts in what the script wants before and between the events.
pub(super) fn dress(body: &mut Body, reply: &Reply) {
    if let (Some(between), true) = (&reply.between, body.is_stream()) {
        for event in body.events.iter_mut().skip(1) {
            *event = joined(&[between, event]);
        }
    }
    if reply.crlf && body.is_stream() {
        for event in &mut body.events {
            // No JSON in an event has a raw line end, so that every one there is the stream's own.
            let lines: Vec<&[u8]> = event.split(|byte| *byte == b'\n').collect();
            *event = Bytes::from(lines.join(b"\r\n".as_slice()));
        }
    }
    if let (Some(first), false) = (body.events.first_mut(), reply.prefix.is_empty()) {
        *first = joined(&[&reply.prefix, first]);
    }
}

/// Leaves of the events what comes before that point.
pub(super) fn cut(events: &mut Vec<Bytes>, at: At) {
    match at {
        At::Start | At::Headers => events.clear(),
        At::Events(count) => events.truncate(count),
        At::Terminal => {
            events.pop();
        }
        At::Bytes(mut left) => {
            for event in events.iter_mut() {
                event.truncate(left);
                left -= event.len();
            }
            events.retain(|event| !event.is_empty());
        }
    }
}

/// The body as the writes that the script wants.
pub(super) fn write(steps: &mut Vec<Step>, reply: &Reply, body: Body) {
    let preamble =
        if body.is_stream() && !reply.delay_content.is_zero() { body.preamble } else { usize::MAX };
    match &reply.writes {
        Writes::PerEvent | Writes::PerByte => {
            for (index, event) in body.events.into_iter().enumerate() {
                if reply.held == Some(Held::After(index)) {
                    steps.push(Step::Hold);
                }
                if index == preamble {
                    wait(steps, reply.delay_content);
                } else if index > 0 {
                    wait(steps, reply.delay_events);
                }
                if reply.writes == Writes::PerByte {
                    steps.extend((0..event.len()).map(|at| Step::Data(event.slice(at..=at))));
                } else if !event.is_empty() {
                    steps.push(Step::Data(event));
                }
            }
        }
        Writes::Once => push_data(steps, &joined_all(&body.events)),
        Writes::SplitAt(offsets) => {
            let whole = joined_all(&body.events);
            let mut from = 0;
            for offset in offsets.iter().copied().chain([whole.len()]) {
                let to = offset.clamp(from, whole.len());
                push_data(steps, &whole.slice(from..to));
                from = to;
            }
        }
    }
}

fn push_data(steps: &mut Vec<Step>, data: &Bytes) {
    if !data.is_empty() {
        steps.push(Step::Data(data.clone()));
    }
}

fn joined(parts: &[&Bytes]) -> Bytes {
    parts
        .iter()
        .fold(BytesMut::new(), |mut whole, part| {
            whole.extend_from_slice(part);
            whole
        })
        .freeze()
}

fn joined_all(events: &[Bytes]) -> Bytes {
    match events {
        [one] => one.clone(),
        many => joined(&many.iter().collect::<Vec<_>>()),
    }
}
