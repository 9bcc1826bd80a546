//! Values in filter state: fields one after the other, each as `length:bytes`; `-` stands for a field that is absent.

use crate::ContextError;

#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.push(b':');
        self.0.extend_from_slice(bytes);
    }

    /// Decimal digits without an allocation: this runs for every header of every request.
    fn length(&mut self, length: usize) {
        if let Some(rest) = length.checked_div(10).filter(|rest| *rest > 0) {
            self.length(rest);
        }
        let digit = u8::try_from(length % 10).unwrap_or_default();
        self.0.push(b'0'.saturating_add(digit));
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.text(if flag { "1" } else { "0" });
    }

    pub(crate) fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.0.push(b'-'),
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(value: &'a [u8]) -> Self {
        Self(value)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], ContextError> {
        let colon = self.0.iter().position(|byte| *byte == b':').ok_or(ContextError)?;
        let (length, rest) = self.0.split_at_checked(colon).ok_or(ContextError)?;
        let length: usize =
            std::str::from_utf8(length).ok().and_then(|n| n.parse().ok()).ok_or(ContextError)?;
        let rest = rest.get(1..).ok_or(ContextError)?;
        let (bytes, rest) = rest.split_at_checked(length).ok_or(ContextError)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self) -> Result<String, ContextError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| ContextError)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, ContextError> {
        match self.bytes()? {
            b"1" => Ok(true),
            b"0" => Ok(false),
            _ => Err(ContextError),
        }
    }

    pub(crate) fn optional(&mut self) -> Result<Option<String>, ContextError> {
        match self.0.split_first() {
            Some((b'-', rest)) => {
                self.0 = rest;
                Ok(None)
            }
            _ => self.text().map(Some),
        }
    }
}
