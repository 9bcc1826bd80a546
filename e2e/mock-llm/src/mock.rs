//! A running mock provider and everything a test can ask of it.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::leaks::Leak;
use crate::listen::{Accept, Doorway, Listen, Running};
use crate::models::Model;
use crate::record::{Recorded, Recording};
use crate::reply::{Reply, Usage};
use crate::state::{ProviderKind, State, Strictness};

/// A provider on loopback. It serves until it is dropped.
pub struct MockProvider {
    state: Arc<State>,
    doorway: Doorway,
    address: SocketAddr,
    running: Mutex<Option<Running>>,
}

/// Starting, stopping, scripting.
impl MockProvider {
    /// Starts a provider on the current runtime; it accepts connections when this returns.
    ///
    /// # Errors
    ///
    /// Whatever binding the port says, such as that it is taken.
    pub async fn start(kind: ProviderKind, listen: Listen) -> io::Result<Self> {
        let state = Arc::new(State::new(kind));
        let wanted = SocketAddr::new(listen.ip, listen.port);
        let doorway = Doorway::new(listen);
        let running = doorway.open(wanted, &state).await?;
        Ok(Self { state, address: running.address(), doorway, running: Mutex::new(Some(running)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Which API it speaks.
    pub fn kind(&self) -> ProviderKind {
        self.state.kind
    }

    /// Queues the response to one request.
    pub fn script(&self, reply: Reply) {
        self.state.scripts().push_back(reply);
    }

    /// Queues the responses to the next requests, in order.
    pub fn script_all(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.scripts().extend(replies);
    }

    /// How many scripts no request has taken yet.
    pub fn unused_scripts(&self) -> usize {
        self.state.scripts().len()
    }

    /// What is answered while the queue is empty.
    pub fn set_default(&self, reply: Reply) {
        self.state.set_default(reply);
    }

    /// Lets every answer go on that is [held](Reply::held), those of later requests too, until [`clear`](Self::clear).
    pub fn release(&self) {
        self.state.set_released(true);
    }

    /// Holds again what is to be held, after a [`release`](Self::release).
    pub fn hold(&self) {
        self.state.set_released(false);
    }

    /// The only key to accept from now on.
    pub fn expect_key(&self, key: impl Into<String>) {
        self.state.set(|settings| settings.key = key.into());
    }

    /// Accepts one more model, which answers under this very name.
    pub fn accept_model(&self, name: impl Into<String>) {
        self.state.set(|settings| settings.models.push(Model::own(name)));
    }

    /// Accepts these models only.
    pub fn set_models<N: Into<String>>(&self, names: impl IntoIterator<Item = N>) {
        self.state.set(|settings| settings.models = names.into_iter().map(Model::own).collect());
    }

    /// Serves its generation endpoint at this path instead of the API's own.
    pub fn serve_at(&self, path: impl Into<String>) {
        self.state.set(|settings| settings.path = path.into());
    }

    /// A value that must not arrive in any header or body, such as a client's own key; where it does, that is a leak.
    pub fn forbid(&self, value: impl Into<String>) {
        self.state.set(|settings| settings.forbidden.push(value.into()));
    }

    /// Whether to refuse what the real API refuses.
    pub fn set_strictness(&self, strictness: Strictness) {
        self.state.set(|settings| settings.strictness = strictness);
    }

    /// Whether to keep requests.
    pub fn set_recording(&self, recording: Recording) {
        self.state.set(|settings| settings.recording = recording);
    }

    /// What to do with new connections.
    pub fn set_accept(&self, accept: Accept) {
        self.state.set(|settings| settings.accept = accept);
    }

    /// Closes every connection; new ones are accepted.
    pub async fn close_connections(&self) {
        let connections =
            self.running.lock().expect("no panic under this lock").as_ref().map(Running::connections);
        if let Some(connections) = connections {
            connections.lock().await.shutdown().await;
        }
    }

    /// Stops listening and closes every connection: from now on the port refuses.
    pub async fn stop_listening(&self) {
        let running = self.running.lock().expect("no panic under this lock").take();
        if let Some(running) = running {
            running.close().await;
        }
    }

    /// Listens on the same port again after [`stop_listening`](Self::stop_listening).
    ///
    /// # Errors
    ///
    /// Whatever binding the port says: somebody else may have taken it.
    pub async fn start_listening(&self) -> io::Result<()> {
        if self.running.lock().expect("no panic under this lock").is_none() {
            let running = self.doorway.open(self.address, &self.state).await?;
            *self.running.lock().expect("no panic under this lock") = Some(running);
        }
        Ok(())
    }
}

/// What it saw.
impl MockProvider {
    /// Every request so far, in the order in which they were complete.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.journal().requests.clone()
    }

    /// What each answer cost that was written to its end, in the order of their ends, whether it said so or not. Errors cost nothing. Whoever has
    /// read a whole answer finds its cost here.
    pub fn spent(&self) -> Vec<Usage> {
        self.state.journal().spent.clone()
    }

    /// How many requests are recorded.
    pub fn request_count(&self) -> usize {
        self.state.journal().requests.len()
    }

    /// The only request.
    ///
    /// # Panics
    ///
    /// When there was none, or more than one.
    pub fn only_request(&self) -> Recorded {
        let mut requests = self.requests();
        assert_eq!(
            requests.len(),
            1,
            "{}: one request expected, these came: {requests:#?}",
            self.kind().name()
        );
        requests.remove(0)
    }

    /// What should not have reached this provider, in any request since the last [`clear`](Self::clear).
    pub fn leaks(&self) -> Vec<Leak> {
        self.state.journal().leaks.clone()
    }

    /// How many connections were accepted, handshake done.
    pub fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// How many connections failed in the TLS handshake, as when the client does not trust the certificate.
    pub fn handshake_failures(&self) -> u64 {
        self.state.handshake_failures.load(Ordering::Relaxed)
    }

    /// How many answers the caller cut short, by closing the connection or resetting the stream.
    pub fn hang_ups(&self) -> u64 {
        self.state.hang_ups.load(Ordering::Relaxed)
    }

    /// Forgets requests, leaks, scripts and counts, and goes back to the default answer. Settings and connections stay.
    pub fn clear(&self) {
        self.state.scripts().clear();
        self.state.set_default(Reply::answer());
        let mut journal = self.state.journal();
        journal.requests.clear();
        journal.leaks.clear();
        journal.spent.clear();
        self.state.set_released(false);
        self.state.connections.store(0, Ordering::Relaxed);
        self.state.handshake_failures.store(0, Ordering::Relaxed);
        self.state.hang_ups.store(0, Ordering::Relaxed);
    }

    /// Waits until that holds.
    ///
    /// # Panics
    ///
    /// When it does not hold within thirty seconds: most things take milliseconds, and a busy machine may stand still for some seconds.
    pub async fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..6000 {
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{}: waited thirty seconds in vain until {what}", self.kind().name());
    }
}
