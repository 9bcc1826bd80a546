//! TLS with an authority of the test's own, and every script option that HTTP/2 has over HTTP/2.

mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{PATIENCE, QUIET, body, connect_tls, credentials, data_of, exchange_on, openai, request};
use h2::Reason;
use h2::client::SendRequest;
use http::{Request, Response};
use mock_llm::ProviderKind::OpenAi;
use mock_llm::{At, CertificateAuthority, HttpVersion, LeakKind, Listen, MockProvider, Reply};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test]
async fn tls_with_the_right_authority_and_name() {
    let authority = CertificateAuthority::new();
    let identity = authority.issue(["api.openai.com", "127.0.0.1"]);
    let mock = MockProvider::start(OpenAi, Listen::tls(identity)).await.unwrap();
    let asked = request(OpenAi, &body(OpenAi, false));
    let mut stream = connect_tls(mock.address(), &authority.pem(), "api.openai.com", &[]).await.unwrap();
    assert_eq!(exchange_on(&mut stream, &asked).await.status(), 200);
    assert_eq!(mock.only_request().sni.as_deref(), Some("api.openai.com"));
    mock.clear();
    let mut by_address = connect_tls(mock.address(), &authority.pem(), "127.0.0.1", &[]).await.unwrap();
    assert_eq!(exchange_on(&mut by_address, &asked).await.status(), 200);
    assert_eq!(mock.only_request().sni, None);

    mock.script(Reply::chunks(["a"]).drop_at(At::Events(1)));
    let dropped = exchange_on(&mut by_address, &request(OpenAi, &body(OpenAi, true))).await;
    assert_eq!(
        (dropped.end, dropped.chunks().len()),
        (common::End::Failed, 1),
        "no close_notify: TLS sees the truncation"
    );
    mock.script(Reply::chunks(["a"]).reset_at(At::Events(1)));
    let reset = exchange_on(&mut stream, &request(OpenAi, &body(OpenAi, true))).await;
    assert_eq!((reset.end, reset.chunks().len()), (common::End::Failed, 1));
}

#[tokio::test]
async fn tls_with_the_wrong_authority_or_name() {
    let authority = CertificateAuthority::new();
    let mock = MockProvider::start(OpenAi, Listen::tls(authority.issue(["api.openai.com"]))).await.unwrap();
    assert!(
        connect_tls(mock.address(), &CertificateAuthority::new().pem(), "api.openai.com", &[]).await.is_err()
    );
    assert!(connect_tls(mock.address(), &authority.pem(), "api.anthropic.com", &[]).await.is_err());
    mock.wait_until("both failures are counted", |mock| mock.handshake_failures() == 2).await;
    assert_eq!(mock.connections(), 0);
}

async fn client<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> SendRequest<Bytes> {
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender.ready().await.unwrap()
}

async fn plain_client(mock: &MockProvider) -> SendRequest<Bytes> {
    client(TcpStream::connect(mock.address()).await.unwrap()).await
}

/// What came of one request.
struct Seen {
    response: Response<()>,
    frames: Vec<Bytes>,
    trailers: Option<http::HeaderMap>,
    error: Option<h2::Error>,
    quiet: bool,
    took: Duration,
}

impl Seen {
    fn body(&self) -> String {
        String::from_utf8(self.frames.concat()).unwrap()
    }
}

fn asked(body: &str) -> Request<()> {
    let mut request = Request::post("http://provider.test/v1/chat/completions")
        .header("content-type", "application/json")
        .header("content-length", body.len());
    for (name, value) in credentials(OpenAi) {
        request = request.header(name, value);
    }
    request.body(()).unwrap()
}

async fn ask(client: &mut SendRequest<Bytes>, stream: bool) -> Result<Seen, h2::Error> {
    ask_until(PATIENCE, client, stream).await
}

/// The same, and gives up as soon as nothing has come for so long.
async fn ask_until(
    quiet: Duration,
    client: &mut SendRequest<Bytes>,
    stream: bool,
) -> Result<Seen, h2::Error> {
    let start = Instant::now();
    let body = body(OpenAi, stream).to_string();
    let (response, mut send) = client.send_request(asked(&body), false).unwrap();
    send.send_data(Bytes::from(body), true).unwrap();
    let (parts, mut stream) = timeout(PATIENCE, response).await.expect("headers in time")?.into_parts();
    let mut seen = Seen {
        response: Response::from_parts(parts, ()),
        frames: Vec::new(),
        trailers: None,
        error: None,
        quiet: false,
        took: Duration::ZERO,
    };
    loop {
        match timeout(quiet, stream.data()).await {
            Err(_) => seen.quiet = true,
            Ok(Some(Err(error))) => seen.error = Some(error),
            Ok(Some(Ok(data))) if data.is_empty() => continue,
            Ok(Some(Ok(data))) => {
                stream.flow_control().release_capacity(data.len()).unwrap();
                seen.frames.push(data);
                continue;
            }
            Ok(None) => seen.trailers = stream.trailers().await.unwrap(),
        }
        break;
    }
    seen.took = start.elapsed();
    Ok(seen)
}

#[tokio::test]
async fn alpn_chooses_the_version() {
    let authority = CertificateAuthority::new();
    let listen = Listen::tls(authority.issue(["api.openai.com"])).with_http2();
    let mock = MockProvider::start(OpenAi, listen).await.unwrap();
    let pem = authority.pem();
    let h2 = connect_tls(mock.address(), &pem, "api.openai.com", &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(h2.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let mut h2 = client(h2).await;
    assert_eq!(ask(&mut h2, false).await.unwrap().response.status(), 200);
    let mut http1 = connect_tls(mock.address(), &pem, "api.openai.com", &[b"http/1.1"]).await.unwrap();
    assert_eq!(exchange_on(&mut http1, &request(OpenAi, &body(OpenAi, false))).await.status(), 200);
    let versions: Vec<_> = mock.requests().iter().map(|request| request.http_version).collect();
    assert_eq!(versions, [HttpVersion::Http2, HttpVersion::Http11]);
    assert!(mock.requests().iter().all(|request| request.sni.as_deref() == Some("api.openai.com")));
}

#[tokio::test]
async fn prior_knowledge_and_recording() {
    let mock = openai().await;
    let mut client = plain_client(&mock).await;
    let json = ask(&mut client, false).await.unwrap();
    assert_eq!(json.response.headers()["content-length"].to_str().unwrap(), json.body().len().to_string());
    let stream = ask(&mut client, true).await.unwrap();
    assert_eq!(data_of(&stream.body()).last().unwrap(), "[DONE]");
    assert!(stream.frames.len() > 4, "a frame for each event");
    let requests = mock.requests();
    assert_eq!(
        (requests[0].authority.as_str(), requests[0].path.as_str()),
        ("provider.test", "/v1/chat/completions")
    );
    assert_eq!((requests[1].connection_id, requests[1].request_index_on_connection), (1, 1));
    assert!(requests[0].content_length.is_some() && mock.leaks().is_empty());
}

#[tokio::test]
async fn http1_alone_where_http2_is_not_offered() {
    let mock = MockProvider::start(OpenAi, Listen::plain()).await.unwrap();
    let stream = TcpStream::connect(mock.address()).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    assert!(timeout(PATIENCE, connection).await.unwrap().is_err());
    drop(sender);
}

#[tokio::test]
async fn scripts_over_http2() {
    let mock = openai().await;
    let mut client = plain_client(&mock).await;

    mock.script(Reply::status(503).header("retry-after", "3"));
    let down = ask(&mut client, false).await.unwrap();
    assert_eq!(
        (down.response.status().as_u16(), down.response.headers()["retry-after"].as_bytes()),
        (503, b"3".as_slice())
    );

    mock.script(Reply::chunks(["é"]).byte_by_byte());
    let bytes = ask(&mut client, true).await.unwrap();
    assert!(bytes.frames.iter().all(|frame| frame.len() == 1) && bytes.body().ends_with("[DONE]\n\n"));

    mock.script(Reply::text("x").trailer("x-sum", "7"));
    assert_eq!(ask(&mut client, false).await.unwrap().trailers.unwrap()["x-sum"], "7");

    mock.script(Reply::answer().delay_headers(Duration::from_millis(80)));
    assert!(ask(&mut client, false).await.unwrap().took >= Duration::from_millis(80));

    mock.script(Reply::chunks(["a", "b"]).reset_at(At::Events(2)));
    let reset = ask(&mut client, true).await.unwrap();
    assert_eq!((reset.frames.len(), reset.error.unwrap().reason()), (2, Some(Reason::INTERNAL_ERROR)));

    mock.script(Reply::answer().reset_at(At::Start));
    assert!(ask(&mut client, true).await.is_err());

    mock.script(Reply::chunks(["a"]).end_at(At::Terminal));
    let ended = ask(&mut client, true).await.unwrap();
    assert!(ended.error.is_none() && !ended.quiet && !ended.body().contains("[DONE]"));

    mock.script(Reply::chunks(["a"]).stall_at(At::Events(2)));
    let stalled = ask_until(QUIET * 2, &mut client, true).await.unwrap();
    assert!(stalled.quiet && stalled.frames.len() == 2);
    mock.wait_until("the dropped stream is noticed", |mock| mock.hang_ups() == 1).await;
    assert_eq!(mock.connections(), 1, "all of this on one connection");

    mock.script(Reply::chunks(["a"]).drop_at(At::Events(2)));
    let dropped = ask(&mut client, true).await.unwrap();
    assert!(dropped.error.is_some() && dropped.frames.len() == 2, "the connection is gone");
}

#[tokio::test]
async fn more_than_a_window() {
    let mock = openai().await;
    let mut client = plain_client(&mock).await;
    mock.script(Reply::text("x".repeat(1_000_000)));
    assert!(ask(&mut client, false).await.unwrap().body().len() > 1_000_000);
}

#[tokio::test]
async fn a_body_of_another_length_is_noted() {
    let mock = openai().await;
    let mut client = plain_client(&mock).await;
    let body = body(OpenAi, false).to_string();
    let (response, mut send) = client.send_request(asked(&body), false).unwrap();
    send.send_data(Bytes::from(body[1..].to_owned()), true).unwrap();
    assert!(timeout(PATIENCE, response).await.unwrap().is_err());
    mock.wait_until("it is noted", |mock| !mock.leaks().is_empty()).await;
    assert_eq!(mock.leaks()[0].kind, LeakKind::BodyLength);
}
