//! What must be seen of a fleet: by its clients, in Redis, and in the gateways' statistics.

mod charging;
mod failing;
mod refunds;
mod sharing;

use std::future::Future;
use std::pin::Pin;

use mock_llm::Usage;
use serde_json::{Value, json};

use super::Fleet;
use crate::problems::Problems;
use crate::request::{Request, chat_body};

/// What a story's run becomes.
pub type Told<'a> = Pin<Box<dyn Future<Output = Problems> + 'a>>;

/// A story: its name, and what happens.
pub type Story = (&'static str, for<'a> fn(&'a mut Fleet) -> Told<'a>);

/// Every story, in the order in which they are told.
pub fn all() -> Vec<Story> {
    [sharing::stories(), charging::stories(), failing::stories(), refunds::stories()].concat()
}

/// What [`hello`] costs: three tokens for the message, one each for its role and its text, three for the answer's beginning (OpenAI's
/// cookbook).
const HELLO: u64 = 8;

/// A question of [`HELLO`] tokens from that caller.
fn hello(caller: &str) -> Request {
    nameless().header("x-user-id", caller)
}

/// The same from nobody in particular.
fn nameless() -> Request {
    chat_body(json!({"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}]}))
}

/// The same as a stream with those options.
fn streamed(caller: &str, options: &Value) -> Request {
    let messages = json!([{"role": "user", "content": "hello"}]);
    asks(caller, json!({"model": "gpt-4", "stream": true, "stream_options": options, "messages": messages}))
}

fn asks(caller: &str, body: Value) -> Request {
    chat_body(body).header("x-user-id", caller)
}

/// A provider's report of that completion and of the prompt as it was counted.
fn usage(output: u64) -> Usage {
    Usage::new(HELLO, output)
}
