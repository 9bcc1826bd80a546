//! Pages: callers find their own entries, live use is never given away, and a million callers need no byte more.

use proptest::prelude::*;

use super::*;

/// Spreads numbers as a keyed hash does: the finaliser of SplitMix64, twice.
fn caller(number: u64) -> Fingerprint {
    let mix = |seed: u64| {
        let z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let first = mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15));
    Fingerprint((u128::from(first) << 64) | u128::from(mix(first ^ 0x5851_f42d_4c95_7f2d)))
}

/// A whole table in memory.
struct Table {
    layout: Layout,
    limit: Limit,
    pages: Vec<Vec<u8>>,
}

impl Table {
    fn new(limit: Limit, callers: u32, overflow: Overflow) -> Self {
        let layout = Layout::new(&limit, callers, overflow);
        let pages = (0..layout.pages()).map(|page| layout.blank(PageIndex(page))).collect();
        Self { layout, limit, pages }
    }

    fn page(&mut self, caller: Fingerprint) -> Page<'_> {
        let index = self.layout.page_of(caller).0;
        Page::open(&mut self.pages[index as usize]).unwrap()
    }

    fn reserve(&mut self, caller: Fingerprint, amount: u64, now: u64) -> Result<Hold, Refusal> {
        let limit = self.limit;
        match self.page(caller).reserve(caller, &limit, ask(amount, 0), LEASE, Millis(now)).unwrap() {
            Reserved::Granted { hold, .. } => Ok(hold),
            Reserved::Refused { refusal, .. } => Err(refusal),
        }
    }

    fn remaining(&mut self, caller: Fingerprint, now: u64) -> Option<u64> {
        let limit = self.limit;
        let peeked = self.page(caller).peek(caller, &limit, ask(0, 0), Millis(now)).unwrap();
        peeked.status.map(|status| status.remaining.0)
    }

    fn bytes(&self) -> u64 {
        self.pages.iter().map(|page| page.len() as u64).sum()
    }
}

#[test]
fn a_table_says_how_much_memory_it_takes() {
    for limit in [quota(100, Window::Day), rate(100, 60_000)] {
        for (callers, overflow) in [(0, Overflow::Refuse), (1, Overflow::Share), (10_000, Overflow::Share)] {
            let table = Table::new(limit, callers, overflow);
            assert_eq!(table.bytes(), table.layout.bytes());
            assert!(table.layout.slots() >= 2 * u64::from(callers));
            assert!(table.pages.iter().all(|page| page.len() < 10_000), "a page is small");
        }
    }
    assert_eq!(Layout::new(&quota(1, Window::Day), 10_000, Overflow::Refuse).bytes(), 625 * (24 + 32 * 136));
    assert_eq!(Layout::new(&rate(1, 1), 10_000, Overflow::Refuse).bytes(), 625 * (24 + 32 * 280));
}

#[test]
fn the_callers_that_a_table_is_made_for_find_room() {
    let mut table = Table::new(quota(100, Window::Day), 10_000, Overflow::Refuse);
    let refused = (0..10_000).filter(|number| table.reserve(caller(*number), 1, MONDAY).is_err()).count();
    assert!(refused <= 10, "{refused} of 10,000 found no room");
}

#[test]
fn a_million_callers_take_no_byte_more_and_no_use_away() {
    let mut table = Table::new(quota(10, Window::Day), 32, Overflow::Refuse);
    let before = table.bytes();
    let (mut granted, mut refused) = (Vec::new(), 0);
    for number in 0..1_000_000 {
        match table.reserve(caller(number), 7, MONDAY + number / 100) {
            Ok(_) => granted.push(number),
            Err(Refusal::NoRoom { retry_after }) => {
                assert_eq!(retry_after, Span(DAY - number / 100), "when the day ends");
                refused += 1;
            }
            Err(refusal) => panic!("{refusal:?}"),
        }
    }
    assert_eq!((table.bytes(), granted.len() as u64), (before, table.layout.slots()));
    assert_eq!(granted.len() + refused, 1_000_000);
    // Those who were first still have what they used, and not a unit more.
    for number in granted {
        assert_eq!(table.remaining(caller(number), MONDAY + 20_000), Some(3));
        assert!(table.reserve(caller(number), 4, MONDAY + 20_000).is_err());
    }
    // The next day is theirs who come first.
    for number in 2_000_000..2_000_004 {
        assert!(table.reserve(caller(number), 10, MONDAY + DAY).is_ok());
    }
}

#[test]
fn an_entry_is_given_away_only_when_nothing_of_it_counts() {
    let mut table = Table::new(quota(10, Window::Day), 1, Overflow::Refuse);
    let holds: Vec<Hold> = (0..32).map(|number| table.reserve(caller(number), 5, MONDAY).unwrap()).collect();
    assert!(matches!(table.reserve(caller(99), 1, MONDAY), Err(Refusal::NoRoom { .. })));
    let limit = table.limit;
    // Refunded in full: free at once. Settled for nothing less than something: kept.
    for (number, hold) in holds.into_iter().enumerate() {
        let actual = Amount(u64::from(number != 7));
        let who = caller(number as u64);
        let settled = table.page(who).settle(who, &limit, &hold, actual, Millis(MONDAY)).unwrap();
        assert_eq!(settled.unwrap().timing, Timing::OnTime);
    }
    assert!(table.reserve(caller(99), 1, MONDAY).is_ok());
    assert!(matches!(table.reserve(caller(7), 1, MONDAY), Err(Refusal::NoRoom { .. })));
    assert_eq!(table.remaining(caller(8), MONDAY), Some(9));
}

#[test]
fn debt_keeps_its_entry_beyond_the_window() {
    let mut table = Table::new(quota(10, Window::Day), 1, Overflow::Refuse);
    let limit = table.limit;
    let hold = table.reserve(ALICE, 5, MONDAY).unwrap();
    let _ = table.page(ALICE).settle(ALICE, &limit, &hold, Amount(25), Millis(MONDAY)).unwrap();
    for number in 0..200 {
        let _ = table.reserve(caller(number), 1, MONDAY + DAY + number);
    }
    assert_eq!(table.remaining(ALICE, MONDAY + DAY + 200), Some(0));
    assert_eq!(table.remaining(ALICE, MONDAY + 2 * DAY), Some(5));
}

#[test]
fn a_worker_with_a_slow_clock_does_not_find_the_old_day_forgotten() {
    let mut table = Table::new(quota(10, Window::Day), 1, Overflow::Refuse);
    let _ = table.reserve(ALICE, 10, MONDAY).unwrap();
    // At midnight ALICE's entry is idle, and callers of the new day take every entry.
    for number in 0..32 {
        let _ = table.reserve(caller(number), 10, MONDAY + DAY);
    }
    assert!(table.reserve(ALICE, 10, MONDAY + DAY - 1).is_err(), "a second helping of Monday");
}

#[test]
fn a_late_excess_without_room_is_reported() {
    let mut table = Table::new(quota(10, Window::Minute), 1, Overflow::Refuse);
    let limit = table.limit;
    let hold = table.reserve(ALICE, 5, MONDAY).unwrap();
    for number in 0..32 {
        let _ = table.reserve(caller(number), 5, MONDAY + 60_000).unwrap();
    }
    let settle = |table: &mut Table, actual| {
        table.page(ALICE).settle(ALICE, &limit, &hold, Amount(actual), Millis(MONDAY + 60_000)).unwrap()
    };
    assert_eq!(settle(&mut table, 5).unwrap().timing, Timing::WindowPassed);
    assert_eq!(settle(&mut table, 9), Err(NoRoom { excess: Amount(4) }));
}

#[test]
fn what_is_no_page_is_refused() {
    let limit = quota(10, Window::Day);
    let page = Layout::new(&limit, 1, Overflow::Share).blank(PageIndex(0));
    let open = |mut bytes: Vec<u8>| Page::open(&mut bytes).map(|_| ()).unwrap_err();
    assert_eq!(open(Vec::new()), PageError::Unknown);
    assert_eq!(open(vec![0; page.len()]), PageError::Unknown);
    assert_eq!(open(page[..24].to_vec()), PageError::Length { length: 24 });
    assert_eq!(open(page[..page.len() - 1].to_vec()), PageError::Length { length: page.len() - 1 });
    let mut other_version = page.clone();
    other_version[7] += 1;
    assert_eq!(open(other_version), PageError::Unknown);
    let mut page = page;
    let wrong = Page::open(&mut page).unwrap().peek(ALICE, &rate(1, 1), ask(0, 0), Millis(0));
    assert_eq!(wrong, Err(PageError::Kind { held: Kind::Quota, asked: Kind::Rate }));
}

#[test]
fn a_shape_is_what_use_means_and_not_how_much_is_allowed() {
    let at = |minutes| UtcOffset::from_minutes(minutes).unwrap();
    let day = Quota::new(Amount(1), Window::Day);
    let others = [
        quota(1, Window::Hour),
        Limit::Quota(day.at_offset(at(60))),
        Limit::Quota(day.at_offset(at(-60))),
        rate(1, 60_000),
        rate(1, 60_001),
    ];
    for (index, other) in others.iter().enumerate() {
        assert_ne!(other.shape(), Limit::Quota(day).shape());
        assert!(others[..index].iter().all(|earlier| earlier.shape() != other.shape()));
    }
    assert_eq!(quota(2, Window::Day).shape(), Limit::Quota(day).shape());
    assert_eq!(rate(2, 60_000).shape(), rate(1, 60_000).shape());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Callers in one page do not see each other: each has its own limit, whoever else comes and goes.
    #[test]
    fn callers_have_entries_of_their_own(
        steps in prop::collection::vec((0..60u64, 1..12u64, 0..70_000u64), 1..200),
        rates in any::<bool>(),
    ) {
        let limit = if rates { rate(10, 60_000) } else { quota(10, Window::Minute) };
        let mut shared = Table::new(limit, 1, Overflow::Refuse);
        let mut alone: Vec<Table> = (0..60).map(|_| Table::new(limit, 1, Overflow::Refuse)).collect();
        let mut now = MONDAY;
        for (number, amount, wait) in steps {
            now += wait.saturating_sub(60_000);
            let here = shared.reserve(caller(number), amount, now);
            if matches!(here, Err(Refusal::NoRoom { .. })) {
                prop_assert_eq!(alone[number as usize].remaining(caller(number), now), Some(10), "live, and gone");
                continue;
            }
            let there = alone[number as usize].reserve(caller(number), amount, now);
            prop_assert_eq!(here.map(|hold| hold.ask()), there.map(|hold| hold.ask()));
        }
    }
}
