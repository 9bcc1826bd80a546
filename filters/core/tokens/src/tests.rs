//! What can only be seen from inside: the tables against the vocabularies they are made of, the bound on which the joining of windows
//! rests, and the work that hostile texts cause.

mod split;
mod tables;
mod work;

use crate::Encoding;
use crate::tables::{Cl100kBase, Key, O200kBase, Tables, long, pair, short};

/// The tokens of an encoding in the order of their ranks, from the reference.
fn vocabulary(encoding: Encoding) -> Vec<Vec<u8>> {
    let reference = match encoding {
        Encoding::O200kBase => tiktoken_rs::o200k_base_singleton(),
        Encoding::Cl100kBase => tiktoken_rs::cl100k_base_singleton(),
    };
    (0..).map_while(|rank| reference.decode_bytes(&[rank]).ok()).collect()
}

/// The place of a token of two bytes or more, or [`NO_TOKEN`](crate::tables::NO_TOKEN).
fn place(encoding: Encoding, bytes: &[u8]) -> u32 {
    fn of<T: Tables>(bytes: &[u8]) -> u32 {
        match bytes.len() {
            2 => pair::<T>(bytes[0], bytes[1]),
            3..=16 => {
                let mut padded = [0; 16];
                padded[..bytes.len()].copy_from_slice(bytes);
                let key = Key::new(&padded, bytes.len());
                short::<T>(key, bytes.len(), key.hash(bytes.len()))
            }
            _ => long::<T>(bytes),
        }
    }
    match encoding {
        Encoding::O200kBase => of::<O200kBase>(bytes),
        Encoding::Cl100kBase => of::<Cl100kBase>(bytes),
    }
}
