//! A piece that became longer than what is gathered, counted while it grows.
//!
//! Where most pieces end is known when they end. Two are not so: blanks end behind their last line break, if they have one, and a word of
//! capitals ends behind its last letter without case, if no small letter follows; and what comes after that place is unbounded. While it is
//! short it is kept. When it is not, both ways to go on are counted side by side, until one of them turns out to be the one.

use super::LONG;
use crate::long::{self, WINDOW};
use crate::split::{BLANKS, BREAKS, Class, EITHER, Kind, LETTERS, LOWER, SIGNS, Set, UPPER};
use crate::split::{at, contraction, contraction_open, run};
use crate::text::{self, Rules, Until};

/// A piece that has begun, and has not ended.
#[derive(Clone)]
pub(super) struct Run {
    kind: Kind,
    /// The bytes of the first text that `kind` says nothing of: what stands before a word.
    skip: usize,
    /// The tokens of pieces before this one.
    before: u64,
    /// The piece. Where there is a fork, the piece if it goes on behind the mark.
    piece: Growing,
    /// A place has passed at which the piece may end: the mark.
    marked: bool,
    fork: Option<Fork>,
    /// What was not added to the piece yet: all that followed the mark, where there is no fork.
    since: Vec<u8>,
}

/// How it stands if the piece ends at the mark.
#[derive(Clone)]
struct Fork {
    /// The tokens up to the mark.
    before: u64,
    /// The piece that begins at the mark.
    piece: Growing,
}

/// A piece has ended.
pub(super) struct Ended {
    /// Its tokens.
    pub(super) tokens: u64,
    /// What follows it.
    pub(super) rest: Vec<u8>,
}

impl Run {
    /// The piece that a text begins with; `None` if it is of a kind that stays short. The text is still to be pushed.
    pub(super) fn new<R: Rules>(text: &[u8]) -> Option<Self> {
        let (kind, skip) = R::kind(text, 0)?;
        let piece = Growing::default();
        let run = Self { kind, skip, before: 0, piece, marked: false, fork: None, since: Vec::new() };
        (kind != Kind::Numbers).then_some(run)
    }

    /// Takes more text, in whole characters, until the piece ends.
    pub(super) fn push<R: Rules>(&mut self, text: &[u8]) -> Option<Ended> {
        let (skipped, mut text) =
            text.split_at_checked(std::mem::take(&mut self.skip)).unwrap_or((text, &[]));
        self.piece.push::<R>(skipped);
        loop {
            let end = match self.kind {
                Kind::Letters => self.take::<R>(text, run(text, 0, LETTERS)),
                Kind::Upper => self.take_marked::<R>(text, UPPER, EITHER),
                Kind::Lower => self.take::<R>(text, run(text, 0, LOWER)),
                Kind::Contraction => return self.take_contraction::<R>(text),
                Kind::Signs => self.take::<R>(text, run(text, 0, SIGNS)),
                Kind::Tail | Kind::Numbers => self.take::<R>(text, R::tail(text, 0)),
                Kind::Blanks => self.take_marked::<R>(text, BLANKS, BREAKS),
            };
            let rest = text.get(end..).unwrap_or_default();
            let next = at(rest, 0)?;
            match self.kind {
                Kind::Upper if next.class == Class::Lower => {
                    self.pass_mark::<R>();
                    self.kind = Kind::Lower;
                }
                Kind::Upper => {
                    if self.marked && self.fork.is_none() && !self.since.is_empty() {
                        return Some(self.ended::<R>(rest));
                    }
                    self.end_at_mark();
                    self.pass_mark::<R>();
                    self.kind = Kind::Contraction;
                }
                Kind::Lower => self.kind = Kind::Contraction,
                Kind::Signs => self.kind = Kind::Tail,
                Kind::Blanks => {
                    if !self.marked || self.fork.is_some() {
                        // The last blank goes with what follows.
                        self.end_at_mark();
                        self.add_since::<R>();
                    }
                    return Some(self.ended::<R>(rest));
                }
                _ => return Some(self.ended::<R>(rest)),
            }
            text = rest;
        }
    }

    /// The tokens of all that was pushed, if nothing more comes.
    pub(super) fn count<R: Rules>(&self) -> u64 {
        let one_piece = !self.marked || self.kind == Kind::Blanks && R::BLANKS_END_WHOLE;
        match &self.fork {
            _ if self.kind != Kind::Contraction && one_piece => {
                self.before + self.piece.count::<R>(&self.since)
            }
            Some(fork) => fork.before + fork.piece.count::<R>(&self.since),
            None => {
                self.before
                    + self.piece.count::<R>(&[])
                    + text::count::<R>(&self.since, Until::ALL, &mut ()).0
            }
        }
    }

    /// Adds the first bytes of a text to the piece; returns how many.
    fn take<R: Rules>(&mut self, text: &[u8], end: usize) -> usize {
        self.piece.push::<R>(text.get(..end).unwrap_or_default());
        end
    }

    /// Takes the characters of a set, and marks where the last of some of them ends; returns how many bytes.
    fn take_marked<R: Rules>(&mut self, text: &[u8], set: Set, marks: Set) -> usize {
        let (mut end, mut mark) = (0, None);
        while let Some(char) = at(text, end)
            && set.has(char.class)
        {
            end += char.len;
            if marks.has(char.class) {
                mark = Some(end);
            }
        }
        if let Some(mark) = mark {
            self.pass_mark::<R>();
            self.marked = true;
            self.take::<R>(text, mark);
        }
        self.since.extend_from_slice(text.get(mark.unwrap_or(0)..end).unwrap_or_default());
        if self.since.len() > LONG {
            if self.marked && self.fork.is_none() {
                self.fork = Some(Fork { before: self.piece.count::<R>(&[]), piece: Growing::default() });
            }
            self.add_since::<R>();
        }
        end
    }

    /// Takes what could be a contraction until it is or is not.
    fn take_contraction<R: Rules>(&mut self, text: &[u8]) -> Option<Ended> {
        self.since.extend_from_slice(text);
        if contraction_open(&self.since, 0) {
            return None;
        }
        let contraction: Vec<u8> = self.since.drain(..contraction(&self.since, 0)).collect();
        self.piece.push::<R>(&contraction);
        Some(self.ended::<R>(&[]))
    }

    /// Adds what came since the mark to the piece, on both sides of the fork, but for a last blank.
    fn add_since<R: Rules>(&mut self) {
        let kept = if self.kind == Kind::Blanks { last_character(&self.since) } else { 0 };
        let added: Vec<u8> = self.since.drain(..self.since.len() - kept).collect();
        self.piece.push::<R>(&added);
        if let Some(fork) = &mut self.fork {
            fork.piece.push::<R>(&added);
        }
    }

    /// The piece goes on behind the mark.
    fn pass_mark<R: Rules>(&mut self) {
        self.fork = None;
        self.marked = false;
        let since = std::mem::take(&mut self.since);
        self.piece.push::<R>(&since);
    }

    /// The piece ended at the mark, if there is a fork; the one behind it takes its place.
    fn end_at_mark(&mut self) {
        if let Some(fork) = self.fork.take() {
            self.before = fork.before;
            self.piece = fork.piece;
        }
    }

    fn ended<R: Rules>(&mut self, rest: &[u8]) -> Ended {
        let mut all = std::mem::take(&mut self.since);
        all.extend_from_slice(rest);
        Ended { tokens: self.before + self.piece.count::<R>(&[]), rest: all }
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        let fork = self.fork.as_ref().map_or(0, |fork| fork.piece.bytes.capacity());
        size_of::<Self>() + self.piece.bytes.capacity() + fork + self.since.capacity()
    }
}

/// One piece of which more and more is known.
#[derive(Clone, Default)]
struct Growing {
    /// The tokens that nothing that follows can change.
    tokens: u64,
    /// The bytes behind them.
    bytes: Vec<u8>,
}

impl Growing {
    fn push<R: Rules>(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // All but two windows are certain: so at most two thirds are encoded again.
        if self.bytes.len() >= 3 * WINDOW {
            let certain = long::beginning::<R::Tables>(&self.bytes);
            self.tokens += certain.tokens;
            self.bytes.drain(..certain.end);
        }
    }

    /// The tokens, if the piece ends with these bytes.
    fn count<R: Rules>(&self, last: &[u8]) -> u64 {
        let encode = |bytes| self.tokens + long::count::<R::Tables>(bytes, u64::MAX);
        if last.is_empty() { encode(&self.bytes) } else { encode(&[&self.bytes, last].concat()) }
    }
}

/// The length of the last character.
fn last_character(text: &[u8]) -> usize {
    text.iter().rev().position(|byte| byte & 0xC0 != 0x80).map_or(0, |before| before + 1)
}
