//! A quota's entry: what one caller has used of one calendar window, what is reserved in it, and what is carried out of it.

use crate::bytes::{Reader, Writer};
use crate::calendar::WindowIndex;
use crate::lease::{COHORTS_SIZE, Cohorts, Lease, Sum};
use crate::operation::Moment;
use crate::page::Account;
use crate::{Amount, Ask, Hold, Kind, Millis, Quota, Refusal, Reserved, Settled, Span, Status, Timing};

/// One caller's account with a quota.
///
/// ```text
///              reserve(a): used + open + a ≤ limit
///            ┌────────────────────────────────────────┐
///            ▼                                        │
///      open += a ──── settle(s) on time ───▶ open −= a, used += s
///            │
///            ├─────── the lease ends ──────▶ open −= a, used += prompt     a later settle(s) adds s − prompt, if positive
///            │
///            └─────── the window ends ─────▶ used' = used + open − limit   a later settle(s) adds s − a to the window of its day,
///                                            (never below 0), open' = 0    if positive
/// ```
///
/// **Invariant.** `used + open` is what this window has been promised at most: every settled amount of it, the prompt of every reservation
/// whose lease ended, the whole of every one that is open, and the debt carried in. A grant keeps it within the limit; only an excess, use
/// beyond what was reserved, takes it beyond. So over any run of windows the settled amounts come to no more than the limits of these windows,
/// plus the excess of the last ones, which the next windows pay.
///
/// **A window that has passed is closed.** It was charged in full what was open in it, because its reservations may still come to cost
/// that much and it cannot be asked again. A refund into it would enlarge the next one's, so there is none: the caller who reserved
/// 4,000 at 23:59 and used 100 has spent 4,000 of that day, and nothing of the next. Were open reservations to occupy the new window
/// instead, a caller with long streams would find a fresh minute used up by the last.
///
/// Debt is measured against the highest limit that the window has seen: a limit that is lowered at noon binds at once, but does not turn the
/// morning's lawful use into debt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuotaEntry {
    window: WindowIndex,
    /// Settled in this window, and carried into it.
    used: Amount,
    /// The highest limit seen in this window.
    limit: Amount,
    open: Cohorts<Open>,
}

/// The open reservations of one cohort.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Open {
    prompt: Amount,
    rest: Amount,
}

impl Account for QuotaEntry {
    type Limit = Quota;
    const KIND: Kind = Kind::Quota;

    fn fresh(quota: &Quota, now: Millis) -> Self {
        let window = quota.window.index(now, quota.offset);
        Self { window, used: Amount::ZERO, limit: quota.amount, open: Cohorts::default() }
    }

    fn advance(&mut self, quota: &Quota, now: Millis) -> Amount {
        let current = quota.window.index(now, quota.offset);
        let passed = self.window.until(current);
        if passed == 0 {
            let lapsed = self.end_leases(now);
            self.limit = self.limit.max(quota.amount);
            return lapsed;
        }
        let lapsed = self.end_leases(self.end(quota));
        let carried = self.carried(quota, passed);
        *self = Self { window: current, used: carried, limit: quota.amount, open: Cohorts::default() };
        lapsed
    }

    fn reserve(&mut self, quota: &Quota, ask: Ask, lease: Lease, now: Millis, _arrival: u64) -> Reserved {
        let lapsed = self.advance(quota, now);
        let total = ask.total();
        if total > quota.amount {
            let refusal = Refusal::TooLarge { most: quota.amount };
            return Reserved::Refused { refusal, status: Some(self.status(quota, now)) };
        }
        if self.charged().saturating_add(total) > quota.amount {
            let refusal = Refusal::NotYet { retry_after: self.room_in(quota, total, now) };
            return Reserved::Refused { refusal, status: Some(self.status(quota, now)) };
        }
        let expires = self.open.add(lease.end(now), Open { prompt: ask.prompt, rest: ask.rest });
        let hold = Hold { made: Moment::Window(self.window), ask, expires };
        Reserved::Granted { hold, status: self.status(quota, now), lapsed }
    }

    fn settle(&mut self, quota: &Quota, hold: &Hold, actual: Amount, now: Millis) -> Settled {
        let lapsed = self.advance(quota, now);
        let timing = self.timing(quota, hold, now);
        let (charge, covered) = match timing {
            Timing::OnTime => (actual, hold.ask.total()),
            Timing::WindowPassed => (actual.saturating_sub(hold.ask.total()), hold.ask.total()),
            Timing::LeaseEnded => (actual.saturating_sub(hold.ask.prompt), hold.ask.prompt),
        };
        self.used = self.used.saturating_add(charge);
        Settled {
            timing,
            refunded: if timing == Timing::OnTime { covered.saturating_sub(actual) } else { Amount::ZERO },
            excess: actual.saturating_sub(covered),
            debt: self.charged().saturating_sub(self.limit),
            lapsed,
        }
    }

    fn status(&self, quota: &Quota, now: Millis) -> Status {
        Status {
            limit: quota.amount,
            remaining: quota.amount.saturating_sub(self.charged()),
            open: self.open.by_end().fold(Amount::ZERO, |sum, (_, open)| sum.saturating_add(open.total())),
            reset: now.until(self.idle_from(quota).max(self.end(quota))),
        }
    }

    fn idle_from(&self, quota: &Quota) -> Millis {
        match self.windows_until(quota, Amount::ZERO) {
            0 => Millis(0),
            windows => quota.window.start(self.window.next(windows), quota.offset),
        }
    }

    fn read(from: &mut Reader<'_>) -> Self {
        Self {
            window: WindowIndex(from.i64()),
            used: Amount(from.u64()),
            limit: Amount(from.u64()),
            open: Cohorts::read(from),
        }
    }

    fn write(&self, to: &mut Writer<'_>) {
        to.i64(self.window.0);
        to.u64(self.used.0);
        to.u64(self.limit.0);
        self.open.write(to);
    }
}

impl QuotaEntry {
    pub(crate) const SIZE: usize = 24 + COHORTS_SIZE;

    /// How a hold stands to this entry, and takes it out of the open ones if it is one of them.
    fn timing(&mut self, quota: &Quota, hold: &Hold, now: Millis) -> Timing {
        let Moment::Window(window) = hold.made else { return Timing::LeaseEnded };
        if window < self.window {
            // Leases that end with their window end before it.
            let end = quota.window.start(window.next(1), quota.offset);
            return if hold.expires <= end { Timing::LeaseEnded } else { Timing::WindowPassed };
        }
        if hold.expires <= now {
            return Timing::LeaseEnded;
        }
        if hold.ask.total() == Amount::ZERO {
            return Timing::OnTime;
        }
        // The cohort is there unless the page was lost with it. Then nothing of it can be given back.
        let Some(open) = self.open.ending(hold.expires) else { return Timing::LeaseEnded };
        let prompt = open.prompt.0.checked_sub(hold.ask.prompt.0);
        let rest = open.rest.0.checked_sub(hold.ask.rest.0);
        let (Some(prompt), Some(rest)) = (prompt, rest) else { return Timing::LeaseEnded };
        *open = Open { prompt: Amount(prompt), rest: Amount(rest) };
        self.open.tidy();
        Timing::OnTime
    }

    fn end_leases(&mut self, now: Millis) -> Amount {
        let mut lapsed = Amount::ZERO;
        while let Some((_, open)) = self.open.take_ended(now) {
            self.used = self.used.saturating_add(open.prompt);
            lapsed = lapsed.saturating_add(open.rest);
        }
        lapsed
    }

    /// What this window has been promised at most.
    fn charged(&self) -> Amount {
        self.open.by_end().fold(self.used, |sum, (_, open)| sum.saturating_add(open.total()))
    }

    /// What the window so many after this one begins with, if nothing else is charged: each window on the way pays its limit.
    fn carried(&self, quota: &Quota, windows: u64) -> Amount {
        let Some(more) = windows.checked_sub(1) else { return self.charged() };
        let after_this = self.charged().saturating_sub(self.limit);
        match quota.amount {
            // A limit of zero grants nothing, with debt or without, and would never pay it.
            Amount::ZERO => Amount::ZERO,
            amount => after_this.saturating_sub(Amount(amount.0.saturating_mul(more))),
        }
    }

    /// How many windows from now the carried amount first is at most this, if nothing else is charged: the inverse of [`Self::carried`].
    fn windows_until(&self, quota: &Quota, at_most: Amount) -> u64 {
        if self.charged() <= at_most {
            return 0;
        }
        let mut at_end = *self;
        at_end.end_leases(self.end(quota));
        let after_this = at_end.charged().saturating_sub(self.limit).saturating_sub(at_most);
        match quota.amount {
            Amount::ZERO => 1,
            Amount(amount) => after_this.0.div_ceil(amount).saturating_add(1),
        }
    }

    /// How long until so much is free: until enough leases end in this window, or else until the window that has it begins.
    fn room_in(&self, quota: &Quota, total: Amount, now: Millis) -> Span {
        let end = self.end(quota);
        let mut charged = self.charged();
        for (at, open) in self.open.by_end().take_while(|(at, _)| *at < end) {
            charged = charged.saturating_sub(open.rest);
            if charged.saturating_add(total) <= quota.amount {
                return now.until(at);
            }
        }
        let windows = self.windows_until(quota, quota.amount.saturating_sub(total)).max(1);
        now.until(quota.window.start(self.window.next(windows), quota.offset))
    }

    fn end(&self, quota: &Quota) -> Millis {
        quota.window.start(self.window.next(1), quota.offset)
    }
}

impl Open {
    fn total(self) -> Amount {
        self.prompt.saturating_add(self.rest)
    }
}

impl Sum for Open {
    fn from_words([prompt, rest]: [u64; 2]) -> Self {
        Self { prompt: Amount(prompt), rest: Amount(rest) }
    }

    fn words(self) -> [u64; 2] {
        [self.prompt.0, self.rest.0]
    }

    fn and(self, other: Self) -> Self {
        Self { prompt: self.prompt.saturating_add(other.prompt), rest: self.rest.saturating_add(other.rest) }
    }

    fn is_nothing(self) -> bool {
        self.total() == Amount::ZERO
    }
}
