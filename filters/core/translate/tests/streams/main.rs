//! The two stream translators from outside: goldens, states, chunkings, arbitrary input, and the way there and back.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a test says what it means, in its helper functions too, and goldens are files"
)]

mod bounds;
mod chunking;
mod goldens;
mod reading;
mod states;

use translate::{End, StreamOptions, StreamTranslator};

use llm_api::Dialect;

/// The options of every test: a client that asked for `gpt-4`.
fn options(include_usage: bool) -> StreamOptions {
    StreamOptions { model: "gpt-4".to_owned(), created: 1_700_000_000, include_usage, id_seed: 0x5eed }
}

/// A translator from that provider to the other dialect.
fn translator(provider: Dialect, include_usage: bool) -> StreamTranslator {
    StreamTranslator::new(provider, other(provider), options(include_usage)).expect("the dialects differ")
}

fn other(dialect: Dialect) -> Dialect {
    match dialect {
        Dialect::OpenAi => Dialect::Anthropic,
        Dialect::Anthropic => Dialect::OpenAi,
    }
}

/// The whole of a stream, translated in the pieces that it is given in.
fn translate<'a>(
    provider: Dialect,
    include_usage: bool,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<u8>, End, StreamTranslator) {
    let mut translator = translator(provider, include_usage);
    let mut out = Vec::new();
    for piece in pieces {
        translator.push(piece, &mut out);
    }
    let end = translator.finish(&mut out);
    (out, end, translator)
}
