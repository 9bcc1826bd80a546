//! Reading and writing the fixed fields of a page: little-endian, in order, without a way to panic.

/// Takes fields off the front of a slice. Where the slice is too short it reads zeros; a page's length is checked before it is read.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((field, rest)) => {
                self.0 = rest;
                *field
            }
            None => [0; N],
        }
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    pub(crate) fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.take())
    }

    pub(crate) fn u128(&mut self) -> u128 {
        u128::from_le_bytes(self.take())
    }
}

/// Puts fields on the front of a slice. What does not fit is not written.
pub(crate) struct Writer<'a>(pub(crate) &'a mut [u8]);

impl Writer<'_> {
    fn put<const N: usize>(&mut self, field: [u8; N]) {
        let bytes = std::mem::take(&mut self.0);
        if let Some((place, rest)) = bytes.split_first_chunk_mut::<N>() {
            *place = field;
            self.0 = rest;
        }
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.put(value.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.put(value.to_le_bytes());
    }

    pub(crate) fn u128(&mut self, value: u128) {
        self.put(value.to_le_bytes());
    }
}
