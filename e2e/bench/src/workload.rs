//! What is asked and answered: one JSON object, a stream in one go, a stream event by event.

use std::time::Duration;

use clap::ValueEnum;
use mock_llm::Reply;

use crate::prompt::Delivery;

/// Size of a request body, and of an answer that is no stream, in bytes.
pub const JSON_BYTES: usize = 2 << 10;
/// Size of a large request body, in bytes.
pub const LARGE_JSON_BYTES: usize = 32 << 10;
/// Pieces of text in a stream. With OpenAI's role, finish and `[DONE]` that makes 203 events.
pub const DELTAS: usize = 200;
/// Between two writes of a paced stream: longer than Envoy needs for one event of all streams together.
pub const GAP: Duration = Duration::from_millis(10);

/// A kind of request and answer: one row of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Workload {
    /// 2 KB of JSON each way, 32 connections.
    Json,
    /// 32 KB of JSON, answered by 2 KB, 32 connections.
    LargeJson,
    /// A stream whose events come in one write, 32 connections.
    Unpaced,
    /// A stream of one write per event, many streams at once.
    Paced,
}

/// How much of a workload makes up one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Connections, each with one request at a time.
    pub connections: usize,
    /// Requests over all connections.
    pub requests: usize,
}

/// What a price is given per.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A request with its answer.
    Request,
    /// An event of a stream, as the client sees it.
    Event,
}

impl Workload {
    /// Every row, in the table's order.
    pub const ALL: [Self; 4] = [Self::Json, Self::LargeJson, Self::Unpaced, Self::Paced];

    /// Its name in tables and options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::LargeJson => "large-json",
            Self::Unpaced => "unpaced",
            Self::Paced => "paced",
        }
    }

    /// What it is, in a few words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Json => "2 KB JSON",
            Self::LargeJson => "32 KB JSON",
            Self::Unpaced => "unpaced stream",
            Self::Paced => "paced stream",
        }
    }

    /// What its price is given per.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Json | Self::LargeJson | Self::Unpaced => Unit::Request,
            Self::Paced => Unit::Event,
        }
    }

    /// How the client wants its answer.
    pub const fn delivery(self) -> Delivery {
        match self {
            Self::Json | Self::LargeJson => Delivery::Whole,
            Self::Unpaced | Self::Paced => Delivery::Stream,
        }
    }

    /// How much of it makes up a round where nobody says otherwise: about a quarter of a second of a bare Envoy's time.
    pub const fn volume(self) -> Volume {
        match self {
            Self::Json => Volume { connections: 32, requests: 8_000 },
            Self::LargeJson => Volume { connections: 32, requests: 3_200 },
            Self::Unpaced => Volume { connections: 32, requests: 3_200 },
            Self::Paced => Volume { connections: 100, requests: 100 },
        }
    }

    /// How much of it makes up a round that only shows that everything works.
    pub const fn quick_volume(self) -> Volume {
        match self {
            Self::Json => Volume { connections: 32, requests: 320 },
            Self::LargeJson => Volume { connections: 32, requests: 96 },
            Self::Unpaced => Volume { connections: 32, requests: 96 },
            Self::Paced => Volume { connections: 8, requests: 8 },
        }
    }

    /// Bytes of a request's body.
    pub const fn body_bytes(self) -> usize {
        match self {
            Self::LargeJson => LARGE_JSON_BYTES,
            Self::Json | Self::Unpaced | Self::Paced => JSON_BYTES,
        }
    }

    /// What the ratio to a bare Envoy should be at most, for OpenAI to OpenAI under another model name.
    pub const fn target(self) -> f64 {
        match self {
            Self::Json | Self::LargeJson | Self::Unpaced => 1.7,
            Self::Paced => 1.15,
        }
    }

    /// What the scripted provider answers, without the pace: pieces and sizes.
    pub fn reply(self) -> Reply {
        match self {
            Self::Json | Self::LargeJson => Reply::sized_json(JSON_BYTES),
            Self::Unpaced | Self::Paced => Reply::burst(DELTAS),
        }
    }
}
