//! What answers cost in money: exact prices, rounded once, upwards.
//!
//! Reading from the outside in:
//!
//! * [`Prices`] finds the [`Price`] of a model at a provider, or says that it is [`Unpriced`]: what then happens is the caller's decision.
//! * A [`Price`] says what a [`Usage`](llm_api::Usage) cost, what a request can cost at most, and how long its answer may be for the money
//!   that is left. Of one price these three agree: no answer within the bound costs more than the bound.
//! * [`Rates`] are the prices of a token by its [`Class`]; a [`Tier`] has those of a long prompt, which hold for the whole request.
//! * [`TokenPrice`] and [`MicroDollars`] are the two integers, and [`Decimal`] is how both are read, digit by digit.
//!
//! Nothing here is a floating-point number. A price is a whole number of picodollars for a million tokens, sums are 128 bits wide and cannot
//! overflow, and only the last step loses anything: a request's cost is rounded up to a whole micro-dollar.

#![forbid(unsafe_code)]

mod decimal;
mod money;
mod price;
mod rates;
mod table;

pub use decimal::{Decimal, DecimalError};
pub use money::{MicroDollars, MoneyError, TokenPrice};
pub use price::{CacheWrites, Price, PriceProblem, Tier};
pub use rates::{Class, Rates};
pub use table::{Duplicate, Entry, Prices, Unpriced};
