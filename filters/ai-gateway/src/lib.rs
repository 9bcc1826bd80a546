//! The ai-gateway filter as a proxy-wasm module.
