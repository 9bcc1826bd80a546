//! JSON output that cannot grow without bound.

use std::io;

/// Writes JSON, but no more than so many bytes of it.
pub(crate) struct Limited {
    bytes: Vec<u8>,
    limit: usize,
}

impl Limited {
    /// `value` as JSON; none where it is longer than `limit`. `expected` is how long it will likely be.
    pub(crate) fn json(value: &impl serde::Serialize, expected: usize, limit: usize) -> Option<Vec<u8>> {
        let mut out = Self { bytes: Vec::with_capacity(expected.min(limit)), limit };
        serde_json::to_writer(&mut out, value).ok()?;
        Some(out.bytes)
    }
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.limit.saturating_sub(self.bytes.len()) < bytes.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
