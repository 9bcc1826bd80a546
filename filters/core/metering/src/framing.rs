//! What a provider adds to the text of a request: the tokens around messages, calls and tool definitions.
//!
//! The sources, as read in November 2026:
//!
//! * \[cookbook\] `How_to_count_tokens_with_tiktoken.ipynb` in OpenAI's cookbook: `num_tokens_from_messages`, `num_tokens_for_tools`.
//!   Its examples are tests of this crate. It calls itself an estimate that may change with models; nothing newer is published.
//! * \[tool use\] the table "Tool use system prompt token count" of
//!   <https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview>.
//! * \[ctok\] the measurements of the package `ctok` 1.3.0, an offline reconstruction of Claude's counts: a request of one user message
//!   is its text and 7 tokens (Claude 3 to 4.6), 11 (4.7) or 6 (4.8 and later).
//!
//! [`bound`](crate::bound()) takes the length of a body for more than its text and framing together. That holds because nothing here is
//! larger than the JSON it is charged for: see there, and keep it so.

/// What a chat is framed with. Numbers are tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Framing {
    /// Around each message.
    pub(crate) message: u64,
    /// Whether a message's role is text beside that.
    pub(crate) role: Role,
    /// For a message's `name`, beside its text.
    pub(crate) name: u64,
    /// Once, for the beginning of the answer.
    pub(crate) priming: u64,
    /// Around each tool call, beside its name and arguments.
    pub(crate) tool_call: u64,
    /// Tool definitions.
    pub(crate) tools: ToolFraming,
}

/// How a message's role counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// As text.
    Text,
    /// Within [`Framing::message`].
    Framed,
}

/// How tool definitions are shown to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ToolFraming {
    /// By OpenAI's rule, with so many tokens for each function.
    Functions {
        /// `func_init`.
        function: u64,
    },
    /// As JSON, behind a system prompt about tools.
    Json {
        /// The prompt where the model may call a tool or not: `tool_choice` `auto` or `none`.
        auto: u64,
        /// The prompt where it must: `any` or `tool`.
        forced: u64,
    },
}

impl ToolFraming {
    /// As JSON, without any prompt.
    pub(crate) const BARE: Self = Self::Json { auto: 0, forced: 0 };

    /// The larger of the prompts.
    pub(crate) const fn largest_prompt(self) -> u64 {
        match self {
            Self::Functions { .. } => 0,
            Self::Json { auto, forced } if auto > forced => auto,
            Self::Json { forced, .. } => forced,
        }
    }
}

/// \[cookbook\] `prop_init`: once for a function with parameters.
pub(crate) const PROPERTIES: u64 = 3;
/// \[cookbook\] `prop_key`: for each parameter.
pub(crate) const PROPERTY: u64 = 3;
/// \[cookbook\] `enum_init`, which is −3: what an enumeration takes back.
pub(crate) const ENUMERATION_DISCOUNT: u64 = 3;
/// \[cookbook\] `enum_item`: for each value.
pub(crate) const ENUMERATION_ITEM: u64 = 3;
/// \[cookbook\] `func_end`: once, behind all functions.
pub(crate) const FUNCTIONS_END: u64 = 12;

/// For a tool that is named in `tool_choice`, beside its name. Not published; as LiteLLM counts it, after observations by hmarr.
pub(crate) const TOOL_CHOICE_NAMED: u64 = 7;
/// For `tool_choice: "none"`. Not published; from the same observations.
pub(crate) const TOOL_CHOICE_NONE: u64 = 1;

impl Framing {
    /// No framing: embeddings, and answers.
    pub(crate) const NONE: Self =
        Self { message: 0, role: Role::Framed, name: 0, priming: 0, tool_call: 3, tools: ToolFraming::BARE };

    /// \[cookbook\] GPT-4o and later. `tool_call` is not published: 1 to 3 were seen.
    pub(crate) const OPENAI: Self = Self {
        message: 3,
        role: Role::Text,
        name: 1,
        priming: 3,
        tool_call: 3,
        tools: ToolFraming::Functions { function: 7 },
    };

    /// \[cookbook\] GPT-4 and GPT-3.5.
    pub(crate) const OPENAI_CL100K: Self =
        Self { tools: ToolFraming::Functions { function: 10 }, ..Self::OPENAI };

    /// Other vendors' chat templates, which differ by a token or two: Llama 3's header is four tokens and a role.
    pub(crate) const OTHER: Self =
        Self { message: 4, role: Role::Text, name: 1, priming: 3, tool_call: 4, tools: ToolFraming::BARE };

    /// \[ctok\] Claude 3 to 4.6: 7 for one message. How they divide into message and priming was not measured.
    pub(crate) const fn claude_3(auto: u64, forced: u64) -> Self {
        Self {
            message: 4,
            role: Role::Framed,
            name: 0,
            priming: 3,
            tool_call: 4,
            tools: ToolFraming::Json { auto, forced },
        }
    }

    /// \[ctok\] Claude 4.7: 11 for one message.
    pub(crate) const fn claude_4_7(auto: u64, forced: u64) -> Self {
        Self { message: 7, priming: 4, ..Self::claude_3(auto, forced) }
    }

    /// \[ctok\] Claude 4.8 and later: 6 for one message.
    pub(crate) const fn claude_4_8(auto: u64, forced: u64) -> Self {
        Self { message: 3, ..Self::claude_3(auto, forced) }
    }
}
