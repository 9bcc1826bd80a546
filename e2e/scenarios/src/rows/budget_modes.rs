//! What a budget can do beside refusing: watch, send requests to a cheaper model, shorten answers, end streams, count money. And what becomes of a
//! header that nobody vouches for.
//!
//! Each is a gateway of its own in one Envoy, with budgets of its own.

use mock_llm::{Reply, Usage};
use serde_json::{Value, json};
use tokio::time::{self, Duration};

use super::budgets::{asks, left_of, streams, streams_as_anthropic};
use super::identity::{self, logged};
use crate::client;
use crate::expect::{self, openai_error};
use crate::gateways::{Gateways, Variant};
use crate::problems::Problems;
use crate::proof::{self, books};
use crate::row::Row;
use crate::sse;
use crate::stand::Equipment;

const VARIANTS: &[Variant] = &[
    ("shadow", |gateway| {
        gateway["budgets"]["limits"] = json!([limit("watched", 100, json!({"mode": "shadow"}))])
    }),
    ("downgrade", |gateway| {
        let target = json!({"provider": "openai", "api": "openai", "model": "gpt-4o-mini"});
        if let Some(models) = gateway["models"].as_array_mut() {
            models.push(json!({"name": "gpt-4o-mini", "targets": [target]}));
        }
        let downgrade = json!({"models": ["gpt-4"], "downgrade": {"to": "gpt-4o-mini", "below_percent": 50}});
        gateway["budgets"]["limits"] = json!([limit("dear", 1_000, downgrade)]);
    }),
    ("shortened", |gateway| {
        gateway["budgets"]["completions"] = json!("shortened");
        gateway["budgets"]["least_completion_tokens"] = json!(50);
        gateway["budgets"]["limits"] = json!([limit("short", 500, json!({}))]);
    }),
    ("hard-stop", |gateway| {
        gateway["budgets"]["limits"] = json!([limit("stopping", 150, json!({"hard_stop": true}))]);
    }),
    ("dollars", |gateway| {
        gateway["prices"] = json!([
            {"match": "gpt-4", "input": 30, "output": 60},
            {"match": "claude-3-opus", "input": 15, "output": 75},
        ]);
        let quota = json!({"amount": "0.10", "window": "month"});
        gateway["budgets"]["limits"] =
            json!([{"name": "money", "per": ["user"], "unit": "dollars", "quota": quota}]);
    }),
    ("another-status", |gateway| {
        gateway["budgets"]["headers"] = json!(false);
        gateway["budgets"]["limits"] = json!([limit("status", 100, json!({"status": 402}))]);
    }),
    ("untrusting", |gateway| {
        if let Some(identity) = gateway["identity"].as_object_mut() {
            identity.remove("header");
            identity.insert("sources".to_owned(), json!(["api_keys", "virtual_keys", "jwt"]));
        }
        gateway["budgets"]["limits"] = json!([limit("strangers", 1_000, json!({}))]);
    }),
];

pub(super) fn rows() -> Vec<Row> {
    vec![Row::own("budgets/every-mode", |equipment| Box::pin(every_mode(equipment)))]
}

/// So many tokens a month for each user, and what else is said.
fn limit(name: &str, amount: u64, more: Value) -> Value {
    let mut limit = json!({"name": name, "per": ["user"], "quota": {"amount": amount, "window": "month"}});
    if let (Some(limit), Value::Object(more)) = (limit.as_object_mut(), more) {
        limit.extend(more);
    }
    limit
}

async fn every_mode(equipment: &Equipment) -> Problems {
    let mut problems = Problems::default();
    proof::within_one_window().await;
    let gateways = match Gateways::start(equipment, |_| {}, VARIANTS).await {
        Ok(gateways) => gateways,
        Err(failure) => {
            problems.add(failure.to_string());
            return problems;
        }
    };
    problems.of("shadow", shadow(&gateways).await);
    problems.of("downgrade", downgrade(&gateways).await);
    problems.of("shortened", shortened(&gateways).await);
    problems.of("hard stop", hard_stop(&gateways).await);
    problems.of("dollars", dollars(&gateways).await);
    problems.of("another status", another_status(&gateways).await);
    problems.of("untrusting", untrusting(&gateways).await);
    crate::run::always(&gateways.stand, &mut problems).await;
    problems
}

/// Waits until a budget has been charged so much in all.
async fn charged(gateways: &Gateways, budget: &str, amount: u64, problems: &mut Problems) {
    for _ in 0..500 {
        if books::charged(&gateways.stand, budget).await >= amount {
            break;
        }
        time::sleep(Duration::from_millis(20)).await;
    }
    problems.same(&format!("charged to {budget}"), &books::charged(&gateways.stand, budget).await, &amount);
}

/// It refuses nobody and tells nobody, and counts what it would have refused, which it does not charge: as it would stand if it were enforced.
async fn shadow(gateways: &Gateways) -> Problems {
    let mut problems = Problems::default();
    for _ in 0..3 {
        gateways.stand.openai.script(Reply::text("hello").usage(Usage::new(8, 62)));
        let answer = client::send(gateways.address("shadow"), &asks("alice", 62)).await;
        problems.same("status", &answer.status, &200);
        problems.same("ratelimit", &answer.header("ratelimit"), &None::<&str>);
        charged(gateways, "watched", 70, &mut problems).await;
    }
    problems.same("would have refused", &books::counter(&gateways.stand, "refused", "watched").await, &2);
    problems
}

async fn downgrade(gateways: &Gateways) -> Problems {
    let mut problems = Problems::default();
    let stand = &gateways.stand;
    stand.clear();
    stand.openai.script(Reply::text("hello").usage(Usage::new(8, 592)));
    let answer = client::send(gateways.address("downgrade"), &asks("alice", 300)).await;
    problems.same("x-ai-downgraded-to", &answer.header("x-ai-downgraded-to"), &None::<&str>);
    charged(gateways, "dear", 600, &mut problems).await;

    stand.openai.set_default(Reply::text("hello"));
    let answer = client::send(gateways.address("downgrade"), &asks("alice", 300)).await;
    let expected = expect::status(200).header("x-ai-downgraded-to", "gpt-4o-mini").at("/model", "gpt-4");
    problems.of("nearly spent", expected.problems(&answer));
    let models: Vec<Value> =
        stand.openai.requests().iter().map(|request| request.json()["model"].clone()).collect();
    problems.same("models at the provider", &models, &vec![json!("gpt-4"), json!("gpt-4o-mini")]);
    // Somebody else has a budget of their own, and the dear model.
    let answer = client::send(gateways.address("downgrade"), &asks("bob", 300)).await;
    problems.same("another user", &answer.header("x-ai-downgraded-to"), &None::<&str>);
    problems
}

/// The provider is asked for no more than is left.
async fn shortened(gateways: &Gateways) -> Problems {
    let mut problems = Problems::default();
    let stand = &gateways.stand;
    stand.clear();
    stand.openai.script(Reply::text("hello").usage(Usage::new(8, 392)));
    let answer = client::send(gateways.address("shortened"), &asks("alice", 5_000)).await;
    problems.same("status", &answer.status, &200);
    let most = stand.openai.only_request().json()["max_tokens"].as_u64().unwrap_or_default();
    problems.require((450..500).contains(&most), || format!("the provider is asked for {most} tokens"));
    charged(gateways, "short", 400, &mut problems).await;
    stand.openai.clear();
    stand.openai.script(Reply::text("hello").usage(Usage::new(8, 42)));
    client::send(gateways.address("shortened"), &asks("alice", 5_000)).await;
    let second = stand.openai.only_request().json()["max_tokens"].as_u64().unwrap_or_default();
    problems.same("what is left for the second answer", &second, &(most - 400));
    charged(gateways, "short", 450, &mut problems).await;
    // With less than the fifty that are worth asking for it is refused.
    let refused = client::send(gateways.address("shortened"), &asks("alice", 5_000)).await;
    problems.require(refused.status == 429 || refused.status == 400, || format!("{refused:?}"));
    problems.same("requests at the provider", &stand.openai.request_count(), &1);
    problems
}

/// A provider that says more than it was asked for: the client's stream ends where its budget does, as one that reached its limit. So does one that was
/// translated, either way. What the provider wrote in the meantime has to be paid for all the same.
async fn hard_stop(gateways: &Gateways) -> Problems {
    /// Eight tokens of prompt, and what the provider says.
    const COST: u64 = 8 + 400;
    let mut problems = Problems::default();
    let stand = &gateways.stand;
    let address = gateways.address("hard-stop");
    let long = || Reply::chunks(vec![" word"; 400]).usage(Usage::new(8, 400));
    let words = |text: &str| text.matches(" word").count();

    stand.clear();
    stand.openai.script(long());
    let own = client::send(address, &streams("alice", 100, None)).await;
    charged(gateways, "stopping", COST, &mut problems).await;
    stand.openai.script(Reply::status(503));
    stand.anthropic.script(long());
    let translated = client::send(address, &streams("bob", 100, None)).await;
    charged(gateways, "stopping", 2 * COST, &mut problems).await;
    for (what, answer) in [("OpenAI's stream", own), ("Anthropic's stream for OpenAI's client", translated)] {
        problems.of(what, expect::status(200).event_stream().problems(&answer));
        let events = sse::events(&answer);
        let words = words(&sse::openai_text(&events));
        problems.require((100..150).contains(&words), || format!("{what}: {words} words came"));
        problems.same(what, &events.last().map(|event| event.data.as_str()), &Some("[DONE]"));
        let last = events.iter().rev().nth(1).map(sse::Event::json).unwrap_or_default();
        problems.same(what, &last["choices"][0]["finish_reason"], &json!("length"));
    }

    stand.openai.script(long());
    let answer = client::send(address, &streams_as_anthropic("carol", 100)).await;
    charged(gateways, "stopping", 3 * COST, &mut problems).await;
    problems
        .of("OpenAI's stream for Anthropic's client", expect::status(200).event_stream().problems(&answer));
    let events = sse::events(&answer);
    let words = words(&sse::anthropic_text(&events));
    problems.require((100..150).contains(&words), || format!("Anthropic's client: {words} words came"));
    let names: Vec<_> = events.iter().rev().take(3).rev().filter_map(|event| event.name.as_deref()).collect();
    problems.same("the end", &names, &vec!["content_block_stop", "message_delta", "message_stop"]);
    let reason = events.iter().find(|event| event.name.as_deref() == Some("message_delta"));
    let reason = reason.map(|event| event.json()["delta"]["stop_reason"].clone());
    problems.same("stop reason", &reason, &Some(json!("max_tokens")));
    problems
}

/// 0.10 dollars: reserved at the dearest provider, charged at the one that answered.
async fn dollars(gateways: &Gateways) -> Problems {
    /// 100 tokens at 30 and 1,000 at 60 millionths of a dollar.
    const FIRST: u64 = 63_000;
    let mut problems = Problems::default();
    let stand = &gateways.stand;
    stand.clear();
    stand.openai.script(Reply::text("hello").usage(Usage::new(100, 1_000)));
    let address = gateways.address("dollars");
    let answer = client::send(address, &identity::asks("team-dollars").header("x-user-id", "alice")).await;
    problems.same("status", &answer.status, &200);
    charged(gateways, "money", FIRST, &mut problems).await;
    problems.same(
        "cost in the log",
        &logged(stand, "team-dollars").await["cost_micros"],
        &json!(FIRST.to_string()),
    );

    // 1,000 tokens of Anthropic's would cost 75,000, and 37,000 are left.
    let refused = client::send(address, &asks("alice", 1_000)).await;
    let expected = openai_error(429, "rate_limit_error").at("/error/code", "insufficient_quota");
    problems.of("client", expected.problems(&refused));
    problems.same("left", &left_of(&refused, "money"), &Some(100_000 - FIRST));
    stand.openai.set_default(Reply::status(503));
    stand.anthropic.script(Reply::text("hello").usage(Usage::new(100, 200)));
    let answer = client::send(address, &asks("alice", 300)).await;
    problems.same("what fits is served", &answer.status, &200);
    charged(gateways, "money", FIRST + 100 * 15 + 200 * 75, &mut problems).await;
    problems
}

async fn another_status(gateways: &Gateways) -> Problems {
    let mut problems = Problems::default();
    let stand = &gateways.stand;
    stand.clear();
    stand.openai.script(Reply::text("hello").usage(Usage::new(8, 80)));
    let answer = client::send(gateways.address("another-status"), &asks("alice", 80)).await;
    problems.same("ratelimit", &answer.header("ratelimit"), &None::<&str>);
    charged(gateways, "status", 88, &mut problems).await;
    let refused = client::send(gateways.address("another-status"), &asks("alice", 50)).await;
    problems.same("status", &refused.status, &402);
    problems.require(refused.header("retry-after").is_some(), || format!("{refused:?}"));
    problems
}

/// Without a proxy that vouches for it, the header is nobody's word: who sends it is anonymous, and shares a budget with all who are.
async fn untrusting(gateways: &Gateways) -> Problems {
    let mut problems = Problems::default();
    let stand = &gateways.stand;
    stand.clear();
    stand.openai.set_default(Reply::text("hello").usage(Usage::new(8, 92)));
    let address = gateways.address("untrusting");
    for (alias, user) in [("team-untrusted-1", "mallory"), ("team-untrusted-2", "trudy")] {
        let answer = client::send(address, &identity::asks(alias).header("x-user-id", user)).await;
        problems.same("status", &answer.status, &200);
        problems.same("user", &logged(stand, alias).await["user"], &Value::Null);
    }
    charged(gateways, "strangers", 200, &mut problems).await;
    let answer = client::send(address, &asks("a-third", 100_000)).await;
    problems.same("left for all of them together", &left_of(&answer, "strangers"), &Some(800));
    problems
}
