//! Seeds for the ids that a machine makes up: unpredictable per VM, different per stream, without a host call per stream.

/// A VM's random number, drawn when the VM starts.
#[derive(Debug)]
pub(crate) struct Seeds(u64);

impl Default for Seeds {
    fn default() -> Self {
        // Without a source of randomness ids are only unique within the VM, which an id's reader cannot tell.
        Self(getrandom::u64().unwrap_or_default())
    }
}

impl Seeds {
    /// The seed of that stream: SplitMix64 (Steele, Lea, Flood 2014), a bijection, so two streams of a VM never share one.
    pub(crate) const fn seed(&self, context_id: u32) -> u64 {
        let mut z = self.0.wrapping_add((context_id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
