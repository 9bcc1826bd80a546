//! What programs write while they run.

use std::time::Duration;

use tokio::time::{self, Instant};

const POLL: Duration = Duration::from_millis(25);

/// Waits until a whole line of the log, read anew each time, says that, for at most that long. A line that is still being written does not count:
/// who waited for it wants to read it.
pub(crate) async fn says(log: impl Fn() -> String, text: &str, within: Duration) -> bool {
    let deadline = Instant::now().checked_add(within);
    loop {
        if log().rsplit_once('\n').is_some_and(|(whole, _)| whole.contains(text)) {
            return true;
        }
        if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
            return false;
        }
        time::sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_line_counts_when_it_is_whole() {
        let within = Duration::from_secs(30);
        let written = Cell::new(0_usize);
        let log = || {
            written.set(written.get().saturating_add(1));
            let line = "before\n{\"asked\": 1, \"answered\": 2}\n";
            line.get(..written.get().saturating_mul(10)).unwrap_or(line).to_owned()
        };
        assert!(says(log, "asked", within).await);
        assert_eq!(written.get(), 4, "half of the line says it already");
        assert!(!says(|| "asked".to_owned(), "asked", Duration::ZERO).await);
    }
}
