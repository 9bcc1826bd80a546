//! A page: packed entries in bytes that one compare-and-swap replaces, worked on in place.
//!
//! ```text
//!   0        8        16       24
//!   ┌────────┬────────┬────────┬──────────────────────┬─────────────────────┬ ─ ─ ─
//!   │"budget"│ seen:  │arrivals│ entry 0              │ entry 1             │
//!   │kind ver│ clock  │        ├─────┬─────┬──────────┼─────┬─────┬─────────┼ ─ ─ ─
//!   └────────┴────────┴────────┤ tag │idle │ account  │ tag │idle │ account │
//!                              └─────┴─────┴──────────┴─────┴─────┴─────────┴ ─ ─ ─
//! ```
//!
//! Little-endian. `tag` is half of the caller's fingerprint, zero where no caller ever was; `idle` is the moment from which the account holds
//! nothing worth remembering, and the entry may be given to another.
//!
//! **Probing.** A caller is looked for from the entry that its tag points at onwards, until an entry that was never used. An entry given to
//! another caller stays used, so no search for a third one ends before its goal, and there is nothing to mark as deleted. A new caller
//! takes the first idle entry on that way.
//!
//! **Time only moves forward.** The clock of a page is the latest `now` of any change to it, and an earlier `now` is taken for that. It belongs
//! to the page and not to its entries: an entry that was idle at a new day's first moment may be given away then, and a worker whose clock
//! was read a moment before must not find its caller unknown and the old day still running.

use crate::bytes::{Reader, Writer};
use crate::layout::slot_size;
use crate::operation::Moment;
use crate::quota::QuotaEntry;
use crate::rate::RateEntry;
use crate::{
    Amount, Ask, Fingerprint, Hold, Kind, Lease, Limit, Millis, Peeked, Refusal, Reserved, Settled, Status,
};

/// Entries in a page.
pub(crate) const SLOTS: u32 = 32;
/// What stands before each account: tag and idle time.
pub(crate) const ENTRY_HEADER: usize = 16;

const VERSION: u8 = 1;

/// A page's bytes, opened.
#[derive(Debug)]
pub struct Page<'a> {
    header: Header,
    bytes: &'a mut [u8],
}

/// Why bytes are not a page, or not the right one. The host's fault, or that of another version: the request is refused, never admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Not a page of this version.
    #[error("not a page of a ledger of version {VERSION}")]
    Unknown,
    /// A length that no page of its kind has.
    #[error("a page of {length} bytes, which is not a header and whole entries")]
    Length {
        /// The length.
        length: usize,
    },
    /// The page holds entries for the other kind of limit.
    #[error("a page for limits of kind {held:?}, used with one of kind {asked:?}")]
    Kind {
        /// What the page holds.
        held: Kind,
        /// What it was used with.
        asked: Kind,
    },
}

/// A settlement found the caller's entry gone, which is right as nothing was left to remember, and no room for a new one: so much of it was
/// charged to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room to charge {excess}")]
pub struct NoRoom {
    /// What would have been charged.
    pub excess: Amount,
}

impl<'a> Page<'a> {
    /// Opens a page.
    ///
    /// # Errors
    /// Bytes that are not a page of this version.
    pub fn open(bytes: &'a mut [u8]) -> Result<Self, PageError> {
        let header = Header::read(bytes)?;
        let entries = bytes.len().saturating_sub(Header::SIZE);
        if entries == 0 || entries.checked_rem(slot_size(header.kind)) != Some(0) {
            return Err(PageError::Length { length: bytes.len() });
        }
        Ok(Self { header, bytes })
    }

    /// Reserves what is asked, or nothing. The page changes only if it is granted.
    ///
    /// # Errors
    /// A limit of the kind that the page does not hold.
    pub fn reserve(
        &mut self,
        caller: Fingerprint,
        limit: &Limit,
        ask: Ask,
        lease: Lease,
        now: Millis,
    ) -> Result<Reserved, PageError> {
        match *limit {
            Limit::Rate(rate) => self.reserve_as::<RateEntry>(caller, &rate, ask, lease, now),
            Limit::Quota(quota) => self.reserve_as::<QuotaEntry>(caller, &quota, ask, lease, now),
        }
    }

    /// Settles a reservation at what it came to cost. What was reserved beyond that is given back as far as its place in time allows; what
    /// was used beyond the reservation is charged, over the limit if need be.
    ///
    /// # Errors
    /// The outer one: a limit of the kind that the page does not hold. The inner one: no room for a charge.
    pub fn settle(
        &mut self,
        caller: Fingerprint,
        limit: &Limit,
        hold: &Hold,
        actual: Amount,
        now: Millis,
    ) -> Result<Result<Settled, NoRoom>, PageError> {
        match *limit {
            Limit::Rate(rate) => self.settle_as::<RateEntry>(caller, &rate, hold, actual, now),
            Limit::Quota(quota) => self.settle_as::<QuotaEntry>(caller, &quota, hold, actual, now),
        }
    }

    /// Gives a whole reservation back: the request was not made.
    ///
    /// # Errors
    /// A limit of the kind that the page does not hold.
    pub fn refund(
        &mut self,
        caller: Fingerprint,
        limit: &Limit,
        hold: &Hold,
        now: Millis,
    ) -> Result<Result<Settled, NoRoom>, PageError> {
        self.settle(caller, limit, hold, Amount::ZERO, now)
    }

    /// Lets leases end and windows pass for a caller, as every other operation does on its way. Returns what
    /// [`Settled::lapsed`] would.
    ///
    /// # Errors
    /// A limit of the kind that the page does not hold.
    pub fn expire(&mut self, caller: Fingerprint, limit: &Limit, now: Millis) -> Result<Amount, PageError> {
        match *limit {
            Limit::Rate(rate) => self.expire_as::<RateEntry>(caller, &rate, now),
            Limit::Quota(quota) => self.expire_as::<QuotaEntry>(caller, &quota, now),
        }
    }

    /// What a reservation would be answered now; ask for nothing to see how the budget stands.
    ///
    /// # Errors
    /// A limit of the kind that the page does not hold.
    pub fn peek(
        &self,
        caller: Fingerprint,
        limit: &Limit,
        ask: Ask,
        now: Millis,
    ) -> Result<Peeked, PageError> {
        match *limit {
            Limit::Rate(rate) => self.peek_as::<RateEntry>(caller, &rate, ask, now),
            Limit::Quota(quota) => self.peek_as::<QuotaEntry>(caller, &quota, ask, now),
        }
    }

    fn reserve_as<A: Account>(
        &mut self,
        caller: Fingerprint,
        limit: &A::Limit,
        ask: Ask,
        lease: Lease,
        now: Millis,
    ) -> Result<Reserved, PageError> {
        let now = self.clock(now);
        let (slot, mut account) = match self.find::<A>(caller, limit, now)? {
            Found::Entry(slot, account) | Found::Free(slot, account) => (slot, account),
            Found::Full(retry_after) => {
                let refusal = Refusal::NoRoom { retry_after: now.until(retry_after) };
                return Ok(Reserved::Refused { refusal, status: None });
            }
        };
        let reserved = account.reserve(limit, ask, lease, now, self.header.arrivals);
        if matches!(reserved, Reserved::Granted { .. }) {
            self.header.arrivals = self.header.arrivals.saturating_add(1);
            self.store(slot, caller, limit, &account, now);
        }
        Ok(reserved)
    }

    fn settle_as<A: Account>(
        &mut self,
        caller: Fingerprint,
        limit: &A::Limit,
        hold: &Hold,
        actual: Amount,
        now: Millis,
    ) -> Result<Result<Settled, NoRoom>, PageError> {
        let now = self.clock(now);
        let hold = &self.known(hold);
        match self.find::<A>(caller, limit, now)? {
            Found::Entry(slot, mut account) => {
                let settled = account.settle(limit, hold, actual, now);
                self.store(slot, caller, limit, &account, now);
                Ok(Ok(settled))
            }
            Found::Free(slot, mut account) => {
                let settled = account.settle(limit, hold, actual, now);
                if settled.excess > Amount::ZERO {
                    self.store(slot, caller, limit, &account, now);
                }
                Ok(Ok(settled))
            }
            Found::Full(_) => {
                let settled = A::fresh(limit, now).settle(limit, hold, actual, now);
                let excess = settled.excess;
                Ok(if excess == Amount::ZERO { Ok(settled) } else { Err(NoRoom { excess }) })
            }
        }
    }

    fn expire_as<A: Account>(
        &mut self,
        caller: Fingerprint,
        limit: &A::Limit,
        now: Millis,
    ) -> Result<Amount, PageError> {
        let now = self.clock(now);
        let Found::Entry(slot, mut account) = self.find::<A>(caller, limit, now)? else {
            return Ok(Amount::ZERO);
        };
        let lapsed = account.advance(limit, now);
        self.store(slot, caller, limit, &account, now);
        Ok(lapsed)
    }

    fn peek_as<A: Account>(
        &self,
        caller: Fingerprint,
        limit: &A::Limit,
        ask: Ask,
        now: Millis,
    ) -> Result<Peeked, PageError> {
        let now = self.clock(now);
        let mut account = match self.find::<A>(caller, limit, now)? {
            Found::Entry(_, account) | Found::Free(_, account) => account,
            Found::Full(retry_after) => {
                let refusal = Refusal::NoRoom { retry_after: now.until(retry_after) };
                return Ok(Peeked { status: None, refusal: Some(refusal) });
            }
        };
        account.advance(limit, now);
        let status = account.status(limit, now);
        Ok(match account.reserve(limit, ask, Lease::new(crate::Span::ZERO), now, self.header.arrivals) {
            Reserved::Granted { .. } => Peeked { status: Some(status), refusal: None },
            Reserved::Refused { refusal, .. } => Peeked { status: Some(status), refusal: Some(refusal) },
        })
    }

    fn clock(&self, now: Millis) -> Millis {
        now.min(Millis::LAST).max(self.header.seen)
    }

    /// A hold with an arrival that this page has not seen comes from a page that was lost: taken for one that can give nothing back.
    fn known(&self, hold: &Hold) -> Hold {
        let expires = match hold.made {
            Moment::Arrival(arrival) if arrival >= self.header.arrivals => Millis(0),
            Moment::Arrival(_) | Moment::Window(_) => hold.expires,
        };
        Hold { expires, ..*hold }
    }

    fn find<A: Account>(
        &self,
        caller: Fingerprint,
        limit: &A::Limit,
        now: Millis,
    ) -> Result<Found<A>, PageError> {
        if A::KIND != self.header.kind {
            return Err(PageError::Kind { held: self.header.kind, asked: A::KIND });
        }
        let tag = caller.tag();
        let mut free = None;
        let mut first_idle = Millis::LAST;
        for slot in self.probe(tag) {
            let mut entry = Reader(self.slot(slot));
            let (held, idle) = (entry.u64(), Millis(entry.u64()));
            if held == tag {
                return Ok(Found::Entry(slot, A::read(&mut entry)));
            }
            if held == 0 {
                free = free.or(Some(slot));
                break;
            }
            if idle <= now {
                free = free.or(Some(slot));
            }
            first_idle = first_idle.min(idle);
        }
        Ok(match free {
            Some(slot) => Found::Free(slot, A::fresh(limit, now)),
            None => Found::Full(first_idle),
        })
    }

    /// All entries, from the one that the tag points at.
    fn probe(&self, tag: u64) -> impl Iterator<Item = usize> + use<> {
        let size = slot_size(self.header.kind);
        let slots = self.bytes.len().saturating_sub(Header::SIZE).checked_div(size).unwrap_or(0);
        let home = usize::try_from((tag >> 32).saturating_mul(slots as u64) >> 32).unwrap_or(0);
        (home..slots).chain(0..home)
    }

    fn slot(&self, slot: usize) -> &[u8] {
        let size = slot_size(self.header.kind);
        let start = Header::SIZE.saturating_add(slot.saturating_mul(size));
        self.bytes.get(start..start.saturating_add(size)).unwrap_or_default()
    }

    fn store<A: Account>(
        &mut self,
        slot: usize,
        caller: Fingerprint,
        limit: &A::Limit,
        account: &A,
        now: Millis,
    ) {
        self.header.seen = now;
        self.header.write(self.bytes);
        let size = slot_size(self.header.kind);
        let start = Header::SIZE.saturating_add(slot.saturating_mul(size));
        let bytes = self.bytes.get_mut(start..start.saturating_add(size)).unwrap_or_default();
        let mut entry = Writer(bytes);
        entry.u64(caller.tag());
        entry.u64(account.idle_from(limit).0);
        account.write(&mut entry);
    }
}

enum Found<A> {
    /// The caller's own.
    Entry(usize, A),
    /// The caller has none; this one can be taken.
    Free(usize, A),
    /// The caller has none, and none can be taken before then.
    Full(Millis),
}

/// What an entry holds for one caller.
pub(crate) trait Account: Sized {
    type Limit;
    const KIND: Kind;

    /// A caller of whom nothing is known.
    fn fresh(limit: &Self::Limit, now: Millis) -> Self;
    /// Lets time pass: the bucket drains, leases end and windows pass, in the order in which they did. Returns the rest of what lapsed.
    fn advance(&mut self, limit: &Self::Limit, now: Millis) -> Amount;
    /// Grants or refuses. The arrival is one more than that of the last reservation in the page.
    fn reserve(&mut self, limit: &Self::Limit, ask: Ask, lease: Lease, now: Millis, arrival: u64)
    -> Reserved;
    /// Charges what was used in place of what was reserved.
    fn settle(&mut self, limit: &Self::Limit, hold: &Hold, actual: Amount, now: Millis) -> Settled;
    /// After [`Self::advance`] to now.
    fn status(&self, limit: &Self::Limit, now: Millis) -> Status;
    /// From when on nothing is left to remember, if nothing else happens.
    fn idle_from(&self, limit: &Self::Limit) -> Millis;
    fn read(from: &mut Reader<'_>) -> Self;
    fn write(&self, to: &mut Writer<'_>);
}

/// What stands before the entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    kind: Kind,
    /// The page's clock.
    seen: Millis,
    /// How many reservations the page has granted. They number its arrivals, so that a number is never used again, though entries are.
    arrivals: u64,
}

impl Header {
    pub(crate) const SIZE: usize = 24;
    const MAGIC: [u8; 6] = *b"budget";

    pub(crate) const fn blank(kind: Kind) -> Self {
        Self { kind, seen: Millis(0), arrivals: 0 }
    }

    fn read(bytes: &[u8]) -> Result<Self, PageError> {
        let mut fields = Reader(bytes);
        let magic = fields.u64();
        let (seen, arrivals) = (Millis(fields.u64()), fields.u64());
        let kind = [Kind::Rate, Kind::Quota].into_iter().find(|kind| Self::magic(*kind) == magic);
        Ok(Self { kind: kind.ok_or(PageError::Unknown)?, seen: seen.min(Millis::LAST), arrivals })
    }

    pub(crate) fn write(self, bytes: &mut [u8]) {
        let mut fields = Writer(bytes);
        fields.u64(Self::magic(self.kind));
        fields.u64(self.seen.0);
        fields.u64(self.arrivals);
    }

    fn magic(kind: Kind) -> u64 {
        let [m0, m1, m2, m3, m4, m5] = Self::MAGIC;
        let kind = match kind {
            Kind::Rate => b'r',
            Kind::Quota => b'q',
        };
        u64::from_le_bytes([m0, m1, m2, m3, m4, m5, kind, VERSION])
    }
}
