//! What a strict client makes of a stream: it follows the dialect's rules, refuses what breaks them, and puts the answer together.
//!
//! It shares no code with the translators: it splits at blank lines and reads `serde_json::Value`.

use llm_api::Dialect;
use serde_json::{Value, json};
use translate::End;

/// A tool's call as a client would run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Parsed; as a string where it is no JSON, for it is the model that wrote it.
    pub(crate) input: Value,
}

/// A piece of an answer, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Thinking(String),
}

/// An answer put together from its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) end: End,
    pub(crate) id: Option<String>,
    /// Neighbours of the same kind are joined.
    pub(crate) parts: Vec<Part>,
    pub(crate) calls: Vec<Call>,
    /// `finish_reason` or `stop_reason`.
    pub(crate) reason: Option<String>,
    pub(crate) error: Option<Value>,
    pub(crate) usage: Option<Value>,
}

/// Reads a stream of that dialect.
pub(crate) fn read(dialect: Dialect, include_usage: bool, stream: &[u8]) -> Result<Answer, String> {
    let stream = std::str::from_utf8(stream).map_err(|error| error.to_string())?;
    let answer = match dialect {
        Dialect::OpenAi => read_openai(stream, include_usage),
        Dialect::Anthropic => read_anthropic(stream),
    }?;
    match (&answer.end, &answer.error) {
        (End::Complete, None) | (End::Broken, Some(_)) => Ok(answer),
        _ => Err(format!("neither a whole answer nor an error: {answer:?}")),
    }
}

/// The answer's text, as a complete answer would have it.
pub(crate) fn text(answer: &Answer) -> String {
    let text = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Thinking(_) => String::new(),
    };
    answer.parts.iter().map(text).collect()
}

fn read_openai(stream: &str, include_usage: bool) -> Result<Answer, String> {
    let mut answer = Answer::begun();
    let mut arguments: Vec<String> = Vec::new();
    let mut over = false;
    for event in stream.split_terminator("\n\n") {
        let data = event.strip_prefix("data: ").filter(|data| !data.contains('\n')).ok_or("no data line")?;
        ensure(!over, "something follows the end")?;
        if data == "[DONE]" {
            ensure(answer.reason.is_some(), "[DONE] without a finish reason")?;
            (over, answer.end) = (true, End::Complete);
            continue;
        }
        let chunk: Value = parse(data)?;
        if !chunk["error"].is_null() {
            ensure(chunk["error"]["message"].is_string(), "an error without a message")?;
            answer.error = Some(chunk["error"].clone());
            over = true;
            continue;
        }
        let id = chunk["id"].as_str().ok_or("no id")?.to_owned();
        let first = answer.id.is_none();
        ensure(answer.id.get_or_insert_with(|| id.clone()) == &id, "the id changes")?;
        ensure(id.starts_with("chatcmpl-"), "a foreign id")?;
        ensure(chunk["object"] == "chat.completion.chunk" && chunk["model"] == "gpt-4", "object or model")?;
        ensure(chunk["created"] == 1_700_000_000, "created")?;
        ensure(answer.usage.is_none(), "a chunk follows the usage")?;
        let [choice] = chunk["choices"].as_array().ok_or("no choices")?.as_slice() else {
            ensure(
                chunk["choices"] == json!([]) && include_usage && answer.reason.is_some(),
                "misplaced usage",
            )?;
            answer.usage = Some(chunk["usage"].clone());
            continue;
        };
        ensure(
            chunk.get("usage") == include_usage.then_some(&Value::Null),
            "usage in a chunk with a choice",
        )?;
        ensure(answer.reason.is_none(), "a choice follows the finish reason")?;
        ensure(choice["index"] == 0 && choice.get("logprobs") == Some(&Value::Null), "a choice's frame")?;
        let delta = &choice["delta"];
        ensure(first == (delta["role"] == "assistant"), "the role is in the first chunk and in no other")?;
        if let Some(reason) = choice["finish_reason"].as_str() {
            ensure(delta == &json!({}), "a delta beside the finish reason")?;
            answer.reason = Some(reason.to_owned());
        }
        answer.add(Part::Text(delta["content"].as_str().unwrap_or_default().to_owned()));
        answer.add(Part::Thinking(delta["reasoning_content"].as_str().unwrap_or_default().to_owned()));
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(call["index"].as_u64().ok_or("a call without index")?)
                .map_err(|e| e.to_string())?;
            if index == answer.calls.len() {
                ensure(call["type"] == "function", "the type of a call")?;
                let [id, name] =
                    [&call["id"], &call["function"]["name"]].map(|name| name.as_str().map(str::to_owned));
                answer.calls.push(Call {
                    id: id.ok_or("no id")?,
                    name: name.ok_or("no name")?,
                    input: Value::Null,
                });
                arguments.push(String::new());
            } else {
                ensure(call.get("id").is_none() && call["function"].get("name").is_none(), "a second head")?;
            }
            let fragment = call["function"]["arguments"].as_str().ok_or("no arguments")?;
            arguments.get_mut(index).ok_or("a gap between the calls")?.push_str(fragment);
        }
    }
    if answer.end == End::Complete {
        for (call, arguments) in answer.calls.iter_mut().zip(&arguments) {
            call.input = input(arguments);
        }
    }
    Ok(answer)
}

fn read_anthropic(stream: &str) -> Result<Answer, String> {
    let mut answer = Answer::begun();
    let (mut over, mut next, mut open) = (false, 0, None::<(String, String)>);
    for event in stream.split_terminator("\n\n") {
        let (name, data) = event.split_once('\n').ok_or("no name")?;
        let name = name.strip_prefix("event: ").ok_or("no name")?;
        let data: Value =
            parse(data.strip_prefix("data: ").filter(|data| !data.contains('\n')).ok_or("no data")?)?;
        ensure(!over, "something follows the end")?;
        ensure(data["type"] == name, "name and type differ")?;
        ensure(
            answer.id.is_some() != (name == "message_start") || name == "error",
            "the start comes first and once",
        )?;
        ensure(
            answer.reason.is_none() || matches!(name, "message_stop" | "error"),
            "something follows the reason",
        )?;
        match name {
            "message_start" => {
                let message = &data["message"];
                let id = message["id"].as_str().ok_or("no id")?;
                ensure(id.starts_with("msg_") && message["model"] == "gpt-4", "id or model")?;
                ensure(
                    message["content"] == json!([]) && message["role"] == "assistant",
                    "the message's frame",
                )?;
                ensure(message["usage"]["input_tokens"].is_u64(), "no usage at the start")?;
                answer.id = Some(id.to_owned());
            }
            "content_block_start" => {
                ensure(open.is_none() && data["index"] == next, "blocks overlap")?;
                let block = &data["content_block"];
                let kind = block["type"].as_str().ok_or("a block without type")?.to_owned();
                if kind == "tool_use" {
                    let [id, name] =
                        [&block["id"], &block["name"]].map(|name| name.as_str().map(str::to_owned));
                    ensure(block["input"] == json!({}), "a tool's input at its start")?;
                    answer.calls.push(Call {
                        id: id.ok_or("no id")?,
                        name: name.ok_or("no name")?,
                        input: Value::Null,
                    });
                }
                open = Some((kind, String::new()));
            }
            "content_block_delta" => {
                let (kind, content) = open.as_mut().ok_or("a delta outside a block")?;
                ensure(data["index"] == next, "a delta of another block")?;
                let delta = &data["delta"];
                let (of, field) = match delta["type"].as_str().ok_or("a delta without type")? {
                    "text_delta" => ("text", "text"),
                    "thinking_delta" => ("thinking", "thinking"),
                    "input_json_delta" => ("tool_use", "partial_json"),
                    other => return Err(format!("unknown delta {other}")),
                };
                ensure(of == kind, "a delta of another kind")?;
                content.push_str(delta[field].as_str().ok_or("an empty delta")?);
            }
            "content_block_stop" => {
                let (kind, content) = open.take().ok_or("no block to stop")?;
                ensure(data["index"] == next, "the stop of another block")?;
                next += 1;
                answer.close(&kind, content)?;
            }
            "message_delta" => {
                ensure(open.is_none(), "the message ends inside a block")?;
                answer.reason = Some(data["delta"]["stop_reason"].as_str().ok_or("no reason")?.to_owned());
                ensure(data["usage"]["output_tokens"].is_u64(), "no usage at the end")?;
                answer.usage = Some(data["usage"].clone());
            }
            "message_stop" => {
                ensure(answer.reason.is_some(), "no reason before the end")?;
                (over, answer.end) = (true, End::Complete);
            }
            "error" => {
                ensure(data["error"]["message"].is_string(), "an error without a message")?;
                answer.error = Some(data["error"].clone());
                over = true;
            }
            other => return Err(format!("unknown event {other}")),
        }
    }
    if let Some((kind, content)) = open.filter(|(kind, _)| kind != "tool_use") {
        answer.close(&kind, content)?;
    }
    Ok(answer)
}

impl Answer {
    fn begun() -> Self {
        Self {
            end: End::Broken,
            id: None,
            parts: vec![],
            calls: vec![],
            reason: None,
            error: None,
            usage: None,
        }
    }

    fn add(&mut self, part: Part) {
        match (self.parts.last_mut(), part) {
            (_, Part::Text(text) | Part::Thinking(text)) if text.is_empty() => {}
            (Some(Part::Text(text)), Part::Text(more))
            | (Some(Part::Thinking(text)), Part::Thinking(more)) => {
                text.push_str(&more);
            }
            (_, part) => self.parts.push(part),
        }
    }

    fn close(&mut self, kind: &str, content: String) -> Result<(), String> {
        match kind {
            "text" => self.add(Part::Text(content)),
            "thinking" => self.add(Part::Thinking(content)),
            _ => {
                let call = self.calls.last_mut().ok_or("no call")?;
                call.input = if content.is_empty() { json!({}) } else { input(&content) };
            }
        }
        Ok(())
    }
}

fn ensure(holds: bool, why: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why.to_owned()) }
}

fn input(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.to_owned()))
}

fn parse(json: &str) -> Result<Value, String> {
    serde_json::from_str(json).map_err(|error| format!("{error} in {json}"))
}
