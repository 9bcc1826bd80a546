//! The ledger: reserve, settle, and never overspend; it knows integers, not LLMs, and has no clock and no store.
//!
//! Checking a budget before a request and charging it afterwards lets every parallel request through, and a client that hangs up before its
//! usage is known pays nothing. So what a request may come to cost is [reserved](Page::reserve) before it is made, and
//! [settled](Page::settle) once at what it did cost.
//!
//! Reading from the outside in:
//!
//! * [`Admission`] takes one request through all budgets that apply, all or nothing, and yields a [`Ticket`]; [`Settlement`] is what becomes of
//!   the ticket. Both say which page to load next, and work on its bytes.
//! * A [`Page`] is a few kilobytes of packed entries, one for each caller: what one compare-and-swap replaces. A [`Layout`] says how many there
//!   are, and so how much memory; that never changes, however many callers come.
//! * An entry is one caller's account with a [`Rate`] or a [`Quota`]. The algebra is in `rate` and `quota`, with the invariant of each on its
//!   type.
//! * A reservation that nobody settles ends with its [`Lease`].
//!
//! Absent on purpose: what is counted and for whom (an [`Amount`] may be tokens or money, a [`Fingerprint`] anybody), a clock ([`Millis`] come
//! in), a hash (the host has the key), a store and its retries (the host has them too). Amounts saturate, nothing is rounded but what is
//! only shown, and no input can panic.

#![forbid(unsafe_code)]

mod admission;
mod bytes;
mod calendar;
mod layout;
mod lease;
mod limit;
mod lows;
mod operation;
mod page;
mod quota;
mod rate;
mod settlement;
#[cfg(test)]
mod tests;
mod units;

pub use admission::{
    Account, Admission, Answer, BudgetId, Decision, Mode, Opinion, PageId, Place, Verdict, Write,
};
pub use calendar::{UtcOffset, Window};
pub use layout::{Fingerprint, Layout, Overflow, PageIndex};
pub use lease::Lease;
pub use limit::{Kind, Limit, LimitError, Quota, Rate};
pub use operation::{Ask, Hold, Peeked, Refusal, Reserved, Settled, Status, Timing};
pub use page::{NoRoom, Page, PageError};
pub use settlement::{Receipt, Settlement, Ticket, Unsettled};
pub use units::{Amount, Millis, Span};
