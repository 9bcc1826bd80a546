//! Writes the tables of both vocabularies and of the character classes, from the data that the reference tokenizer is built with.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a build that cannot go on stops with its reason"
)]

mod classes;
#[path = "../src/hash.rs"]
mod hash;
mod vocabulary;

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=src/hash.rs");
    let directory = std::env::var_os("OUT_DIR").expect("cargo names the directory for what is generated");
    let directory = Path::new(&directory);
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(directory.join(name), bytes).unwrap_or_else(|error| panic!("writing {name}: {error}"));
    };
    let classes = classes::Classes::new();
    write("classes.index", &classes.index);
    write("classes.blocks", &classes.blocks);
    for (name, reference) in [
        ("o200k_base", tiktoken_rs::o200k_base().expect("the crate carries the vocabulary")),
        ("cl100k_base", tiktoken_rs::cl100k_base().expect("the crate carries the vocabulary")),
    ] {
        // Ranks are dense; the first gap is where the special tokens begin.
        let tokens: Vec<Vec<u8>> = (0..).map_while(|rank| reference.decode_bytes(&[rank]).ok()).collect();
        let tables = vocabulary::Tables::new(&tokens);
        write(&format!("{name}.pairs"), &tables.pairs);
        write(&format!("{name}.pilots"), &tables.pilots);
        write(&format!("{name}.slots"), &tables.slots);
        write(&format!("{name}.arena"), &tables.arena);
    }
}
