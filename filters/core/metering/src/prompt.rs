//! How many tokens a request's prompt is.

use crate::{Family, Memory, Part, Surface, meter::Meter, surface::Document};

/// How a number of tokens was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Counted with the model's own vocabulary, and with framing that its provider publishes.
    Exact,
    /// The vocabulary, or the framing of a part of the request, is not public: a close approximation.
    Estimated,
    /// The text was longer than [`Limits::extrapolate_above`]: samples of it were counted.
    Extrapolated,
}

impl Source {
    /// The name in metrics and filter state: `counted`, `estimated` or `extrapolated`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Exact => "counted",
            Self::Estimated => "estimated",
            Self::Extrapolated => "extrapolated",
        }
    }
}

/// What a prompt costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Tokens of the whole prompt: text, framing, tools, images and whatever else has a charge.
    pub tokens: u64,
    /// How they were found.
    pub source: Source,
    /// The first part whose cost cannot be known from the request and that has no configured charge. It is not in `tokens`.
    pub uncharged: Option<Part>,
}

/// How much work a count may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text above which evenly spaced samples are counted instead of everything. The samples together are about this long,
    /// so that no prompt costs more to count than one of this size.
    pub extrapolate_above: usize,
}

impl Limits {
    /// Everything is counted, however long it is.
    pub const NONE: Self = Self { extrapolate_above: usize::MAX };
}

impl Default for Limits {
    /// One mebibyte: some 250,000 tokens of English, more than most models take.
    fn default() -> Self {
        Self { extrapolate_above: 1 << 20 }
    }
}

/// A count that stops early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpTo {
    /// The prompt is within the limit.
    Within(Prompt),
    /// The prompt is more tokens than the limit; how many was not counted.
    MoreThan(u64),
}

/// What is known of a prompt as soon as it is known to be within a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// It is, and no more tokens than that.
    AtMost(u64),
    /// It is, for which everything had to be counted.
    Counted(Prompt),
    /// It is more tokens than the limit; how many was not counted.
    MoreThan(u64),
}

/// Why a body cannot be counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCountable {
    /// It is not UTF-8; bytes up to there are.
    #[error("the body is not valid UTF-8 (at byte {valid_up_to})")]
    NotUtf8 {
        /// How many bytes are valid.
        valid_up_to: usize,
    },
    /// It is no JSON.
    #[error("the body is not valid JSON (line {line}, column {column})")]
    NotJson {
        /// Counted from one.
        line: usize,
        /// Counted from one.
        column: usize,
    },
    /// It is JSON, but no object.
    #[error("the body is not a JSON object")]
    NotAnObject,
}

/// Counts the prompt of a request.
///
/// One pass over the body; strings without escapes are counted where they stand. A body longer than [`Limits::extrapolate_above`] is
/// passed once before, to see how much of it is text.
///
/// # Errors
///
/// [`NotCountable`] where the body is no JSON object. Nothing else is refused: what has the wrong type is counted as JSON text.
pub fn prompt(
    surface: Surface,
    family: &Family,
    body: &[u8],
    limits: &Limits,
    memory: &Memory,
) -> Result<Prompt, NotCountable> {
    match prompt_up_to(surface, family, body, limits, u64::MAX, memory)? {
        UpTo::Within(prompt) => Ok(prompt),
        // No prompt is more than that.
        UpTo::MoreThan(tokens) => Ok(Prompt { tokens, source: Source::Estimated, uncharged: None }),
    }
}

/// Counts the prompt of a request, and stops when it is more than `limit` tokens: the work is bounded by the limit, but for
/// text that is skipped unread.
///
/// Where the result is [`UpTo::Within`], it equals [`prompt`]'s. A body is read to its end only then: what is wrong behind the place
/// where the count stopped stays unseen.
///
/// # Errors
///
/// As [`prompt`].
pub fn prompt_up_to(
    surface: Surface,
    family: &Family,
    body: &[u8],
    limits: &Limits,
    limit: u64,
    memory: &Memory,
) -> Result<UpTo, NotCountable> {
    let document = Document::new(body)?;
    let framing = surface.framing(family);
    let mut meter = Meter::tokens(family, framing, memory).up_to(limit);
    if body.len() > limits.extrapolate_above {
        let mut all = Meter::bytes(family, framing);
        document.request(surface, &mut all)?;
        let bytes = all.text_bytes();
        if bytes > limits.extrapolate_above as u64 {
            meter = Meter::samples(family, framing, bytes, limits, memory);
        }
    }
    document.request(surface, &mut meter)?;

    let prompt = found(&meter);
    Ok(if prompt.tokens > limit { UpTo::MoreThan(limit) } else { UpTo::Within(prompt) })
}

/// Whether a prompt is within `limit`, by as little counting as that takes; `bound` is its [`bound`](crate::bound()).
///
/// Texts are counted one after the other, and each brings the bound down, until it is at most `limit`. So a prompt that is far from its limit
/// is counted in part. The body is read to its end only where the bound never becomes low enough.
///
/// # Errors
///
/// As [`prompt`].
pub fn within(
    surface: Surface,
    family: &Family,
    body: &[u8],
    bound: u64,
    limit: u64,
    memory: &Memory,
) -> Result<Within, NotCountable> {
    let framing = surface.framing(family);
    let mut meter = Meter::narrowing(family, framing, [bound, limit], memory).up_to(limit);
    Document::new(body)?.request(surface, &mut meter)?;
    if let Some(bound) = meter.narrowed() {
        return Ok(Within::AtMost(bound));
    }
    let prompt = found(&meter);
    Ok(if prompt.tokens > limit { Within::MoreThan(limit) } else { Within::Counted(prompt) })
}

/// What a meter has found.
fn found(meter: &Meter) -> Prompt {
    let source = if meter.is_extrapolated() {
        Source::Extrapolated
    } else if meter.is_estimated() {
        Source::Estimated
    } else {
        Source::Exact
    };
    Prompt { tokens: meter.total(), source, uncharged: meter.uncharged() }
}
