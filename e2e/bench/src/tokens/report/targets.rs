//! What this project's tokenizer should reach in wasm, and whether it did.

use std::fmt::Write as _;

use corpora::{Corpus, Hostile};
use serde_json::{Value, json};

use super::{hostile_millis, mebibytes, millis, ratio, starts, times};
use crate::stats::Spread;
use crate::tokens::contender::{Contender, Place};
use crate::tokens::measure::Findings;
use crate::tokens::runner::Encoding;

/// One target and what was measured.
struct Target {
    what: String,
    bound: Bound,
    measured: f64,
    unit: &'static str,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    MoreThan(f64),
    AtMost(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::MoreThan(bound) => value > bound,
            Self::AtMost(bound) => value <= bound,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("≥ {bound}"),
            Self::MoreThan(bound) => format!("> {bound}"),
            Self::AtMost(bound) => format!("≤ {bound}"),
        }
    }
}

/// The targets as Markdown tables, one for each of ours; nothing where nothing of them was measured.
pub(super) fn markdown(findings: &Findings) -> String {
    let mut text = String::new();
    for ours in Contender::OURS {
        let targets = targets(findings, ours);
        if targets.is_empty() {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "Targets, in wasm: `{}`\n", ours.name());
        text.push_str("| target | bound | measured | met |\n|---|--:|--:|:-:|\n");
        for target in targets {
            let met = if target.bound.holds(target.measured) { "yes" } else { "**no**" };
            let _ = writeln!(
                text,
                "| {} | {} {unit} | {:.2} {unit} | {met} |",
                target.what,
                target.bound.text(),
                target.measured,
                unit = target.unit,
            );
        }
        text.push('\n');
    }
    text
}

/// The same as JSON.
pub(super) fn json(findings: &Findings) -> Value {
    let one = |ours: Contender, target: Target| {
        json!({
            "contender": ours.name(),
            "target": target.what,
            "bound": target.bound.text(),
            "unit": target.unit,
            "measured": target.measured,
            "met": target.bound.holds(target.measured),
        })
    };
    let of = |ours| targets(findings, ours).into_iter().map(move |target| one(ours, target));
    Contender::OURS.into_iter().flat_map(of).collect()
}

fn targets(findings: &Findings, ours: Contender) -> Vec<Target> {
    let mut targets = Vec::new();
    for (encoding, least) in [(Encoding::Cl100kBase, 10.0), (Encoding::O200kBase, 6.0)] {
        for corpus in [Corpus::English, Corpus::Code] {
            let reached = ratio(findings, Place::Wasm, ours, encoding, corpus, |timing| timing.warm);
            targets.extend(reached.map(|reached| Target {
                what: format!("{} {}, warm, beside tiktoken-rs", encoding.name(), corpus.name()),
                bound: Bound::AtLeast(least),
                measured: reached.median,
                unit: "times",
            }));
        }
    }
    for encoding in Encoding::ALL {
        for peer in Contender::ALL.into_iter().filter(|peer| !Contender::OURS.contains(peer)) {
            let pair = (ours, peer);
            let ahead = times(findings, Place::Wasm, pair, encoding, Corpus::English, |timing| timing.cold);
            targets.extend(ahead.map(|ahead| Target {
                what: format!("{} english, cold, beside {}", encoding.name(), peer.name()),
                bound: Bound::MoreThan(1.0),
                measured: ahead.median,
                unit: "times",
            }));
        }
    }
    for (index, encoding) in Encoding::ALL.into_iter().enumerate() {
        let first = Spread::of(starts(findings, ours).map(|start| millis(start.first[index])));
        targets.extend(first.map(|first| Target {
            what: format!("first count, {}", encoding.name()),
            bound: Bound::AtMost(1.5),
            measured: first.median,
            unit: "ms",
        }));
    }
    if let Some(start) = starts(findings, ours).next() {
        targets.push(Target {
            what: "linear memory with both vocabularies".to_owned(),
            bound: Bound::AtMost(6.5),
            measured: mebibytes(start.memory_both),
            unit: "MiB",
        });
        targets.push(Target {
            what: "module".to_owned(),
            bound: Bound::AtMost(5.0),
            measured: mebibytes(start.module),
            unit: "MiB",
        });
    }
    targets.extend(worst_hostile(findings, ours));
    targets
}

/// The dearest hostile text. A trap is dearer than anything.
fn worst_hostile(findings: &Findings, ours: Contender) -> Option<Target> {
    if !findings.hostile.iter().any(|sample| sample.contender == ours) {
        return None;
    }
    let each = Encoding::ALL.into_iter().flat_map(|encoding| {
        Hostile::ALL.map(|hostile| {
            hostile_millis(findings, ours, encoding, hostile).map_or(f64::INFINITY, |spread| spread.median)
        })
    });
    Some(Target {
        what: "worst hostile text of 1 MiB".to_owned(),
        bound: Bound::AtMost(40.0),
        measured: each.fold(0.0, f64::max),
        unit: "ms",
    })
}
