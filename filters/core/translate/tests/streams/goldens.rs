//! Streams as the real APIs and their relatives send them, each with its translation stored beside it in `fixtures/streams`.
//!
//! `UPDATE_GOLDENS=1 cargo test -p translate --test streams` writes the translations anew; read the difference before you keep it.

use std::fs;
use std::path::PathBuf;

use llm_api::{Dialect, Usage};
use translate::{End, Skipped};

use crate::reading::{read, text};
use crate::translate;

/// One stored stream, and what is known of it besides its translation.
pub(crate) struct Golden {
    pub(crate) provider: Dialect,
    pub(crate) name: &'static str,
    pub(crate) include_usage: bool,
    end: End,
    /// Prompt (uncached, read, written), completion (seen, reasoning); none where the provider reported nothing.
    usage: Option<[u64; 5]>,
    skipped: Skipped,
    /// All of the client's text, as it would stand in a complete answer.
    text: &'static str,
}

const fn golden(
    provider: Dialect,
    name: &'static str,
    end: End,
    usage: Option<[u64; 5]>,
    text: &'static str,
) -> Golden {
    let skipped = Skipped { malformed: 0, inexpressible: 0 };
    Golden { provider, name, include_usage: true, end, usage, skipped, text }
}

/// Every stored stream.
#[rustfmt::skip]
pub(crate) fn all() -> Vec<Golden> {
    use Dialect::{Anthropic, OpenAi};
    use End::{Broken, Complete};
    let plain = [25, 0, 0, 15, 0];
    let begun = [25, 0, 0, 1, 0];
    let hello = "Hello! How can I help you today?";
    let mut all = vec![
        golden(Anthropic, "text", Complete, Some(plain), hello),
        Golden { include_usage: false, ..golden(Anthropic, "text_without_usage", Complete, Some(plain), hello) },
        Golden {
            skipped: Skipped { malformed: 0, inexpressible: 1 },
            ..golden(Anthropic, "several_blocks", Complete, Some([25, 0, 0, 7, 0]), "One, two, three")
        },
        golden(Anthropic, "unicode", Complete, Some([25, 0, 0, 31, 0]),
            "naïve “日本語” 🦀 \u{2028}é\n\t\"quoted\" back\\slash / \0 🦀"),
        golden(Anthropic, "cached_tokens", Complete, Some([12, 4096, 2048, 4, 0]), "Cached."),
        golden(Anthropic, "error_midstream", Broken, Some(begun), "Once upon"),
        golden(Anthropic, "truncated_before_stop_reason", Broken, Some(begun), "Hello!"),
        golden(Anthropic, "truncated_after_stop_reason", Broken, Some(plain), hello),
        Golden {
            skipped: Skipped { malformed: 1, inexpressible: 0 },
            ..golden(Anthropic, "truncated_inside_event", Broken, Some(begun), "Hello!")
        },
        Golden {
            skipped: Skipped { malformed: 1, inexpressible: 0 },
            ..golden(Anthropic, "noise", Complete, Some([25, 0, 0, 9, 0]), "kept, kept too")
        },
        golden(Anthropic, "crlf", Complete, Some(plain), hello),
        golden(Anthropic, "thinking", Complete, Some([25, 0, 0, 12, 48]), "12,231"),
        golden(Anthropic, "tools", Complete, Some([25, 0, 0, 89, 0]), "Let me look."),
        golden(Anthropic, "max_tokens", Complete, Some(begun), "Cut"),
        golden(Anthropic, "refusal", Complete, Some([25, 0, 0, 4, 0]), "I can't"),
        golden(Anthropic, "unknown_stop_reason", Complete, Some([25, 0, 0, 2, 0]), "Hm"),
    ];
    let hello = "Hello! How can I help?";
    let plain = [19, 0, 0, 9, 0];
    all.extend([
        golden(OpenAi, "text", Complete, Some(plain), hello),
        golden(OpenAi, "text_without_usage", Complete, None, hello),
        golden(OpenAi, "azure", Complete, Some([5, 0, 0, 1, 0]), "Hi"),
        golden(OpenAi, "unicode", Complete, Some([5, 0, 0, 11, 0]), "naïve “日本語” 🦀 \u{2028}é\n\t\"q\" \\ / \0 🦀"),
        golden(OpenAi, "cached_tokens", Complete, Some([12, 4096, 2048, 4, 48]), "Cached."),
        golden(OpenAi, "usage_with_finish", Complete, Some([4, 0, 0, 2, 0]), "Bonjour"),
        golden(OpenAi, "error_midstream", Broken, None, "Once upon"),
        golden(OpenAi, "error_numeric_code", Broken, None, "Once"),
        golden(OpenAi, "truncated_before_finish", Broken, None, hello),
        golden(OpenAi, "truncated_after_finish", Broken, Some(plain), hello),
        Golden {
            skipped: Skipped { malformed: 1, inexpressible: 0 },
            ..golden(OpenAi, "noise", Complete, Some([3, 0, 0, 4, 0]), "kept, kept too")
        },
        golden(OpenAi, "crlf_without_last_blank_line", Complete, Some(plain), hello),
        golden(OpenAi, "reasoning", Complete, Some([14, 0, 0, 12, 48]), "12,231"),
        golden(OpenAi, "tools", Complete, Some([80, 0, 0, 30, 0]), "Let me look."),
        golden(OpenAi, "tools_interleaved", Complete, None, ""),
        golden(OpenAi, "refusal", Complete, Some([30, 0, 0, 10, 0]), "I'm sorry, I can't help with that."),
        golden(OpenAi, "length", Complete, Some([30, 0, 0, 1, 0]), "Cut"),
        golden(OpenAi, "content_filter", Complete, Some([30, 0, 0, 1, 0]), "Well"),
    ]);
    all
}

impl Golden {
    fn path(&self, dialect: Dialect) -> PathBuf {
        let client = crate::other(self.provider);
        let directory = format!("fixtures/streams/{}_to_{client}", self.provider);
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(directory).join(format!("{}.{dialect}.sse", self.name))
    }

    /// The provider's bytes.
    pub(crate) fn input(&self) -> Vec<u8> {
        fs::read(self.path(self.provider)).expect(self.name)
    }
}

#[test]
fn every_stream_becomes_its_golden() {
    for golden in all() {
        let client = crate::other(golden.provider);
        let (out, ..) = translate(golden.provider, golden.include_usage, [golden.input().as_slice()]);
        let path = golden.path(client);
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            fs::write(&path, &out).expect("the golden is writable");
        }
        let expected = fs::read(&path).expect("the golden exists");
        assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&expected), "{}", path.display());
    }
}

#[test]
fn every_stored_stream_is_in_the_table() {
    for (provider, directory) in
        [(Dialect::Anthropic, "anthropic_to_openai"), (Dialect::OpenAi, "openai_to_anthropic")]
    {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/streams").join(directory);
        for file in fs::read_dir(root).expect("the fixtures exist") {
            let file = file.expect("a file").file_name().into_string().expect("an ASCII name");
            let known = all()
                .iter()
                .any(|golden| golden.provider == provider && file.starts_with(&format!("{}.", golden.name)));
            assert!(known, "{directory}/{file} belongs to no test");
        }
    }
}

#[test]
fn the_end_the_usage_and_the_losses_are_known() {
    for golden in all() {
        let (_, end, translator) =
            translate(golden.provider, golden.include_usage, [golden.input().as_slice()]);
        let usage = translator
            .usage()
            .map(|usage| [usage.input, usage.cache_read, usage.cache_write(), usage.output, usage.reasoning]);
        assert_eq!(end, golden.end, "{}", golden.name);
        assert_eq!(usage, golden.usage, "{}", golden.name);
        assert_eq!(translator.skipped(), golden.skipped, "{}", golden.name);
    }
}

/// A reader that shares no code with the writers follows the client's own rules through every golden.
#[test]
fn every_translation_is_a_stream_of_the_clients_dialect() {
    for golden in all() {
        let client = crate::other(golden.provider);
        let (out, end, _) = translate(golden.provider, golden.include_usage, [golden.input().as_slice()]);
        let answer =
            read(client, golden.include_usage, &out).unwrap_or_else(|why| panic!("{}: {why}", golden.name));
        assert_eq!(answer.end, end, "{}", golden.name);
        assert_eq!(text(&answer), golden.text, "{}", golden.name);
    }
}

/// Numbers without gaps, an input for every call, and each fragment in its own call.
#[test]
fn tool_calls_come_through() {
    let calls = |provider, name: &str| {
        let golden = all()
            .into_iter()
            .find(|golden| golden.provider == provider && golden.name == name)
            .expect("exists");
        let (out, ..) = translate(provider, true, [golden.input().as_slice()]);
        let answer = read(crate::other(provider), true, &out).expect("a stream");
        let calls = answer.calls.into_iter().map(|call| format!("{} {} {}", call.id, call.name, call.input));
        (calls.collect::<Vec<_>>(), answer.reason.expect("an end"))
    };
    let (anthropic, reason) = calls(Dialect::Anthropic, "tools");
    assert_eq!(reason, "tool_calls");
    assert_eq!(
        anthropic,
        [
            r#"toolu_01T1x1fJ34qAmk2tNTrN7Up6 get_weather {"city":"Zürich"}"#,
            "toolu_02 get_time {}",
            r#"toolu_03 at_once {"a":1}"#,
        ]
    );
    let (openai, reason) = calls(Dialect::OpenAi, "tools");
    assert_eq!(reason, "tool_use");
    assert_eq!(openai, [r#"call_a1 get_weather {"city":"Zürich"}"#, "call_b2 get_time {}"]);
    let (interleaved, reason) = calls(Dialect::OpenAi, "tools_interleaved");
    assert_eq!(reason, "tool_use");
    let generated = "toolu_0000000000005eed_2 third_without_id {}";
    assert_eq!(interleaved, [r#"call_b2 second {"b":2}"#, r#"call_a1 first {"a":1}"#, generated]);
}

/// The gateway charges what was reported even if the client hangs up in the middle.
#[test]
fn usage_runs_with_the_stream() {
    let seen = |provider, name: &str| {
        let golden = all()
            .into_iter()
            .find(|golden| golden.provider == provider && golden.name == name)
            .expect("exists");
        let mut translator = crate::translator(provider, true);
        let mut seen: Vec<Option<Usage>> = vec![translator.usage().copied()];
        for byte in golden.input() {
            translator.push(&[byte], &mut Vec::new());
            if seen.last() != Some(&translator.usage().copied()) {
                seen.push(translator.usage().copied());
            }
        }
        seen.into_iter()
            .map(|usage| usage.map(|usage| (usage.prompt(), usage.completion())))
            .collect::<Vec<_>>()
    };
    assert_eq!(seen(Dialect::Anthropic, "text"), [None, Some((25, 1)), Some((25, 15))]);
    assert_eq!(seen(Dialect::Anthropic, "truncated_before_stop_reason"), [None, Some((25, 1))]);
    assert_eq!(seen(Dialect::OpenAi, "text"), [None, Some((19, 9))]);
}
