//! What is known of a model by its name: vocabulary, framing, what its images cost.

mod rule;
mod table;

use std::{borrow::Cow, cmp::Reverse};

use tokens::Encoding;

pub use self::rule::{FamilyRule, RuleProblem};
use self::table::{KNOWN, Known, UNKNOWN};
use crate::{
    framing::{Framing, ToolFraming},
    image::Images,
    mix::Mix,
};

/// Tokens of a model per 1,000 tokens of the family's encoding, by the kind of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TextPermille {
    /// Text in ASCII letters.
    pub latin: u32,
    /// Program text and JSON.
    pub code: u32,
    /// Chinese, Japanese and Korean.
    pub cjk: u32,
    /// Every other script, and Latin with diacritics.
    pub other: u32,
}

impl TextPermille {
    /// The least that a rule may say: a tenth.
    pub const MIN: u32 = 100;
    /// The most that a rule may say: ten times.
    pub const MAX: u32 = 10_000;

    /// The same for every kind of text.
    pub const fn uniform(permille: u32) -> Self {
        Self { latin: permille, code: permille, cjk: permille, other: permille }
    }

    /// The four with their names.
    fn named(&self) -> [(&'static str, u32); 4] {
        [("latin", self.latin), ("code", self.code), ("cjk", self.cjk), ("other", self.other)]
    }

    /// The largest of the four.
    pub fn largest(&self) -> u32 {
        self.latin.max(self.code).max(self.cjk).max(self.other)
    }

    /// The mean of the four, weighted by how much of a text is of each kind.
    pub(crate) fn of(&self, mix: &Mix) -> u64 {
        let sum = [
            (self.latin, mix.latin()),
            (self.code, mix.code()),
            (self.cjk, mix.cjk),
            (self.other, mix.other),
        ]
        .into_iter()
        .map(|(permille, bytes)| u128::from(permille).saturating_mul(bytes.into()))
        .fold(0_u128, u128::saturating_add);
        let mean = sum.checked_div(mix.bytes().into()).unwrap_or_else(|| self.latin.into());
        u64::try_from(mean).unwrap_or(u64::MAX)
    }
}

/// How the text of a family's models is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counting {
    /// The encoding is the models' own.
    Exact,
    /// It is not: its counts are multiplied.
    Estimated(TextPermille),
}

/// What a part costs whose cost cannot be read from the request, in tokens each. None: there is no charge, and no [`bound`](crate::bound).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Charges {
    /// An image whose size is not known (given by URL or by id), instead of the documented maximum.
    pub image: Option<u64>,
    /// A sound.
    pub audio: Option<u64>,
    /// A file or document that is no text.
    pub file: Option<u64>,
    /// Anything else: stored conversations and prompts, hosted tools, parts of unknown kinds.
    pub other: Option<u64>,
}

/// What is known of the models of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    name: Cow<'static, str>,
    encoding: Encoding,
    counting: Counting,
    framing: Framing,
    images: Images,
    charges: Charges,
}

impl Family {
    /// The name in metrics, such as `openai-o200k` or `claude`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The encoding with which text is counted.
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// How text is counted.
    pub const fn counting(&self) -> Counting {
        self.counting
    }

    /// Charges of parts whose cost cannot be known.
    pub const fn charges(&self) -> Charges {
        self.charges
    }

    /// Whether the encoding is the models' own. What is counted exactly is not to be calibrated.
    pub const fn is_exact(&self) -> bool {
        matches!(self.counting, Counting::Exact)
    }

    pub(crate) const fn framing(&self) -> Framing {
        self.framing
    }

    pub(crate) const fn images(&self) -> Images {
        self.images
    }

    /// Tokens of a second of sound. OpenAI publishes one per 100 ms for what a user says to a realtime model
    /// (<https://developers.openai.com/api/docs/guides/realtime-costs>), and nothing for Chat Completions; Google 32 a second
    /// (<https://ai.google.dev/gemini-api/docs/tokens>).
    pub(crate) const fn audio_per_second(&self) -> Option<u64> {
        match (self.images, self.framing.tools, self.encoding) {
            (Images::Crops, ..) => Some(32),
            (_, ToolFraming::Functions { .. }, Encoding::O200kBase) => Some(10),
            _ => None,
        }
    }

    fn of_known(known: &Known) -> Self {
        Self {
            name: Cow::Borrowed(known.name),
            encoding: known.encoding,
            counting: known.counting,
            framing: known.framing,
            images: known.images,
            charges: Charges::default(),
        }
    }

    /// The family as a rule has it.
    fn with(mut self, rule: &FamilyRule) -> Self {
        self.encoding = rule.encoding.unwrap_or(self.encoding);
        self.counting = rule.counting.unwrap_or(self.counting);
        self.charges = Charges {
            image: rule.charges.image.or(self.charges.image),
            audio: rule.charges.audio.or(self.charges.audio),
            file: rule.charges.file.or(self.charges.file),
            other: rule.charges.other.or(self.charges.other),
        };
        self
    }
}

/// The families, found by a model's name.
#[derive(Clone, Debug)]
pub struct Families {
    /// Longest patterns first, of patterns of one length the exact ones, of equal patterns the rules.
    entries: Vec<Entry>,
    unknown: Family,
}

/// A family's place among those that it was found in; that of no known family is the unknown models'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyPlace(Option<usize>);

#[derive(Clone, Debug)]
struct Entry {
    pattern: Pattern,
    family: Family,
}

impl Families {
    /// The families that this crate knows, extended and overridden by rules.
    ///
    /// A rule starts from the family of the models that it names in `like`, or else of its own pattern without its star, as it would be
    /// without rules. A rule for `*` is one for every model that nothing else matches.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the rules.
    pub fn new(rules: &[FamilyRule]) -> Result<Self, Vec<RuleProblem>> {
        let known = Self::default();
        let mut problems = Vec::new();
        let mut entries = Vec::with_capacity(rules.len().saturating_add(known.entries.len()));
        for (index, rule) in rules.iter().enumerate() {
            rule.check(index, rules, &known, &mut problems);
            let pattern = Pattern::new(&rule.pattern);
            let base = known.of(rule.like.as_deref().unwrap_or(&pattern.text));
            let mut family = base.clone().with(rule);
            if family.counting != base.counting || family.encoding != base.encoding {
                family.name = Cow::Owned(rule.pattern.clone());
            }
            entries.push(Entry { pattern, family });
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        entries.extend(known.entries);
        // Stable, so rules stay before what they override.
        entries.sort_by_key(|entry| Reverse((entry.pattern.text.len(), !entry.pattern.is_prefix)));
        Ok(Self { entries, unknown: known.unknown })
    }

    /// The family of a model, by the longest pattern that matches its name; an exact name beats a prefix, and a rule beats a built-in
    /// pattern of the same length. Every name has a family: of an unknown one, text is estimated. The case of ASCII letters is ignored.
    ///
    /// What names a provider or a place is left out, unless a pattern with a `/` matches the whole: what stands before the last `/`
    /// (`openai/`, `models/`, a resource name), and, where nothing matches with it, the `ft:` of a fine-tuned model and Bedrock's `us.` and
    /// `anthropic.`.
    pub fn of(&self, model: &str) -> &Family {
        self.at(self.find(model))
    }

    /// Where the model's family is, for who looks often. It is found by comparing names, one pattern after the other.
    pub fn find(&self, model: &str) -> FamilyPlace {
        if model.contains('/') {
            let with_path = |entry: &Entry| entry.pattern.text.contains('/') && entry.pattern.matches(model);
            if let Some(place) = self.entries.iter().position(with_path) {
                return FamilyPlace(Some(place));
            }
        }
        // A vendor's name often begins like its models' (`mistralai/Mixtral-8x7B`): what stands behind it says more.
        let names = std::iter::successors(model.rsplit('/').next(), |name| without_prefix(name));
        let entry = names.chain([model]).find_map(|name| self.entry(name));
        let any = || self.entries.iter().rposition(|entry| entry.pattern.is_any());
        FamilyPlace(entry.or_else(any))
    }

    /// The family there.
    pub fn at(&self, FamilyPlace(place): FamilyPlace) -> &Family {
        place.and_then(|place| self.entries.get(place)).map_or(&self.unknown, |entry| &entry.family)
    }

    fn entry(&self, name: &str) -> Option<usize> {
        // An exact name beats every prefix, and no prefix that matches is longer than the name: the order of the entries says it all.
        self.entries.iter().position(|entry| !entry.pattern.is_any() && entry.pattern.matches(name))
    }
}

impl Default for Families {
    /// Without rules.
    fn default() -> Self {
        let entry =
            |known: &Known| Entry { pattern: Pattern::new(known.pattern), family: Family::of_known(known) };
        let mut entries: Vec<Entry> = KNOWN.iter().map(entry).collect();
        entries.sort_by_key(|entry| Reverse((entry.pattern.text.len(), !entry.pattern.is_prefix)));
        Self { entries, unknown: Family::of_known(&UNKNOWN) }
    }
}

/// A model's name, or what it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    text: String,
    is_prefix: bool,
}

impl Pattern {
    fn new(pattern: &str) -> Self {
        match pattern.strip_suffix('*') {
            Some(prefix) => Self { text: prefix.to_owned(), is_prefix: true },
            None => Self { text: pattern.to_owned(), is_prefix: false },
        }
    }

    fn is_any(&self) -> bool {
        self.is_prefix && self.text.is_empty()
    }

    fn matches(&self, name: &str) -> bool {
        let head = name.as_bytes().get(..self.text.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(self.text.as_bytes()))
            && (self.is_prefix || name.len() == self.text.len())
    }
}

/// A model's name without the first thing in it that is none of its own: a fine-tuned model's mark, a place, a vendor.
fn without_prefix(name: &str) -> Option<&str> {
    /// Bedrock's regions, and the vendors there.
    const PLACES: &[&str] = &[
        "us",
        "eu",
        "apac",
        "jp",
        "au",
        "ca",
        "sa",
        "global",
        "us-gov",
        "anthropic",
        "openai",
        "meta",
        "mistral",
        "deepseek",
        "qwen",
        "google",
        "amazon",
        "cohere",
        "ai21",
        "moonshot",
        "moonshotai",
        "zai",
        "nvidia",
    ];
    if let Some(rest) = name.strip_prefix("ft:") {
        return Some(rest);
    }
    let (place, rest) = name.split_once('.')?;
    PLACES.iter().any(|known| known.eq_ignore_ascii_case(place)).then_some(rest)
}
