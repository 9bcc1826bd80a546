//! An answer as OpenAI writes it: JSON with two-space indentation, chunks ending in `[DONE]`. Source: answers of the real API.

use bytes::Bytes;

use super::{Answer, Finish, Stream, quoted};
use crate::reply::Usage;

/// What the real API fills a chunk with so that its length says nothing about the text.
const OBFUSCATION: &str = "q7WzXk2LrVb9Td";

pub(super) fn json(answer: &Answer<'_>) -> String {
    let text = quoted(&answer.pieces.concat());
    let finish = quoted(finish_reason(answer.finish));
    let choices: Vec<String> = (0..answer.asked.choices.max(1))
        .map(|index| {
            format!(
                "    {{\n      \"index\": {index},\n      \"message\": {{\n        \"role\": \"assistant\",\n        \
                 \"content\": {text},\n        \"refusal\": null,\n        \"annotations\": []\n      }},\n      \
                 \"logprobs\": null,\n      \"finish_reason\": {finish}\n    }}"
            )
        })
        .collect();
    format!(
        "{{\n  \"id\": \"chatcmpl-{id}\",\n  \"object\": \"chat.completion\",\n  \"created\": {created},\n  \"model\": {model},\n  \
         \"choices\": [\n{choices}\n  ],\n  \"usage\": {usage},\n  \"service_tier\": \"default\",\n  \"system_fingerprint\": null\n}}\n",
        id = answer.id(),
        created = answer.created,
        model = quoted(answer.model),
        choices = choices.join(",\n"),
        usage = usage(&answer.usage),
    )
}

pub(super) fn stream(answer: &Answer<'_>) -> Stream {
    let chunks = Chunks::of(answer);
    let choices = answer.asked.choices.max(1);
    let mut events = Vec::with_capacity(answer.pieces.len() * choices + 4);
    for index in 0..choices {
        events.push(chunks.choice(index, r#"{"role":"assistant","content":"","refusal":null}"#, "null"));
    }
    for piece in &answer.pieces {
        let delta = format!(r#"{{"content":{}}}"#, quoted(piece));
        for index in 0..choices {
            events.push(chunks.choice(index, &delta, "null"));
        }
    }
    let finish = quoted(finish_reason(answer.finish));
    for index in 0..choices {
        events.push(chunks.choice(index, "{}", &finish));
    }
    if answer.reports_usage() {
        events.push(chunks.event("", &usage(&answer.usage)));
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    Stream { events, preamble: choices }
}

/// What every chunk of a stream has in common.
struct Chunks {
    head: String,
    usage: &'static str,
    obfuscation: bool,
}

impl Chunks {
    fn of(answer: &Answer<'_>) -> Self {
        let head = format!(
            r#"data: {{"id":"chatcmpl-{}","object":"chat.completion.chunk","created":{},"model":{},"service_tier":"default","system_fingerprint":null,"choices":["#,
            answer.id(),
            answer.created,
            quoted(answer.model),
        );
        Self {
            head,
            usage: if answer.reports_usage() { "null" } else { "" },
            obfuscation: answer.obfuscates(),
        }
    }

    fn choice(&self, index: usize, delta: &str, finish: &str) -> Bytes {
        let choice =
            format!(r#"{{"index":{index},"delta":{delta},"logprobs":null,"finish_reason":{finish}}}"#);
        self.event(&choice, self.usage)
    }

    fn event(&self, choices: &str, usage: &str) -> Bytes {
        let mut event = format!("{}{choices}]", self.head);
        if !usage.is_empty() {
            event.push_str(",\"usage\":");
            event.push_str(usage);
        }
        if self.obfuscation {
            // The longer the chunk, the shorter the filling: the real lengths look as arbitrary.
            let filling = &OBFUSCATION[..OBFUSCATION.len() - event.len() % OBFUSCATION.len()];
            event.push_str(&format!(",\"obfuscation\":\"{filling}\""));
        }
        event.push_str("}\n\n");
        Bytes::from(event)
    }
}

fn usage(usage: &Usage) -> String {
    format!(
        "{{\"prompt_tokens\":{},\"completion_tokens\":{},\"total_tokens\":{},\"prompt_tokens_details\":{{\"cached_tokens\":{},\
         \"audio_tokens\":0}},\"completion_tokens_details\":{{\"reasoning_tokens\":{},\"audio_tokens\":0,\
         \"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}}}",
        usage.input,
        usage.output,
        usage.input + usage.output,
        usage.cached,
        usage.reasoning,
    )
}

fn finish_reason(finish: Finish<'_>) -> &str {
    match finish {
        Finish::Complete => "stop",
        Finish::Limit => "length",
        Finish::Scripted(reason) => reason,
    }
}
