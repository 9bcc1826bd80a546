//! Many clients who all ask at once, each on a connection of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mock_llm::MockProvider;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{self, Instant};

use super::ANSWER;
use crate::answer::Answer;
use crate::client::http1::Connection;
use crate::problems::Problems;
use crate::request::{Request, chat_body};

/// Connections that are made at the same time: fewer than a listener's queue has room for, so that none is made to wait a second.
const CONNECTING: usize = 64;
/// A busy machine with two cores has been seen to need a few seconds.
const DECIDED_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Streams and answers in one piece, in turn.
    Both,
    /// Streams, of which every second client hangs up when it is told to, after it has seen that text.
    StreamsUntil(&'static str),
}

/// How it ended for a client.
#[derive(Debug)]
enum Outcome {
    Answered(Answer),
    HungUp,
}

/// A wave of which every request is decided: it was refused, or its provider holds it.
#[derive(Debug)]
pub struct Wave {
    /// How many requests the provider got.
    pub admitted: usize,
    /// What the others got instead.
    pub refused: Vec<Answer>,
    waiting: JoinSet<Outcome>,
    seen: Arc<Seen>,
    leave: watch::Sender<bool>,
}

/// How many clients have seen the text that they wait for.
#[derive(Debug, Default)]
struct Seen {
    leaving: AtomicUsize,
    staying: AtomicUsize,
}

/// A request that reserves [`RESERVED`](super::RESERVED).
pub fn question(user: &str, stream: bool) -> Request {
    let body = json!({
        "model": "gpt-4", "max_tokens": ANSWER, "stream": stream, "messages": [{"role": "user", "content": "hello"}],
    });
    // A refused client sees the end of its answer by the end of its connection.
    chat_body(body).header("x-user-id", user).header("connection", "close")
}

/// So many clients ask at once in the name of that user. Returns when every request is decided; the provider must hold what it gets.
pub async fn wave(
    address: SocketAddr,
    provider: &MockProvider,
    user: &str,
    clients: usize,
    asks: Asks,
    problems: &mut Problems,
) -> Wave {
    let before = provider.request_count();
    let connected = connections(address, clients, problems).await;
    let begin = watch::Sender::new(false);
    let leave = watch::Sender::new(false);
    let (mut waiting, seen) = (JoinSet::new(), Arc::new(Seen::default()));
    for (number, connection) in connected.into_iter().enumerate() {
        let every_second = number.is_multiple_of(2);
        let request = question(user, asks != Asks::Both || every_second);
        let ask = Ask { request, asks, hangs_up: every_second, seen: Arc::clone(&seen) };
        waiting.spawn(ask.client(connection, begin.subscribe(), leave.subscribe()));
    }
    begin.send_replace(true);

    let mut refused = Vec::new();
    let deadline = Instant::now() + DECIDED_WITHIN;
    loop {
        while let Some(ended) = waiting.try_join_next() {
            match ended.expect("a client does not panic") {
                Outcome::Answered(answer) => refused.push(answer),
                Outcome::HungUp => problems.add("a client hung up before it was told to"),
            }
        }
        let admitted = provider.request_count() - before;
        if refused.len() + admitted >= clients {
            return Wave { admitted, refused, waiting, seen, leave };
        }
        if Instant::now() >= deadline {
            problems
                .add(format!("of {clients} requests {} were refused and {admitted} admitted", refused.len()));
            return Wave { admitted, refused, waiting, seen, leave };
        }
        time::sleep(POLL).await;
    }
}

/// So many connections, of which only a few are made at the same time.
async fn connections(address: SocketAddr, count: usize, problems: &mut Problems) -> Vec<Connection> {
    let (mut connecting, mut connected) = (JoinSet::new(), Vec::with_capacity(count));
    for _ in 0..count {
        if connecting.len() >= CONNECTING {
            connected.extend(connecting.join_next().await);
        }
        connecting.spawn(Connection::open(address));
    }
    while let Some(connection) = connecting.join_next().await {
        connected.push(connection);
    }
    let opened = connected.into_iter().filter_map(|opened| opened.expect("connecting does not panic").ok());
    let opened: Vec<_> = opened.collect();
    problems.same("connections", &opened.len(), &count);
    opened
}

/// One client's part.
struct Ask {
    request: Request,
    asks: Asks,
    hangs_up: bool,
    seen: Arc<Seen>,
}

impl Ask {
    async fn client(
        self,
        mut connection: Connection,
        mut begin: watch::Receiver<bool>,
        mut leave: watch::Receiver<bool>,
    ) -> Outcome {
        // The senders live as long as somebody waits for what they say.
        let _ = begin.wait_for(|begin| *begin).await;
        if let Err(error) = connection.send(&self.request).await {
            return Outcome::Answered(Answer::none(error.to_string()));
        }
        if let Asks::StreamsUntil(text) = self.asks
            && connection.received(text).await
        {
            if self.hangs_up {
                self.seen.leaving.fetch_add(1, Ordering::Relaxed);
                let _ = leave.wait_for(|leave| *leave).await;
                return Outcome::HungUp;
            }
            self.seen.staying.fetch_add(1, Ordering::Relaxed);
        }
        Outcome::Answered(connection.answer("POST").await)
    }
}

impl Wave {
    /// Waits until every admitted client has seen the text; how many of them will hang up.
    pub async fn all_have_seen(&self, problems: &mut Problems) -> usize {
        let deadline = Instant::now() + DECIDED_WITHIN;
        loop {
            let leaving = self.seen.leaving.load(Ordering::Relaxed);
            let all = leaving + self.seen.staying.load(Ordering::Relaxed);
            if all >= self.admitted || Instant::now() >= deadline {
                problems.same("clients that have seen the beginning of their streams", &all, &self.admitted);
                return leaving;
            }
            time::sleep(POLL).await;
        }
    }

    /// Lets those hang up that are to.
    pub fn hang_up(&self) {
        self.leave.send_replace(true);
    }

    /// Waits for everybody, once the provider has released its answers. The complete answers; how many hung up.
    pub async fn ended(mut self, problems: &mut Problems) -> (Vec<Answer>, usize) {
        let (mut answers, mut hung_up) = (Vec::new(), 0);
        while let Some(ended) = self.waiting.join_next().await {
            match ended.expect("a client does not panic") {
                Outcome::Answered(answer) => answers.push(answer),
                Outcome::HungUp => hung_up += 1,
            }
        }
        problems.same("answers and hang-ups", &(answers.len() + hung_up), &self.admitted);
        for answer in &answers {
            problems.require(answer.status == 200 && answer.ending == crate::answer::Ending::Clean, || {
                format!(
                    "an admitted client got {} ({:?}) with {}",
                    answer.status,
                    answer.ending,
                    answer.text()
                )
            });
        }
        (answers, hung_up)
    }
}
