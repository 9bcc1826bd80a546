//! Whether a request may be made: within its limits and its budgets, by as little counting as that takes.

pub(crate) mod prompt;

use std::rc::Rc;

use budget::{
    Admission as Reservation, Amount, Answer, Decision, Millis, Mode, Opinion, Settlement, Status, Verdict,
};
use config::{Completions, HardStop, Resolved, Unlimited};
use identity::Caller;
use llm_api::{ApiError, Dialect, ErrorKind};
use metering::{Calibration, Surface};
use pricing::CacheWrites;
use seam::{Clock, Effect, Flow, Input, Output, names};

use crate::accounting::{Account, Accounting, Reserved};
use crate::budgets::Needed;
use crate::ledger::Transaction;
use crate::meter::Meter;
use crate::quantity::{self, Expected, PossiblePrices};
use crate::refusal::Refusal;
use crate::request::{self, Plan};
use crate::routes::Routes;
use crate::told::Told;
use prompt::{Budgeted, Known};

/// Which of the configured models and targets a request is counted for: those of the first attempt.
#[derive(Clone, Debug)]
pub(crate) struct Metered {
    /// The API that its client speaks.
    pub(crate) dialect: Dialect,
    pub(crate) surface: Surface,
    /// The route's number.
    pub(crate) route: usize,
    /// The first attempt's target, by its number among the route's.
    pub(crate) target: usize,
    /// All targets that the request may come to.
    pub(crate) able: Vec<usize>,
    /// The model's name after aliases, which is the target's where that has none of its own.
    pub(crate) model: String,
    /// Whether a stream is asked for.
    pub(crate) stream: bool,
}

/// How often an answer is shortened because in the meantime others have taken what was left for it.
const SHORTENINGS: u32 = 3;

/// A request that is being looked at.
///
/// ```text
///              its bound is within every limit, or nobody wants to know
///  planned ─┬────────────────────────────────────────────────┐
///           │                                                ▼          all agree
///           └─ counted ─► Correcting ─► judged ───────► Reserving ─────────────────► admitted
///                ▲       an estimate      │ too long         │ ▲
///                │                        ▼                  │ └── its answer is shortened
///                │                     refused ◄─────────────┤
///                │                                           ▼
///                └── only a bound was known ──────────── GivingBack ──► planned again, for a cheaper model
/// ```
///
/// Only what passed through here has an [`Accounting`] with a reservation in it.
#[derive(Debug)]
pub(crate) struct Admitting {
    routes: Rc<Routes>,
    caller: Rc<Caller>,
    body: Vec<u8>,
    plan: Plan,
    known: Known,
    /// The most tokens of each answer, where that is less than was asked for.
    shortened: Option<u64>,
    shortenings: u32,
    cheaper: Cheaper,
    /// While a cheaper model is tried: the plan for the one that was asked for, and its prompt.
    asked_for: Option<Box<(Plan, Known)>>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// The estimate has to be corrected first.
    Correcting,
    /// The budgets are asked.
    Reserving(Transaction<Reservation>),
    /// What was granted is given back, to begin again.
    GivingBack(Transaction<Settlement>, Again),
}

/// Whether a cheaper model is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cheaper {
    /// No budget wanted it yet.
    NotAsked,
    /// It was wanted, and cannot serve the request.
    Asked,
    /// It is.
    Taken,
}

/// Why a request is looked at a second time.
#[derive(Debug)]
enum Again {
    /// Only a bound of its prompt was known, and a budget has no room for that.
    Counted,
    /// A budget is nearly spent, and this is the cheaper model.
    As(String),
}

/// How far it is.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The host is to bring something.
    Waiting(Box<Admitting>, Flow),
    /// It may be made.
    Admitted(Box<Admitted>),
    /// It may not.
    Refused(Refusal),
}

/// A request that may be made.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) plan: Plan,
    /// As the client sent it.
    pub(crate) body: Vec<u8>,
    pub(crate) accounting: Accounting,
    pub(crate) told: Told,
}

impl Metered {
    pub(crate) fn of(dialect: Dialect, surface: Surface, resolved: &Resolved<'_>) -> Self {
        let model = resolved.model.to_owned();
        Self { dialect, surface, route: resolved.number, target: 0, able: Vec::new(), model, stream: false }
    }
}

/// Looks at a request, before it goes anywhere.
pub(crate) fn admit(
    routes: &Rc<Routes>,
    dialect: Dialect,
    caller: Rc<Caller>,
    body: Vec<u8>,
    clock: &dyn Clock,
    out: &mut dyn Output,
) -> Progress {
    let plan = match request::plan(&routes.config, dialect, &caller, &body, None) {
        Ok(plan) => plan,
        Err(refusal) => return Progress::Refused(refusal),
    };
    let admitting = Admitting {
        routes: Rc::clone(routes),
        caller,
        body,
        plan,
        known: Known::Nothing,
        shortened: None,
        shortenings: 0,
        cheaper: Cheaper::NotAsked,
        asked_for: None,
        step: Step::Correcting,
    };
    Box::new(admitting).look(clock, out).unwrap_or_else(Progress::Refused)
}

impl Admitting {
    /// Takes what the host brought.
    pub(crate) fn take(
        mut self: Box<Self>,
        input: Input<'_>,
        clock: &dyn Clock,
        out: &mut dyn Output,
    ) -> Progress {
        let routes = Rc::clone(&self.routes);
        let budgets = &routes.meter.budgets;
        let progress = match std::mem::replace(&mut self.step, Step::Correcting) {
            Step::Correcting => {
                if let (Known::Counted(counted), Input::Loaded(page)) = (&mut self.known, input) {
                    counted.count.correct(&Calibration::decode(page.map_or(&[], |page| page.as_slice())));
                }
                self.judge(clock, out)
            }
            Step::Reserving(mut asking) => match asking.take(input, clock, budgets, out) {
                Some(flow) => Ok(self.wait(Step::Reserving(asking), flow)),
                None => self.decided(asking.into_work().decide(), clock, out),
            },
            Step::GivingBack(mut giving, again) => match giving.take(input, clock, budgets, out) {
                Some(flow) => Ok(self.wait(Step::GivingBack(giving, again), flow)),
                None => self.again(again, clock, out),
            },
        };
        progress.unwrap_or_else(Progress::Refused)
    }

    fn wait(mut self: Box<Self>, step: Step, flow: Flow) -> Progress {
        self.step = step;
        Progress::Waiting(self, flow)
    }

    /// Whether any budget that applies to it wants to know its prompt.
    fn is_budgeted(&self) -> Budgeted {
        let (budgets, route) = (&self.meter().budgets, self.plan.metered().route);
        if budgets.need_prompts(route, &self.caller) {
            Budgeted::Required
        } else if budgets.apply_to(route, &self.caller) {
            Budgeted::Welcome
        } else {
            Budgeted::No
        }
    }

    fn meter(&self) -> &Rc<Meter> {
        &self.routes.meter
    }

    /// What has to be known of its prompt?
    fn look(mut self: Box<Self>, clock: &dyn Clock, out: &mut dyn Output) -> Result<Progress, Refusal> {
        match prompt::look(self.meter(), self.plan.metered(), self.is_budgeted(), &self.body, out) {
            Ok(known) => self.known = known,
            Err(refusal) => return self.cannot(refusal, clock, out),
        }
        self.counted(clock, out)
    }

    fn counted(self: Box<Self>, clock: &dyn Clock, out: &mut dyn Output) -> Result<Progress, Refusal> {
        match &self.known {
            Known::Counted(counted) if counted.page.is_some() => {
                let flow = counted.page.map_or(Flow::Continue, Flow::Load);
                Ok(self.wait(Step::Correcting, flow))
            }
            _ => self.judge(clock, out),
        }
    }

    /// Is it within the model's own limits?
    fn judge(self: Box<Self>, clock: &dyn Clock, out: &mut dyn Output) -> Result<Progress, Refusal> {
        match self.within_limits(out) {
            Ok(()) => self.reserve(clock, out),
            Err(refusal) => self.cannot(refusal, clock, out),
        }
    }

    fn within_limits(&self, out: &mut dyn Output) -> Result<(), Refusal> {
        let metered = self.plan.metered();
        if let (Known::Counted(counted), Some(route)) = (&self.known, self.meter().route(metered.route)) {
            for limit in route.limits() {
                let judged = limit.judge(metered.dialect, counted.count.tokens, counted.count.source);
                judged.inspect_err(|_| out.emit(Effect::Count(route.refused, 1)))?;
            }
        }
        Ok(())
    }

    /// Have its budgets room for it?
    fn reserve(self: Box<Self>, clock: &dyn Clock, out: &mut dyn Output) -> Result<Progress, Refusal> {
        let metered = self.plan.metered();
        let budgets = &self.meter().budgets;
        if !budgets.apply_to(metered.route, &self.caller) {
            return Ok(self.admitted(None, Told::default(), out));
        }
        let prices = match self.prices() {
            Ok(prices) => prices,
            Err(refusal) => return self.cannot(refusal, clock, out),
        };
        let accounts = budgets.accounts(metered.route, &self.caller, self.expected(), &prices);
        let mut asking = Transaction::new(Reservation::new(accounts));
        match asking.next(budgets) {
            Some(flow) => Ok(self.wait(Step::Reserving(asking), flow)),
            None => self.decided(asking.into_work().decide(), clock, out),
        }
    }

    /// The planned model cannot serve it. Where that is the cheaper one, the one that was asked for may.
    fn cannot(
        mut self: Box<Self>,
        refusal: Refusal,
        clock: &dyn Clock,
        out: &mut dyn Output,
    ) -> Result<Progress, Refusal> {
        let Some(asked_for) = self.asked_for.take() else { return Err(refusal) };
        (self.plan, self.known) = *asked_for;
        self.cheaper = Cheaper::Asked;
        self.reserve(clock, out)
    }

    /// What is reserved, in tokens.
    fn expected(&self) -> Expected {
        let completion = self.plan.completion();
        let each = self.shortened.or(completion.tokens).unwrap_or(self.meter().budgets.default_completion);
        Expected { prompt: self.known.at_most(), completion: each.saturating_mul(completion.choices) }
    }

    /// The prices of all targets that it may come to, where a budget counts money.
    fn prices(&self) -> Result<PossiblePrices<'_>, Refusal> {
        let (meter, metered) = (self.meter(), self.plan.metered());
        let needed = meter.budgets.need_prices(metered.route, &self.caller);
        if needed == Needed::No {
            return Ok(PossiblePrices { prices: Vec::new(), writes: CacheWrites::None });
        }
        // Where Envoy's routes alone decide, nothing is planned, and there is one target of which nothing is known.
        let targets = [metered.target].into_iter().chain(metered.able.iter().copied());
        let prices = targets.map(|target| meter.price(metered.route, target, &metered.model));
        let prices: Option<Vec<_>> = match needed {
            // What has no price costs nothing, to those who refuse nobody.
            Needed::ToReport => Some(prices.flatten().collect()),
            _ => prices.collect(),
        };
        match prices {
            Some(prices) => Ok(PossiblePrices { prices, writes: cache_writes(&self.body) }),
            None => {
                let message =
                    "This model has no price here, and its requests are charged to a budget in dollars.";
                let error = ApiError::new(ErrorKind::Internal, message).with_code("model_not_priced");
                let headers = vec![("x-should-retry", "false".to_owned())];
                Err(Refusal { headers, ..Refusal::new(metered.dialect, error) })
            }
        }
    }

    fn decided(
        mut self: Box<Self>,
        decision: Decision,
        clock: &dyn Clock,
        out: &mut dyn Output,
    ) -> Result<Progress, Refusal> {
        let Decision { verdict, opinions } = decision;
        let cheaper = self.cheaper(&opinions);
        let is_near = cheaper.is_some() || opinions.iter().any(is_near);
        if matches!(self.known, Known::Bounded(_)) && is_near {
            return self.give_back(verdict, Again::Counted, clock, out);
        }
        if let Some(cheaper) = cheaper {
            return self.give_back(verdict, Again::As(cheaper), clock, out);
        }
        if let (Verdict::Refused { .. }, Some(shortened)) = (&verdict, self.shorter(&opinions)) {
            self.shortened = Some(shortened);
            self.shortenings = self.shortenings.saturating_add(1);
            return self.reserve(clock, out);
        }
        let opinions = match &verdict {
            Verdict::Admitted(_) => opinions,
            Verdict::Refused { .. } | Verdict::Unavailable { .. } => self.given_back(&opinions),
        };
        let (budgets, dialect) = (&self.meter().budgets, self.plan.metered().dialect);
        budgets.count_opinions(&opinions, out);
        let told = Told::new(budgets, dialect, &opinions, Millis(clock.now().0));
        match verdict {
            Verdict::Admitted(ticket) => {
                let (expected, stop_after) = (self.expected(), self.stop_after(&opinions));
                Ok(self.admitted(Some(Reserved { ticket, expected, stop_after }), told, out))
            }
            Verdict::Refused { budget, refusal } => {
                let standing = opinions.iter().find(|opinion| opinion.budget == budget);
                let status = standing.and_then(|opinion| opinion.status);
                Err(told.refusal(budgets, dialect, budget, refusal, status))
            }
            Verdict::Unavailable { budget } => {
                Err(told.unavailable(dialect, budget.and_then(|budget| budgets.get(budget))))
            }
        }
    }

    /// The model in whose place a budget would have the request go, because hardly anything is left of it.
    fn cheaper(&self, opinions: &[Opinion]) -> Option<String> {
        if self.cheaper != Cheaper::NotAsked {
            return None;
        }
        opinions.iter().find_map(|opinion| {
            let budget = self.meter().budgets.get(opinion.budget)?;
            let to = &budget.downgrade.as_ref()?.to;
            let elsewhere = self.routes.config.models.resolve(to)?.number != self.plan.metered().route;
            let spent = matches!(opinion.answer, Answer::Refused(_))
                || opinion.status.is_some_and(|status| budget.is_nearly_spent(&status));
            (spent && elsewhere).then(|| to.clone())
        })
    }

    /// The longest answer for which all budgets have room, if answers are shortened and that is worth asking for.
    fn shorter(&self, opinions: &[Opinion]) -> Option<u64> {
        let budgets = &self.meter().budgets;
        let Completions::Shortened { least, .. } = budgets.completions else { return None };
        if self.shortenings >= SHORTENINGS {
            return None;
        }
        let prices = self.prices().ok()?;
        let expected = self.expected();
        let mut longest = u64::MAX;
        for opinion in self.given_back(opinions) {
            let budget = budgets.get(opinion.budget).filter(|budget| budget.is_enforced());
            let Some(budget) = budget else { continue };
            let left = opinion.status?.remaining;
            longest = longest.min(quantity::completion_within(budget.unit, left, expected.prompt, &prices)?);
        }
        let each = longest.checked_div(self.plan.completion().choices)?;
        (each >= least && each.saturating_mul(self.plan.completion().choices) < expected.completion)
            .then_some(each)
    }

    /// How the budgets stand once a request that one of them refuses is given back to the others. One that was reserved says what is left beside
    /// it; one that was only looked at, because another had refused, and one that refused, say what is left for it.
    fn given_back(&self, opinions: &[Opinion]) -> Vec<Opinion> {
        let Ok(prices) = self.prices() else { return opinions.to_vec() };
        let expected = self.expected();
        let mut reserved = true;
        let given_back = |opinion: &Opinion| {
            let granted = opinion.answer == Answer::Granted;
            reserved &= granted || opinion.mode == Mode::Shadow;
            let budget = self.meter().budgets.get(opinion.budget).filter(|_| reserved && granted);
            let own = budget.map_or(Amount::ZERO, |budget| expected.ask(budget.unit, &prices).total());
            let left = |status: Status| Status { remaining: status.remaining.saturating_add(own), ..status };
            Opinion { status: opinion.status.map(left), ..*opinion }
        };
        opinions.iter().map(given_back).collect()
    }

    /// How many tokens a stream may say before it is ended: what is reserved for it, and what the budget has left beside it.
    fn stop_after(&self, opinions: &[Opinion]) -> Option<u64> {
        let prices = self.prices().ok()?;
        let expected = self.expected();
        let of = |opinion: &Opinion| {
            let budget = self.meter().budgets.get(opinion.budget)?;
            let stops =
                budget.is_enforced() && budget.hard_stop == HardStop::Yes && self.plan.metered().stream;
            let own = expected.ask(budget.unit, &prices).total();
            let left = opinion.status.filter(|_| stops)?.remaining.saturating_add(own);
            quantity::completion_within(budget.unit, left, expected.prompt, &prices)
        };
        opinions.iter().filter_map(of).min()
    }

    fn give_back(
        self: Box<Self>,
        verdict: Verdict,
        again: Again,
        clock: &dyn Clock,
        out: &mut dyn Output,
    ) -> Result<Progress, Refusal> {
        if let Verdict::Admitted(ticket) = verdict {
            let mut giving = Transaction::new(ticket.refund());
            if let Some(flow) = giving.next(&self.meter().budgets) {
                return Ok(self.wait(Step::GivingBack(giving, again), flow));
            }
        }
        self.again(again, clock, out)
    }

    fn again(
        mut self: Box<Self>,
        again: Again,
        clock: &dyn Clock,
        out: &mut dyn Output,
    ) -> Result<Progress, Refusal> {
        match again {
            Again::Counted => {
                let (metered, budgeted) = (self.plan.metered(), self.is_budgeted());
                match prompt::count_after_all(self.meter(), metered, budgeted, &self.body, out) {
                    Ok(known) => self.known = known,
                    Err(refusal) => return self.cannot(refusal, clock, out),
                }
                self.counted(clock, out)
            }
            Again::As(model) => {
                let dialect = self.plan.metered().dialect;
                let plan =
                    request::plan(&self.routes.config, dialect, &self.caller, &self.body, Some(&model));
                self.cheaper = Cheaper::Asked;
                match plan {
                    Ok(plan) => {
                        let plan = std::mem::replace(&mut self.plan, plan);
                        let known = std::mem::replace(&mut self.known, Known::Nothing);
                        self.asked_for = Some(Box::new((plan, known)));
                        self.cheaper = Cheaper::Taken;
                        self.shortened = None;
                        self.look(clock, out)
                    }
                    // What the cheaper model cannot serve is for the one that was asked for.
                    Err(_) => self.reserve(clock, out),
                }
            }
        }
    }

    fn admitted(
        self: Box<Self>,
        reserved: Option<Reserved>,
        mut told: Told,
        out: &mut dyn Output,
    ) -> Progress {
        let Self { routes, body, mut plan, known, shortened, cheaper, .. } = *self;
        let meter = &routes.meter;
        if cheaper == Cheaper::Taken {
            told.headers.push((names::DOWNGRADED_HEADER, plan.model().to_owned()));
        }
        match (shortened, meter.budgets.completions) {
            (Some(tokens), _) => plan.shorten(tokens),
            (None, Completions::Shortened { unlimited: Unlimited::Default, .. })
                if reserved.is_some() && plan.completion().tokens.is_none() =>
            {
                plan.shorten(meter.budgets.default_completion);
            }
            (None, _) => {}
        }
        if let Some(Reserved { expected, .. }) = &reserved {
            let tokens = expected.total().to_string();
            out.emit(Effect::Publish(names::RESERVED_TOKENS_KEY, tokens.as_bytes()));
        }
        let count = match known {
            Known::Counted(counted) => {
                counted.count.publish(out);
                Some(counted.count)
            }
            Known::Nothing | Known::Bounded(_) => None,
        };
        let accounting = Account::open(meter, plan.metered(), count, reserved);
        Progress::Admitted(Box::new(Admitted { plan, body, accounting, told }))
    }
}

/// Whether a request was refused by a budget, or leaves so little of it that a bound of its prompt is no longer good enough: what a bound
/// reserves too much is missing to others until it is settled.
fn is_near(opinion: &Opinion) -> bool {
    /// A bound will do while that part of a budget is left.
    const PART: u128 = 4;
    let little = |status: budget::Status| {
        u128::from(status.remaining.0).saturating_mul(PART) < u128::from(status.limit.0)
    };
    matches!(opinion.answer, Answer::Refused(_)) || opinion.status.is_some_and(little)
}

/// What a prompt may be charged for being written to a cache, as far as its text says. (Anthropic's prompt caching: `cache_control` with
/// `ttl`; OpenAI's caching writes for nothing.) A letter of these words that is written as an escape, which nobody needs, is taken for the worst.
fn cache_writes(body: &[u8]) -> CacheWrites {
    let has = |text: &[u8]| memchr::memmem::find(body, text).is_some();
    match (has(b"\"cache_control\""), has(b"\"1h\"")) {
        _ if has_escaped(body, b"cache_control1h") => CacheWrites::OneHour,
        (false, _) => CacheWrites::None,
        (true, false) => CacheWrites::FiveMinutes,
        (true, true) => CacheWrites::OneHour,
    }
}

/// Whether one of these ASCII characters is written as an escape.
fn has_escaped(body: &[u8], characters: &[u8]) -> bool {
    const ESCAPE: &[u8] = b"\\u00";
    memchr::memmem::find_iter(body, ESCAPE).any(|at| {
        let digits = body.get(at.saturating_add(ESCAPE.len())..).and_then(<[u8]>::first_chunk::<2>);
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let character = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        character.is_some_and(|character| characters.contains(&character))
    })
}
