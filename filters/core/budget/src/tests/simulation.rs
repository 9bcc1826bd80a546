//! K workers over one store, in every order or in many: no interleaving grants a unit too much, and without the compare-and-swap it does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// What the workers share: pages with versions. A store that is not `exact` replaces a page whatever its version: the mutation that the
/// tests must notice.
struct Store {
    pages: BTreeMap<PageId, (Vec<u8>, u64)>,
    exact: bool,
}

impl Store {
    fn swap(&mut self, id: PageId, bytes: Vec<u8>, loaded: u64) -> bool {
        let (held, version) = self.pages.get_mut(&id).expect("pages are created first");
        if self.exact && *version != loaded {
            return false;
        }
        (*held, *version) = (bytes, *version + 1);
        true
    }
}

/// A request to be made: by whom, against which budgets, and what it will come to cost.
#[derive(Clone, Debug)]
struct Request {
    user: u64,
    prompt: u64,
    rest: u64,
    actual: u64,
}

/// One at a time, as a stream does: admission, the answer, settlement.
enum Stage {
    Admitting(Admission),
    Settling(Settlement),
    Done,
}

struct Worker {
    request: Request,
    stage: Stage,
    /// Loaded and computed, not stored.
    computed: Option<(PageId, Vec<u8>, u64)>,
}

/// Who knows everything: what is reserved or spent in all budgets by requests that were admitted, use beyond reservations left out.
struct World {
    store: Store,
    budgets: Vec<(Limit, Layout)>,
    workers: Vec<Worker>,
    /// By budget and caller.
    committed: BTreeMap<(u16, u128), u64>,
    spent: BTreeMap<(u16, u128), u64>,
    admitted: usize,
    refused: usize,
    now: u64,
    overspent: bool,
    /// Whether requests are answered and settled, or stay open.
    answered: bool,
}

impl World {
    /// The first budget is each user's, the others are everybody's.
    fn new(limits: &[Limit], requests: &[Request], exact: bool) -> Self {
        let budgets: Vec<_> =
            limits.iter().map(|limit| (*limit, Layout::new(limit, 4, Overflow::Refuse))).collect();
        let mut pages = BTreeMap::new();
        for (index, (_, layout)) in budgets.iter().enumerate() {
            for page in (0..layout.pages()).map(PageIndex) {
                pages.insert(PageId { budget: BudgetId(index as u16), page }, (layout.blank(page), 1));
            }
        }
        let mut world = Self {
            store: Store { pages, exact },
            budgets,
            workers: Vec::new(),
            committed: BTreeMap::new(),
            spent: BTreeMap::new(),
            admitted: 0,
            refused: 0,
            now: MONDAY,
            overspent: false,
            answered: true,
        };
        world.workers = requests
            .iter()
            .map(|request| Worker {
                request: request.clone(),
                stage: Stage::Admitting(Admission::new(world.accounts(request))),
                computed: None,
            })
            .collect();
        world
    }

    fn accounts(&self, request: &Request) -> Vec<Account> {
        let account = |(index, (limit, layout)): (usize, &(Limit, Layout))| Account {
            budget: BudgetId(index as u16),
            layout: *layout,
            limit: *limit,
            lease: Lease::new(Span(7 * DAY)),
            mode: Mode::Enforce,
            caller: caller(index, request.user),
            ask: ask(request.prompt, request.rest),
        };
        self.budgets.iter().enumerate().map(account).collect()
    }

    /// One atomic step of one worker: a load with its computation, or a store.
    fn step(&mut self, index: usize) {
        let now = Millis(self.now);
        let worker = &mut self.workers[index];
        if let Some((id, bytes, version)) = worker.computed.take() {
            if self.store.swap(id, bytes, version) {
                match &mut worker.stage {
                    Stage::Admitting(admission) => admission.stored(),
                    Stage::Settling(settlement) => settlement.stored(),
                    Stage::Done => {}
                }
            }
        } else {
            let page = match &worker.stage {
                Stage::Admitting(admission) => admission.page(),
                Stage::Settling(settlement) => settlement.page(),
                Stage::Done => None,
            };
            if let Some(id) = page {
                let (mut bytes, version) = self.store.pages[&id].clone();
                let write = match &mut worker.stage {
                    Stage::Admitting(admission) => admission.compute(&mut bytes, now),
                    Stage::Settling(settlement) => settlement.compute(&mut bytes, now),
                    Stage::Done => Ok(Write::Nothing),
                };
                if write.unwrap() == Write::Store {
                    worker.computed = Some((id, bytes, version));
                }
            }
        }
        self.arrive(index);
    }

    /// The answer came at once: from here on the request counts what it came to cost.
    fn answer(&mut self, ticket: Ticket, request: &Request) -> Stage {
        for budget in 0..self.budgets.len() {
            let key = (budget as u16, caller(budget, request.user).0);
            *self.committed.entry(key).or_default() -=
                (request.prompt + request.rest).saturating_sub(request.actual);
            *self.spent.entry(key).or_default() += request.actual;
        }
        let actual = request.actual;
        Stage::Settling(ticket.settle(|_| Amount(actual)))
    }

    /// Notes what a worker has come to.
    fn arrive(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        let request = worker.request.clone();
        let stage = match std::mem::replace(&mut worker.stage, Stage::Done) {
            Stage::Admitting(admission) if admission.page().is_none() => match admission.decide().verdict {
                Verdict::Admitted(ticket) => {
                    self.admitted += 1;
                    for budget in 0..self.budgets.len() {
                        let key = (budget as u16, caller(budget, request.user).0);
                        let committed = self.committed.entry(key).or_default();
                        *committed += request.prompt + request.rest;
                        self.overspent |= *committed > self.budgets[budget].0.most().0;
                    }
                    if self.answered { self.answer(ticket, &request) } else { Stage::Done }
                }
                Verdict::Refused { .. } => {
                    self.refused += 1;
                    Stage::Done
                }
                Verdict::Unavailable { .. } => panic!("no page is missing"),
            },
            Stage::Settling(settlement) if settlement.page().is_none() => {
                assert!(settlement.receipts().iter().all(|receipt| receipt.outcome.is_ok()));
                Stage::Done
            }
            stage => stage,
        };
        self.workers[index].stage = stage;
    }

    fn active(&self) -> Vec<usize> {
        let done = |worker: &Worker| matches!(worker.stage, Stage::Done);
        (0..self.workers.len()).filter(|index| !done(&self.workers[*index])).collect()
    }

    /// What the ledger itself says is left to a user of a budget.
    fn remaining(&mut self, budget: usize, user: u64) -> u64 {
        let (limit, layout) = self.budgets[budget];
        let who = caller(budget, user);
        let id = PageId { budget: BudgetId(budget as u16), page: layout.page_of(who) };
        let (bytes, _) = self.store.pages.get_mut(&id).expect("pages are created first");
        let peeked = Page::open(bytes).unwrap().peek(who, &limit, ask(0, 0), Millis(self.now)).unwrap();
        peeked.status.unwrap().remaining.0
    }

    /// Once all is settled, within one window: the ledger has every unit that was spent, and no other.
    fn balanced(&mut self) -> bool {
        let users: Vec<u64> = self.workers.iter().map(|worker| worker.request.user).collect();
        (0..self.budgets.len()).all(|budget| {
            users.iter().all(|user| {
                let spent = *self.spent.get(&(budget as u16, caller(budget, *user).0)).unwrap_or(&0);
                let limit = self.budgets[budget].0.most().0;
                self.remaining(budget, *user) == limit.saturating_sub(spent)
            })
        })
    }
}

fn caller(budget: usize, user: u64) -> Fingerprint {
    let user = if budget == 0 { user } else { 0 };
    Fingerprint((u128::from(user.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64) | u128::from(user + 1))
}

/// Runs the workers in every order, and hands each final world over. Returns how many orders there are.
fn every_order(make: &dyn Fn() -> World, check: &mut dyn FnMut(&mut World)) -> usize {
    fn explore(make: &dyn Fn() -> World, check: &mut dyn FnMut(&mut World), order: &mut Vec<usize>) -> usize {
        let mut world = make();
        order.iter().for_each(|index| world.step(*index));
        let active = world.active();
        if active.is_empty() {
            check(&mut world);
            return 1;
        }
        let mut orders = 0;
        for index in active {
            order.push(index);
            orders += explore(make, check, order);
            order.pop();
        }
        orders
    }
    explore(make, check, &mut Vec::new())
}

fn request(user: u64, reserved: u64, actual: u64) -> Request {
    Request { user, prompt: reserved / 4, rest: reserved - reserved / 4, actual }
}

/// Three workers for a quota that has room for two: all orders, and in how many of them it went wrong.
fn three_for_two(exact: bool) -> (usize, usize) {
    let limits = [quota(100, Window::Day)];
    let requests = [request(1, 50, 50), request(1, 50, 50), request(1, 50, 50)];
    let mut wrong = 0;
    let open = || World { answered: false, ..World::new(&limits, &requests, exact) };
    let orders =
        every_order(&open, &mut |world| wrong += usize::from(world.overspent || world.admitted != 2));
    (orders, wrong)
}

#[test]
fn in_every_order_exactly_as_many_are_admitted_as_there_is_room_for() {
    let (orders, wrong) = three_for_two(true);
    assert!(orders > 90, "{orders}");
    assert_eq!(wrong, 0, "of {orders} orders");
}

#[test]
fn without_the_compare_and_swap_the_same_orders_overspend() {
    let (orders, wrong) = three_for_two(false);
    assert!(wrong * 10 > orders, "{wrong} of {orders}");
}

#[test]
fn in_every_order_of_two_workers_and_two_budgets_nothing_is_left_of_a_refusal() {
    // The user's budget has room for both, everybody's for one.
    let limits = [quota(100, Window::Day), quota(60, Window::Day)];
    let requests = [request(1, 50, 40), request(2, 50, 45)];
    let mut both = 0;
    let orders = every_order(&|| World::new(&limits, &requests, true), &mut |world| {
        assert!(!world.overspent);
        assert!(world.balanced());
        both += usize::from(world.admitted == 2);
        assert!(world.admitted >= 1);
    });
    assert!(orders > 100, "{orders}");
    assert_eq!(both, 0, "40 spent leave 20, which is too little for the other");
}

#[test]
fn in_every_order_a_refund_lets_in_as_many_as_it_makes_room_for() {
    let limits = [quota(60, Window::Day)];
    let requests = [request(1, 50, 5), request(1, 50, 10)];
    let mut counts = [0; 3];
    every_order(&|| World::new(&limits, &requests, true), &mut |world| {
        assert!(!world.overspent);
        assert!(world.balanced());
        counts[world.admitted] += 1;
    });
    assert!(counts[0] == 0 && counts[1] > 0 && counts[2] > 0, "{counts:?}");
}

/// A random run: which worker steps next, and how much time passes before it.
type Run = (Vec<Request>, Vec<(usize, u64)>);

fn runs(waits: u64) -> impl Strategy<Value = Run> {
    let request = (1..4u64, 0..20u64, 0..40u64, 0..80u64).prop_map(|(user, prompt, rest, actual)| Request {
        user,
        prompt,
        rest,
        actual,
    });
    let requests = prop::collection::vec(request, 2..10);
    (requests, prop::collection::vec((0..10usize, 0..=waits), 0..120))
}

fn random(limits: &[Limit], (requests, order): Run, exact: bool) -> World {
    let mut world = World::new(limits, &requests, exact);
    for (index, wait) in order {
        world.now += wait;
        let active = world.active();
        if !active.is_empty() {
            world.step(active[index % active.len()]);
        }
    }
    while let Some(index) = world.active().first() {
        world.step(*index);
    }
    world
}

fn one_window(run: Run, exact: bool) -> Result<(), TestCaseError> {
    let limits = [quota(80, Window::Day), quota(150, Window::Month), quota(120, Window::Week)];
    let mut world = random(&limits, run, exact);
    prop_assert!(!world.overspent, "more was promised than the limit");
    prop_assert!(world.balanced(), "the ledger does not have what was spent");
    prop_assert_eq!(world.admitted + world.refused, world.workers.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_interleaving_overspends_three_budgets(run in runs(50)) {
        one_window(run, true)?;
    }

    /// Rates as well: over the whole run no more than one burst and what was refilled.
    #[test]
    fn no_interleaving_overspends_rates(run in runs(2_000)) {
        let rates = [rate(100, 60_000), rate(150, 30_000)];
        let mut unlimited = random(&rates, run, true);
        let passed = unlimited.now - MONDAY;
        for ((budget, _), committed) in unlimited.committed.clone() {
            let (most, refilled) = if budget == 0 { (100, passed * 100 / 60_000) } else { (150, passed * 150 / 30_000) };
            prop_assert!(committed <= most + refilled, "{committed} of {most} and {refilled}");
        }
        unlimited.now += DAY;
        let workers: Vec<u64> = unlimited.workers.iter().map(|worker| worker.request.user).collect();
        for user in workers {
            prop_assert_eq!((unlimited.remaining(0, user), unlimited.remaining(1, user)), (100, 150));
        }
    }

    /// Windows pass and leases end while requests run: never more than a limit for each window.
    #[test]
    fn no_interleaving_overspends_windows_that_pass(run in runs(40_000)) {
        let limits = [quota(80, Window::Minute), quota(150, Window::Hour)];
        let world = random(&limits, run, true);
        let passed = world.now - MONDAY;
        for ((budget, _), committed) in &world.committed {
            let (limit, windows) = if *budget == 0 { (80, passed / 60_000 + 1) } else { (150, passed / 3_600_000 + 1) };
            prop_assert!(*committed <= limit * windows, "{committed} in {windows} windows of {limit}");
        }
    }
}

#[test]
fn without_the_compare_and_swap_the_property_fails() {
    let mut runner = TestRunner::new_with_rng(
        Config { failure_persistence: None, max_shrink_iters: 0, cases: 512, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    assert!(runner.run(&runs(50), |run| one_window(run, false)).is_err());
}
