//! How many tokens a prompt cannot exceed, without counting it.

use std::fmt;

use crate::{
    Family, Surface,
    meter::{Meter, largest_permille},
    surface::{Document, is_harmless},
};

/// A part of a request whose cost cannot be read from the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// A PDF or another document: OpenAI's `file` and `input_file`, Anthropic's `document` that is not text.
    File,
    /// A sound: OpenAI's `input_audio`, or the answer that an `audio.id` stands for.
    Audio,
    /// An image for which the model's family has no rule.
    Image,
    /// What the provider stored: `previous_response_id`, `conversation`, `prompt`, an item reference.
    Stored,
    /// Tools whose definitions the provider holds: hosted tools, MCP servers.
    HostedTool,
    /// A part of a kind that this crate does not know.
    Other,
    /// The body is no JSON object.
    Body,
}

impl Part {
    /// The name in metrics and messages, such as `file`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Audio => "audio",
            Self::Image => "image",
            Self::Stored => "stored",
            Self::HostedTool => "hosted_tool",
            Self::Other => "other",
            Self::Body => "body",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A request that has no bound, because of that part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what a part of the request costs cannot be known before it is sent: {part}")]
pub struct Unbounded {
    /// The first such part.
    pub part: Part,
}

/// What a prompt costs at most: [`prompt`](crate::prompt()) never says more for the same body and family, whatever its limits.
///
/// Bytes of text, framing, and the documented maximum of each other part. The body of an ordinary request is not even parsed. It
/// holds for uncalibrated estimates; [`Calibration::apply`](crate::Calibration::apply) keeps the order of two numbers, so applied to
/// both it holds as well.
///
/// # Errors
///
/// [`Unbounded`] where a part has neither a documented maximum nor a configured charge.
pub fn bound(surface: Surface, family: &Family, body: &[u8]) -> Result<u64, Unbounded> {
    match scan(surface, body) {
        Scan::Text { tools } => {
            let milli = largest_permille(family.counting()).saturating_mul(body.len() as u64);
            let prompt = if tools { surface.framing(family).tools.largest_prompt() } else { 0 };
            Ok(milli.div_ceil(1_000).saturating_add(prompt))
        }
        Scan::Other => {
            let mut meter = Meter::bytes(family, surface.framing(family));
            let read = Document::new(body).and_then(|document| document.request(surface, &mut meter));
            match (read, meter.uncharged()) {
                (Err(_), _) => Err(Unbounded { part: Part::Body }),
                (Ok(()), Some(part)) => Err(Unbounded { part }),
                (Ok(()), None) => Ok(meter.total()),
            }
        }
    }
}

/// What a body is, at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scan {
    /// Text and framing, which together are no more than its bytes.
    Text {
        /// Whether there may be tools, and so a prompt about them.
        tools: bool,
    },
    /// There may be something else in it: only reading it can tell.
    Other,
}

/// Looks at each string of a body that could name something that costs more than its bytes.
///
/// That a body without such a name is longer than its text and framing together is an invariant of [`framing`](crate::framing) and
/// [`surface`](crate::surface):
///
/// * Text is what stands between quotes, and a token is at least a byte. Text that this crate puts together from members has fewer
///   characters between them than JSON has (`name:type:description`).
/// * Each frame belongs to something that is written with more bytes than the frame has tokens: a message (at most 7) to
///   `{"role":""},`, the role of an input or a system prompt that is a string to `"input":""`, the beginning of the answer (4) to
///   `"messages":[]`, a name (1) to `"name":""`, a call (4) to `"function":{}` or a `type`, a function (10) to `{"name":""},`, the end of
///   functions (12) to `"tools":[]` and the first function's braces, a property (3) to `"":{},`, an enumeration's string (3) to `"",`, a
///   token of an embedding (1) to `0,`.
/// * Whatever else is charged has a `type` or a name that stops the scan. A `type` stops it unless it is known to be harmless, so that
///   one that nobody has heard of yet does too.
/// * Those names are ASCII; a letter that is written as an escape (`\u0061`) stops the scan as well.
///
/// `tests/bound.rs` looks for a body that breaks it.
fn scan(surface: Surface, body: &[u8]) -> Scan {
    let mut tools = false;
    let mut rest = body;
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        let Some((mark, after)) = rest.get(at..).and_then(<[u8]>::split_first) else {
            break;
        };
        rest = match (mark, after) {
            (b'\\', [b'u', b'0', b'0', b'4'..=b'7', ..]) => return Scan::Other,
            (b'\\', [_, after @ ..]) => after,
            (_, [b't', b'y', b'p', b'e', b'"', after @ ..]) => {
                if !is_harmless_type(after) {
                    return Scan::Other;
                }
                after
            }
            (_, [b't', b'o', b'o', b'l', b's', b'"', ..])
            | (_, [b'f', b'u', b'n', b'c', b't', b'i', b'o', b'n', b's', b'"', ..]) => {
                tools = true;
                after
            }
            (_, [b'a' | b'c' | b'm' | b'p', ..]) if is_costly_name(surface, after) => return Scan::Other,
            (_, after) => after,
        };
    }
    Scan::Text { tools }
}

/// Whether what follows a `"type"` is another than those that cost no more than their bytes. It may be no member's name at all.
fn is_harmless_type(after: &[u8]) -> bool {
    let [b':', value @ ..] = after.trim_ascii_start() else {
        return true;
    };
    // What is no string is no type to the reader either: it is a schema's, or nobody's.
    let [b'"', value @ ..] = value.trim_ascii_start() else {
        return true;
    };
    let Some(name) = memchr::memchr2(b'"', b'\\', value).and_then(|end| value.get(..end)) else {
        return false;
    };
    is_harmless(name)
}

/// Whether a string's beginning is a member's name that stands for more than is written there, in some place of such a body.
fn is_costly_name(surface: Surface, after: &[u8]) -> bool {
    let names: &[&[u8]] = match surface {
        Surface::ChatCompletions => &[b"audio\""],
        Surface::Responses => &[b"audio\"", b"previous_response_id\"", b"conversation\"", b"prompt\""],
        Surface::Embeddings => &[],
        Surface::Messages => &[b"audio\"", b"mcp_servers\"", b"container\""],
    };
    names.iter().any(|name| after.starts_with(name))
}
