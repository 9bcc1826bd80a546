//! Prices of a token by its class.

use llm_api::Usage;

use crate::money::TokenPrice;

/// What a token is charged as. Every token of a [`Usage`] is of exactly one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A prompt token that was neither read from a cache nor written to one.
    Input,
    /// A prompt token read from a cache.
    CachedInput,
    /// A prompt token written to a cache that lives five minutes, or as long as the provider likes.
    CacheWrite5m,
    /// A prompt token written to a cache that lives an hour.
    CacheWrite1h,
    /// A generated token that the client sees.
    Output,
    /// A generated token that the model thought with.
    Reasoning,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 6] = [
        Self::Input,
        Self::CachedInput,
        Self::CacheWrite5m,
        Self::CacheWrite1h,
        Self::Output,
        Self::Reasoning,
    ];

    /// Its name in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CachedInput => "cached_input",
            Self::CacheWrite5m => "cache_write_5m",
            Self::CacheWrite1h => "cache_write_1h",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
        }
    }

    /// How many tokens of that usage are of this class.
    pub const fn tokens(self, usage: &Usage) -> u64 {
        match self {
            Self::Input => usage.input,
            Self::CachedInput => usage.cache_read,
            Self::CacheWrite5m => usage.cache_write_5m,
            Self::CacheWrite1h => usage.cache_write_1h,
            Self::Output => usage.output,
            Self::Reasoning => usage.reasoning,
        }
    }
}

/// The price of a token of each class. A class that is not stated costs what the next more general one does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Of [`Class::Input`].
    pub input: TokenPrice,
    /// Of [`Class::CachedInput`]; else as `input`.
    pub cached_input: Option<TokenPrice>,
    /// Of [`Class::CacheWrite5m`]; else as `input`.
    pub cache_write_5m: Option<TokenPrice>,
    /// Of [`Class::CacheWrite1h`]; else as [`Class::CacheWrite5m`].
    pub cache_write_1h: Option<TokenPrice>,
    /// Of [`Class::Output`].
    pub output: TokenPrice,
    /// Of [`Class::Reasoning`]; else as `output`.
    pub reasoning: Option<TokenPrice>,
}

impl Rates {
    /// The price of a token of that class.
    pub fn of(&self, class: Class) -> TokenPrice {
        let more_general = match class {
            Class::Input | Class::CachedInput | Class::CacheWrite5m => self.input,
            Class::CacheWrite1h => self.cache_write_5m.unwrap_or(self.input),
            Class::Output | Class::Reasoning => self.output,
        };
        self.stated(class).unwrap_or(more_general)
    }

    /// The price of that class where it is stated.
    pub const fn stated(&self, class: Class) -> Option<TokenPrice> {
        match class {
            Class::Input => Some(self.input),
            Class::CachedInput => self.cached_input,
            Class::CacheWrite5m => self.cache_write_5m,
            Class::CacheWrite1h => self.cache_write_1h,
            Class::Output => Some(self.output),
            Class::Reasoning => self.reasoning,
        }
    }

    /// The dearest of these classes.
    pub(crate) fn dearest(&self, classes: &[Class]) -> TokenPrice {
        classes.iter().map(|class| self.of(*class)).max().unwrap_or(TokenPrice::FREE)
    }
}
