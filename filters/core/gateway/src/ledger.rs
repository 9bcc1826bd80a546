//! Drives the ledger's work through the seam: load a page, compute, swap, and again where another worker was faster.

use budget::{Admission, Millis, PageError, PageId, Settlement, Write};
use seam::{Clock, Effect, Flow, Input, Output, Page, Swapped};

/// How often one page is tried to be replaced before the work gives it up. Workers are a few dozen at most, and one of those that compete always
/// succeeds, so this many failures in a row mean that something else is wrong.
const TRIES: u32 = 64;

/// What is done to budgets page by page: an admission or a settlement.
pub(crate) trait Work {
    /// The page to load; none once all is done.
    fn page(&self) -> Option<PageId>;
    /// Works on the page's bytes.
    fn compute(&mut self, bytes: &mut [u8], now: Millis) -> Result<Write, PageError>;
    /// What was computed last is stored.
    fn stored(&mut self);
    /// The page cannot be used.
    fn give_up(&mut self);
}

/// Where the host finds a ledger's pages.
pub(crate) trait Tables {
    /// The page by the host's name for it.
    fn page(&self, page: PageId) -> Option<Page>;
}

/// Work that is being done.
///
/// ```text
///          ┌───────────────── another was faster ─────────────────┐
///          ▼                                                      │
///   next ──► Load ──► computed ──► Swap ──► stored ──► next page  │
///    │                   │           └────────────────────────────┘
///    └── no page: over   └── only read ──► next page
/// ```
#[derive(Debug)]
pub(crate) struct Transaction<W> {
    work: W,
    tries: u32,
}

impl<W: Work> Transaction<W> {
    pub(crate) const fn new(work: W) -> Self {
        Self { work, tries: 0 }
    }

    /// What is to be loaded next; none once it is over.
    pub(crate) fn next(&mut self, tables: &dyn Tables) -> Option<Flow> {
        while let Some(page) = self.work.page() {
            if let Some(page) = tables.page(page) {
                return Some(Flow::Load(page));
            }
            self.work.give_up();
        }
        None
    }

    /// Takes what the host brought, and says what it is to do next; none once it is over.
    pub(crate) fn take(
        &mut self,
        input: Input<'_>,
        clock: &dyn Clock,
        tables: &dyn Tables,
        out: &mut dyn Output,
    ) -> Option<Flow> {
        match input {
            Input::Loaded(Some(bytes)) => match self.work.compute(bytes, Millis(clock.now().0)) {
                Ok(Write::Store) => {
                    if let Some(page) = self.work.page().and_then(|page| tables.page(page)) {
                        out.emit(Effect::Swap(page, bytes));
                        return Some(Flow::Swap);
                    }
                    self.work.give_up();
                }
                Ok(Write::Nothing) => {}
                Err(_) => self.work.give_up(),
            },
            Input::Swapped(Swapped::Done) => {
                self.tries = 0;
                self.work.stored();
            }
            Input::Swapped(Swapped::Conflict) if self.tries < TRIES => {
                self.tries = self.tries.saturating_add(1)
            }
            _ => {
                self.tries = 0;
                self.work.give_up();
            }
        }
        self.next(tables)
    }

    /// The work, once it is over.
    pub(crate) fn into_work(self) -> W {
        self.work
    }
}

impl Work for Admission {
    fn page(&self) -> Option<PageId> {
        Admission::page(self)
    }

    fn compute(&mut self, bytes: &mut [u8], now: Millis) -> Result<Write, PageError> {
        Admission::compute(self, bytes, now)
    }

    fn stored(&mut self) {
        Admission::stored(self);
    }

    fn give_up(&mut self) {
        Admission::give_up(self);
    }
}

impl Work for Settlement {
    fn page(&self) -> Option<PageId> {
        Settlement::page(self)
    }

    fn compute(&mut self, bytes: &mut [u8], now: Millis) -> Result<Write, PageError> {
        Settlement::compute(self, bytes, now)
    }

    fn stored(&mut self) {
        Settlement::stored(self);
    }

    fn give_up(&mut self) {
        Settlement::give_up(self);
    }
}
