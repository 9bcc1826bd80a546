//! What ai-gateway's configuration means for counting tokens.

use metering::Families;

/// How tokens are counted, and who is shown the numbers.
#[derive(Clone, Debug)]
pub struct Counting {
    /// Bytes of text above which samples of a prompt are counted instead of all of it.
    pub extrapolate_above: usize,
    /// What is known of models, found by their names.
    pub families: Families,
    /// Whether the prompt's tokens are told in a header.
    pub header: InputTokensHeader,
    /// Whether streams report their usage also where the client did not ask for it.
    pub stream_usage: StreamUsage,
    /// Whether clients' questions about tokens are answered here.
    pub endpoints: LocalEndpoints,
}

/// How tokens of a model are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountingMode {
    /// Every prompt is counted before it is sent.
    Exact,
    /// Counted only where it matters: near a limit, for who asked to see it, and where a provider reports nothing.
    Auto,
    /// Every prompt is estimated from samples before it is sent.
    Estimate,
    /// Nothing is counted, and nothing that providers report is published.
    Off,
}

/// Whether the prompt's tokens are told in a header, of the request to Envoy's routes and of the answer to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputTokensHeader {
    /// They are.
    Shown,
    /// They are not.
    Absent,
}

/// Whether `POST /v1/messages/count_tokens` and `POST /v1/responses/input_tokens` are answered here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalEndpoints {
    /// They are.
    Served,
    /// They are paths as any other.
    Absent,
}

/// Whether OpenAI's streams are asked for their usage where the client did not. What they then say of it, the client does not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamUsage {
    /// They are.
    Always,
    /// Only where the client asks.
    AsAsked,
}
