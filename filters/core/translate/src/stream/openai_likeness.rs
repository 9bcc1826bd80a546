//! Chunks that are an earlier one with another text.
//!
//! A chunk that is [`Written`] as an earlier one was brings another piece of the same thing, and nothing else: it need not be decoded or parsed
//! to find that out again. Whatever differs is for the decoder and the parser.

use llm_api::openai::ChunkDelta;
use serde_json::value::RawValue;

use super::MAX_EVENT_BYTES;
use super::openai_event::{Choice, Event};
use super::wire::JsonString;
use crate::written::Written;

/// How often a stream's chunk is kept: a stream has a few kinds of chunks, one after the other, and one that has more of them, or the same in
/// turns, is read as it would be without.
const MOST: u8 = 8;

/// A piece of the answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece<'a> {
    /// What the model says.
    Text(JsonString<'a>),
    /// What it thinks.
    Thinking(JsonString<'a>),
}

/// How the last piece of a stream's answer was written.
#[derive(Debug)]
pub(super) struct Likeness {
    /// Nothing is alike while this is empty.
    known: Option<(Written, Kind)>,
    /// How many more are kept.
    left: u8,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Thinking,
}

impl Default for Likeness {
    fn default() -> Self {
        Self { known: None, left: MOST }
    }
}

impl Likeness {
    /// Remembers how that chunk is written, if a piece is all that it brings. It is taken to be framed as usual, with one line of data, for nothing
    /// else is alike.
    pub(super) fn learn(&mut self, event: sse::Event<'_>, parsed: &Event<'_>) {
        if event.name.is_some() || event.data.contains(&b'\n') {
            return;
        }
        let Some((kind, text)) = only_piece(parsed) else { return };
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        // Where in the data the parser found the text: it borrows from there.
        let start = (text.get().as_ptr() as usize).checked_sub(event.data.as_ptr() as usize);
        let written = start.and_then(|start| {
            const FIELD: &[u8] = b"data: ";
            let framed = [FIELD, event.data, b"\n\n"].concat();
            Written::of(&framed, FIELD.len().checked_add(start)?.checked_add(1)?)
        });
        self.known = written.map(|written| (written, kind));
    }

    /// The piece that the event brings with which the bytes begin, if all of it is there and written like the last one; and what is behind that
    /// event.
    pub(super) fn read<'a>(&self, bytes: &'a [u8]) -> Option<(Piece<'a>, &'a [u8])> {
        let (written, kind) = self.known.as_ref()?;
        let known = written.read(bytes).filter(|known| known.length <= MAX_EVENT_BYTES)?;
        // With its quotes.
        let text = bytes.get(written.text().checked_sub(1)?..known.behind_text)?;
        let text = JsonString::Raw(std::str::from_utf8(text).ok()?);
        let piece = match kind {
            Kind::Text => Piece::Text(text),
            Kind::Thinking => Piece::Thinking(text),
        };
        Some((piece, bytes.get(known.length..)?))
    }
}

/// The text of a chunk that brings a piece, and nothing besides.
fn only_piece<'a>(parsed: &Event<'a>) -> Option<(Kind, &'a RawValue)> {
    let Event::Chunk { usage: None, choice, others: 0, .. } = parsed else { return None };
    let Choice { delta, finish_reason } = choice;
    let ChunkDelta { content, refusal: None, reasoning_content, reasoning, function_call: None, .. } = delta
    else {
        return None;
    };
    let ends = finish_reason.as_deref().is_some_and(|reason| !reason.is_empty());
    let calls = delta.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty());
    let (kind, text) = match (*content, *reasoning_content, *reasoning) {
        (Some(text), None, None) => (Kind::Text, text),
        (None, Some(text), None) | (None, None, Some(text)) => (Kind::Thinking, text),
        _ => return None,
    };
    (!ends && !calls && JsonString::new(text).is_some()).then_some((kind, text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Kind, Likeness, Piece, only_piece};
    use crate::stream::openai_event::Event;

    const HEAD: &str = r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"#;
    const END: &str = r#"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"abc"}"#;

    /// Decodes and parses: what the first event says, and the bytes of a stream that come behind it.
    fn plainly<'a>(stream: &'a str, told: &mut dyn FnMut(sse::Event<'_>, &Event<'_>)) -> Option<&'a str> {
        let (event, behind) = stream.split_once("\n\n")?;
        let mut read = false;
        sse::Decoder::new(1 << 20)
            .push(format!("{event}\n\n").as_bytes(), &mut |event| {
                if let Some(parsed) = Event::parse(event) {
                    read = true;
                    told(event, &parsed);
                }
            })
            .unwrap();
        read.then_some(behind)
    }

    /// Learns from one chunk, and reads another: nothing, or exactly what a parser finds.
    fn read(learnt: &str, stream: &str) -> bool {
        let mut likeness = Likeness::default();
        plainly(learnt, &mut |event, parsed| likeness.learn(event, parsed));
        let Some((piece, rest)) = likeness.read(stream.as_bytes()) else { return false };
        let alike = format!("{piece:?}");
        let behind = plainly(stream, &mut |_, parsed| {
            let (kind, text) = only_piece(parsed).unwrap_or_else(|| panic!("{stream} says {parsed:?}"));
            let text = super::JsonString::Raw(text.get());
            let plain = match kind {
                Kind::Text => Piece::Text(text),
                Kind::Thinking => Piece::Thinking(text),
            };
            assert_eq!(format!("{plain:?}"), alike, "{stream}");
        });
        assert_eq!(behind.map(str::as_bytes), Some(rest), "{stream}");
        true
    }

    #[test]
    fn another_text_is_read_without_a_parser() {
        let bare = r#"},"finish_reason":null}]}"#;
        for end in [END, bare, r#"}}],"obfuscation":""}"#] {
            for key in [
                r#""content":"#,
                r#""role":"assistant","refusal":null,"content":"#,
                r#""content":null,"reasoning_content":"#,
                r#""tool_calls":[],"reasoning":"#,
            ] {
                let event = |text: &str, padding: &str| {
                    let end = end.replace("abc", padding);
                    format!("data: {HEAD}{key}\"{text}\"{end}\n\n")
                };
                for (text, padding) in [
                    ("", ""),
                    ("usage", "x"),
                    (r#"a \"usage\":\"error\" \\ \ud800"#, "abcd"),
                    ("[DONE]", "error"),
                    ("é\\n", ""),
                ] {
                    let stream = format!("{}data: 1", event(text, padding));
                    assert!(read(&event("a", "b"), &stream), "{stream}");
                }
            }
        }
    }

    #[test]
    fn what_is_written_otherwise_is_not() {
        let event = |text: &str, end: &str| format!("data: {HEAD}\"content\":{text}{end}\n\n");
        let learnt = event("\"\"", END);
        for other in [
            event("null", END),
            event("\"a", END),
            event("\"a\\x\"", END),
            event("\"\t\"", END),
            event("\"a\"", &END.replace("null}]", "\"stop\"}]")),
            event("\"a\"", &END.replace("abc\"", "abc\",\"error\":\"x\"")),
            event("\"a\"", &END.replace("\"usage\":null", "\"usage\":{\"prompt_tokens\":1}")),
            event("\"a\"", &format!("{END} ")),
            event("\"a\"", END).replace("\n\n", "\n"),
            event("\"a\"", END).replace('\n', "\r\n"),
            format!("event: x\n{}", event("\"a\"", END)),
        ] {
            assert!(!read(&learnt, &other), "{other}");
        }
        // None of these brings a piece and nothing else, or is framed as usual; so nothing is alike, not even the same again.
        for unfit in [
            event("\"a\"", &END.replace("null}]", "\"stop\"}]")),
            event("\"a\"", &END.replace("null}]", "null},{\"index\":1,\"delta\":{}}]")),
            event("\"a\"", &END.replace("\"usage\":null", "\"usage\":{\"prompt_tokens\":1}")),
            event("\"a\"", &END.replacen('}', ",\"refusal\":\"no\"}", 1)),
            event("\"a\"", &END.replacen('}', ",\"reasoning\":\"b\"}", 1)),
            event("\"a\"", &END.replacen('}', ",\"tool_calls\":[{}]}", 1)),
            event("\"a\"", &END.replacen('}', ",\"function_call\":{}}", 1)),
            event("1", END),
            event("\"a\"", END).replace("data: ", "data:"),
            format!("event: x\n{}", event("\"a\"", END)),
        ] {
            assert!(!read(&unfit, &unfit), "{unfit}");
        }
    }

    #[test]
    fn what_never_repeats_is_not_kept_for_ever() {
        let mut likeness = Likeness::default();
        for number in 0..20 {
            let chunk = format!("data: {HEAD}\"n\":{number},\"content\":\"a\"{END}\n\n");
            plainly(&chunk, &mut |event, parsed| likeness.learn(event, parsed));
            assert_eq!(likeness.read(chunk.as_bytes()).is_some(), number < super::MOST.into(), "{number}");
        }
    }

    /// Nearly the data of a chunk.
    fn data() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(
            &[
                "{",
                "}",
                "]",
                ",",
                "\"a\"",
                "\"",
                "\\",
                ":",
                "null",
                " ",
                ",\"error\":1",
                ",\"error\":null",
                ",\"usage\":null",
                ",\"usage\":{\"prompt_tokens\":1}",
                ",\"refusal\":\"a\"",
                ",\"reasoning\":\"a\"",
                ",\"reasoning_content\":null",
                ",\"content\":\"b\"",
                ",\"tool_calls\":[]",
                ",\"tool_calls\":[{}]",
                "},\"finish_reason\":\"a\"",
                "},\"index\":0",
                "},\"index\":1",
                "}},{\"index\":1,\"delta\":{",
                ",\"obfuscation\":\"c\"",
                ",\"other\":{\"obfuscation\":\"c\"}",
            ][..],
        );
        let pieces = prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat());
        (pieces.clone(), pieces, any::<bool>()).prop_map(|(before, behind, padded)| {
            let end = if padded { END } else { r#"},"finish_reason":null}]}"# };
            let before = before.trim_start_matches(',');
            let comma = if before.is_empty() { "" } else { "," };
            format!("{HEAD}{before}{comma}\"content\":\"a\"{behind}{end}")
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn what_is_read_is_what_a_parser_finds(data in data(), texts in prop::array::uniform3("[a-z{}\\[\\],:é]{0,6}")) {
            let [first, second, padding] = &texts;
            let learnt = data.replace("\"a\"", &format!("\"{first}\""));
            let other = data.replace("\"a\"", &format!("\"{second}\"")).replace("\"c\"", &format!("\"{padding}\""));
            let _ = read(&format!("data: {learnt}\n\n"), &format!("data: {other}\n\n"));
        }
    }
}
