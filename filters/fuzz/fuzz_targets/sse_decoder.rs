//! The SSE decoder: the same events and the same refusal under every chunking, no more out than in, and what is written is read back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sse::{Decoder, EventTooLarge, write_event};

type Owned = (Option<Vec<u8>>, Vec<u8>);

fuzz_target!(|data: &[u8]| {
    for limit in [32, 1 << 20] {
        let whole = decode(limit, &[data]);
        let single: Vec<&[u8]> = data.chunks(1).collect();
        assert_eq!(decode(limit, &single), whole);
        assert_eq!(decode(limit, &fuzz::chunks(data)), whole);
        let size: usize =
            whole.0.iter().map(|(name, data)| name.as_ref().map_or(0, Vec::len) + data.len()).sum();
        assert!(size <= data.len());
        assert!(whole.0.iter().all(|(name, data)| name.as_ref().map_or(0, Vec::len) + data.len() <= limit));
    }

    let (events, _) = decode(1 << 20, &[data]);
    let mut written = Vec::new();
    let mut expect = Vec::new();
    for (name, data) in events {
        let name = name.and_then(|name| String::from_utf8(name).ok());
        write_event(&mut written, name.as_deref(), &data);
        expect.push((name.map(String::into_bytes), data));
    }
    assert_eq!(decode(1 << 21, &[&written]), (expect, Ok(false)));
});

/// The events, and whether the stream ended inside one.
fn decode(limit: usize, chunks: &[&[u8]]) -> (Vec<Owned>, Result<bool, EventTooLarge>) {
    let mut decoder = Decoder::new(limit);
    let mut events = Vec::new();
    let mut result = Ok(());
    for chunk in chunks {
        result = decoder
            .push(chunk, &mut |event| events.push((event.name.map(<[u8]>::to_vec), event.data.to_vec())));
    }
    let partial = decoder.has_partial();
    decoder.finish(&mut |event| events.push((event.name.map(<[u8]>::to_vec), event.data.to_vec())));
    (events, result.map(|()| partial))
}
