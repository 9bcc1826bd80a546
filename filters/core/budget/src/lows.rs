//! How far a bucket's level has fallen since each open reservation: what bounds a refund to it.

use crate::bytes::{Reader, Writer};

/// How many steps are kept. More reservations at once than this, all at different levels, share a step with an earlier one, which can only
/// make their refunds smaller.
const STEPS: usize = 6;

/// The lowest level since each arrival, as a staircase.
///
/// The lowest level *since* a moment only grows with the moment, so it is a staircase over the arrivals, and the level's own fall flattens its
/// upper end:
///
/// ```text
///   level                                   lows
///     │      ╷2                               │        ┌────── step (2, ·)
///     │  ╷1 ╱│╲   ╷3                          │        │
///     │ ╱│╲╱    ╲╱│╲ now                      │   ┌────┘       arrival 3 came when the level had already fallen
///     │╱           ╲                          │───┘            below where it was at 2, and took over its step
///     └──────────────── time                  └──────────────── arrival
/// ```
///
/// A step covers the arrivals from its own until the next step's. Arrivals before the first step have seen the bucket empty.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lows {
    /// The first `len` are in use, by arrival and by low, both strictly ascending, no low zero.
    steps: [Step; STEPS],
    len: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    arrival: u64,
    low: u128,
}

impl Lows {
    pub(crate) const SIZE: usize = STEPS * 24;

    /// The lowest level since that arrival.
    pub(crate) fn since(&self, arrival: u64) -> u128 {
        self.steps().iter().rev().find(|step| step.arrival <= arrival).map_or(0, |step| step.low)
    }

    /// The level has fallen to this.
    pub(crate) fn fall(&mut self, level: u128) {
        self.rebuild(|step| Step { low: step.low.min(level), ..step });
    }

    /// A new arrival, after which the level is this. At least as high as ever since the last step, as levels only fall in between.
    pub(crate) fn arrive(&mut self, arrival: u64, level: u128) {
        if self.len == STEPS {
            self.join_closest();
        }
        if let Some(place) = self.steps.get_mut(self.len) {
            *place = Step { arrival, low: level };
            self.len = self.len.saturating_add(1);
        }
        self.rebuild(|step| step);
    }

    /// So much was refunded to that arrival, at most its low: as if it had never been there. The level was lower by this ever since; what an
    /// earlier arrival saw as the lowest was so before or is so now.
    pub(crate) fn refund(&mut self, arrival: u64, refund: u128) {
        let lowest = self.since(arrival).saturating_sub(refund);
        let first =
            self.steps().iter().rev().find(|step| step.arrival <= arrival).map_or(0, |step| step.arrival);
        self.rebuild(|step| Step {
            low: if step.arrival > first { step.low.saturating_sub(refund) } else { step.low.min(lowest) },
            ..step
        });
    }

    /// Applies a change that keeps the order, and then lets steps of equal height be one.
    fn rebuild(&mut self, change: impl Fn(Step) -> Step) {
        let mut kept = Self::default();
        let mut height = 0;
        for step in self.steps().iter().map(|step| change(*step)) {
            if step.low > height
                && let Some(place) = kept.steps.get_mut(kept.len)
            {
                height = step.low;
                *place = step;
                kept.len = kept.len.saturating_add(1);
            }
        }
        *self = kept;
    }

    /// Gives up the step that is the least above the one before it, whose low its arrivals then have: where the least is lost.
    fn join_closest(&mut self) {
        let mut below = 0;
        let rises = self.steps().iter().map(|step| {
            let rise = step.low.saturating_sub(below);
            below = step.low;
            rise
        });
        let Some((closest, _)) = rises.enumerate().min_by_key(|(_, rise)| *rise) else { return };
        let given_up = self.steps.get(closest).map(|step| step.arrival);
        self.rebuild(|step| if Some(step.arrival) == given_up { Step { low: 0, ..step } } else { step });
    }

    fn steps(&self) -> &[Step] {
        self.steps.get(..self.len).unwrap_or_default()
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Self {
        let steps = std::array::from_fn(|_| Step { arrival: from.u64(), low: from.u128() });
        let mut lows = Self { steps, len: STEPS };
        // Free steps have a low of zero; and what was not written by `write` is brought into order.
        lows.rebuild(|step| step);
        lows
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        for index in 0..STEPS {
            let step = self.steps().get(index).copied().unwrap_or_default();
            to.u64(step.arrival);
            to.u128(step.low);
        }
    }
}
