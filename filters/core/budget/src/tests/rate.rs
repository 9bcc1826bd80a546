//! Rates: by example, and against a bucket that replays its whole history.

use proptest::prelude::*;

use super::*;

/// 10,000 a minute: one each 6 ms.
fn book() -> Book {
    Book::new(rate(10_000, 60_000))
}

#[test]
fn it_refills_smoothly_and_says_when() {
    let mut book = book();
    let hold = book.reserve(10_000, 0, MONDAY).unwrap();
    assert_eq!(book.reserve(1, 0, MONDAY), Err(not_yet(6)));
    assert_eq!(book.reserve(1, 0, MONDAY + 5), Err(not_yet(1)));
    assert!(book.reserve(1, 0, MONDAY + 6).is_ok());
    assert_eq!(book.status(MONDAY + 6).reset, Span(60_000));
    assert_eq!(book.settle(hold, 10_000, MONDAY + 30_000).excess, Amount(0));
    assert_eq!(book.remaining(MONDAY + 30_000), 4_999);
    assert_eq!(book.remaining(MONDAY + 3_600_000), 10_000);
    assert_eq!(book.reserve(10_001, 0, MONDAY), Err(Refusal::TooLarge { most: Amount(10_000) }));
}

#[test]
fn looking_often_loses_nothing() {
    // 7 in 1,000 ms do not divide: whoever rounds at each look drifts.
    let mut often = Book::new(rate(7, 1_000));
    let mut seldom = Book::new(rate(7, 1_000));
    for book in [&mut often, &mut seldom] {
        let hold = book.reserve(7, 0, MONDAY).unwrap();
        assert_eq!(book.settle(hold, 700, MONDAY).debt, Amount(693));
    }
    let limit = often.limit;
    for at in 0..99_999 {
        let _ = often.page().expire(ALICE, &limit, Millis(MONDAY + at)).unwrap();
    }
    assert_eq!(often.remaining(MONDAY + 99_999), 6);
    assert_eq!(seldom.remaining(MONDAY + 99_999), 6);
    assert_eq!([often.remaining(MONDAY + 100_000), seldom.remaining(MONDAY + 100_000)], [7, 7]);
}

#[test]
fn what_has_drained_is_not_given_back_as_well() {
    let mut book = book();
    let first = book.reserve(0, 1_000, MONDAY).unwrap();
    let second = book.reserve(1_000, 0, MONDAY + 20_000).unwrap();
    let settled = book.settle(first, 100, MONDAY + 21_000);
    assert_eq!(settled.refunded, Amount(0), "the bucket was empty in between");
    assert_eq!(book.remaining(MONDAY + 21_000), 9_166);
    assert_eq!(
        book.settle(second, 0, MONDAY + 21_000).refunded,
        Amount(833),
        "its own is what is left of it"
    );
    assert_eq!(book.remaining(MONDAY + 21_000), 10_000);
}

#[test]
fn parallel_requests_get_back_all_that_they_did_not_use() {
    for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2]] {
        let mut book = book();
        let mut holds = [0; 6].map(|_| Some(book.reserve(100, 900, MONDAY).unwrap()));
        for which in order {
            let _ = book.settle(holds[which].take().unwrap(), 200, MONDAY + 6_000);
        }
        assert_eq!(book.remaining(MONDAY + 6_000), 9_800, "1,200 used, 1,000 drained; {order:?}");
    }
}

#[test]
fn an_unsettled_reservation_gives_its_rest_back_when_its_lease_ends() {
    // 864 in a day: one in 100 s.
    let mut book = Book::new(rate(864, DAY));
    let hold = book.reserve(100, 700, MONDAY).unwrap();
    assert_eq!(book.remaining(MONDAY + 599_999), 864 - 800 + 5);
    assert_eq!(book.remaining(MONDAY + 600_000), 864 - 100 + 6);
    let settled = book.settle(hold, 300, MONDAY + 600_000);
    assert_eq!(
        (settled.timing, settled.excess, settled.lapsed),
        (Timing::LeaseEnded, Amount(200), Amount(700))
    );
    assert_eq!(book.remaining(MONDAY + 600_000), 864 - 300 + 6);
}

#[test]
fn leases_that_end_together_give_back_no_more_than_the_first_of_them_may() {
    let mut book = Book::new(rate(60_000, 60_000));
    book.lease = Lease::new(Span(3_000));
    let drained = book.reserve(0, 100, MONDAY + 1).unwrap();
    let full = book.reserve(5_000, 1, MONDAY + 500).unwrap();
    assert_eq!((drained.expires(), full.expires()), (Millis(MONDAY + 4_000), Millis(MONDAY + 4_000)));
    assert_eq!(book.remaining(MONDAY + 4_000), 60_000 - 5_001 + 3_500);
}

#[test]
fn an_entry_given_away_forgets_nothing_that_counts() {
    let mut book = book();
    let slow = book.reserve(0, 1_000, MONDAY).unwrap();
    // Drained, so another may have the entry; then the caller comes again to a new one, whose arrivals are later ones.
    let limit = book.limit;
    for caller in 1..=40u128 {
        let granted =
            book.page().reserve(Fingerprint(caller << 60), &limit, ask(1, 0), LEASE, Millis(MONDAY + 60_000));
        assert!(granted.is_ok());
    }
    let again = book.reserve(0, 5_000, MONDAY + 60_000).unwrap();
    assert_eq!(book.settle(slow, 0, MONDAY + 60_001).refunded, Amount(0));
    assert_eq!(book.settle(again, 0, MONDAY + 60_001).refunded.0, 4_999);
}

#[test]
fn limits_that_are_none_are_refused() {
    assert_eq!(Rate::new(Amount(0), Span(1)), Err(LimitError::NeverRefills));
    assert_eq!(Rate::new(Amount(1), Span(0)), Err(LimitError::Span(Span(0))));
    assert_eq!(Rate::new(Amount(1), Span(1 << 32)), Err(LimitError::Span(Span(1 << 32))));
}

/// What was charged and when, as it is known now; the level is replayed from the first charge on.
#[derive(Default)]
struct Replay(Vec<(u64, u64)>);

impl Replay {
    /// Scaled by the span.
    fn level(&self, amount: u64, per: u64, now: u64) -> u64 {
        let mut at = MONDAY;
        let level = self.0.iter().fold(0, |level: u64, (charged_at, charge)| {
            let drained = level.saturating_sub((charged_at - at) * amount);
            at = *charged_at;
            drained + charge * per
        });
        level.saturating_sub((now - at) * amount)
    }

    fn remaining(&self, amount: u64, per: u64, now: u64) -> u64 {
        (amount * per).saturating_sub(self.level(amount, per, now)) / per
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Reserve(u64, u64),
    /// Which, and what share of its reservation in sixteenths.
    Settle(usize, u64),
}

fn steps(waits: u64) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0..waits).prop_map(Step::Wait),
        3 => (0..30u64, 0..300u64).prop_map(|(prompt, rest)| Step::Reserve(prompt, rest)),
        3 => (0..8usize, 0..20u64).prop_map(|(which, share)| Step::Settle(which, share)),
    ];
    prop::collection::vec(step, 1..60)
}

/// Runs the steps on the ledger and on the replay; `check` gets both remainders, and how many reservations were made.
fn compare(
    steps: Vec<Step>,
    per: u64,
    mut check: impl FnMut(u64, u64, usize) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let amount = 1_000;
    let mut book = Book::new(rate(amount, per));
    let mut replay = Replay::default();
    let mut holds: Vec<(usize, Hold)> = Vec::new();
    let mut arrivals = 0;
    let mut now = MONDAY;
    for step in steps {
        match step {
            Step::Wait(time) => {
                now += time;
                for (charge, hold) in holds.iter().filter(|(_, hold)| hold.expires().0 <= now) {
                    replay.0[*charge].1 = hold.ask().prompt.0;
                }
            }
            Step::Reserve(prompt, rest) => match book.reserve(prompt, rest, now) {
                Ok(hold) => {
                    prop_assert!(
                        replay.remaining(amount, per, now) >= prompt + rest,
                        "granted over the limit"
                    );
                    holds.push((replay.0.len(), hold));
                    replay.0.push((now, prompt + rest));
                    arrivals += 1;
                }
                Err(Refusal::NotYet { retry_after }) => {
                    let mut later = Book { bytes: book.bytes.clone(), ..book };
                    let granted = now + retry_after.0;
                    if holds.iter().all(|(_, hold)| hold.expires().0 > granted) {
                        prop_assert!(later.reserve(prompt, rest, granted - 1).is_err());
                    }
                    prop_assert!(later.reserve(prompt, rest, granted).is_ok());
                }
                Err(refusal) => prop_assert!(false, "{refusal:?}"),
            },
            Step::Settle(which, share) => {
                if holds.is_empty() {
                    continue;
                }
                let (charge, hold) = holds.remove(which % holds.len());
                let (reserved, prompt) = (hold.ask().total().0, hold.ask().prompt.0);
                let actual = reserved * share / 16;
                let settled = book.settle(hold, actual, now);
                prop_assert!(settled.refunded.0 <= reserved.saturating_sub(actual));
                let covered = if settled.timing == Timing::OnTime { reserved } else { prompt };
                replay.0[charge].1 = actual.min(covered);
                if actual > covered {
                    replay.0.push((now, actual - covered));
                }
            }
        }
        check(book.remaining(now), replay.remaining(amount, per, now), arrivals)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// As if every reservation had been for what it came to cost from the start.
    #[test]
    fn refunds_are_exact_for_a_few_reservations_at_once(steps in steps(40_000)) {
        compare(steps, 60_000, |ledger, replay, arrivals| {
            if arrivals <= 6 {
                prop_assert_eq!(ledger, replay);
            }
            Ok(())
        })?;
    }

    #[test]
    fn refunds_never_give_too_much_for_any_number_of_reservations(steps in steps(9_000)) {
        compare(steps, 60_000, |ledger, replay, _| {
            prop_assert!(ledger <= replay, "{ledger} where {replay} are left");
            Ok(())
        })?;
    }

    #[test]
    fn nor_where_leases_end(steps in steps(900_000)) {
        compare(steps, 6_000_007, |ledger, replay, _| {
            prop_assert!(ledger <= replay, "{ledger} where {replay} are left");
            Ok(())
        })?;
    }
}
