//! Who is calling, as far as budgets and logs care.

use seam::{Effect, Output, names};

/// A caller. Who is nobody is one with all others who are nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) user: Option<String>,
    pub(crate) team: Option<String>,
    pub(crate) key: Option<String>,
}

impl Caller {
    /// Tells rate limits and access logs.
    pub(crate) fn publish(&self, out: &mut dyn Output) {
        for (key, name) in [(names::USER_KEY, &self.user), (names::TEAM_KEY, &self.team)] {
            if let Some(name) = name {
                out.emit(Effect::Publish(key, name.as_bytes()));
            }
        }
    }
}
