//! The tool calls of an OpenAI answer, put into the order that an Anthropic stream needs.
//!
//! OpenAI may send fragments of several calls in turn; Anthropic's blocks do not overlap. So the first call that is not finished streams,
//! and what comes for later ones waits until the answer ends or goes on with text: only then is it known that nothing more comes for the
//! first. Only one call's input is of use to a client before all of it is there, and that is to show it; nothing is lost by waiting.

use llm_api::ApiError;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::anthropic_writer::MessageWriter;
use super::error;
use super::openai_event::ToolFragment;
use super::wire::{JsonString, Seed};

/// The calls that one answer may hold: OpenAI allows 128 tools, and a real answer has a handful of calls.
const MAX_CALLS: usize = 1024;
/// The bytes of ids, names and arguments that may wait. As much as one event, for a whole call may come in one.
const MAX_WAITING_BYTES: usize = super::MAX_EVENT_BYTES;

/// The calls so far, in the order in which they began.
#[derive(Debug)]
pub(super) struct ToolCalls {
    calls: Vec<Call>,
    /// How many of them are finished: the first that is not is the one that may stream.
    finished: usize,
    waiting_bytes: usize,
    id_seed: u64,
}

#[derive(Debug)]
struct Call {
    /// The provider's number for it.
    index: u64,
    id: Option<String>,
    name: Option<String>,
    /// Arguments that have not been sent.
    waiting: String,
    /// Whether its block is open.
    open: bool,
}

impl ToolCalls {
    pub(super) const fn new(id_seed: u64) -> Self {
        Self { calls: Vec::new(), finished: 0, waiting_bytes: 0, id_seed }
    }

    /// Whether the answer calls no tool.
    pub(super) const fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Takes a fragment, and sends what can be sent.
    ///
    /// # Errors
    ///
    /// More than the bounds allow, or more of a call whose block had to be closed.
    pub(super) fn take(
        &mut self,
        fragment: ToolFragment<'_>,
        message: &mut MessageWriter,
        out: &mut Vec<u8>,
    ) -> Result<(), ApiError> {
        let function = fragment.function.unwrap_or_default();
        let id = fragment.id.as_deref().filter(|id| !id.is_empty());
        let name = function.name.as_deref().filter(|name| !name.is_empty());
        let place = self.place(fragment.index, id, name)?;
        let streams = place == self.finished;
        let Some(call) = self.calls.get_mut(place) else {
            return Err(error::tool_call("there are too many"));
        };
        let arguments = function.arguments.as_deref().unwrap_or_default();
        if place < self.finished {
            // Some servers end each call with an empty fragment, which says nothing new.
            return if arguments.is_empty() {
                Ok(())
            } else {
                Err(error::tool_call("it goes on after it ended"))
            };
        }
        if call.open {
            message.tool_input(out, JsonString::Plain(arguments));
            return Ok(());
        }
        let mut added = arguments.len();
        for (known, new) in [(&mut call.id, id), (&mut call.name, name)] {
            if let (None, Some(new)) = (known.as_ref(), new) {
                added = added.saturating_add(new.len());
                *known = Some(new.to_owned());
            }
        }
        self.waiting_bytes = self.waiting_bytes.saturating_add(added);
        if self.waiting_bytes > MAX_WAITING_BYTES {
            return Err(error::tool_call("too much of it comes before it can be sent"));
        }
        call.waiting.push_str(arguments);
        if streams && let (Some(id), Some(name)) = (&call.id, &call.name) {
            message.tool_use(out, id, name);
            message.tool_input(out, JsonString::Plain(&call.waiting));
            call.open = true;
            let sent = call.waiting.len().saturating_add(id.len()).saturating_add(name.len());
            self.waiting_bytes = self.waiting_bytes.saturating_sub(sent);
            call.waiting = String::new();
        }
        Ok(())
    }

    /// The answer ends, or goes on with something else: every call is as whole as it will be, and is sent.
    ///
    /// # Errors
    ///
    /// A call without a name.
    pub(super) fn flush(&mut self, message: &mut MessageWriter, out: &mut Vec<u8>) -> Result<(), ApiError> {
        for (place, call) in self.calls.iter_mut().enumerate().skip(self.finished) {
            if !call.open {
                let name = call.name.as_deref().ok_or_else(|| error::tool_call("it has no name"))?;
                match &call.id {
                    Some(id) => message.tool_use(out, id, name),
                    // An answer of this client refers to the call by its id, so there must be one.
                    None => message.tool_use(out, &format!("toolu_{}_{place}", Seed(self.id_seed)), name),
                }
                message.tool_input(out, JsonString::Plain(&call.waiting));
                call.waiting = String::new();
            }
            message.close(out);
        }
        self.finished = self.calls.len();
        self.waiting_bytes = 0;
        Ok(())
    }

    /// Which call a fragment belongs to; a new one where it belongs to none.
    ///
    /// The number decides, as the API says. Servers differ: some give every call the number 0, and begin each with its own id and name;
    /// some leave the number out, and a new id begins a call; some repeat the head in every fragment, or invent an id for each.
    fn place(&mut self, index: Option<u64>, id: Option<&str>, name: Option<&str>) -> Result<usize, ApiError> {
        let same_id = |call: &Call| call.id.is_none() || call.id.as_deref() == id;
        let known = match (index, id) {
            (Some(index), Some(_)) if name.is_some() => {
                self.calls.iter().rposition(|call| call.index == index && same_id(call))
            }
            (Some(index), _) => self.calls.iter().rposition(|call| call.index == index),
            (None, Some(id)) => self.calls.iter().rposition(|call| call.id.as_deref() == Some(id)),
            (None, None) => self.calls.len().checked_sub(1),
        };
        if let Some(place) = known {
            return Ok(place);
        }
        if self.calls.len() >= MAX_CALLS {
            return Err(error::tool_call("there are too many"));
        }
        let next = self.calls.iter().map(|call| call.index.saturating_add(1)).max().unwrap_or(0);
        let index = index.unwrap_or(next);
        self.calls.push(Call { index, id: None, name: None, waiting: String::new(), open: false });
        Ok(self.calls.len().saturating_sub(1))
    }
}

/// Reads a fragment of a call, or of the function call that the API had before tools.
///
/// # Errors
///
/// It is not one. Unlike text, a call without one of its fragments is another call, so the answer cannot go on.
pub(super) fn parse<'a, T: Deserialize<'a>>(fragment: &'a RawValue) -> Result<T, ApiError> {
    serde_json::from_str(fragment.get()).map_err(|_| error::tool_call("it is malformed"))
}
