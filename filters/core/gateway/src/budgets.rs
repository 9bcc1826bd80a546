//! The configured budgets, prepared: their tables in shared memory, and which of them apply to whom.

use budget::{
    Account, Amount, BudgetId, Fingerprint, Layout, Lease, Limit, Mode, Opinion, PageId, Receipt, Span,
    Status,
};
use config::{
    BudgetHeaders, BudgetLimit, Completions, Downgrade, GatewayConfig, HardStop, Scope, Unit, UnseenAnswer,
};
use identity::Caller;
use seam::names::{labels, metrics};
use seam::{Catalogue, Counter, Effect, Output, Page};
use siphasher::sip128::{Hasher128 as _, SipHasher24};
use std::hash::Hasher as _;

use crate::ledger::Tables;
use crate::quantity::{Expected, PossiblePrices};

mod own;

use own::{OwnLimit, keys_bring_limits};

/// A secret of the process, which all workers share: with it callers cannot choose names that collide in a table.
#[derive(Clone, Copy)]
pub struct Secret(pub [u8; 16]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Every budget of a configuration; one in each worker.
#[derive(Debug)]
pub(crate) struct Budgets {
    list: Vec<Budget>,
    /// The budgets that apply to each route, in the order in which they are reserved.
    of_route: Vec<Vec<BudgetId>>,
    /// Those for the limits that keys bring.
    of_keys: Vec<(BudgetId, OwnLimit)>,
    /// The models' names, by route.
    models: Vec<String>,
    lease: Lease,
    secret: Secret,
    pub(crate) default_completion: u64,
    pub(crate) completions: Completions,
    pub(crate) unseen_answer: UnseenAnswer,
    pub(crate) headers: BudgetHeaders,
}

/// What budgets need to know something for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Needed {
    /// For nothing.
    No,
    /// To report what they would refuse.
    ToReport,
    /// To admit a request.
    ToAdmit,
}

/// One budget.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) name: String,
    per: Vec<Scope>,
    pub(crate) unit: Unit,
    pub(crate) limit: Limit,
    mode: Mode,
    pub(crate) downgrade: Option<Downgrade>,
    /// The HTTP status of its refusals.
    pub(crate) status: u16,
    pub(crate) hard_stop: HardStop,
    layout: Layout,
    pages: Page,
    shared: Option<Page>,
    counters: Counters,
}

/// What is counted of a budget.
#[derive(Debug)]
struct Counters {
    refused: Counter,
    unavailable: Counter,
    overflowed: Counter,
    charged: Counter,
    excess: Counter,
    lapsed: Counter,
    unsettled: Counter,
}

impl Budgets {
    pub(crate) fn new(config: &GatewayConfig, secret: Secret, catalogue: &mut Catalogue) -> Self {
        let budgets = &config.budgets;
        let mut list: Vec<_> = budgets
            .limits
            .iter()
            .map(|limit| Budget::new(limit, callers(limit, config), catalogue))
            .collect();
        let mut of_keys = Vec::new();
        if keys_bring_limits(config) {
            for own in OwnLimit::ALL {
                of_keys.push((budget_id(list.len()), own));
                list.push(Budget::new(&own.budget(), budgets.keys, catalogue));
            }
        }
        let applying = |route: usize| {
            let limits = budgets.limits.iter().enumerate();
            limits
                .filter(|(_, limit)| limit.models.contains(&route))
                .map(|(number, _)| budget_id(number))
                .collect()
        };
        Self {
            of_route: (0..config.models.routes().len()).map(applying).collect(),
            list,
            of_keys,
            models: config.models.routes().iter().map(|route| route.name.clone()).collect(),
            lease: budgets.lease,
            secret,
            default_completion: budgets.default_completion_tokens,
            completions: budgets.completions,
            unseen_answer: budgets.unseen_answer,
            headers: budgets.headers,
        }
    }

    /// The memory of each table, in bytes.
    pub(crate) fn memory(&self) -> impl Iterator<Item = (&str, u64)> {
        self.list.iter().map(|budget| (budget.name.as_str(), budget.layout.bytes()))
    }

    /// Whether any budget applies to that caller's requests for that route.
    pub(crate) fn apply_to(&self, route: usize, caller: &Caller) -> bool {
        self.applying(route, caller).next().is_some()
    }

    /// Whether any of those refuses what its prompt is too long for.
    pub(crate) fn need_prompts(&self, route: usize, caller: &Caller) -> bool {
        let reads = |unit: Unit| !matches!(unit, Unit::Output | Unit::Requests);
        self.applying(route, caller).any(|(_, budget, _)| budget.is_enforced() && reads(budget.unit))
    }

    /// Whether any of those counts money.
    pub(crate) fn need_prices(&self, route: usize, caller: &Caller) -> Needed {
        let money = self.applying(route, caller).filter(|(_, budget, _)| budget.unit == Unit::MicroDollars);
        money
            .map(|(_, budget, _)| if budget.is_enforced() { Needed::ToAdmit } else { Needed::ToReport })
            .max()
            .unwrap_or(Needed::No)
    }

    pub(crate) fn get(&self, id: BudgetId) -> Option<&Budget> {
        self.list.get(usize::from(id.0))
    }

    /// The accounts that a request is to be reserved in, in their order.
    pub(crate) fn accounts(
        &self,
        route: usize,
        caller: &Caller,
        expected: Expected,
        prices: &PossiblePrices<'_>,
    ) -> Vec<Account> {
        let account = |(id, budget, limit): (BudgetId, &Budget, Limit)| Account {
            budget: id,
            layout: budget.layout,
            limit,
            lease: self.lease,
            mode: budget.mode,
            caller: self.fingerprint(budget, caller, route),
            ask: expected.ask(budget.unit, prices),
        };
        // What is free is never blocked, however much is owed.
        let costs = |(_, budget, _): &(BudgetId, &Budget, Limit)| {
            budget.unit != Unit::MicroDollars || expected.ask(budget.unit, prices).total() > Amount::ZERO
        };
        self.applying(route, caller).filter(costs).map(account).collect()
    }

    /// The budgets that apply, with what each allows: those of the route, and those that the caller's key brings.
    fn applying<'a>(
        &'a self,
        route: usize,
        caller: &'a Caller,
    ) -> impl Iterator<Item = (BudgetId, &'a Budget, Limit)> {
        let ids = self.of_route.get(route).map(Vec::as_slice).unwrap_or_default();
        let configured = ids.iter().filter_map(|id| {
            let budget = self.get(*id)?;
            Some((*id, budget, budget.limit))
        });
        let keys = self.of_keys.iter().filter_map(|(id, own)| {
            let budget = self.get(*id)?;
            Some((*id, budget, own.limit(&caller.limits)?))
        });
        configured.chain(keys)
    }

    /// Who a caller is to a budget's table. Each part is written with its length, so that no two callers write the same.
    ///
    /// Whatever makes recorded use mean something else is part of it: the limit's shape, the unit, and what callers are told apart by. A model
    /// is told by its name, since its number changes with the models beside it.
    fn fingerprint(&self, budget: &Budget, caller: &Caller, route: usize) -> Fingerprint {
        let mut hash = SipHasher24::new_with_key(&self.secret.0);
        let mut part = |bytes: &[u8]| {
            hash.write(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.write(bytes);
        };
        part(budget.name.as_bytes());
        part(&budget.limit.shape());
        part(budget.unit.name().as_bytes());
        for scope in &budget.per {
            let (kind, name) = match scope {
                Scope::User => (b'u', caller.user.as_ref().map(|user| user.as_str())),
                Scope::Team => (b't', caller.team.as_ref().map(|team| team.as_str())),
                Scope::Key => (b'k', caller.key.as_ref().map(|key| key.as_str())),
                Scope::Model => (b'm', self.models.get(route).map(String::as_str)),
            };
            part(&[kind, u8::from(name.is_some())]);
            part(name.unwrap_or_default().as_bytes());
        }
        Fingerprint(hash.finish128().as_u128())
    }

    /// Counts what budgets said of a request.
    pub(crate) fn count_opinions(&self, opinions: &[Opinion], out: &mut dyn Output) {
        for opinion in opinions {
            let Some(Budget { counters, .. }) = self.get(opinion.budget) else { continue };
            match opinion.answer {
                budget::Answer::Granted => {}
                budget::Answer::Refused(_) => out.emit(Effect::Count(counters.refused, 1)),
                budget::Answer::Unavailable => out.emit(Effect::Count(counters.unavailable, 1)),
            }
            if opinion.place == budget::Place::Shared {
                out.emit(Effect::Count(counters.overflowed, 1));
            }
            if opinion.lapsed.0 > 0 {
                out.emit(Effect::Count(counters.lapsed, opinion.lapsed.0));
            }
        }
    }

    /// Counts what was settled with each budget.
    pub(crate) fn count_receipts(&self, receipts: &[(Receipt, budget::Amount)], out: &mut dyn Output) {
        for (receipt, charged) in receipts {
            let Some(Budget { counters, .. }) = self.get(receipt.budget) else { continue };
            match receipt.outcome {
                Ok(settled) => {
                    let counts = [
                        (counters.charged, charged.0),
                        (counters.excess, settled.excess.0),
                        (counters.lapsed, settled.lapsed.0),
                    ];
                    for (counter, by) in counts.into_iter().filter(|(_, by)| *by > 0) {
                        out.emit(Effect::Count(counter, by));
                    }
                }
                Err(_) => out.emit(Effect::Count(counters.unsettled, 1)),
            }
        }
    }
}

impl Tables for Budgets {
    fn page(&self, page: PageId) -> Option<Page> {
        let budget = self.get(page.budget)?;
        if budget.layout.shared_page() == Some(page.page) {
            return budget.shared;
        }
        Some(budget.pages.nth(page.page.0))
    }
}

impl Budget {
    fn new(limit: &BudgetLimit, callers: u32, catalogue: &mut Catalogue) -> Self {
        let layout = Layout::new(&limit.limit, callers, limit.overflow);
        let (pages, shared) = pages(&limit.name, &layout, catalogue);
        let label = [(labels::BUDGET, limit.name.as_str())];
        let mut counter = |name| catalogue.counter(name, &label);
        Self {
            name: limit.name.clone(),
            per: limit.per.clone(),
            unit: limit.unit,
            limit: limit.limit,
            mode: limit.mode,
            downgrade: limit.downgrade.clone(),
            status: limit.status,
            hard_stop: limit.hard_stop,
            layout,
            pages,
            shared,
            counters: Counters {
                refused: counter(metrics::BUDGET_REFUSED),
                unavailable: counter(metrics::BUDGET_UNAVAILABLE),
                overflowed: counter(metrics::BUDGET_OVERFLOWED),
                charged: counter(metrics::BUDGET_CHARGED),
                excess: counter(metrics::BUDGET_EXCESS),
                lapsed: counter(metrics::BUDGET_LAPSED),
                unsettled: counter(metrics::BUDGET_UNSETTLED),
            },
        }
    }

    /// Whether its refusals count.
    pub(crate) const fn is_enforced(&self) -> bool {
        matches!(self.mode, Mode::Enforce)
    }

    /// Whether so little is left that requests go to another model, if there is one.
    pub(crate) fn is_nearly_spent(&self, status: &Status) -> bool {
        let below = self.downgrade.as_ref().map_or(0, |downgrade| downgrade.below_percent);
        let (left, limit) = (u128::from(status.remaining.0), u128::from(status.limit.0));
        left.saturating_mul(100) < limit.saturating_mul(u128::from(below))
    }

    /// How long after its use nothing of it counts any more, at most.
    pub(crate) const fn window(&self) -> Span {
        match &self.limit {
            Limit::Rate(rate) => rate.span(),
            Limit::Quota(quota) => quota.window().longest(),
        }
    }
}

fn budget_id(number: usize) -> BudgetId {
    BudgetId(u16::try_from(number).unwrap_or(u16::MAX))
}

/// How many callers a budget can have at most; where that is known it needs no more room.
fn callers(limit: &BudgetLimit, config: &GatewayConfig) -> u32 {
    if limit.per.iter().any(|scope| *scope != Scope::Model) {
        return limit.callers;
    }
    let models = if limit.per.is_empty() { 1 } else { config.models.routes().len() };
    u32::try_from(models).unwrap_or(u32::MAX)
}

/// Names a table's pages. Their names say what stands there, so that a table of another shape is another one.
fn pages(name: &str, layout: &Layout, catalogue: &mut Catalogue) -> (Page, Option<Page>) {
    let shared = layout.shared_page();
    let own = layout.pages().saturating_sub(u32::from(shared.is_some()));
    let table = format!("budget.v1/{name}/{}x{own}", layout.kind().name());
    let pages = catalogue.pages_of(&table, own, layout.blank(budget::PageIndex(0)));
    let shared = shared.map(|page| catalogue.page(format!("{table}/shared"), layout.blank(page)));
    (pages, shared)
}
