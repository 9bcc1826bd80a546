//! Runs the filters' state machines on a proxy-wasm host. The only crate that knows that ABI.
//!
//! Callbacks become [`seam::Input`]s, [`seam::Effect`]s become host calls. What a machine asks for is fetched and handed back in the same
//! callback. Nothing is decided here: a behaviour that could be tested without a host belongs into a machine.
//!
//! A host call that is refused is a value here and not a panic ([`abi`]): a panic takes the worker's VM down.

// Only `make mutants` builds with debug assertions; what is built for shipping, with or without `make`, has none.
#[cfg(all(any(feature = "blind-swap", feature = "trap"), not(debug_assertions)))]
compile_error!(
    "blind-swap and trap are for the tests that test the tests, and are never shipped: build with `make mutants`"
);

mod abi;
mod effects;
mod fetch;
mod filters;
mod header_map;
mod memory;
mod root;
mod seed;
mod stream;

pub use filters::{Filter, GatewayFilter, ProviderFilter};
pub use root::start;

/// Makes a cdylib the proxy-wasm module of a filter: exports the entry point that the host calls first.
#[macro_export]
macro_rules! export {
    ($filter:ty) => {
        #[expect(unsafe_code, reason = "the host finds the entry point by its name")]
        #[unsafe(no_mangle)]
        extern "C" fn _initialize() {
            $crate::start::<$filter>();
        }
    };
}
