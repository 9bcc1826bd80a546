//! What an operation on one entry is given and what it answers.

use std::cmp::Ordering;

use crate::calendar::WindowIndex;
use crate::{Amount, Millis, Span};

/// What a request may come to cost, in a budget's own unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What is spent as soon as the request is sent: the prompt. A reservation that nobody settles is charged this.
    pub prompt: Amount,
    /// What may be spent beyond it: the completion at its longest.
    pub rest: Amount,
}

impl Ask {
    /// Both parts together.
    pub const fn total(self) -> Amount {
        self.prompt.saturating_add(self.rest)
    }
}

/// A reservation that was granted. Whoever holds it owes the entry one settlement.
///
/// It is neither `Clone` nor `Copy`, so that it cannot be settled twice. It carries what the entry need not keep for each reservation: the
/// entry holds sums only.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an unsettled reservation occupies the budget until its lease ends"]
pub struct Hold {
    pub(crate) made: Moment,
    pub(crate) ask: Ask,
    /// The lease's end. From here on the entry has charged the prompt and given back the rest.
    pub(crate) expires: Millis,
}

impl Hold {
    /// What was reserved.
    pub const fn ask(&self) -> Ask {
        self.ask
    }

    /// When the reservation ends by itself.
    pub const fn expires(&self) -> Millis {
        self.expires
    }

    /// A hold of which nothing is left: whatever is settled with it is charged.
    pub(crate) const fn spent(&self) -> Self {
        Self { made: self.made, ask: Ask { prompt: Amount::ZERO, rest: Amount::ZERO }, expires: Millis(0) }
    }
}

/// Where in an entry's life a reservation was made: what a later refund must not reach behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// In this window of a quota.
    Window(WindowIndex),
    /// As this arrival in the page of a rate.
    Arrival(u64),
}

/// A budget as one caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The most that can be spent at once.
    pub limit: Amount,
    /// What could be reserved now.
    pub remaining: Amount,
    /// What is reserved under leases that have not ended: some of it usually comes back. For a rate, only what lies beyond the prompts.
    pub open: Amount,
    /// How long until the budget is whole again if nothing else is spent: a rate has refilled, a quota's window has ended, or the last
    /// window that its debt reaches into.
    pub reset: Span,
}

impl Status {
    /// Orders budgets by the share of them that remains, the tightest first. They may count different things, so shares are what compares.
    pub fn by_share(&self, other: &Self) -> Ordering {
        let share = |part: Amount, whole: Amount| u128::from(part.0).saturating_mul(u128::from(whole.0));
        share(self.remaining, other.limit).cmp(&share(other.remaining, self.limit))
    }
}

/// The answer to a reservation.
#[derive(Debug, PartialEq, Eq)]
pub enum Reserved {
    /// Granted in full, and the entry has changed.
    Granted {
        /// To be settled.
        hold: Hold,
        /// After the grant.
        status: Status,
        /// Beyond the prompts, what was reserved under leases that ended on the way: reservations that nobody settled.
        lapsed: Amount,
    },
    /// Refused, and the entry has not changed.
    Refused {
        /// Why.
        refusal: Refusal,
        /// As it is. `None` where the caller has no entry and there is no room for one.
        status: Option<Status>,
    },
}

/// Why a reservation was refused. In the order of how long it stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Not now.
    NotYet {
        /// After this time it is granted, if nobody else takes what there is; sooner, if open reservations are settled for less.
        retry_after: Span,
    },
    /// The page that the caller belongs to is full of callers whose use still counts.
    NoRoom {
        /// When the first of its entries may become free.
        retry_after: Span,
    },
    /// It asks for more than the budget ever has.
    TooLarge {
        /// The most that it has.
        most: Amount,
    },
}

/// What a reservation would be answered, at no cost to the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peeked {
    /// As the budget is. `None` where the caller has no entry and there is no room for one.
    pub status: Option<Status>,
    /// Why the reservation would be refused, if it would.
    pub refusal: Option<Refusal>,
}

/// The answer to a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// How the settlement came.
    pub timing: Timing,
    /// What was given back to the budget, in whole amounts.
    pub refunded: Amount,
    /// What was charged beyond the reservation, or beyond what was left of it when it came late.
    pub excess: Amount,
    /// How much more than its limit the entry has been charged: paid by the refill, or by the windows that follow.
    pub debt: Amount,
    /// Beyond the prompts, what was reserved under leases that ended on the way: reservations that nobody settled.
    pub lapsed: Amount,
}

/// When a settlement came, as the entry sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// The reservation was open.
    OnTime,
    /// Its quota's window had passed, and was charged in full what was reserved.
    WindowPassed,
    /// Its lease had ended.
    LeaseEnded,
}
