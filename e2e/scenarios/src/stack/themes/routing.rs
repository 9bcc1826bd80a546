//! Where requests go: versions by path, shares by weight, variants by a header, and all at once from blue to green.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::super::service::SERVED_BY;
use super::super::{Stack, client::Call, manifests};
use super::Row;
use crate::problems::Problems;

const API: &str = "api.example.com";

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "routing/versions-and-a-health-path",
            proves: &["stack/routes.yaml"],
            story: |stack| Box::pin(versions(stack)),
        },
        Row {
            name: "routing/one-in-ten-goes-to-the-canary",
            proves: &["stack/canary.yaml"],
            story: |stack| Box::pin(canary(stack)),
        },
        Row {
            name: "routing/a-header-chooses-the-variant",
            proves: &["stack/ab-test.yaml"],
            story: |stack| Box::pin(variants(stack)),
        },
        Row {
            name: "routing/from-blue-to-green-without-a-failure",
            proves: &["stack/blue-green.yaml"],
            story: |stack| Box::pin(blue_green(stack)),
        },
    ]
}

async fn versions(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    for (path, service, seen) in [
        ("/v1/items?page=2", "api-v1", "/v1/items?page=2"),
        ("/v2/items?page=2", "api-v2", "/items?page=2"),
        ("/v2", "api-v2", "/"),
        ("/healthz", "api-v1", "/healthz"),
    ] {
        let answer = stack.https(&Call::get(API, path)).await;
        problems.same(&format!("{path}: status"), &answer.status, &200);
        problems.same(&format!("{path}: served by"), answer.header(SERVED_BY), service);
        problems.same(&format!("{path}: path at the service"), &answer.json()["path"], seen);
    }
    for path in ["/v3/items", "/v1items", "/healthz/deep"] {
        let answer = stack.https(&Call::get(API, path)).await;
        problems.same(&format!("{path}: status"), &answer.status, &404);
        problems.same(&format!("{path}: served by"), answer.header(SERVED_BY), "");
    }
    problems
}

/// Of a thousand draws with one chance in ten: six standard deviations (9.5 each) below and seven above, where the tail is longer, which is
/// wrong once in seven thousand million runs.
const DRAWS: usize = 1000;
const CANARIES: std::ops::RangeInclusive<usize> = 43..=167;

async fn canary(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    for _ in 0..DRAWS {
        let answer = stack.https(&Call::get(API, "/checkout")).await;
        problems.require(answer.status == 200, || format!("status {}", answer.status));
    }
    let canaries = stack.service("default/checkout-canary").seen().len();
    problems.same("requests at both", &(canaries + stack.service("default/checkout").seen().len()), &DRAWS);
    problems.require(CANARIES.contains(&canaries), || format!("{canaries} of {DRAWS} went to the canary"));
    problems
}

async fn variants(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    for (header, service, variant) in [("", "search-a", "a"), ("b", "search-b", "b"), ("c", "search-a", "a")]
    {
        let call = Call::get(API, "/search?q=shoes");
        let call = if header.is_empty() { call } else { call.header("x-experiment", header) };
        for _ in 0..5 {
            let answer = stack.https(&call).await;
            problems.same(&format!("`{header}`: served by"), answer.header(SERVED_BY), service);
            problems.same(&format!("`{header}`: x-variant"), answer.header("x-variant"), variant);
        }
    }
    problems
}

async fn blue_green(stack: &Stack) -> Problems {
    const FILE: &str = "stack/blue-green.yaml";
    let mut problems = Problems::default();
    let blue = manifests::text(FILE);
    let green = blue.replace("weight: 100", "weight: was").replace("weight: 0", "weight: 100");
    let green = green.replace("weight: was", "weight: 0");
    let served = async |problems: &mut Problems, service: &str| {
        for _ in 0..20 {
            let answer = stack.https(&Call::get(API, "/orders")).await;
            problems.same("served by", answer.header(SERVED_BY), service);
        }
    };
    served(&mut problems, "orders-blue").await;

    // Callers that never pause, while the file changes and changes back.
    let over = AtomicBool::new(false);
    let (answered, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let calling = async {
        while !over.load(Ordering::SeqCst) {
            let fine = stack.try_https(&Call::get(API, "/orders")).await.is_ok_and(|it| it.status == 200);
            (if fine { &answered } else { &failed }).fetch_add(1, Ordering::SeqCst);
        }
    };
    let switching = async {
        stack.apply(FILE, &green).await;
        served(&mut problems, "orders-green").await;
        stack.apply(FILE, &blue).await;
        served(&mut problems, "orders-blue").await;
        over.store(true, Ordering::SeqCst);
    };
    tokio::join!(calling, switching);
    problems.same("failed during the switches", &failed.into_inner(), &0);
    let answered = answered.into_inner();
    problems
        .require(answered > 50, || format!("only {answered} requests were under way during the switches"));
    problems
}
