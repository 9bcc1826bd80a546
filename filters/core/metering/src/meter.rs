//! What a reader adds everything up in: text by its tokens or by its bytes, and framing and charges as they are.

use serde::de;
use tokens::{Bound, Encoding, UpTo};

use crate::{
    Charges, Counting, Family, Limits, Memory, Part, TextPermille,
    framing::Framing,
    image::{Detail, Images, Size},
    json,
    mix::Mix,
};

/// The sum of a request, or of an answer.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) framing: Framing,
    encoding: Encoding,
    counting: Counting,
    images: Images,
    audio_per_second: Option<u64>,
    charges: Charges,
    measure: Measure,
    /// Tokens of text, in 1/1000.
    text: u64,
    /// Those of them that are thought.
    thought: u64,
    /// Framing and charges.
    whole: u64,
    /// Whether something was added that is not known for sure.
    estimated: bool,
    uncharged: Option<Part>,
    /// Where to stop: the sum is not needed when it is more than that.
    limit: u64,
}

/// How text is measured.
#[derive(Debug)]
enum Measure {
    /// One token for each byte, times the family's largest multiplier: never less than there are.
    Bytes,
    Tokens(Memory),
    /// As tokens, until the bound of everything is low enough.
    Narrowing(Narrowing),
    Samples(Samples),
}

/// A bound that comes down with each text that is counted, by as much as the text has fewer tokens than its bound.
#[derive(Debug)]
struct Narrowing {
    memory: Memory,
    /// The bound of everything, in 1/1000 tokens.
    bound: u64,
    /// Where it is low enough.
    enough: u64,
}

/// Evenly spaced samples of all text, as if it were one.
#[derive(Debug)]
struct Samples {
    /// From the beginning of one sample to the next.
    stride: u64,
    /// Length of each.
    window: u64,
    /// Bytes of text until now.
    at: u64,
    /// Bytes of them that were counted.
    counted: u64,
    memory: Memory,
}

/// How many samples are taken: as many as LiteLLM takes.
const SAMPLES: u64 = 16;

/// Which text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What is said.
    Said,
    /// What was thought.
    Thought,
}

impl Meter {
    /// Counts tokens.
    pub(crate) fn tokens(family: &Family, framing: Framing, memory: &Memory) -> Self {
        Self::new(family, framing, Measure::Tokens(memory.clone()))
    }

    fn new(family: &Family, framing: Framing, measure: Measure) -> Self {
        Self {
            framing,
            encoding: family.encoding(),
            counting: family.counting(),
            images: family.images(),
            audio_per_second: family.audio_per_second(),
            charges: family.charges(),
            measure,
            text: 0,
            thought: 0,
            whole: 0,
            estimated: !family.is_exact(),
            uncharged: None,
            limit: u64::MAX,
        }
    }

    /// Takes each byte for a token.
    pub(crate) fn bytes(family: &Family, framing: Framing) -> Self {
        Self::new(family, framing, Measure::Bytes)
    }

    /// Counts tokens until the bound of everything, which this is, has come down to so many.
    pub(crate) fn narrowing(
        family: &Family,
        framing: Framing,
        [bound, enough]: [u64; 2],
        memory: &Memory,
    ) -> Self {
        let milli = |tokens: u64| tokens.saturating_mul(1_000);
        let narrowing = Narrowing { memory: memory.clone(), bound: milli(bound), enough: milli(enough) };
        Self::new(family, framing, Measure::Narrowing(narrowing))
    }

    /// Counts samples of a text of so many bytes.
    pub(crate) fn samples(
        family: &Family,
        framing: Framing,
        total: u64,
        limits: &Limits,
        memory: &Memory,
    ) -> Self {
        let window = (limits.extrapolate_above as u64).div_ceil(SAMPLES).max(1);
        let stride = total.div_ceil(SAMPLES).max(window);
        let samples = Samples { stride, window, at: 0, counted: 0, memory: memory.clone() };
        Self::new(family, framing, Measure::Samples(samples))
    }

    /// Stops above so many tokens.
    pub(crate) fn up_to(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// Adds text.
    pub(crate) fn text(&mut self, text: &str) {
        self.text_of(Kind::Said, text);
    }

    /// Adds text of a kind.
    pub(crate) fn text_of(&mut self, kind: Kind, text: &str) {
        if text.is_empty() {
            return;
        }
        let (encoding, counting) = (self.encoding, self.counting);
        let added = match &mut self.measure {
            Measure::Bytes => largest_permille(counting).saturating_mul(text.len() as u64),
            Measure::Tokens(memory) if self.limit == u64::MAX => milli(encoding, counting, text, memory),
            Measure::Tokens(memory) => {
                let left = self.limit.saturating_sub(self.whole).saturating_add(1).saturating_mul(1_000);
                milli_up_to(encoding, counting, text, left.saturating_sub(self.text), memory)
            }
            Measure::Narrowing(narrowing) => {
                let left = self.limit.saturating_sub(self.whole).saturating_add(1).saturating_mul(1_000);
                narrowing.milli(encoding, counting, text, left.saturating_sub(self.text))
            }
            Measure::Samples(samples) => samples.milli(encoding, counting, text),
        };
        self.text = self.text.saturating_add(added);
        if kind == Kind::Thought {
            self.thought = self.thought.saturating_add(added);
        }
    }

    /// Adds JSON as the text that it is.
    pub(crate) fn json(&mut self, raw: &str) {
        match self.measure {
            Measure::Bytes => self.text(raw),
            _ => self.text(&json::compact(raw)),
        }
    }

    /// Adds framing.
    pub(crate) fn frame(&mut self, tokens: u64) {
        self.whole = self.whole.saturating_add(tokens);
    }

    /// Adds a message's frame and role.
    pub(crate) fn message(&mut self, role: &str) {
        self.frame(self.framing.message);
        if self.framing.role == crate::framing::Role::Text {
            self.text(role);
        }
    }

    /// Adds what only its provider can read, such as encrypted thought: about as many tokens as it would be of text.
    pub(crate) fn opaque(&mut self, base64_len: usize) {
        self.estimate();
        self.frame((base64_len as u64).div_ceil(4));
    }

    /// Adds an image.
    pub(crate) fn image(&mut self, size: Option<Size>, detail: Detail) {
        let formula = size.and_then(|size| self.images.tokens(size, detail));
        if formula.is_none() || !self.images.is_exact() {
            self.estimate();
        }
        let most = self.images.at_most(detail);
        let tokens = match (self.is_bound(), formula) {
            // Bills above the formula were seen, none above the maximum.
            (true, Some(formula)) if !self.images.is_exact() => Some(most.unwrap_or(formula).max(formula)),
            (_, Some(formula)) => Some(formula),
            (_, None) => self.charges.image.or(most),
        };
        self.charge(tokens, Part::Image);
    }

    /// Adds a sound that takes so long.
    pub(crate) fn audio(&mut self, millis: Option<u64>) {
        let formula = millis.zip(self.audio_per_second);
        let formula = formula.map(|(millis, rate)| millis.saturating_mul(rate).div_ceil(1_000));
        self.charge(formula.or(self.charges.audio), Part::Audio);
        self.estimate();
    }

    /// Adds a part whose cost cannot be read.
    pub(crate) fn unknown(&mut self, part: Part) {
        let charge = match part {
            Part::Image => self.charges.image,
            Part::Audio => self.charges.audio,
            Part::File => self.charges.file,
            Part::Stored | Part::HostedTool | Part::Other | Part::Body => self.charges.other,
        };
        self.charge(charge, part);
        self.estimate();
    }

    fn charge(&mut self, tokens: Option<u64>, part: Part) {
        match tokens {
            Some(tokens) => self.frame(tokens),
            None => self.uncharged = self.uncharged.or(Some(part)),
        }
    }

    /// Something was added that is not known for sure.
    pub(crate) fn estimate(&mut self) {
        self.estimated = true;
    }

    pub(crate) const fn is_estimated(&self) -> bool {
        self.estimated
    }

    pub(crate) const fn uncharged(&self) -> Option<Part> {
        self.uncharged
    }

    /// Whether bytes are taken for tokens.
    pub(crate) const fn is_bound(&self) -> bool {
        matches!(self.measure, Measure::Bytes)
    }

    /// Stops a reader when there is nothing left to find out.
    pub(crate) fn go_on<E: de::Error>(&self) -> Result<(), E> {
        if self.is_decided() { Err(E::custom("there is nothing left to find out")) } else { Ok(()) }
    }

    /// Whether it is known that the limit is exceeded, or that it is not.
    pub(crate) fn is_decided(&self) -> bool {
        self.is_over() || self.narrowed().is_some()
    }

    /// The bound of everything, where it has become low enough.
    pub(crate) fn narrowed(&self) -> Option<u64> {
        match &self.measure {
            Measure::Narrowing(Narrowing { bound, enough, .. }) if bound <= enough => {
                Some(bound.div_ceil(1_000))
            }
            _ => None,
        }
    }

    /// Bytes of text, as counted by [`bytes`](Self::bytes).
    pub(crate) fn text_bytes(&self) -> u64 {
        self.text.checked_div(largest_permille(self.counting)).unwrap_or(0)
    }

    /// Whether some of the text was not counted.
    pub(crate) const fn is_extrapolated(&self) -> bool {
        match &self.measure {
            Measure::Samples(samples) => samples.counted < samples.at,
            _ => false,
        }
    }

    /// Whether the limit is exceeded.
    pub(crate) fn is_over(&self) -> bool {
        self.limit != u64::MAX && self.total() > self.limit
    }

    /// Tokens of everything.
    pub(crate) fn total(&self) -> u64 {
        self.whole.saturating_add(self.extrapolated(self.text).div_ceil(1_000))
    }

    /// Tokens of everything but what was thought.
    pub(crate) fn said(&self) -> u64 {
        self.whole.saturating_add(self.extrapolated(self.text.saturating_sub(self.thought)).div_ceil(1_000))
    }

    /// Tokens of what was thought.
    pub(crate) fn thought(&self) -> u64 {
        self.extrapolated(self.thought).div_ceil(1_000)
    }

    fn extrapolated(&self, text: u64) -> u64 {
        match &self.measure {
            Measure::Samples(samples) if samples.counted < samples.at => {
                let all = u128::from(text).saturating_mul(samples.at.into());
                let all = all.div_ceil(u128::from(samples.counted.max(1)));
                u64::try_from(all).unwrap_or(u64::MAX)
            }
            _ => text,
        }
    }
}

impl Narrowing {
    /// 1/1000 tokens of a text, or a bound of them if that is enough, or some number above the limit.
    fn milli(&mut self, encoding: Encoding, counting: Counting, text: &str, limit: u64) -> u64 {
        let permille = permille(counting, text);
        let tokens = |milli: u64| milli.checked_div(permille).unwrap_or(milli);
        let most = largest_permille(counting).saturating_mul(text.len() as u64);
        let others = self.bound.saturating_sub(most);
        // What this text may have at most for the sum to be low enough: none, where the others are too many already.
        let enough = tokens(self.enough.saturating_sub(others));
        let limit = tokens(limit).saturating_add(1);
        let bound = self.memory.with(|memory| encoding.bound_with(text, enough, limit, memory));
        let milli = match bound {
            Bound::Exactly(tokens) | Bound::AtMost(tokens) => tokens.saturating_mul(permille),
            Bound::MoreThan(tokens) => return tokens.saturating_add(1).saturating_mul(permille),
        };
        self.bound = others.saturating_add(milli.min(most));
        milli
    }
}

impl Samples {
    /// 1/1000 tokens of that part of the text that is in a sample.
    fn milli(&mut self, encoding: Encoding, counting: Counting, text: &str) -> u64 {
        let (begin, end) = (self.at, self.at.saturating_add(text.len() as u64));
        self.at = end;
        let mut sum = 0_u64;
        let mut from = begin.checked_div(self.stride).unwrap_or(0).saturating_mul(self.stride);
        while from < end {
            let to = from.saturating_add(self.window).min(end);
            let sample = slice(text, from.saturating_sub(begin), to.saturating_sub(begin));
            self.counted = self.counted.saturating_add(sample.len() as u64);
            sum = sum.saturating_add(milli(encoding, counting, sample, &self.memory));
            from = from.saturating_add(self.stride);
        }
        sum
    }
}

/// The text between two places, or between the ends of the characters in whose middle they are.
fn slice(text: &str, from: u64, to: u64) -> &str {
    let place = |at: u64| {
        let mut at = usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
        while !text.is_char_boundary(at) {
            at = at.saturating_add(1);
        }
        at
    };
    text.get(place(from)..place(to)).unwrap_or_default()
}

/// 1/1000 tokens of a text.
fn milli(encoding: Encoding, counting: Counting, text: &str, memory: &Memory) -> u64 {
    if text.is_empty() {
        return 0;
    }
    let tokens = memory.with(|memory| encoding.count_with(text, memory));
    tokens.saturating_mul(permille(counting, text))
}

/// 1/1000 tokens of a text, or some number above that limit.
fn milli_up_to(encoding: Encoding, counting: Counting, text: &str, limit: u64, memory: &Memory) -> u64 {
    let permille = permille(counting, text);
    let limit = limit.checked_div(permille).unwrap_or(limit).saturating_add(1);
    match memory.with(|memory| encoding.count_up_to_with(text, limit, memory)) {
        UpTo::Exactly(tokens) => tokens.saturating_mul(permille),
        UpTo::MoreThan(tokens) => tokens.saturating_add(1).saturating_mul(permille),
    }
}

fn permille(counting: Counting, text: &str) -> u64 {
    match counting {
        Counting::Exact => 1_000,
        Counting::Estimated(permille) => permille.of(&Mix::of(text)),
    }
}

/// The most that a byte of text is, in 1/1000 tokens. At least one token, as framing is bounded by bytes, too.
pub(crate) fn largest_permille(counting: Counting) -> u64 {
    match counting {
        Counting::Exact => 1_000,
        Counting::Estimated(permille) => TextPermille::largest(&permille).max(1_000).into(),
    }
}
