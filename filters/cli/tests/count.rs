//! `ai-filters count`, as people call it: what it prints, what it says of it, and what it refuses.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// The example of OpenAI's cookbook ("How to count tokens with tiktoken"), whose prompt OpenAI's API reported as 129 tokens for
/// GPT-4 and as 124 for GPT-4o.
const COOKBOOK: &str = r#"[
    {"role": "system", "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
    {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
    {"role": "system", "name": "example_assistant", "content": "Things working well together will increase revenue."},
    {"role": "system", "name": "example_user", "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
    {"role": "system", "name": "example_assistant", "content": "Let's talk later when we're less busy about how to do better."},
    {"role": "user", "content": "This late pivot means we don't have time to boil the ocean for the client deliverable."}
]"#;

fn count(arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ai-filters"))
        .arg("count")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments may be gone already.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What stdout and stderr are when all goes well.
fn said(arguments: &[&str], stdin: &str) -> (String, String) {
    let output = count(arguments, stdin.as_bytes());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    (text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
}

fn exactly(arguments: &[&str], stdin: &str, expected: &str) {
    assert_eq!(said(arguments, stdin), (expected.to_owned(), String::new()), "{arguments:?} {stdin:?}");
}

fn refused(arguments: &[&str], stdin: &[u8], expected: &str) {
    let output = count(arguments, stdin);
    assert_eq!(text(&output.stderr), expected, "{arguments:?}");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
}

#[test]
fn a_model_and_its_encoding_count_the_same() {
    for (model, encoding) in [("gpt-4o", "o200k_base"), ("gpt-4", "cl100k_base")] {
        for input in ["", "Hello, world!", "<|endoftext|>", "\u{a0}\u{3000} 你好\r\n\r\n"] {
            let by_model = said(&["--model", model], input);
            exactly(&["--encoding", encoding], input, &by_model.0);
        }
    }
    exactly(&["--encoding", "o200k_base"], "tiktoken is great!", "6\n");
}

#[test]
fn the_cookbooks_example_counts_as_openai_counted_it() {
    for (model, expected) in
        [("gpt-4", "129\n"), ("gpt-3.5-turbo", "129\n"), ("gpt-4o", "124\n"), ("gpt-4o-mini", "124\n")]
    {
        exactly(&["--chat", "--model", model], COOKBOOK, expected);
        let body = format!(r#"{{"model": "{model}", "messages": {COOKBOOK}}}"#);
        exactly(&["--chat"], &body, expected);
        exactly(&["--chat", "--surface", "chat-completions"], &body, expected);
    }
    exactly(&["--chat", "--encoding", "cl100k_base"], COOKBOOK, "129\n");
}

#[test]
fn a_long_text_counts_as_its_parts_do() {
    // Longer than any buffer on its way, and cut by none of them at a character's end.
    let line = "Ein Satz mit Umlauten: größer, schöner, weiter – und 中文 dazu.\n";
    let long = line.repeat(20_000);
    let file = format!("{}/count-long.txt", env!("CARGO_TARGET_TMPDIR"));
    fs::write(&file, &long).unwrap();
    let (whole, _) = said(&["--model", "gpt-4o", &file], "");
    exactly(&["--model", "gpt-4o"], &long, &whole);
    exactly(&["--model", "gpt-4o", "-"], &long, &whole);
    // A line break is a token of its own here, and a line does not include it.
    let (lines, _) = said(&["--lines", "--model", "gpt-4o", &file], "");
    let numbers: Vec<u64> = lines.lines().map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 20_000);
    let whole: u64 = whole.trim().parse().unwrap();
    assert!(numbers.iter().all(|number| Some(number) == numbers.first()), "all lines are the same");
    assert!(numbers.iter().sum::<u64>() <= whole, "{whole}");
}

#[test]
fn each_line_has_its_number() {
    exactly(&["--lines", "--model", "gpt-4o"], "a\r\n\nb c\n", "1\n0\n2\n");
    exactly(&["--lines", "--model", "gpt-4o"], "", "");
    let request = r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}"#;
    exactly(&["--chat", "--lines"], &format!("{request}\n{request}\n"), "8\n8\n");
}

#[test]
fn a_body_is_read_as_the_api_it_is_of() {
    let (responses, _) = said(&["--chat"], r#"{"model": "gpt-4o", "input": "Hello, world!"}"#);
    let (explicit, _) =
        said(&["--chat", "--surface", "responses"], r#"{"model": "gpt-4o", "input": "Hello, world!"}"#);
    assert_eq!(responses, explicit);
    // Embeddings have no framing, and may be tokens already.
    exactly(&["--chat"], r#"{"model": "text-embedding-3-small", "input": "Hello, world!"}"#, "4\n");
    exactly(&["--chat"], r#"{"model": "text-embedding-3-small", "input": [[1, 2, 3], [4]]}"#, "4\n");
    exactly(
        &["--chat", "--surface", "embeddings"],
        r#"{"model": "gpt-4o", "input": "Hello, world!"}"#,
        "4\n",
    );
    let claude = r#"{"model": "claude-sonnet-4-5", "max_tokens": 9, "system": "Be brief.", "messages": [{"role": "user", "content": "hi"}]}"#;
    let (detected, _) = said(&["--chat"], claude);
    assert_eq!(detected, said(&["--chat", "--surface", "messages"], claude).0);
    assert_ne!(
        detected,
        said(&["--chat", "--surface", "chat-completions"], claude).0,
        "`system` is Anthropic's"
    );
}

#[test]
fn what_is_not_exact_is_said_once() {
    let note =
        "note: estimated: this model's vocabulary, or what frames some part of the request, is not public\n";
    for model in ["claude-sonnet-4-5", "gemini-2.5-pro", "mistral-large-latest"] {
        let (numbers, notes) = said(&["--lines", "--model", model], "one\ntwo\n");
        assert_eq!(numbers.lines().count(), 2, "{model}");
        assert_eq!(notes, note, "{model}");
    }
    let body = r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "file", "file": {"file_id": "file-1"}}]}]}"#;
    let (_, notes) = said(&["--chat"], body);
    assert!(
        notes.contains("note: not counted: file; what it costs cannot be read from the request\n"),
        "{notes}"
    );
}

#[test]
fn what_cannot_be_counted_is_refused_with_a_hint() {
    let chat = "with --chat the input is the JSON body of a request, or its `messages`; without, it is text";
    let utf8 = "models read UTF-8; iconv converts other encodings to it";
    refused(
        &["--model", "gtp-4o"],
        b"",
        "--model: no tokenizer is known for `gtp-4o`\n  hint: is the name right? --encoding o200k_base counts in that encoding, whatever the model\n",
    );
    refused(
        &["--encoding", "p50k"],
        b"",
        "--encoding: `p50k` is no encoding that is known here\n  hint: one of `o200k_base`, `cl100k_base`\n",
    );
    refused(&[], b"", "whose tokens should be counted?\n  hint: --model gpt-4o, or --encoding o200k_base\n");
    refused(
        &["--model", "gpt-4o", "/no/such/file"],
        b"",
        "/no/such/file: No such file or directory (os error 2)\n  hint: a file to count, or nothing to count what comes in on stdin\n",
    );
    refused(&["--model", "gpt-4o"], b"caf\xe9", &format!("stdin: not UTF-8 at byte 3\n  hint: {utf8}\n"));
    refused(
        &["--model", "gpt-4o", "--lines"],
        b"a\nb\xff\n",
        &format!("stdin:2: not UTF-8 at byte 1\n  hint: {utf8}\n"),
    );
    refused(
        &["--chat", "--model", "gpt-4o"],
        b"{\"messages\": [\xff]}",
        &format!("stdin: not UTF-8 at byte 14\n  hint: {utf8}\n"),
    );
    refused(
        &["--chat", "--model", "gpt-4o"],
        b"{\"messages\": [}",
        &format!("stdin: not valid JSON (line 1, column 15)\n  hint: {chat}\n"),
    );
    refused(
        &["--chat", "--model", "gpt-4o"],
        b"\"hi\"",
        &format!("stdin: neither a JSON object nor an array\n  hint: {chat}\n"),
    );
    refused(
        &["--chat", "--model", "gpt-4o"],
        b"{\"prompt\": \"hi\"}",
        "stdin: the body has neither `messages` nor `input`\n  hint: --surface says which API's body it is\n",
    );
    refused(
        &["--chat"],
        b"[]",
        "stdin: the request does not say which model it is for\n  hint: --model gpt-4o\n",
    );
    refused(
        &["--chat"],
        b"{\"model\": \"gtp-4o\", \"messages\": []}",
        "stdin: no tokenizer is known for the request's model `gtp-4o`\n  hint: --model names another, --encoding an encoding\n",
    );
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for arguments in [
        &["--model", "gpt-4o", "--encoding", "o200k_base"][..],
        &["--model", "gpt-4o", "--surface", "messages"],
        &["--model"],
    ] {
        let output = count(arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).starts_with("error: "), "{arguments:?}: {}", text(&output.stderr));
    }
}
