//! Counts the work of tokenizing, so that a test can hold it against the length of the text: a timer could not.
//!
//! A step is one question to a table, one block of a window searched for its next merge, or one character classified. Outside of this
//! crate's own tests nothing is counted.

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    static RETRIES: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Notes that work was done.
#[inline(always)]
pub(crate) fn add(_steps: u64) {
    #[cfg(test)]
    STEPS.with(|all| all.set(all.get().wrapping_add(_steps)));
}

/// Notes that a window was not what the one before claimed.
pub(crate) fn retried() {
    #[cfg(test)]
    RETRIES.with(|all| all.set(all.get().wrapping_add(1)));
}

/// What `f` returns, and the work that it does.
#[cfg(test)]
pub(crate) fn of<T>(f: impl FnOnce() -> T) -> (T, u64) {
    let before = STEPS.with(std::cell::Cell::get);
    let result = f();
    (result, STEPS.with(std::cell::Cell::get).wrapping_sub(before))
}

/// The windows that were not what the one before claimed, on this thread so far.
#[cfg(test)]
pub(crate) fn retries() -> u64 {
    RETRIES.with(std::cell::Cell::get)
}
