//! All or nothing: what is refused leaves nothing, the refusal names the budget that lasts longest, and pages may fail.

use std::collections::BTreeMap;

use super::*;

struct Bench {
    accounts: Vec<Account>,
    pages: BTreeMap<PageId, Vec<u8>>,
}

impl Bench {
    fn new(limits: &[Limit]) -> Self {
        let account = |(index, limit): (usize, &Limit)| Account {
            budget: BudgetId(index as u16),
            layout: Layout::new(limit, 1, Overflow::Share),
            limit: *limit,
            lease: LEASE,
            mode: Mode::Enforce,
            caller: ALICE,
            ask: ask(0, 0),
        };
        let accounts: Vec<Account> = limits.iter().enumerate().map(account).collect();
        let mut pages = BTreeMap::new();
        for Account { budget, layout, .. } in &accounts {
            for page in (0..layout.pages()).map(PageIndex) {
                pages.insert(PageId { budget: *budget, page }, layout.blank(page));
            }
        }
        Self { accounts, pages }
    }

    fn admission(&self, caller: Fingerprint, amount: u64) -> Admission {
        let account = |account: &Account| Account { caller, ask: ask(amount, 0), ..*account };
        Admission::new(self.accounts.iter().map(account).collect())
    }

    fn admit(&mut self, caller: Fingerprint, amount: u64, now: u64) -> Decision {
        let mut admission = self.admission(caller, amount);
        while let Some(id) = admission.page() {
            match self.pages.get_mut(&id).map(|bytes| admission.compute(bytes, Millis(now))) {
                Some(Ok(Write::Store)) => admission.stored(),
                Some(Ok(Write::Nothing)) => {}
                Some(Err(_)) | None => admission.give_up(),
            }
        }
        admission.decide()
    }

    fn settle(&mut self, ticket: Ticket, actual: u64, now: u64) -> Vec<Receipt> {
        let mut settlement = ticket.settle(|_| Amount(actual));
        while let Some(id) = settlement.page() {
            match self.pages.get_mut(&id).map(|bytes| settlement.compute(bytes, Millis(now))) {
                Some(Ok(Write::Store)) => settlement.stored(),
                Some(Ok(Write::Nothing)) => {}
                Some(Err(_)) | None => settlement.give_up(),
            }
        }
        settlement.receipts()
    }

    fn remaining(&mut self, budget: u16, now: u64) -> u64 {
        let Account { limit, layout, .. } = self.accounts[usize::from(budget)];
        let id = PageId { budget: BudgetId(budget), page: layout.page_of(ALICE) };
        let bytes = self.pages.get_mut(&id).unwrap();
        let peeked = Page::open(bytes).unwrap().peek(ALICE, &limit, ask(0, 0), Millis(now)).unwrap();
        peeked.status.unwrap().remaining.0
    }
}

fn admitted(decision: Decision) -> Ticket {
    match decision.verdict {
        Verdict::Admitted(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

fn refused(decision: &Decision) -> (u16, Refusal) {
    match decision.verdict {
        Verdict::Refused { budget, refusal } => (budget.0, refusal),
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn admitted_by_all_and_settled_with_all() {
    let mut bench = Bench::new(&[rate(100, 60_000), quota(1_000, Window::Day)]);
    let decision = bench.admit(ALICE, 60, MONDAY);
    assert!(decision.opinions.iter().all(|opinion| opinion.answer == Answer::Granted));
    let left: Vec<u64> =
        decision.opinions.iter().map(|opinion| opinion.status.unwrap().remaining.0).collect();
    assert_eq!(left, [40, 940]);
    let tightest = decision.opinions.iter().filter_map(|opinion| opinion.status).min_by(Status::by_share);
    assert_eq!(tightest.unwrap().limit, Amount(100));
    let ticket = admitted(decision);
    assert_eq!(
        ticket.holds().map(|(budget, hold)| (budget.0, hold.ask().total().0)).collect::<Vec<_>>(),
        [(0, 60), (1, 60)]
    );
    let receipts = bench.settle(ticket, 20, MONDAY);
    assert_eq!(receipts.iter().map(|receipt| receipt.budget.0).collect::<Vec<_>>(), [0, 1]);
    assert!(receipts.iter().all(|receipt| receipt.outcome.unwrap().refunded == Amount(40)));
    assert_eq!([bench.remaining(0, MONDAY), bench.remaining(1, MONDAY)], [80, 980]);
}

#[test]
fn the_refusal_is_that_of_the_budget_that_lasts_longest_and_leaves_nothing() {
    let mut bench = Bench::new(&[quota(900, Window::Month), rate(100, 60_000), quota(150, Window::Hour)]);
    let _ticket = admitted(bench.admit(ALICE, 80, MONDAY));
    let decision = bench.admit(ALICE, 100, MONDAY);
    assert_eq!(refused(&decision), (2, not_yet(3_600_000)), "the rate would have it in 48 s");
    let answers: Vec<Answer> = decision.opinions.iter().map(|opinion| opinion.answer).collect();
    assert_eq!(
        answers,
        [Answer::Granted, Answer::Refused(not_yet(48_000)), Answer::Refused(not_yet(3_600_000))]
    );
    assert_eq!([0, 1, 2].map(|budget| bench.remaining(budget, MONDAY)), [820, 20, 70]);
    let never = bench.admit(ALICE, 101, MONDAY);
    assert_eq!(refused(&never), (1, Refusal::TooLarge { most: Amount(100) }));
    assert_eq!([0, 1, 2].map(|budget| bench.remaining(budget, MONDAY)), [820, 20, 70]);
}

#[test]
fn a_budget_in_the_shadow_only_reports() {
    let mut bench = Bench::new(&[quota(10, Window::Day), quota(100, Window::Day)]);
    bench.accounts[0].mode = Mode::Shadow;
    let _first = admitted(bench.admit(ALICE, 8, MONDAY));
    let decision = bench.admit(ALICE, 8, MONDAY);
    assert_eq!(decision.opinions[0].answer, Answer::Refused(not_yet(DAY)));
    assert_eq!(
        bench.settle(admitted(decision), 8, MONDAY).len(),
        1,
        "nothing is owed to the budget that refused"
    );
    assert_eq!([bench.remaining(0, MONDAY), bench.remaining(1, MONDAY)], [2, 84]);
    assert_eq!(refused(&bench.admit(ALICE, 85, MONDAY)).0, 1);
    assert_eq!([bench.remaining(0, MONDAY), bench.remaining(1, MONDAY)], [2, 84]);
}

#[test]
fn a_page_that_cannot_be_used_admits_nobody() {
    let mut bench = Bench::new(&[quota(100, Window::Day), quota(100, Window::Day)]);
    let page = *bench.pages.keys().nth(2).unwrap();
    let kept = bench.pages.remove(&page).unwrap();
    let decision = bench.admit(ALICE, 10, MONDAY);
    assert!(matches!(decision.verdict, Verdict::Unavailable { budget: Some(BudgetId(1)) }), "{decision:?}");
    assert_eq!(bench.remaining(0, MONDAY), 100, "given back");
    bench.accounts[1].mode = Mode::Shadow;
    let ticket = admitted(bench.admit(ALICE, 10, MONDAY));
    bench.accounts[1].mode = Mode::Enforce;
    assert_eq!(bench.settle(ticket, 10, MONDAY).len(), 1);

    bench.pages.insert(page, kept);
    let ticket = admitted(bench.admit(ALICE, 10, MONDAY));
    bench.pages.remove(&page);
    let outcomes: Vec<bool> =
        bench.settle(ticket, 10, MONDAY).iter().map(|receipt| receipt.outcome.is_ok()).collect();
    assert_eq!(outcomes, [true, false]);
}

#[test]
fn a_host_that_gives_up_admits_nobody() {
    let mut bench = Bench::new(&[quota(100, Window::Day)]);
    // Always another who is faster.
    let mut admission = bench.admission(ALICE, 10);
    for _ in 0..3 {
        let mut bytes = bench.pages[&admission.page().unwrap()].clone();
        assert_eq!(admission.compute(&mut bytes, Millis(MONDAY)), Ok(Write::Store));
    }
    admission.give_up();
    assert_eq!(admission.page(), None);
    assert!(matches!(admission.decide().verdict, Verdict::Unavailable { budget: Some(BudgetId(0)) }));
    assert!(matches!(bench.admission(ALICE, 10).decide().verdict, Verdict::Unavailable { .. }));
    assert_eq!(bench.remaining(0, MONDAY), 100);
    assert!(
        matches!(Admission::new(Vec::new()).decide().verdict, Verdict::Admitted(_)),
        "no budget, no refusal"
    );
}

/// A caller of the one page, and not ALICE.
fn stranger(number: u128) -> Fingerprint {
    Fingerprint((number << 32) + 7)
}

#[test]
fn callers_without_room_share_one_limit() {
    let mut bench = Bench::new(&[quota(10, Window::Day)]);
    for number in 1..=32 {
        let decision = bench.admit(stranger(number), 10, MONDAY);
        assert_eq!(decision.opinions[0].place, Place::Own);
        let _ = admitted(decision);
    }
    let decision = bench.admit(stranger(33), 6, MONDAY);
    assert_eq!(decision.opinions[0].place, Place::Shared);
    let ticket = admitted(decision);
    let decision = bench.admit(stranger(34), 6, MONDAY);
    assert_eq!((refused(&decision), decision.opinions[0].place), ((0, not_yet(DAY)), Place::Shared));
    assert_eq!(bench.settle(ticket, 4, MONDAY)[0].outcome.unwrap().refunded, Amount(2));
    let _ = admitted(bench.admit(stranger(34), 6, MONDAY));
    assert_eq!(refused(&bench.admit(stranger(35), 1, MONDAY)), (0, not_yet(DAY)));
}

#[test]
fn a_late_excess_without_room_is_charged_to_the_shared_entry() {
    let mut bench = Bench::new(&[quota(10, Window::Minute)]);
    let ticket = admitted(bench.admit(ALICE, 5, MONDAY));
    for number in 1..=32 {
        let _ = admitted(bench.admit(stranger(number), 10, MONDAY + 60_000));
    }
    let receipt = bench.settle(ticket, 9, MONDAY + 60_000)[0];
    assert_eq!(receipt.outcome.unwrap().excess, Amount(4));
    let decision = bench.admit(stranger(40), 7, MONDAY + 60_000);
    assert_eq!((refused(&decision).0, decision.opinions[0].status.unwrap().remaining), (0, Amount(6)));
}
