//! Key sets: any bytes are a set or none; what is used of one stays within bounds, and a set that was read is never half taken over.

#![no_main]

use identity::{FetchFailure, FetchFrom, KeySet, KeySource, UnixSeconds};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let usable = match KeySet::read(data) {
        Ok((set, skipped)) => {
            assert!(set.keys().count() + skipped.len() <= 64);
            !set.is_empty()
        }
        Err(_) => false,
    };
    let from = FetchFrom {
        cluster: "c".to_owned(),
        authority: "a".to_owned(),
        path: "/".to_owned(),
        timeout_ms: 1000,
        interval: 600,
    };
    let source = KeySource::new(KeySet::default(), Some(from));
    assert!(source.begin_if_due(UnixSeconds(1)).is_some());
    let outcome = source.finished(UnixSeconds(1), Ok(data));
    assert_eq!(outcome.is_ok(), usable);
    assert!(outcome.is_ok() || matches!(outcome, Err(FetchFailure::KeySet(_))));
});
