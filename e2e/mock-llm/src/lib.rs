//! Scripted providers: real servers on loopback that speak, and enforce, the OpenAI and Anthropic APIs.
//!
//! A [`MockProvider`] answers over HTTP/1.1 and HTTP/2, plain or with TLS. It records every request as it came over the wire, refuses what
//! the real API refuses (so that it cannot agree with a caller's mistake), lists what should never have left the gateway
//! ([`MockProvider::leaks`]), and misbehaves exactly as a [`Reply`] says:
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use std::time::Duration;
//! use mock_llm::{At, CertificateAuthority, Listen, MockProvider, ProviderKind, Reply};
//!
//! let authority = CertificateAuthority::new();
//! let identity = authority.issue(["api.openai.com"]);
//! let openai = MockProvider::start(ProviderKind::OpenAi, Listen::tls(identity).with_http2()).await?;
//!
//! openai.script(Reply::status(503));
//! openai.script(Reply::chunks(["Hel", "lo"]).delay_headers(Duration::from_millis(50)).byte_by_byte());
//! openai.script(Reply::answer().reset_at(At::Events(2)));
//! // …send requests to openai.address()…
//! assert!(openai.leaks().is_empty());
//! # Ok(()) }
//! ```
//!
//! Every request takes one script from the queue; when the queue is empty the default applies, which is a proper answer until
//! [`MockProvider::set_default`] says otherwise. A request that the real API would refuse is refused whatever its script says.
//!
//! Absent on purpose: any knowledge of the gateway in front. What a test expects is the test's business.

mod answer;
mod asked;
mod control;
mod http1;
mod http1_read;
mod http2;
mod leaks;
mod listen;
mod mock;
mod models;
mod plan;
mod record;
mod reply;
mod state;
mod tls;
mod validate;
mod vendor_error;

pub use control::Control;
pub use leaks::{Leak, LeakKind};
pub use listen::{Accept, Listen};
pub use mock::MockProvider;
pub use record::{HttpVersion, Recorded, Recording};
pub use reply::{At, Reply, Usage};
pub use state::{ProviderKind, Strictness};
pub use tls::{CertificateAuthority, ServerIdentity};
