//! For a native process: the same line protocol as `v8.mjs` speaks, on stdin and stdout.
//!
//! `text PATH` reads a file and answers `ok`; `count ENCODING` answers `tokens N nanos CPU`, or `trap REASON` where the contender panicked.

use std::io::{self, BufRead as _, Write as _};
use std::panic::{self, AssertUnwindSafe};

use rustix::time::{ClockId, clock_gettime};

use crate::{Count, Encoding};

/// Answers every line of stdin until there are no more.
///
/// # Panics
/// Where the bench asks for what does not exist: that is its mistake, and it reads the message.
pub fn serve(count: Count) {
    // A contender's panic is an answer here, not a message to a person.
    panic::set_hook(Box::new(|_| {}));
    let mut text = String::new();
    for line in io::stdin().lock().lines() {
        let line = line.expect("stdin is text");
        let answer = match line.split_once(' ') {
            Some(("text", path)) => {
                text = std::fs::read_to_string(path).expect("the bench wrote that file");
                "ok".to_owned()
            }
            Some(("count", encoding)) => timed(count, encoding_of(encoding), &text),
            _ => panic!("{line:?} is no request"),
        };
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{answer}").and_then(|()| stdout.flush()).expect("the bench reads stdout");
    }
}

fn encoding_of(name: &str) -> Encoding {
    match name {
        "cl100k_base" => Encoding::Cl100kBase,
        "o200k_base" => Encoding::O200kBase,
        _ => panic!("{name:?} is no encoding of the bench"),
    }
}

fn timed(count: Count, encoding: Encoding, text: &str) -> String {
    let before = cpu_nanos();
    let counted = panic::catch_unwind(AssertUnwindSafe(|| count(encoding, text)));
    let nanos = cpu_nanos() - before;
    match counted {
        Ok(tokens) => format!("tokens {tokens} nanos {nanos}"),
        Err(reason) => format!("trap {}", message(&*reason).lines().next().unwrap_or_default()),
    }
}

fn message(reason: &(dyn std::any::Any + Send)) -> &str {
    let owned = reason.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| reason.downcast_ref::<&str>().copied()).unwrap_or("panicked")
}

/// What this thread has run so far.
fn cpu_nanos() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
