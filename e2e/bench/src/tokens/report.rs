//! The result of `bench tokens` as Markdown tables for people and as JSON for programs.

mod targets;

use std::fmt::Write as _;
use std::time::Duration;

use corpora::{Corpus, Hostile};
use serde_json::{Value, json};

use super::contender::{Contender, Place};
use super::measure::{Findings, Sample, Start, Timing};
use super::runner::{Counted, Encoding};
use crate::stats::Spread;

/// Who the others are measured against.
const REFERENCE: Contender = Contender::TiktokenRs;

/// The result as Markdown: where and how, whether all agree, then the tables and the targets.
pub fn markdown(findings: &Findings, command: &str) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}\n\nCommand: `{command}`. {}\n", place_line(findings), agreement(findings));
    for place in Place::ALL {
        for encoding in Encoding::ALL {
            text.push_str(&throughput(findings, place, encoding));
        }
    }
    text.push_str(&beginnings(findings));
    text.push_str(&hostile(findings));
    text.push_str(&targets::markdown(findings));
    text
}

fn place_line(findings: &Findings) -> String {
    let machine = &findings.machine;
    let versions: Vec<String> = findings
        .contenders
        .iter()
        .map(|(contender, version)| format!("{} {version}", contender.name()))
        .collect();
    let node =
        findings.node.as_ref().map_or_else(|| "no Node".to_owned(), |version| format!("Node {version}"));
    format!(
        "{}, {} cores, {}; {node}; {}; {}; {} rounds.",
        machine.cpu,
        machine.cores,
        machine.system,
        versions.join(", "),
        machine.date,
        findings.rounds
    )
}

/// Whether all contenders count the same: every text whose counts differ, with them.
fn agreement(findings: &Findings) -> String {
    let mut differences = Vec::new();
    for place in Place::ALL {
        for encoding in Encoding::ALL {
            for corpus in &findings.corpora {
                let counts = findings.contenders.iter().filter_map(|(contender, _)| {
                    let tokens = timings(findings, place, *contender, encoding, *corpus).next()?.tokens;
                    Some((contender.name(), tokens))
                });
                let what = format!("{} {} {}", place.key(), encoding.name(), corpus.name());
                differences.extend(difference(&what, counts));
            }
        }
    }
    for encoding in Encoding::ALL {
        for hostile in Hostile::ALL {
            let counts = findings.contenders.iter().filter_map(|(contender, _)| {
                let mut samples = findings.hostile.iter().filter(|sample| {
                    sample.contender == *contender && sample.encoding == encoding && sample.hostile == hostile
                });
                match samples.next()?.counted {
                    Counted::Tokens { tokens, .. } => Some((contender.name(), tokens)),
                    Counted::Trap(_) => None,
                }
            });
            differences.extend(difference(&format!("{} {}", encoding.name(), hostile.name()), counts));
        }
    }
    let traps = findings.samples.iter().filter_map(|sample| {
        let reason = sample.timing.as_ref().err()?;
        Some(format!(
            "{} {} {}: {reason}",
            sample.contender.name(),
            sample.encoding.name(),
            sample.corpus.name()
        ))
    });
    differences.extend(traps);
    if differences.is_empty() {
        "All contenders count the same on every text that they can count.".to_owned()
    } else {
        format!("**Contenders differ**: {}.", differences.join("; "))
    }
}

fn difference(what: &str, counts: impl Iterator<Item = (&'static str, u64)>) -> Option<String> {
    let counts: Vec<(&str, u64)> = counts.collect();
    let (_, expected) = counts.first()?;
    if counts.iter().all(|(_, tokens)| tokens == expected) {
        return None;
    }
    let all: Vec<String> = counts.iter().map(|(name, tokens)| format!("{name} {tokens}")).collect();
    Some(format!("{what} ({})", all.join(", ")))
}

fn throughput(findings: &Findings, place: Place, encoding: Encoding) -> String {
    if !findings.samples.iter().any(|sample| sample.place == place) {
        return String::new();
    }
    let title = match place {
        Place::Wasm => "In wasm under V8",
        Place::Native => "In a native process",
    };
    let mut text = format!("{title}, {}: MB/s warm (times tiktoken-rs) [cold]\n\n| |", encoding.name());
    for corpus in &findings.corpora {
        let _ = write!(text, " {} |", corpus.name());
    }
    text.push_str("\n|---|");
    text.push_str(&"--:|".repeat(findings.corpora.len()));
    text.push('\n');
    for (contender, _) in &findings.contenders {
        let _ = write!(text, "| {} |", contender.name());
        for corpus in &findings.corpora {
            let _ = write!(text, " {} |", cell(findings, place, *contender, encoding, *corpus));
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

fn cell(
    findings: &Findings,
    place: Place,
    contender: Contender,
    encoding: Encoding,
    corpus: Corpus,
) -> String {
    let speed = |of: fn(&Timing) -> Duration| {
        Spread::of(timings(findings, place, contender, encoding, corpus).map(|timing| rate(timing, of)))
    };
    let (Some(warm), Some(cold)) = (speed(|timing| timing.warm), speed(|timing| timing.cold)) else {
        return "trap".to_owned();
    };
    let times = match ratio(findings, place, contender, encoding, corpus, |timing| timing.warm) {
        Some(ratio) if contender != REFERENCE => {
            format!(" (×{:.1}, {:.1}–{:.1})", ratio.median, ratio.min, ratio.max)
        }
        _ => String::new(),
    };
    format!("{:.1}{times} [{:.1}]", warm.median, cold.median)
}

fn beginnings(findings: &Findings) -> String {
    if findings.starts.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "A module's beginning, CPU time in ms, median [min – max]; sizes in MiB\n\n\
         | | module | compile and instantiate | first count cl100k | first count o200k | linear memory | after cl100k | after o200k | after both |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for (contender, _) in &findings.contenders {
        let of: Vec<&Start> = starts(findings, *contender).collect();
        let Some(one) = of.first() else { continue };
        let time = |part: fn(&Start) -> Duration| match Spread::of(of.iter().map(|start| millis(part(start))))
        {
            Some(spread) => format!("{:.2} [{:.2} – {:.2}]", spread.median, spread.min, spread.max),
            None => String::new(),
        };
        let _ = writeln!(
            text,
            "| {} | {:.2} | {} | {} | {} | {:.2} | {:.2} | {:.2} | {:.2} |",
            contender.name(),
            mebibytes(one.module),
            time(|start| start.ready),
            time(|start| start.first[0]),
            time(|start| start.first[1]),
            mebibytes(one.memory),
            mebibytes(one.memory_each[0]),
            mebibytes(one.memory_each[1]),
            mebibytes(one.memory_both),
        );
    }
    text.push('\n');
    text
}

fn hostile(findings: &Findings) -> String {
    if findings.hostile.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "Hostile texts of 1 MiB in wasm under V8, first pass, CPU time in ms: cl100k | o200k\n\n| |",
    );
    for hostile in Hostile::ALL {
        let _ = write!(text, " {} |", hostile.name());
    }
    text.push_str("\n|---|");
    text.push_str(&"--:|".repeat(Hostile::ALL.len()));
    text.push('\n');
    for (contender, _) in &findings.contenders {
        let _ = write!(text, "| {} |", contender.name());
        for hostile in Hostile::ALL {
            let each =
                Encoding::ALL.map(|encoding| match hostile_millis(findings, *contender, encoding, hostile) {
                    Ok(spread) => format!("{:.1}", spread.median),
                    Err(trap) => trap,
                });
            let _ = write!(text, " {} |", each.join(" / "));
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

/// What a hostile text took, or "**trap**" where any round ended in one.
fn hostile_millis(
    findings: &Findings,
    contender: Contender,
    encoding: Encoding,
    hostile: Hostile,
) -> Result<Spread, String> {
    let mut took = Vec::new();
    for sample in &findings.hostile {
        if (sample.contender, sample.encoding, sample.hostile) == (contender, encoding, hostile) {
            match &sample.counted {
                Counted::Tokens { took: time, .. } => took.push(millis(*time)),
                Counted::Trap(_) => return Err("**trap**".to_owned()),
            }
        }
    }
    Spread::of(took).ok_or_else(|| "–".to_owned())
}

/// The result as JSON: every measurement.
pub fn json(findings: &Findings, command: &str) -> Value {
    let contenders = findings.contenders.iter().map(|(one, version)| (one.name().to_owned(), json!(version)));
    let samples = findings.samples.iter().map(|sample| {
        let timing = match &sample.timing {
            Ok(timing) => json!({
                "bytes": timing.bytes,
                "tokens": timing.tokens,
                "cold_micros": micros(timing.cold),
                "warm_micros": micros(timing.warm),
            }),
            Err(trap) => json!({ "trap": trap }),
        };
        json!({
            "place": sample.place.key(),
            "contender": sample.contender.name(),
            "encoding": sample.encoding.name(),
            "corpus": sample.corpus.name(),
            "round": sample.round,
            "timing": timing,
        })
    });
    let starts = findings.starts.iter().map(|start| {
        json!({
            "contender": start.contender.name(),
            "module_bytes": start.module,
            "ready_micros": micros(start.ready),
            "first_count_micros": { "cl100k_base": micros(start.first[0]), "o200k_base": micros(start.first[1]) },
            "memory_bytes": {
                "instantiated": start.memory,
                "cl100k_base": start.memory_each[0],
                "o200k_base": start.memory_each[1],
                "both": start.memory_both,
            },
        })
    });
    let hostile = findings.hostile.iter().map(|sample| {
        let counted = match &sample.counted {
            Counted::Tokens { tokens, took } => json!({ "tokens": tokens, "micros": micros(*took) }),
            Counted::Trap(reason) => json!({ "trap": reason }),
        };
        json!({
            "contender": sample.contender.name(),
            "encoding": sample.encoding.name(),
            "text": sample.hostile.name(),
            "counted": counted,
        })
    });
    json!({
        "command": command,
        "cpu": findings.machine.cpu,
        "cores": findings.machine.cores,
        "system": findings.machine.system,
        "date": findings.machine.date,
        "node": findings.node,
        "contenders": contenders.collect::<serde_json::Map<_, _>>(),
        "targets": targets::json(findings),
        "samples": samples.collect::<Vec<_>>(),
        "starts": starts.collect::<Vec<_>>(),
        "hostile": hostile.collect::<Vec<_>>(),
    })
}

fn samples(
    findings: &Findings,
    place: Place,
    contender: Contender,
    encoding: Encoding,
    corpus: Corpus,
) -> impl Iterator<Item = &Sample> {
    findings.samples.iter().filter(move |sample| {
        (sample.place, sample.contender, sample.encoding, sample.corpus)
            == (place, contender, encoding, corpus)
    })
}

fn timings(
    findings: &Findings,
    place: Place,
    contender: Contender,
    encoding: Encoding,
    corpus: Corpus,
) -> impl Iterator<Item = &Timing> {
    samples(findings, place, contender, encoding, corpus).filter_map(|sample| sample.timing.as_ref().ok())
}

/// How many times as fast as the reference in the same round.
fn ratio(
    findings: &Findings,
    place: Place,
    contender: Contender,
    encoding: Encoding,
    corpus: Corpus,
    of: fn(&Timing) -> Duration,
) -> Option<Spread> {
    times(findings, place, (contender, REFERENCE), encoding, corpus, of)
}

/// How many times as fast the first of them is as the second in the same round.
fn times(
    findings: &Findings,
    place: Place,
    (ours, theirs): (Contender, Contender),
    encoding: Encoding,
    corpus: Corpus,
    of: fn(&Timing) -> Duration,
) -> Option<Spread> {
    let ratios = samples(findings, place, ours, encoding, corpus).filter_map(|sample| {
        let own = sample.timing.as_ref().ok()?;
        let other = samples(findings, place, theirs, encoding, corpus)
            .find(|other| other.round == sample.round)
            .and_then(|other| other.timing.as_ref().ok())?;
        Some(of(other).as_secs_f64() / of(own).as_secs_f64())
    });
    Spread::of(ratios.filter(|ratio| ratio.is_finite()))
}

fn starts(findings: &Findings, contender: Contender) -> impl Iterator<Item = &Start> {
    findings.starts.iter().filter(move |start| start.contender == contender)
}

/// Megabytes a second.
fn rate(timing: &Timing, of: fn(&Timing) -> Duration) -> f64 {
    timing.bytes as f64 / micros(of(timing)).max(1.0)
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests;
