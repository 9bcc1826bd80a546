//! The bench itself, from start to end on a real Envoy with the built filters: that it works, never how fast.

use bench::stand::BuiltFilters;
use bench::tokens::{self, TokenOptions};
use bench::variant::Variant;
use bench::workload::Workload;
use bench::{Options, report, run};
use clap::Parser as _;

#[tokio::test]
async fn a_quick_run_measures_every_row_of_every_envoy() {
    let options = Options::parse_from(["bench", "--quick", "--rounds", "1"]);
    let envoy = lab::envoy::locate().await.unwrap();
    let filters = BuiltFilters::in_directory(&lab::paths::filters()).unwrap();
    let findings = run::run(&options, &envoy, &filters, |_| {}).await.unwrap();

    let measured = |workload: &Workload| Variant::ALL.iter().filter(|one| one.is_in(*workload)).count();
    assert_eq!(findings.measurements.len(), Workload::ALL.iter().map(measured).sum::<usize>());
    for one in &findings.measurements {
        assert_eq!(one.tally.requests, options.volume(one.workload).requests as u64, "{one:?}");
        assert!(!one.envoy.ran.is_zero(), "{one:?}");
    }
    let text = report::markdown(&findings, "make bench");
    for workload in Workload::ALL {
        for variant in Variant::ALL.into_iter().filter(|variant| variant.is_in(workload)) {
            let line = format!("| {} | {} |", workload.title(), variant.name());
            // Once with its price, and once more with what counting adds where it counts.
            let expected = 1 + usize::from(variant.uncounted().is_some());
            assert_eq!(text.matches(&line).count(), expected, "{line}: {text}");
        }
    }
}

#[test]
fn a_quick_run_measures_tokenizers_wherever_they_run() {
    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        options: TokenOptions,
    }
    // Two of them: the others differ in nothing but the crate that they count with, and take a minute to build.
    let Cli { options } = Cli::parse_from(["tokens", "--quick", "--contenders", "tokens,tiktoken-rs"]);
    let findings = tokens::measure(&options, |_| {}).unwrap();

    let places = if findings.node.is_some() { 2 } else { 1 };
    assert_eq!(findings.samples.len(), places * 2 * 2 * options.corpora().len());
    for sample in &findings.samples {
        let timing = sample.timing.as_ref().unwrap_or_else(|trap| panic!("{sample:?}: {trap}"));
        assert!(timing.tokens > 1000, "{sample:?}");
        assert!(!timing.warm.is_zero(), "{sample:?}");
    }
    let text = tokens::markdown(&findings, "make bench");
    assert!(text.contains("All contenders count the same on every text"), "{text}");
    if findings.node.is_some() {
        assert_eq!(findings.starts.len(), 2);
        assert!(text.contains("| first count, o200k_base |"), "{text}");
        assert!(text.contains("| worst hostile text of 1 MiB |"), "{text}");
    }
}
