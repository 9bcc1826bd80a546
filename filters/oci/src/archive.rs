//! A layer with one file: a tar archive, compressed, the same bytes for the same file.

use std::io::{self, Write as _};

use flate2::{Compression, GzBuilder};

/// Tar's unit.
const BLOCK: usize = 512;

/// The archive with that file, which everybody may read and nobody owns, from the beginning of 1970; and the same compressed.
pub(crate) fn archive(name: &str, bytes: &[u8]) -> io::Result<Archive> {
    let mut plain = header(name, bytes.len())?.to_vec();
    plain.extend_from_slice(bytes);
    let padding = bytes.len().next_multiple_of(BLOCK).saturating_sub(bytes.len());
    // The end of an archive is two empty blocks.
    plain.resize(plain.len().saturating_add(padding).saturating_add(2 * BLOCK), 0);
    // No file name, no time, and of the systems that can have compressed it the unknown one.
    let mut encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    encoder.write_all(&plain)?;
    Ok(Archive { compressed: encoder.finish()?, plain })
}

/// An archive before and after compression.
pub(crate) struct Archive {
    pub(crate) plain: Vec<u8>,
    pub(crate) compressed: Vec<u8>,
}

/// The header of POSIX's `ustar` format.
fn header(name: &str, size: usize) -> io::Result<[u8; BLOCK]> {
    let size = format!("{size:011o}\0");
    if name.len() > 100 || size.len() > 12 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "does not fit into a tar archive"));
    }
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| {
        for (byte, value) in header.iter_mut().skip(at).zip(text) {
            *byte = *value;
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, size.as_bytes());
    put(136, b"00000000000\0");
    // The sum of the header with blanks in its own place.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    for (byte, value) in header.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").as_bytes()) {
        *byte = *value;
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::archive;

    #[test]
    fn the_archive_is_what_tar_reads() {
        let content = b"a module\n".repeat(100);
        let archive = archive("plugin.wasm", &content).unwrap();
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(archive.compressed.as_slice()).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, archive.plain);
        assert_eq!(plain.len() % 512, 0);
        assert_eq!(plain.len(), 512 + 1_024 + 1_024);
        assert_eq!(&plain[..12], b"plugin.wasm\0");
        assert_eq!(&plain[512..512 + content.len()], content);
        let sum: u32 = plain[..512]
            .iter()
            .enumerate()
            .map(|(at, byte)| u32::from(if (148..156).contains(&at) { b' ' } else { *byte }))
            .sum();
        assert_eq!(&plain[148..156], format!("{sum:06o}\0 ").as_bytes());
    }

    #[test]
    fn the_compressed_archive_says_nothing_of_its_making() {
        let compressed = archive("plugin.wasm", b"").unwrap().compressed;
        // Magic, method, no flags, no time, slowest, unknown system.
        assert_eq!(&compressed[..10], b"\x1f\x8b\x08\0\0\0\0\0\x02\xff");
    }
}
