//! Every script option, proven over HTTP/1.1 with a client that sees each byte.

mod common;

use std::time::Duration;

use common::{
    End, anthropic, body, data_of, exchange, exchange_on, exchange_until_quiet, find, openai, request,
};
use mock_llm::ProviderKind::{Anthropic, OpenAi};
use mock_llm::{Accept, At, MockProvider, Reply, Usage};
use tokio::net::TcpStream;

const SHORT: Duration = Duration::from_millis(80);
/// The same, and longer ones where that is not enough.
const DELAYS: [Duration; 3] = [SHORT, Duration::from_millis(800), Duration::from_secs(4)];

/// What a client sees of that reply to a streaming or a plain request.
async fn seen(mock: &MockProvider, reply: Reply, stream: bool) -> common::Seen {
    mock.script(reply);
    exchange(mock.address(), &request(mock.kind(), &body(mock.kind(), stream))).await
}

/// The same of a reply that stands still after that.
async fn still(
    mock: &MockProvider,
    reply: Reply,
    stream: bool,
    after: impl Fn(&common::Seen) -> bool,
) -> common::Seen {
    mock.script(reply);
    exchange_until_quiet(mock.address(), &request(mock.kind(), &body(mock.kind(), stream)), after).await
}

/// Whether all of an answer's headers are there.
fn has_head(seen: &common::Seen) -> bool {
    find(&seen.raw, b"\r\n\r\n").is_some()
}

/// The texts in an OpenAI stream.
fn texts(seen: &common::Seen) -> Vec<String> {
    seen.data()
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .filter(|text| !text.is_empty())
        .collect()
}

#[tokio::test]
async fn errors_have_the_shape_of_their_api() {
    let openai = openai().await;
    let error = seen(&openai, Reply::status(429).header("retry-after", "7"), false).await;
    assert_eq!((error.status(), error.header("retry-after").unwrap().as_str()), (429, "7"));
    assert_eq!(error.json()["error"]["code"], "rate_limit_exceeded");
    let error = seen(&openai, Reply::error(418, "teapot", "I am one"), true).await;
    assert_eq!((error.status(), &error.json()["error"]["type"]), (418, &"teapot".into()));

    let anthropic = anthropic().await;
    let error = seen(&anthropic, Reply::status(529), false).await;
    assert_eq!(error.status(), 529);
    assert_eq!(error.json()["error"]["type"], "overloaded_error");
    let error = seen(&anthropic, Reply::stream_error("overloaded_error", "Overloaded"), true).await;
    assert_eq!(error.status(), 200);
    assert!(error.body().starts_with("event: error\ndata: {"), "{}", error.body());
    assert_eq!(error.end, End::Complete);
}

#[tokio::test]
async fn bodies_events_and_raw_bytes_go_out_as_they_are() {
    let mock = openai().await;
    let raw =
        seen(&mock, Reply::body(200, "{\"truncated\": ").header("content-type", "text/html"), false).await;
    assert_eq!(
        (raw.body().as_str(), raw.header("content-type").unwrap().as_str()),
        ("{\"truncated\": ", "text/html")
    );
    let events = seen(&mock, Reply::events(["data: 1\n\n", "data: 2\n\n"]), true).await;
    assert_eq!(events.chunks(), [b"data: 1\n\n", b"data: 2\n\n"]);
    let bytes = seen(&mock, Reply::raw("HTTP/1.1 200 OK\r\nbroken"), false).await;
    assert_eq!((bytes.raw.as_slice(), bytes.end), (b"HTTP/1.1 200 OK\r\nbroken".as_slice(), End::Closed));
    let line = seen(&mock, Reply::text("x").status_line("HTTP/1.1 200"), false).await;
    assert!(line.head().starts_with("HTTP/1.1 200\r\n"));
    let without =
        seen(&mock, Reply::answer().without_header("x-request-id").claim_encoding("gzip"), false).await;
    assert_eq!(
        (without.header("x-request-id"), without.header("content-encoding")),
        (None, Some("gzip".to_owned()))
    );
}

#[tokio::test]
async fn delays_are_where_they_should_be() {
    let mock = openai().await;
    let first = |seen: &common::Seen| seen.reads[0].0;
    let last = |seen: &common::Seen| seen.reads.last().unwrap().0;

    let headers = seen(&mock, Reply::chunks(["a"]).delay_headers(SHORT), true).await;
    assert!(first(&headers) >= SHORT);
    // What comes at once is late where the machine stands still: then a longer delay tells the two apart.
    let mut told = Vec::new();
    for delay in DELAYS {
        let body = seen(&mock, Reply::text("a").delay_body(delay), false).await;
        assert!(last(&body) >= delay, "{:?}", body.reads);
        let content = seen(&mock, Reply::chunks(["a"]).delay_content(delay), true).await;
        let early: usize =
            content.reads.iter().take_while(|(at, _)| *at < delay).map(|(_, length)| length).sum();
        let role = find(&content.raw, b"assistant").unwrap();
        let text = find(&content.raw, b"\"content\":\"a\"").unwrap();
        assert!(early <= text, "the text came before its time: {:?}", content.reads);
        let paced = seen(&mock, Reply::paced(4, delay / 4), true).await;
        assert!(last(&paced) >= delay / 4 * 6, "six gaps between seven events: {:?}", paced.reads);
        told = vec![first(&body) < delay, role < early, paced.reads.len() >= 6];
        if told == [true; 3] {
            break;
        }
    }
    assert_eq!(
        told, [true; 3],
        "headers before a late body, a role before a late text, each event by itself"
    );
}

#[tokio::test]
async fn writes_are_cut_where_they_should_be() {
    let mock = openai().await;
    let bytes = seen(&mock, Reply::chunks(["é!"]).byte_by_byte(), true).await;
    assert!(bytes.chunks().iter().all(|chunk| chunk.len() == 1));
    assert!(bytes.end == End::Complete && bytes.body().ends_with("data: [DONE]\n\n"));
    assert_eq!(texts(&bytes), ["é!"]);
    let events = seen(&mock, Reply::chunks(["a", "b"]), true).await;
    assert_eq!(events.chunks().len(), 5, "one chunk per event");
    let once = seen(&mock, Reply::chunks(["a", "b"]).in_one_write(), true).await;
    assert_eq!(once.chunks().len(), 1);
    let split = seen(&mock, Reply::events(["data: abc\n\n"]).split_at([1, 7, 999]), true).await;
    assert_eq!(split.chunks(), [b"d".as_slice(), b"ata: a", b"bc\n\n"]);
    let json = seen(&mock, Reply::text("hello").byte_by_byte(), false).await;
    assert!(json.reads.len() > 1 && json.header("content-length").is_some() && json.end == End::Complete);
}

#[tokio::test]
async fn framing_is_what_the_script_says() {
    let mock = openai().await;
    let chunked = seen(&mock, Reply::text("x").chunked(), false).await;
    assert_eq!(
        (chunked.header("content-length"), chunked.json()["choices"][0]["index"].as_u64()),
        (None, Some(0))
    );
    let closed = seen(&mock, Reply::chunks(["x"]).until_close(), true).await;
    assert_eq!((closed.header("transfer-encoding"), closed.end), (None, End::Closed));
    let long = seen(&mock, Reply::body(200, "{}").declare_length(100), false).await;
    assert_eq!((long.body().as_str(), long.end), ("{}", End::Closed));
    let trailers = seen(&mock, Reply::text("x").trailer("x-checksum", "abc"), false).await;
    assert!(trailers.raw.ends_with(b"\r\n0\r\nx-checksum: abc\r\n\r\n"));
    mock.script(Reply::body(200, "{}").spill("HTTP/1.1 200 OK\r\n\r\n"));
    let mut connection = TcpStream::connect(mock.address()).await.unwrap();
    let whole = exchange_on(&mut connection, &request(OpenAi, &body(OpenAi, false))).await.raw;
    let spilt = b"HTTP/1.1 200 OK\r\n\r\n".as_slice();
    let is_there = |rest: &common::Seen| [whole.as_slice(), &rest.raw].concat().ends_with(spilt);
    let rest = common::read_until_quiet(&mut connection, is_there).await.raw;
    assert!([whole, rest].concat().ends_with(b"{}HTTP/1.1 200 OK\r\n\r\n"));
}

#[tokio::test]
async fn decorations_of_a_stream() {
    let mock = openai().await;
    let crlf = seen(&mock, Reply::chunks(["a"]).crlf(), true).await.body();
    assert_eq!(crlf.matches("\r\n\r\n").count(), 4);
    assert!(!crlf.replace("\r\n", "").contains('\n'));
    let comments = seen(&mock, Reply::chunks(["a"]).between_events(": keep-alive\n\n"), true).await.body();
    assert_eq!(comments.matches(": keep-alive\n\n").count(), 3, "between any two of four events");
    let dressed =
        seen(&mock, Reply::chunks(["a"]).prepend("\u{feff}").append("data: late\n\n"), true).await.body();
    assert!(dressed.starts_with('\u{feff}') && dressed.ends_with("data: [DONE]\n\ndata: late\n\n"));
}

#[tokio::test]
async fn a_stall_keeps_the_connection_and_notices_who_leaves() {
    let mock = openai().await;
    let two_events = |seen: &common::Seen| String::from_utf8_lossy(&seen.raw).matches("data: ").count() == 2;
    let stalled = still(&mock, Reply::chunks(["a", "b"]).stall_at(At::Events(2)), true, two_events).await;
    assert_eq!((stalled.end, stalled.chunks().len()), (End::Quiet, 2));
    mock.wait_until("the client's leaving is noticed", |mock| mock.hang_ups() == 1).await;
    let silent = still(&mock, Reply::silence(), false, |_| true).await;
    assert_eq!((silent.end, silent.raw.len()), (End::Quiet, 0));
    let headers = still(&mock, Reply::answer().stall_at(At::Headers), false, has_head).await;
    assert_eq!((headers.end, headers.status(), headers.after_head().len()), (End::Quiet, 200, 0));
}

#[tokio::test]
async fn a_reset_is_one() {
    let mock = openai().await;
    for (reply, chunks) in [
        (Reply::chunks(["a", "b"]).reset_at(At::Events(2)), 2),
        (Reply::chunks(["a", "b"]).reset_at(At::Headers), 0),
    ] {
        let reset = seen(&mock, reply, true).await;
        assert_eq!((reset.end, reset.chunks().len()), (End::Failed, chunks));
    }
    let reset = seen(&mock, Reply::answer().reset_at(At::Start), false).await;
    assert_eq!((reset.end, reset.raw.len()), (End::Failed, 0));
}

#[tokio::test]
async fn a_clean_end_without_the_terminal_event() {
    let openai = openai().await;
    let ended = seen(&openai, Reply::chunks(["a"]).end_at(At::Terminal), true).await;
    assert_eq!(ended.end, End::Complete);
    assert!(!ended.body().contains("[DONE]") && ended.body().contains("\"finish_reason\":\"stop\""));
    let anthropic = anthropic().await;
    let ended = seen(&anthropic, Reply::chunks(["a"]).end_at(At::Terminal), true).await;
    assert!(
        ended.end == End::Complete
            && ended.body().contains("message_delta")
            && !ended.body().contains("message_stop")
    );
    let truncated = seen(&openai, Reply::answer().end_at(At::Bytes(20)), false).await;
    assert_eq!((truncated.end, truncated.header("content-length").unwrap().as_str()), (End::Complete, "20"));
}

#[tokio::test]
async fn a_drop_leaves_the_message_unfinished() {
    let mock = openai().await;
    let dropped = seen(&mock, Reply::chunks(["a"]).drop_at(At::Events(2)), true).await;
    assert_eq!((dropped.end, dropped.chunks().len()), (End::Closed, 2));
    assert!(!dropped.raw.ends_with(b"0\r\n\r\n"));
    let dropped = seen(&mock, Reply::answer().drop_at(At::Bytes(20)), false).await;
    assert_eq!((dropped.end, dropped.after_head().len()), (End::Closed, 20));
    assert!(dropped.header("content-length").unwrap().parse::<usize>().unwrap() > 20);
    let nothing = seen(&mock, Reply::hang_up(), false).await;
    assert_eq!((nothing.end, nothing.raw.len()), (End::Closed, 0));
}

#[tokio::test]
async fn an_error_in_the_middle_of_a_stream() {
    let mock = anthropic().await;
    let broken = seen(
        &mock,
        Reply::chunks(["a", "b"]).error_at(At::Events(4), "overloaded_error", "Overloaded"),
        true,
    )
    .await;
    let types: Vec<_> =
        broken.data().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(types, ["message_start", "content_block_start", "ping", "content_block_delta", "error"]);
    assert_eq!(broken.end, End::Complete);
}

#[tokio::test]
async fn scripts_are_taken_in_order_then_the_default_applies() {
    let mock = openai().await;
    mock.script_all([Reply::status(500), Reply::text("second")]);
    mock.set_default(Reply::status(503));
    let mut connection = TcpStream::connect(mock.address()).await.unwrap();
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(exchange_on(&mut connection, &request(OpenAi, &body(OpenAi, false))).await.status());
    }
    assert_eq!(statuses, [500, 200, 503, 503]);
    assert_eq!((mock.unused_scripts(), mock.connections(), mock.request_count()), (0, 1, 4));
    mock.clear();
    assert_eq!(exchange(mock.address(), &request(OpenAi, &body(OpenAi, false))).await.status(), 200);
    assert_eq!(mock.request_count(), 1);
}

#[tokio::test]
async fn the_door_can_be_shut() {
    let mock = anthropic().await;
    let asked = request(Anthropic, &body(Anthropic, false));
    let mut pooled = TcpStream::connect(mock.address()).await.unwrap();
    assert_eq!(exchange_on(&mut pooled, &asked).await.status(), 200);

    mock.stop_listening().await;
    assert!(TcpStream::connect(mock.address()).await.is_err(), "refused");
    assert_ne!(
        common::read(&mut pooled, common::PATIENCE).await.end,
        End::Quiet,
        "pooled connections are closed"
    );
    mock.start_listening().await.unwrap();
    assert_eq!(exchange(mock.address(), &asked).await.status(), 200);

    mock.set_accept(Accept::Close);
    let closed = common::read(&mut TcpStream::connect(mock.address()).await.unwrap(), common::PATIENCE).await;
    assert_eq!((closed.end, closed.raw.len()), (End::Closed, 0));
    mock.set_accept(Accept::Ignore);
    assert_eq!(exchange_until_quiet(mock.address(), &asked, |_| true).await.end, End::Quiet);
    mock.set_accept(Accept::Serve);
    let mut pooled = TcpStream::connect(mock.address()).await.unwrap();
    assert_eq!(exchange_on(&mut pooled, &asked).await.status(), 200);
    mock.close_connections().await;
    assert_ne!(common::read(&mut pooled, common::PATIENCE).await.end, End::Quiet);
    assert_eq!(exchange(mock.address(), &asked).await.status(), 200);
}

#[tokio::test]
async fn many_deltas_arrive_whole() {
    let mock = openai().await;
    let seen = seen(&mock, Reply::chunks((0..500).map(|index| format!("{index} "))), true).await;
    let whole: Vec<String> = (0..500).map(|index| format!("{index} ")).collect();
    assert_eq!(texts(&seen), whole);
    assert_eq!(data_of(&seen.body()).last().unwrap(), "[DONE]");
}

#[tokio::test]
async fn what_is_held_waits_for_its_release() {
    let mock = openai().await;
    mock.set_default(Reply::chunks(["one", "two"]).held_after(2).usage(Usage::new(5, 7)));
    let held = still(&mock, Reply::text("never").held(), true, |_| true).await;
    assert_eq!((held.raw.len(), held.end), (0, End::Quiet), "not even its headers came");
    let has_one = |seen: &common::Seen| find(&seen.raw, b"\"content\":\"one\"").is_some();
    let begun = exchange_until_quiet(mock.address(), &request(OpenAi, &body(OpenAi, true)), has_one).await;
    assert_eq!((texts(&begun), begun.end), (vec!["one".to_owned()], End::Quiet), "the role, and one piece");
    assert!(mock.spent().is_empty(), "neither is over");

    mock.release();
    let whole = exchange(mock.address(), &request(OpenAi, &body(OpenAi, true))).await;
    assert_eq!((texts(&whole), whole.end), (vec!["one".to_owned(), "two".to_owned()], End::Complete));
    mock.wait_until("the answer is over", |mock| !mock.spent().is_empty()).await;
    assert_eq!(
        mock.spent(),
        [Usage::new(5, 7)],
        "those that hung up meanwhile were not written to their ends"
    );
    mock.hold();
    let again = exchange_until_quiet(mock.address(), &request(OpenAi, &body(OpenAi, true)), has_one).await;
    assert_eq!(texts(&again), ["one"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_a_whole_answer_finds_its_cost() {
    for mock in [openai().await, anthropic().await] {
        let kind = mock.kind();
        mock.set_default(Reply::text("hello hello").usage(Usage::new(3, 2)));
        for number in 1..=400 {
            let seen = exchange(mock.address(), &request(kind, &body(kind, number % 2 == 0))).await;
            assert_eq!(
                (seen.end, mock.spent().len()),
                (End::Complete, number),
                "answer {number} of {kind:?}"
            );
        }
    }
}
