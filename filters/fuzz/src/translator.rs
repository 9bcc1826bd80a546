//! What holds for every stream translator and any bytes.

use llm_api::{Dialect, Usage};
use translate::{Edit, End, Skipped, StreamEdit, StreamOptions, StreamTranslator};

const MODEL: &str = "gpt-4";

/// What one byte of input may become: `{}` in an array of tool calls is two bytes, and at most one event's worth.
const FACTOR: usize = 64;

/// What no input may become: the first event of an answer, and an error.
const CONSTANT: usize = 4_096;

/// Translates the bytes as a stream of that provider, whole and in pieces, and reads what came out as the client's gateway would.
pub fn check_translator(provider: Dialect, client: Dialect, data: &[u8]) {
    let whole = translate(provider, client, &[data]);
    let single: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(translate(provider, client, &single), whole);
    assert_eq!(translate(provider, client, &crate::chunks(data)), whole);

    let (out, end, ..) = whole;
    assert!(out.len() <= data.len() * FACTOR + CONSTANT, "{} from {}", out.len(), data.len());
    let mut edit = StreamEdit::new(client, MODEL.to_owned());
    let mut edited = Vec::new();
    assert_eq!(
        edit.push(&out, &mut edited),
        Edit::Unchanged,
        "it names the client's model, and is made of whole events"
    );
    assert_eq!(
        (edit.finish(&mut edited), edited.as_slice()),
        (end, [].as_slice()),
        "it says itself how it ended"
    );
}

fn translate(provider: Dialect, client: Dialect, chunks: &[&[u8]]) -> (Vec<u8>, End, Option<Usage>, Skipped) {
    let options = StreamOptions { model: MODEL.to_owned(), created: 1, include_usage: true, id_seed: 1 };
    let mut translator = StreamTranslator::new(provider, client, options).expect("the dialects differ");
    let mut out = Vec::new();
    for chunk in chunks {
        translator.push(chunk, &mut out);
    }
    let end = translator.finish(&mut out);
    (out, end, translator.usage().copied(), translator.skipped())
}
