//! What the pages' tests put on the path as `docker`, `kubectl` and `make`: it tells the test what was asked, and says what that answers.
//!
//! It decides nothing: `tests/pages.rs` judges the arguments and does the work, so that what it started lives as long as the page.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::exit;

use serde_json::{Value, json};

fn main() {
    let mut arguments = std::env::args();
    let name = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    let mut stdin = String::new();
    if arguments.ends_with(&["-f".to_owned(), "-".to_owned()]) {
        std::io::stdin().read_to_string(&mut stdin).expect("text on stdin");
    }
    let asked = json!({
        "name": name.rsplit('/').next(),
        "arguments": arguments,
        "directory": std::env::current_dir().expect("a directory"),
        "stdin": stdin,
    });
    let socket = std::env::var_os("STAND_IN").expect("STAND_IN names the test's socket");
    let mut stream = UnixStream::connect(socket).expect("the test listens");
    stream.write_all(asked.to_string().as_bytes()).expect("the test reads");
    stream.shutdown(Shutdown::Write).expect("the test reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the test answers");
    let answer: Value = serde_json::from_str(&answer).expect("the test answers");
    print!("{}", answer["out"].as_str().unwrap_or_default());
    eprint!("{}", answer["err"].as_str().unwrap_or_default());
    exit(answer["status"].as_i64().and_then(|status| i32::try_from(status).ok()).unwrap_or(1));
}
