//! What both APIs can say: the conversation between a reader and a writer, borrowed from the client's body.

use serde_json::value::RawValue;

use crate::{json, unsupported::Losses};

/// A request as both APIs can express it, and what else was found in it.
#[derive(Debug, Default)]
pub(super) struct Conversation<'a> {
    /// All text in its order, but for what is blank.
    pub(super) blocks: Vec<Block<'a>>,
    /// The most tokens that the answer may have.
    pub(super) max_tokens: Option<u64>,
    /// Where the answer shall stop.
    pub(super) stop: Vec<Stop<'a>>,
    /// Sampling temperature.
    pub(super) temperature: Option<Number<'a>>,
    /// Nucleus sampling.
    pub(super) top_p: Option<Number<'a>>,
    /// Whether the answer shall be streamed.
    pub(super) stream: bool,
    /// Whose request it is, as the client's operator knows them: a JSON string.
    pub(super) user: Option<&'a RawValue>,
    /// How the provider shall serve it.
    pub(super) tier: Option<ServiceTier>,
    /// What cannot be expressed.
    pub(super) losses: Losses,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The operator; `developer` in newer requests of OpenAI's.
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
}

/// A piece of text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    /// Who says it.
    pub(super) role: Role,
    /// Which message of the request it is from.
    pub(super) message: usize,
    /// The text: a JSON string, passed on as it is written.
    pub(super) text: &'a RawValue,
    /// Anthropic's cache breakpoint, which some OpenAI clients set as well.
    pub(super) cache_control: Option<&'a RawValue>,
}

impl<'a> Block<'a> {
    /// Text without anything else; none where it is blank, which Anthropic refuses and which tells a model nothing.
    pub(super) fn text(role: Role, message: usize, text: &'a RawValue) -> Option<Self> {
        (!json::is_blank(text)).then_some(Self { role, message, text, cache_control: None })
    }
}

/// A stop sequence.
#[derive(Debug)]
pub(super) struct Stop<'a> {
    /// The sequence: a JSON string.
    pub(super) text: &'a RawValue,
    /// Where it stands in the request.
    pub(super) path: String,
}

/// A number, kept as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<'a> {
    /// As it is written.
    pub(super) raw: &'a RawValue,
    /// Its value.
    pub(super) value: f64,
}

/// The tiers that both APIs have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServiceTier {
    /// The best that the account has: `auto` in both.
    Auto,
    /// The ordinary one: `default` in OpenAI's terms, `standard_only` in Anthropic's.
    Standard,
}

impl<'a> Conversation<'a> {
    /// Runs of text with one speaker, among those that `include` picks.
    pub(super) fn turns(&self, include: impl Fn(Role) -> bool) -> Vec<Turn<'_, 'a>> {
        let mut turns: Vec<Turn<'_, 'a>> = Vec::with_capacity(self.blocks.len());
        for block in self.blocks.iter().filter(|block| include(block.role)) {
            match turns.last_mut() {
                Some(turn) if turn.role == block.role => turn.blocks.push(block),
                _ => turns.push(Turn { role: block.role, blocks: vec![block] }),
            }
        }
        turns
    }

    /// The last block that is not the operator's.
    pub(super) fn last_spoken(&self) -> Option<&Block<'a>> {
        self.blocks.iter().rev().find(|block| block.role != Role::System)
    }
}

/// What one speaker says before another does.
#[derive(Debug)]
pub(super) struct Turn<'s, 'a> {
    /// Who.
    pub(super) role: Role,
    /// What; never empty.
    pub(super) blocks: Vec<&'s Block<'a>>,
}
