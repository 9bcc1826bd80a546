//! The content of a message: a string, or an array of typed parts of which text is what both APIs have.

use std::borrow::Cow;

use llm_api::ApiError;
use serde_json::value::RawValue;

use super::conversation::{Block, Conversation, Role};
use crate::{
    json::{self, Objects},
    unsupported::shown,
};

/// What a dialect's parts may hold besides text.
pub(super) struct PartRules {
    /// Why a part of this type cannot be expressed; asked for every type but `text`.
    pub(super) other_type: fn(&str) -> &'static str,
    /// Whether a part of this type, with these members besides `type` and `text`, tells the model nothing and is left out.
    pub(super) left_out: fn(&str, &[(String, &RawValue)]) -> bool,
    /// What becomes of a member of a text part besides `type` and `text`.
    pub(super) member: fn(&str, &RawValue) -> Member,
}

/// What becomes of a member of a text part.
pub(super) enum Member {
    /// It is a cache breakpoint, and kept.
    CacheControl,
    /// It changes nothing, and is left out.
    Harmless,
    /// It cannot be expressed.
    Unsupported(&'static str),
}

/// Reads a message's content, or a system prompt, into the conversation. `path` is its path.
pub(super) fn read<'a>(
    conversation: &mut Conversation<'a>,
    rules: &PartRules,
    role: Role,
    message: usize,
    path: &str,
    content: &'a RawValue,
) -> Result<(), ApiError> {
    if json::is_string(content) {
        conversation.blocks.extend(Block::text(role, message, content));
        return Ok(());
    }
    if !content.get().starts_with('[') {
        let message = format!("`{path}` must be a string or an array of content parts.");
        return Err(json::invalid(message).with_param(path));
    }
    let mut parts = Parts { conversation, rules, role, message, path, part: Part::default() };
    json::objects(content, &mut parts)
}

struct Parts<'s, 'a> {
    conversation: &'s mut Conversation<'a>,
    rules: &'s PartRules,
    role: Role,
    message: usize,
    path: &'s str,
    part: Part<'a>,
}

#[derive(Default)]
struct Part<'a> {
    kind: Option<&'a RawValue>,
    text: Option<&'a RawValue>,
    others: Vec<(String, &'a RawValue)>,
}

impl<'a> Objects<'a> for Parts<'_, 'a> {
    fn path(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.path)
    }

    fn member(&mut self, index: usize, key: &str, value: &'a RawValue) -> Result<(), ApiError> {
        match key {
            "type" => json::once(&mut self.part.kind, value, || format!("{}[{index}].type", self.path)),
            "text" => json::once(&mut self.part.text, value, || format!("{}[{index}].text", self.path)),
            _ => {
                self.part.others.push((shown(key), value));
                Ok(())
            }
        }
    }

    fn end(&mut self, index: usize) -> Result<(), ApiError> {
        let part = std::mem::take(&mut self.part);
        let path = || format!("{}[{index}]", self.path);
        let Some(kind) = part.kind.and_then(json::string) else {
            let path = format!("{}.type", path());
            return Err(json::invalid(format!("`{path}` must be a string.")).with_param(path));
        };
        if kind != "text" {
            if !(self.rules.left_out)(&kind, &part.others) {
                self.conversation.losses.note(path, (self.rules.other_type)(&kind));
            }
            return Ok(());
        }
        let Some(text) = part.text.filter(|text| json::is_string(text)) else {
            let path = format!("{}.text", path());
            return Err(json::invalid(format!("`{path}` must be a string.")).with_param(path));
        };

        let mut cache_control = None;
        for (name, value) in part.others.into_iter().filter(|(_, value)| !json::is_null(value)) {
            match (self.rules.member)(&name, value) {
                Member::CacheControl => {
                    json::once(&mut cache_control, value, || format!("{}.cache_control", path()))?;
                }
                Member::Harmless => {}
                Member::Unsupported(reason) => {
                    self.conversation.losses.note(|| format!("{}.{name}", path()), reason);
                }
            }
        }
        let block = Block::text(self.role, self.message, text);
        self.conversation.blocks.extend(block.map(|block| Block { cache_control, ..block }));
        Ok(())
    }
}
