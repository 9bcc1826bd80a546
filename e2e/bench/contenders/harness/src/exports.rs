//! For a wasm host: the text that it wrote into linear memory, and its count.

use std::cell::RefCell;

use crate::{Count, Encoding};

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static TEXT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Makes room for a text of that many bytes and says where. The room of the text before it is used again.
pub fn input(length: u32) -> *mut u8 {
    let mut room = TEXT.take().into_bytes();
    room.clear();
    room.resize(length as usize, 0);
    let address = room.as_mut_ptr();
    INPUT.set(room);
    address
}

/// Takes what the host has written there: whether it is UTF-8.
pub fn ready() -> bool {
    match String::from_utf8(INPUT.take()) {
        Ok(text) => {
            TEXT.set(text);
            true
        }
        Err(_) => false,
    }
}

/// The text's tokens, in cl100k_base (0) or o200k_base (1). Texts of the bench are too short for a count that needs more bits.
pub fn count(count: Count, encoding: u32) -> u32 {
    let encoding = if encoding == 0 { Encoding::Cl100kBase } else { Encoding::O200kBase };
    TEXT.with_borrow(|text| count(encoding, text)) as u32
}
