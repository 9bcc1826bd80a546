//! What programs write while they run.

use std::time::Duration;

use tokio::time::{self, Instant};

const POLL: Duration = Duration::from_millis(25);

/// Waits until the log, read anew each time, says that, for at most that long.
pub(crate) async fn says(log: impl Fn() -> String, text: &str, within: Duration) -> bool {
    let deadline = Instant::now().checked_add(within);
    loop {
        if log().contains(text) {
            return true;
        }
        if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
            return false;
        }
        time::sleep(POLL).await;
    }
}
