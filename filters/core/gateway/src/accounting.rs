//! What one request costs: one account, from its admission to the end of its stream, settled once.
//!
//! Numbers come from the provider wherever it reports any. What it does not report is counted: the prompt from the request's body, which is
//! kept for that, the answer from its text. Nothing is counted twice, because each side of an account has one source, and nothing is
//! counted before the end that the end may make unnecessary.

mod settling;
mod transcript;

use std::rc::Rc;

use budget::Ticket;
use config::CountingMode;
use llm_api::Usage;
use metering::{Calibration, Completion, Generated, Limits, Prompt};
use seam::{Effect, Millis, Output, UsageReport, names};

use crate::admission::Metered;
use crate::meter::{Meter, RouteMeter, Source, TargetMeter};
use crate::quantity::Expected;
use settling::{Ending, Settling};
use transcript::Transcript;

pub(crate) use transcript::Heard;

/// The largest body that is kept until the answer is over, in bytes. Of a larger one samples are counted at once: a worker has thousands of
/// requests under way, and what its memory once had it never gives back.
const KEPT_BYTES: usize = 256 << 10;

/// Bytes of text that are counted of a body that is too large to be kept.
const SAMPLED_OF_LARGE: usize = 4 << 10;

/// More tokens than any model takes or writes. A report above it is a slip, and is not believed.
const PLAUSIBLE_TOKENS: u64 = 1_000_000_000;

/// The accounting of one request.
///
/// ```text
///                    ┌── an error is no answer ──► Failed, or Nothing where nothing was reserved
///                    │                              │
///  admission ──► Forwarded ──answer's headers──► Answering ⟲ body
///                    │                              │
///                    └──────────── end ─────────────┴──► Settling ⟲ the provider's report, budgets, learnt corrections ──► Nothing
/// ```
///
/// Only [`admit`](crate::admission::admit) opens one, and only for a request that is planned.
#[derive(Debug)]
pub(crate) enum Accounting {
    /// Nothing is counted, or all is said.
    Nothing,
    /// On its way to a provider.
    Forwarded(Box<Account>),
    /// Its answer has begun.
    Answering(Box<Account>, Box<Answered>),
    /// There is no answer: what was reserved is given back.
    Failed(Box<Account>),
    /// Its stream is over.
    Settling(Box<Settling>),
}

/// A request that is being accounted for.
#[derive(Debug)]
pub(crate) struct Account {
    meter: Rc<Meter>,
    metered: Metered,
    /// The tokens of its prompt, where somebody had to know.
    prompt: Option<Count>,
    /// Its body, where nobody had.
    kept: Option<Vec<u8>>,
    /// What its budgets hold for it.
    reserved: Option<Reserved>,
    /// When it was sent on.
    sent: Millis,
}

/// What the budgets of a request hold for it.
#[derive(Debug)]
pub(crate) struct Reserved {
    pub(crate) ticket: Ticket,
    /// In tokens.
    pub(crate) expected: Expected,
    /// A stream that says more tokens is ended.
    pub(crate) stop_after: Option<u64>,
}

/// A number of tokens of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// As it was counted.
    pub(crate) uncorrected: u64,
    /// As it is, after what was learnt.
    pub(crate) tokens: u64,
    /// How it was found.
    pub(crate) source: Source,
}

/// What is known of an answer.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    /// The provider that it came from.
    provider: Option<String>,
    /// Whether ai-provider translated it, and publishes what the provider reports.
    translated: bool,
    /// What the provider reported, as far as it was read.
    reported: Option<Usage>,
    /// What was counted of an answer that is no stream.
    generated: Option<Generated>,
    /// What was said in a stream.
    transcript: Option<Transcript>,
    /// Whether a report was not believed.
    implausible: bool,
    ending: Ending,
}

/// Who read what the provider reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// ai-gateway itself, in the answer.
    Gateway,
    /// ai-provider, which translated the answer and may have left the report out of it.
    Provider,
}

impl Accounting {
    /// Whether something is left to do when the stream is over.
    pub(crate) const fn is_open(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// There will be no answer: what failed costs nothing.
    pub(crate) fn fail(&mut self) {
        *self = match std::mem::replace(self, Self::Nothing) {
            Self::Forwarded(account) | Self::Answering(account, _) if account.reserved.is_some() => {
                Self::Failed(account)
            }
            _ => Self::Nothing,
        };
    }

    /// The request is sent on. Its body is kept where its prompt may have to be counted later.
    pub(crate) fn send(&mut self, body: Vec<u8>, now: Millis) {
        let Self::Forwarded(account) = self else { return };
        account.sent = now;
        if account.prompt.is_some() {
            return;
        }
        if body.len() <= KEPT_BYTES {
            account.kept = Some(body);
        } else {
            account.prompt = account.count(account.target(), &body, SAMPLED_OF_LARGE);
        }
    }

    /// An answer begins, from that provider, by its word after so many attempts.
    pub(crate) fn begin(
        &mut self,
        provider: Option<&str>,
        reader: Reader,
        attempts: Option<u32>,
        now: Millis,
        out: &mut dyn Output,
    ) {
        if let Self::Forwarded(account) = self
            && let Some(target) = account.route().and_then(|route| route.target(account.served(provider)))
        {
            out.emit(Effect::Record(target.first_byte, now.0.saturating_sub(account.sent.0)));
            if attempts.is_some_and(|attempts| attempts > 1) {
                out.emit(Effect::Count(target.fallbacks, 1));
            }
        }
        let state = std::mem::replace(self, Self::Nothing);
        *self = match state {
            Self::Forwarded(account) => {
                let provider = provider.map(str::to_owned);
                let answered =
                    Answered { provider, translated: reader == Reader::Provider, ..Answered::default() };
                Self::Answering(account, Box::new(answered))
            }
            state => state,
        };
    }

    /// The answer is a stream, of which every chunk follows.
    pub(crate) fn begin_stream(&mut self) {
        if let Self::Answering(account, answered) = self {
            let dialect = account.metered.dialect;
            let most = account.reserved.as_ref().and_then(|reserved| reserved.stop_after);
            answered.transcript = Some(Transcript::new(dialect).up_to(most));
        }
    }

    /// A chunk of a stream, as the client's API has it.
    pub(crate) fn chunk(&mut self, chunk: &[u8]) -> Heard {
        if let Self::Answering(account, answered) = self
            && let Some(transcript) = &mut answered.transcript
        {
            let provider = answered.provider.as_deref();
            return transcript.push(chunk, &|| account.completion(provider));
        }
        Heard::Enough
    }

    /// What ends a stream that has said too much, for a client that asked for that model.
    pub(crate) fn ending(&mut self, model: &str) -> Vec<u8> {
        match self {
            Self::Answering(_, answered) => {
                answered.transcript.as_mut().map_or_else(Vec::new, |transcript| transcript.ending(model))
            }
            _ => Vec::new(),
        }
    }

    /// The whole of an answer that is no stream, as the client's API has it.
    pub(crate) fn whole(&mut self, body: &[u8]) {
        let Self::Answering(account, answered) = self else { return };
        if answered.reported.is_some() {
            return;
        }
        answered.report(transcript::reported_in(account.metered.dialect, body));
        if answered.reported.is_none_or(|usage| usage.completion() == 0)
            && let Some(family) = account.served_family(answered.provider.as_deref())
        {
            let memory = account.meter.memory();
            answered.generated = metering::answer(account.metered.surface, family, body, memory).ok();
        }
    }

    /// What ai-provider published of the provider's report.
    pub(crate) fn reported(&mut self, value: Option<&[u8]>) {
        if let Self::Answering(_, answered) = self {
            answered.report(value.and_then(|value| UsageReport::decode(value).ok()).map(|report| report.0));
        }
    }

    /// Whether the provider's report is known.
    pub(crate) fn has_report(&self) -> bool {
        matches!(self, Self::Answering(_, answered) if answered.reported.is_some())
    }

    /// The tokens of the prompt, where they were counted before it was sent.
    pub(crate) fn prompt(&self) -> Option<Count> {
        match self {
            Self::Forwarded(account) | Self::Answering(account, _) => account.prompt,
            Self::Nothing | Self::Failed(_) | Self::Settling(_) => None,
        }
    }
}

impl Account {
    /// The accounting of that request, with the tokens of its prompt where they are known.
    pub(crate) fn open(
        meter: &Rc<Meter>,
        metered: &Metered,
        prompt: Option<Count>,
        reserved: Option<Reserved>,
    ) -> Accounting {
        let counts = meter.route(metered.route).is_some_and(|route| route.mode != CountingMode::Off);
        if !counts && reserved.is_none() {
            return Accounting::Nothing;
        }
        let (meter, metered) = (Rc::clone(meter), metered.clone());
        Accounting::Forwarded(Box::new(Self {
            meter,
            metered,
            prompt,
            kept: None,
            reserved,
            sent: Millis(0),
        }))
    }

    pub(crate) fn route(&self) -> Option<&RouteMeter> {
        self.meter.route(self.metered.route)
    }

    /// The target that the prompt is counted for until another one is known to have served it.
    fn target(&self) -> Option<&TargetMeter> {
        self.route()?.target(self.metered.target)
    }

    /// The number of the target that served the request.
    fn served(&self, provider: Option<&str>) -> usize {
        match (self.route(), provider) {
            (Some(route), Some(provider)) => route.target_at(Some(provider)),
            _ => self.metered.target,
        }
    }

    fn served_family(&self, provider: Option<&str>) -> Option<&metering::Family> {
        let target = self.route()?.target(self.served(provider))?;
        Some(self.meter.family(target, &self.metered.model))
    }

    /// A count of what that provider answers.
    fn completion(&self, provider: Option<&str>) -> Option<Completion> {
        Some(Completion::new(self.served_family(provider)?, self.meter.memory()))
    }

    fn count(&self, target: Option<&TargetMeter>, body: &[u8], extrapolate_above: usize) -> Option<Count> {
        let family = self.meter.family(target?, &self.metered.model);
        let limits =
            Limits { extrapolate_above: extrapolate_above.min(self.meter.counting().extrapolate_above) };
        let memory = self.meter.memory();
        metering::prompt(self.metered.surface, family, body, &limits, memory).ok().map(Count::of)
    }
}

impl Answered {
    /// Takes a report; the latest one counts. One that cannot be is none, and neither is one that says nothing.
    fn report(&mut self, usage: Option<Usage>) {
        let Some(usage) = usage.filter(|usage| usage.total() > 0) else { return };
        if usage.prompt() > PLAUSIBLE_TOKENS || usage.completion() > PLAUSIBLE_TOKENS {
            self.implausible = true;
        } else {
            self.reported = Some(usage);
        }
    }
}

impl Count {
    pub(crate) fn of(prompt: Prompt) -> Self {
        Self { uncorrected: prompt.tokens, tokens: prompt.tokens, source: prompt.source.into() }
    }

    pub(crate) fn correct(&mut self, calibration: &Calibration) {
        self.tokens = calibration.apply(self.uncorrected);
    }

    /// Tells what is known before the request is sent.
    pub(crate) fn publish(&self, out: &mut dyn Output) {
        out.emit(Effect::Publish(names::INPUT_TOKENS_KEY, self.tokens.to_string().as_bytes()));
        out.emit(Effect::Publish(names::USAGE_SOURCE_KEY, self.source.name().as_bytes()));
    }
}
