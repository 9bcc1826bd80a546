//! One request against several budgets, all or nothing: which page to load next, what to do with it, and what to undo.
//!
//! The budgets live in different pages, each replaced by a compare-and-swap of its own, and there is no lock over all of them. So they are
//! reserved one after the other, always in the order in which they are configured, and what was granted is given back when a later one
//! refuses. Between the two another request may find the budget fuller than it turns out to be and be refused: a moment's refusal is the
//! price of never granting too much.
//!
//! Nothing here loads or stores. The host does, and tells:
//!
//! ```text
//!   while let Some(page) = work.page() {
//!       load the bytes and their version
//!       match work.compute(bytes, now) {
//!           Write::Nothing       => continue: the bytes were only read
//!           Write::Store         => compare-and-swap; if it was done, work.stored(); if another was faster, load and compute again
//!           Err(_)               => work.give_up()
//!       }
//!       after too many tries     => work.give_up()
//!   }
//! ```
//!
//! `compute` may be repeated: nothing counts until `stored`.

use crate::settlement::{Claim, Settlement};
use crate::{
    Amount, Ask, Fingerprint, Hold, Layout, Lease, Limit, Millis, Page, PageError, PageIndex, Refusal,
    Reserved, Status, Ticket,
};

/// Which budget: its place in the configuration, as the host counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BudgetId(pub u16);

/// A page of a budget's table: what the host finds its stored bytes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageId {
    /// The budget.
    pub budget: BudgetId,
    /// Its page.
    pub page: PageIndex,
}

/// What the host has to do with the bytes it handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a write that is not stored has not happened"]
pub enum Write {
    /// Replace what was loaded by them, if nobody else has; then call `stored`.
    Store,
    /// Nothing: they were only read, and the work has gone on.
    Nothing,
}

/// One budget that applies to a request.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// Which.
    pub budget: BudgetId,
    /// The shape of its table.
    pub layout: Layout,
    /// What it allows this caller.
    pub limit: Limit,
    /// How long a reservation lasts that nobody settles.
    pub lease: Lease,
    /// Whether its refusal counts.
    pub mode: Mode,
    /// Whose budget.
    pub caller: Fingerprint,
    /// What the request may cost, in this budget's unit.
    pub ask: Ask,
}

/// Whether a budget's refusal refuses the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Enforce,
    /// It is only reported. What it refuses is not charged to it, so that it goes on to say what it would say were it enforced.
    Shadow,
}

/// What one budget had to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// Which.
    pub budget: BudgetId,
    /// Whether its refusal counts.
    pub mode: Mode,
    /// Where the caller's use is recorded.
    pub place: Place,
    /// As it stands, after the reservation if it was granted. `None` where there is no room for the caller, or the page could not be used.
    pub status: Option<Status>,
    /// What it answered.
    pub answer: Answer,
    /// Beyond the prompts, what lapsed on the way: reservations under leases that ended, which nobody settled.
    pub lapsed: Amount,
}

/// Whether a caller's use is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In an entry of its own.
    Own,
    /// In the one that callers without room share.
    Shared,
}

/// What a budget answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Granted,
    /// No.
    Refused(Refusal),
    /// Nothing: its page is missing or broken, or too many others were faster.
    Unavailable,
}

/// The outcome.
#[derive(Debug)]
pub struct Decision {
    /// Whether the request may be made.
    pub verdict: Verdict,
    /// What each budget said, in the order of the accounts.
    pub opinions: Vec<Opinion>,
}

/// Whether a request may be made.
#[derive(Debug)]
pub enum Verdict {
    /// It may, and owes a settlement.
    Admitted(Ticket),
    /// It may not, and nothing of it is left in any budget.
    Refused {
        /// The budget that refuses it for longest.
        budget: BudgetId,
        /// How long.
        refusal: Refusal,
    },
    /// It cannot be said, and what cannot be said is not admitted.
    Unavailable {
        /// The first budget that could not be asked, if one was.
        budget: Option<BudgetId>,
    },
}

/// A request on its way through its budgets.
///
/// ```text
///   Reserving ──(all agree)──▶ Admitted
///       │
///       └──(one refuses)──▶ Looking ──(all have spoken)──▶ GivingBack ──▶ Refused
///                           what the others would have said,
///                           to name the one that refuses for longest
/// ```
///
/// Budgets speak in order: the account after those with an opinion is next.
#[derive(Debug)]
pub struct Admission {
    accounts: Vec<Account>,
    opinions: Vec<Opinion>,
    /// Where the next account is looked for.
    place: Place,
    state: State,
}

/// A reservation that is computed.
#[derive(Debug)]
struct Granted {
    hold: Hold,
    status: Status,
    lapsed: Amount,
}

#[derive(Debug)]
enum State {
    /// Each account is reserved in turn. What is pending is computed and may not have been stored.
    Reserving { claims: Vec<Claim>, pending: Option<Granted> },
    /// The rest is only looked at.
    Looking { claims: Vec<Claim> },
    /// What was granted is given back.
    GivingBack(Settlement),
    /// All have agreed.
    Admitted(Vec<Claim>),
    /// Somebody has not, and nothing is left to give back.
    Refused,
}

impl Admission {
    /// Begins. The accounts are in the same order for every request.
    pub fn new(accounts: Vec<Account>) -> Self {
        let opinions = Vec::with_capacity(accounts.len());
        let claims = Vec::with_capacity(accounts.len());
        let state = if accounts.is_empty() {
            State::Admitted(claims)
        } else {
            State::Reserving { claims, pending: None }
        };
        Self { accounts, opinions, place: Place::Own, state }
    }

    /// The page to load, or `None` once it is decided.
    pub fn page(&self) -> Option<PageId> {
        match &self.state {
            State::Reserving { .. } | State::Looking { .. } => {
                self.accounts.get(self.opinions.len())?.page(self.place)
            }
            State::GivingBack(settlement) => settlement.page(),
            State::Admitted(_) | State::Refused => None,
        }
    }

    /// Works on the page's bytes, in place.
    ///
    /// # Errors
    /// Bytes that are no page, or one of another kind. [`Self::give_up`] goes on from there.
    pub fn compute(&mut self, bytes: &mut [u8], now: Millis) -> Result<Write, PageError> {
        let account = self.accounts.get(self.opinions.len()).copied();
        match (&mut self.state, account) {
            (State::Reserving { pending, .. }, Some(account)) => {
                let Account { limit, ask, lease, .. } = account;
                let caller = account.caller(self.place);
                match Page::open(bytes)?.reserve(caller, &limit, ask, lease, now)? {
                    Reserved::Granted { hold, status, lapsed } => {
                        *pending = Some(Granted { hold, status, lapsed });
                        return Ok(Write::Store);
                    }
                    Reserved::Refused { refusal, status } => self.refused(&account, refusal, status),
                }
            }
            (State::Looking { .. }, Some(account)) => {
                let caller = account.caller(self.place);
                let peeked = Page::open(bytes)?.peek(caller, &account.limit, account.ask, now)?;
                match peeked.refusal {
                    Some(refusal) => self.refused(&account, refusal, peeked.status),
                    None => self.say(&account, peeked.status, Answer::Granted, Amount::ZERO),
                }
            }
            (State::GivingBack(settlement), _) => {
                let write = settlement.compute(bytes, now)?;
                self.leave_when_given_back();
                return Ok(write);
            }
            (State::Reserving { .. } | State::Looking { .. }, None)
            | (State::Admitted(_) | State::Refused, _) => {}
        }
        Ok(Write::Nothing)
    }

    /// What was computed last is stored.
    pub fn stored(&mut self) {
        let account = self.accounts.get(self.opinions.len()).copied();
        match (&mut self.state, account) {
            (State::Reserving { claims, pending }, Some(account)) => {
                if let Some(Granted { hold, status, lapsed }) = pending.take() {
                    claims.push(Claim { account, place: self.place, hold });
                    self.say(&account, Some(status), Answer::Granted, lapsed);
                }
            }
            (State::GivingBack(settlement), _) => {
                settlement.stored();
                self.leave_when_given_back();
            }
            _ => {}
        }
    }

    /// The page cannot be used: it is missing or broken, or others were faster too often. A budget that is enforced and cannot be asked does
    /// not admit. What cannot be given back ends with its lease.
    pub fn give_up(&mut self) {
        let account = self.accounts.get(self.opinions.len()).copied();
        match (&mut self.state, account) {
            (State::Reserving { .. } | State::Looking { .. }, Some(account)) => {
                self.say(&account, None, Answer::Unavailable, Amount::ZERO);
            }
            (State::GivingBack(settlement), _) => {
                settlement.give_up();
                self.leave_when_given_back();
            }
            _ => {}
        }
    }

    /// The outcome, once there is no page left to load. A host that stops earlier gets a refusal too, and what was granted on the way ends
    /// with its lease.
    pub fn decide(self) -> Decision {
        let opinions = self.opinions;
        if let State::Admitted(claims) = self.state {
            return Decision { verdict: Verdict::Admitted(Ticket::new(claims)), opinions };
        }
        let enforced = || opinions.iter().filter(|opinion| opinion.mode == Mode::Enforce);
        let refusals = enforced().filter_map(|opinion| match opinion.answer {
            Answer::Refused(refusal) => Some((opinion.budget, refusal)),
            Answer::Granted | Answer::Unavailable => None,
        });
        let verdict = match refusals.max_by_key(|(_, refusal)| *refusal) {
            Some((budget, refusal)) => Verdict::Refused { budget, refusal },
            None => {
                let silent = enforced().find(|opinion| opinion.answer == Answer::Unavailable);
                let unasked = self.accounts.get(opinions.len()).map(|account| account.budget);
                Verdict::Unavailable { budget: silent.map(|opinion| opinion.budget).or(unasked) }
            }
        };
        Decision { verdict, opinions }
    }

    /// A caller for whom there is no room goes on to the shared page, where there is one.
    fn refused(&mut self, account: &Account, refusal: Refusal, status: Option<Status>) {
        let no_room = matches!(refusal, Refusal::NoRoom { .. });
        if no_room && self.place == Place::Own && account.layout.shared_page().is_some() {
            self.place = Place::Shared;
        } else {
            self.say(account, status, Answer::Refused(refusal), Amount::ZERO);
        }
    }

    /// Notes what the account said and goes on to the next, or to what follows the last.
    fn say(&mut self, account: &Account, status: Option<Status>, answer: Answer, lapsed: Amount) {
        let place = std::mem::replace(&mut self.place, Place::Own);
        let Account { budget, mode, .. } = *account;
        self.opinions.push(Opinion { budget, mode, place, status, answer, lapsed });

        let agreed = answer == Answer::Granted || account.mode == Mode::Shadow;
        let last = self.opinions.len() == self.accounts.len();
        self.state = match std::mem::replace(&mut self.state, State::Refused) {
            State::Reserving { claims, .. } if agreed && last => State::Admitted(claims),
            State::Reserving { claims, .. } if agreed => State::Reserving { claims, pending: None },
            State::Reserving { claims, .. } | State::Looking { claims } if last => {
                State::GivingBack(Ticket::new(claims).refund())
            }
            State::Reserving { claims, .. } | State::Looking { claims } => State::Looking { claims },
            state => state,
        };
        self.leave_when_given_back();
    }

    fn leave_when_given_back(&mut self) {
        if let State::GivingBack(settlement) = &self.state
            && settlement.page().is_none()
        {
            self.state = State::Refused;
        }
    }
}

impl Account {
    /// The page where the caller is at this place.
    pub(crate) fn page(&self, place: Place) -> Option<PageId> {
        let page = match place {
            Place::Own => self.layout.page_of(self.caller),
            Place::Shared => self.layout.shared_page()?,
        };
        Some(PageId { budget: self.budget, page })
    }

    /// Whom the page there knows the caller as.
    pub(crate) fn caller(&self, place: Place) -> Fingerprint {
        match place {
            Place::Own => self.caller,
            Place::Shared => Fingerprint::SHARED,
        }
    }
}
