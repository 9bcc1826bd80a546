//! What Envoy does for a service behind it: tries again, looks after its health, limits what is under way, shows who it is, speaks gRPC.

use std::time::Duration;

use tokio::time::{self, Instant};

use super::super::service::{Reply, SERVED_BY};
use super::super::{Stack, client::Call, manifests};
use super::Row;
use crate::problems::Problems;

const API: &str = "api.example.com";

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "backends/a-failure-is-tried-again-with-back-off",
            proves: &["stack/retries.yaml"],
            story: |stack| Box::pin(retries(stack)),
        },
        Row {
            name: "backends/who-is-unhealthy-is-left-out",
            proves: &["stack/health-checks.yaml"],
            story: |stack| Box::pin(health(stack)),
        },
        Row {
            name: "backends/too-many-at-once-are-refused",
            proves: &["stack/circuit-breaker.yaml"],
            story: |stack| Box::pin(overflow(stack)),
        },
        Row {
            name: "backends/both-sides-show-certificates",
            proves: &["stack/backend-mtls.yaml"],
            story: |stack| Box::pin(mutual_tls(stack)),
        },
        Row {
            name: "backends/a-grpc-method-with-its-trailers",
            proves: &["stack/grpc.yaml"],
            story: |stack| Box::pin(grpc(stack)),
        },
    ]
}

async fn retries(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    let catalog = stack.service("default/catalog");
    // Each pause is drawn, so a few prove nothing: without back-off all three would be less than a few milliseconds. With it, they are in two
    // of ten thousand requests, and in none of four requests once in 10^15 runs.
    let mut longest = Duration::ZERO;
    for _ in 0..4 {
        catalog.clear();
        catalog.answer(|_| Reply::status(503));
        let began = Instant::now();
        let answer = stack.https(&Call::get(API, "/catalog")).await;
        problems.same("status in the end", &answer.status, &503);
        let seen = catalog.seen();
        problems.same("attempts", &seen.len(), &4);
        problems
            .require(began.elapsed() < Duration::from_secs(5), || format!("it took {:?}", began.elapsed()));
        longest = longest.max(seen.windows(2).map(|pair| pair[1].at - pair[0].at).sum());
        if longest > Duration::from_millis(20) {
            break;
        }
    }
    problems.require(longest > Duration::from_millis(20), || format!("no back-off: {longest:?} in all"));

    catalog.clear();
    let flaky = std::sync::atomic::AtomicUsize::new(0);
    catalog.answer(move |_| {
        let earlier = flaky.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Reply::status(if earlier < 2 { 503 } else { 200 })
    });
    let answer = stack.https(&Call::get(API, "/catalog")).await;
    problems.same("status after two failures", &answer.status, &200);
    problems.same("attempts until then", &catalog.seen().len(), &3);

    catalog.clear();
    catalog.answer(|_| Reply::status(500));
    let answer = stack.https(&Call::get(API, "/catalog")).await;
    problems.same("status of its own fault", &answer.status, &500);
    problems.same("attempts then", &catalog.seen().len(), &1);
    problems
}

async fn health(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    let [a, b] = ["a", "b"].map(|name| stack.service(&format!("default/inventory-{name}")));
    let served = async || {
        let mut by = (0, 0);
        for _ in 0..40 {
            let answer = stack.https(&Call::get(API, "/inventory")).await;
            match answer.header(SERVED_BY) {
                "inventory-a" => by.0 += 1,
                "inventory-b" => by.1 += 1,
                _ => {}
            }
        }
        by
    };
    let (by_a, by_b) = served().await;
    problems.require(by_a > 0 && by_b > 0 && by_a + by_b == 40, || format!("{by_a} by a, {by_b} by b"));
    // Before a cluster's first request Envoy asks its endpoints once a minute, whatever the interval is.
    let deadline = Instant::now() + Duration::from_secs(75);
    while !a.seen().iter().any(|seen| seen.path == "/healthz") && Instant::now() < deadline {
        time::sleep(Duration::from_millis(200)).await;
    }
    problems.require(a.seen().iter().any(|seen| seen.path == "/healthz"), || "a is not asked".to_owned());

    // It still serves, and only says that it does not want to.
    b.answer(|seen| Reply::status(if seen.path == "/healthz" { 503 } else { 200 }));
    let deadline = Instant::now() + Duration::from_secs(15);
    while served().await != (40, 0) && Instant::now() < deadline {
        time::sleep(Duration::from_millis(200)).await;
    }
    problems.same("who serves while b is unhealthy", &served().await, &(40, 0));

    b.clear();
    let deadline = Instant::now() + Duration::from_secs(15);
    while served().await.1 == 0 && Instant::now() < deadline {
        time::sleep(Duration::from_millis(200)).await;
    }
    let (_, by_b) = served().await;
    problems.require(by_b > 0, || "b does not come back".to_owned());
    problems
}

async fn overflow(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    let exports = stack.service("default/exports");
    exports.answer(|_| Reply::status(200).after(Duration::from_secs(2)));
    let calls = (0..30).map(|_| {
        let call = Call::get(API, "/exports");
        async move { stack.https(&call).await.status }
    });
    let began = Instant::now();
    let answers: Vec<u16> = futures(calls).await;
    let served = answers.iter().filter(|status| **status == 200).count();
    let refused = answers.iter().filter(|status| **status == 503).count();
    problems.same("answers", &(served + refused), &30);
    problems.require(refused >= 20 && served >= 4, || format!("{served} served, {refused} refused"));
    problems.require(exports.most_under_way() <= 4, || {
        format!("{} were under way at once", exports.most_under_way())
    });
    problems.require(began.elapsed() < Duration::from_secs(8), || format!("{:?}", began.elapsed()));
    let overflows = stack.gateway.admin().stats("upstream_rq_pending_overflow").await.unwrap_or_default();
    let counted: u64 =
        overflows.iter().filter(|(name, _)| name.contains("exports")).map(|(_, count)| count).sum();
    problems.same("overflows that Envoy counts", &counted, &(refused as u64));
    // The breaker closes again by itself.
    exports.clear();
    problems.same("afterwards", &stack.https(&Call::get(API, "/exports")).await.status, &200);
    problems
}

/// All of them at once.
async fn futures<F: Future<Output = u16>>(calls: impl Iterator<Item = F>) -> Vec<u16> {
    let mut calls: Vec<_> = calls.map(Box::pin).collect();
    let mut answers = Vec::new();
    std::future::poll_fn(|context| {
        calls.retain_mut(|call| match call.as_mut().poll(context) {
            std::task::Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            std::task::Poll::Pending => true,
        });
        if calls.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    answers
}

async fn mutual_tls(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    const FILE: &str = "stack/backend-mtls.yaml";
    let ledger = stack.service("default/ledger");
    let answer = stack.https(&Call::get(API, "/ledger/entries")).await;
    problems.same("status", &answer.status, &200);
    let shown: Vec<bool> = ledger.seen().iter().map(|seen| seen.client_certificate.is_some()).collect();
    problems.same("whether Envoy showed a certificate", &shown, &vec![true]);

    // Without a certificate of its own it is not let in. The file goes first: a field that is only left out would stay.
    let committed = manifests::text(FILE);
    let anonymous = committed.replace("  tls:\n    clientCertificateRef: {name: gateway-client}\n", "");
    problems.require(anonymous != committed, || "the certificate is said in another way".to_owned());
    stack.remove(FILE).await;
    problems.same("without the route", &stack.https(&Call::get(API, "/ledger/entries")).await.status, &404);
    stack.apply(FILE, &anonymous).await;
    problems.same(
        "without a certificate",
        &stack.https(&Call::get(API, "/ledger/entries")).await.status,
        &503,
    );
    stack.remove(FILE).await;
    stack.apply(FILE, &committed).await;
    problems.same("with it again", &stack.https(&Call::get(API, "/ledger/entries")).await.status, &200);
    problems
}

async fn grpc(stack: &Stack) -> Problems {
    const HOST: &str = "grpc.example.com";
    let mut problems = Problems::default();
    let greeter = stack.service("default/greeter");
    greeter.answer(|_| Reply::grpc(b"\x0a\x05world"));
    let answer = stack.https(&Call::grpc(HOST, "/helloworld.Greeter/SayHello", b"\x0a\x05hello")).await;
    problems.same("status", &answer.status, &200);
    problems.same("grpc-status", answer.trailer("grpc-status"), "0");
    problems.same("message", answer.body.as_ref(), b"\0\0\0\0\x07\x0a\x05world".as_slice());
    let seen = greeter.seen();
    problems.same("calls", &seen.len(), &1);
    for seen in &seen {
        problems.same("protocol", &seen.version, &http::Version::HTTP_2);
        problems.same("te", seen.header("te"), "trailers");
        problems.same("message at the service", seen.body.as_ref(), b"\0\0\0\0\x07\x0a\x05hello".as_slice());
    }
    let answer = stack.https(&Call::grpc(HOST, "/helloworld.Greeter/Other", b"")).await;
    problems.same("grpc-status of another method", answer.header("grpc-status"), "12");
    problems.same("calls after it", &greeter.seen().len(), &1);
    problems
}
