//! HTTP/2: every stream answered by its own task, DATA frame by DATA frame as its plan says.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::http1_read::Transport;
use crate::leaks::LeakKind;
use crate::listen::Origin;
use crate::plan::{Framing, Head, Step};
use crate::record::{HttpVersion, Recorded};
use crate::state::State;

/// Windows so large that a test never waits for them.
const WINDOW: u32 = 16 * 1024 * 1024;

/// A stream's reset overtakes what is queued on it; so long it waits for that.
const BEFORE_RESET: Duration = Duration::from_millis(20);

/// The other side reset the stream or went away.
struct Gone;

/// Serves a connection until either side is done with it.
pub(crate) async fn serve<S: Transport>(stream: S, origin: Origin, state: Arc<State>) {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(256 * 1024);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    let broken_off = Arc::new(Notify::new());
    let mut streams = JoinSet::new();
    let mut index = 0;
    loop {
        tokio::select! {
            accepted = connection.accept() => {
                let Some(Ok((request, respond))) = accepted else { break };
                let exchange =
                    Exchange { origin: origin.clone(), index, state: Arc::clone(&state), broken_off: Arc::clone(&broken_off) };
                streams.spawn(exchange.run(request, respond));
                index += 1;
            }
            () = broken_off.notified() => return,
            Some(_) = streams.join_next() => {}
        }
    }
    // The streams learn from the connection that it is gone.
    drop(connection);
    while streams.join_next().await.is_some() {}
}

/// One request and its answer.
struct Exchange {
    origin: Origin,
    index: u32,
    state: Arc<State>,
    /// Told when the script wants the connection closed as it is.
    broken_off: Arc<Notify>,
}

impl Exchange {
    async fn run(self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        match self.read(request).await {
            Ok(request) => {
                let steps = self.state.answer(request);
                if self.answer(steps, &mut respond).await.is_err() {
                    self.state.note_hang_up();
                }
            }
            Err(error) if error.is_remote() || error.is_io() => self.state.note_hang_up(),
            Err(error) => {
                self.state.note(
                    LeakKind::BodyLength,
                    error.to_string(),
                    self.origin.connection_id,
                    self.index,
                );
            }
        }
    }

    async fn read(&self, request: Request<RecvStream>) -> Result<Recorded, h2::Error> {
        let (parts, mut stream) = request.into_parts();
        let mut body = Vec::new();
        while let Some(data) = stream.data().await {
            let data = data?;
            stream.flow_control().release_capacity(data.len())?;
            body.extend_from_slice(&data);
        }
        let trailers = stream.trailers().await?.map(|trailers| fields(&trailers)).unwrap_or_default();
        let mut recorded = Recorded {
            method: parts.method.to_string(),
            path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            authority: parts.uri.authority().map(ToString::to_string).unwrap_or_default(),
            headers: fields(&parts.headers),
            body,
            trailers,
            http_version: HttpVersion::Http2,
            sni: self.origin.sni.clone(),
            connection_id: self.origin.connection_id,
            request_index_on_connection: self.index,
            content_length: None,
            transfer_encoding: None,
            refused: None,
            received: Instant::now(),
        };
        recorded.content_length = recorded.header("content-length").map(str::to_owned);
        Ok(recorded)
    }

    async fn answer(&self, steps: Vec<Step>, respond: &mut SendResponse<Bytes>) -> Result<(), Gone> {
        let mut stream: Option<SendStream<Bytes>> = None;
        let mut cost = None;
        for step in steps {
            match (step, &mut stream) {
                (Step::Wait(delay), stream) => tokio::select! {
                    () = tokio::time::sleep(delay) => {}
                    () = reset_by_peer(stream, respond) => return Err(Gone),
                },
                (Step::Hold, stream) => tokio::select! {
                    () = self.state.released() => {}
                    () = reset_by_peer(stream, respond) => return Err(Gone),
                },
                (Step::Head(head), _) => {
                    stream = Some(respond.send_response(response(&head), false).map_err(|_| Gone)?)
                }
                (Step::Data(data), Some(stream)) => {
                    send(stream, data).await?;
                    // Lets the connection write this frame before the next one joins it.
                    tokio::task::yield_now().await;
                }
                (Step::Cost(usage), _) => cost = Some(self.state.note_spent(usage)),
                (Step::End { trailers, .. }, Some(stream)) => {
                    let sent = if trailers.is_empty() {
                        stream.send_data(Bytes::new(), true)
                    } else {
                        stream.send_trailers(map(&trailers))
                    };
                    sent.map_err(|_| Gone)?;
                    if let Some(cost) = cost {
                        cost.keep();
                    }
                    return Ok(());
                }
                (Step::Stall, stream) => {
                    reset_by_peer(stream, respond).await;
                    return Err(Gone);
                }
                (Step::Drop, _) => {
                    tokio::time::sleep(BEFORE_RESET).await;
                    self.broken_off.notify_one();
                    return Ok(());
                }
                (Step::Reset, _) => {
                    tokio::time::sleep(BEFORE_RESET).await;
                    respond.send_reset(Reason::INTERNAL_ERROR);
                    return Ok(());
                }
                // Bytes without framing have no meaning here: the stream fails, so that the test does.
                (Step::Raw(_) | Step::Data(_) | Step::End { .. }, _) => {
                    respond.send_reset(Reason::PROTOCOL_ERROR);
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Sends one write, as soon as the other side's window has room for it.
async fn send(stream: &mut SendStream<Bytes>, mut data: Bytes) -> Result<(), Gone> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let room = match stream.capacity() {
            0 => match poll_fn(|context| stream.poll_capacity(context)).await {
                Some(Ok(room)) => room,
                Some(Err(_)) | None => return Err(Gone),
            },
            room => room,
        };
        let part = data.split_to(room.min(data.len()));
        stream.send_data(part, false).map_err(|_| Gone)?;
    }
    Ok(())
}

async fn reset_by_peer(stream: &mut Option<SendStream<Bytes>>, respond: &mut SendResponse<Bytes>) {
    let _ = poll_fn(|context| match stream {
        Some(stream) => stream.poll_reset(context),
        None => respond.poll_reset(context),
    })
    .await;
}

fn response(head: &Head) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = http::StatusCode::from_u16(head.status).expect("a script's status is one");
    *response.headers_mut() = map(&head.headers);
    if let Framing::Length(length) = head.framing {
        response.headers_mut().insert(http::header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

fn map(fields: &[(String, Vec<u8>)]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| {
            let name: HeaderName = name.parse().expect("a script's header name is one");
            (name, HeaderValue::from_bytes(value).expect("a script's header value is one"))
        })
        .fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        })
}

fn fields(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    map.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}
