//! What the ledger promises, against naive models of it and under every interleaving.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]

mod admission;
mod calendar;
mod page;
mod quota;
mod rate;
mod simulation;

use crate::*;

const DAY: u64 = 86_400_000;
/// 2026-11-23, a Monday, at midnight.
const MONDAY: u64 = 1_795_392_000_000;
const ALICE: Fingerprint = Fingerprint(0x1234_5678_9abc_def0_0fed_cba9_8765_4321);
const LEASE: Lease = Lease::new(Span(600_000));

fn ask(prompt: u64, rest: u64) -> Ask {
    Ask { prompt: Amount(prompt), rest: Amount(rest) }
}

fn quota(amount: u64, window: Window) -> Limit {
    Limit::Quota(Quota::new(Amount(amount), window))
}

fn rate(amount: u64, per: u64) -> Limit {
    Limit::Rate(Rate::new(Amount(amount), Span(per)).unwrap())
}

/// One caller's page, with every operation in one line.
struct Book {
    limit: Limit,
    lease: Lease,
    bytes: Vec<u8>,
}

impl Book {
    fn new(limit: Limit) -> Self {
        let layout = Layout::new(&limit, 1, Overflow::Refuse);
        Self { limit, lease: LEASE, bytes: layout.blank(PageIndex(0)) }
    }

    fn page(&mut self) -> Page<'_> {
        Page::open(&mut self.bytes).unwrap()
    }

    fn reserve(&mut self, prompt: u64, rest: u64, now: u64) -> Result<Hold, Refusal> {
        let (limit, lease) = (self.limit, self.lease);
        match self.page().reserve(ALICE, &limit, ask(prompt, rest), lease, Millis(now)).unwrap() {
            Reserved::Granted { hold, .. } => Ok(hold),
            Reserved::Refused { refusal, .. } => Err(refusal),
        }
    }

    fn settle(&mut self, hold: Hold, actual: u64, now: u64) -> Settled {
        let limit = self.limit;
        self.page().settle(ALICE, &limit, &hold, Amount(actual), Millis(now)).unwrap().unwrap()
    }

    fn status(&mut self, now: u64) -> Status {
        let limit = self.limit;
        self.page().peek(ALICE, &limit, ask(0, 0), Millis(now)).unwrap().status.unwrap()
    }

    fn remaining(&mut self, now: u64) -> u64 {
        self.status(now).remaining.0
    }
}

fn not_yet(millis: u64) -> Refusal {
    Refusal::NotYet { retry_after: Span(millis) }
}
