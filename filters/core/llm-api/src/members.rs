//! The members of a large JSON object, without looking at what is in them.
//!
//! Every request passes through here once, and nearly all of it is text that nobody wants to read yet. A parser looks at each byte of a string;
//! this looks for its end, many bytes at a time where the machine can.

/// The members of an object in their order: keys without their quotes, and values as they are written.
///
/// It takes what a JSON parser takes (RFC 8259), with two exceptions that it leaves to one: a key with an escape in it, and whatever is no JSON.
/// Then it ends in [`NotPlain`], so a reader that wants to know more asks a parser, and one that is told nothing worse can go without.
/// Whether text in strings is UTF-8 is not looked at. Nesting costs no stack.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    /// What was not looked at yet.
    rest: &'a [u8],
    place: Place,
    /// What closes the containers around the place inside of a value.
    closers: Vec<u8>,
}

/// The object is none, or not so plain that it could be read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no JSON object, or one that only a parser can judge")]
pub struct NotPlain;

/// A member: its key, without the quotes, and its value.
pub type Member<'a> = (&'a [u8], &'a [u8]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Before,
    Inside,
    BehindMember,
    Over,
}

impl<'a> Members<'a> {
    /// From before the object.
    pub const fn of(object: &'a [u8]) -> Self {
        Self { rest: object, place: Place::Before, closers: Vec::new() }
    }

    /// From before a member: the end of an object, of which the beginning was seen elsewhere.
    pub const fn of_rest(object: &'a [u8]) -> Self {
        Self { rest: object, place: Place::Inside, closers: Vec::new() }
    }

    /// The next member; none at the end of the object, behind which there is white space and nothing else.
    ///
    /// # Errors
    ///
    /// [`NotPlain`] as soon as that is known: members that were read before may be of an object that is none.
    pub fn next_member(&mut self) -> Result<Option<Member<'a>>, NotPlain> {
        match self.key().ok_or(NotPlain)? {
            Some(key) => Ok(Some((key, self.pass_over().ok_or(NotPlain)?))),
            None if self.is_whole() => Ok(None),
            None => Err(NotPlain),
        }
    }

    /// The next member's key, with its value still before us; `Some(None)` at the end of the object, whatever is behind it.
    pub fn key(&mut self) -> Option<Option<&'a [u8]>> {
        let rest = match self.place {
            Place::Over => return Some(None),
            Place::Before => blank(self.rest).strip_prefix(b"{")?,
            Place::Inside | Place::BehindMember => self.rest,
        };
        let rest = match (self.place, blank(rest)) {
            (Place::Before | Place::BehindMember, [b'}', behind @ ..]) => {
                (self.place, self.rest) = (Place::Over, behind);
                return Some(None);
            }
            (Place::BehindMember, [b',', rest @ ..]) => blank(rest),
            (Place::BehindMember, _) => return None,
            (_, rest) => rest,
        };
        let (key, behind) = plain_string(rest.strip_prefix(b"\"")?)?;
        self.rest = blank(blank(behind).strip_prefix(b":")?);
        Some(Some(key))
    }

    /// The value of the key that was read.
    pub fn pass_over(&mut self) -> Option<&'a [u8]> {
        let value = self.rest;
        let behind = self.value(value)?;
        (self.place, self.rest) = (Place::BehindMember, behind);
        value.get(..value.len().checked_sub(behind.len())?)
    }

    /// The members of that value. They have to be read to their end before these go on, [behind](Self::behind) them.
    pub const fn inner(&self) -> Self {
        Self::of(self.rest)
    }

    /// Goes on behind a value whose members were read.
    pub fn behind(&mut self, inner: &Self) -> Option<()> {
        (self.place, self.rest) = (Place::BehindMember, inner.rest);
        (inner.place == Place::Over).then_some(())
    }

    /// Whether the object was read to its end, and nothing is behind it but white space.
    pub fn is_whole(&self) -> bool {
        self.place == Place::Over && blank(self.rest).is_empty()
    }

    /// From a value to behind it.
    fn value<'r>(&mut self, mut rest: &'r [u8]) -> Option<&'r [u8]> {
        loop {
            let (first, behind) = rest.split_first()?;
            rest = match first {
                b'"' => string(behind)?,
                b'{' => match blank(behind) {
                    [b'}', behind @ ..] => behind,
                    inside => {
                        self.closers.push(b'}');
                        rest = key(inside)?;
                        continue;
                    }
                },
                b'[' => match blank(behind) {
                    [b']', behind @ ..] => behind,
                    inside => {
                        self.closers.push(b']');
                        rest = inside;
                        continue;
                    }
                },
                b't' => behind.strip_prefix(b"rue")?,
                b'f' => behind.strip_prefix(b"alse")?,
                b'n' => behind.strip_prefix(b"ull")?,
                _ => number(rest)?,
            };
            // Behind a value: what it was the last of ends with it, or another follows.
            loop {
                let Some(closer) = self.closers.last() else { return Some(rest) };
                let (next, behind) = blank(rest).split_first()?;
                if next == closer {
                    self.closers.pop();
                    rest = behind;
                } else if *next == b',' {
                    let object = *closer == b'}';
                    rest = if object { key(blank(behind))? } else { blank(behind) };
                    break;
                } else {
                    return None;
                }
            }
        }
    }
}

/// From a key to its value.
fn key(rest: &[u8]) -> Option<&[u8]> {
    let behind = string(rest.strip_prefix(b"\"")?)?;
    Some(blank(blank(behind).strip_prefix(b":")?))
}

/// A JSON string without escapes, from behind its first quote: its text, and what is behind its last.
pub fn plain_string(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (text, behind) = rest.split_at_checked(mark(rest)?)?;
    behind.strip_prefix(b"\"").map(|behind| (text, behind))
}

/// A JSON string as it is written, from behind its first quote: its text with the escapes that are in it, and what is behind its last quote.
/// None where it is no JSON string or does not end. Whether it is UTF-8 is not looked at.
pub fn written_string(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let behind = string(rest)?;
    let length = rest.len().checked_sub(behind.len())?.checked_sub(1)?;
    rest.get(..length).map(|text| (text, behind))
}

/// From behind a string's first quote to behind its last.
fn string(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        rest = match rest.get(mark(rest)?..)? {
            [b'"', behind @ ..] => return Some(behind),
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', behind @ ..] => behind,
            [b'\\', b'u', a, b, c, d, behind @ ..]
                if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) =>
            {
                behind
            }
            _ => return None,
        };
    }
}

/// What text in a string may not be: the quote that ends it, a backslash, a control character.
const fn is_mark(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | ..b' ')
}

/// Where the first mark is.
///
/// Most keys end within the first words. Behind them the compiler makes one comparison of many bytes of the test of a block, so long as that
/// has no branch in it.
fn mark(text: &[u8]) -> Option<usize> {
    const NEAR: usize = 3;
    const BLOCK: usize = 32;
    let mut rest = text;
    let mut words = NEAR;
    while let Some((word, behind)) = rest.split_first_chunk() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            let within = usize::try_from(marks.trailing_zeros() / u8::BITS).ok()?;
            return text.len().checked_sub(rest.len())?.checked_add(within);
        }
        rest = behind;
        words = words.saturating_sub(1);
        while words == 0
            && let Some((block, behind)) = rest.split_first_chunk::<BLOCK>()
        {
            let marks = block.iter().fold(0, |marks, byte| {
                marks | u8::from(*byte == b'"') | u8::from(*byte == b'\\') | u8::from(*byte < b' ')
            });
            if marks != 0 {
                // It is in one of these words.
                words = BLOCK;
                break;
            }
            rest = behind;
        }
    }
    let at = rest.iter().position(|byte| is_mark(*byte))?;
    text.len().checked_sub(rest.len())?.checked_add(at)
}

/// The highest bit of each byte of a word that is a mark. Bytes above the first mark may be taken for one, no byte below it is.
/// (Bit Twiddling Hacks: "Determine if a word has a byte less than n".)
const fn marks(word: u64) -> u64 {
    const fn each(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    const fn less_than(word: u64, limit: u8) -> u64 {
        word.wrapping_sub(each(limit)) & !word & each(0x80)
    }
    less_than(word ^ each(b'"'), 1) | less_than(word ^ each(b'\\'), 1) | less_than(word, b' ')
}

/// Behind the white space.
fn blank(mut rest: &[u8]) -> &[u8] {
    while let [b' ' | b'\n' | b'\t' | b'\r', behind @ ..] = rest {
        rest = behind;
    }
    rest
}

/// From a number to behind it.
fn number(rest: &[u8]) -> Option<&[u8]> {
    let rest = rest.strip_prefix(b"-").unwrap_or(rest);
    let mut rest = match rest {
        [b'0', rest @ ..] => rest,
        _ => digits(rest)?,
    };
    if let [b'.', behind @ ..] = rest {
        rest = digits(behind)?;
    }
    match rest {
        [b'e' | b'E', b'+' | b'-', behind @ ..] | [b'e' | b'E', behind @ ..] => digits(behind),
        _ => Some(rest),
    }
}

/// Behind one digit or more.
fn digits(rest: &[u8]) -> Option<&[u8]> {
    let length = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(length..).filter(|_| length > 0)
}

#[cfg(test)]
mod tests;
