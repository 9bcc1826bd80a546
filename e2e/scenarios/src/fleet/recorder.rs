//! A rate limit service that admits everything and remembers what it was asked: for what only the wire shows.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One descriptor of one question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// Its entries, `key=value` each.
    pub entries: Vec<String>,
    /// How much it counts for; none where the question does not say.
    pub hits: Option<u64>,
    /// Whether that is to be given back.
    pub negative: bool,
}

/// The service. It serves until it is dropped.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    charges: Arc<Mutex<Vec<Charge>>>,
    serving: JoinHandle<()>,
}

impl Recorder {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port on loopback");
        let address = listener.local_addr().expect("its address");
        let charges = Arc::default();
        let serving = tokio::spawn(serve(listener, Arc::clone(&charges)));
        Self { address, charges, serving }
    }

    /// Where it is asked.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every descriptor so far, in the order in which they came.
    pub fn charges(&self) -> Vec<Charge> {
        self.charges.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, charges: Arc<Mutex<Vec<Charge>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, Arc::clone(&charges)));
    }
}

async fn connection(stream: TcpStream, charges: Arc<Mutex<Vec<Charge>>>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let charges = Arc::clone(&charges);
        tokio::spawn(async move {
            // A gateway that has gone away asks nothing any more.
            let _ = answer(request, respond, &charges).await;
        });
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    charges: &Mutex<Vec<Charge>>,
) -> Result<(), h2::Error> {
    /// gRPC's frame (no compression, two bytes) around `overall_code: OK`.
    const OK: [u8; 7] = [0, 0, 0, 0, 2, 0x08, 0x01];
    let mut body = request.into_body();
    let mut asked = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        asked.extend_from_slice(&data);
    }
    // Behind the frame's five bytes is the RateLimitRequest.
    let descriptors = fields(asked.get(5..).unwrap_or_default()).filter(|(number, _)| *number == 2);
    let heard: Vec<Charge> = descriptors.map(|(_, value)| Charge::of(value.bytes())).collect();
    charges.lock().unwrap_or_else(PoisonError::into_inner).extend(heard);

    let head = Response::builder().header("content-type", "application/grpc").body(());
    let mut stream = respond.send_response(head.expect("a response"), false)?;
    stream.send_data(Bytes::from_static(&OK), false)?;
    stream.send_trailers(HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]))
}

impl Charge {
    /// A `RateLimitDescriptor`: entries in field 1, `hits_addend` in 3, `is_negative_hits` in 4.
    fn of(message: &[u8]) -> Self {
        let mut charge = Self::default();
        for (number, value) in fields(message) {
            match number {
                1 => {
                    let text = |wanted| {
                        let found = fields(value.bytes()).find(|(number, _)| *number == wanted);
                        found.map(|(_, value)| String::from_utf8_lossy(value.bytes()).into_owned())
                    };
                    let (key, value) = (text(1).unwrap_or_default(), text(2).unwrap_or_default());
                    charge.entries.push(format!("{key}={value}"));
                }
                // A wrapped number: an empty message is a 0.
                3 => charge.hits = Some(fields(value.bytes()).next().map_or(0, |(_, value)| value.number())),
                4 => charge.negative = value.number() != 0,
                _ => {}
            }
        }
        charge
    }
}

/// A field's value, as far as these messages have them.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    const fn number(&self) -> u64 {
        match self {
            Self::Number(number) => *number,
            Self::Bytes(_) => 0,
        }
    }

    const fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Number(_) => &[],
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// The fields of a message, up to its end or to what is no field.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    std::iter::from_fn(move || {
        let key = varint(&mut rest)?;
        let value = match key & 7 {
            0 => Field::Number(varint(&mut rest)?),
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let (bytes, behind) = rest.split_at_checked(length)?;
                rest = behind;
                Field::Bytes(bytes)
            }
            _ => return None,
        };
        Some((key >> 3, value))
    })
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_read() {
        let message = b"\x0a\x06\x0a\x01k\x12\x01v\x0a\x03\x0a\x01e\x1a\x03\x08\xac\x02\x20\x01";
        let entries = vec!["k=v".to_owned(), "e=".to_owned()];
        assert_eq!(Charge::of(message), Charge { entries, hits: Some(300), negative: true });
        assert_eq!(Charge::of(b"\x1a\x00"), Charge { hits: Some(0), ..Charge::default() });
        assert_eq!(Charge::of(b"\x0a\xff"), Charge::default());
    }
}
