//! By how much a model's estimates are off, learnt from what its provider reports.
//!
//! An estimate is wrong by a factor: another vocabulary, another kind of traffic. So one number is learnt for a model, the mean of
//! reported ÷ estimated, exponentially weighted and in integers:
//!
//! * The first samples weigh 1/1, 1/2, 1/3, … and later ones 1/12: it starts as a plain mean, and forgets what is older than some tens
//!   of requests.
//! * After the first few, a sample counts as at most twice the factor and at least a quarter of it, so one report moves the factor by
//!   at most a twelfth; and the factor stays between ¼ and 4. A provider that reports nonsense once is hardly noticed, and one that
//!   always does cannot do more harm than that.
//! * The error is the mean of how far corrected estimates were off, by the same weights.
//!
//! Everything is a pure function of the state and the sample, so workers can retry it in a compare-and-swap.

/// The state of one model's calibration: a factor, and how sure it is.
///
/// Workers share it as [`encode`](Self::encode)d bytes, which they compare and swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calibration {
    /// Reported ÷ estimated, in 1/65536.
    factor: u32,
    /// Mean error of the corrected estimates, in millionths of what was reported: finer than it is given out, or the mean would get stuck.
    error: u32,
    /// How many requests it has seen; stays at its maximum.
    samples: u32,
}

/// One, as a factor.
const ONE: u64 = 1 << 16;
/// The smallest factor: ¼.
const LEAST: u64 = ONE >> 2;
/// The largest: 4.
const MOST: u64 = ONE << 2;
/// The weight of a new sample is 1 ÷ (number of samples), and no less than 1 ÷ this: half of what is known is from the last eight.
const MEMORY: u64 = 12;
/// From that many samples on, what is far from the factor counts as less far.
const SETTLED: u32 = 4;
/// Errors above ten times what was reported are not told apart. In millionths.
const LARGEST_ERROR: u64 = 10_000_000;
/// The first byte of the encoded value.
const VERSION: u8 = 1;

impl Calibration {
    /// Length of the encoded value in bytes.
    pub const ENCODED_LEN: usize = 16;

    /// No experience: estimates are taken as they are.
    pub const fn new() -> Self {
        Self { factor: 1 << 16, error: 0, samples: 0 }
    }

    /// The state that another worker encoded. What is no such value, or one of another version, counts as no experience.
    pub fn decode(bytes: &[u8]) -> Self {
        let Ok([VERSION, 0, 0, 0, f0, f1, f2, f3, e0, e1, e2, e3, s0, s1, s2, s3]) =
            <[u8; Self::ENCODED_LEN]>::try_from(bytes)
        else {
            return Self::new();
        };
        let state = Self {
            factor: u32::from_le_bytes([f0, f1, f2, f3]),
            error: u32::from_le_bytes([e0, e1, e2, e3]),
            samples: u32::from_le_bytes([s0, s1, s2, s3]),
        };
        let is_sane =
            (LEAST..=MOST).contains(&state.factor.into()) && u64::from(state.error) <= LARGEST_ERROR;
        if is_sane { state } else { Self::new() }
    }

    /// The state in a fixed number of bytes: the version, three zeros, and three little-endian numbers of 32 bits.
    pub fn encode(&self) -> [u8; Self::ENCODED_LEN] {
        let [f0, f1, f2, f3] = self.factor.to_le_bytes();
        let [e0, e1, e2, e3] = self.error.to_le_bytes();
        let [s0, s1, s2, s3] = self.samples.to_le_bytes();
        [VERSION, 0, 0, 0, f0, f1, f2, f3, e0, e1, e2, e3, s0, s1, s2, s3]
    }

    /// Learns from one request: `estimated` is [`Prompt::tokens`](crate::Prompt) as counted, not corrected; `reported` is
    /// [`Usage::prompt`](llm_api::Usage::prompt), all prompt tokens with the cached ones.
    ///
    /// A request where either is zero teaches nothing.
    pub fn observe(&mut self, estimated: u64, reported: u64) {
        if estimated == 0 || reported == 0 {
            return;
        }
        let error = error(self.apply(estimated), reported);
        // The first sample has nothing that it could be compared with: its error is that of no experience.
        let error = weighted(self.error.into(), error, self.samples);
        self.error = u32::try_from(error).unwrap_or(u32::MAX);

        let seen = mul_div(reported, ONE, estimated).clamp(LEAST, MOST);
        let factor = u64::from(self.factor);
        let seen = if self.samples < SETTLED { seen } else { seen.clamp(factor >> 2, factor << 1) };
        let next = weighted(factor, seen, self.samples).clamp(LEAST, MOST);
        self.factor = u32::try_from(next).unwrap_or(u32::MAX);
        self.samples = self.samples.saturating_add(1);
    }

    /// The estimate, corrected. Of two estimates the larger stays the larger (or they become equal).
    pub fn apply(&self, estimate: u64) -> u64 {
        mul_div(estimate, self.factor.into(), ONE)
    }

    /// The mean absolute error of corrected estimates, per mille of what was reported, at most 10,000. None before the first observation.
    pub fn error_permille(&self) -> Option<u64> {
        (self.samples > 0).then(|| mul_div(self.error.into(), 1, 1_000))
    }

    /// Reported ÷ estimated, per mille: between 250 and 4,000.
    pub fn factor_permille(&self) -> u64 {
        mul_div(self.factor.into(), 1_000, ONE)
    }

    /// How many requests it has learnt from; stays at 4,294,967,295.
    pub const fn samples(&self) -> u32 {
        self.samples
    }
}

impl Default for Calibration {
    fn default() -> Self {
        Self::new()
    }
}

/// The mean after one more sample: of all of them until there are [`MEMORY`], then a moving one.
fn weighted(mean: u64, sample: u64, samples: u32) -> u64 {
    let weight = u64::from(samples).saturating_add(1).min(MEMORY);
    // Rounded to nearest: a remainder that is always cut off would keep the mean below the truth.
    mean.saturating_mul(weight.saturating_sub(1))
        .saturating_add(sample)
        .saturating_add(weight >> 1)
        .checked_div(weight)
        .unwrap_or(sample)
}

fn error(corrected: u64, reported: u64) -> u64 {
    mul_div(corrected.abs_diff(reported), 1_000_000, reported).min(LARGEST_ERROR)
}

/// `value × numerator ÷ denominator`, rounded to nearest.
fn mul_div(value: u64, numerator: u64, denominator: u64) -> u64 {
    let product =
        u128::from(value).saturating_mul(numerator.into()).saturating_add(u128::from(denominator >> 1));
    u64::try_from(product.checked_div(denominator.into()).unwrap_or(0)).unwrap_or(u64::MAX)
}
