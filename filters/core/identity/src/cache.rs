//! Tokens that were verified lately, so that a client with a valid one costs a hash and not a signature.
//!
//! Bounded: the oldest goes first, whatever its use. Only what was verified gets in, so who has no valid token cannot push one out.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use crate::caller::Verified;
use crate::{KeyDigest, UnixSeconds};

/// Tokens that are remembered. About half a kilobyte each, in every worker.
pub(crate) const CAPACITY: usize = 1024;

/// Verified tokens by their hash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cache(RefCell<Entries>);

#[derive(Clone, Debug, Default)]
struct Entries {
    by_digest: BTreeMap<KeyDigest, Verified>,
    /// In the order in which they came; each is in the map.
    order: VecDeque<KeyDigest>,
}

impl Cache {
    /// What is known of that token, where it still holds.
    pub(crate) fn find(&self, digest: &KeyDigest, now: UnixSeconds) -> Option<Verified> {
        self.0.borrow().by_digest.get(digest).filter(|verified| verified.holds(now)).cloned()
    }

    /// Remembers a token.
    pub(crate) fn add(&self, digest: KeyDigest, verified: Verified) {
        let mut entries = self.0.borrow_mut();
        if entries.by_digest.insert(digest, verified).is_none() {
            entries.order.push_back(digest);
        }
        if entries.order.len() > CAPACITY
            && let Some(oldest) = entries.order.pop_front()
        {
            entries.by_digest.remove(&oldest);
        }
    }

    /// Forgets all: a key that verified one of them may be gone.
    pub(crate) fn clear(&self) {
        *self.0.borrow_mut() = Entries::default();
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{CAPACITY, Cache};
    use crate::caller::Verified;
    use crate::{Caller, KeyDigest, UnixSeconds};

    const NOW: UnixSeconds = UnixSeconds(100);

    fn verified(from: u64, until: u64) -> Verified {
        Verified { caller: Rc::new(Caller::anonymous()), from: UnixSeconds(from), until: UnixSeconds(until) }
    }

    fn digest(number: usize) -> KeyDigest {
        KeyDigest::of(&number.to_be_bytes())
    }

    #[test]
    fn the_oldest_goes_first_and_no_more_than_the_capacity_stay() {
        let cache = Cache::default();
        for number in 0..CAPACITY + 3 {
            cache.add(digest(number), verified(0, 200));
            // Use makes nothing younger, and the same token again takes no second place.
            cache.add(digest(0), verified(0, 200));
        }
        let known: Vec<_> =
            (0..CAPACITY + 3).filter(|number| cache.find(&digest(*number), NOW).is_some()).collect();
        assert_eq!(known.len(), CAPACITY);
        assert_eq!(cache.0.borrow().order.len(), CAPACITY);
        assert!(!known.contains(&2) && known.contains(&(CAPACITY + 2)));
    }

    #[test]
    fn what_does_not_hold_any_more_or_yet_is_not_found() {
        let cache = Cache::default();
        for (number, from, until, holds) in
            [(1, 0, 101, true), (2, 0, 100, false), (3, 101, 200, false), (4, 100, 101, true)]
        {
            cache.add(digest(number), verified(from, until));
            assert_eq!(cache.find(&digest(number), NOW).is_some(), holds, "{from}..{until}");
        }
        cache.clear();
        assert!(cache.find(&digest(1), NOW).is_none());
    }
}
