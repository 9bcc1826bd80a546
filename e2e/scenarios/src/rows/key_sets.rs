//! Key sets that are fetched through one of Envoy's clusters: before the first fetch, while the server is down, and when keys change.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_llm::Reply;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{self, Instant};

use super::identity::asks;
use crate::answer::Answer;
use crate::client;
use crate::expect::openai_error;
use crate::gateways::change_gateway;
use crate::identities::{AUDIENCE, ISSUER, Tokens, claims};
use crate::problems::Problems;
use crate::row::Row;
use crate::run;
use crate::shape::Shape;
use crate::stand::{Equipment, Stand};

/// Two fetches that an unknown key asks for are half a minute apart; this is that and some patience.
const FETCHED_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(250);

pub(super) fn rows() -> Vec<Row> {
    vec![Row::own("identity/keys-are-fetched-through-a-cluster", |equipment| Box::pin(fetched(equipment)))]
}

/// An identity provider's server.
struct Server {
    address: SocketAddr,
    keys: Arc<Mutex<Option<Value>>>,
    asked: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Server {
    /// One that answers 500 until it has keys.
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
        let address = listener.local_addr().expect("its address");
        let (keys, asked) = (Arc::new(Mutex::new(None::<Value>)), Arc::new(AtomicUsize::new(0)));
        let (shown, count) = (Arc::clone(&keys), Arc::clone(&asked));
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
                        break;
                    }
                }
                let keys = shown.lock().expect("no panic under this lock").clone();
                let asked_for = String::from_utf8_lossy(&request).starts_with("GET /keys.json HTTP/1.1\r\n");
                let (status, body) = match keys.filter(|_| asked_for) {
                    Some(keys) => ("200 OK", keys.to_string()),
                    None => ("500 Internal Server Error", String::new()),
                };
                count.fetch_add(1, Ordering::Relaxed);
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                // Whoever asked may be gone.
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { address, keys, asked, serving }
    }

    fn serve(&self, keys: Option<Value>) {
        *self.keys.lock().expect("no panic under this lock") = keys;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn arranged(bootstrap: &str, server: SocketAddr) -> String {
    let mut bootstrap: Value = serde_yaml_ng::from_str(bootstrap).expect("a rendered bootstrap is YAML");
    change_gateway(&mut bootstrap["static_resources"]["listeners"][0], |gateway| {
        let from = json!({"cluster": "login", "authority": "login.example", "path": "/keys.json", "timeout_seconds": 2});
        gateway["identity"] =
            json!({"jwt": {"issuers": [ISSUER], "audiences": [AUDIENCE], "jwks_from": from}});
    });
    let socket = json!({"socket_address": {"address": server.ip().to_string(), "port_value": server.port()}});
    let endpoints = json!([{"lb_endpoints": [{"endpoint": {"address": socket}}]}]);
    let cluster = json!({
        "name": "login", "type": "STATIC", "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "login", "endpoints": endpoints},
    });
    bootstrap["static_resources"]["clusters"].as_array_mut().expect("clusters").push(cluster);
    bootstrap.to_string()
}

/// Asks with a token of that signer until the answer has that status.
async fn until(stand: &Stand, signer: &Tokens, status: u16, problems: &mut Problems) -> Answer {
    let deadline = Instant::now() + FETCHED_WITHIN;
    loop {
        let answer = ask(stand, signer).await;
        if answer.status == status || Instant::now() >= deadline {
            problems.same("the status that was waited for", &answer.status, &status);
            return answer;
        }
        time::sleep(POLL).await;
    }
}

async fn ask(stand: &Stand, signer: &Tokens) -> Answer {
    let token = signer.token(&claims("tess"));
    client::send(stand.address, &asks("gpt-4").header("authorization", format!("Bearer {token}"))).await
}

async fn fetched(equipment: &Equipment) -> Problems {
    let server = Server::start().await;
    let started = Stand::arranged(
        Shape::Budgets,
        equipment,
        1,
        |router| router.budgets.clear(),
        |bootstrap, _| arranged(&bootstrap, server.address),
    );
    run::on_own(started, async |stand, problems| shown(stand, &server, problems).await).await
}

async fn shown(stand: &Stand, server: &Server, problems: &mut Problems) {
    stand.openai.set_default(Reply::text("hello"));
    let (one, two) = (Tokens::new("one"), Tokens::new("two"));

    // Nothing was fetched yet: nobody can say whether the token is good, and that may be over in a moment.
    let early = ask(stand, &one).await;
    let expected =
        openai_error(503, "server_error").at("/error/code", "identity_not_ready").header("retry-after", "1");
    problems.of("before the first fetch", expected.problems(&early));
    server.serve(Some(one.key_set()));
    until(stand, &one, 200, problems).await;

    // Another key signs now, and its name alone makes the worker look again, long before the ten minutes are over; but the server is down.
    server.serve(None);
    let begun = Instant::now();
    let asked = server.asked.load(Ordering::Relaxed);
    while server.asked.load(Ordering::Relaxed) == asked && begun.elapsed() < FETCHED_WITHIN {
        problems.same("a key that nobody knows yet", &ask(stand, &two).await.status, &401);
        problems.same("the key that is known", &ask(stand, &one).await.status, &200);
        time::sleep(POLL).await;
    }
    problems.require(server.asked.load(Ordering::Relaxed) > asked, || {
        "an unknown key asked for no fetch".to_owned()
    });
    problems.same("the key that is known, while the server is down", &ask(stand, &one).await.status, &200);
    // It comes back with the new key, and the old one is history.
    server.serve(Some(two.key_set()));
    until(stand, &two, 200, problems).await;
    problems.same("the key that was replaced", &ask(stand, &one).await.status, &401);
}
