//! What an image costs, by its size and by the detail it is to be seen in.
//!
//! Sources, as read in November 2026:
//!
//! * OpenAI's guide <https://developers.openai.com/api/docs/guides/images-vision>, "Calculating costs": tiles and patches, the base and tile
//!   tokens and the multipliers of each model, and the budgets of each level of detail. Sizes are rounded half to even: that gives what
//!   users were billed at the edges (2049×513 is eight tiles, 2050×513 four).
//! * Anthropic's guide <https://platform.claude.com/docs/en/build-with-claude/vision> and the reference implementation in its guide to
//!   coordinates: one token for each patch of 28×28 pixels, 1,568 at most until Claude 4.6 and 4,784 from 4.7. It replaced the older
//!   `width × height ÷ 750`, from which it differs by a few per cent.
//! * Google's guide <https://ai.google.dev/gemini-api/docs/tokens>: 258 tokens for an image of at most 384×384 pixels, else for each crop
//!   of 768×768. Gemini 3 has other defaults, which were not verified.

mod header;

pub(crate) use self::header::{Payload, size};

/// The size of an image in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// In what detail an image is to be seen: `detail`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Detail {
    /// As the provider thinks best.
    #[default]
    Auto,
    Low,
    High,
    /// As it is.
    Original,
}

impl Detail {
    /// The detail of that name; what is no such name is left to the provider.
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "low" => Self::Low,
            "high" => Self::High,
            "original" => Self::Original,
            _ => Self::Auto,
        }
    }
}

/// How many patches an image may have, and how long its longer edge may be, before it is scaled down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    pub(crate) patches: u64,
    pub(crate) edge: u64,
}

/// How a family's models charge for images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Images {
    /// OpenAI: a base, and so much for each tile of 512×512 pixels.
    Tiles { base: u64, tile: u64 },
    /// OpenAI: so many tokens per 1,000 patches of 32×32 pixels. Without a budget nothing is scaled down, and nothing is a maximum.
    Patches { permille: u64, auto: Option<Budget>, high: Budget, original: Option<Budget> },
    /// Anthropic: one token for each patch of 28×28 pixels.
    Visual { edge: u64, tokens: u64 },
    /// Google: so many for each crop.
    Crops,
    /// Nothing is known.
    Unknown,
}

/// What a patch model is shown at low detail: about 512×512 pixels.
const LOW: Budget = Budget { patches: 256, edge: 512 };

/// Tiles of the largest image that is not scaled down: 2048×768.
const MOST_TILES: u64 = 8;

const CROP_TOKENS: u64 = 258;
const CROP: u64 = 768;
/// The longest edge that Gemini sees.
const CROPPED_EDGE: u64 = 3_072;

impl Images {
    /// What an image of that size costs; none where nothing is known.
    pub(crate) fn tokens(self, size: Size, detail: Detail) -> Option<u64> {
        let size = Edges::of(size);
        match self {
            Self::Tiles { base, .. } if detail == Detail::Low => Some(base),
            Self::Tiles { base, tile } => Some(base.saturating_add(tile.saturating_mul(size.tiles()))),
            Self::Patches { permille, .. } => {
                let patches = match self.budget(detail) {
                    Some(budget) => size.within(budget.edge).patches(budget.patches),
                    None => size.grid(32),
                };
                Some(permille_of(patches, permille))
            }
            Self::Visual { edge, tokens } => Some(size.visual(edge, tokens)),
            Self::Crops if size.long <= 384 => Some(CROP_TOKENS),
            Self::Crops => Some(size.within(CROPPED_EDGE).grid(CROP).saturating_mul(CROP_TOKENS)),
            Self::Unknown => None,
        }
    }

    /// What an image of whatever size costs at most; none where there is no maximum.
    pub(crate) fn at_most(self, detail: Detail) -> Option<u64> {
        match self {
            Self::Tiles { base, .. } if detail == Detail::Low => Some(base),
            Self::Tiles { base, tile } => Some(base.saturating_add(tile.saturating_mul(MOST_TILES))),
            Self::Patches { permille, .. } => {
                self.budget(detail).map(|budget| permille_of(budget.patches, permille))
            }
            Self::Visual { tokens, .. } => Some(tokens),
            Self::Crops => Some(CROPPED_EDGE.div_ceil(CROP).saturating_pow(2).saturating_mul(CROP_TOKENS)),
            Self::Unknown => None,
        }
    }

    /// Whether a provider's bills were seen to follow the formula to the token.
    ///
    /// Those of patch models were not: an image of 4000×1474 pixels was billed at the maximum instead of what the guide computes.
    pub(crate) const fn is_exact(self) -> bool {
        matches!(self, Self::Tiles { .. } | Self::Visual { .. })
    }

    const fn budget(self, detail: Detail) -> Option<Budget> {
        match (self, detail) {
            (Self::Patches { .. }, Detail::Low) => Some(LOW),
            (Self::Patches { high, .. }, Detail::High) => Some(high),
            (Self::Patches { auto, .. }, Detail::Auto) => auto,
            (Self::Patches { original, .. }, Detail::Original) => original,
            _ => None,
        }
    }
}

fn permille_of(patches: u64, permille: u64) -> u64 {
    patches.saturating_mul(permille).div_ceil(1_000)
}

/// A size without regard to which edge is which: no charge depends on that. Neither is zero or more than 32 bits, so products fit.
#[derive(Clone, Copy)]
struct Edges {
    long: u64,
    short: u64,
}

impl Edges {
    fn of(size: Size) -> Self {
        let (width, height) = (u64::from(size.width.max(1)), u64::from(size.height.max(1)));
        Self { long: width.max(height), short: width.min(height) }
    }

    /// Scaled so that the longer edge is that long.
    fn with_long(self, long: u64) -> Self {
        Self { long, short: scaled(self.short, long, self.long) }
    }

    /// Scaled down to an edge.
    fn within(self, edge: u64) -> Self {
        if self.long > edge { self.with_long(edge) } else { self }
    }

    /// Squares that cover it.
    fn grid(self, square: u64) -> u64 {
        self.long.div_ceil(square).saturating_mul(self.short.div_ceil(square))
    }

    /// OpenAI: fit 2048×2048, bring the shorter edge down to 768, cover with tiles of 512.
    fn tiles(self) -> u64 {
        let fit = self.within(2_048);
        let seen =
            if fit.short > 768 { Self { long: scaled(fit.long, 768, fit.short), short: 768 } } else { fit };
        seen.grid(512)
    }

    /// OpenAI: patches of 32, scaled down until they are within the budget and one edge is a whole number of them.
    ///
    /// The guide scales by √(budget × 32² ÷ area), and then by the smaller of ⌊a⌋ ÷ a and ⌊b⌋ ÷ b, where a and b are the edges in
    /// patches. In integers: the edge that is cut to whole patches has n = ⌊√(budget × edge ÷ other)⌋ of them, the other n × other ÷ edge.
    fn patches(self, budget: u64) -> u64 {
        let patches = self.grid(32);
        if patches <= budget {
            return patches;
        }
        let Self { long, short } = self;
        let whole = |edge: u64, other: u64| {
            let square =
                u128::from(budget).saturating_mul(edge.into()).checked_div(other.into()).unwrap_or(0);
            u64::try_from(square.isqrt()).unwrap_or(u64::MAX).max(1)
        };
        let (n_long, n_short) = (whole(long, short), whole(short, long));
        let (n, edge, other) = if n_long.saturating_mul(short) <= n_short.saturating_mul(long) {
            (n_long, long, short)
        } else {
            (n_short, short, long)
        };
        n.saturating_mul(n.saturating_mul(other).div_ceil(edge)).min(budget)
    }

    /// Anthropic: the largest size of the same shape whose patches of 28 are within both limits.
    fn visual(self, edge: u64, tokens: u64) -> u64 {
        let fits = |size: Self| size.long.div_ceil(28).saturating_mul(28) <= edge && size.grid(28) <= tokens;
        if fits(self) {
            return self.grid(28);
        }
        // The longer edge is found by halving: `low` fits, `high` does not.
        let (mut low, mut high) = (1, self.long);
        while low < high.saturating_sub(1) {
            let middle = low.midpoint(high);
            if fits(self.with_long(middle)) { low = middle } else { high = middle }
        }
        self.with_long(low).grid(28)
    }
}

/// `value × numerator ÷ denominator`, rounded half to even, at least one.
fn scaled(value: u64, numerator: u64, denominator: u64) -> u64 {
    let product = value.saturating_mul(numerator);
    let quotient = product.checked_div(denominator).unwrap_or(1);
    let rest = product.checked_rem(denominator).unwrap_or(0).saturating_mul(2);
    let up = rest > denominator || (rest == denominator && quotient & 1 == 1);
    quotient.saturating_add(up.into()).max(1)
}

#[cfg(test)]
mod tests;
