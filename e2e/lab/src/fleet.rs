//! What a fleet shares its budget through: a real Redis and the real rate limit service, each on free ports and ended by its own id.

mod ratelimit;
mod redis;

pub use ratelimit::{RateLimitService, SETTINGS};
pub use redis::Redis;
