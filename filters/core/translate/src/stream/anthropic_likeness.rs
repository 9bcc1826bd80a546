//! Events that are an earlier one with another text.
//!
//! Nearly every event of an Anthropic stream brings a piece of one block, and all of them are written alike: the same bytes up to the text, then
//! the text, then what closes the objects around it, then the blank line. So the bytes before the text are kept, and an event that begins with
//! them is read by a look at its string alone, instead of by a decoder and a parser that find out again what it is.
//!
//! That is as exact as these. Equal bytes from an event's beginning on leave a parser at an equal place, where it takes any string for the
//! text without looking into it; behind the text nothing may follow but two closing braces and white space, as behind the earlier one. A line
//! cannot end within the text, for a JSON string holds no control character. Whatever differs is for the decoder and the parser.

use llm_api::written_string;

use super::MAX_EVENT_BYTES;
use super::anthropic_event::Content;
use super::wire::JsonString;
use crate::bytes::behind;

/// A longer beginning is not kept. Real ones have some hundred bytes.
const BEFORE_LIMIT: usize = 512;

/// How the last piece of a stream's answer was written.
#[derive(Debug, Default)]
pub(super) struct Likeness {
    /// The event up to the text, its first quote included. Nothing is alike while this is empty.
    before: Vec<u8>,
    kind: Kind,
}

/// What the text is.
#[derive(Clone, Copy, Debug, Default)]
enum Kind {
    #[default]
    Text,
    Thinking,
    ToolInput {
        block: u64,
    },
}

impl Likeness {
    /// Remembers how that piece is written, if it is a text with nothing of its event behind it. It is taken to be framed as usual, with a name
    /// line or none, then one line of data, for nothing else is alike.
    pub(super) fn learn(&mut self, event: sse::Event<'_>, content: &Content<'_>) {
        let (kind, text) = match *content {
            Content::Text(JsonString::Raw(text)) => (Kind::Text, text),
            Content::Thinking(JsonString::Raw(text)) => (Kind::Thinking, text),
            Content::ToolInput { block, json: JsonString::Raw(text) } => (Kind::ToolInput { block }, text),
            _ => return,
        };
        self.before.clear();
        // Where in the data the parser found the text: it borrows from there.
        let start = (text.as_ptr() as usize).checked_sub(event.data.as_ptr() as usize);
        let quote = start.and_then(|start| event.data.split_at_checked(start.checked_add(1)?));
        if let Some((before, rest)) = quote
            && before.len().saturating_add(event.name.map_or(0, <[u8]>::len)) <= BEFORE_LIMIT
            && !before.contains(&b'\n')
            && written_string(rest).is_some_and(|(_, rest)| closes(rest).is_some_and(<[u8]>::is_empty))
        {
            if let Some(name) = event.name {
                for part in [b"event: ", name, b"\n"] {
                    self.before.extend_from_slice(part);
                }
            }
            self.before.extend_from_slice(b"data: ");
            self.before.extend_from_slice(before);
            self.kind = kind;
        }
    }

    /// The piece that the event brings with which the bytes begin, if all of it is there and written like the last one; and what is behind that
    /// event.
    pub(super) fn read<'a>(&self, bytes: &'a [u8]) -> Option<(Content<'a>, &'a [u8])> {
        if self.before.is_empty() {
            return None;
        }
        let (text, rest) = written_string(behind(bytes, &self.before)?)?;
        let rest = closes(rest)?.strip_prefix(b"\n\n")?;
        if bytes.len().checked_sub(rest.len())? > MAX_EVENT_BYTES {
            return None;
        }
        // With its quotes: one is the last byte before the text, the other the first behind it.
        let start = self.before.len().checked_sub(1)?;
        let end = self.before.len().checked_add(text.len())?.checked_add(1)?;
        let text = JsonString::Raw(std::str::from_utf8(bytes.get(start..end)?).ok()?);
        let content = match self.kind {
            Kind::Text => Content::Text(text),
            Kind::Thinking => Content::Thinking(text),
            Kind::ToolInput { block } => Content::ToolInput { block, json: text },
        };
        Some((content, rest))
    }
}

/// What is behind the two braces that close an event's objects and the white space around them; the real API puts some spaces in between.
fn closes(rest: &[u8]) -> Option<&[u8]> {
    let closed = |rest| blank(rest).strip_prefix(b"}");
    closed(rest).and_then(closed).map(blank)
}

/// Behind the white space that a line may hold.
fn blank(mut rest: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', behind @ ..] = rest {
        rest = behind;
    }
    rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Likeness;
    use crate::stream::anthropic_event::{Content, Event};

    const NAMED: &str = "event: content_block_delta\ndata: ";
    const TEXT: &str = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"#;

    /// Decodes and parses: the content of the first event, and the bytes of a stream that come behind it.
    fn plainly<'a>(stream: &'a str, told: &mut dyn FnMut(sse::Event<'_>, &Content<'_>)) -> Option<&'a str> {
        let (event, behind) = stream.split_once("\n\n")?;
        let mut content = false;
        sse::Decoder::new(1 << 20)
            .push(format!("{event}\n\n").as_bytes(), &mut |event| {
                if let Some(Event::Content(found)) = Event::parse(event) {
                    content = true;
                    told(event, &found);
                }
            })
            .unwrap();
        content.then_some(behind)
    }

    /// Learns from one event, and reads another: nothing, or exactly what a parser finds.
    fn read(learnt: &str, stream: &str) -> bool {
        let mut likeness = Likeness::default();
        plainly(learnt, &mut |event, content| likeness.learn(event, content));
        let Some((alike, rest)) = likeness.read(stream.as_bytes()) else { return false };
        let alike = format!("{alike:?}");
        let behind = plainly(stream, &mut |_, content| assert_eq!(format!("{content:?}"), alike, "{stream}"));
        assert_eq!(behind.map(str::as_bytes), Some(rest), "{stream}");
        true
    }

    #[test]
    fn another_text_is_read_without_a_parser() {
        let thinking =
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"thinking_delta","thinking":"#;
        let input =
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"#;
        let start = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"#;
        for frame in [NAMED, "data: "] {
            for before in [TEXT, thinking, input, start] {
                let learnt = format!("{frame}{before}\"\"}}}}\n\n");
                for text in [
                    "",
                    "word",
                    "a \\\"quote\\\" \\u00e9 \\ud800 \\n",
                    "é",
                    "a longer text, of more than one block",
                ] {
                    for end in ["}}", "}     }", " }\t} "] {
                        let stream = format!("{frame}{before}\"{text}\"{end}\n\nevent: ping\n");
                        assert!(read(&learnt, &stream), "{stream}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_written_otherwise_is_not() {
        let learnt = format!("{NAMED}{TEXT}\"\"}}}}\n\n");
        for end in [
            "\"}}",
            "\"}}\n",
            "\"}\n\n",
            "\"}}}\n\n",
            "\",\"text\":\"\"}}\n\n",
            "\"}}\r\n\r\n",
            "\\x\"}}\n\n",
            "\t\"}}\n\n",
            "\"}}\u{c}\n\n",
            "\"}}\ndata: 1\n\n",
        ] {
            let stream = format!("{NAMED}{TEXT}\"{end}");
            assert!(!read(&learnt, &stream), "{stream}");
        }
        for stream in [
            format!("event: error\ndata: {TEXT}\"\"}}}}\n\n"),
            format!("data: {TEXT}\"\"}}}}\n\n"),
            format!("{NAMED}{}\"\"}}}}\n\n", TEXT.replace('0', "1")),
        ] {
            assert!(!read(&learnt, &stream), "{stream}");
        }
        let mut likeness = Likeness::default();
        plainly(&learnt, &mut |event, content| likeness.learn(event, content));
        let broken = [learnt.as_bytes().split_at(NAMED.len() + TEXT.len() + 1).0, b"\xff\"}}\n\n"].concat();
        assert!(likeness.read(&broken).is_none(), "a text that is not UTF-8");
        let long = format!("{NAMED}{TEXT}\"{}\"}}}}\n\n", "a".repeat(super::MAX_EVENT_BYTES));
        assert!(likeness.read(long.as_bytes()).is_none(), "an event that the decoder refuses");
        let other = format!(
            "{NAMED}{}0}}}}\n\n",
            r#"{"delta":{"type":"text_delta","text":"a"},"type":"content_block_delta","index":"#
        );
        plainly(&other, &mut |event, content| likeness.learn(event, content));
        assert!(likeness.read(other.as_bytes()).is_none(), "one with something behind its text");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn what_is_read_is_what_a_parser_finds(
            first in pieces(),
            second in pieces(),
            same in any::<bool>(),
        ) {
            let [learnt, other] = [&first, &second].map(|(frame, before, behind)| (*frame, *before, behind.concat()));
            let (frame, before) = if same { (learnt.0, learnt.1) } else { (other.0, other.1) };
            read(
                &format!("{}{}{}", learnt.0, learnt.1, learnt.2),
                &format!("{frame}{before}{}", other.2),
            );
        }
    }

    /// How an event is framed, how it begins, and how it goes on.
    fn pieces() -> impl Strategy<Value = (&'static str, &'static str, Vec<&'static str>)> {
        let frame = prop::sample::select(
            &[NAMED, "data: ", "event: error\ndata: ", "event:  x\ndata: ", "data:", "data:  "][..],
        );
        let before = prop::sample::select(
            &[
                TEXT,
                r#"["content_block_delta",0,null,null,{"type":"text_delta","text":"#,
                r#"{"type":"content_block_delta","index":0,"delta":["text_delta","#,
                r#"{"type":"content_block_delta","delta":{"text":"a","type":"text_delta","text":"#,
                r#"{"delta":{"type":"text_delta","text":"#,
                "{\"type\":\"content_block_delta\",\ndata: \"delta\":{\"type\":\"text_delta\",\"text\":",
            ][..],
        );
        let behind = prop::collection::vec(
            prop::sample::select(
                &[
                    "\"a\"",
                    "\"\\\"\"",
                    "\"",
                    "}",
                    "}}",
                    "}}\n\n",
                    " ",
                    "\n\n",
                    "\r\n",
                    "]",
                    ",",
                    "\\",
                    "é",
                    "\"type\":1",
                    "\"}}\n\n",
                    "\"a\"}}\n\n",
                    "\"index\":1",
                    "\t",
                    "\u{1}",
                ][..],
            ),
            1..8,
        );
        (frame, before, behind)
    }
}
