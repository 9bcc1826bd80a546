//! What a mock takes note of: requests as they came, leaks, bytes out of place.

mod common;

use common::{anthropic, body, exchange, exchange_on, exchange_until_quiet, openai, request, request_with};
use mock_llm::ProviderKind::{Anthropic, OpenAi};
use mock_llm::{HttpVersion, LeakKind, MockProvider, ProviderKind, Recording, Strictness};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

#[tokio::test]
async fn a_request_is_kept_as_it_came() {
    let mock = openai().await;
    let asked = body(OpenAi, false);
    let bytes = request_with(
        OpenAi,
        &[("X-Mixed-Case", "1"), ("x-twice", "a"), ("x-twice", "b")],
        &asked.to_string(),
    );
    let mut connection = TcpStream::connect(mock.address()).await.unwrap();
    exchange_on(&mut connection, &bytes).await;
    exchange_on(&mut connection, &bytes).await;
    exchange(mock.address(), &bytes).await;
    let seen = mock.requests();
    let places: Vec<_> =
        seen.iter().map(|request| (request.connection_id, request.request_index_on_connection)).collect();
    assert_eq!(places, [(1, 0), (1, 1), (2, 0)]);
    let request = &seen[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!((request.authority.as_str(), request.http_version), ("provider.test", HttpVersion::Http11));
    let names =
        ["host", "content-type", "authorization", "X-Mixed-Case", "x-twice", "x-twice", "content-length"];
    assert_eq!(request.header_names(), names);
    assert_eq!(request.content_length.as_deref(), Some(asked.to_string().len().to_string().as_str()));
    assert_eq!((&request.transfer_encoding, &request.sni, &request.refused), (&None, &None, &None));
    assert_eq!(request.json(), asked);
    assert_eq!(mock.connections(), 2);
    mock.clear();
    exchange_on(&mut connection, &bytes).await;
    exchange(mock.address(), &bytes).await;
    let places: Vec<_> = mock.requests().iter().map(|request| request.connection_id).collect();
    assert_eq!((places, mock.connections()), (vec![1, 3], 1), "ids go on, counts start anew");
}

#[tokio::test]
async fn a_chunked_request_with_trailers() {
    let mock = openai().await;
    let asked = body(OpenAi, false).to_string();
    let (first, second) = asked.split_at(10);
    let head = String::from_utf8(request_with(OpenAi, &[("transfer-encoding", "chunked")], "")).unwrap();
    let head = head.replace("content-length: 0\r\n", "");
    let bytes = format!("{head}a;x=y\r\n{first}\r\n{:X}\r\n{second}\r\n0\r\nx-sum: 7\r\n\r\n", second.len());
    let mut stream = TcpStream::connect(mock.address()).await.unwrap();
    // However it is cut.
    for byte in bytes.as_bytes() {
        stream.write_all(&[*byte]).await.unwrap();
        stream.flush().await.unwrap();
    }
    assert_eq!(common::read(&mut stream, common::PATIENCE).await.status(), 200);
    let request = mock.only_request();
    assert_eq!(request.body, asked.as_bytes());
    assert_eq!(request.trailers, [("x-sum".to_owned(), b"7".to_vec())]);
    assert_eq!(request.transfer_encoding.as_deref(), Some("chunked"));
    // No API of these knows a trailer.
    assert_eq!(mock.leaks().iter().map(|leak| leak.kind).collect::<Vec<_>>(), [LeakKind::ClientHeader]);
}

async fn leaks_of(mock: &MockProvider, extra: &[(&str, &str)], body: &str) -> Vec<LeakKind> {
    mock.clear();
    exchange(mock.address(), &request_with(mock.kind(), extra, body)).await;
    mock.leaks().iter().map(|leak| leak.kind).collect()
}

#[tokio::test]
async fn leaks_are_listed() {
    use LeakKind::*;
    type Row<'a> = (ProviderKind, &'a [(&'a str, &'a str)], &'a [LeakKind]);
    let rows: &[Row<'_>] = &[
        (OpenAi, &[], &[]),
        (OpenAi, &[("accept-encoding", "identity"), ("user-agent", "x"), ("x-request-id", "1")], &[]),
        (OpenAi, &[("accept-encoding", "gzip")], &[AcceptEncoding]),
        (OpenAi, &[("x-api-key", "sk-ant-api03-other")], &[ForeignKey, SecondCredential, ForeignHeader]),
        (OpenAi, &[("anthropic-version", "2023-06-01")], &[ForeignHeader]),
        (OpenAi, &[("X-AI-Model", "gpt-4")], &[InternalHeader]),
        (OpenAi, &[("x-envoy-attempt-count", "1")], &[InternalHeader]),
        (OpenAi, &[("cookie", "a=b")], &[ClientHeader]),
        (OpenAi, &[("x-forwarded-for", "10.0.0.1")], &[ClientHeader]),
        (OpenAi, &[("forwarded", "for=10.0.0.1")], &[ClientHeader]),
        (OpenAi, &[("api-key", "azure")], &[SecondCredential]),
        (OpenAi, &[("x-note", "sk-client-own")], &[ForbiddenValue]),
        (Anthropic, &[], &[]),
        (Anthropic, &[("authorization", "Bearer sk-proj-other")], &[ForeignKey, SecondCredential]),
        (Anthropic, &[("authorization", "Bearer sk-other")], &[ForeignKey, SecondCredential]),
        (Anthropic, &[("openai-organization", "o")], &[ForeignHeader]),
        (Anthropic, &[("x-goog-api-key", "g")], &[ForeignHeader, SecondCredential]),
    ];
    let (openai, anthropic) = (openai().await, anthropic().await);
    openai.forbid("sk-client-own");
    for (kind, extra, expected) in rows {
        let mock = if *kind == OpenAi { &openai } else { &anthropic };
        let found = leaks_of(mock, extra, &body(*kind, false).to_string()).await;
        assert_eq!(&found, expected, "{} {extra:?}", kind.name());
    }
    assert_eq!(leaks_of(&openai, &[], "{\"user\": \"sk-ant-api03-x\"}").await, [ForeignKey]);
    assert_eq!(leaks_of(&openai, &[], "{\"user\": \"sk-client-own\"}").await, [ForbiddenValue]);
}

#[tokio::test]
async fn a_leak_names_no_secret() {
    let mock = openai().await;
    mock.forbid("sk-client-own");
    leaks_of(&mock, &[("x-api-key", "sk-ant-secret"), ("x-note", "sk-client-own")], "{}").await;
    for leak in mock.leaks() {
        let said = leak.to_string();
        assert!(!said.contains("secret") && !said.contains("client-own"), "{said}");
    }
}

#[tokio::test]
async fn bytes_out_of_place_are_smuggling() {
    let good = String::from_utf8(request(OpenAi, &body(OpenAi, false))).unwrap();
    let cases = [
        ("the body is longer than it says", format!("{good}}}"), LeakKind::LeftoverBytes),
        (
            "a request in the body's tail",
            format!("{good}GET /admin HTTP/1.1\r\n\r\n"),
            LeakKind::LeftoverBytes,
        ),
        ("no request line", "\u{1}\u{2} HTTP\r\n\r\n".to_owned(), LeakKind::LeftoverBytes),
        ("two lengths", good.replace("host: ", "content-length: 1\r\nhost: "), LeakKind::LeftoverBytes),
        (
            "length and coding",
            good.replace("host: ", "transfer-encoding: chunked\r\nhost: "),
            LeakKind::LeftoverBytes,
        ),
        ("a signed length", good.replace("content-length: ", "content-length: -"), LeakKind::LeftoverBytes),
        (
            "an unknown coding",
            good.replace("content-length: ", "transfer-encoding: gzip\r\nx: "),
            LeakKind::LeftoverBytes,
        ),
    ];
    for (what, bytes, kind) in cases {
        let mock = openai().await;
        exchange_until_quiet(mock.address(), bytes.as_bytes(), |_| true).await;
        mock.wait_until("it is noted", |mock| !mock.leaks().is_empty()).await;
        assert_eq!(mock.leaks()[0].kind, kind, "{what}: {:?}", mock.leaks());
    }
}

#[tokio::test]
async fn a_body_that_is_shorter_than_it_says() {
    let mock = openai().await;
    let bytes = request(OpenAi, &body(OpenAi, false));
    let mut stream = TcpStream::connect(mock.address()).await.unwrap();
    stream.write_all(&bytes[..bytes.len() - 5]).await.unwrap();
    stream.shutdown().await.unwrap();
    mock.wait_until("it is noted", |mock| !mock.leaks().is_empty()).await;
    assert_eq!(mock.leaks()[0].kind, LeakKind::BodyLength);
    assert_eq!(mock.request_count(), 0);
}

#[tokio::test]
async fn recording_can_be_off() {
    let mock = openai().await;
    mock.set_recording(Recording::Off);
    mock.set_strictness(Strictness::AnswerAnything);
    let seen = exchange(mock.address(), &request_with(OpenAi, &[("cookie", "a=b")], "{}")).await;
    assert_eq!((seen.status(), mock.request_count(), mock.leaks().len()), (200, 0, 0));
}
