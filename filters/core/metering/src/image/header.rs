//! The size of an image, and the length of a sound, from the first bytes of their base64.
//!
//! Nothing is decoded but the bytes that are looked at: base64 says where each of them is.

use std::borrow::Cow;

use super::Size;

/// How much of a payload is looked at where it has to be copied first, in characters.
const COPIED: usize = 64 * 1024;

/// How many segments of a JPEG are passed before its size: cameras write fewer than ten, colour profiles are cut into some more.
const SEGMENTS: usize = 256;

/// A base64 payload, as it stands in a JSON string.
pub(crate) struct Payload<'a> {
    text: Cow<'a, str>,
    /// Length of what is decoded, in bytes; an upper bound where the text has escapes.
    len: u64,
}

impl<'a> Payload<'a> {
    /// A payload from between the quotes of a JSON string. Of escapes only `\/` can stand in base64, and some encoders write it.
    pub(crate) fn new(raw: &'a str) -> Self {
        let len = (raw.trim_end_matches('=').len() as u64).saturating_mul(3) >> 2;
        let head = raw.get(..COPIED).unwrap_or(raw);
        let text = if head.contains('\\') { head.replace('\\', "").into() } else { Cow::Borrowed(raw) };
        Self { text, len }
    }

    /// The payload of a `data:` URL; none where it is no such URL, or not base64.
    pub(crate) fn of_data_url(raw: &'a str) -> Option<Self> {
        const HEAD: usize = 256;
        if !raw.get(..5)?.eq_ignore_ascii_case("data:") {
            return None;
        }
        let head = raw.as_bytes().get(..HEAD.min(raw.len()))?;
        let comma = memchr::memchr(b',', head)?;
        let (kind, payload) = raw.split_at_checked(comma)?;
        kind.to_ascii_lowercase()
            .ends_with(";base64")
            .then(|| Self::new(payload.get(1..).unwrap_or_default()))
    }

    fn byte(&self, at: usize) -> Option<u8> {
        let (group, place) = (at.checked_div(3)?, at.checked_rem(3)?);
        let first = group.checked_mul(4)?.checked_add(place)?;
        let text = self.text.as_bytes();
        let (left, right) = (sextet(*text.get(first)?)?, sextet(*text.get(first.checked_add(1)?)?)?);
        Some(match place {
            0 => left << 2 | right >> 4,
            1 => left << 4 | right >> 2,
            _ => left << 6 | right,
        })
    }

    fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        for (offset, byte) in bytes.iter_mut().enumerate() {
            *byte = self.byte(at.checked_add(offset)?)?;
        }
        Some(bytes)
    }

    fn has(&self, at: usize, expected: &[u8]) -> bool {
        expected.iter().zip(at..).all(|(byte, at)| self.byte(at) == Some(*byte))
    }

    fn u16_be(&self, at: usize) -> Option<u32> {
        self.bytes(at).map(u16::from_be_bytes).map(u32::from)
    }

    fn u16_le(&self, at: usize) -> Option<u32> {
        self.bytes(at).map(u16::from_le_bytes).map(u32::from)
    }

    fn u24_le(&self, at: usize) -> Option<u32> {
        let [low, middle, high] = self.bytes(at)?;
        Some(u32::from_le_bytes([low, middle, high, 0]))
    }

    /// How long a sound takes, in milliseconds, rounded up; none where it is not uncompressed WAV.
    pub(crate) fn wav_millis(&self) -> Option<u64> {
        const HEADER: u64 = 44;
        if !(self.has(0, b"RIFF") && self.has(8, b"WAVEfmt ")) {
            return None;
        }
        // 1 is PCM, 3 floating point, 0xfffe either with more to it.
        if !matches!(self.u16_le(20)?, 1 | 3 | 0xfffe) {
            return None;
        }
        let (channels, bits) = (self.u16_le(22)?, self.u16_le(34)?);
        let rate = self.bytes(24).map(u32::from_le_bytes)?;
        let bytes_per_second =
            u64::from(rate).checked_mul(channels.into())?.checked_mul(bits.div_ceil(8).into())?;
        if bytes_per_second == 0 {
            return None;
        }
        Some(self.len.saturating_sub(HEADER).saturating_mul(1_000).div_ceil(bytes_per_second))
    }
}

fn sextet(character: u8) -> Option<u8> {
    Some(match character {
        b'A'..=b'Z' => character.saturating_sub(b'A'),
        b'a'..=b'z' => character.saturating_sub(b'a').saturating_add(26),
        b'0'..=b'9' => character.saturating_sub(b'0').saturating_add(52),
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// The size of a PNG, JPEG, GIF or WebP; none of anything else, or where it is not where it should be.
pub(crate) fn size(image: &Payload<'_>) -> Option<Size> {
    match image.bytes::<4>(0)? {
        [0x89, b'P', b'N', b'G'] => {
            let (width, height) = (image.bytes(16)?, image.bytes(20)?);
            Some(Size { width: u32::from_be_bytes(width), height: u32::from_be_bytes(height) })
        }
        [0xff, 0xd8, 0xff, _] => jpeg(image),
        [b'G', b'I', b'F', b'8'] => Some(Size { width: image.u16_le(6)?, height: image.u16_le(8)? }),
        [b'R', b'I', b'F', b'F'] if image.has(8, b"WEBP") => webp(image),
        _ => None,
    }
}

/// Walks the segments to the one that begins a frame.
fn jpeg(image: &Payload<'_>) -> Option<Size> {
    let mut at = 2_usize;
    for _ in 0..SEGMENTS {
        let [mark, kind] = image.bytes(at)?;
        if mark != 0xff {
            return None;
        }
        match kind {
            // A frame, of whatever coding; the three left out are tables.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let (height, width) = (image.u16_be(at.checked_add(5)?)?, image.u16_be(at.checked_add(7)?)?);
                return Some(Size { width, height });
            }
            0xff => at = at.checked_add(1)?,
            // Marks that stand alone.
            0x01 | 0xd0..=0xd8 => at = at.checked_add(2)?,
            // The picture's data, or its end: too late for a size.
            0xd9 | 0xda => return None,
            _ => {
                let len = image.u16_be(at.checked_add(2)?)?;
                at = at.checked_add(2)?.checked_add(usize::try_from(len).ok()?)?;
            }
        }
    }
    None
}

fn webp(image: &Payload<'_>) -> Option<Size> {
    match &image.bytes::<4>(12)? {
        b"VP8 " if image.has(23, &[0x9d, 0x01, 0x2a]) => {
            // Two bits of each are for upscaling.
            Some(Size { width: image.u16_le(26)? & 0x3fff, height: image.u16_le(28)? & 0x3fff })
        }
        b"VP8L" if image.has(20, &[0x2f]) => {
            let bits = image.bytes(21).map(u32::from_le_bytes)?;
            let side = |bits: u32| (bits & 0x3fff).saturating_add(1);
            Some(Size { width: side(bits), height: side(bits >> 14) })
        }
        b"VP8X" => {
            let side = |at| image.u24_le(at).map(|less_one| less_one.saturating_add(1));
            Some(Size { width: side(24)?, height: side(27)? })
        }
        _ => None,
    }
}
