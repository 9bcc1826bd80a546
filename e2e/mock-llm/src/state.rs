//! What a mock provider's connections share: its settings, its queue of scripts and its journal.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, RwLock};

use tokio::sync::watch;

use crate::asked::Asked;
use crate::leaks::{self, Leak, LeakKind};
use crate::listen::Accept;
use crate::models::{self, Model};
use crate::plan::{self, Step};
use crate::record::{Recorded, Recording};
use crate::reply::{Reply, Usage};
use crate::validate;

/// Which API a mock provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderKind {
    /// OpenAI Chat Completions.
    OpenAi,
    /// Anthropic Messages.
    Anthropic,
}

impl ProviderKind {
    /// The API's name: `openai` or `anthropic`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }

    /// The only key it accepts until [`MockProvider::expect_key`](crate::MockProvider::expect_key) names another.
    pub const fn default_key(self) -> &'static str {
        match self {
            Self::OpenAi => "sk-proj-mock-openai-key",
            Self::Anthropic => "sk-ant-api03-mock-anthropic-key",
        }
    }

    /// The path of its generation endpoint.
    pub const fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }
}

/// Whether a mock provider refuses what the real API refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// It does.
    AsTheRealApi,
    /// It answers anything, as some compatible servers do.
    AnswerAnything,
}

/// What the rules of a provider are measured against.
pub(crate) struct Settings {
    pub(crate) key: String,
    pub(crate) path: String,
    pub(crate) models: Vec<Model>,
    pub(crate) strictness: Strictness,
    pub(crate) recording: Recording,
    pub(crate) forbidden: Vec<String>,
    pub(crate) accept: Accept,
}

/// Everything of a provider that outlives a connection.
pub(crate) struct State {
    pub(crate) kind: ProviderKind,
    settings: RwLock<Settings>,
    scripts: Mutex<VecDeque<Reply>>,
    default_reply: RwLock<Reply>,
    journal: Mutex<Journal>,
    pub(crate) connections: AtomicU64,
    connection_ids: AtomicU64,
    pub(crate) handshake_failures: AtomicU64,
    pub(crate) hang_ups: AtomicU64,
    answers: AtomicU64,
    /// Whether what is held may go on.
    released: watch::Sender<bool>,
}

#[derive(Default)]
pub(crate) struct Journal {
    pub(crate) requests: Vec<Recorded>,
    pub(crate) leaks: Vec<Leak>,
    pub(crate) spent: Vec<Usage>,
}

/// A noted cost, which is taken back where the answer's end cannot be written after all.
#[must_use = "a cost that is not kept is taken back"]
pub(crate) struct Cost<'a> {
    state: &'a State,
    usage: Usage,
    kept: bool,
}

impl Cost<'_> {
    /// The answer was written to its end.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Cost<'_> {
    fn drop(&mut self) {
        if !self.kept {
            let spent = &mut self.state.journal().spent;
            if let Some(at) = spent.iter().rposition(|usage| *usage == self.usage) {
                spent.remove(at);
            }
        }
    }
}

impl State {
    pub(crate) fn new(kind: ProviderKind) -> Self {
        let settings = Settings {
            key: kind.default_key().to_owned(),
            path: kind.path().to_owned(),
            models: models::known(kind),
            strictness: Strictness::AsTheRealApi,
            recording: Recording::On,
            forbidden: Vec::new(),
            accept: Accept::Serve,
        };
        Self {
            kind,
            settings: RwLock::new(settings),
            scripts: Mutex::default(),
            default_reply: RwLock::new(Reply::answer()),
            journal: Mutex::default(),
            connections: AtomicU64::new(0),
            connection_ids: AtomicU64::new(0),
            handshake_failures: AtomicU64::new(0),
            hang_ups: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            released: watch::Sender::new(false),
        }
    }

    /// Takes note of a complete request and decides what is written back, step by step.
    pub(crate) fn answer(&self, mut request: Recorded) -> Vec<Step> {
        let settings = self.settings.read().expect("no panic under this lock");
        let serial = self.answers.fetch_add(1, Ordering::Relaxed);
        let scripted = self.scripts.lock().expect("no panic under this lock").pop_front();

        let verdict = validate::check(self.kind, &settings, &request);
        let (asked, refusal) = match (verdict, settings.strictness) {
            (Ok(asked), _) => (asked, None),
            (Err(refusal), Strictness::AsTheRealApi) => (Asked::default(), Some(refusal)),
            (Err(_), Strictness::AnswerAnything) => (Asked::lenient(&request.body), None),
        };
        if settings.recording == Recording::On {
            request.refused = refusal.as_ref().map(ToString::to_string);
            let found = leaks::find(self.kind, &settings, &request);
            let mut journal = self.journal();
            journal.leaks.extend(found);
            journal.requests.push(request);
        }
        if let Some(refusal) = refusal {
            return plan::refusal(self.kind, &refusal, serial);
        }
        if asked.lists_models {
            return plan::model_list(self.kind, &settings.models);
        }
        let snapshot = models::snapshot(&settings.models, &asked.model);
        drop(settings);
        match scripted {
            Some(reply) => plan::plan(self.kind, &reply, &asked, &snapshot, serial),
            None => {
                let default = self.default_reply.read().expect("no panic under this lock");
                plan::plan(self.kind, &default, &asked, &snapshot, serial)
            }
        }
    }

    /// Takes note of something on a connection that no request of its own accounts for.
    pub(crate) fn note(&self, kind: LeakKind, detail: String, connection_id: u64, request_index: u32) {
        if self.settings.read().expect("no panic under this lock").recording == Recording::On {
            let leak = Leak { kind, detail, connection_id, request_index_on_connection: request_index };
            self.journal().leaks.push(leak);
        }
    }

    pub(crate) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().expect("no panic under this lock")
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings.write().expect("no panic under this lock"));
    }

    pub(crate) fn accept(&self) -> Accept {
        self.settings.read().expect("no panic under this lock").accept
    }

    pub(crate) fn scripts(&self) -> MutexGuard<'_, VecDeque<Reply>> {
        self.scripts.lock().expect("no panic under this lock")
    }

    pub(crate) fn set_default(&self, reply: Reply) {
        *self.default_reply.write().expect("no panic under this lock") = reply;
    }

    /// Counts a connection and gives it an id of its own.
    pub(crate) fn note_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.connection_ids.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes note of what an answer costs whose last bytes are about to be written.
    pub(crate) fn note_spent(&self, usage: Usage) -> Cost<'_> {
        self.journal().spent.push(usage);
        Cost { state: self, usage, kept: false }
    }

    /// Lets go of what is held, or holds from now on.
    pub(crate) fn set_released(&self, released: bool) {
        self.released.send_replace(released);
    }

    /// Waits until what is held may go on.
    pub(crate) async fn released(&self) {
        // The sender lives as long as this state.
        let _ = self.released.subscribe().wait_for(|released| *released).await;
    }

    pub(crate) fn note_hang_up(&self) {
        self.hang_ups.fetch_add(1, Ordering::Relaxed);
    }
}
