//! The bench itself, from start to end on a real Envoy with the built filters: that it works, never how fast.

use bench::stand::BuiltFilters;
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

    assert_eq!(findings.measurements.len(), Workload::ALL.len() * Variant::ALL.len());
    for one in &findings.measurements {
        assert_eq!(one.tally.requests, options.volume(one.workload).requests as u64, "{one:?}");
        assert!(!one.envoy.ran.is_zero(), "{one:?}");
    }
    let text = report::markdown(&findings, "make bench");
    for variant in Variant::ALL {
        assert_eq!(text.matches(&format!("| {} |", variant.name())).count(), Workload::ALL.len(), "{text}");
    }
}
