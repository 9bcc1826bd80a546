//! Events that are an earlier one with another text, and what is done to them.
//!
//! An event that is [`Written`] as an earlier one was is read by a look at its two strings, instead of by a search for each thing that it could say.
//! What was found in the earlier one was found by its keys; so it is here, moved by as much as the text is longer.

use std::ops::Range;

use serde::de::IgnoredAny;

use super::reader::{Found, Unasked};
use crate::written::{Known, LONGEST, Written, behind_member};

/// What comes before a text, in the order in which they are looked for.
const TEXTS: [&[u8]; 3] = [b"\"content\":\"", b"\"reasoning_content\":\"", b"\"arguments\":\""];

/// How an event was written, and what was found in it.
#[derive(Debug)]
pub(super) struct Likeness {
    written: Written,
    /// The model's name, where it must change.
    model: Option<Range<usize>>,
    /// The usage that must go, counted from behind the text.
    usage: Option<Range<usize>>,
}

impl Likeness {
    /// Remembers an event, which is nothing but one line of data that starts there; none where it has no text, or something of it is found
    /// where another text would change it.
    pub(super) fn of(event: &[u8], data: &[u8], found: &Found) -> Option<Self> {
        if event.len() > LONGEST
            || found.last.is_some()
            || serde_json::from_slice::<IgnoredAny>(data).is_err()
        {
            return None;
        }
        let written = Written::of(event, TEXTS.iter().find_map(|key| behind_member(event, key))?)?;
        let model = found.model.clone();
        if model.as_ref().is_some_and(|model| model.end > written.text()) {
            return None;
        }
        let usage = match &found.usage {
            None => None,
            Some(Unasked::Event) => return None,
            Some(Unasked::Member(member)) => {
                let behind_text = written.read(event)?.behind_text;
                let usage = member.start.checked_sub(behind_text)?..member.end.checked_sub(behind_text)?;
                (usage.end <= written.same_behind_text()).then_some(())?;
                Some(usage)
            }
        };
        Some(Self { written, model, usage })
    }

    /// The event with which the bytes begin, if it is whole and written so.
    pub(super) fn read(&self, bytes: &[u8]) -> Option<Known> {
        self.written.read(bytes)
    }

    /// Where in such an event a model's name stands that must change.
    pub(super) const fn model(&self) -> Option<&Range<usize>> {
        self.model.as_ref()
    }

    /// Where in that event usage stands that must go: always behind the model.
    pub(super) fn usage(&self, known: &Known) -> Option<Range<usize>> {
        let usage = self.usage.as_ref()?;
        Some(usage.start.checked_add(known.behind_text)?..usage.end.checked_add(known.behind_text)?)
    }
}

#[cfg(test)]
mod tests {
    use llm_api::Dialect;
    use proptest::prelude::*;

    use super::super::cutter::Cutter;
    use super::super::reader::{Alike, Found, Reader, Unasked};
    use super::Likeness;

    const HEAD: &str = r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"#;
    const END: &str = r#"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"abc"}"#;

    /// What a reader finds that looks for everything, and how long the event is.
    fn plainly(stream: &[u8], usage: bool) -> Option<Alike> {
        let mut reader = Reader::new(Dialect::OpenAi, "gpt-4");
        if !usage {
            reader.drop_usage();
        }
        let mut cutter = Cutter::default();
        let length = cutter.read(stream)?;
        Some(Alike { length, found: reader.read(stream.get(..length)?, cutter.fields()) })
    }

    fn learn(event: &str, usage: bool) -> Option<Likeness> {
        let data = event.strip_prefix("data: ")?.strip_suffix("\n\n")?;
        let Alike { length, found } = plainly(event.as_bytes(), usage)?;
        (length == event.len()).then(|| Likeness::of(event.as_bytes(), data.as_bytes(), &found))?
    }

    /// Learns from one event, and reads another: nothing, or exactly what is found without.
    fn read(learnt: &str, stream: &str, usage: bool) -> bool {
        let Some(likeness) = learn(learnt, usage) else { return false };
        let Some(known) = likeness.read(stream.as_bytes()) else { return false };
        let usage_member = likeness.usage(&known).map(Unasked::Member);
        let found = Found { model: likeness.model().cloned(), usage: usage_member, last: None };
        let plain = plainly(stream.as_bytes(), usage).unwrap();
        assert_eq!((known.length, &found), (plain.length, &plain.found), "{learnt}{stream}");
        true
    }

    #[test]
    fn another_text_is_read_by_its_bytes() {
        let end = END.replace(",\"usage\":null", "");
        let short = r#"},"finish_reason":null}],"usage":null}"#;
        for (usage, end) in [(true, END), (false, END), (false, end.as_str()), (false, short)] {
            for key in [
                r#""content":"#,
                r#""reasoning_content":"#,
                r#""role":"assistant","content":"#,
                r#""tool_calls":[{"index":0,"function":{"arguments":"#,
            ] {
                let end = if key.contains('[') { format!("}}}}]{end}") } else { end.to_owned() };
                let event = |text: &str, padding: &str| {
                    format!("data: {HEAD}{key}\"{text}\"{}\n\n", end.replace("abc", padding))
                };
                for (text, padding) in [
                    ("", ""),
                    ("usage", "x"),
                    (r#"a \"usage\":\"error\" \\"#, "abcd"),
                    ("error", "error"),
                    ("é\\n", ""),
                ] {
                    assert!(
                        read(&event("a", "b"), &format!("{}data: 1", event(text, padding)), usage),
                        "{}",
                        event(text, padding)
                    );
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
            event("\"a\"", &format!("{END} ")),
            event("\"a\"", END).replace("\n\n", "\n"),
            event("\"a\"", END).replace('\n', "\r\n"),
        ] {
            assert!(!read(&learnt, &other, false), "{other}");
        }
        for unfit in [
            event("\"a\"", &END.replace("abc\"", "abc\",\"error\":\"x\"")),
            event("\"a\"", &END.replace("abc\"", "abc\",\"usage\":1").replace("\"usage\":null,", "")),
            event("\"a\"", &END.replace('}', "")),
            event("1", END),
            "data: {\"content\":\"a\",\"model\":\"gpt-4o\"}\n\n".to_owned(),
        ] {
            assert!(learn(&unfit, false).is_none(), "{unfit}");
        }
    }

    /// Nearly the data of a chunk.
    fn data() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(
            &[
                "{",
                "}",
                "}",
                "]",
                ",",
                "\"a\"",
                "\"error\"",
                "\"usage\":null",
                ",\"usage\":null",
                "\"content\":\"",
                "\"",
                "\\",
                "null",
                "{\"prompt_tokens\":1}",
                "\"model\":\"gpt-4o\"",
                "\"model\":\"gpt-4\"",
                "\"error\":1",
                ",\"obfuscation\":\"",
                "\"choices\":[",
                "\"content\":\"a\"",
                ",\"content\":\"b\"",
                ",\"obfuscation\":\"c\"",
                "\"usage\":{}",
                ":",
                " ",
            ][..],
        );
        let pieces = prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat());
        prop_oneof![
            pieces.clone(),
            pieces.clone().prop_map(|pieces| format!("{{{pieces}}}")),
            pieces.prop_map(|pieces| format!("{HEAD}\"content\":\"a\"{pieces}{END}")),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn what_is_read_is_what_is_found_without(data in data(), texts in prop::array::uniform3("[a-z{}\\[\\],:é]{0,6}"), usage in any::<bool>()) {
            let [first, second, padding] = &texts;
            let learnt = data.replace("\"a\"", &format!("\"{first}\""));
            let other = data.replace("\"a\"", &format!("\"{second}\"")).replace("\"c\"", &format!("\"{padding}\""));
            let _ = read(&format!("data: {learnt}\n\n"), &format!("data: {other}\n\n"), usage);
        }
    }
}
