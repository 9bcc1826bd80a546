//! The end of an account: what was reported, what has to be counted, what is published, and what is learnt from it.

use budget::{Amount, BudgetId, Settlement};
use config::UnseenAnswer;
use llm_api::Usage;
use metering::Calibration;
use seam::{Attribute, Clock, Effect, Flow, Histogram, Input, Output, Swapped, names};

use super::{Account, Accounting, Answered, Count, Reserved};
use crate::ledger::Transaction;
use crate::meter::{Learning, Source, TargetMeter};
use crate::quantity;

/// How often a page is tried to be written, before an observation is given up. Every worker writes rarely, so two in a row are rare.
const TRIES: u32 = 4;

/// An account whose stream is over.
///
/// ```text
///   the end ──► AskingReport ──► Correcting ──► published ──► Paying ⟲ ──► Learning ──► Swapping ──► settled
///     │  translated by ai-provider │  an estimate        its budgets    a sample  ▲        │
///     └────────────────────────────┘  has to be published                         └────────┘ another worker was there
/// ```
///
/// Each step is left out where there is nothing to do in it.
#[derive(Debug)]
pub(crate) struct Settling {
    account: Account,
    answered: Answered,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// What did the provider report to ai-provider?
    AskingReport,
    /// By what is this estimate of the prompt corrected?
    Correcting(Count, Spent),
    /// What its budgets hold is settled, and then perhaps something is learnt.
    Paying(Box<Paying>, Option<Lesson>),
    /// What was learnt so far?
    Learning(Lesson),
    /// Was what was learnt written down?
    Swapping(Lesson, Calibration),
}

/// A settlement, and what each budget is charged.
#[derive(Debug)]
struct Paying {
    settlement: Transaction<Settlement>,
    charged: Vec<(BudgetId, Amount)>,
}

/// One observation: what was estimated, what was reported, and how often it was tried to be written down.
#[derive(Clone, Copy, Debug)]
struct Lesson {
    estimated: u64,
    reported: u64,
    tries: u32,
}

/// Both sides of an account.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    input: Option<(u64, Source)>,
    cached: u64,
    output: Option<(u64, Source)>,
    reasoning: u64,
}

/// How an account ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ending {
    /// There was an answer, or the beginning of one.
    #[default]
    Answered,
    /// The client left before there was.
    Unanswered,
    /// There was an error.
    Failed,
}

impl Accounting {
    /// The stream is over, however it ended.
    pub(crate) fn end(&mut self, out: &mut dyn Output) -> Flow {
        let (account, answered) = match std::mem::replace(self, Self::Nothing) {
            Self::Forwarded(account) => {
                (*account, Answered { ending: Ending::Unanswered, ..Answered::default() })
            }
            Self::Answering(account, answered) => (*account, *answered),
            Self::Failed(account) => (*account, Answered { ending: Ending::Failed, ..Answered::default() }),
            Self::Nothing | Self::Settling(_) => return Flow::Continue,
        };
        if answered.ending == Ending::Failed {
            let settling = Settling { account, answered, step: Step::AskingReport };
            return self.go_on(settling.fail(out));
        }
        let ask = answered.translated;
        let settling = Settling { account, answered, step: Step::AskingReport };
        if ask {
            *self = Self::Settling(Box::new(settling));
            return Flow::Ask(Attribute::State(names::USAGE_KEY));
        }
        self.go_on(settling.spent(out))
    }

    /// What the host brought to an account that is being settled.
    pub(crate) fn settle(&mut self, input: Input<'_>, clock: &dyn Clock, out: &mut dyn Output) -> Flow {
        match std::mem::replace(self, Self::Nothing) {
            Self::Settling(settling) => self.go_on(settling.take(input, clock, out)),
            other => {
                *self = other;
                Flow::Continue
            }
        }
    }

    fn go_on(&mut self, (settling, flow): (Option<Settling>, Flow)) -> Flow {
        *self = settling.map_or(Self::Nothing, |settling| Self::Settling(Box::new(settling)));
        flow
    }
}

impl Settling {
    fn take(mut self, input: Input<'_>, clock: &dyn Clock, out: &mut dyn Output) -> (Option<Self>, Flow) {
        match (self.step, input) {
            (Step::AskingReport, Input::Attribute(value)) => {
                let report = value.and_then(|value| seam::UsageReport::decode(value).ok());
                self.answered.report(report.map(|report| report.0));
                Self { step: Step::AskingReport, ..self }.spent(out)
            }
            (Step::Correcting(mut count, spent), Input::Loaded(page)) => {
                count.correct(&Calibration::decode(page.map_or(&[], |page| page.as_slice())));
                let spent = Spent { input: Some((count.tokens, count.source)), ..spent };
                Self { step: Step::AskingReport, ..self }.publish(spent, None, out)
            }
            (Step::Paying(mut paying, lesson), input) => {
                let budgets = &self.account.meter.budgets;
                match paying.settlement.take(input, clock, budgets, out) {
                    Some(flow) => (Some(Self { step: Step::Paying(paying, lesson), ..self }), flow),
                    None => {
                        paying.over(&self.account, out);
                        Self { step: Step::AskingReport, ..self }.learn(lesson)
                    }
                }
            }
            (Step::Learning(lesson), Input::Loaded(Some(page))) => {
                let mut calibration = Calibration::decode(page);
                let served = self.account.served(self.answered.provider.as_deref());
                let Some(learning) = learning(&self.account, served) else { return (None, Flow::Continue) };
                if lesson.tries == 0 {
                    let estimate = calibration.apply(lesson.estimated);
                    out.emit(Effect::Record(learning.error, error_permille(estimate, lesson.reported)));
                }
                calibration.observe(lesson.estimated, lesson.reported);
                out.emit(Effect::Swap(learning.page, &calibration.encode()));
                (Some(Self { step: Step::Swapping(lesson, calibration), ..self }), Flow::Swap)
            }
            (Step::Swapping(lesson, calibration), Input::Swapped(swapped)) => {
                let served = self.account.served(self.answered.provider.as_deref());
                let Some(learning) = learning(&self.account, served) else { return (None, Flow::Continue) };
                let tries = lesson.tries.saturating_add(1);
                match swapped {
                    Swapped::Done => learning.learnt_from(calibration.samples()),
                    Swapped::Conflict if tries < TRIES => {
                        let flow = Flow::Load(learning.page);
                        return (
                            Some(Self { step: Step::Learning(Lesson { tries, ..lesson }), ..self }),
                            flow,
                        );
                    }
                    Swapped::Conflict | Swapped::Refused => out.emit(Effect::Count(learning.lost, 1)),
                }
                (None, Flow::Continue)
            }
            // A host without shared memory: nothing is learnt.
            _ => (None, Flow::Continue),
        }
    }

    /// All that can be known of the answer is known: what was spent?
    fn spent(mut self, out: &mut dyn Output) -> (Option<Self>, Flow) {
        let provider = self.answered.provider.take();
        if let Some(mut transcript) = self.answered.transcript.take() {
            let account = &self.account;
            let heard =
                transcript.finish(self.answered.reported, &|| account.completion(provider.as_deref()));
            self.answered.report(heard.reported);
            self.answered.generated = heard.generated;
        }
        if self.answered.implausible {
            out.emit(Effect::Count(self.account.meter.implausible, 1));
        }
        self.answered.provider = provider;
        let reported = self.answered.reported;
        let mut spent = Spent {
            input: reported.map(|usage| (usage.prompt(), Source::Reported)).filter(|(tokens, _)| *tokens > 0),
            cached: reported.map_or(0, |usage| usage.cache_read),
            ..self.output()
        };
        if spent.input.is_some() {
            let lesson = self.lesson(spent.input.map_or(0, |(tokens, _)| tokens));
            return self.publish(spent, lesson, out);
        }
        let served = self.account.served(self.answered.provider.as_deref());
        let learning = self.target(served).and_then(|target| target.learning.as_ref());
        match (self.account.prompt, self.count_kept()) {
            (None, Some(count)) if count.source != Source::Counted => match learning {
                Some(learning) => {
                    let flow = Flow::Load(learning.page);
                    return (Some(Self { step: Step::Correcting(count, spent), ..self }), flow);
                }
                None => spent.input = Some((count.tokens, count.source)),
            },
            (Some(count), _) | (None, Some(count)) => spent.input = Some((count.tokens, count.source)),
            (None, None) => {}
        }
        self.publish(spent, None, out)
    }

    /// The answer's side. What is reported as nothing is believed only where nothing was said; what was reported of a stream that broke is
    /// a beginning, and counts where it is more than what was heard.
    fn output(&self) -> Spent {
        let counted = self.answered.generated.filter(|generated| generated.tokens() > 0);
        let reported = self.answered.reported;
        match (reported, counted) {
            (Some(usage), Some(generated)) if generated.tokens() > usage.completion() => Spent {
                output: Some((generated.tokens(), generated.source.into())),
                reasoning: generated.reasoning.max(usage.reasoning),
                ..Spent::default()
            },
            (Some(Usage { reasoning, .. }), _) => Spent {
                output: reported.map(|usage| (usage.completion(), Source::Reported)),
                reasoning,
                ..Spent::default()
            },
            (None, counted) => {
                let generated = counted.or(self.answered.generated);
                Spent {
                    output: generated.map(|generated| (generated.tokens(), generated.source.into())),
                    reasoning: generated.map_or(0, |generated| generated.reasoning),
                    ..Spent::default()
                }
            }
        }
    }

    /// The prompt, counted now for the target that served it.
    fn count_kept(&self) -> Option<Count> {
        let served = self.account.served(self.answered.provider.as_deref());
        let body = self.account.kept.as_deref()?;
        self.account.count(self.target(served), body, usize::MAX)
    }

    /// What this request teaches about the estimates of the target that served it.
    fn lesson(&self, reported: u64) -> Option<Lesson> {
        let served = self.account.served(self.answered.provider.as_deref());
        let learning = learning(&self.account, served)?;
        let counted = self.account.prompt.filter(|_| served == self.account.metered.target);
        if (counted.is_none() && self.account.kept.is_none()) || !learning.is_due() {
            return None;
        }
        let count = counted.or_else(|| self.count_kept()).filter(|count| count.source != Source::Counted)?;
        Some(Lesson { estimated: count.uncorrected, reported, tries: 0 })
    }

    fn target(&self, number: usize) -> Option<&TargetMeter> {
        self.account.route()?.target(number)
    }

    fn publish(self, spent: Spent, lesson: Option<Lesson>, out: &mut dyn Output) -> (Option<Self>, Flow) {
        let served = self.account.served(self.answered.provider.as_deref());
        spent.publish(self.account.prompt, self.target(served), out);
        self.account.meter.tell_remembered(out);
        let usage = self.usage(&spent);
        let price = self.account.meter.price(self.account.metered.route, served, &self.account.metered.model);
        if let Some(price) = price {
            let cost = price.cost(&usage).0;
            out.emit(Effect::Publish(names::COST_KEY, cost.to_string().as_bytes()));
            if let Some(target) = self.target(served) {
                out.emit(Effect::Count(target.cost, cost));
            }
        }
        if self.account.reserved.is_none() {
            return self.learn(lesson);
        }
        let budgets = &self.account.meter.budgets;
        let amounts = |budget| {
            let unit = budgets.get(budget).map(|budget| budget.unit);
            unit.map_or(Amount::ZERO, |unit| quantity::amount(unit, &usage, price))
        };
        let charged = self.account.charges(amounts);
        self.pay(charged, usage.total(), lesson, out)
    }

    /// What failed costs nothing, and is said to: a rate limit that charges what is published needs a number.
    fn fail(self, out: &mut dyn Output) -> (Option<Self>, Flow) {
        for key in [names::OUTPUT_TOKENS_KEY, names::TOTAL_TOKENS_KEY] {
            out.emit(Effect::Publish(key, b"0"));
        }
        let charged = self.account.charges(|_| Amount::ZERO);
        self.pay(charged, 0, None, out)
    }

    /// Settles with each budget.
    fn pay(
        mut self,
        charged: Vec<(BudgetId, Amount)>,
        tokens: u64,
        lesson: Option<Lesson>,
        out: &mut dyn Output,
    ) -> (Option<Self>, Flow) {
        let Some(Reserved { ticket, expected, .. }) = self.account.reserved.take() else {
            return self.learn(lesson);
        };
        let refund = expected.total().saturating_sub(tokens).to_string();
        out.emit(Effect::Publish(names::REFUND_TOKENS_KEY, refund.as_bytes()));
        let amount =
            |budget| charged.iter().find(|(id, _)| *id == budget).map_or(Amount::ZERO, |(_, amount)| *amount);
        let mut settlement = Transaction::new(ticket.settle(amount));
        let flow = settlement.next(&self.account.meter.budgets);
        let paying = Paying { settlement, charged };
        match flow {
            Some(flow) => (Some(Self { step: Step::Paying(Box::new(paying), lesson), ..self }), flow),
            None => {
                paying.over(&self.account, out);
                self.learn(lesson)
            }
        }
    }

    /// The request's tokens by their kinds. Where it is not known what an answer has, it is what was reserved for it: nobody can say that it
    /// was less.
    fn usage(&self, spent: &Spent) -> Usage {
        let reported = self.answered.reported.filter(|usage| usage.prompt() > 0);
        let expected = self.account.reserved.as_ref().map(|reserved| reserved.expected).unwrap_or_default();
        let prompt = reported.unwrap_or_else(|| Usage {
            input: spent.input.map_or(expected.prompt, |(tokens, _)| tokens),
            ..Usage::default()
        });
        let completion = match spent.output {
            Some((tokens, _)) => tokens,
            None if self.account.meter.budgets.unseen_answer == UnseenAnswer::Prompt => 0,
            None if self.account.metered.stream && self.answered.ending == Ending::Unanswered => 0,
            None => expected.completion,
        };
        let reasoning = spent.reasoning.min(completion);
        Usage { output: completion.saturating_sub(reasoning), reasoning, ..prompt }
    }

    fn learn(self, lesson: Option<Lesson>) -> (Option<Self>, Flow) {
        let served = self.account.served(self.answered.provider.as_deref());
        let page = learning(&self.account, served).map(|learning| learning.page);
        match (lesson, page) {
            (Some(lesson), Some(page)) => {
                (Some(Self { step: Step::Learning(lesson), ..self }), Flow::Load(page))
            }
            _ => (None, Flow::Continue),
        }
    }
}

impl Paying {
    /// All is settled.
    fn over(self, account: &Account, out: &mut dyn Output) {
        let charged = |budget| {
            self.charged.iter().find(|(id, _)| *id == budget).map_or(Amount::ZERO, |(_, amount)| *amount)
        };
        let receipts = self.settlement.into_work().receipts();
        let receipts: Vec<_> =
            receipts.into_iter().map(|receipt| (receipt, charged(receipt.budget))).collect();
        account.meter.budgets.count_receipts(&receipts, out);
    }
}

impl Account {
    /// What each budget that holds something is charged.
    fn charges(&self, amount: impl Fn(BudgetId) -> Amount) -> Vec<(BudgetId, Amount)> {
        let holds = self.reserved.iter().flat_map(|reserved| reserved.ticket.holds());
        holds.map(|(budget, _)| (budget, amount(budget))).collect()
    }
}

impl Spent {
    /// Tells what was spent, but for what was told of the prompt before it was sent and is still so.
    fn publish(&self, told: Option<Count>, target: Option<&TargetMeter>, out: &mut dyn Output) {
        let mut number = |key, tokens: u64| out.emit(Effect::Publish(key, tokens.to_string().as_bytes()));
        // A host call for each number of each request: parts that are nothing are left out.
        let sides = [self.input, self.output];
        for (key, tokens) in [
            (
                names::INPUT_TOKENS_KEY,
                self.input
                    .map(|(tokens, _)| tokens)
                    .filter(|tokens| told.is_none_or(|told| told.tokens != *tokens)),
            ),
            (names::CACHED_TOKENS_KEY, Some(self.cached).filter(|tokens| *tokens > 0)),
            (names::OUTPUT_TOKENS_KEY, self.output.map(|(tokens, _)| tokens)),
            (names::REASONING_TOKENS_KEY, Some(self.reasoning).filter(|tokens| *tokens > 0)),
        ] {
            if let Some(tokens) = tokens {
                number(key, tokens);
            }
        }
        if let (Some((input, _)), Some((output, _))) = (self.input, self.output) {
            number(names::TOTAL_TOKENS_KEY, input.saturating_add(output));
        }
        let source = sides.iter().flatten().map(|(_, source)| *source).max();
        if let Some(source) = source.filter(|source| told.is_none_or(|told| told.source != *source)) {
            out.emit(Effect::Publish(names::USAGE_SOURCE_KEY, source.name().as_bytes()));
        }
        let histograms: [fn(&TargetMeter, Source) -> Histogram; 2] =
            [TargetMeter::input, TargetMeter::output];
        for (side, histogram) in sides.into_iter().zip(histograms) {
            if let (Some((tokens, source)), Some(target)) = (side, target) {
                out.emit(Effect::Record(histogram(target, source), tokens));
            }
        }
    }
}

fn learning(account: &Account, served: usize) -> Option<&Learning> {
    account.route()?.target(served)?.learning.as_ref()
}

/// How far an estimate was off, per mille of what was reported.
fn error_permille(estimate: u64, reported: u64) -> u64 {
    estimate.abs_diff(reported).saturating_mul(1_000).checked_div(reported).unwrap_or_default()
}
