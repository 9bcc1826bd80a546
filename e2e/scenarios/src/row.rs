//! A row of the table: a request, what the providers answer, and what both sides must see.

use std::future::Future;
use std::pin::Pin;

use mock_llm::{Accept, Reply, Strictness};

use crate::expect::Expect;
use crate::problems::Problems;
use crate::request::Request;
use crate::seen::{self, Seen};
use crate::shape::Shape;
use crate::stand::{Equipment, Stand};

/// What a story's run becomes.
pub type Told<'a> = Pin<Box<dyn Future<Output = Problems> + 'a>>;

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    /// Its name: `theme/what-it-shows`.
    pub name: String,
    /// The shapes that it runs against; none for a row that starts its own Envoys.
    pub shapes: &'static [Shape],
    /// What happens.
    pub play: Play,
}

/// What happens in a row.
#[derive(Debug)]
pub enum Play {
    /// One request and its answer.
    Exchange(Box<Exchange>),
    /// More than that: several requests, connections, or something in the middle of one.
    Story(for<'a> fn(&'a Stand) -> Told<'a>),
    /// Something about Envoys of its own.
    Own(for<'a> fn(&'a Equipment) -> Told<'a>),
}

/// One request and its answer.
#[derive(Debug)]
pub struct Exchange {
    /// What is sent.
    pub request: Request,
    /// The first provider.
    pub openai: Provider,
    /// The second.
    pub anthropic: Provider,
    /// Whether the providers refuse what the real APIs refuse.
    pub strictness: Strictness,
    /// What the client must see.
    pub expect: Expect,
}

/// One provider's part.
#[derive(Debug)]
pub struct Provider {
    /// Whether connections are accepted.
    pub door: Door,
    /// What is answered to one request each.
    pub replies: Vec<Reply>,
    /// What must arrive.
    pub seen: Seen,
}

/// What becomes of connections to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// As the mock says: served, closed at once, or ignored.
    Accept(Accept),
    /// Refused.
    Refused,
}

impl Row {
    /// A row about one request on these shapes.
    pub fn new(name: impl Into<String>, shapes: &'static [Shape], request: Request, expect: Expect) -> Self {
        let silent =
            || Provider { door: Door::Accept(Accept::Serve), replies: Vec::new(), seen: seen::never() };
        let strictness = Strictness::AsTheRealApi;
        let exchange = Exchange { request, openai: silent(), anthropic: silent(), strictness, expect };
        Self { name: name.into(), shapes, play: Play::Exchange(Box::new(exchange)) }
    }

    /// A row that is told in code.
    pub fn story(name: &str, shapes: &'static [Shape], story: for<'a> fn(&'a Stand) -> Told<'a>) -> Self {
        Self { name: name.to_owned(), shapes, play: Play::Story(story) }
    }

    /// A row that starts its own Envoys.
    pub fn own(name: &str, story: for<'a> fn(&'a Equipment) -> Told<'a>) -> Self {
        Self { name: name.to_owned(), shapes: &[], play: Play::Own(story) }
    }

    /// OpenAI gets a request like that and answers this.
    #[must_use]
    pub fn openai(self, seen: Seen, reply: Reply) -> Self {
        self.with(|exchange| (exchange.openai.seen, exchange.openai.replies) = (seen, vec![reply]))
    }

    /// OpenAI may be asked or not, and answers as the real one.
    #[must_use]
    pub fn maybe_openai(self) -> Self {
        self.with(|exchange| exchange.openai.seen = seen::any())
    }

    /// Anthropic gets a request like that and answers this.
    #[must_use]
    pub fn anthropic(self, seen: Seen, reply: Reply) -> Self {
        self.with(|exchange| (exchange.anthropic.seen, exchange.anthropic.replies) = (seen, vec![reply]))
    }

    /// What becomes of connections to OpenAI.
    #[must_use]
    pub fn openai_door(self, door: Door) -> Self {
        self.with(|exchange| exchange.openai.door = door)
    }

    /// What becomes of connections to Anthropic.
    #[must_use]
    pub fn anthropic_door(self, door: Door) -> Self {
        self.with(|exchange| exchange.anthropic.door = door)
    }

    /// The providers answer anything, as compatible servers do.
    #[must_use]
    pub fn lenient(self) -> Self {
        self.with(|exchange| exchange.strictness = Strictness::AnswerAnything)
    }

    fn with(mut self, change: impl FnOnce(&mut Exchange)) -> Self {
        if let Play::Exchange(exchange) = &mut self.play {
            change(exchange);
        }
        self
    }
}
