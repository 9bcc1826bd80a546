//! Other gateways' configurations as AIGatewayRoute files, and what of them has no counterpart here.
//!
//! Nothing is left out in silence: every member that was not taken over is told with its path. No key is ever repeated; where one stands
//! in a file, the environment variable is named that it belongs into.

mod draft;
mod envoy_ai_gateway;
mod litellm;
mod taking;

use std::fmt;

use serde_json::Value;

use crate::lint;
use crate::route::{Documents, visible};

pub use envoy_ai_gateway::envoy_ai_gateway;
pub use litellm::litellm;

/// What became of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// AIGatewayRoute documents, as YAML; empty where nothing could be taken over.
    pub yaml: String,
    /// What has no counterpart, in the order of the file.
    pub lost: Vec<Lost>,
}

/// Something that has no counterpart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Where it stands.
    pub path: String,
    /// Why, or what takes its place.
    pub reason: String,
}

/// Why a file cannot be imported at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No text.
    #[error("it is no UTF-8")]
    Text,
    /// No YAML that is understood.
    #[error("line {line}: {message}\n  hint: {hint}")]
    Yaml {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
        /// What would be right.
        hint: &'static str,
    },
    /// Nothing that belongs to such a file.
    #[error("there is no {wanted} in it")]
    Nothing {
        /// What it should have.
        wanted: &'static str,
    },
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", visible(&self.path), visible(&self.reason))
    }
}

/// The documents of a file.
fn documents(text: &[u8]) -> Result<Vec<Value>, Problem> {
    let text = std::str::from_utf8(text).map_err(|_| Problem::Text)?;
    let read = Documents::read(text).map_err(|error| Problem::Yaml {
        line: error.line,
        message: error.message,
        hint: error.hint,
    })?;
    if let Some(line) = lint::key_given_twice(&read) {
        let message =
            "the key of this value stands twice, and readers of YAML take one of the two".to_owned();
        return Err(Problem::Yaml { line, message, hint: "keep one of the two" });
    }
    // What the reader of documents has written is JSON, as deep as it lets it nest.
    Ok(serde_json::from_str(&read.json).unwrap_or_default())
}
