//! What cannot be predicted: seeds for the ids that a machine makes up, and the secret that all workers share.

use crate::abi;

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

/// The secret that all VMs of this process share: made by whichever is configured first, which happens on the main thread before it does on
/// any worker. Where there is no shared memory each has its own, and nothing to share that would need it.
pub(crate) fn shared_secret() -> [u8; 16] {
    const KEY: &str = "secret.v1";
    if let Ok((secret, _)) = abi::shared_data(KEY)
        && let Ok(secret) = secret.try_into()
    {
        return secret;
    }
    let mut secret = [0; 16];
    // Without a source of randomness a caller who reads this could choose names that collide, and thereby share a budget with nobody but
    // themselves or strangers; what they may spend stays limited.
    let _ = getrandom::fill(&mut secret);
    let _ = abi::set_shared_data(KEY, &secret, abi::Version::ANY);
    secret
}
