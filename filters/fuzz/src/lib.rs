//! What the fuzz targets share: how an input is cut into chunks, and what holds for every translator of streams.

#![forbid(unsafe_code)]

mod translator;

pub use translator::check_translator;

/// How many cuts an input makes in itself.
const CUTS: usize = 6;

/// The input in chunks, some of them empty. Where it is cut follows from its own last bytes, so that the fuzzer moves the cuts as it moves
/// everything else, and a seed is nothing but the stream that it looks like.
pub fn chunks(data: &[u8]) -> Vec<&[u8]> {
    let places =
        data.rchunks_exact(2).take(CUTS).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
    let mut cuts: Vec<usize> = places.map(|place| usize::from(place) % (data.len() + 1)).collect();
    cuts.extend([0, data.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| &data[cut[0]..cut[1]]).collect()
}
