//! The result as a Markdown table for people and as JSON for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::machine::Pinning;
use crate::run::{Findings, Measurement, Words};
use crate::stats::Spread;
use crate::variant::Variant;
use crate::workload::{Unit, Workload};

/// The result as Markdown: where and how, then one table for all rows.
pub fn markdown(findings: &Findings, command: &str) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}\n", place(findings));
    let _ = writeln!(text, "Command: `{command}`. {}\n", volumes(findings));
    text.push_str(
        "| row | Envoy | CPU | bare | added | ratio, median [min – max] | target | met | Envoy busy |\n",
    );
    text.push_str("|---|---|--:|--:|--:|--:|--:|:-:|--:|\n");
    for workload in findings.volumes.keys() {
        for variant in Variant::ALL {
            if let Some(line) = line(findings, *workload, variant) {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text.push_str(&counting(findings));
    let (gateway, provider) = findings.filter_bytes;
    let _ = writeln!(
        text,
        "\nModules: `ai_gateway.wasm` {} KiB, `ai_provider.wasm` {} KiB. Resident memory after the run: {}.",
        gateway / 1024,
        provider / 1024,
        memory(findings),
    );
    for remark in [words(findings), lateness(findings), quietness(findings)].into_iter().flatten() {
        let _ = writeln!(text, "\n{remark}");
    }
    text
}

fn place(findings: &Findings) -> String {
    let machine = &findings.machine;
    let pinning = match findings.pinning {
        Pinning::Core(core) => format!("Envoy alone on core {core}, load and upstream on the others"),
        Pinning::Unpinned => "no core pinned".to_owned(),
    };
    format!(
        "Envoy {}, one worker; {}, {} cores, {}; {pinning}; {}.",
        findings.envoy_version, machine.cpu, machine.cores, machine.system, machine.date
    )
}

fn volumes(findings: &Findings) -> String {
    let rows = findings.volumes.iter().map(|(workload, volume)| {
        format!("{} of {} over {} connections", volume.requests, workload.title(), volume.connections)
    });
    format!(
        "{} times, new processes had {} rounds, each with {}.",
        findings.starts,
        findings.rounds,
        rows.collect::<Vec<_>>().join(", ")
    )
}

fn line(findings: &Findings, workload: Workload, variant: Variant) -> Option<String> {
    let own = Spread::of(prices(findings, workload, variant))?;
    let busy = Spread::of(of(findings, workload, variant).map(busy))?.median * 100.0;
    let unit = match workload.unit() {
        Unit::Request => "µs",
        Unit::Event => "µs/event",
    };
    let start = format!("| {} | {} | {:.1} {unit} |", workload.title(), variant.name(), own.median);
    if variant.is_bare() {
        return Some(format!("{start} | | | | | {busy:.0} % |"));
    }
    let bare = Spread::of(prices(findings, workload, variant.baseline()))?;
    let ratio = Spread::of(ratios(findings, workload, variant))?;
    let (target, met) = match target(workload, variant) {
        Some(target) => (format!("≤ {target}"), if ratio.median <= target { "yes" } else { "**no**" }),
        None => (String::new(), ""),
    };
    Some(format!(
        "{start} {:.1} | {:+.1} | {:.2} [{:.2} – {:.2}] | {target} | {met} | {busy:.0} % |",
        bare.median,
        own.median - bare.median,
        ratio.median,
        ratio.min,
        ratio.max,
    ))
}

fn target(workload: Workload, variant: Variant) -> Option<f64> {
    (variant == Variant::Renamed).then(|| workload.target())
}

/// What counting adds to the same filters without it, in parts of a bare Envoy.
fn counting(findings: &Findings) -> String {
    let mut text = String::new();
    for workload in findings.volumes.keys() {
        for variant in Variant::ALL {
            let Some(added) = Spread::of(counting_adds(findings, *workload, variant)) else { continue };
            if text.is_empty() {
                text.push_str("\nWhat counting adds, in times of the bare Envoy of the same round:\n\n");
                text.push_str(
                    "| row | Envoy | added, median [min – max] | target | met |\n|---|---|--:|--:|:-:|\n",
                );
            }
            let (target, met) = match counting_target(*workload, variant) {
                Some(target) => {
                    (format!("≤ {target}"), if added.median <= target { "yes" } else { "**no**" })
                }
                None => (String::new(), ""),
            };
            let _ = writeln!(
                text,
                "| {} | {} | {:+.2} [{:+.2} – {:+.2}] | {target} | {met} |",
                workload.title(),
                variant.name(),
                added.median,
                added.min,
                added.max
            );
        }
    }
    text
}

fn counting_target(workload: Workload, variant: Variant) -> Option<f64> {
    match variant {
        Variant::CountExact if workload == Workload::Json => Some(0.5),
        Variant::CountAutoFar | Variant::CountAutoNear | Variant::CountAutoNearLarge => Some(0.05),
        _ => None,
    }
}

/// Round by round: what an Envoy costs more than the one that counts nothing, in parts of the bare one.
fn counting_adds(findings: &Findings, workload: Workload, variant: Variant) -> impl Iterator<Item = f64> {
    let in_round = move |variant: Variant, round: u32| {
        of(findings, workload, variant).find(|one| one.round == round).map(price)
    };
    of(findings, workload, variant).filter_map(move |one| {
        let uncounted = in_round(variant.uncounted()?, one.round)?;
        let bare = in_round(variant.baseline(), one.round)?;
        Some((price(one) - uncounted) / bare)
    })
}

fn memory(findings: &Findings) -> String {
    let of = |(variant, kib): (&Variant, &u64)| format!("{} {} MiB", variant.name(), kib / 1024);
    findings.memory.iter().map(of).collect::<Vec<_>>().join("; ")
}

/// How much of what was counted was remembered.
fn words(findings: &Findings) -> Option<String> {
    let of = |(variant, words): (&Variant, &Words)| {
        let part = words.remembered as f64 / words.counted as f64 * 100.0;
        format!("{} {part:.1} % of {}", variant.name(), words.counted)
    };
    let each: Vec<_> = findings.words.iter().map(of).collect();
    (!each.is_empty())
        .then(|| format!("Words that were counted and remembered from texts before: {}.", each.join("; ")))
}

/// How well the paced stream was paced: where reads are fewer than events, several came at once and were cheaper than they should be.
fn lateness(findings: &Findings) -> Option<String> {
    let paced = findings.measurements.iter().filter(|measurement| measurement.workload == Workload::Paced);
    let reads = Spread::of(paced.map(|one| one.tally.reads as f64 / one.tally.events as f64))?;
    Some(format!(
        "Paced stream: {:.2} reads per event at the client [{:.2} – {:.2}].",
        reads.median, reads.min, reads.max
    ))
}

/// Whether the machine was quiet: Envoy had its core to itself, and the bare Envoys' own price stayed the same from round to round. Who shares
/// a core or a cache with Envoy leaves cold caches behind, which no ratio takes out again.
fn quietness(findings: &Findings) -> Option<String> {
    const QUIET_PERCENT: f64 = 5.0;
    const STEADY_PERCENT: f64 = 10.0;
    let waited =
        findings.measurements.iter().map(|one| micros(one.envoy.waited) / micros(one.envoy.ran) * 100.0);
    let waited = Spread::of(waited)?.median;
    let unsteady = findings
        .volumes
        .keys()
        .flat_map(|workload| Variant::ALL.map(|variant| (*workload, variant)))
        .filter(|(_, variant)| variant.is_bare())
        .filter_map(|(workload, variant)| Spread::of(prices(findings, workload, variant)))
        .map(|price| (price.upper - price.lower) / price.median * 100.0)
        .fold(0.0, f64::max);
    let verdict = if waited <= QUIET_PERCENT && unsteady <= STEADY_PERCENT {
        "the machine was quiet"
    } else {
        "**the machine was busy; repeat this on a quiet one**"
    };
    Some(format!(
        "Envoy waited for its core {waited:.0} % as long as it ran, and half of a bare Envoy's rounds lay within {unsteady:.0} % of each \
         other: {verdict}."
    ))
}

/// The result as JSON: the table's figures, and every measurement.
pub fn json(findings: &Findings, command: &str) -> Value {
    let rows: Vec<Value> = findings
        .volumes
        .keys()
        .flat_map(|workload| Variant::ALL.map(|variant| (*workload, variant)))
        .filter_map(|(workload, variant)| {
            Some(json!({
                "row": workload.name(),
                "variant": variant.key(),
                "unit": unit_key(workload),
                "cpu_micros": spread(Spread::of(prices(findings, workload, variant))?),
                "ratio": spread(Spread::of(ratios(findings, workload, variant))?),
                "target": target(workload, variant),
                "counting_adds": Spread::of(counting_adds(findings, workload, variant)).map(spread),
                "counting_target": counting_target(workload, variant),
            }))
        })
        .collect();
    let measurements = findings.measurements.iter().map(|one| {
        json!({
            "row": one.workload.name(),
            "variant": one.variant.key(),
            "round": one.round,
            "requests": one.tally.requests,
            "events": one.tally.events,
            "reads": one.tally.reads,
            "elapsed_micros": micros(one.tally.elapsed),
            "envoy_cpu_micros": micros(one.envoy.ran),
            "envoy_waited_micros": micros(one.envoy.waited),
            "bench_cpu_micros": micros(one.bench.ran),
        })
    });
    let (gateway, provider) = findings.filter_bytes;
    let memory = findings.memory.iter().map(|(variant, kib)| (variant.key().to_owned(), Value::from(*kib)));
    let words = findings.words.iter().map(|(variant, words)| {
        (variant.key().to_owned(), json!({"counted": words.counted, "remembered": words.remembered}))
    });
    json!({
        "command": command,
        "envoy": findings.envoy_version,
        "cpu": findings.machine.cpu,
        "cores": findings.machine.cores,
        "system": findings.machine.system,
        "date": findings.machine.date,
        "pinned": matches!(findings.pinning, Pinning::Core(_)),
        "rows": rows,
        "measurements": measurements.collect::<Vec<_>>(),
        "module_bytes": {"ai_gateway": gateway, "ai_provider": provider},
        "words": words.collect::<serde_json::Map<_, _>>(),
        "resident_kib": memory.collect::<serde_json::Map<_, _>>(),
    })
}

const fn unit_key(workload: Workload) -> &'static str {
    match workload.unit() {
        Unit::Request => "request",
        Unit::Event => "event",
    }
}

fn spread(spread: Spread) -> Value {
    let Spread { median, min, max, lower, upper } = spread;
    json!({"median": median, "min": min, "max": max, "lower_quartile": lower, "upper_quartile": upper})
}

fn of(findings: &Findings, workload: Workload, variant: Variant) -> impl Iterator<Item = &Measurement> {
    findings.measurements.iter().filter(move |one| one.workload == workload && one.variant == variant)
}

/// Microseconds of CPU per unit of the row, round by round.
fn prices(findings: &Findings, workload: Workload, variant: Variant) -> impl Iterator<Item = f64> {
    of(findings, workload, variant).map(price)
}

fn price(one: &Measurement) -> f64 {
    let units = match one.workload.unit() {
        Unit::Request => one.tally.requests,
        Unit::Event => one.tally.events,
    };
    micros(one.envoy.ran) / units as f64
}

/// Per request even of a stream: answers of the two APIs have different numbers of events.
fn ratios(findings: &Findings, workload: Workload, variant: Variant) -> impl Iterator<Item = f64> {
    of(findings, workload, variant).filter_map(move |one| {
        let bare = of(findings, workload, variant.baseline()).find(|bare| bare.round == one.round)?;
        let each = |one: &Measurement| micros(one.envoy.ran) / one.tally.requests as f64;
        Some(each(one) / each(bare))
    })
}

/// Which part of the time Envoy was running, of one core.
fn busy(one: &Measurement) -> f64 {
    micros(one.envoy.ran) / micros(one.tally.elapsed)
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cpu::Usage;
    use crate::load::Tally;
    use crate::machine::Machine;
    use crate::workload::Volume;

    fn findings(rounds: &[(u64, u64)], waited: u64) -> Findings {
        let one = |variant, round, micros| Measurement {
            workload: Workload::Json,
            variant,
            round,
            tally: Tally { requests: 10, events: 10, reads: 10, elapsed: Duration::from_millis(1) },
            envoy: Usage { ran: Duration::from_micros(micros), waited: Duration::from_micros(waited) },
            bench: Usage::default(),
        };
        let measurements = (1..).zip(rounds).flat_map(|(round, (bare, ours))| {
            [one(Variant::BareOpenAi, round, *bare), one(Variant::Renamed, round, *ours)]
        });
        Findings {
            machine: Machine {
                cpu: "CPU".into(),
                cores: 2,
                system: "OS 1".into(),
                date: "2026-01-01".into(),
            },
            envoy_version: "1.2.3".into(),
            pinning: Pinning::Core(1),
            measurements: measurements.collect(),
            memory: BTreeMap::from([(Variant::Renamed, 140 * 1024)]),
            filter_bytes: (300 * 1024, 500 * 1024),
            words: BTreeMap::from([(Variant::CountExact, Words { counted: 1_000, remembered: 955 })]),
            starts: 2,
            rounds: 3,
            volumes: BTreeMap::from([(Workload::Json, Volume { connections: 32, requests: 10 })]),
        }
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        // The machine was twice as slow in the second round; the ratio does not notice.
        let text = markdown(&findings(&[(100, 150), (200, 300), (100, 160)], 1), "make bench");
        assert!(text.contains("| 16.0 µs | 10.0 | +6.0 | 1.50 [1.50 – 1.60] | ≤ 1.7 | yes |"), "{text}");
        assert!(text.contains("2 times, new processes had 3 rounds, each with 10 of 2 KB JSON"), "{text}");
        assert!(text.contains(": the same, counting exact 95.5 % of 1000."), "{text}");
        assert!(text.contains("Envoy 1.2.3, one worker; CPU, 2 cores"), "{text}");
        assert!(text.contains("`ai_provider.wasm` 500 KiB"), "{text}");
        // Its bare Envoy's second round cost twice the others.
        assert!(text.contains("the machine was busy"), "{text}");
    }

    #[test]
    fn a_machine_is_quiet_where_envoy_neither_waits_nor_varies() {
        let said = |rounds: &[(u64, u64)], waited| markdown(&findings(rounds, waited), "make bench");
        assert!(said(&[(100, 150), (104, 150)], 1).contains("the machine was quiet"));
        assert!(said(&[(100, 150), (104, 150)], 90).contains("the machine was busy"));
        assert!(said(&[(100, 150), (140, 150)], 1).contains("the machine was busy"));
    }

    #[test]
    fn a_missed_target_is_said() {
        let text = markdown(&findings(&[(100, 180)], 0), "make bench");
        assert!(text.contains("≤ 1.7 | **no**"), "{text}");
    }

    #[test]
    fn what_counting_adds_is_beside_the_same_without_it() {
        let mut findings = findings(&[(100, 150), (200, 300)], 0);
        let like = findings.measurements[0];
        for (round, slow) in [(1, 1), (2, 2)] {
            for (variant, micros) in
                [(Variant::CountOff, 150), (Variant::CountExact, 190), (Variant::CountAutoFar, 160)]
            {
                let ran = Duration::from_micros(micros * slow);
                let envoy = Usage { ran, ..like.envoy };
                findings.measurements.push(Measurement { variant, round, envoy, ..like });
            }
        }
        let text = markdown(&findings, "make bench");
        assert!(
            text.contains("| 2 KB JSON | the same, counting exact | +0.40 [+0.40 – +0.40] | ≤ 0.5 | yes |"),
            "{text}"
        );
        assert!(
            text.contains("counting auto, far from the limit | +0.10 [+0.10 – +0.10] | ≤ 0.05 | **no** |"),
            "{text}"
        );
    }

    #[test]
    fn json_has_the_table_and_the_measurements() {
        let json = json(&findings(&[(100, 150), (200, 300)], 0), "make bench");
        assert_eq!(json["rows"][1]["ratio"]["median"], 1.5);
        assert_eq!(json["measurements"].as_array().unwrap().len(), 4);
        assert_eq!(json["measurements"][0]["envoy_cpu_micros"], 100.0);
    }
}
