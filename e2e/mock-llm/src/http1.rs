//! HTTP/1.1: request after request on one connection, each answered write by write as its plan says.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;

use crate::http1_read::{NoRequest, Reader, Transport, shown};
use crate::leaks::LeakKind;
use crate::listen::Origin;
use crate::plan::{Framing, Head, Step};
use crate::record::{HttpVersion, Recorded};
use crate::state::State;

/// A reset overtakes what the kernel has not delivered yet; so long it waits for that.
const BEFORE_RESET: Duration = Duration::from_millis(20);

/// Whether the connection serves another request.
#[derive(PartialEq, Eq)]
enum After {
    Reuse,
    Close,
    /// It is closed as it is: no TLS goodbye, and with linger at zero a reset.
    Abandon,
}

/// Serves a connection until either side is done with it.
pub(crate) async fn serve<S: Transport>(stream: S, origin: Origin, state: Arc<State>) {
    let mut reader = Reader::new(stream);
    let mut index = 0;
    loop {
        let request = match reader.next(&origin, index).await {
            Ok(request) => request,
            Err(NoRequest::Closed) => break,
            Err(NoRequest::Broken(kind, detail)) => {
                state.note(kind, detail, origin.connection_id, index);
                let _ = reader
                    .write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    .await;
                break;
            }
        };
        let last = wants_close(&request);
        let steps = state.answer(request);
        let mut response = Response {
            reader: &mut reader,
            state: &state,
            head: None,
            framing: Framing::UntilClose,
            sent: 0,
        };
        let after = match response.run(steps).await {
            Ok(after) => after,
            Err(_) => {
                state.note_hang_up();
                return;
            }
        };
        // No client of this project pipelines: what is here before the answer was read is what a request was longer than it said.
        if !reader.buffer.is_empty() {
            let detail = format!("bytes after the end of a request: {}", shown(&reader.buffer));
            state.note(LeakKind::LeftoverBytes, detail, origin.connection_id, index);
        }
        match after {
            After::Abandon => return,
            After::Close => break,
            After::Reuse if last => break,
            After::Reuse => index += 1,
        }
    }
    let _ = reader.stream.shutdown().await;
}

fn wants_close(request: &Recorded) -> bool {
    let close = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    close || request.http_version == HttpVersion::Http10
}

/// One response being written.
struct Response<'a, S> {
    reader: &'a mut Reader<S>,
    state: &'a State,
    /// The header section, until the first write of the body takes it along.
    head: Option<Vec<u8>>,
    framing: Framing,
    sent: u64,
}

impl<S: Transport> Response<'_, S> {
    /// Does what the plan says. An error means that the other side is gone.
    async fn run(&mut self, steps: Vec<Step>) -> io::Result<After> {
        let mut cost = None;
        for step in steps {
            match step {
                Step::Wait(delay) => {
                    self.flush_head().await?;
                    self.wait(delay).await?;
                }
                Step::Hold => {
                    self.flush_head().await?;
                    let state = self.state;
                    tokio::select! {
                        () = state.released() => {}
                        gone = self.until_gone() => gone?,
                    }
                }
                Step::Head(head) => {
                    self.framing = head.framing;
                    self.head = Some(rendered(&head));
                }
                Step::Data(data) => self.data(&data).await?,
                Step::Cost(usage) => cost = Some(self.state.note_spent(usage)),
                Step::End { trailers, spill } => {
                    let after = self.end(&trailers, &spill).await?;
                    if let Some(cost) = cost {
                        cost.keep();
                    }
                    return Ok(after);
                }
                Step::Stall => {
                    self.flush_head().await?;
                    self.until_gone().await?;
                }
                Step::Reset => {
                    self.flush_head().await?;
                    tokio::time::sleep(BEFORE_RESET).await;
                    self.reader.stream.tcp().set_zero_linger()?;
                    return Ok(After::Abandon);
                }
                Step::Drop => {
                    self.flush_head().await?;
                    return Ok(After::Abandon);
                }
                Step::Raw(bytes) => {
                    self.reader.write(&bytes).await?;
                    return Ok(After::Close);
                }
            }
        }
        Ok(After::Reuse)
    }

    async fn data(&mut self, data: &Bytes) -> io::Result<()> {
        self.sent += data.len() as u64;
        let head = self.head.take();
        if head.is_none() && self.framing != Framing::Chunked {
            self.reader.write(data).await?;
        } else {
            let mut write = head.unwrap_or_default();
            self.frame(data, &mut write);
            self.reader.write(&write).await?;
        }
        // Lets the other side see this write before the next one joins it.
        tokio::task::yield_now().await;
        Ok(())
    }

    fn frame(&self, data: &[u8], write: &mut Vec<u8>) {
        if self.framing == Framing::Chunked {
            write.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
            write.extend_from_slice(data);
            write.extend_from_slice(b"\r\n");
        } else {
            write.extend_from_slice(data);
        }
    }

    async fn end(&mut self, trailers: &[(String, Vec<u8>)], spill: &[u8]) -> io::Result<After> {
        let mut write = self.head.take().unwrap_or_default();
        if self.framing == Framing::Chunked {
            write.extend_from_slice(b"0\r\n");
            push_fields(&mut write, trailers);
            write.extend_from_slice(b"\r\n");
        }
        write.extend_from_slice(spill);
        if !write.is_empty() {
            self.reader.write(&write).await?;
        }
        // A message that was declared longer than it is ends with the connection; one that was declared shorter has spilled over.
        Ok(match self.framing {
            Framing::Length(length) if length == self.sent => After::Reuse,
            Framing::Chunked => After::Reuse,
            Framing::Length(_) | Framing::UntilClose => After::Close,
        })
    }

    async fn flush_head(&mut self) -> io::Result<()> {
        match self.head.take() {
            Some(head) => self.reader.write(&head).await,
            None => Ok(()),
        }
    }

    /// Waits, unless the other side goes away.
    async fn wait(&mut self, delay: Duration) -> io::Result<()> {
        tokio::select! {
            () = tokio::time::sleep(delay) => Ok(()),
            gone = self.until_gone() => gone,
        }
    }

    /// An error once the other side closed; bytes that it sends meanwhile are kept.
    async fn until_gone(&mut self) -> io::Result<()> {
        while self.reader.fill().await > 0 {}
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

fn rendered(head: &Head) -> Vec<u8> {
    let mut section = Vec::with_capacity(1024);
    match &head.status_line {
        Some(line) => section.extend_from_slice(line),
        None => {
            let reason =
                http::StatusCode::from_u16(head.status).ok().and_then(|status| status.canonical_reason());
            section.extend_from_slice(
                format!("HTTP/1.1 {} {}", head.status, reason.unwrap_or("Unknown")).as_bytes(),
            );
        }
    }
    section.extend_from_slice(b"\r\n");
    push_fields(&mut section, &head.headers);
    match head.framing {
        Framing::Length(length) => {
            section.extend_from_slice(format!("content-length: {length}\r\n").as_bytes())
        }
        Framing::Chunked => section.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::UntilClose => section.extend_from_slice(b"connection: close\r\n"),
    }
    section.extend_from_slice(b"\r\n");
    section
}

fn push_fields(section: &mut Vec<u8>, fields: &[(String, Vec<u8>)]) {
    for (name, value) in fields {
        section.extend_from_slice(name.as_bytes());
        section.extend_from_slice(b": ");
        section.extend_from_slice(value);
        section.extend_from_slice(b"\r\n");
    }
}
