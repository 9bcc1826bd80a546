//! Leases: how a reservation that nobody settles ends, in constant space for any number of them.

use std::array;

use crate::bytes::{Reader, Writer};
use crate::{Millis, Span};

/// How long a reservation lasts that nobody settles.
///
/// A lease ends on a multiple of a third of its length, between one length and four thirds of it after the reservation. So the leases that
/// are open at any moment end at no more than four different times, and an entry keeps one sum for each of these: a *cohort*. What belongs to
/// a single reservation travels with its [`Hold`](crate::Hold).
///
/// Whether a lease has ended depends on the hold and the page's clock alone, so the entry, which lets a whole cohort go, and a late
/// settlement, which must then not refund, always agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease(Span);

impl Lease {
    /// A lease of at least this long: longer than any request is allowed to take, or running requests would lose their reservations.
    pub const fn new(length: Span) -> Self {
        Self(length)
    }

    pub(crate) fn end(self, now: Millis) -> Millis {
        let step = self.0.0.div_ceil(OPEN_COHORTS_MINUS_ONE).max(1);
        let at_least = now.after(self.0).0.max(1);
        Millis(at_least.checked_next_multiple_of(step).unwrap_or(u64::MAX))
    }
}

/// How many different ends the open leases of one entry can have: with steps of a third of the length there are four multiples in the time
/// from now until one length and one step later.
pub(crate) const COHORTS: usize = 4;
const OPEN_COHORTS_MINUS_ONE: u64 = 3;

/// The bytes of an entry's cohorts.
pub(crate) const COHORTS_SIZE: usize = COHORTS * 24;

/// What a cohort sums up, in two words.
pub(crate) trait Sum: Copy + Default {
    fn from_words(words: [u64; 2]) -> Self;
    fn words(self) -> [u64; 2];
    /// Both together.
    fn and(self, other: Self) -> Self;
    fn is_nothing(self) -> bool;
}

/// The open reservations of an entry, summed by the end of their leases. A cohort without an end is free.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cohorts<S>([(Millis, S); COHORTS]);

impl<S: Sum> Cohorts<S> {
    /// Adds a reservation whose lease ends then, and says when it really does.
    ///
    /// That differs only where the length of leases was changed with reservations open, and more ends are mixed than there are cohorts: then
    /// the reservation joins the last cohort before its time, or else the first one.
    pub(crate) fn add(&mut self, end: Millis, sum: S) -> Millis {
        if sum.is_nothing() {
            return end;
        }
        let rank = |at: Millis| match at {
            at if at == end => (3, 0),
            Millis(0) => (2, 0),
            at if at < end => (1, at.0),
            at => (0, u64::MAX.saturating_sub(at.0)),
        };
        let Some(cohort) = self.0.iter_mut().max_by_key(|(at, _)| rank(*at)) else { return end };
        if cohort.0 == Millis(0) {
            *cohort = (end, sum);
        } else {
            cohort.1 = cohort.1.and(sum);
        }
        cohort.0
    }

    /// The cohort whose leases end then, to be changed. One that is left with nothing becomes free at [`Self::tidy`].
    pub(crate) fn ending(&mut self, end: Millis) -> Option<&mut S> {
        self.0.iter_mut().find(|(at, _)| *at == end && end != Millis(0)).map(|(_, sum)| sum)
    }

    /// Frees the cohorts that are left with nothing.
    pub(crate) fn tidy(&mut self) {
        for cohort in self.0.iter_mut().filter(|(_, sum)| sum.is_nothing()) {
            *cohort = (Millis(0), S::default());
        }
    }

    /// Takes out the cohort that ended first, if one has ended by now.
    pub(crate) fn take_ended(&mut self, now: Millis) -> Option<(Millis, S)> {
        let ended = self.0.iter_mut().filter(|(at, _)| *at != Millis(0) && *at <= now);
        ended.min_by_key(|(at, _)| *at).map(std::mem::take)
    }

    /// The open cohorts, from the first to end to the last.
    pub(crate) fn by_end(&self) -> impl Iterator<Item = (Millis, S)> {
        let mut sorted = self.0;
        sorted.sort_unstable_by_key(|(at, _)| *at);
        sorted.into_iter().filter(|(at, _)| *at != Millis(0))
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Self {
        Self(array::from_fn(|_| (Millis(from.u64()), S::from_words([from.u64(), from.u64()]))))
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        for (end, sum) in &self.0 {
            to.u64(end.0);
            sum.words().into_iter().for_each(|word| to.u64(word));
        }
    }
}
