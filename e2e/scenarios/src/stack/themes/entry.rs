//! The doors: plain HTTP that leads to HTTPS, HTTPS with the certificate of a Secret, what clients may take their time for.

use std::time::{Duration, Instant};

use mock_llm::Reply;
use serde_json::json;
use tokio::time;

use super::super::Stack;
use super::super::client::Call;
use super::limits::streamed;
use super::{Row, chat};
use crate::problems::Problems;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "entry/every-resource-is-accepted",
            proves: &[],
            story: |stack| Box::pin(accepted(stack)),
        },
        Row {
            name: "entry/plain-http-leads-to-https",
            proves: &["stack/redirect.yaml"],
            story: |stack| Box::pin(redirect(stack)),
        },
        Row {
            name: "entry/https-shows-the-certificate-of-the-secret",
            proves: &["stack/gateway.yaml", "stack/certificate.yaml"],
            story: |stack| Box::pin(certificate(stack)),
        },
        Row {
            name: "entry/the-router-answers-on-both-doors",
            proves: &["stack/gateway.yaml", "stack/clients.yaml"],
            story: |stack| Box::pin(router(stack)),
        },
        Row {
            name: "entry/slow-headers-are-cut-off",
            proves: &["stack/clients.yaml"],
            story: |stack| Box::pin(slow_headers(stack)),
        },
    ]
}

async fn accepted(stack: &Stack) -> Problems {
    stack.unaccepted()
}

async fn redirect(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    let answer = stack.http(&Call::get("api.example.com", "/v1/items?page=2")).await;
    problems.same("status", &answer.status, &301);
    problems.same("location", answer.header("location"), "https://api.example.com/v1/items?page=2");
    problems.same("requests at the service", &stack.service("default/api-v1").seen().len(), &0);
    // A name inside the cluster is not led away.
    let answer = stack.http(&chat("redirect")).await;
    problems.same("a chat's status at an inner name", &answer.status, &200);
    problems
}

async fn certificate(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    let answer = stack.https(&Call::get("api.example.com", "/v1/items")).await;
    problems.same("status", &answer.status, &200);
    let answer = stack.https(&Call::get("api.example.com", "/v1/items").http2()).await;
    problems.same("status with HTTP/2", &answer.status, &200);
    // The certificate is for the names that it lists, and the client does verify.
    let stranger = stack.try_https(&Call::get("other.example.com", "/v1/items")).await;
    problems.require(stranger.is_err_and(|error| error.contains("certificate")), || {
        "a name that the certificate does not have was believed".to_owned()
    });
    problems
}

async fn router(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    let mut call = chat("entry");
    for _ in 0..3 {
        let answer = stack.http(&call).await;
        problems.same("status on http", &answer.status, &200);
    }
    call = call.at("llm.example.com");
    for call in [call.clone(), call.http2()] {
        let answer = stack.https(&call).await;
        problems.same("status on https", &answer.status, &200);
        problems.same("the model", &answer.json()["model"], &json!("gpt-4"));
        problems.require(answer.header("server") == "envoy-ai-filters", || {
            format!("server: {}", answer.header("server"))
        });
    }
    problems.same("requests at OpenAI", &stack.openai.request_count(), &5);

    // A stream whose pieces come one by one, for longer than clients may take for their headers.
    stack.openai.script(Reply::paced(14, Duration::from_millis(500)));
    let began = Instant::now();
    let answer = stack.https(&streamed("entry").at("llm.example.com").http2()).await;
    problems.same("status of a stream", &answer.status, &200);
    problems.require(answer.text().trim_end().ends_with("data: [DONE]"), || "it was cut off".to_owned());
    problems.require(began.elapsed() > Duration::from_secs(6), || "it was not slow".to_owned());
    problems
}

async fn slow_headers(stack: &Stack) -> Problems {
    let mut problems = Problems::default();
    let began = Instant::now();
    let beginning = b"GET /v1/items HTTP/1.1\r\nhost: api.example.com\r\n";
    let said = time::timeout(Duration::from_secs(20), stack.https_raw("api.example.com", beginning)).await;
    let said = said.unwrap_or_else(|_| "nothing for 20 s".to_owned());
    problems.require(said.starts_with("HTTP/1.1 408 "), || format!("half a request is answered: {said}"));
    let waited = began.elapsed();
    problems.require(waited > Duration::from_secs(4), || format!("it was cut off after {waited:?}"));
    problems.same("requests at the service", &stack.service("default/api-v1").seen().len(), &0);
    problems
}
