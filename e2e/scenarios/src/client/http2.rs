//! An HTTP/2 client by prior knowledge: a connection of its own for each request.

use std::net::SocketAddr;

use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::net::TcpStream;

use crate::answer::{Answer, Ending};
use crate::request::{Framing, Request};

/// Sends a request on a connection of its own and reads the whole answer.
pub(crate) async fn exchange(address: SocketAddr, request: &Request) -> Answer {
    match open(address, request).await {
        Ok(opened) => opened.answer().await,
        Err(reason) => Answer::none(reason),
    }
}

/// A request on its way, and the answer to come.
#[derive(Debug)]
pub struct Opened {
    response: ResponseFuture,
}

/// Connects and sends a request.
///
/// # Errors
/// With the reason in words when it cannot be sent.
pub async fn open(address: SocketAddr, request: &Request) -> Result<Opened, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| format!("no connection: {error}"))?;
    let (sender, connection) = h2::client::handshake(stream).await.map_err(|error| error.to_string())?;
    // It ends with the connection, whose errors the streams report.
    tokio::spawn(connection);
    let mut sender = sender.ready().await.map_err(|error| error.to_string())?;
    let bodiless = request.body.is_none();
    let (response, mut stream) =
        sender.send_request(head(request), bodiless).map_err(|error| error.to_string())?;
    if !bodiless {
        // An early answer resets the stream: that the body could not be sent to its end is no failure then.
        let _ = body(&mut stream, request);
    }
    Ok(Opened { response })
}

impl Opened {
    /// Reads the answer to its end.
    pub async fn answer(self) -> Answer {
        match self.response.await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                let headers = head
                    .headers
                    .iter()
                    .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
                    .collect();
                let (body, ending) = read(body).await;
                Answer { status: head.status.as_u16(), headers, body, ending }
            }
            Err(error) => Answer::none(error.to_string()),
        }
    }
}

fn head(request: &Request) -> http::Request<()> {
    let mut head = http::Request::new(());
    *head.method_mut() = Method::from_bytes(request.method.as_bytes()).expect("a method");
    *head.uri_mut() = format!("http://gateway.test{}", request.path).parse().expect("a path");
    *head.version_mut() = http::Version::HTTP_2;
    *head.headers_mut() = fields(&request.headers);
    if request.framing == Framing::Length && request.body.is_some() {
        let length = request.whole_body().len();
        head.headers_mut().insert("content-length", HeaderValue::from(length));
    }
    head
}

fn body(stream: &mut SendStream<bytes::Bytes>, request: &Request) -> Result<(), h2::Error> {
    let pieces = request.body.as_deref().unwrap_or_default();
    for (index, piece) in pieces.iter().enumerate() {
        let last = index + 1 == pieces.len() && request.trailers.is_empty();
        stream.send_data(piece.clone(), last)?;
    }
    if !request.trailers.is_empty() {
        stream.send_trailers(fields(&request.trailers))?;
    }
    Ok(())
}

async fn read(mut stream: RecvStream) -> (Vec<u8>, Ending) {
    let mut body = Vec::new();
    while let Some(chunk) = stream.data().await {
        match chunk {
            Ok(chunk) => {
                body.extend_from_slice(&chunk);
                // Fails only where the stream is gone, which the next read tells.
                let _ = stream.flow_control().release_capacity(chunk.len());
            }
            Err(error) => return (body, Ending::Unclean(error.to_string())),
        }
    }
    match stream.trailers().await {
        Ok(_) => (body, Ending::Clean),
        Err(error) => (body, Ending::Unclean(error.to_string())),
    }
}

fn fields(fields: &[(String, Vec<u8>)]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes()).expect("a header name");
            (name, HeaderValue::from_bytes(value).expect("a header value"))
        })
        .collect()
}
