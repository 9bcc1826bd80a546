//! Where the keys of an identity provider come from: the configuration, the environment, and a fetch that the host makes.
//!
//! When to fetch is decided here, with the time as an argument; the host only carries it out. A fetch that brings nothing usable changes
//! nothing: the keys that were there stay, and the next try comes after a pause that doubles. There is no jitter in the pauses: every worker
//! starts at another moment already, and a delay that a test can name is worth more.

use std::cell::RefCell;

use crate::{Algorithm, Denied, KeySet, KeySetError, UnixSeconds, VerificationKey};

/// The first pause after a failure, in seconds; it doubles with each further one.
const FIRST_PAUSE: u64 = 1;
/// The longest pause after failures, in seconds.
const LONGEST_PAUSE: u64 = 60;
/// The least time between two fetches that an unknown key asked for, in seconds: anybody can send a token that names an unknown key.
const BETWEEN_EARLY_FETCHES: u64 = 30;

/// Where a key set is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFrom {
    /// Envoy's cluster.
    pub cluster: String,
    /// `:authority`.
    pub authority: String,
    /// `:path`.
    pub path: String,
    /// The time limit in milliseconds.
    pub timeout_ms: u32,
    /// Seconds between two fetches.
    pub interval: u64,
}

/// Why a fetch brought no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchFailure {
    /// The host could not send it.
    #[error("it could not be sent")]
    NotSent,
    /// No answer came.
    #[error("no answer came")]
    NoAnswer,
    /// Another status than 200.
    #[error("the answer's status is {0}")]
    Status(u16),
    /// What came is no key set, or one without a key for us.
    #[error("the answer {0}")]
    KeySet(#[from] KeySetError),
}

/// Keys, some of which may be fetched.
#[derive(Clone, Debug)]
pub struct KeySource {
    fixed: KeySet,
    fetched: Option<Fetched>,
}

#[derive(Clone, Debug)]
struct Fetched {
    from: FetchFrom,
    state: RefCell<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    /// None until a fetch brought some.
    keys: Option<KeySet>,
    /// When the running fetch began.
    running: Option<UnixSeconds>,
    /// When the last one began.
    last: Option<UnixSeconds>,
    /// When the next one is due; the epoch is at once.
    due: UnixSeconds,
    /// Failures in a row.
    failures: u32,
    /// A token named a key that is not there.
    wanted: bool,
}

impl KeySource {
    /// Keys that are known, and where more come from.
    pub fn new(fixed: KeySet, from: Option<FetchFrom>) -> Self {
        Self { fixed, fetched: from.map(|from| Fetched { from, state: RefCell::default() }) }
    }

    /// Whether anything is fetched at all.
    pub const fn is_fetched(&self) -> bool {
        self.fetched.is_some()
    }

    /// What to fetch now, if anything is due. Whoever is told so has begun: [`finished`](Self::finished) has to follow, and where it does not,
    /// the fetch is given up after twice its time limit.
    pub fn begin_if_due(&self, now: UnixSeconds) -> Option<&FetchFrom> {
        let fetched = self.fetched.as_ref()?;
        let mut state = fetched.state.borrow_mut();
        let given_up = u64::from(fetched.from.timeout_ms).saturating_mul(2).div_ceil(1000);
        if state.running.is_some_and(|began| began <= now && now < began.after(given_up)) {
            return None;
        }
        let may_be_early =
            state.last.is_none_or(|last| now < last || now >= last.after(BETWEEN_EARLY_FETCHES));
        let early = state.wanted && may_be_early && state.failures == 0;
        // A clock that was set back must not stop the fetches until it has caught up.
        let set_back = state.last.is_some_and(|last| now < last);
        if !(early || set_back || now >= state.due) {
            return None;
        }
        state.running = Some(now);
        state.last = Some(now);
        state.wanted = false;
        Some(&fetched.from)
    }

    /// What the fetch brought. The error is what was wrong with it, for the host's log; the earlier keys stay.
    pub fn finished(
        &self,
        now: UnixSeconds,
        answer: Result<&[u8], FetchFailure>,
    ) -> Result<(), FetchFailure> {
        let Some(fetched) = &self.fetched else { return Ok(()) };
        let mut state = fetched.state.borrow_mut();
        state.running = None;
        let keys = answer.and_then(|json| match KeySet::read(json)? {
            (keys, _) if keys.is_empty() => Err(KeySetError::Empty.into()),
            (keys, _) => Ok(keys),
        });
        match keys {
            Ok(keys) => {
                state.keys = Some(keys);
                state.failures = 0;
                state.due = now.after(fetched.from.interval);
                Ok(())
            }
            Err(failure) => {
                let pause =
                    FIRST_PAUSE.checked_shl(state.failures).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
                state.failures = state.failures.saturating_add(1).min(u64::BITS.saturating_sub(1));
                state.due = now.after(pause);
                Err(failure)
            }
        }
    }

    /// What that makes of the key for such a token.
    pub(crate) fn with<T>(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        use_key: impl FnOnce(&VerificationKey) -> T,
    ) -> Result<T, Denied> {
        let missing = match self.fixed.find(id, algorithm) {
            Ok(key) => return Ok(use_key(key)),
            Err(missing) => missing,
        };
        let (Some(fetched), Denied::UnknownKey) = (&self.fetched, missing) else { return Err(missing) };
        let mut state = fetched.state.borrow_mut();
        let Some(keys) = &state.keys else { return Err(Denied::KeysNotReady) };
        let missing = match keys.find(id, algorithm) {
            Ok(key) => return Ok(use_key(key)),
            Err(missing) => missing,
        };
        state.wanted |= missing == Denied::UnknownKey;
        Err(missing)
    }
}
