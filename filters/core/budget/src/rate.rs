//! A rate's entry: one caller's bucket, how full it is of use that has not drained away, and how much of that can be given back.

use crate::bytes::{Reader, Writer};
use crate::lease::{COHORTS_SIZE, Cohorts, Lease, Sum};
use crate::lows::Lows;
use crate::operation::Moment;
use crate::page::Account;
use crate::{Amount, Ask, Hold, Kind, Millis, Rate, Refusal, Reserved, Settled, Span, Status, Timing};

/// One caller's bucket, seen as what is in it: use drains out of it at the rate, and a reservation must fit beneath the rim.
///
/// ```text
///              reserve(a): level + a ≤ burst
///            ┌───────────────────────────────┐
///            ▼                               │
///      level += a ─┬── settle(s ≤ a) on time ─▶ level −= min(a − s, low)     low: the lowest level since the reservation
///                  ├── settle(s > a) on time ─▶ level += s − a
///                  └── the lease ends ────────▶ level −= min(rest, low)      a later settle(s) adds s − prompt, if positive
///      always:  level drains by `amount` per span, down to 0
/// ```
///
/// **Unit.** The level is kept in amounts times the span in milliseconds, so that what drains in a millisecond is the whole number
/// `amount`: there is no remainder to lose, and no drift however often time is looked at.
///
/// **Why a refund stops at `low`.** A reservation drains from the moment it is made, or a long stream would block its caller's bucket for as
/// long as it runs. But what has drained cannot be given back as well: reserve 1,000, wait until they are gone, let others reserve, refund
/// 1,000, and the others' use is forgiven. Had the reservation been for `s` from the start, the level would have been lower by `a − s`
/// until it reached the bottom, and by what was then left afterwards: that is `min(a − s, low)`, to the unit.
///
/// **Invariant.** For every earlier moment, what was charged since then, less what has drained, is at most the level now less the level then.
/// So over *any* stretch of time the charges that remain after all refunds come to no more than one burst and the refill of that stretch, plus
/// the excess, which drains before anything is granted again. A refund of at most the lowest level since the reservation keeps this true for
/// every moment: for those before it, the charges fall by as much; for those after it, the level then (taken as lower by as much)
/// falls with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateEntry {
    /// Until when it has drained.
    at: Millis,
    /// Amounts times [`Rate::per`].
    level: u128,
    open: Cohorts<Open>,
    lows: Lows,
}

/// The open reservations of one cohort.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Open {
    /// What their leases give back when they end.
    rest: Amount,
    /// The first of their arrivals: no low since then is above those of the others.
    since: u64,
}

impl Account for RateEntry {
    type Limit = Rate;
    const KIND: Kind = Kind::Rate;

    fn fresh(_rate: &Rate, now: Millis) -> Self {
        Self { at: now, level: 0, open: Cohorts::default(), lows: Lows::default() }
    }

    fn advance(&mut self, rate: &Rate, now: Millis) -> Amount {
        let mut lapsed = Amount::ZERO;
        while let Some((end, open)) = self.open.take_ended(now) {
            self.drain(rate, end);
            self.refund(rate, open.since, open.rest);
            lapsed = lapsed.saturating_add(open.rest);
        }
        self.drain(rate, now);
        lapsed
    }

    fn reserve(&mut self, rate: &Rate, ask: Ask, lease: Lease, now: Millis, arrival: u64) -> Reserved {
        let lapsed = self.advance(rate, now);
        if ask.total() > rate.burst {
            let refusal = Refusal::TooLarge { most: rate.burst };
            return Reserved::Refused { refusal, status: Some(self.status(rate, now)) };
        }
        let filled = self.level.saturating_add(scaled(rate, ask.total()));
        let over = filled.saturating_sub(scaled(rate, rate.burst));
        if over > 0 {
            let refusal = Refusal::NotYet { retry_after: drained_after(rate, over) };
            return Reserved::Refused { refusal, status: Some(self.status(rate, now)) };
        }
        self.level = filled;
        self.lows.arrive(arrival, filled);
        let expires = self.open.add(lease.end(now), Open { rest: ask.rest, since: arrival });
        let hold = Hold { made: Moment::Arrival(arrival), ask, expires };
        Reserved::Granted { hold, status: self.status(rate, now), lapsed }
    }

    fn settle(&mut self, rate: &Rate, hold: &Hold, actual: Amount, now: Millis) -> Settled {
        let lapsed = self.advance(rate, now);
        let (timing, covered, refunded) = match self.on_time(hold) {
            Some(arrival) => {
                let reserved = hold.ask.total();
                (Timing::OnTime, reserved, self.refund(rate, arrival, reserved.saturating_sub(actual)))
            }
            None => (Timing::LeaseEnded, hold.ask.prompt, Amount::ZERO),
        };
        let excess = actual.saturating_sub(covered);
        self.level = self.level.saturating_add(scaled(rate, excess));
        Settled {
            timing,
            refunded,
            excess,
            debt: amounts(rate, self.level.saturating_sub(scaled(rate, rate.burst))),
            lapsed,
        }
    }

    fn status(&self, rate: &Rate, _now: Millis) -> Status {
        Status {
            limit: rate.burst,
            remaining: amounts(rate, scaled(rate, rate.burst).saturating_sub(self.level)),
            open: self.open.by_end().fold(Amount::ZERO, |sum, (_, open)| sum.saturating_add(open.rest)),
            reset: drained_after(rate, self.level),
        }
    }

    // Leases may still be open when the bucket has drained, but what they could give back is gone with it.
    fn idle_from(&self, rate: &Rate) -> Millis {
        match self.level {
            0 => Millis(0),
            level => self.at.after(drained_after(rate, level)),
        }
    }

    fn read(from: &mut Reader<'_>) -> Self {
        Self { at: Millis(from.u64()), level: from.u128(), open: Cohorts::read(from), lows: Lows::read(from) }
    }

    fn write(&self, to: &mut Writer<'_>) {
        to.u64(self.at.0);
        to.u128(self.level);
        self.open.write(to);
        self.lows.write(to);
    }
}

impl RateEntry {
    pub(crate) const SIZE: usize = 24 + COHORTS_SIZE + Lows::SIZE;

    /// The arrival of a hold whose lease has not ended, taken out of the open ones.
    fn on_time(&mut self, hold: &Hold) -> Option<u64> {
        let Moment::Arrival(arrival) = hold.made else { return None };
        if hold.expires <= self.at {
            return None;
        }
        if let Some(open) = self.open.ending(hold.expires) {
            open.rest = open.rest.saturating_sub(hold.ask.rest);
            self.open.tidy();
        }
        Some(arrival)
    }

    /// Gives back as much as has not drained since that arrival, and says how much it was.
    fn refund(&mut self, rate: &Rate, arrival: u64, amount: Amount) -> Amount {
        let refund = scaled(rate, amount).min(self.lows.since(arrival));
        self.level = self.level.saturating_sub(refund);
        self.lows.refund(arrival, refund);
        amounts(rate, refund)
    }

    fn drain(&mut self, rate: &Rate, now: Millis) {
        let drained = u128::from(self.at.until(now).0).saturating_mul(u128::from(rate.amount.0));
        self.level = self.level.saturating_sub(drained);
        self.lows.fall(self.level);
        self.at = self.at.max(now);
    }
}

/// An amount in the unit of levels.
fn scaled(rate: &Rate, amount: Amount) -> u128 {
    u128::from(amount.0).saturating_mul(u128::from(rate.per))
}

/// The whole amounts in a level.
fn amounts(rate: &Rate, level: u128) -> Amount {
    Amount(u64::try_from(level.div_euclid(u128::from(rate.per.max(1)))).unwrap_or(u64::MAX))
}

/// How long until so much has drained.
fn drained_after(rate: &Rate, level: u128) -> Span {
    Span(u64::try_from(level.div_ceil(u128::from(rate.amount.0.max(1)))).unwrap_or(u64::MAX))
}

impl Sum for Open {
    fn from_words([rest, since]: [u64; 2]) -> Self {
        Self { rest: Amount(rest), since }
    }

    fn words(self) -> [u64; 2] {
        [self.rest.0, self.since]
    }

    fn and(self, other: Self) -> Self {
        Self { rest: self.rest.saturating_add(other.rest), since: self.since.min(other.since) }
    }

    fn is_nothing(self) -> bool {
        self.rest == Amount::ZERO
    }
}
