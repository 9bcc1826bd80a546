//! A run: the Envoys are started, then loaded in turn, round after round; and all of that again, with new processes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lab::envoy::Binary;
use tokio::task::JoinSet;
use tokio::time;

use crate::cpu::{self, Usage};
use crate::load::{Client, Interrupted, Tally};
use crate::machine::{self, Machine, Pinning};
use crate::stand::{BuiltFilters, Subject};
use crate::upstream::{self, Script};
use crate::variant::Variant;
use crate::workload::{Volume, Workload};
use crate::{Error, Options};

/// How long one round of one Envoy may take: far more than on any machine that is worth measuring on.
const ROUND_WITHIN: Duration = Duration::from_secs(120);
/// Between the last answer and reading the clock: what Envoy still has to tidy up is part of the price.
const SETTLE: Duration = Duration::from_millis(20);

/// One Envoy's share of one round.
#[derive(Clone, Copy, Debug)]
pub struct Measurement {
    /// The row.
    pub workload: Workload,
    /// The Envoy.
    pub variant: Variant,
    /// Counted from 1, through all starts; the one before a start's first did not count.
    pub round: u32,
    /// What was done.
    pub tally: Tally,
    /// What the Envoy process ran, and waited for its core.
    pub envoy: Usage,
    /// The same of this process meanwhile: load and upstream together.
    pub bench: Usage,
}

/// Words that an Envoy's filters have counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words {
    /// All of them.
    pub counted: u64,
    /// Those that were remembered.
    pub remembered: u64,
}

/// What a run found.
#[derive(Debug)]
pub struct Findings {
    /// Where it was measured.
    pub machine: Machine,
    /// The Envoy's version.
    pub envoy_version: String,
    /// Who had which core.
    pub pinning: Pinning,
    /// Every measurement.
    pub measurements: Vec<Measurement>,
    /// Resident memory of each Envoy after the run, in KiB.
    pub memory: BTreeMap<Variant, u64>,
    /// The filters' sizes in bytes: ai-gateway's and ai-provider's.
    pub filter_bytes: (u64, u64),
    /// How many words each Envoy that counts has counted, and how many of them it remembered.
    pub words: BTreeMap<Variant, Words>,
    /// How often the Envoys were started.
    pub starts: u32,
    /// How many rounds of each start counted.
    pub rounds: u32,
    /// How much of each row made up a round.
    pub volumes: BTreeMap<Workload, Volume>,
}

/// Measures everything that the options ask for. `progress` is told what begins.
///
/// # Errors
/// When an Envoy does not start, a connection breaks, an answer is wrong, or a provider would have refused a request.
pub async fn run(
    options: &Options,
    envoy: &Binary,
    filters: &BuiltFilters,
    mut progress: impl FnMut(&str),
) -> Result<Findings, Error> {
    // Before this process gives a core away.
    let machine = Machine::here();
    let pinning = machine::reserve();
    let size = |path| {
        std::fs::metadata(path).map(|file| file.len()).map_err(Error::system("reading a filter's size"))
    };
    let mut findings = Findings {
        machine,
        envoy_version: envoy.version.clone(),
        pinning,
        measurements: Vec::new(),
        memory: BTreeMap::new(),
        words: BTreeMap::new(),
        filter_bytes: (size(&filters.gateway)?, size(&filters.provider)?),
        starts: options.starts(),
        rounds: options.rounds(),
        volumes: options.rows().into_iter().map(|row| (row, options.volume(row))).collect(),
    };
    let mut scripts = BTreeMap::new();
    for workload in options.rows() {
        progress(&format!("{}: recording the provider's answers", workload.name()));
        for variant in options.variants().into_iter().filter(|variant| variant.is_in(workload)) {
            scripts.insert((workload, variant), Arc::new(Script::record(variant, workload).await?));
        }
    }
    for start in 0..options.starts() {
        let first = start * options.rounds();
        one_start(first, options, envoy, filters, &scripts, &mut findings, &mut progress).await?;
    }
    Ok(findings)
}

/// All rounds of one start; the first that counts has the number behind `before`.
async fn one_start(
    before: u32,
    options: &Options,
    envoy: &Binary,
    filters: &BuiltFilters,
    scripts: &BTreeMap<(Workload, Variant), Arc<Script>>,
    findings: &mut Findings,
    progress: &mut impl FnMut(&str),
) -> Result<(), Error> {
    progress("starting the Envoys");
    let mut subjects = start(options, envoy, filters, findings.pinning).await?;
    if !subjects.iter().all(|subject| subject.bound) {
        findings.pinning = Pinning::Unpinned;
    }
    let mut sent: BTreeMap<Variant, u64> = BTreeMap::new();
    for workload in options.rows() {
        let turns: Vec<usize> =
            (0..subjects.len()).filter(|index| subjects[*index].variant.is_in(workload)).collect();
        for round in before..=before + options.rounds() {
            let counts = round > before;
            let all = options.starts() * options.rounds();
            let what = if counts { format!("round {round} of {all}") } else { "warm-up".to_owned() };
            progress(&format!("{}: {what}", workload.name()));
            // Another Envoy begins each round, so that none has the same predecessor's leftovers in the caches every time.
            for turn in 0..turns.len() {
                let subject = &mut subjects[turns[(turn + round as usize) % turns.len()]];
                let script = &scripts[&(workload, subject.variant)];
                let judged = if counts { Judged::Before } else { Judged::Now };
                let volume = options.volume(workload);
                let measurement = measure(subject, script, workload, volume, round, judged).await?;
                *sent.entry(measurement.variant).or_default() += measurement.tally.requests;
                if counts {
                    findings.measurements.push(measurement);
                }
            }
        }
    }
    for subject in subjects {
        subject.check_counting(sent.get(&subject.variant).copied().unwrap_or_default()).await?;
        findings.memory.insert(subject.variant, subject.resident_kib()?);
        if let Some(words) = subject.words().await? {
            findings.words.insert(subject.variant, words);
        }
        subject.stop().await?;
    }
    Ok(())
}

/// Whether a round's first request is shown to the scripted provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    Now,
    Before,
}

/// Starts all of them at once: each compiles its filters for seconds.
async fn start(
    options: &Options,
    envoy: &Binary,
    filters: &BuiltFilters,
    pinning: Pinning,
) -> Result<Vec<Subject>, Error> {
    let mut starting = JoinSet::new();
    for variant in options.variants() {
        let (envoy, filters) = (envoy.clone(), filters.clone());
        starting.spawn(async move { Subject::start(variant, &envoy, &filters, pinning).await });
    }
    let mut subjects = Vec::new();
    while let Some(started) = starting.join_next().await {
        // A panic in a task is the bench's own mistake.
        subjects.push(started.expect("no task panics")?);
    }
    subjects.sort_by_key(|subject| subject.variant);
    Ok(subjects)
}

async fn measure(
    subject: &mut Subject,
    script: &Arc<Script>,
    workload: Workload,
    volume: Volume,
    round: u32,
    judged: Judged,
) -> Result<Measurement, Error> {
    let variant = subject.variant;
    let client = Client::of(variant, workload);
    subject.upstream.follow(script);
    let own = std::process::id();
    let (envoy, bench) = (subject.usage()?, cpu::usage(own)?);
    // Every Envoy of a round gets the same requests, and every round others.
    let load = time::timeout(ROUND_WITHIN, subject.pool.drive(&client, volume, u64::from(round))).await;
    time::sleep(SETTLE).await;
    let measurement = |tally| -> Result<Measurement, Error> {
        let (envoy, bench) = (subject.usage()?.since(envoy), cpu::usage(own)?.since(bench));
        Ok(Measurement { workload, variant, round, tally, envoy, bench })
    };
    match load {
        Ok(Ok(tally)) => {
            if let (Judged::Now, Some((head, body))) = (judged, subject.upstream.first_request()) {
                upstream::judge(variant, workload, &head, &body).await?;
            }
            measurement(tally)
        }
        Ok(Err(interrupted)) => Err(explained(subject, workload, interrupted)),
        Err(_) => Err(Error::TooSlow {
            variant: variant.name(),
            workload: workload.name(),
            seconds: ROUND_WITHIN.as_secs(),
        }),
    }
}

/// What the upstream saw, or else what the client saw: of a wrong request the client only sees the consequences.
fn explained(subject: &Subject, workload: Workload, interrupted: Interrupted) -> Error {
    let (variant, workload) = (subject.variant.name(), workload.name());
    if let Some(answer) = subject.upstream.problem() {
        return Error::Refused { variant, workload, answer: format!("{answer}\n{}", subject.log()) };
    }
    match interrupted {
        Interrupted::Wrong(wrong) => {
            Error::Wrong { variant, workload, wrong: wrong.with_log(&subject.log()) }
        }
        Interrupted::Wire(source) => Error::Wire { doing: variant, source },
    }
}
