//! What the decoder promises: the standard's events, the same under every chunking, in bounded memory and linear work.

use proptest::prelude::*;

use crate::{Decoder, Event, EventTooLarge, Reader, write_event};

type Owned = (Option<Vec<u8>>, Vec<u8>);

/// The events of a stream that comes in these chunks, and whether it ended inside one.
fn decode<'a>(
    limit: usize,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Owned>, Result<bool, EventTooLarge>) {
    let mut decoder = Decoder::new(limit);
    let mut events = Vec::new();
    let mut result = Ok(());
    for chunk in chunks {
        result = decoder
            .push(chunk, &mut |event| events.push((event.name.map(<[u8]>::to_vec), event.data.to_vec())));
        if result.is_err() {
            break;
        }
    }
    let partial = decoder.has_partial();
    decoder.finish(&mut |event| events.push((event.name.map(<[u8]>::to_vec), event.data.to_vec())));
    (events, result.map(|()| partial))
}

/// Takes the events of one short line of data without having them decoded, a few at a time.
#[derive(Default)]
struct Knowing {
    events: Vec<Owned>,
    known: usize,
}

impl Reader for Knowing {
    fn event(&mut self, event: Event<'_>) {
        self.events.push((event.name.map(<[u8]>::to_vec), event.data.to_vec()));
    }

    fn take_known<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let mut rest = bytes;
        while let Some(behind) = rest.strip_prefix(b"data: ") {
            let length = behind.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(behind.len());
            let (data, behind) = behind.split_at(length);
            let Some(behind) = behind.strip_prefix(b"\n\n") else { break };
            self.events.push((None, data.to_vec()));
            self.known = self.known.saturating_add(1);
            rest = behind;
        }
        rest
    }
}

/// The standard's algorithm, read off step by step over the whole stream, with the one deviation that `finish` documents.
fn reference(stream: &[u8]) -> Vec<Owned> {
    let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let mut lines = vec![Vec::new()];
    let mut after_cr = false;
    for &byte in stream {
        match byte {
            b'\n' if after_cr => {}
            b'\n' | b'\r' => lines.push(Vec::new()),
            _ => lines.last_mut().unwrap().push(byte),
        }
        after_cr = byte == b'\r';
    }
    // The end of the stream ends the last line and then the last event.
    lines.push(Vec::new());
    let (mut events, mut name, mut data) = (Vec::new(), Vec::new(), None::<Vec<u8>>);
    for line in lines {
        if line.is_empty() {
            if let Some(data) = data.take() {
                events.push((Some(std::mem::take(&mut name)).filter(|name| !name.is_empty()), data));
            }
            name.clear();
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (field, rest) = line.split_at(colon);
        let value = rest.strip_prefix(b":").unwrap_or(rest);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match (field, &mut data) {
            (b"event", _) => name = value.to_vec(),
            (b"data", None) => data = Some(value.to_vec()),
            (b"data", Some(data)) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            _ => {}
        }
    }
    events
}

fn check(stream: &[u8], expect: &[(Option<&str>, &str)]) {
    let expect: Vec<Owned> = expect
        .iter()
        .map(|(name, data)| (name.map(|name| name.as_bytes().to_vec()), data.as_bytes().to_vec()))
        .collect();
    assert_eq!(reference(stream), expect, "the reference");
    assert_eq!(decode(1024, [stream]).0, expect, "in one chunk");
    assert_eq!(decode(1024, stream.chunks(1)).0, expect, "byte by byte");
    for first in 0..=stream.len() {
        for second in first..=stream.len() {
            let chunks = [&stream[..first], &stream[first..second], &stream[second..]];
            assert_eq!(decode(1024, chunks).0, expect, "split at {first} and {second}");
        }
    }
}

#[test]
fn fields() {
    check(b"data: {}\n\n", &[(None, "{}")]);
    check(b"data:{}\n\n", &[(None, "{}")]);
    check(b"data:  two\n\n", &[(None, " two")]);
    check(b"data\n\n", &[(None, "")]);
    check(b"data\ndata\n\n", &[(None, "\n")]);
    check(b"data: a\ndata: b\ndata:c\n\n", &[(None, "a\nb\nc")]);
    check(b"event: e\ndata: a\n\ndata: b\n\n", &[(Some("e"), "a"), (None, "b")]);
    check(b"data: a\nevent: e\nevent: f\n\n", &[(Some("f"), "a")]);
    check(b"event: e\nevent:\ndata: a\n\n", &[(None, "a")]);
    check(b"id: 7\nretry: 10\ndata: a\nunknown: x\n\n", &[(None, "a")]);
    check(b"database: a\nDATA: b\n data: c\n\n", &[]);
    check(b"data: a: b\n\n", &[(None, "a: b")]);
}

#[test]
fn line_ends() {
    check(b"data: a\r\n\r\ndata: b\r\n\r\n", &[(None, "a"), (None, "b")]);
    check(b"data: a\r\rdata: b\r\r", &[(None, "a"), (None, "b")]);
    check(b"data: a\r\ndata: b\rdata: c\n\r", &[(None, "a\nb\nc")]);
    check(b"data: a\n\r\ndata: b\n\n", &[(None, "a"), (None, "b")]);
    check(b"\n\r\r\n\ndata: a\n\n\n\n", &[(None, "a")]);
}

#[test]
fn byte_order_mark() {
    check(b"\xEF\xBB\xBFdata: a\n\n", &[(None, "a")]);
    check(b"\xEF\xBB\xBF\ndata: a\n\n", &[(None, "a")]);
    check(b"\n\xEF\xBB\xBFdata: a\n\n", &[]);
    check(b"\xEF\xBBdata: a\n\n", &[]);
    check(b"\xEF\xBB\xBF", &[]);
}

#[test]
fn comments_and_events_without_data() {
    check(b": keep-alive\n\n:\n\ndata: a\n: inside\ndata: b\n\n", &[(None, "a\nb")]);
    check(b"event: ping\n\ndata: a\n\n", &[(None, "a")]);
}

#[test]
fn the_last_event_may_lack_its_end() {
    check(b"data: a\n\ndata: [DONE]\n", &[(None, "a"), (None, "[DONE]")]);
    check(b"data: a\n\ndata: [DONE]", &[(None, "a"), (None, "[DONE]")]);
    check(b"event: message_stop\ndata: {}", &[(Some("message_stop"), "{}")]);
    check(b"data: a\ndata", &[(None, "a\n")]);
    check(b"data: a\n\nevent: message_stop\n", &[(None, "a")]);
    check(b"data: a\n\ndat", &[(None, "a")]);
}

#[test]
fn an_unfinished_event_is_partial() {
    let partial = |stream: &[u8]| decode(1024, [stream]).1.unwrap();
    for stream in ["", "data: a\n\n", "data: a\r\n\r", ": comment\n", "id: 1\n"] {
        assert!(!partial(stream.as_bytes()), "{stream:?}");
    }
    for stream in ["d", "data: a", "data:\n", "data: a\n", "event: e\n", ": comm", "data: a\n\ndata: b\n"] {
        assert!(partial(stream.as_bytes()), "{stream:?}");
    }
}

#[test]
fn an_event_in_one_chunk_is_not_copied() {
    let chunk = b"event: e\ndata: {\"a\":1}\n\ndata: b\n\n".as_slice();
    let inside = |part: &[u8]| chunk.as_ptr_range().contains(&part.as_ptr());
    let mut events = 0;
    Decoder::new(1024)
        .push(chunk, &mut |event| {
            events += 1;
            assert!(inside(event.data) && event.name.is_none_or(inside));
        })
        .unwrap();
    assert_eq!(events, 2);
}

#[test]
fn a_reader_is_asked_where_an_event_begins_and_nowhere_else() {
    let stream = b"data: 1\n\n: comment\ndata: 2\n\nevent: a\ndata: 3\n\ndata: 4\r\n\r\ndata: 5\n\ndata: 6\n";
    let mut reader = Knowing::default();
    let mut decoder = Decoder::new(1024);
    for chunk in [stream.as_slice(), b"data: 7\n\ndata: 8\n\n"] {
        decoder.push_to(chunk, &mut reader).unwrap();
    }
    let data: Vec<&[u8]> = reader.events.iter().map(|(_, data)| data.as_slice()).collect();
    assert_eq!(data, [b"1".as_slice(), b"2", b"3", b"4", b"5", b"6\n7", b"8"]);
    assert_eq!(reader.known, 4, "1, 2, 5 and 8");
}

#[test]
fn the_limit_holds_for_every_way_to_be_large() {
    let too_large = Err(EventTooLarge { limit: 16 });
    let fits = [
        "data: 0123456789\n\n".to_owned(),
        "event: e\ndata: 012345678\n\n".to_owned(),
        ": 01234567890\n".repeat(100),
        "id: 012345678\n".repeat(100),
        "event: 0123\n".repeat(100) + "\n",
        "data: a\n\n".repeat(100),
    ];
    let exceeds = [
        "data: 01234567890\n\n".to_owned(),
        "data: 01234567890".to_owned(),
        "event: e\ndata: 0123456789\n\n".to_owned(),
        ": 012345678901234".to_owned(),
        "data: 0\n".repeat(8),
        "data\n".repeat(20),
        "event: 0123456789".to_owned() + "\ndata: a\n\n",
    ];
    for stream in &fits {
        assert_eq!(decode(16, [stream.as_bytes()]).1.map(drop), Ok(()), "{stream:?}");
        assert_eq!(decode(16, stream.as_bytes().chunks(1)).1.map(drop), Ok(()), "{stream:?}");
    }
    for stream in &exceeds {
        assert_eq!(decode(16, [stream.as_bytes()]).1, too_large, "{stream:?}");
        assert_eq!(decode(16, stream.as_bytes().chunks(1)).1, too_large, "{stream:?}");
    }
}

#[test]
fn nothing_follows_an_event_that_is_too_large() {
    let mut decoder = Decoder::new(8);
    let mut events = 0;
    assert!(decoder.push(b"data:1\n\ndata:0123456\n\ndata:2\n\n", &mut |_| events += 1).is_err());
    assert!(decoder.push(b"data:3\n\n", &mut |_| events += 1).is_err());
    decoder.finish(&mut |_| events += 1);
    assert_eq!(events, 1);
    assert!(!decoder.has_partial());
}

#[test]
fn work_is_linear_in_the_bytes() {
    const BYTES: usize = 1 << 20;
    for pattern in [
        "\r",
        "\n",
        "\r\n",
        "data:",
        "data:\n",
        "data\r",
        "data:\n\n",
        ":\n",
        "event:\n",
        "event: e\n",
        "x",
        "\u{feff}",
    ] {
        let stream = pattern.repeat(BYTES / pattern.len());
        for chunk in [16, BYTES] {
            let mut decoder = Decoder::new(BYTES);
            for chunk in stream.as_bytes().chunks(chunk) {
                decoder.push(chunk, &mut |_| {}).unwrap();
            }
            decoder.finish(&mut |_| {});
            // Each byte may be searched, copied into the line and copied into the data, and each line and chunk costs a few steps.
            assert!(decoder.work <= 8 * BYTES, "{pattern:?} in chunks of {chunk}: {}", decoder.work);
        }
    }
}

#[test]
fn what_is_written_is_one_event() {
    let mut out = Vec::new();
    write_event(&mut out, Some("ping"), b"{}");
    write_event(&mut out, None, b"");
    write_event(&mut out, Some("a\r\ndata: b"), b"c\r\nd\re\n");
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "event: ping\ndata: {}\n\ndata: \n\nevent: adata: b\ndata: c\ndata: d\ndata: e\ndata: \n\n"
    );
}

/// Bytes that look like a stream more often than random ones do.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "data: ", "data:", "data", "event: ", "event", "id: ", "retry: 1", ": ", ":", " ", "\n", "\n\n", "\r", "\r\n", "\r\n\r\n", "{}",
            "[DONE]", "ping", "\u{feff}",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn cut<'a>(stream: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len().saturating_add(1))).collect();
    cuts.sort_unstable();
    let mut start = 0;
    let mut chunks: Vec<&[u8]> = Vec::new();
    for cut in cuts {
        chunks.push(&stream[start..cut]);
        start = cut;
    }
    chunks.push(&stream[start..]);
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_events_are_the_standards_under_every_chunking(stream in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let expect = reference(&stream);
        prop_assert_eq!(&decode(4096, cut(&stream, &cuts)).0, &expect);
        prop_assert_eq!(&decode(4096, stream.chunks(1)).0, &expect);
        prop_assert_eq!(&decode(4096, [stream.as_slice()]).0, &expect);
    }

    #[test]
    fn what_a_reader_knows_is_in_its_place(stream in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let mut decoder = Decoder::new(1 << 20);
        let mut reader = Knowing::default();
        for chunk in cut(&stream, &cuts) {
            decoder.push_to(chunk, &mut reader).unwrap();
        }
        decoder.finish(&mut |event| reader.event(event));
        prop_assert_eq!(reader.events, reference(&stream));
    }

    #[test]
    fn the_limit_falls_alike_under_every_chunking(
        stream in stream(), limit in 0_usize..64, cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let whole = decode(limit, [stream.as_slice()]);
        prop_assert_eq!(&decode(limit, cut(&stream, &cuts)), &whole);
        prop_assert_eq!(&decode(limit, stream.chunks(1)), &whole);
    }

    #[test]
    fn what_is_held_is_bounded_by_the_limit(stream in stream(), limit in 0_usize..64, chunk in 1_usize..16) {
        let mut decoder = Decoder::new(limit);
        for chunk in stream.chunks(chunk) {
            let _ = decoder.push(chunk, &mut |_| {});
            // Three buffers, each at most doubled as it grew.
            prop_assert!(decoder.held() <= 24_usize.saturating_add(limit.saturating_mul(6)), "{}", decoder.held());
        }
    }

    #[test]
    fn what_is_written_is_read_back(events in prop::collection::vec(("[a-z_]{0,12}", "[^\r]{0,40}"), 0..8)) {
        let mut stream = Vec::new();
        for (name, data) in &events {
            write_event(&mut stream, Some(name.as_str()).filter(|name| !name.is_empty()), data.as_bytes());
        }
        let expect: Vec<Owned> = events
            .into_iter()
            .map(|(name, data)| (Some(name.into_bytes()).filter(|name| !name.is_empty()), data.into_bytes()))
            .collect();
        prop_assert_eq!(decode(4096, [stream.as_slice()]), (expect, Ok(false)));
    }
}
