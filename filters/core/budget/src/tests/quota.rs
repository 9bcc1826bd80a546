//! Quotas: by example, and against a model that remembers every reservation.

use proptest::prelude::*;

use super::*;
use crate::calendar::{UtcOffset, WindowIndex};

const MINUTE: u64 = 60_000;

#[test]
fn reserved_and_settled_to_the_unit() {
    let mut book = Book::new(quota(100, Window::Day));
    let hold = book.reserve(10, 50, MONDAY).unwrap();
    assert_eq!((book.remaining(MONDAY), book.status(MONDAY).open), (40, Amount(60)));
    assert_eq!(
        book.reserve(0, 41, MONDAY),
        Err(not_yet(600_000)),
        "when the lease ends, on a multiple of 200 s"
    );
    let settled = book.settle(hold, 25, MONDAY + 5);
    assert_eq!((settled.timing, settled.refunded, settled.excess), (Timing::OnTime, Amount(35), Amount(0)));
    assert_eq!((book.remaining(MONDAY + 5), book.status(MONDAY + 5).open), (75, Amount(0)));
    assert!(book.reserve(75, 0, MONDAY + 6).is_ok());
    assert_eq!(book.reserve(1, 0, MONDAY + 7), Err(not_yet(DAY - 7)), "no lease gives a prompt back");
    assert_eq!(book.remaining(MONDAY + DAY), 100);
}

#[test]
fn more_than_the_limit_can_never_be_granted() {
    let mut book = Book::new(quota(100, Window::Day));
    assert_eq!(book.reserve(50, 51, MONDAY), Err(Refusal::TooLarge { most: Amount(100) }));
    assert_eq!(book.reserve(u64::MAX, u64::MAX, MONDAY), Err(Refusal::TooLarge { most: Amount(100) }));
    let mut nothing = Book::new(quota(0, Window::Day));
    assert_eq!(nothing.reserve(1, 0, MONDAY), Err(Refusal::TooLarge { most: Amount(0) }));
    assert!(nothing.reserve(0, 0, MONDAY).is_ok(), "what is free is not refused");
}

#[test]
fn an_excess_becomes_debt_that_the_next_windows_pay() {
    let mut book = Book::new(quota(100, Window::Day));
    let hold = book.reserve(10, 0, MONDAY).unwrap();
    let settled = book.settle(hold, 350, MONDAY + 1);
    assert_eq!((settled.excess, settled.debt), (Amount(340), Amount(250)));
    let days = |days| MONDAY + days * DAY;
    assert_eq!(
        book.reserve(1, 0, days(0) + 1),
        Err(not_yet(3 * DAY - 1)),
        "two whole days pay 200, the third has 50 left"
    );
    assert_eq!(book.reserve(51, 0, days(1)), Err(not_yet(3 * DAY)));
    assert_eq!([1, 2, 3, 4].map(|day| book.remaining(days(day))), [0, 0, 50, 100]);
    assert!(book.reserve(50, 0, days(3)).is_ok());
    assert_eq!(book.remaining(days(4)), 100);
}

#[test]
fn use_within_the_limit_is_no_debt_even_beyond_its_reservation() {
    let mut book = Book::new(quota(100, Window::Day));
    let hold = book.reserve(10, 0, MONDAY).unwrap();
    assert_eq!(book.settle(hold, 90, MONDAY).debt, Amount(0));
    assert_eq!((book.remaining(MONDAY), book.remaining(MONDAY + DAY)), (10, 100));
}

#[test]
fn a_refund_does_not_reach_into_the_next_window() {
    let mut book = Book::new(quota(100, Window::Minute));
    let first = book.reserve(10, 80, MONDAY + MINUTE - 1).unwrap();
    assert_eq!(
        book.remaining(MONDAY + MINUTE),
        100,
        "a window does not begin with what the last one has reserved"
    );
    let second = book.reserve(10, 80, MONDAY + MINUTE).unwrap();
    let settled = book.settle(first, 1, MONDAY + MINUTE + 1);
    assert_eq!((settled.timing, settled.refunded), (Timing::WindowPassed, Amount(0)));
    assert_eq!(book.remaining(MONDAY + MINUTE + 1), 10);
    assert_eq!(book.settle(second, 1, MONDAY + MINUTE + 2).refunded, Amount(89));
    assert_eq!(book.remaining(MONDAY + MINUTE + 2), 99);
}

#[test]
fn an_excess_over_a_passed_window_is_charged_to_this_one() {
    let mut book = Book::new(quota(100, Window::Minute));
    let hold = book.reserve(10, 40, MONDAY).unwrap();
    let settled = book.settle(hold, 75, MONDAY + MINUTE);
    assert_eq!((settled.timing, settled.excess), (Timing::WindowPassed, Amount(25)));
    assert_eq!(book.remaining(MONDAY + MINUTE), 75);
}

#[test]
fn an_unsettled_reservation_is_charged_its_prompt_and_a_late_settlement_the_rest() {
    let mut book = Book::new(quota(100, Window::Day));
    let hold = book.reserve(10, 80, MONDAY).unwrap();
    assert_eq!(hold.expires(), Millis(MONDAY + 600_000));
    assert_eq!(book.remaining(MONDAY + 599_999), 10);
    assert_eq!(book.remaining(MONDAY + 600_000), 90);
    let limit = book.limit;
    assert_eq!(book.page().expire(ALICE, &limit, Millis(MONDAY + 600_000)), Ok(Amount(80)));
    let settled = book.settle(hold, 30, MONDAY + 600_001);
    assert_eq!(
        (settled.timing, settled.excess, settled.refunded),
        (Timing::LeaseEnded, Amount(20), Amount(0))
    );
    assert_eq!(book.remaining(MONDAY + 600_001), 70);
}

#[test]
fn a_late_settlement_below_the_prompt_gives_nothing_back() {
    let mut book = Book::new(quota(100, Window::Day));
    let hold = book.reserve(10, 80, MONDAY).unwrap();
    assert_eq!(book.settle(hold, 0, MONDAY + 600_000).timing, Timing::LeaseEnded);
    assert_eq!(book.remaining(MONDAY + 600_000), 90);
}

#[test]
fn what_is_open_when_a_window_ends_is_charged_in_full_though_its_lease_ends_later() {
    let mut book = Book::new(quota(100, Window::Hour));
    let late = MONDAY + 55 * MINUTE;
    let open = book.reserve(0, 60, late).unwrap();
    let over = book.reserve(10, 0, late).unwrap();
    assert_eq!(book.settle(over, 100, late).debt, Amount(60));
    // The lease ends at 65 minutes and nobody looks before 70: the hour ended with 160 nevertheless.
    assert!(open.expires() < Millis(MONDAY + 70 * MINUTE));
    assert_eq!(book.remaining(MONDAY + 70 * MINUTE), 40);
    assert_eq!(book.settle(open, 60, MONDAY + 70 * MINUTE).timing, Timing::WindowPassed);
    assert_eq!(book.remaining(MONDAY + 70 * MINUTE), 40);
}

#[test]
fn leases_of_many_lengths_are_exact_when_settled_and_end_all_the_same() {
    let mut book = Book::new(quota(100, Window::Day));
    let holds = [9, 2, 31, 600, 5, 77, 1].map(|seconds| {
        book.lease = Lease::new(Span(seconds * 1_000));
        book.reserve(1, 9, MONDAY).unwrap()
    });
    assert_eq!(book.remaining(MONDAY), 30);
    let mut unsettled = Book { bytes: book.bytes.clone(), ..book };
    for hold in holds {
        assert_eq!(book.settle(hold, 4, MONDAY + 1).timing, Timing::OnTime);
    }
    assert_eq!((book.remaining(MONDAY + 1), book.status(MONDAY + 1).open), (72, Amount(0)));
    assert_eq!(unsettled.remaining(MONDAY + 800_000), 93, "seven prompts");
}

#[test]
fn a_lowered_limit_binds_at_once_and_makes_no_debt() {
    let mut book = Book::new(quota(100, Window::Day));
    let hold = book.reserve(90, 0, MONDAY).unwrap();
    book.limit = quota(20, Window::Day);
    let settled = book.settle(hold, 90, MONDAY + 1);
    assert_eq!((settled.debt, book.remaining(MONDAY + 1)), (Amount(0), 0));
    assert_eq!(book.reserve(1, 0, MONDAY + 1), Err(not_yet(DAY - 1)));
    assert_eq!(book.remaining(MONDAY + DAY), 20);
    book.limit = quota(200, Window::Day);
    assert_eq!(book.remaining(MONDAY + 2), 110);
}

#[test]
fn time_does_not_go_back() {
    let mut book = Book::new(quota(100, Window::Day));
    let hold = book.reserve(60, 0, MONDAY + DAY).unwrap();
    assert_eq!(book.reserve(41, 0, MONDAY), Err(not_yet(DAY)), "the day before is over");
    assert_eq!(book.settle(hold, 60, MONDAY).timing, Timing::OnTime);
    assert_eq!(book.remaining(MONDAY), 40);
}

/// Every reservation by itself, and every window's total.
struct Model {
    limit: u64,
    window: Window,
    now: u64,
    current: i64,
    used: u64,
    open: Vec<Reservation>,
}

#[derive(Clone, Copy)]
struct Reservation {
    id: usize,
    window: i64,
    prompt: u64,
    rest: u64,
    expires: u64,
}

impl Model {
    fn index(&self, at: u64) -> i64 {
        self.window.index(Millis(at), UtcOffset::UTC).0
    }

    fn charged(&self) -> u64 {
        self.used
            + self.open.iter().filter(|r| r.window == self.current).map(|r| r.prompt + r.rest).sum::<u64>()
    }

    /// Moves a millisecond-exact clock from event to event.
    fn advance(&mut self, now: u64) {
        loop {
            let end = self.window.start(WindowIndex(self.current + 1), UtcOffset::UTC).0;
            let lapse = self.open.iter().filter(|r| r.window == self.current).map(|r| r.expires).min();
            match lapse {
                Some(at) if at <= end.min(now) => {
                    for r in self.open.extract_if(.., |r| r.window == self.current && r.expires == at) {
                        self.used += r.prompt;
                    }
                }
                _ if end <= now => {
                    self.used = self.charged().saturating_sub(self.limit);
                    self.current += 1;
                }
                _ => break,
            }
        }
        self.now = now;
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Reserve(u64, u64),
    Settle(usize, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![4 => 0..5_000u64, 2 => 0..120_000u64, 1 => 0..3_000_000u64];
    let step = prop_oneof![
        2 => wait.prop_map(Step::Wait),
        3 => (0..20u64, 0..60u64).prop_map(|(prompt, rest)| Step::Reserve(prompt, rest)),
        3 => (0..8usize, 0..120u64).prop_map(|(which, actual)| Step::Settle(which, actual)),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_quota_is_the_sum_of_its_reservations(steps in steps(), window in prop_oneof![Just(Window::Minute), Just(Window::Hour)]) {
        let limit = 100;
        let mut book = Book::new(quota(limit, window));
        let mut model = Model { limit, window, now: MONDAY, current: 0, used: 0, open: Vec::new() };
        model.current = model.index(MONDAY);
        // Outstanding holds, with what the model thinks of each.
        let mut holds: Vec<(usize, Hold, i64)> = Vec::new();
        for (id, step) in steps.into_iter().enumerate() {
            match step {
                Step::Wait(time) => model.advance(model.now + time),
                Step::Reserve(prompt, rest) => {
                    let fits = model.charged() + prompt + rest <= limit;
                    match book.reserve(prompt, rest, model.now) {
                        Ok(hold) => {
                            prop_assert!(fits, "granted over the limit");
                            let expires = hold.expires().0;
                            prop_assert!(expires >= model.now + 600_000 && expires < model.now + 800_000);
                            model.open.push(Reservation { id, window: model.current, prompt, rest, expires });
                            holds.push((id, hold, model.current));
                        }
                        Err(Refusal::NotYet { retry_after }) => {
                            prop_assert!(!fits, "refused within the limit");
                            // It is granted when it was said to be, and not a millisecond earlier.
                            let mut later = Book { bytes: book.bytes.clone(), ..book };
                            prop_assert!(later.reserve(prompt, rest, model.now + retry_after.0 - 1).is_err());
                            prop_assert!(later.reserve(prompt, rest, model.now + retry_after.0).is_ok());
                        }
                        Err(refusal) => prop_assert!(false, "{refusal:?}"),
                    }
                }
                Step::Settle(which, actual) => {
                    if holds.is_empty() {
                        continue;
                    }
                    let (id, hold, window) = holds.remove(which % holds.len());
                    let ask = hold.ask();
                    let settled = book.settle(hold, actual, model.now);
                    let open = model.open.iter().position(|r| r.id == id).map(|at| model.open.remove(at));
                    match open {
                        Some(_) if window == model.current => {
                            prop_assert_eq!(settled.timing, Timing::OnTime);
                            prop_assert_eq!(settled.refunded, ask.total().saturating_sub(Amount(actual)));
                            model.used += actual;
                        }
                        Some(_) => {
                            prop_assert_eq!((settled.timing, settled.refunded), (Timing::WindowPassed, Amount(0)));
                            model.used += actual.saturating_sub(ask.total().0);
                        }
                        None => {
                            prop_assert_eq!((settled.timing, settled.refunded), (Timing::LeaseEnded, Amount(0)));
                            model.used += actual.saturating_sub(ask.prompt.0);
                        }
                    }
                }
            }
            prop_assert_eq!(book.remaining(model.now), limit.saturating_sub(model.charged()));
        }
    }
}
