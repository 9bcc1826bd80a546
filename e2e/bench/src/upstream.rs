//! The upstream: answers that a scripted provider gave once, replayed as fast as they can be written.
//!
//! Rendering an answer takes the scripted provider longer than Envoy takes to forward it, and Envoy must be what is busy. So the provider
//! answers a few dozen requests before the run, by its own strict rules, and those answers are kept as the bytes of each write. Every
//! request is still checked for what the filters were to change in it.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use std::{io, thread};

use bytes::Bytes;
use corpora::Random;
use lab::http;
use memchr::memmem;
use mock_llm::{Listen, MockProvider, ProviderKind, Recording};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

use crate::Error;
use crate::load::Client;
use crate::variant::Variant;
use crate::wire::{Connection, Message, fields};
use crate::workload::{GAP, Workload};

/// How many different answers there are; requests take them in turn.
const ANSWERS: usize = 64;

/// What an upstream expects and answers from now on.
#[derive(Clone, Debug)]
pub struct Script {
    /// Start of the request line.
    request_line: String,
    /// The model's name as a request's body has it.
    model: Vec<u8>,
    answers: Vec<Replay>,
    gap: Duration,
}

/// One answer, cut into writes.
#[derive(Clone, Debug)]
struct Replay {
    writes: Vec<Bytes>,
}

/// What the connections of an upstream share.
#[derive(Default)]
struct State {
    script: Option<Arc<Script>>,
    answered: usize,
    /// The first request under this script, as it came: head, then decoded body.
    first: Option<(Vec<u8>, Vec<u8>)>,
    /// The first thing that was wrong with a request.
    problem: Option<String>,
}

/// A server on loopback with a thread of its own. It serves until it is dropped.
pub struct Upstream {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    /// Dropping it stops the server.
    _running: oneshot::Sender<()>,
}

impl Upstream {
    /// Starts a server that answers nothing yet. Its thread inherits the cores of the caller's.
    ///
    /// # Errors
    /// When the system gives no port or thread.
    pub fn start() -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let (bound, address) = mpsc::channel();
        let (running, mut stopped) = oneshot::channel::<()>();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::clone(&state);
        thread::Builder::new().name("upstream".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let listener = TcpListener::bind(("127.0.0.1", 0)).await;
                let Ok(listener) = listener.map_err(|error| bound.send(Err(error))) else { return };
                if bound.send(listener.local_addr()).is_err() {
                    return;
                }
                loop {
                    tokio::select! {
                        _ = &mut stopped => return,
                        accepted = listener.accept() => {
                            let Ok((socket, _)) = accepted else { return };
                            tokio::spawn(serve(socket, Arc::clone(&shared)));
                        }
                    }
                }
            });
        })?;
        let address = address.recv().map_err(io::Error::other)??;
        Ok(Self { address, state, _running: running })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it follows that script.
    pub fn follow(&self, script: &Arc<Script>) {
        *lock(&self.state) = State { script: Some(Arc::clone(script)), ..State::default() };
    }

    /// The first request since [`follow`](Self::follow): its head as it came, and its body.
    pub fn first_request(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        lock(&self.state).first.clone()
    }

    /// What was wrong with a request since [`follow`](Self::follow), where one was.
    pub fn problem(&self) -> Option<String> {
        lock(&self.state).problem.clone()
    }
}

/// Nothing under this lock panics, and a poisoned one would still hold a whole value.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn serve(socket: tokio::net::TcpStream, state: Arc<Mutex<State>>) {
    let Ok(mut connection) = Connection::new(socket) else { return };
    loop {
        let (script, index) = match connection.receive().await {
            Ok(Some(request)) => {
                let mut state = lock(&state);
                let Some(script) = state.script.clone() else { return };
                if let Some(problem) = script.problem(&request) {
                    state.problem.get_or_insert(problem);
                    return;
                }
                if state.first.is_none() {
                    state.first = Some((request.head.to_vec(), request.body.to_vec()));
                }
                state.answered += 1;
                (script, state.answered)
            }
            Ok(None) => return,
            Err(error) => {
                lock(&state).problem.get_or_insert(error.to_string());
                return;
            }
        };
        let writes = &script.answers[index % script.answers.len()].writes;
        for (index, write) in writes.iter().enumerate() {
            if index > 0 && !script.gap.is_zero() {
                tokio::time::sleep(script.gap).await;
            }
            if connection.send(write).await.is_err() {
                return;
            }
        }
    }
}

impl Script {
    /// Has a scripted provider answer requests of that kind, as they should be when they reach it, and keeps the answers.
    ///
    /// # Errors
    /// When the provider refuses one: then the bench itself asks wrongly.
    pub async fn record(variant: Variant, workload: Workload) -> Result<Self, Error> {
        let answers = record(variant, workload).await?;
        let answers = answers.iter().map(|reply| Replay::of(reply, workload)).collect();
        Ok(Self {
            request_line: format!("POST {} HTTP/1.1\r\n", variant.provider().path()),
            model: variant.sent_model().as_bytes().to_vec(),
            answers,
            gap: if workload == Workload::Paced { GAP } else { Duration::ZERO },
        })
    }

    /// What is wrong with a request that should look as if the client spoke to this provider itself.
    fn problem(&self, request: &Message<'_>) -> Option<String> {
        if !request.head.starts_with(self.request_line.as_bytes()) {
            let line = request.head.split(|byte| *byte == b'\r').next().unwrap_or_default();
            return Some(format!("the request line is {:?}", String::from_utf8_lossy(line)));
        }
        match crate::answer::models(request.body).as_slice() {
            [model] if *model == self.model => None,
            models => {
                let models: Vec<_> = models.iter().map(|model| String::from_utf8_lossy(model)).collect();
                Some(format!("the request's body names the models {models:?}"))
            }
        }
    }
}

impl Replay {
    /// The provider's headers and body, framed and cut as this workload has them.
    fn of(reply: &http::Reply, workload: Workload) -> Self {
        let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
        for (name, value) in &reply.headers {
            if name != "content-length" && name != "transfer-encoding" {
                head.extend_from_slice(name.as_str().as_bytes());
                head.extend_from_slice(b": ");
                head.extend_from_slice(value.as_bytes());
                head.extend_from_slice(b"\r\n");
            }
        }
        let parts = match workload {
            Workload::Json | Workload::LargeJson => {
                head.extend_from_slice(format!("content-length: {}\r\n\r\n", reply.body.len()).as_bytes());
                head.extend_from_slice(&reply.body);
                return Self { writes: vec![head.into()] };
            }
            Workload::Unpaced => vec![&*reply.body],
            Workload::Paced => events(&reply.body),
        };
        head.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
        let mut writes: Vec<Vec<u8>> = parts
            .into_iter()
            .map(|part| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat())
            .collect();
        if let Some(first) = writes.first_mut() {
            first.splice(0..0, head);
        }
        if let Some(last) = writes.last_mut() {
            last.extend_from_slice(b"0\r\n\r\n");
        }
        Self { writes: writes.into_iter().map(Bytes::from).collect() }
    }
}

/// Has a scripted provider answer requests of that kind, as they should be when they reach it.
///
/// # Errors
/// When the provider refuses one: then the bench itself asks wrongly.
pub async fn record(variant: Variant, workload: Workload) -> Result<Vec<http::Reply>, Error> {
    let provider = provider(variant.provider(), workload).await?;
    let client = Client::direct(variant, workload);
    let mut random = Random::new(0xA11);
    let mut answers = Vec::with_capacity(ANSWERS);
    for _ in 0..ANSWERS {
        let request = client.as_http(&mut random)?;
        let reply = http::send(provider.address(), request, Duration::from_secs(10)).await?;
        if reply.status != 200 {
            return Err(refused(variant, workload, reply.text()));
        }
        answers.push(reply);
    }
    Ok(answers)
}

/// A stream cut after each of its blank lines.
pub fn events(stream: &[u8]) -> Vec<&[u8]> {
    let mut from = 0;
    let ends = memmem::find_iter(stream, b"\n\n").map(|at| at + 2);
    ends.map(|end| &stream[std::mem::replace(&mut from, end)..end]).collect()
}

/// Shows that request, as it left Envoy, to a provider with the strict rules of the real API.
///
/// # Errors
/// When the provider refuses it.
pub async fn judge(variant: Variant, workload: Workload, head: &[u8], body: &[u8]) -> Result<(), Error> {
    let provider = provider(variant.provider(), workload).await?;
    let doing = "showing a request to the scripted provider";
    let mut connection = Connection::open(provider.address()).await.map_err(Error::system(doing))?;
    let lines = head.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let framing = |line: &&[u8]| {
        let whole = [b"\n".as_slice(), line].concat();
        fields(&whole, b"content-length").chain(fields(&whole, b"transfer-encoding")).next().is_none()
    };
    let mut request = lines.filter(framing).collect::<Vec<_>>().join(b"\n".as_slice());
    request.extend_from_slice(format!("\ncontent-length: {}\r\n\r\n", body.len()).as_bytes());
    request.extend_from_slice(body);
    connection.send(&request).await.map_err(Error::wire(doing))?;
    match connection.receive().await.map_err(Error::wire(doing))? {
        Some(answer) if answer.head.starts_with(b"HTTP/1.1 200 ") => Ok(()),
        answer => {
            let body = answer.map(|answer| String::from_utf8_lossy(answer.body).into_owned());
            Err(refused(variant, workload, body.unwrap_or_else(|| "nothing".to_owned())))
        }
    }
}

async fn provider(kind: ProviderKind, workload: Workload) -> Result<MockProvider, Error> {
    let provider = MockProvider::start(kind, Listen::plain())
        .await
        .map_err(Error::system("starting a scripted provider"))?;
    provider.set_recording(Recording::Off);
    provider.set_default(workload.reply());
    Ok(provider)
}

fn refused(variant: Variant, workload: Workload, answer: String) -> Error {
    Error::Refused { variant: variant.name(), workload: workload.name(), answer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_after_blank_lines() {
        assert_eq!(events(b"data: 1\n\ndata: 2\n\n"), [b"data: 1\n\n", b"data: 2\n\n"]);
        assert!(events(b"").is_empty());
    }

    #[tokio::test]
    async fn recorded_answers_come_back_whole_and_in_the_writes_of_their_pace() {
        for (workload, writes) in [(Workload::Json, 1), (Workload::Unpaced, 1), (Workload::Paced, 203)] {
            let script = Arc::new(Script::record(Variant::BareOpenAi, workload).await.unwrap());
            assert!(script.answers.iter().all(|answer| answer.writes.len() == writes));
            let upstream = Upstream::start().unwrap();
            upstream.follow(&script);
            let mut connection = Connection::open(upstream.address()).await.unwrap();
            let client = Client::direct(Variant::BareOpenAi, workload);
            for seed in 0..2 {
                connection.send(&client.request(&mut Random::new(seed))).await.unwrap();
                let answer = connection.receive().await.unwrap().unwrap();
                client.expected().check(&answer).unwrap();
            }
            let (head, body) = upstream.first_request().unwrap();
            judge(Variant::BareOpenAi, workload, &head, &body).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_request_for_another_model_is_noticed() {
        let script = Arc::new(Script::record(Variant::Renamed, Workload::Json).await.unwrap());
        let upstream = Upstream::start().unwrap();
        upstream.follow(&script);
        let mut connection = Connection::open(upstream.address()).await.unwrap();
        let client = Client::direct(Variant::BareOpenAi, Workload::Json);
        connection.send(&client.request(&mut Random::new(1))).await.unwrap();
        assert!(connection.receive().await.unwrap().is_none());
        assert!(upstream.problem().unwrap().contains("gpt-4"), "{:?}", upstream.problem());
    }
}
