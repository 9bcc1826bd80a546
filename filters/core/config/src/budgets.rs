//! What ai-gateway's configuration means for budgets.

use budget::{Lease, Limit, Mode, Overflow, Span};

/// What callers may spend, and what goes for all of it.
#[derive(Clone, Debug)]
pub struct Budgets {
    /// The budgets, in the order in which they are reserved.
    pub limits: Vec<BudgetLimit>,
    /// Tokens of an answer that are reserved where a request does not say how long it may become.
    pub default_completion_tokens: u64,
    /// What becomes of a request whose answer may become longer than its budgets allow.
    pub completions: Completions,
    /// How long a reservation lasts that nobody settles.
    pub lease: Lease,
    /// What an answer is charged that nobody has seen.
    pub unseen_answer: UnseenAnswer,
    /// For how many keys with limits of their own there is room.
    pub keys: u32,
    /// Whether clients are told how their budgets stand.
    pub headers: BudgetHeaders,
}

/// One budget.
#[derive(Clone, Debug)]
pub struct BudgetLimit {
    /// Its name, for clients, logs and statistics.
    pub name: String,
    /// What callers are told apart by; with nothing all share one.
    pub per: Vec<Scope>,
    /// The numbers of the models that it applies to, among [`Models::routes`](crate::Models::routes).
    pub models: Vec<usize>,
    /// What is counted.
    pub unit: Unit,
    /// How much of it.
    pub limit: Limit,
    /// Whether it is enforced.
    pub mode: Mode,
    /// Another model while it is nearly spent.
    pub downgrade: Option<Downgrade>,
    /// The HTTP status of a refusal.
    pub status: u16,
    /// Whether a stream is ended that the budget has nothing left for.
    pub hard_stop: HardStop,
    /// For how many callers there is room.
    pub callers: u32,
    /// What becomes of the others.
    pub overflow: Overflow,
}

/// What callers are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The user.
    User,
    /// The user's team.
    Team,
    /// The key that the caller showed.
    Key,
    /// The model, by its route.
    Model,
}

/// What a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Tokens of prompts and answers together.
    Tokens,
    /// Tokens of prompts.
    Input,
    /// Tokens of answers.
    Output,
    /// Tokens by their weights.
    Weighted(Weights),
    /// Requests.
    Requests,
    /// Millionths of a dollar.
    MicroDollars,
}

/// What each kind of token counts, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// A token of the prompt.
    pub input: u64,
    /// One that the provider had in its cache.
    pub cached: u64,
    /// A token of the answer.
    pub output: u64,
    /// One that the model thought with.
    pub reasoning: u64,
}

/// Another model in the place of the one that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downgrade {
    /// Its name.
    pub to: String,
    /// It is used where less than this share is left, in percent.
    pub below_percent: u64,
}

/// What becomes of a request whose answer may become longer than its budgets allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completions {
    /// It is refused.
    AsAsked,
    /// Its limit of tokens is lowered to what is left; with [`Unlimited::Default`], one that has none gets the default.
    Shortened {
        /// The fewest tokens that are worth asking for.
        least: u64,
        /// What becomes of requests that do not say how long their answer may become.
        unlimited: Unlimited,
    },
}

/// What becomes of requests that do not say how long their answer may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlimited {
    /// Nothing: where the answer becomes longer than what was reserved, the caller owes the rest.
    AsAsked,
    /// They get the default as their limit.
    Default,
}

/// What an answer is charged that nobody has seen, because its client left before it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnseenAnswer {
    /// All that was reserved.
    Reserved,
    /// Its prompt.
    Prompt,
}

/// Whether clients are told in headers how their budgets stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetHeaders {
    /// They are.
    Shown,
    /// They are not.
    Absent,
}

/// Whether a stream is ended that the budget has nothing left for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HardStop {
    /// It is.
    Yes,
    /// It is not: what it costs beyond the budget is owed.
    No,
}

impl Budgets {
    /// None at all.
    pub(crate) const fn none() -> Self {
        Self {
            limits: Vec::new(),
            default_completion_tokens: crate::raw::budgets::DEFAULT_COMPLETION_TOKENS,
            completions: Completions::AsAsked,
            lease: Lease::new(Span(crate::raw::budgets::DEFAULT_LEASE_SECONDS * 1_000)),
            unseen_answer: UnseenAnswer::Reserved,
            keys: 1_000,
            headers: BudgetHeaders::Shown,
        }
    }
}

impl Unit {
    /// Its name in the configuration and in statistics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Input => "input_tokens",
            Self::Output => "output_tokens",
            Self::Weighted(_) => "weighted_tokens",
            Self::Requests => "requests",
            Self::MicroDollars => "dollars",
        }
    }
}
