//! The ai-provider filter as a proxy-wasm module.
