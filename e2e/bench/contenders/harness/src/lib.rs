//! What every contender has around its one function: a line protocol for a native process, and exports for a wasm host.
//!
//! Both sides put the text in place first and validate it once, so that what is timed is counting and nothing else.

#[cfg(target_family = "wasm")]
mod exports;
#[cfg(not(target_family = "wasm"))]
mod process;

#[cfg(target_family = "wasm")]
pub use exports::{count, input, ready};
#[cfg(not(target_family = "wasm"))]
pub use process::serve;

/// The vocabularies that all contenders have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// GPT-4, GPT-3.5.
    Cl100kBase,
    /// GPT-4o and later.
    O200kBase,
}

/// A contender: how many tokens of that encoding a text has, read as text alone, without special tokens.
pub type Count = fn(Encoding, &str) -> u64;

/// Exports a [`Count`] from a wasm module: `input(length) -> address`, then `ready()`, then `count(encoding) -> tokens`.
#[macro_export]
macro_rules! export {
    ($count:ident) => {
        #[cfg(target_family = "wasm")]
        #[expect(unsafe_code, reason = "the names of exports")]
        mod exports {
            #[unsafe(no_mangle)]
            extern "C" fn input(length: u32) -> *mut u8 {
                $crate::input(length)
            }

            #[unsafe(no_mangle)]
            extern "C" fn ready() -> u32 {
                u32::from($crate::ready())
            }

            #[unsafe(no_mangle)]
            extern "C" fn count(encoding: u32) -> u32 {
                $crate::count(super::$count, encoding)
            }
        }
    };
}
