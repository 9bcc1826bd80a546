//! What an admitted request owes: one settlement to each budget that it reserved, by the same steps as its admission.

use crate::admission::{Account, BudgetId, PageId, Place, Write};
use crate::{Amount, Hold, Millis, NoRoom, Page, PageError, Settled};

/// The reservations of an admitted request. It is settled once: it cannot be copied, and settling consumes it.
#[derive(Debug)]
#[must_use = "a ticket that is dropped leaves its reservations to their leases"]
pub struct Ticket {
    claims: Vec<Claim>,
}

/// A reservation in one budget, and where it is recorded.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) account: Account,
    pub(crate) place: Place,
    pub(crate) hold: Hold,
}

impl Ticket {
    pub(crate) fn new(claims: Vec<Claim>) -> Self {
        Self { claims }
    }

    /// The budgets in which something is reserved, and the reservations.
    pub fn holds(&self) -> impl Iterator<Item = (BudgetId, &Hold)> {
        self.claims.iter().map(|claim| (claim.account.budget, &claim.hold))
    }

    /// Settles at what the request came to cost, in each budget's own unit.
    pub fn settle(self, actual: impl Fn(BudgetId) -> Amount) -> Settlement {
        let mut owed: Vec<Owed> = self
            .claims
            .into_iter()
            .map(|claim| Owed { actual: actual(claim.account.budget), claim, pending: None })
            .collect();
        owed.reverse();
        Settlement { receipts: Vec::with_capacity(owed.len()), owed }
    }

    /// Gives everything back: the request was not made.
    pub fn refund(self) -> Settlement {
        self.settle(|_| Amount::ZERO)
    }
}

/// A request paying what it owes, budget by budget. It is driven as an [`Admission`](crate::Admission) is.
#[derive(Debug)]
#[must_use = "nothing is settled until every page of it is stored"]
pub struct Settlement {
    /// The next is the last of them.
    owed: Vec<Owed>,
    receipts: Vec<Receipt>,
}

#[derive(Debug)]
struct Owed {
    claim: Claim,
    actual: Amount,
    /// Computed, and perhaps not stored.
    pending: Option<Settled>,
}

/// How a settlement with one budget went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The budget.
    pub budget: BudgetId,
    /// What it said.
    pub outcome: Result<Settled, Unsettled>,
}

/// Why a settlement did not reach its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsettled {
    /// It came late, with more to charge, to a full page.
    #[error(transparent)]
    NoRoom(NoRoom),
    /// The page could not be used. The reservation ends with its lease.
    #[error("the budget's page cannot be used")]
    Unavailable,
}

impl Settlement {
    /// The page to load, or `None` once all is settled.
    pub fn page(&self) -> Option<PageId> {
        let Owed { claim, .. } = self.owed.last()?;
        claim.account.page(claim.place)
    }

    /// Works on the page's bytes, in place.
    ///
    /// # Errors
    /// Bytes that are no page, or one of another kind. [`Self::give_up`] goes on from there.
    pub fn compute(&mut self, bytes: &mut [u8], now: Millis) -> Result<Write, PageError> {
        let Some(Owed { claim, actual, pending }) = self.owed.last_mut() else { return Ok(Write::Nothing) };
        let caller = claim.account.caller(claim.place);
        match Page::open(bytes)?.settle(caller, &claim.account.limit, &claim.hold, *actual, now)? {
            Ok(settled) => {
                *pending = Some(settled);
                Ok(Write::Store)
            }
            Err(NoRoom { excess })
                if claim.place == Place::Own && claim.account.layout.shared_page().is_some() =>
            {
                // What it owes beyond its reservation is owed by those without room, of whom it is one now.
                claim.place = Place::Shared;
                claim.hold = claim.hold.spent();
                *actual = excess;
                Ok(Write::Nothing)
            }
            Err(no_room) => {
                self.receive(Err(Unsettled::NoRoom(no_room)));
                Ok(Write::Nothing)
            }
        }
    }

    /// What was computed last is stored.
    pub fn stored(&mut self) {
        if let Some(settled) = self.owed.last_mut().and_then(|owed| owed.pending.take()) {
            self.receive(Ok(settled));
        }
    }

    /// The page cannot be used: on to the next. The reservation ends with its lease.
    pub fn give_up(&mut self) {
        self.receive(Err(Unsettled::Unavailable));
    }

    /// What each budget said, in the order of the reservations: all of them once there is no page left to load.
    pub fn receipts(self) -> Vec<Receipt> {
        self.receipts
    }

    fn receive(&mut self, outcome: Result<Settled, Unsettled>) {
        if let Some(owed) = self.owed.pop() {
            self.receipts.push(Receipt { budget: owed.claim.account.budget, outcome });
        }
    }
}
