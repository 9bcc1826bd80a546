//! The shape of a budget's table: how many pages, how large, and which of them a caller belongs to.

use crate::page::{ENTRY_HEADER, Header, SLOTS};
use crate::quota::QuotaEntry;
use crate::rate::RateEntry;
use crate::{Kind, Limit};

/// A budget's table: so many pages of entries, all of one size, and one page more where callers without room share an entry.
///
/// A page is what one compare-and-swap replaces, so it is small: 32 entries, five to ten kilobytes. A caller belongs to one page, by its
/// fingerprint. The pages have room for twice the number of callers that the table is made for, because a hash does not deal them out evenly:
/// with half of the entries in use, one page in ten thousand has more callers than entries.
///
/// The size never changes. Everything is created from this, before the first request; a caller more or less is a different use of the same
/// bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    kind: Kind,
    pages: u32,
    overflow: Overflow,
}

/// What becomes of a caller for whom there is no room, because every entry of its page holds use that still counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// It shares one entry, and so one caller's limit, with all others in its position.
    Share,
    /// It is refused.
    Refuse,
}

/// Who a caller is to a table: 128 bits of a keyed hash over the budget's name, [`Limit::shape`] and the caller's identity.
///
/// Half of it picks the page, the other half is compared within it. The hash must be keyed with a secret of the process, or callers could
/// choose names that collide: with each other, to share an entry, or with a page, to fill it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u128);

/// A page of a table: its number, from 0 to [`Layout::pages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageIndex(pub u32);

impl Layout {
    /// A table for this many callers whose use counts at the same time, at least one.
    pub const fn new(limit: &Limit, callers: u32, overflow: Overflow) -> Self {
        let pages = callers.div_ceil(SLOTS / 2);
        Self { kind: limit.kind(), pages: if pages == 0 { 1 } else { pages }, overflow }
    }

    /// What its entries are for.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// How many pages there are, with the shared one.
    pub const fn pages(&self) -> u32 {
        match self.overflow {
            Overflow::Share => self.pages.saturating_add(1),
            Overflow::Refuse => self.pages,
        }
    }

    /// How many callers fit at most.
    pub const fn slots(&self) -> u64 {
        (self.pages as u64).saturating_mul(SLOTS as u64)
    }

    /// The memory of all pages, without what the store needs for their names.
    pub const fn bytes(&self) -> u64 {
        let own = (self.pages as u64).saturating_mul(self.page_size(PageIndex(0)) as u64);
        match self.overflow {
            Overflow::Share => own.saturating_add(self.page_size(PageIndex(self.pages)) as u64),
            Overflow::Refuse => own,
        }
    }

    /// A page as it is before the first request.
    pub fn blank(&self, page: PageIndex) -> Vec<u8> {
        let mut bytes = vec![0; self.page_size(page)];
        Header::blank(self.kind).write(&mut bytes);
        bytes
    }

    /// The page that a caller belongs to.
    pub const fn page_of(&self, caller: Fingerprint) -> PageIndex {
        // The upper half as a fraction of the pages: even, and without a division.
        let upper = caller.0 >> 64;
        PageIndex((upper.saturating_mul(self.pages as u128) >> 64) as u32)
    }

    /// The page that callers without room share, if they do.
    pub const fn shared_page(&self) -> Option<PageIndex> {
        match self.overflow {
            Overflow::Share => Some(PageIndex(self.pages)),
            Overflow::Refuse => None,
        }
    }

    const fn page_size(&self, page: PageIndex) -> usize {
        let slots = if page.0 < self.pages { SLOTS as usize } else { 1 };
        Header::SIZE.saturating_add(slots.saturating_mul(slot_size(self.kind)))
    }
}

/// The size of one entry with its tag.
pub(crate) const fn slot_size(kind: Kind) -> usize {
    ENTRY_HEADER.saturating_add(match kind {
        Kind::Rate => RateEntry::SIZE,
        Kind::Quota => QuotaEntry::SIZE,
    })
}

impl Fingerprint {
    /// All callers without room of their own.
    pub(crate) const SHARED: Self = Self(1);

    /// What is compared within a page. Zero stands for no caller.
    pub(crate) const fn tag(self) -> u64 {
        match self.0 as u64 {
            0 => 1,
            tag => tag,
        }
    }
}
