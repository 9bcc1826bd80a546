//! Starting, watching and stopping a real Envoy.

#![expect(clippy::unwrap_used, reason = "a test may say what it means")]

use std::time::Duration;

use lab::envoy::{Envoy, Running, Stopped, locate};
use lab::http;
use rustix::process::{Pid, test_kill_process};

/// A listener of its own port that answers by itself, and Envoy's admin interface.
const BOOTSTRAP: &str = r#"
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: direct
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: direct
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{match: {prefix: "/"}, direct_response: {status: 200, body: {inline_string: "here"}}}]
          http_filters:
          - name: router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
"#;

async fn start() -> Running {
    let binary = locate().await.unwrap();
    Envoy::new(&binary, BOOTSTRAP).concurrency(2).start().await.unwrap()
}

fn alive(pid: u32) -> bool {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    test_kill_process(pid).is_ok()
}

#[tokio::test]
async fn answers_counts_and_stops() {
    let envoy = start().await;
    let pid = envoy.pid();
    assert!(alive(pid));
    let address = envoy.listener("direct").unwrap();
    assert_eq!(envoy.address(), Some(address));
    assert_eq!(http::get(address, "/", Duration::from_secs(5)).await.unwrap().text(), "here");

    let admin = envoy.admin();
    assert_eq!(admin.stat("http.direct.downstream_rq_2xx").await.unwrap(), 1);
    assert_eq!(admin.stat("server.concurrency").await.unwrap(), 2);
    assert_eq!(admin.stat("no.such.counter").await.unwrap(), 0);
    assert!(admin.stats("downstream_rq_[25]xx").await.unwrap().len() > 1);
    assert!(admin.set_log_level("http", "debug").await.unwrap().text().contains("http: debug"));
    http::get(address, "/marked-path", Duration::from_secs(5)).await.unwrap();
    assert!(envoy.log_says("/marked-path", Duration::from_secs(10)).await, "{}", envoy.log());

    let stopped = envoy.stop().await.unwrap();
    assert!(matches!(stopped, Stopped::Gracefully(status) if status.success()), "{stopped:?}");
    assert!(!alive(pid));
    assert!(http::get(address, "/", Duration::from_secs(5)).await.is_err());
}

#[tokio::test]
async fn dies_with_its_owner() {
    let envoy = start().await;
    let pid = envoy.pid();
    drop(envoy);
    for _ in 0..200 {
        if !alive(pid) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("process {pid} is still there");
}

#[tokio::test]
async fn a_refused_bootstrap_is_told_with_envoys_reason_and_its_log_is_kept() {
    let binary = locate().await.unwrap();
    let failure = Envoy::new(&binary, "no_such_field: 1").start().await.unwrap_err();
    assert!(failure.what().contains("no_such_field"), "{failure}");
    let log = failure.hint().strip_prefix("its log: ").unwrap();
    assert!(std::fs::read_to_string(log).unwrap().contains("no_such_field"));
    std::fs::remove_dir_all(std::path::Path::new(log).parent().unwrap()).unwrap();
}

#[tokio::test]
async fn sees_no_variable_that_was_not_passed() {
    let binary = locate().await.unwrap();
    let envoy = Envoy::new(&binary, BOOTSTRAP).env("PASSED", "yes").start().await.unwrap();
    let environment = std::fs::read(format!("/proc/{}/environ", envoy.pid()));
    // Only Linux shows it.
    if let Ok(environment) = environment {
        assert_eq!(environment, b"PASSED=yes\0");
    }
    envoy.stop().await.unwrap();
}
