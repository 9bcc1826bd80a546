//! Pieces longer than a window: runs of letters, blanks or signs that no reasonable text has, and hostile text is made of.
//!
//! A piece is encoded window by window, each in bounded time and space, and the windows are joined where that is known to be exact. Two
//! facts allow it. Both need that every token of the vocabulary is the encoding of its own bytes, which is tested.
//!
//! **A sequence of tokens is the encoding of its bytes if each two neighbours are the encoding of theirs.** So the beginning and the end of
//! an encoding, cut between two tokens, are encodings too; and two windows that share one token may be joined at it. A window is therefore
//! begun with the last token that was accepted of the one before: if it begins with the same token, the join is exact.
//!
//! **More bytes behind a text change its encoding only in the last [`REACH`] bytes.** Run the merges of a text and of a longer one side by
//! side, in the order of ranks. Up to some position both have the same parts. That position moves to the left only when, in one of the
//! two, the last common part is merged with what follows it; what then stands there begins, in one text or the other, with that part; and
//! the next such merge is of a later rank, because merges happen in the order of their ranks. So a change goes as far as the longest chain
//! of tokens of rising ranks in which each is merged from a left part and a right part that begins with the left part of the token before.
//! The longest such chains of both vocabularies are found in a test; they are 566 and 719 bytes.
//!
//! So the end of each window is given up, the rest is accepted, and the next window tells whether that was right. If it was not, more is
//! given up, at most [`REACH`] bytes, where nothing needs to be confirmed.

use crate::merge::Large;
use crate::steps;
use crate::tables::Tables;

/// Bytes of one window.
pub(crate) const WINDOW: usize = 1024;
/// How many bytes of an encoding's end can be changed by what follows; a little more than is true of either vocabulary.
pub(crate) const REACH: usize = 768;
/// What is given up of a window's end: at first, which is enough for nearly all text, and each time that it was not enough.
const MARGINS: [usize; 4] = [32, 192, 480, REACH];
/// Confirmed windows after which less is given up again.
const CALM: u32 = 8;

/// How far a piece is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// Where a token ends, and nothing that follows can change that.
    pub(crate) end: usize,
    /// The tokens up to there.
    pub(crate) tokens: u64,
}

/// The tokens of a piece; more than `limit` of them, though not all, where it has more.
pub(crate) fn count<T: Tables>(piece: &[u8], limit: u64) -> u64 {
    let mut windows = Windows::new();
    loop {
        while windows.advance::<T>(piece) {
            if windows.certain.tokens > limit {
                return windows.certain.tokens;
            }
        }
        let mut rest = Large::new();
        let rest = rest.encode::<T>(piece.get(windows.next.end..).unwrap_or_default());
        if windows.confirms(rest.ends().next()) {
            return windows.next.tokens + rest.tokens();
        }
    }
}

/// As much of a piece's beginning as is certain whatever follows: all but at most two windows.
pub(crate) fn beginning<T: Tables>(piece: &[u8]) -> Encoded {
    let mut windows = Windows::new();
    while windows.advance::<T>(piece) {}
    windows.certain
}

/// The joining of windows along one piece.
struct Windows {
    /// Where the next window begins.
    next: Encoded,
    /// What the next window begins with if the one before was right.
    claim: Option<Claim>,
    /// Up to here nothing that follows can change a token.
    certain: Encoded,
    /// Which of the margins is given up of a window's end.
    margin: usize,
    /// The windows that were confirmed since that changed.
    calm: u32,
    /// The window before: runs repeat themselves.
    last: Option<(usize, Cut)>,
}

#[derive(Clone, Copy)]
struct Claim {
    /// The length of the token with which the window must begin.
    token: usize,
    /// Where to go on if it does not.
    safe: Encoded,
}

/// What is accepted of a window.
#[derive(Clone, Copy, Default)]
struct Cut {
    /// The first token's length.
    first: usize,
    /// The tokens before the last one accepted.
    accepted: Encoded,
    /// The length of the last one accepted.
    last: usize,
    /// The tokens that end at least [`REACH`] bytes before the window does.
    safe: Encoded,
}

impl Cut {
    fn of<T: Tables>(window: &[u8], margin: usize) -> Self {
        let mut cut = Self::default();
        let mut before = Encoded::default();
        for end in Large::new().encode::<T>(window).ends() {
            if before.end == 0 {
                cut.first = end;
            }
            if end + margin > WINDOW {
                break;
            }
            cut.accepted = before;
            cut.last = end - before.end;
            before = Encoded { end, tokens: before.tokens + 1 };
            if end + REACH <= WINDOW {
                cut.safe = before;
            }
        }
        cut
    }
}

impl Windows {
    fn new() -> Self {
        let none = Encoded::default();
        Self { next: none, claim: None, certain: none, margin: 0, calm: 0, last: None }
    }

    /// Takes one more window, unless less than one is left.
    fn advance<T: Tables>(&mut self, piece: &[u8]) -> bool {
        let at = self.next;
        let Some(window) = piece.get(at.end..at.end + WINDOW) else { return false };
        let margin = MARGINS.get(self.margin).copied().unwrap_or(REACH);
        let cut = match self.last {
            Some((before, cut)) if piece.get(before..before + WINDOW) == Some(window) => cut,
            _ => Cut::of::<T>(window, margin),
        };
        if !self.confirms(Some(cut.first)) {
            return true;
        }
        self.last = Some((at.end, cut));
        let from_here = |to: Encoded| Encoded { end: at.end + to.end, tokens: at.tokens + to.tokens };
        // A whole window behind it is more than its reach.
        self.certain = at;
        if margin == REACH {
            self.next = from_here(cut.safe);
            self.certain = self.next;
        } else {
            self.next = from_here(cut.accepted);
            self.claim = Some(Claim { token: cut.last, safe: from_here(cut.safe) });
        }
        self.calm += 1;
        if self.calm == CALM {
            self.set_margin(self.margin.saturating_sub(1));
        }
        true
    }

    fn set_margin(&mut self, margin: usize) {
        if margin != self.margin {
            self.last = None;
        }
        self.margin = margin.min(MARGINS.len() - 1);
        self.calm = 0;
    }

    /// Whether the window that was just encoded begins as the one before claimed; if not, goes back to where that one was certain.
    fn confirms(&mut self, first: Option<usize>) -> bool {
        match self.claim.take() {
            Some(claim) if first != Some(claim.token) => {
                steps::retried();
                self.next = claim.safe;
                self.set_margin(self.margin + 1);
                false
            }
            _ => true,
        }
    }
}
