//! What may be chosen about a shared budget, what is refused, and what is rendered of it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use ai_filters::render::{
    Budget, EnvoyVersion, Fallback, Filters, GlobalBudget, HeadersHeld, LlmRouter, OnFailure, Problem,
    Refunds, Window, bootstrap, service_config,
};
use serde_json::{Value, json};

fn router(budget: GlobalBudget) -> LlmRouter {
    let counting = [("mode".to_owned(), json!("exact"))].into_iter().collect();
    LlmRouter { global_budget: Some(budget), counting, ..LlmRouter::default() }
}

fn manager(router: &LlmRouter) -> Value {
    let root: Value = serde_yaml_ng::from_str(&bootstrap(router)).unwrap();
    root["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"].clone()
}

fn problems(router: &LlmRouter) -> Vec<Problem> {
    let problems = router.check().unwrap_err();
    problems.iter().map(|(_, problem)| problem.clone()).collect()
}

fn ai_filters(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ai-filters")).args(arguments).output().unwrap()
}

#[test]
fn ai_gateway_stands_before_every_budget_and_the_shortest_window_first() {
    let filters = manager(&router(GlobalBudget::default()))["http_filters"].clone();
    let names: Vec<_> =
        filters.as_array().unwrap().iter().map(|filter| filter["name"].as_str().unwrap()).collect();
    let expected = [
        "budget-unchecked",
        "ai-gateway",
        "asks-minute",
        "budget-minute",
        "asks-day",
        "budget-day",
        "envoy.filters.http.router",
    ];
    assert_eq!(names, expected);
}

#[test]
fn each_budget_is_charged_twice_and_refunds_are_a_third_charge() {
    for (refunds, charges) in [(Refunds::None, 2), (Refunds::NegativeHits, 3)] {
        let manager = manager(&router(GlobalBudget { refunds, ..GlobalBudget::default() }));
        let charged = &manager["route_config"]["virtual_hosts"][0]["typed_per_filter_config"];
        for filter in ["budget-minute", "budget-day"] {
            let limits = charged[filter]["rate_limits"].as_array().unwrap();
            assert_eq!(limits.len(), charges, "{filter}");
            for (index, limit) in limits.iter().enumerate() {
                assert_eq!(limit.get("apply_on_stream_done").is_some(), index > 0);
                assert_eq!(limit["hits_addend"].get("is_negative_hits").is_some(), index == 2);
                let format = limit["hits_addend"]["format"].as_str().unwrap();
                assert!(
                    format.starts_with("%CEL(") && format.ends_with(")%") && format.contains("\"0\""),
                    "{format}"
                );
            }
        }
    }
}

#[test]
fn what_happens_without_the_service_is_chosen() {
    for (on_failure, deny) in [(OnFailure::Serve, false), (OnFailure::Refuse, true)] {
        let manager = manager(&router(GlobalBudget { on_failure, ..GlobalBudget::default() }));
        for index in [3, 5] {
            assert_eq!(manager["http_filters"][index]["typed_config"]["failure_mode_deny"], deny);
        }
    }
}

#[test]
fn the_service_is_told_each_window() {
    let budgets =
        vec![Budget { window: Window::Hour, tokens: 7 }, Budget { window: Window::Day, tokens: u32::MAX }];
    let file: Value =
        serde_yaml_ng::from_str(&service_config(&GlobalBudget { budgets, ..GlobalBudget::default() }))
            .unwrap();
    let limit = |unit: &str, tokens: u32| json!({"unit": unit, "requests_per_unit": tokens});
    let expected = json!({
        "domain": "ai-gateway",
        "descriptors": [
            {"key": "budget", "value": "hour", "descriptors": [{"key": "caller", "rate_limit": limit("hour", 7)}]},
            {"key": "budget", "value": "day", "descriptors": [{"key": "caller", "rate_limit": limit("day", u32::MAX)}]},
        ],
    });
    assert_eq!(file, expected);
}

#[test]
fn what_would_not_be_enforced_is_refused() {
    let minute = Budget { window: Window::Minute, tokens: 1 };
    let day = Budget { window: Window::Day, tokens: 1 };
    let of = |budgets: Vec<Budget>| router(GlobalBudget { budgets, ..GlobalBudget::default() });
    assert_eq!(problems(&of(Vec::new())), [Problem::BudgetWindows]);
    assert_eq!(problems(&of(vec![day, day])), [Problem::BudgetWindows]);
    assert_eq!(problems(&of(vec![day, minute])), [Problem::BudgetOrder]);
    let nothing = Budget { tokens: 0, ..day };
    assert_eq!(problems(&of(vec![nothing])), [Problem::Budget { given: "0".to_owned() }]);

    let good = router(GlobalBudget::default());
    assert_eq!(good.check(), Ok(()));
    for counting in [json!({}), json!({"mode": "auto"}), json!({"mode": "off"})] {
        let counting = counting.as_object().unwrap().clone();
        assert_eq!(problems(&LlmRouter { counting, ..good.clone() }), [Problem::BudgetNeedsCounting]);
    }
    let not_held = LlmRouter { headers_held: HeadersHeld::No, ..good.clone() };
    assert_eq!(problems(&not_held), [Problem::BudgetNeedsGateway]);
    let provider_only = LlmRouter { filters: Filters::ProviderOnly, ..good.clone() };
    assert_eq!(problems(&provider_only), [Problem::BudgetNeedsGateway]);
    let old = LlmRouter { envoy: EnvoyVersion(39), fallback: Fallback::PreviousPriorities, ..good.clone() };
    assert_eq!(problems(&old), [Problem::BudgetEnvoyTooOld { given: 39, needed: 40 }]);
    let mut taken = good;
    taken.providers[0].name = "ratelimit".parse().unwrap();
    assert_eq!(problems(&taken), [Problem::ClusterTaken { name: "ratelimit" }]);
}

#[test]
fn the_command_writes_both_files() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("global-budget");
    fs::create_dir_all(&directory).unwrap();
    let file = |name: &str| directory.join(name).display().to_string();
    let (envoy, service) = (file("envoy.yaml"), file("ratelimit.yaml"));
    // In whatever order they are given, the shortest window is asked first.
    let output = ai_filters(&[
        "render",
        "global-budget",
        "--output",
        &envoy,
        "--service-config",
        &service,
        "--budget",
        "day=2000",
        "--budget",
        "minute=100",
        "--service",
        "10.0.0.7:9000",
        "--on-failure",
        "refuse",
        "--service-timeout",
        "250ms",
        "--counting",
        "estimate",
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.is_empty());
    let mut router = router(GlobalBudget {
        budgets: vec!["minute=100".parse().unwrap(), "day=2000".parse().unwrap()],
        service: "10.0.0.7:9000".parse().unwrap(),
        on_failure: OnFailure::Refuse,
        timeout: "250ms".parse().unwrap(),
        ..GlobalBudget::default()
    });
    router.counting.insert("mode".to_owned(), json!("estimate"));
    assert_eq!(fs::read_to_string(envoy).unwrap(), bootstrap(&router));
    let text = fs::read_to_string(service).unwrap();
    assert_eq!(text, service_config(router.global_budget.as_ref().unwrap()));
}

#[test]
fn the_command_tells_every_problem_at_once() {
    let output = ai_filters(&[
        "render",
        "global-budget",
        "--budget",
        "week=1",
        "--budget",
        "day=0",
        "--budget",
        "day=4294967296",
        "--service",
        "nowhere",
        "--service-timeout",
        "soon",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let problems: Vec<_> = said.lines().filter(|line| line.starts_with("--")).collect();
    let expected = [
        "--service: `nowhere` is no address of a service",
        "--service-timeout: `soon` is no time limit",
        "--budget: `week=1` is no budget",
        "--budget: `day=0` is no budget",
        "--budget: `day=4294967296` is no budget",
    ];
    assert_eq!(problems, expected);
    assert_eq!(said.matches("  hint: ").count(), expected.len());
}
