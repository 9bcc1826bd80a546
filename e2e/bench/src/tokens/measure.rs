//! A run: every contender in turn, on the same text, round after round.

use std::time::Duration;

use corpora::{Corpus, Hostile};

use super::contender::{Built, Contender, Place, build};
use super::options::TokenOptions;
use super::runner::{Counted, Encoding, Runner};
use super::texts::{Text, Texts};
use crate::Error;
use crate::machine::Machine;

/// Passes over a text after the first, of which the median counts as warm.
const WARM_PASSES: usize = 3;
/// Rounds of hostile texts: each text costs some contenders seconds, and differences are of orders of magnitude.
const HOSTILE_ROUNDS: u32 = 3;

/// What one contender took for one text in one round.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Where.
    pub place: Place,
    /// Who.
    pub contender: Contender,
    /// In which encoding.
    pub encoding: Encoding,
    /// Of which text.
    pub corpus: Corpus,
    /// Counted from 1.
    pub round: u32,
    /// How long, and how many tokens.
    pub timing: Result<Timing, String>,
}

/// CPU time of passes over a text.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The first pass of an instance that has counted one short text before, so that its tables are there and nothing else.
    pub cold: Duration,
    /// The median of the passes after it.
    pub warm: Duration,
    /// Bytes of the text.
    pub bytes: usize,
    /// Its tokens.
    pub tokens: u64,
}

/// How one module began in one round: in a process of its own, so that nothing of it was compiled before.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Who.
    pub contender: Contender,
    /// CPU time of compiling the module and making an instance.
    pub ready: Duration,
    /// CPU time of a first short count in each encoding, each in an instance of its own.
    pub first: [Duration; 2],
    /// Linear memory of an instance that has counted nothing.
    pub memory: u64,
    /// The same after the first count in each encoding alone.
    pub memory_each: [u64; 2],
    /// The same after both.
    pub memory_both: u64,
    /// The module's size.
    pub module: u64,
}

/// What a hostile text did.
#[derive(Clone, Debug)]
pub struct HostileSample {
    /// To whom; under V8.
    pub contender: Contender,
    /// In which encoding.
    pub encoding: Encoding,
    /// Which text.
    pub hostile: Hostile,
    /// CPU time of a first pass over it, and its tokens.
    pub counted: Counted,
}

/// What a run found.
#[derive(Debug)]
pub struct Findings {
    /// Where it was measured.
    pub machine: Machine,
    /// What Node says of itself; `None` where there is none.
    pub node: Option<String>,
    /// Who was measured, and their versions.
    pub contenders: Vec<(Contender, String)>,
    /// On which texts.
    pub corpora: Vec<Corpus>,
    /// In which rounds.
    pub rounds: u32,
    /// Throughput.
    pub samples: Vec<Sample>,
    /// Beginnings.
    pub starts: Vec<Start>,
    /// Hostile texts.
    pub hostile: Vec<HostileSample>,
}

/// Measures everything that the options ask for. `progress` is told what begins.
///
/// # Errors
/// When a contender cannot be built or does not answer. A contender that breaks is a finding, not an error.
pub fn measure(options: &TokenOptions, mut progress: impl FnMut(&str)) -> Result<Findings, Error> {
    let node = node_version();
    let mut places = options.places();
    if node.is_none() && places.contains(&Place::Wasm) {
        progress("SKIPPED: wasm under V8: node was not found (install Node.js 20 or newer)");
        places.retain(|place| *place != Place::Wasm);
    }
    let mut built = Vec::new();
    for contender in options.contenders() {
        progress(&format!("building {}", contender.name()));
        built.push(build(contender, &places)?);
    }
    let texts = Texts::write(&options.corpora(), options.quick)?;
    let mut findings = Findings {
        machine: Machine::here(),
        node,
        contenders: built.iter().map(|built| (built.contender, built.version.clone())).collect(),
        corpora: options.corpora(),
        rounds: options.rounds(),
        samples: Vec::new(),
        starts: Vec::new(),
        hostile: Vec::new(),
    };
    if places.contains(&Place::Wasm) {
        for round in 1..=options.rounds() {
            progress(&format!("beginnings: round {round} of {}", options.rounds()));
            for built in in_turn(&built, round) {
                findings.starts.push(start(built, &texts.first)?);
            }
        }
    }
    for place in places.iter().copied() {
        throughput(&mut findings, place, &built, &texts, &mut progress)?;
    }
    if places.contains(&Place::Wasm) {
        hostile(&mut findings, &built, &texts, &mut progress)?;
    }
    Ok(findings)
}

/// Another one begins each round, so that none has the same predecessor's leftovers in the caches every time.
fn in_turn(built: &[Built], round: u32) -> impl Iterator<Item = &Built> {
    let first = round as usize % built.len().max(1);
    built.iter().cycle().skip(first).take(built.len())
}

/// One process for each encoding: what a first count compiles and builds for one encoding is a help to the other.
fn start(built: &Built, first: &Text) -> Result<Start, Error> {
    let begin = |encoding| -> Result<(Runner, Duration, u64), Error> {
        let mut runner = runner(built, Place::Wasm)?;
        runner.text(&first.path)?;
        let took = took(built, runner.count(encoding)?)?;
        let memory = runner.memory()?;
        Ok((runner, took, memory))
    };
    let (mut runner, first_cl100k, memory_cl100k) = begin(Encoding::Cl100kBase)?;
    runner.count(Encoding::O200kBase)?;
    let memory_both = runner.memory()?;
    let (_, first_o200k, memory_o200k) = begin(Encoding::O200kBase)?;
    let started = runner.started().ok_or_else(|| broken(built, "it did not say how it began"))?;
    Ok(Start {
        contender: built.contender,
        ready: started.compile + started.instantiate,
        first: [first_cl100k, first_o200k],
        memory: started.memory,
        memory_each: [memory_cl100k, memory_o200k],
        memory_both,
        module: started.module,
    })
}

fn throughput(
    findings: &mut Findings,
    place: Place,
    built: &[Built],
    texts: &Texts,
    progress: &mut impl FnMut(&str),
) -> Result<(), Error> {
    let mut runners = Vec::new();
    for built in built {
        runners.push((built.contender, runner(built, place)?));
    }
    // Round 0 does not count: in it V8 compiles what is hot.
    for round in 0..=findings.rounds {
        let warm_up = if round == 0 { " (warm-up)" } else { "" };
        progress(&format!("{}: round {round} of {}{warm_up}", place.key(), findings.rounds));
        for (corpus, text) in &texts.corpora {
            for encoding in Encoding::ALL {
                for turn in 0..runners.len() {
                    let index = (turn + round as usize) % runners.len();
                    let (contender, runner) = &mut runners[index];
                    let timing = passes(runner, &texts.first, text, encoding)?;
                    if round > 0 || timing.is_err() {
                        let (contender, corpus) = (*contender, *corpus);
                        findings.samples.push(Sample { place, contender, encoding, corpus, round, timing });
                    }
                }
            }
        }
    }
    Ok(())
}

/// A fresh instance, one short count to build its tables, then the text several times.
fn passes(
    runner: &mut Runner,
    first: &Text,
    text: &Text,
    encoding: Encoding,
) -> Result<Result<Timing, String>, Error> {
    runner.fresh()?;
    runner.text(&first.path)?;
    if let Counted::Trap(reason) = runner.count(encoding)? {
        return Ok(Err(reason));
    }
    runner.text(&text.path)?;
    let mut took = Vec::new();
    let mut counts = Vec::new();
    for _ in 0..=WARM_PASSES {
        match runner.count(encoding)? {
            Counted::Tokens { tokens, took: time } => {
                took.push(time);
                counts.push(tokens);
            }
            Counted::Trap(reason) => return Ok(Err(reason)),
        }
    }
    let tokens = counts[0];
    if counts.iter().any(|again| *again != tokens) {
        return Ok(Err(format!("counts differ from pass to pass: {counts:?}")));
    }
    let cold = took.remove(0);
    took.sort();
    Ok(Ok(Timing { cold, warm: took[WARM_PASSES / 2], bytes: text.bytes, tokens }))
}

fn hostile(
    findings: &mut Findings,
    built: &[Built],
    texts: &Texts,
    progress: &mut impl FnMut(&str),
) -> Result<(), Error> {
    let mut runners = Vec::new();
    for built in built {
        let mut runner = runner(built, Place::Wasm)?;
        // V8 compiles what is hot while it counts something ordinary.
        if let Some((_, text)) = texts.corpora.first() {
            runner.text(&text.path)?;
            for _ in 0..3 {
                for encoding in Encoding::ALL {
                    runner.count(encoding)?;
                }
            }
        }
        runners.push((built.contender, runner));
    }
    let rounds = findings.rounds.min(HOSTILE_ROUNDS);
    for round in 1..=rounds {
        progress(&format!("hostile texts: round {round} of {rounds}"));
        for (hostile, text) in &texts.hostile {
            for encoding in Encoding::ALL {
                for (contender, runner) in &mut runners {
                    runner.fresh()?;
                    runner.text(&texts.first.path)?;
                    runner.count(encoding)?;
                    runner.text(&text.path)?;
                    let counted = runner.count(encoding)?;
                    let (contender, hostile) = (*contender, *hostile);
                    findings.hostile.push(HostileSample { contender, encoding, hostile, counted });
                }
            }
        }
    }
    Ok(())
}

fn runner(built: &Built, place: Place) -> Result<Runner, Error> {
    match place {
        Place::Wasm => {
            Runner::module(built.wasm.as_deref().ok_or_else(|| broken(built, "no module was built"))?)
        }
        Place::Native => {
            Runner::native(built.native.as_deref().ok_or_else(|| broken(built, "no program was built"))?)
        }
    }
}

fn took(built: &Built, counted: Counted) -> Result<Duration, Error> {
    match counted {
        Counted::Tokens { took, .. } => Ok(took),
        Counted::Trap(reason) => Err(broken(built, &format!("its first count ended in a trap: {reason}"))),
    }
}

fn broken(built: &Built, what: &str) -> Error {
    Error::Contender { program: built.contender.name().into(), answer: what.to_owned() }
}

fn node_version() -> Option<String> {
    let output = std::process::Command::new("node").arg("--version").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
