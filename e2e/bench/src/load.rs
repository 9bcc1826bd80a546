//! The load: connections that each send one prepared request after another and check every answer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ::http::Request;
use bytes::Bytes;
use corpora::Random;
use llm_api::Dialect;
use mock_llm::ProviderKind;
use tokio::task::JoinSet;

use crate::answer::{Expected, Wrong};
use crate::prompt::{self, Delivery};
use crate::variant::Variant;
use crate::wire::{Connection, WireError};
use crate::workload::{GAP, Volume, Workload};

/// A key that no provider accepts: where ai-provider stands, it must put in its own.
const CLIENT_KEY: &str = "client-key";

/// What the official SDK sends beside what a request needs. Where no filter leaves it out, Envoy forwards it.
const SDK_HEADERS: &str = "accept: application/json\r\nuser-agent: OpenAI/Python 1.99.0\r\nx-stainless-arch: x64\r\n\
    x-stainless-async: false\r\nx-stainless-lang: python\r\nx-stainless-os: Linux\r\nx-stainless-package-version: 1.99.0\r\n\
    x-stainless-retry-count: 0\r\nx-stainless-runtime: CPython\r\nx-stainless-runtime-version: 3.11.7\r\n";

/// What a client sends in front of one Envoy, and what it should get.
#[derive(Clone, Debug)]
pub struct Client {
    dialect: Dialect,
    model: &'static str,
    credentials: String,
    workload: Workload,
    delivery: Delivery,
    expected: Expected,
}

/// What a round of load amounted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests answered.
    pub requests: u64,
    /// Events of their answers; a JSON answer is one.
    pub events: u64,
    /// Reads that it took: with a paced stream one per event, unless Envoy or the machine was late.
    pub reads: u64,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

/// Why a round was not completed.
#[derive(Debug)]
pub enum Interrupted {
    /// A connection broke.
    Wire(WireError),
    /// An answer was wrong.
    Wrong(Wrong),
}

impl Client {
    /// A client of that Envoy.
    pub fn of(variant: Variant, workload: Workload) -> Self {
        let key = match variant {
            Variant::BareOpenAi | Variant::GatewayOnly => ProviderKind::OpenAi.default_key(),
            Variant::BareAnthropic => ProviderKind::Anthropic.default_key(),
            _ => CLIENT_KEY,
        };
        let dialect = variant.client_dialect();
        Self {
            dialect,
            model: variant.asked_model(),
            credentials: credentials(dialect, key),
            workload,
            delivery: workload.delivery(),
            expected: Expected::of(variant, workload),
        }
    }

    /// A client that asks the provider behind that Envoy itself, as a request should look when it gets there.
    pub fn direct(variant: Variant, workload: Workload) -> Self {
        let dialect = match variant.provider() {
            ProviderKind::OpenAi => Dialect::OpenAi,
            ProviderKind::Anthropic => Dialect::Anthropic,
        };
        Self {
            dialect,
            model: variant.sent_model(),
            credentials: credentials(dialect, variant.provider().default_key()),
            workload,
            delivery: match workload.delivery() {
                Delivery::Stream if variant.asks_for_usage() => Delivery::StreamWithUsage,
                delivery => delivery,
            },
            expected: Expected::direct(variant, workload),
        }
    }

    /// What it should be answered.
    pub const fn expected(&self) -> Expected {
        self.expected
    }

    /// The next request as it goes over the wire.
    pub fn request(&self, random: &mut Random) -> Vec<u8> {
        let body = self.body(random);
        let mut request = format!(
            "POST {} HTTP/1.1\r\nhost: llm.example\r\n{}content-type: application/json\r\n{SDK_HEADERS}content-length: {}\r\n\r\n",
            self.path(),
            self.credentials,
            body.len(),
        )
        .into_bytes();
        request.extend_from_slice(&body);
        request
    }

    /// The next request for a client that takes care of the wire.
    ///
    /// # Errors
    /// When a header is malformed.
    pub fn as_http(&self, random: &mut Random) -> Result<Request<Bytes>, lab::http::HttpError> {
        let lines = self.credentials.lines().filter_map(|line| line.split_once(": "));
        let request = Request::post(self.path()).header("content-type", "application/json");
        let request = lines.fold(request, |request, (name, value)| request.header(name, value));
        Ok(request.body(Bytes::from(self.body(random)))?)
    }

    fn body(&self, random: &mut Random) -> Vec<u8> {
        prompt::body(self.dialect, self.model, self.delivery, self.workload.body_bytes(), random)
    }

    const fn path(&self) -> &'static str {
        match self.dialect {
            Dialect::OpenAi => ProviderKind::OpenAi.path(),
            Dialect::Anthropic => ProviderKind::Anthropic.path(),
        }
    }
}

fn credentials(dialect: Dialect, key: &str) -> String {
    match dialect {
        Dialect::OpenAi => format!("authorization: Bearer {key}\r\n"),
        Dialect::Anthropic => format!("x-api-key: {key}\r\nanthropic-version: 2023-06-01\r\n"),
    }
}

/// Connections to one Envoy that are kept from round to round.
#[derive(Debug)]
pub struct Pool {
    address: SocketAddr,
    idle: Vec<Connection>,
}

impl Pool {
    /// No connection yet, to there.
    pub const fn new(address: SocketAddr) -> Self {
        Self { address, idle: Vec::new() }
    }

    /// One round: that many requests, spread evenly over that many connections, each with one at a time.
    ///
    /// `seed` decides every request's text: equal seeds give equal requests.
    ///
    /// # Errors
    /// With the first broken connection or wrong answer.
    pub async fn drive(&mut self, client: &Client, volume: Volume, seed: u64) -> Result<Tally, Interrupted> {
        let mut random = Random::new(seed);
        let mut shares: Vec<Vec<Vec<u8>>> = vec![Vec::new(); volume.connections];
        for index in 0..volume.requests {
            shares[index % volume.connections].push(client.request(&mut random));
        }
        while self.idle.len() < volume.connections {
            self.idle
                .push(Connection::open(self.address).await.map_err(|error| Interrupted::Wire(error.into()))?);
        }
        let mut tasks = JoinSet::new();
        let started = Instant::now();
        for (index, share) in shares.into_iter().enumerate() {
            let Some(connection) = self.idle.pop() else { break };
            // Streams that all started at once would have all their events at once, for ever.
            let delay = match client.workload {
                Workload::Paced => GAP * index as u32 / volume.connections as u32,
                Workload::Json | Workload::LargeJson | Workload::Unpaced => Duration::ZERO,
            };
            tasks.spawn(converse(connection, share, client.expected, delay));
        }
        let mut tally = Tally::default();
        while let Some(ended) = tasks.join_next().await {
            // A panic in a task is the bench's own mistake.
            let (connection, share) = ended.expect("no task panics")?;
            self.idle.push(connection);
            tally.requests += share.requests;
            tally.events += share.events;
            tally.reads += share.reads;
        }
        tally.elapsed = started.elapsed();
        Ok(tally)
    }
}

/// Sends these requests one after another and checks each answer.
async fn converse(
    mut connection: Connection,
    requests: Vec<Vec<u8>>,
    expected: Expected,
    delay: Duration,
) -> Result<(Connection, Tally), Interrupted> {
    let mut tally = Tally::default();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    for request in requests {
        connection.send(&request).await.map_err(Interrupted::Wire)?;
        let received = connection.receive().await.map_err(Interrupted::Wire)?;
        let answer = received.ok_or(Interrupted::Wire(WireError::Truncated(0)))?;
        tally.events += u64::from(expected.check(&answer).map_err(Interrupted::Wrong)?);
        tally.reads += u64::from(answer.reads);
        tally.requests += 1;
    }
    Ok((connection, tally))
}
