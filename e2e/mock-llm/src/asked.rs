//! What an answer depends on: the parts of a request that a model would look at.

use std::hash::Hasher;

use serde_json::Value;

/// A request as the answer sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) model: String,
    pub(crate) stream: Streaming,
    /// OpenAI's `n`.
    pub(crate) choices: usize,
    pub(crate) max_tokens: Option<u64>,
    /// The text of the last user message.
    pub(crate) last_user: String,
    pub(crate) input_tokens: u64,
    /// A digest of the body: what makes every request's answer its own.
    pub(crate) fingerprint: u64,
    /// It is no generation but `GET /v1/models`.
    pub(crate) lists_models: bool,
}

/// Whether the answer is a stream, and what OpenAI puts into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Streaming {
    #[default]
    No,
    Yes {
        usage: bool,
        obfuscation: bool,
    },
}

impl Asked {
    /// What a body asks that has passed validation, or that nobody validates.
    pub(crate) fn of(request: &Value, body: &[u8]) -> Self {
        let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut characters = text_of(&request["system"]).chars().count();
        let mut last_user = String::new();
        for message in messages {
            let text = text_of(&message["content"]);
            characters += text.chars().count();
            if message["role"] == "user" {
                last_user = text;
            }
        }
        let options = &request["stream_options"];
        let stream = if request["stream"] == true {
            Streaming::Yes {
                usage: options["include_usage"] == true,
                obfuscation: options["include_obfuscation"] != false,
            }
        } else {
            Streaming::No
        };
        Self {
            model: request["model"].as_str().unwrap_or_default().to_owned(),
            stream,
            choices: request["n"].as_u64().map_or(1, |n| n as usize),
            max_tokens: request["max_completion_tokens"].as_u64().or_else(|| request["max_tokens"].as_u64()),
            last_user,
            // No tokenizer here: four characters a token and three tokens a message come close enough to look real.
            input_tokens: characters.div_ceil(4) as u64 + 3 * messages.len() as u64 + 3,
            fingerprint: fingerprint(body),
            lists_models: false,
        }
    }

    /// What a body asks where any body is answered.
    pub(crate) fn lenient(body: &[u8]) -> Self {
        Self::of(&serde_json::from_slice(body).unwrap_or_default(), body)
    }

    /// A request for the list of models.
    pub(crate) fn model_list() -> Self {
        Self { lists_models: true, ..Self::default() }
    }
}

/// The text of a content that is a string or a list of blocks.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// The same for the same body in every run: SipHash with the standard library's fixed default keys.
fn fingerprint(body: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(body);
    hasher.finish()
}
