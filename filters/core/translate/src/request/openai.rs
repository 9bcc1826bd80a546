//! Reads a Chat Completions request.
//!
//! Source: the `openai` Python SDK 3.54, `types/chat/completion_create_params.py`.

mod table;

use std::borrow::Cow;

use llm_api::ApiError;
use serde_json::value::RawValue;

pub(super) use self::table::LEFT_OUT;
use self::table::PARAMETERS;
use super::{
    content::{self, Member, PartRules},
    conversation::{Conversation, Role, ServiceTier, Stop},
    fields,
    harmless::{self, is_empty, is_left_out},
};
use crate::{
    json::{self, Document, Objects},
    peek::{flag, include_usage, model_is_no_string, no_model},
    unsupported::shown,
};

const UNKNOWN: &str = "not a parameter that is known here";
const UNKNOWN_IN_MESSAGE: &str = "not a member of messages that is known here";

const PARTS: PartRules = PartRules {
    other_type: |kind| match kind {
        "image_url" => "images are not translated",
        "input_audio" => "the provider takes no audio",
        "file" => "files are not translated",
        "refusal" => "the provider takes no refusals",
        _ => "not a content part that is known here",
    },
    left_out: |_, _| false,
    member: |name, _| match name {
        "cache_control" => Member::CacheControl,
        _ => Member::Unsupported("not a member of text parts that is known here"),
    },
};

/// Reads a request.
pub(super) fn read(body: &str) -> Result<Conversation<'_>, ApiError> {
    let mut reader = Reader::default();
    json::document(body, &mut reader)?;
    reader.finish()
}

#[derive(Default)]
struct Reader<'a> {
    conversation: Conversation<'a>,
    fields: Fields<'a>,
    message: Message<'a>,
    messages: Option<usize>,
}

#[derive(Default)]
struct Fields<'a> {
    model: Option<&'a RawValue>,
    max_tokens: Option<&'a RawValue>,
    max_completion_tokens: Option<&'a RawValue>,
    stop: Option<&'a RawValue>,
    temperature: Option<&'a RawValue>,
    top_p: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    stream_options: Option<&'a RawValue>,
    user: Option<&'a RawValue>,
    safety_identifier: Option<&'a RawValue>,
    service_tier: Option<&'a RawValue>,
    tool_choice: Option<&'a RawValue>,
    function_call: Option<&'a RawValue>,
    parallel_tool_calls: Option<&'a RawValue>,
    has_tools: bool,
}

#[derive(Default)]
struct Message<'a> {
    role: Option<&'a RawValue>,
    content: Option<&'a RawValue>,
    others: Vec<(String, &'a RawValue)>,
}

impl<'a> Document<'a> for Reader<'a> {
    fn field(&mut self, key: &str, value: &'a RawValue) -> Result<(), ApiError> {
        let slot = match key {
            "model" => &mut self.fields.model,
            "max_tokens" => &mut self.fields.max_tokens,
            "max_completion_tokens" => &mut self.fields.max_completion_tokens,
            "stop" => &mut self.fields.stop,
            "temperature" => &mut self.fields.temperature,
            "top_p" => &mut self.fields.top_p,
            "stream" => &mut self.fields.stream,
            "stream_options" => &mut self.fields.stream_options,
            "user" => &mut self.fields.user,
            "safety_identifier" => &mut self.fields.safety_identifier,
            "service_tier" => &mut self.fields.service_tier,
            "tool_choice" => &mut self.fields.tool_choice,
            "function_call" => &mut self.fields.function_call,
            "parallel_tool_calls" => &mut self.fields.parallel_tool_calls,
            _ => {
                let harmless =
                    harmless::note(&mut self.conversation.losses, PARAMETERS, LEFT_OUT, UNKNOWN, key, value);
                self.fields.has_tools |= !harmless && matches!(key, "tools" | "functions");
                return Ok(());
            }
        };
        json::once(slot, value, || key.to_owned())
    }
}

impl<'a> Objects<'a> for Reader<'a> {
    fn path(&self) -> Cow<'_, str> {
        Cow::Borrowed("messages")
    }

    fn member(&mut self, index: usize, key: &str, value: &'a RawValue) -> Result<(), ApiError> {
        match key {
            "role" => json::once(&mut self.message.role, value, || format!("messages[{index}].role")),
            "content" => {
                json::once(&mut self.message.content, value, || format!("messages[{index}].content"))
            }
            _ => {
                self.message.others.push((shown(key), value));
                Ok(())
            }
        }
    }

    fn end(&mut self, index: usize) -> Result<(), ApiError> {
        self.messages = Some(index);
        let message = std::mem::take(&mut self.message);
        let role = match message.role.and_then(json::string).as_deref() {
            Some("system" | "developer") => Role::System,
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("tool" | "function") => {
                self.conversation
                    .losses
                    .note(|| format!("messages[{index}]"), "tool results are not translated");
                return Ok(());
            }
            _ => {
                let path = format!("messages[{index}].role");
                let roles = "`developer`, `system`, `user`, `assistant`, `tool` or `function`";
                return Err(json::invalid(format!("`{path}` must be one of {roles}.")).with_param(path));
            }
        };
        for (name, value) in &message.others {
            note_member(&mut self.conversation, index, name, value);
        }
        match message.content.filter(|content| !json::is_null(content)) {
            Some(content) => {
                let path = format!("messages[{index}].content");
                content::read(&mut self.conversation, &PARTS, role, index, &path, content)
            }
            // An assistant's message may consist of tool calls, or of a refusal.
            None if role == Role::Assistant => Ok(()),
            None => {
                let path = format!("messages[{index}].content");
                Err(json::invalid(format!("`{path}` is missing.")).with_param(path))
            }
        }
    }
}

/// What becomes of a message's members besides role and content. Clients send a provider's message back as they got it,
/// with all its empty members.
fn note_member(conversation: &mut Conversation<'_>, index: usize, name: &str, value: &RawValue) {
    let harmless = json::is_null(value)
        || is_left_out(LEFT_OUT, "messages[].", name)
        || (matches!(name, "tool_calls" | "annotations") && is_empty(value))
        || (matches!(name, "refusal" | "name") && json::is_string(value) && json::is_blank(value));
    if harmless {
        return;
    }
    let reason = match name {
        "tool_calls" | "function_call" | "tool_call_id" => "tool calls are not translated",
        "name" => "the provider's speakers have no names",
        "refusal" => "the provider takes no refusals",
        "audio" => "the provider takes no audio",
        "annotations" => "citations are not translated",
        _ => UNKNOWN_IN_MESSAGE,
    };
    conversation.losses.note(|| format!("messages[{index}].{name}"), reason);
}

impl<'a> Reader<'a> {
    fn finish(mut self) -> Result<Conversation<'a>, ApiError> {
        let fields = std::mem::take(&mut self.fields);
        let mut conversation = self.conversation;
        json::string(fields.model.ok_or_else(no_model)?).ok_or_else(model_is_no_string)?;
        if self.messages.is_none() {
            return Err(json::invalid("`messages` must hold at least one message.").with_param("messages"));
        }
        conversation.stream = flag(fields.stream, "stream")?;
        conversation.max_tokens = max_tokens(fields.max_tokens, fields.max_completion_tokens)?;
        conversation.temperature = fields::number(fields.temperature, "temperature")?;
        conversation.top_p = fields::number(fields.top_p, "top_p")?;
        conversation.stop = stop(fields.stop)?;
        conversation.user = user(fields.user, fields.safety_identifier)?;
        service_tier(&mut conversation, fields.service_tier);
        stream_options(&mut conversation, fields.stream_options)?;
        tool_fields(&mut conversation, &fields);
        Ok(conversation)
    }
}

/// `max_completion_tokens`, or its deprecated name. Both with different values are refused, as OpenAI does: either
/// choice would ignore what the client said.
fn max_tokens(old: Option<&RawValue>, new: Option<&RawValue>) -> Result<Option<u64>, ApiError> {
    let old = fields::count(old, "max_tokens")?;
    let new = fields::count(new, "max_completion_tokens")?;
    match (old, new) {
        (Some(old), Some(new)) if old != new => {
            let message = "`max_tokens` and `max_completion_tokens` are both given, with different values.";
            Err(json::invalid(message).with_param("max_tokens"))
        }
        (old, new) => Ok(new.or(old)),
    }
}

/// `stop`: a string or an array of them. An empty one stops nothing.
fn stop(value: Option<&RawValue>) -> Result<Vec<Stop<'_>>, ApiError> {
    let Some(value) = fields::present(value) else {
        return Ok(Vec::new());
    };
    if json::is_string(value) {
        let stop = Stop { text: value, path: "stop".to_owned() };
        return Ok(if value.get() == "\"\"" { Vec::new() } else { vec![stop] });
    }
    fields::strings(value, "stop")
}

/// Who the client's user is. `safety_identifier` is the newer name of the same, and wins.
fn user<'a>(
    user: Option<&'a RawValue>,
    safety_identifier: Option<&'a RawValue>,
) -> Result<Option<&'a RawValue>, ApiError> {
    let user = fields::string(user, "user")?;
    let safety_identifier = fields::string(safety_identifier, "safety_identifier")?;
    Ok(safety_identifier.or(user).filter(|user| !json::is_blank(user)))
}

fn service_tier(conversation: &mut Conversation<'_>, value: Option<&RawValue>) {
    let Some(value) = fields::present(value) else {
        return;
    };
    match json::string(value).as_deref() {
        Some("auto") => conversation.tier = Some(ServiceTier::Auto),
        Some("default") => conversation.tier = Some(ServiceTier::Standard),
        _ => conversation.losses.note(|| "service_tier".to_owned(), "the provider has no such tier"),
    }
}

fn stream_options(conversation: &mut Conversation<'_>, value: Option<&RawValue>) -> Result<(), ApiError> {
    // Its value is for who writes the client's stream; here it must only be one.
    include_usage(value)?;
    let Some(value) = fields::present(value) else {
        return Ok(());
    };
    json::object(value.get(), "stream_options", |key, value| {
        if !json::is_null(value) && !is_left_out(LEFT_OUT, "stream_options.", key) {
            conversation.losses.note(|| format!("stream_options.{}", shown(key)), UNKNOWN);
        }
        Ok(())
    })
}

/// What says how tools are used says nothing where there are none, unless it demands that one is used.
fn tool_fields(conversation: &mut Conversation<'_>, fields: &Fields<'_>) {
    let choices = [("tool_choice", fields.tool_choice), ("function_call", fields.function_call)];
    for (name, value) in choices {
        let Some(value) = fields::present(value) else { continue };
        let demands_nothing = harmless::is(value, "none") || harmless::is(value, "auto");
        if fields.has_tools || !demands_nothing {
            conversation.losses.note(|| name.to_owned(), "tool calls are not translated");
        }
    }
    if fields.has_tools && fields.parallel_tool_calls.is_some_and(|value| !json::is_null(value)) {
        conversation.losses.note(|| "parallel_tool_calls".to_owned(), "tool calls are not translated");
    }
}
