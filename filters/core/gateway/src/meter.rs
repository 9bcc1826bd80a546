//! What the configuration says about counting, prepared: families, limits, and the names of all statistics and shared pages.

use std::cell::Cell;

use config::{Counting, CountingMode, GatewayConfig, ModelRoute, PlannedTarget};
use identity::Denied;
use metering::{Calibration, Family, FamilyPlace, Memory, Recalled};
use pricing::{Price, Prices};
use seam::names::{labels, metrics};
use seam::{Catalogue, Counter, Effect, Histogram, Output, Page};

use crate::budgets::{Budgets, Secret};
use crate::limits::Limit;

/// The meter of a configuration; one in each worker.
#[derive(Debug)]
pub(crate) struct Meter {
    counting: Counting,
    prices: Prices,
    pub(crate) budgets: Budgets,
    routes: Vec<RouteMeter>,
    /// Of the words that this worker has counted.
    memory: Memory,
    /// How many words those were.
    words: Counter,
    /// How many of them it remembered.
    remembered: Counter,
    /// Reported usage that no request can have had.
    pub(crate) implausible: Counter,
    denied: Vec<(Denied, Counter)>,
    catalogue: Catalogue,
}

/// What is counted of one model's requests, and how.
#[derive(Debug)]
pub(crate) struct RouteMeter {
    pub(crate) mode: CountingMode,
    max_input_tokens: Option<u64>,
    /// Requests within every limit by their bound alone.
    pub(crate) bounded: Counter,
    /// Requests that had to be counted before they were sent.
    pub(crate) counted: Counter,
    /// Requests that were refused because a limit would be exceeded.
    pub(crate) refused: Counter,
    targets: Vec<TargetMeter>,
}

/// What is counted at one target of a model.
#[derive(Debug)]
pub(crate) struct TargetMeter {
    provider: Option<String>,
    /// The model's name there; none where it is the one that the client asked for.
    model: Option<String>,
    /// The family of that model, or none where it is another one with each request.
    family: Option<FamilyPlace>,
    input: Histograms,
    output: Histograms,
    /// How long its answers take to begin.
    pub(crate) first_byte: Histogram,
    /// Answers of its own after another target had failed, or it itself had.
    pub(crate) fallbacks: Counter,
    /// What its answers cost, where a price is known.
    pub(crate) cost: Counter,
    /// None where the family's counts are exact, so that there is nothing to learn.
    pub(crate) learning: Option<Learning>,
}

/// A histogram for each way in which a number was found.
#[derive(Debug)]
pub(crate) struct Histograms([Histogram; 4]);

/// Where the numbers of a request come from, from the most certain to the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// The provider said so.
    Reported,
    /// Counted with the model's own vocabulary.
    Counted,
    /// Counted with another one and corrected.
    Estimated,
    /// Estimated from samples.
    Extrapolated,
}

/// What is kept to learn how far a target's estimates are off.
#[derive(Debug)]
pub(crate) struct Learning {
    pub(crate) page: Page,
    /// How far each estimate was off that was learnt from, per mille of what was reported.
    pub(crate) error: Histogram,
    /// Observations that were given up because other workers kept writing.
    pub(crate) lost: Counter,
    sampling: Sampling,
}

/// Which requests are counted for the sake of learning alone.
///
/// An estimate costs as much as an exact count, so in mode `auto`, far from every limit, it is made for few requests: for all until the
/// target has been seen often enough, and then for one in [`EVERY`](Self::EVERY), so that a change of the provider's is still noticed.
/// Each worker keeps its own count, and asks the shared page only when it samples.
#[derive(Debug, Default)]
struct Sampling {
    /// How many requests are still left out.
    skipped: Cell<u32>,
}

impl Sampling {
    /// How many observations are enough for a start.
    const ENOUGH: u32 = 32;
    /// One request in how many is counted from then on.
    const EVERY: u32 = 64;

    fn is_due(&self) -> bool {
        let skipped = self.skipped.get();
        self.skipped.set(skipped.saturating_sub(1));
        skipped == 0
    }

    fn learnt_from(&self, samples: u32) {
        self.skipped.set(if samples < Self::ENOUGH { 0 } else { Self::EVERY.saturating_sub(1) });
    }
}

impl Meter {
    pub(crate) fn new(config: &GatewayConfig, secret: Secret) -> Self {
        let mut catalogue = Catalogue::default();
        let implausible = catalogue.counter(metrics::USAGE_IMPLAUSIBLE, &[]);
        let words = catalogue.counter(metrics::WORDS_COUNTED, &[]);
        let remembered = catalogue.counter(metrics::WORDS_REMEMBERED, &[]);
        let denied = Denied::ALL.map(|denied| {
            let reason = [(labels::REASON, denied.reason())];
            (denied, catalogue.counter(metrics::IDENTITY_DENIED, &reason))
        });
        let denied = denied.to_vec();
        let counting = config.counting.clone();
        let routes = config.models.routes().iter();
        let routes = routes.map(|route| RouteMeter::new(route, &counting, &mut catalogue)).collect();
        let budgets = Budgets::new(config, secret, &mut catalogue);
        Self {
            counting,
            prices: config.prices.clone(),
            budgets,
            routes,
            memory: Memory::default(),
            words,
            remembered,
            implausible,
            denied,
            catalogue,
        }
    }

    /// Counts a request of whose caller nothing good is known.
    pub(crate) fn count_denied(&self, denied: Denied, out: &mut dyn Output) {
        if let Some((_, counter)) = self.denied.iter().find(|(known, _)| *known == denied) {
            out.emit(Effect::Count(*counter, 1));
        }
    }

    /// Tells how often the memory of words was of use, in lots, so that not every request pays for telling it.
    pub(crate) fn tell_remembered(&self, out: &mut dyn Output) {
        /// Words of some ten prompts of a page.
        const LOT: u64 = 4_096;
        if let Some(Recalled { words, remembered }) = self.memory.recalled(LOT) {
            out.emit(Effect::Count(self.words, words));
            out.emit(Effect::Count(self.remembered, remembered));
        }
    }

    pub(crate) const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Every statistic and page.
    pub(crate) const fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    pub(crate) const fn counting(&self) -> &Counting {
        &self.counting
    }

    /// The meter of the route of that number.
    pub(crate) fn route(&self, number: usize) -> Option<&RouteMeter> {
        self.routes.get(number)
    }

    /// The price of a request at that target, where the client asked for that name.
    pub(crate) fn price(&self, route: usize, target: usize, asked: &str) -> Option<&Price> {
        let target = self.route(route)?.target(target)?;
        let model = target.model.as_deref().unwrap_or(asked);
        self.prices.of(target.provider.as_deref().unwrap_or_default(), model).ok()
    }

    /// The family of the models at that target, where the client asked for that name.
    pub(crate) fn family(&self, target: &TargetMeter, asked: &str) -> &Family {
        let families = &self.counting.families;
        target.family.map_or_else(|| families.of(asked), |place| families.at(place))
    }
}

impl RouteMeter {
    fn new(route: &ModelRoute, counting: &Counting, catalogue: &mut Catalogue) -> Self {
        let model = [(labels::MODEL, route.name.as_str())];
        let mut counter = |name| catalogue.counter(name, &model);
        let bounded = counter(metrics::PROMPTS_BOUNDED);
        let counted = counter(metrics::PROMPTS_COUNTED);
        let refused = counter(metrics::PROMPTS_REFUSED);
        let planned = route.targets.iter().map(Some);
        // Where Envoy's routes alone decide, there is one target of which nothing is known.
        let unplanned = route.targets.is_empty().then_some(None);
        let targets = planned.chain(unplanned);
        Self {
            mode: route.counting,
            max_input_tokens: route.max_input_tokens,
            bounded,
            counted,
            refused,
            targets: targets.map(|target| TargetMeter::new(route, target, counting, catalogue)).collect(),
        }
    }

    /// What a request for this model may not exceed.
    pub(crate) fn limits(&self) -> impl Iterator<Item = Limit> {
        self.max_input_tokens.into_iter().map(Limit::model_input)
    }

    /// The number of the target at that provider; of one that was not planned, as of none, the first.
    pub(crate) fn target_at(&self, provider: Option<&str>) -> usize {
        let found = self.targets.iter().position(|target| target.provider.as_deref() == provider);
        found.unwrap_or_default()
    }

    pub(crate) fn target(&self, number: usize) -> Option<&TargetMeter> {
        self.targets.get(number)
    }
}

impl TargetMeter {
    fn new(
        route: &ModelRoute,
        target: Option<&PlannedTarget>,
        counting: &Counting,
        catalogue: &mut Catalogue,
    ) -> Self {
        let provider = target.map(|target| target.provider.clone());
        let shown = provider.as_deref().unwrap_or("unknown");
        let labels = [(labels::MODEL, route.name.as_str()), (labels::PROVIDER, shown)];
        let model = match target.and_then(|target| target.model.clone()) {
            Some(model) => Some(model),
            // A model that is asked for by one name only has that name wherever its target says nothing else.
            None => (!route.name.ends_with('*')).then(|| route.name.clone()),
        };
        let family = model.as_deref().map(|model| counting.families.find(model));
        let exact = family.is_some_and(|place| counting.families.at(place).is_exact());
        let learning = (!exact && route.counting != CountingMode::Off).then(|| Learning {
            page: catalogue
                .page(format!("calibration.v1/{}/{shown}", route.name), Calibration::new().encode()),
            error: catalogue.histogram(metrics::ESTIMATE_ERROR, &labels),
            lost: catalogue.counter(metrics::ESTIMATE_LOST, &labels),
            sampling: Sampling::default(),
        });
        let mut histograms = |kind: &str| Histograms::new(kind, &labels, catalogue);
        let (input, output) = (histograms("input"), histograms("output"));
        let first_byte = catalogue.histogram(metrics::FIRST_BYTE, &labels);
        let fallbacks = catalogue.counter(metrics::FALLBACKS, &labels);
        let cost = catalogue.counter(metrics::COST, &labels);
        Self { provider, model, family, input, output, first_byte, fallbacks, cost, learning }
    }

    pub(crate) const fn input(&self, source: Source) -> Histogram {
        self.input.of(source)
    }

    pub(crate) const fn output(&self, source: Source) -> Histogram {
        self.output.of(source)
    }
}

impl Histograms {
    /// OpenTelemetry's `gen_ai.client.token.usage` (semantic conventions for generative AI metrics), with how the number was found beside it.
    fn new(kind: &str, labels: &[(&str, &str); 2], catalogue: &mut Catalogue) -> Self {
        let [model, provider] = *labels;
        Self(Source::ALL.map(|source| {
            let kind = [(labels::TOKEN_TYPE, kind), (labels::USAGE_SOURCE, source.name())];
            let labels: Vec<_> =
                [(labels::OPERATION, "chat"), model, provider].into_iter().chain(kind).collect();
            catalogue.histogram(metrics::TOKEN_USAGE, &labels)
        }))
    }

    const fn of(&self, source: Source) -> Histogram {
        let Self([reported, counted, estimated, extrapolated]) = self;
        match source {
            Source::Reported => *reported,
            Source::Counted => *counted,
            Source::Estimated => *estimated,
            Source::Extrapolated => *extrapolated,
        }
    }
}

impl Source {
    const ALL: [Self; 4] = [Self::Reported, Self::Counted, Self::Estimated, Self::Extrapolated];

    /// The name in filter state, headers and statistics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Counted => metering::Source::Exact.label(),
            Self::Estimated => metering::Source::Estimated.label(),
            Self::Extrapolated => metering::Source::Extrapolated.label(),
        }
    }
}

impl From<metering::Source> for Source {
    fn from(source: metering::Source) -> Self {
        match source {
            metering::Source::Exact => Self::Counted,
            metering::Source::Estimated => Self::Estimated,
            metering::Source::Extrapolated => Self::Extrapolated,
        }
    }
}

impl Learning {
    /// Whether this request is one to learn from.
    pub(crate) fn is_due(&self) -> bool {
        self.sampling.is_due()
    }

    /// So many observations stand on the page now.
    pub(crate) fn learnt_from(&self, samples: u32) {
        self.sampling.learnt_from(samples);
    }
}

#[cfg(test)]
mod tests {
    use super::Sampling;

    #[test]
    fn every_request_is_a_sample_until_there_are_enough_and_then_one_in_many() {
        let sampling = Sampling::default();
        let mut due = Vec::new();
        let mut samples = 0;
        for request in 0..Sampling::ENOUGH + 3 * Sampling::EVERY {
            if sampling.is_due() {
                due.push(request);
                samples += 1;
                sampling.learnt_from(samples);
            }
        }
        let (start, rest) = due.split_at(Sampling::ENOUGH as usize);
        assert_eq!(start, (0..Sampling::ENOUGH).collect::<Vec<_>>());
        let first = Sampling::ENOUGH - 1;
        let every = [1, 2, 3].map(|n| first + n * Sampling::EVERY);
        assert_eq!(rest, every);
    }

    #[test]
    fn a_sample_that_taught_nothing_is_followed_by_another() {
        let sampling = Sampling::default();
        assert!(sampling.is_due() && sampling.is_due());
    }
}
