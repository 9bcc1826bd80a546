//! Runs the filters' state machines on a proxy-wasm host. The only crate that knows that ABI.
