//! What ai-gateway's file may say about budgets.

use crate::json::{Node, Value};
use crate::place::Place;
use crate::problem::Findings;
use crate::read::{Expected, List, Read, mismatch};

/// The default of `default_completion_tokens`: longer than most answers, and short enough for a small budget.
pub(crate) const DEFAULT_COMPLETION_TOKENS: u64 = 2_048;
/// The default of `lease_seconds`: a little more than the 15 minutes that the rendered configurations allow a request.
pub(crate) const DEFAULT_LEASE_SECONDS: u64 = 960;
/// The most that `lease_seconds` may be: a day.
pub(crate) const MOST_LEASE_SECONDS: u64 = 86_400;
/// The default of `callers`.
pub(crate) const DEFAULT_CALLERS: u64 = 10_000;
/// The default of `keys`.
pub(crate) const DEFAULT_KEYS: u64 = 1_000;
/// The most that `callers` may be: some 280 MB for a quota, and 580 MB for a rate.
pub(crate) const MOST_CALLERS: u64 = 1_000_000;

section! {
    /// What callers may spend. A request is admitted only if every budget that applies to it has room for all that it may come to cost; what it
    /// did not need is given back when it is over.
    #[schema(rename = "Budgets")]
    struct RawBudgets;
    required {}
    optional {
        /// The budgets, in the order in which they are reserved.
        #[schema(extend("default" = []))]
        limits: List<RawLimit>,
        /// Tokens of an answer that are reserved where a request does not say how long it may become. An answer that becomes longer is charged
        /// in full, and the caller owes the rest.
        #[schema(extend("minimum" = 0, "maximum" = crate::raw::counting::MOST_TOKENS, "default" = DEFAULT_COMPLETION_TOKENS))]
        default_completion_tokens: u64,
        /// What becomes of a request whose answer may become longer than its budgets allow.
        #[schema(extend("default" = "as_asked"))]
        completions: RawCompletions,
        /// Where completions are shortened or bounded: the fewest tokens that are worth asking for. With less left the request is refused.
        #[schema(extend("minimum" = 1, "maximum" = crate::raw::counting::MOST_TOKENS, "default" = 16))]
        least_completion_tokens: u64,
        /// How long a reservation lasts that nobody settles, in seconds; longer than a request is allowed to take.
        #[schema(extend("minimum" = 1, "maximum" = MOST_LEASE_SECONDS, "default" = DEFAULT_LEASE_SECONDS))]
        lease_seconds: u64,
        /// What a client is charged that leaves before an answer of which it has seen nothing, and that is no stream.
        #[schema(extend("default" = "reserved"))]
        unseen_answer: RawUnseen,
        /// For how many keys with limits of their own there is room at the same time. One beyond that is refused with 503 until another's use no
        /// longer counts. Some 2 KB of memory for each, where keys can have limits.
        #[schema(extend("minimum" = 1, "maximum" = MOST_CALLERS, "default" = DEFAULT_KEYS))]
        keys: u64,
        /// Whether clients are told in headers how their budgets stand.
        #[schema(extend("default" = true))]
        headers: bool,
    }
}

section! {
    /// A budget: so much of something, for each caller.
    #[schema(rename = "Limit", extend("oneOf" = [{"required": ["rate"]}, {"required": ["quota"]}]))]
    struct RawLimit;
    required {
        /// Its name, for clients, logs and statistics: lower-case letters, digits, `-` and `_`.
        #[schema(extend("minLength" = 1, "maxLength" = 64, "pattern" = "^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$"))]
        name: String,
    }
    optional {
        /// Who has one of these budgets: every combination of these. With none, all callers share one.
        #[schema(extend("default" = [], "uniqueItems" = true))]
        per: List<RawScope>,
        /// The models that it applies to, by the names of `models` after aliases, or prefixes followed by `*`; all where it is absent.
        #[schema(extend("minItems" = 1))]
        models: List<String>,
        /// What is counted.
        #[schema(extend("default" = "tokens"))]
        unit: RawUnit,
        /// With `weighted_tokens`: what each kind of token counts.
        weights: RawWeights,
        /// So much per span of time, refilled continuously.
        rate: RawRate,
        /// So much in each window of the calendar.
        quota: RawQuota,
        /// Whether it is enforced.
        #[schema(extend("default" = "enforce"))]
        mode: RawBudgetMode,
        /// Sends requests to another model while the budget is nearly spent, instead of refusing them.
        downgrade: RawDowngrade,
        /// The status of a refusal.
        #[schema(extend("enum" = [402, 403, 429, 503], "default" = 429))]
        status: u64,
        /// Whether an answer is ended that has become longer than what was reserved for it and the budget has left: with the finish reason
        /// `length`. Only streams.
        #[schema(extend("default" = false))]
        hard_stop: bool,
        /// For how many callers its table has room whose use counts at the same time. The memory is taken when the filter is configured, some
        /// 280 bytes for each with a quota and 580 with a rate, whatever the number that come.
        #[schema(extend("minimum" = 1, "maximum" = MOST_CALLERS, "default" = DEFAULT_CALLERS))]
        callers: u64,
        /// What becomes of callers for whom the table has no room.
        #[schema(extend("default" = "share"))]
        when_full: RawWhenFull,
    }
}

section! {
    /// A rate: a bucket that is full at first and refills continuously.
    #[schema(rename = "Rate")]
    struct RawRate;
    required {
        /// How much is refilled in each span: a whole number, or for `dollars` a decimal number such as `0.50`.
        amount: RawAmount,
        /// The span.
        per: RawSpan,
    }
    optional {
        /// The most that can be spent at once; the `amount` where it is absent.
        burst: RawAmount,
    }
}

section! {
    /// A quota: so much in each window, which begin and end with the calendar.
    #[schema(rename = "Quota")]
    struct RawQuota;
    required {
        /// How much: a whole number, or for `dollars` a decimal number such as `500.50`.
        amount: RawAmount,
        /// The window.
        window: RawWindow,
    }
    optional {
        /// How far midnight is from that of UTC: `+02:00`, `-05:30`. There is no daylight saving.
        #[schema(extend("pattern" = r"^[+-]([01][0-9]|2[0-3]):[0-5][0-9]$", "default" = "+00:00"))]
        utc_offset: String,
    }
}

section! {
    /// What each kind of token counts, in thousandths.
    #[schema(rename = "Weights")]
    struct RawWeights;
    required {}
    optional {
        /// A token of the prompt.
        #[schema(extend("minimum" = 0, "maximum" = 1_000_000, "default" = 1000))]
        input_permille: u64,
        /// A token of the prompt that the provider had in its cache.
        #[schema(extend("minimum" = 0, "maximum" = 1_000_000, "default" = 1000))]
        cached_permille: u64,
        /// A token of the answer.
        #[schema(extend("minimum" = 0, "maximum" = 1_000_000, "default" = 1000))]
        output_permille: u64,
        /// A token that the model thought with.
        #[schema(extend("minimum" = 0, "maximum" = 1_000_000, "default" = 1000))]
        reasoning_permille: u64,
    }
}

section! {
    /// Another model in the place of one that the budget has hardly anything left for.
    #[schema(rename = "Downgrade")]
    struct RawDowngrade;
    required {
        /// The model, by a name that clients may ask for.
        #[schema(extend("minLength" = 1, "pattern" = r"^[^*]*$"))]
        to: String,
    }
    optional {
        /// It is used where less than this share of the budget is left.
        #[schema(extend("minimum" = 0, "maximum" = 100, "default" = 10))]
        below_percent: u64,
    }
}

/// An amount, as it was written: `100000`, `"0.50"`, `500.25`.
#[derive(Clone, Debug)]
pub(crate) struct RawAmount(pub(crate) String);

impl Read for RawAmount {
    fn read(node: Node, place: &Place, findings: &mut Findings) -> Option<Self> {
        match node.value {
            Value::Text(text) => Some(Self(text)),
            Value::Number(numeral) => Some(Self(numeral.text)),
            other => mismatch(Expected::Amount, &other, place, findings),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for RawAmount {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "number"],
            "pattern": r"^(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$",
            "minimum": 0,
        })
    }
}

choice! {
    /// What callers are told apart by.
    #[schema(rename = "Scope")]
    enum RawScope: "scope" {
        /// The user.
        User = "user",
        /// The user's team.
        Team = "team",
        /// The key that the caller showed.
        Key = "key",
        /// The model, by the name of its route.
        Model = "model",
    }
}

choice! {
    /// What a budget counts.
    #[schema(rename = "Unit")]
    enum RawUnit: "unit" {
        /// Tokens of prompts and answers together.
        Tokens = "tokens",
        /// Tokens of prompts.
        Input = "input_tokens",
        /// Tokens of answers.
        Output = "output_tokens",
        /// Tokens by their `weights`.
        Weighted = "weighted_tokens",
        /// Requests.
        Requests = "requests",
        /// What requests cost by `prices`.
        Dollars = "dollars",
    }
}

choice! {
    /// A length of time.
    #[schema(rename = "Span")]
    enum RawSpan: "span" {
        /// 1 s.
        Second = "second",
        /// 60 s.
        Minute = "minute",
        /// 3,600 s.
        Hour = "hour",
        /// 86,400 s.
        Day = "day",
    }
}

choice! {
    /// A window of the calendar.
    #[schema(rename = "Window")]
    enum RawWindow: "window" {
        /// From :00 to :59.
        Minute = "minute",
        /// From xx:00 to xx:59.
        Hour = "hour",
        /// From midnight to midnight.
        Day = "day",
        /// From Monday on.
        Week = "week",
        /// From the first on.
        Month = "month",
    }
}

choice! {
    /// Whether a budget is enforced.
    #[schema(rename = "BudgetMode")]
    enum RawBudgetMode: "mode" {
        /// It refuses what it has no room for.
        Enforce = "enforce",
        /// It counts, and reports what it would refuse.
        Shadow = "shadow",
    }
}

choice! {
    /// What becomes of a request whose answer may become longer than its budgets allow.
    #[schema(rename = "Completions")]
    enum RawCompletions: "choice" {
        /// It is refused.
        AsAsked = "as_asked",
        /// Its limit of tokens is lowered to what is left.
        Shortened = "shortened",
        /// The same, and a request that has no such limit gets `default_completion_tokens`: no answer becomes longer than what is reserved.
        Bounded = "bounded",
    }
}

choice! {
    /// What an answer is charged that nobody has seen.
    #[schema(rename = "UnseenAnswer")]
    enum RawUnseen: "choice" {
        /// All that was reserved: the provider may have written it to the end.
        Reserved = "reserved",
        /// Its prompt.
        Prompt = "prompt",
    }
}

choice! {
    /// What becomes of callers for whom a table has no room.
    #[schema(rename = "WhenFull")]
    enum RawWhenFull: "choice" {
        /// They share one caller's budget.
        Share = "share",
        /// They are refused with 503.
        Refuse = "refuse",
    }
}
