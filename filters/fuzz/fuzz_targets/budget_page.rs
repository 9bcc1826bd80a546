//! The ledger over pages of any bytes: no panic, no page of another size, no grant beyond what was left, and no refusal within it.

#![no_main]

use budget::{
    Amount, Ask, Fingerprint, Hold, Layout, Lease, Limit, Millis, Overflow, Page, PageIndex, Quota, Rate,
    Refusal, Reserved, Span, UtcOffset, Window,
};
use libfuzzer_sys::fuzz_target;

/// Numbers off the front of the input; zero where it has ended.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn u8(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Of any magnitude: the first byte says how many more make the number.
    fn u64(&mut self) -> u64 {
        (0..self.u8() % 9).fold(0, |number, _| (number << 8) | u64::from(self.u8()))
    }

    fn limit(&mut self) -> Limit {
        let windows = [Window::Minute, Window::Hour, Window::Day, Window::Week, Window::Month];
        let (kind, amount) = (self.u8(), Amount(self.u64()));
        if kind < 128 {
            let per = Span(self.u64() % u64::from(u32::MAX) + 1);
            Limit::Rate(Rate::new(Amount(amount.0.max(1)), per).unwrap().with_burst(Amount(self.u64())))
        } else {
            let offset = UtcOffset::from_minutes((self.u64() % 2_879) as i16 - 1_439).unwrap();
            Limit::Quota(Quota::new(amount, windows[usize::from(kind) % windows.len()]).at_offset(offset))
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let limit = input.limit();
    let lease = Lease::new(Span(input.u64()));
    let mut bytes = Layout::new(&limit, 1, Overflow::Refuse).blank(PageIndex(0));
    let length = bytes.len();

    // The rest of the header and the first entries are any bytes, so many as the input says.
    let any = (usize::from(input.u8()) * 8).min(input.0.len()).min(length - 8);
    let (noise, rest) = input.0.split_at(any);
    bytes[8..8 + any].copy_from_slice(noise);
    input.0 = rest;

    let mut holds: Vec<(Fingerprint, Hold)> = Vec::new();
    while !input.0.is_empty() {
        let mut page = Page::open(&mut bytes).expect("the header's first word was not touched");
        let step = input.u8();
        // A caller whose tag is among the noise as often as not.
        let tag = noise.get(16..24).map_or(1, |tag| u64::from_le_bytes(tag.try_into().unwrap()));
        let caller = Fingerprint(if step & 8 == 0 { u128::from(tag) } else { u128::from(input.u64()) });
        let now = Millis(input.u64());
        match step % 4 {
            0 | 1 => {
                let ask = Ask { prompt: Amount(input.u64()), rest: Amount(input.u64()) };
                let before = page.peek(caller, &limit, ask, now).unwrap();
                let reserved = page.reserve(caller, &limit, ask, lease, now).unwrap();
                let left = before.status.map(|status| status.remaining);
                match reserved {
                    Reserved::Granted { hold, status, .. } => {
                        assert!(before.refusal.is_none() && left >= Some(ask.total()));
                        assert!(status.remaining <= status.limit);
                        holds.push((caller, hold));
                    }
                    Reserved::Refused { refusal, .. } => {
                        assert_eq!(before.refusal, Some(refusal));
                        assert!(
                            refusal == (Refusal::TooLarge { most: limit.most() })
                                || left < Some(ask.total())
                                || left == Some(Amount(0))
                        );
                    }
                }
            }
            2 if !holds.is_empty() => {
                let (caller, hold) = holds.swap_remove(usize::from(input.u8()) % holds.len());
                let actual = Amount(input.u64());
                if let Ok(settled) = page.settle(caller, &limit, &hold, actual, now).unwrap() {
                    assert!(settled.refunded <= hold.ask().total());
                    assert!(settled.excess <= actual);
                }
            }
            _ => {
                let _ = page.expire(caller, &limit, now).unwrap();
            }
        }
        assert_eq!(bytes.len(), length);
    }
});
