//! The tables: ratios are of the same round, differences and traps are said, targets are judged.

use super::*;
use crate::machine::Machine;
use crate::tokens::measure::HostileSample;

fn findings() -> Findings {
    let machine = Machine { cpu: "CPU".into(), cores: 2, system: "OS 1".into(), date: "2026-01-01".into() };
    Findings {
        machine,
        node: Some("v20.0.0".into()),
        contenders: vec![(Contender::Tokens, "0.1.0".into()), (Contender::TiktokenRs, "0.12.1".into())],
        corpora: vec![Corpus::English],
        rounds: 2,
        samples: Vec::new(),
        starts: Vec::new(),
        hostile: Vec::new(),
    }
}

fn sample(contender: Contender, round: u32, warm: u64, tokens: u64) -> Sample {
    let timing = Timing {
        cold: Duration::from_micros(warm * 2),
        warm: Duration::from_micros(warm),
        bytes: 1_000_000,
        tokens,
    };
    Sample {
        place: Place::Wasm,
        contender,
        encoding: Encoding::Cl100kBase,
        corpus: Corpus::English,
        round,
        timing: Ok(timing),
    }
}

#[test]
fn ratios_are_of_the_same_round() {
    let mut findings = findings();
    // The machine was twice as slow in the second round; the ratio does not notice.
    for (round, slow) in [(1, 1), (2, 2)] {
        findings.samples.push(sample(Contender::Tokens, round, 10_000 * slow, 7));
        findings.samples.push(sample(Contender::TiktokenRs, round, 110_000 * slow, 7));
    }
    let text = markdown(&findings, "make bench");
    assert!(text.contains("| tokens | 75.0 (×11.0, 11.0–11.0) [37.5] |"), "{text}");
    assert!(text.contains("All contenders count the same"), "{text}");
    assert!(
        text.contains("cl100k_base english, warm, beside tiktoken-rs | ≥ 10 times | 11.00 times | yes"),
        "{text}"
    );
    assert!(
        text.contains("cl100k_base english, cold, beside tiktoken-rs | > 1 times | 11.00 times | yes"),
        "{text}"
    );
}

#[test]
fn a_difference_is_said() {
    let mut findings = findings();
    findings.samples.push(sample(Contender::Tokens, 1, 10, 7));
    findings.samples.push(sample(Contender::TiktokenRs, 1, 10, 8));
    let text = markdown(&findings, "make bench");
    assert!(
        text.contains("**Contenders differ**: wasm cl100k_base english (tokens 7, tiktoken-rs 8)."),
        "{text}"
    );
}

#[test]
fn a_trap_is_said_and_judged() {
    let mut findings = findings();
    let mut trapped = sample(Contender::TiktokenRs, 1, 10, 8);
    trapped.timing = Err("unreachable".into());
    findings.samples.push(trapped);
    for contender in [Contender::Tokens, Contender::TiktokenRs] {
        for encoding in Encoding::ALL {
            for hostile in Hostile::ALL {
                let counted = match contender {
                    Contender::Tokens => Counted::Tokens { tokens: 1, took: Duration::from_millis(41) },
                    _ => Counted::Trap("unreachable".into()),
                };
                findings.hostile.push(HostileSample { contender, encoding, hostile, counted });
            }
        }
    }
    let text = markdown(&findings, "make bench");
    assert!(text.contains("tiktoken-rs cl100k_base english: unreachable"), "{text}");
    assert!(text.contains("| tiktoken-rs | **trap** / **trap** |"), "{text}");
    assert!(text.contains("worst hostile text of 1 MiB | ≤ 40 ms | 41.00 ms | **no**"), "{text}");
    assert_eq!(json(&findings, "make bench")["hostile"][10]["counted"]["trap"], "unreachable");
}

#[test]
fn beginnings_are_judged() {
    let mut findings = findings();
    findings.starts.push(Start {
        contender: Contender::Tokens,
        ready: Duration::from_millis(8),
        first: [Duration::from_micros(1200), Duration::from_micros(1600)],
        memory: 1 << 20,
        memory_each: [2 << 20, 3 << 20],
        memory_both: 6 << 20,
        module: 6 << 20,
    });
    let text = markdown(&findings, "make bench");
    for line in [
        "| tokens | 6.00 | 8.00 [8.00 – 8.00] | 1.20 [1.20 – 1.20] | 1.60 [1.60 – 1.60] | 1.00 | 2.00 | 3.00 | 6.00 |",
        "| first count, cl100k_base | ≤ 1.5 ms | 1.20 ms | yes |",
        "| first count, o200k_base | ≤ 1.5 ms | 1.60 ms | **no** |",
        "| linear memory with both vocabularies | ≤ 6.5 MiB | 6.00 MiB | yes |",
        "| module | ≤ 5 MiB | 6.00 MiB | **no** |",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
