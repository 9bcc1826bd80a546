//! Clients that show what really came over the wire: no retries, no pools, no forgiveness.

pub mod http1;
pub mod http2;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time;

use crate::answer::Answer;
use crate::request::{Protocol, Request};

/// Longer than any limit of the stand: what takes this long hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends a request on a connection of its own and reads the whole answer.
pub async fn send(address: SocketAddr, request: &Request) -> Answer {
    let exchange = async {
        match request.protocol {
            Protocol::Http1 => http1::exchange(address, request).await,
            Protocol::Http2 => http2::exchange(address, request).await,
        }
    };
    time::timeout(PATIENCE, exchange)
        .await
        .unwrap_or_else(|_| Answer::none(format!("no end of the answer after {} s", PATIENCE.as_secs())))
}
