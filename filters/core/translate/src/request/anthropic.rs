//! Reads a Messages request.
//!
//! Source: the `anthropic` Python SDK 2.12, `types/message_create_params.py` and `types/text_block_param.py`.

use std::borrow::Cow;

use llm_api::ApiError;
use serde_json::value::RawValue;

use super::{
    content::{self, Member, PartRules},
    conversation::{Conversation, Role, ServiceTier},
    fields,
    harmless::{self, LeftOut, Parameter, is_empty, is_left_out, is_standard, is_type_disabled, never},
};
use crate::{
    json::{self, Document, Objects, is_blank},
    peek::{flag, model_is_no_string, no_model},
    unsupported::shown,
};

/// Parameters that no other API here has, or not yet here.
const PARAMETERS: &[Parameter] = &[
    Parameter { name: "top_k", harmless: never, reason: "the provider has no `top_k`" },
    Parameter { name: "thinking", harmless: is_type_disabled, reason: "thinking is not translated" },
    Parameter {
        name: "output_config",
        harmless: is_empty,
        reason: "effort and structured output are not translated",
    },
    Parameter { name: "output_format", harmless: never, reason: "structured output is not translated" },
    Parameter { name: "tools", harmless: is_empty, reason: "tool calls are not translated" },
    Parameter {
        name: "mcp_servers",
        harmless: is_empty,
        reason: "the provider runs no tools for a conversation",
    },
    Parameter { name: "container", harmless: never, reason: "the provider has no containers" },
    Parameter {
        name: "context_management",
        harmless: is_empty,
        reason: "the provider does not edit the context",
    },
    Parameter { name: "fallbacks", harmless: is_empty, reason: "the provider has no fallbacks of its own" },
    Parameter {
        name: "inference_geo",
        harmless: never,
        reason: "the provider does not choose where it computes",
    },
    Parameter { name: "speed", harmless: is_standard, reason: "the provider has no such speed" },
];

/// Fields that steer nothing of what the model answers.
pub(super) const LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        path: "cache_control",
        why: "what is cached of the prompt; a matter of cost, and OpenAI caches on its own",
    },
    LeftOut { path: "system[].cache_control", why: "as `cache_control`" },
    LeftOut { path: "messages[].content[].cache_control", why: "as `cache_control`" },
    LeftOut { path: "diagnostics", why: "what Anthropic reports of its own cache" },
    LeftOut {
        path: "metadata.user_id",
        why: "whose request it is, for finding abuse; left out above the 64 characters that OpenAI takes",
    },
    LeftOut {
        path: "messages[].content[].thinking",
        why: "thinking without a signature, as this gateway's answers carry it; Chat Completions takes no earlier reasoning",
    },
];

const UNKNOWN: &str = "not a parameter that is known here";

const PARTS: PartRules = PartRules {
    other_type: |kind| match kind {
        "image" => "images are not translated",
        "document" | "search_result" => "documents are not translated",
        "tool_use" | "server_tool_use" => "tool calls are not translated",
        "tool_result" => "tool results are not translated",
        "thinking" | "redacted_thinking" => "thinking is not translated",
        _ => "not a content block that is known here",
    },
    // Thinking without a signature is none of Anthropic's, and Anthropic itself would refuse it.
    left_out: |kind, members| {
        kind == "thinking" && members.iter().all(|(name, value)| name != "signature" || is_blank(value))
    },
    member: |name, value| match name {
        _ if is_left_out(LEFT_OUT, "messages[].content[].", name) => Member::Harmless,
        "citations" if is_empty(value) => Member::Harmless,
        "citations" => Member::Unsupported("citations are not translated"),
        _ => Member::Unsupported("not a member of text blocks that is known here"),
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
    system: Option<&'a RawValue>,
    stop_sequences: Option<&'a RawValue>,
    temperature: Option<&'a RawValue>,
    top_p: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    metadata: Option<&'a RawValue>,
    service_tier: Option<&'a RawValue>,
    tool_choice: Option<&'a RawValue>,
    has_tools: bool,
}

#[derive(Default)]
struct Message<'a> {
    role: Option<&'a RawValue>,
    content: Option<&'a RawValue>,
}

impl<'a> Document<'a> for Reader<'a> {
    fn field(&mut self, key: &str, value: &'a RawValue) -> Result<(), ApiError> {
        let slot = match key {
            "model" => &mut self.fields.model,
            "max_tokens" => &mut self.fields.max_tokens,
            "system" => &mut self.fields.system,
            "stop_sequences" => &mut self.fields.stop_sequences,
            "temperature" => &mut self.fields.temperature,
            "top_p" => &mut self.fields.top_p,
            "stream" => &mut self.fields.stream,
            "metadata" => &mut self.fields.metadata,
            "service_tier" => &mut self.fields.service_tier,
            "tool_choice" => &mut self.fields.tool_choice,
            _ => {
                let harmless =
                    harmless::note(&mut self.conversation.losses, PARAMETERS, LEFT_OUT, UNKNOWN, key, value);
                self.fields.has_tools |= !harmless && key == "tools";
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
                if !json::is_null(value) {
                    let path = || format!("messages[{index}].{}", shown(key));
                    self.conversation.losses.note(path, "not a member of messages that is known here");
                }
                Ok(())
            }
        }
    }

    fn end(&mut self, index: usize) -> Result<(), ApiError> {
        self.messages = Some(index);
        let message = std::mem::take(&mut self.message);
        let role = match message.role.and_then(json::string).as_deref() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            // In the middle of a conversation, for the newest models.
            Some("system") => Role::System,
            _ => {
                let path = format!("messages[{index}].role");
                return Err(json::invalid(format!("`{path}` must be `user`, `assistant` or `system`."))
                    .with_param(path));
            }
        };
        let path = format!("messages[{index}].content");
        let content = fields::present(message.content)
            .ok_or_else(|| json::invalid(format!("`{path}` is missing.")).with_param(path.as_str()))?;
        content::read(&mut self.conversation, &PARTS, role, index, &path, content)
    }
}

impl<'a> Reader<'a> {
    fn finish(mut self) -> Result<Conversation<'a>, ApiError> {
        let fields = std::mem::take(&mut self.fields);
        let mut conversation = self.conversation;
        json::string(fields.model.ok_or_else(no_model)?).ok_or_else(model_is_no_string)?;
        if self.messages.is_none() {
            return Err(json::invalid("`messages` must hold at least one message.").with_param("messages"));
        }
        conversation.max_tokens = fields::count(fields.max_tokens, "max_tokens")?;
        if conversation.max_tokens.is_none() {
            return Err(json::invalid("`max_tokens` is missing.").with_param("max_tokens"));
        }
        conversation.stream = flag(fields.stream, "stream")?;
        conversation.temperature = fields::number(fields.temperature, "temperature")?;
        conversation.top_p = fields::number(fields.top_p, "top_p")?;
        if let Some(stop) = fields::present(fields.stop_sequences) {
            conversation.stop = fields::strings(stop, "stop_sequences")?;
        }
        if let Some(system) = fields::present(fields.system) {
            system_prompt(&mut conversation, system)?;
        }
        if let Some(metadata) = fields::present(fields.metadata) {
            read_metadata(&mut conversation, metadata)?;
        }
        if let Some(tier) = fields::present(fields.service_tier) {
            service_tier(&mut conversation, tier);
        }
        tool_choice(&mut conversation, &fields);
        Ok(conversation)
    }
}

/// `system` comes before all messages, wherever the body has it.
fn system_prompt<'a>(conversation: &mut Conversation<'a>, system: &'a RawValue) -> Result<(), ApiError> {
    let messages = std::mem::take(&mut conversation.blocks);
    content::read(conversation, &PARTS, Role::System, 0, "system", system)?;
    conversation.blocks.extend(messages);
    Ok(())
}

fn read_metadata<'a>(conversation: &mut Conversation<'a>, metadata: &'a RawValue) -> Result<(), ApiError> {
    let mut user_id = None;
    let losses = &mut conversation.losses;
    json::object(metadata.get(), "metadata", |key, value| {
        if key == "user_id" {
            return json::once(&mut user_id, value, || "metadata.user_id".to_owned());
        }
        if !json::is_null(value) {
            losses.note(|| format!("metadata.{}", shown(key)), UNKNOWN);
        }
        Ok(())
    })?;
    conversation.user = fields::string(user_id, "metadata.user_id")?.filter(|user| !json::is_blank(user));
    Ok(())
}

fn service_tier(conversation: &mut Conversation<'_>, tier: &RawValue) {
    match json::string(tier).as_deref() {
        Some("auto") => conversation.tier = Some(ServiceTier::Auto),
        Some("standard_only") => conversation.tier = Some(ServiceTier::Standard),
        _ => conversation.losses.note(|| "service_tier".to_owned(), "the provider has no such tier"),
    }
}

/// How tools are chosen says nothing where there are none, unless it demands that one is used.
fn tool_choice(conversation: &mut Conversation<'_>, fields: &Fields<'_>) {
    let Some(choice) = fields::present(fields.tool_choice) else { return };
    let demands_nothing = harmless::is_only_type(choice, "none") || harmless::is_only_type(choice, "auto");
    if fields.has_tools || !demands_nothing {
        conversation.losses.note(|| "tool_choice".to_owned(), "tool calls are not translated");
    }
}
