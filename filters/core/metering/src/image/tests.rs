//! Tests of what images cost and of where their size stands.

#![expect(clippy::arithmetic_side_effects, reason = "a test that panics has failed")]

use super::*;

const TILES: Images = Images::Tiles { base: 85, tile: 170 };
const PATCHES: Budget = Budget { patches: 1_536, edge: u64::MAX };

fn size_of(width: u32, height: u32) -> Size {
    Size { width, height }
}

#[test]
fn tiles_cost_what_the_guide_and_the_bills_say() {
    for (width, height, tokens) in [
        (1_024, 1_024, 765),
        (2_048, 4_096, 1_105),
        (4_096, 2_048, 1_105),
        (128, 64, 255),
        (512, 512, 255),
        (512, 513, 425),
        // The first scale rounds 512.75 up and 512.4995 down.
        (2_049, 513, 1_445),
        (2_050, 513, 765),
        (1, 1_000_000, 765),
        (0, 0, 255),
    ] {
        assert_eq!(TILES.tokens(size_of(width, height), Detail::High), Some(tokens), "{width}x{height}");
        assert!(tokens <= TILES.at_most(Detail::High).unwrap());
    }
    assert_eq!(TILES.tokens(size_of(4_096, 8_192), Detail::Low), Some(85));
    let mini = Images::Tiles { base: 2_833, tile: 5_667 };
    assert_eq!(mini.tokens(size_of(128, 64), Detail::Auto), Some(8_500));
}

#[test]
fn patches_cost_what_the_guide_says() {
    let patches = |width, height| Edges::of(size_of(width, height)).patches(PATCHES.patches);
    assert_eq!(patches(1_024, 1_024), 1_024);
    assert_eq!(patches(1_800, 2_400), 1_452);
    // OpenAI's calculator: 2,348 tokens at 1.62.
    assert_eq!(permille_of(patches(4_000, 1_474), 1_620), 2_348);
    assert!(patches(u32::MAX, 1) <= 1_536);
}

#[test]
fn visual_tokens_follow_the_reference_implementation() {
    let standard = |width, height| Edges::of(size_of(width, height)).visual(1_568, 1_568);
    assert_eq!(standard(1_000, 1_000), 1_296);
    // 924×1307 after scaling; 1456×819.
    assert_eq!(standard(1_075, 1_520), 33 * 47);
    assert_eq!(standard(1_920, 1_080), 52 * 30);
    assert_eq!(Edges::of(size_of(1_075, 1_520)).visual(2_576, 4_784), 39 * 55);
    assert!(standard(u32::MAX, u32::MAX) <= 1_568);
    assert!(standard(u32::MAX, 1) <= 1_568);
}

#[test]
fn crops_are_258_tokens_each() {
    let cost = |width, height| Images::Crops.tokens(size_of(width, height), Detail::Auto);
    assert_eq!(cost(384, 384), Some(258));
    assert_eq!(cost(600, 400), Some(258));
    assert_eq!(cost(769, 768), Some(516));
    assert_eq!(cost(u32::MAX, u32::MAX), Images::Crops.at_most(Detail::Auto));
}

#[test]
fn no_size_costs_more_than_the_maximum() {
    let budget = |patches, edge| Budget { patches, edge };
    let patches = Images::Patches {
        permille: 1_620,
        auto: Some(budget(1_536, 2_048)),
        high: budget(2_500, 2_048),
        original: Some(budget(10_000, 6_000)),
    };
    let edges = [
        1,
        2,
        27,
        28,
        29,
        31,
        33,
        385,
        511,
        513,
        767,
        769,
        1_568,
        1_569,
        2_048,
        2_049,
        4_000,
        6_001,
        65_535,
        u32::MAX,
    ];
    for images in [TILES, patches, Images::Visual { edge: 1_568, tokens: 1_568 }, Images::Crops] {
        for detail in [Detail::Auto, Detail::Low, Detail::High, Detail::Original] {
            for width in edges {
                for height in edges {
                    let tokens = images.tokens(size_of(width, height), detail).unwrap();
                    assert!(
                        tokens >= 1 && tokens <= images.at_most(detail).unwrap(),
                        "{images:?} {width}x{height}"
                    );
                }
            }
        }
    }
}

/// Base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes.chunks(3).fold(String::new(), |mut out, chunk| {
        let word =
            chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let sextet = (word >> (18 - 6 * place)) as usize & 63;
            out.push(if place > chunk.len() { '=' } else { ALPHABET[sextet] as char });
        }
        out
    })
}

fn read(bytes: &[u8]) -> Option<Size> {
    size(&Payload::new(&base64(bytes)))
}

#[test]
fn sizes_are_read_from_headers() {
    let png = [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(),
        &640_u32.to_be_bytes(),
        &480_u32.to_be_bytes(),
        &[8, 6],
    ]
    .concat();
    assert_eq!(read(&png), Some(size_of(640, 480)));
    assert_eq!(read(&png[..23]), None);

    let gif = [b"GIF89a".as_slice(), &320_u16.to_le_bytes(), &200_u16.to_le_bytes()].concat();
    assert_eq!(read(&gif), Some(size_of(320, 200)));

    // A comment, a filler, a table that is no frame, then a progressive frame.
    let jpeg = [
        b"\xff\xd8\xff\xfe\0\x07hello".as_slice(),
        b"\xff\xff\xc4\0\x03x",
        b"\xff\xc2\0\x0b\x08",
        &1_080_u16.to_be_bytes(),
        &1_920_u16.to_be_bytes(),
    ]
    .concat();
    assert_eq!(read(&jpeg), Some(size_of(1_920, 1_080)));
    assert_eq!(read(b"\xff\xd8\xff\xda\0\x03x\xff\xc0\0\x0b\x08\0\x01\0\x01"), None);

    let riff = |chunk: &[u8]| [b"RIFF\0\0\0\0WEBP".as_slice(), chunk].concat();
    let lossy = [b"VP8 \0\0\0\0\0\0\0\x9d\x01\x2a".as_slice(), &[0x90, 0x41], &[0x2c, 0x01]].concat();
    assert_eq!(read(&riff(&lossy)), Some(size_of(400, 300)));
    let bits = 399_u32 | 299 << 14;
    let lossless = [b"VP8L\0\0\0\0\x2f".as_slice(), &bits.to_le_bytes()].concat();
    assert_eq!(read(&riff(&lossless)), Some(size_of(400, 300)));
    let extended = [b"VP8X\0\0\0\0\0\0\0\0".as_slice(), &[0x8f, 1, 0], &[0x2b, 1, 0]].concat();
    assert_eq!(read(&riff(&extended)), Some(size_of(400, 300)));

    assert_eq!(read(b"<svg width='9'>"), None);
    assert_eq!(read(b""), None);
}

#[test]
fn a_jpeg_of_endless_segments_is_given_up() {
    let endless = [b"\xff\xd8".as_slice(), &b"\xff\xe0\0\x02".repeat(10_000)].concat();
    assert_eq!(read(&endless), None);
}

#[test]
fn data_urls_may_have_escaped_slashes() {
    let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &[0, 0, 0xff, 0xff, 0, 0, 0x3f, 0xff]].concat();
    let escaped = format!("data:image\\/png;base64,{}", base64(&png).replace('/', "\\/"));
    assert!(escaped.contains("//\\/") || escaped.contains("\\/"), "{escaped}");
    assert_eq!(size(&Payload::of_data_url(&escaped).unwrap()), Some(size_of(0xffff, 0x3fff)));
    assert!(Payload::of_data_url("https://example.com/a.png").is_none());
    assert!(Payload::of_data_url("data:image/svg+xml,<svg/>").is_none());
    assert!(Payload::of_data_url("data:日本語").is_none());
}

#[test]
fn a_wav_says_how_long_it_is() {
    let header = [
        b"RIFF\0\0\0\0WAVEfmt ".as_slice(),
        &16_u32.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &24_000_u32.to_le_bytes(),
        &48_000_u32.to_le_bytes(),
        &2_u16.to_le_bytes(),
        &16_u16.to_le_bytes(),
        b"data\0\0\0\0",
    ]
    .concat();
    let second = [header.as_slice(), &vec![0; 48_000]].concat();
    let millis = Payload::new(&base64(&second)).wav_millis().unwrap();
    assert!((1_000..=1_001).contains(&millis), "{millis}");
    assert_eq!(Payload::new(&base64(b"ID3\x04")).wav_millis(), None);
}
