//! Where things lie in a checkout.

use std::env;
use std::path::{Path, PathBuf};

/// The repository's root: the checkout that this program was built from.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The git-ignored cache: what was fetched and what a run leaves behind.
pub fn cache() -> PathBuf {
    root().join(".cache")
}

/// Cargo's target directory: `CARGO_TARGET_DIR` where it is set (the Makefile makes it absolute), else `target` in the repository.
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(directory) if !directory.is_empty() => root().join(directory),
        _ => root().join("target"),
    }
}

/// The directory with the built `ai_gateway.wasm` and `ai_provider.wasm`.
pub fn filters() -> PathBuf {
    target().join("wasm32-wasip1").join("wasm")
}
