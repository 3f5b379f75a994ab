//! Reads rows with COPY straight from the connection's socket: large reads into one buffer, from which cells go
//! into their columns without a copy in between. tokio-postgres, which has made the connection, would allocate
//! for every row and wake its reader for every 8 KiB; that took a tenth of a pull's time.
//!
//! Speaks what it needs of PostgreSQL's protocol: a simple query and what answers it
//! (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::Duration;

use super::batch_sink::BatchSink;
use super::copy_format::CopyData;
use super::session::{Broken, RowReader};
use crate::connection::Socket;

/// What is read at a time. A larger message makes the buffer larger.
const BUFFER_BYTES: usize = 512 << 10;
/// PostgreSQL sends 8 KiB at a time, every 50 microseconds or so. To wake up for each costs a switch of threads on both
/// sides: where rows are streaming, it is better to wait a little for more. On two cores that read from two connections,
/// 200 microseconds took a fifteenth off a pull's time, and these, with reads of up to 256 KiB, a twentieth more.
const NAP: Duration = Duration::from_millis(1);
/// A query that has brought so much is streaming.
const STREAM_BYTES: usize = 1 << 20;
/// A read that brings so much need not wait for more.
const FULL_READ_BYTES: usize = 256 << 10;
/// A message's type and length.
const HEADER_BYTES: usize = 5;

/// A connection whose socket is ours.
pub(super) struct SocketReader {
    socket: Socket,
    buffer: Vec<u8>,
    /// What of the buffer has been read from the socket and not been taken.
    start: usize,
    end: usize,
    /// What the answer to the query has brought so far, and the last read of it.
    streamed: usize,
    last_read: usize,
}

/// What takes the rows of a query.
struct Copied<'a, 'b> {
    data: &'a mut CopyData,
    sink: &'a mut BatchSink<'b>,
}

impl SocketReader {
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket, buffer: vec![0; BUFFER_BYTES], start: 0, end: 0, streamed: 0, last_read: 0 }
    }

    fn send(&mut self, query: &str) -> Result<(), Broken> {
        self.streamed = 0;
        let length = i32::try_from(size_of::<i32>() + query.len() + 1).map_err(|_| Broken::Malformed)?;
        let message = [b"Q", &length.to_be_bytes()[..], query.as_bytes(), b"\0"].concat();
        self.socket.write_all(&message).map_err(lost)
    }

    /// Takes messages until the server is ready for the next query. An error of the server comes after the
    /// last of them.
    fn answer(&mut self, mut copied: Option<Copied<'_, '_>>) -> Result<(), Broken> {
        let mut failure = None;
        loop {
            // Before the buffer is filled anew.
            if let Some(Copied { data, sink }) = copied.as_mut().filter(|_| !self.has_message()) {
                data.decode(&self.buffer, sink)?;
            }
            let (kind, body) = self.message()?;
            match (kind, &mut copied) {
                (b'Z', _) => return failure.map_or(Ok(()), Err),
                (b'E', _) => failure = Some(Broken::Server(ServerError::parse(&self.buffer[body]))),
                (b'd', Some(Copied { data, sink })) => data.take(&self.buffer, body, sink)?,
                _ => {}
            }
        }
    }

    /// The bytes of the next message, once its header has been read. Its length counts itself, and not the type.
    fn message_bytes(&self) -> Option<usize> {
        let header = self.buffer[self.start..self.end].get(1..)?.first_chunk()?;
        usize::try_from(i32::from_be_bytes(*header)).ok().map(|length| 1 + length)
    }

    /// Whether the whole of the next message has been read.
    fn has_message(&self) -> bool {
        self.message_bytes().is_some_and(|bytes| self.end - self.start >= bytes)
    }

    /// The next message's type, and where in the buffer the rest of it is.
    fn message(&mut self) -> Result<(u8, std::ops::Range<usize>), Broken> {
        self.fill(HEADER_BYTES)?;
        let bytes = self.message_bytes().filter(|bytes| *bytes >= HEADER_BYTES).ok_or_else(|| Broken::Malformed)?;
        let kind = self.buffer[self.start];
        self.fill(bytes)?;
        let body = self.start + HEADER_BYTES..self.start + bytes;
        self.start = body.end;
        Ok((kind, body))
    }

    /// Reads until so many bytes are there that have not been taken.
    fn fill(&mut self, bytes: usize) -> Result<(), Broken> {
        if self.end - self.start >= bytes {
            return Ok(());
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.buffer.len() < bytes {
            self.buffer.resize(bytes, 0);
        }
        while self.end < bytes {
            if self.streamed > STREAM_BYTES && self.last_read < FULL_READ_BYTES {
                thread::sleep(NAP);
            }
            match self.socket.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err(lost(ErrorKind::UnexpectedEof.into())),
                Ok(read) => {
                    self.end += read;
                    self.streamed += read;
                    self.last_read = read;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(lost(error)),
            }
        }
        Ok(())
    }
}

impl RowReader for SocketReader {
    fn execute(&mut self, statements: &str) -> Result<(), Broken> {
        self.send(statements)?;
        self.answer(None)
    }

    fn read(&mut self, query: &str, sink: &mut BatchSink<'_>) -> Result<(), Broken> {
        self.send(&format!("COPY ({query}) TO STDOUT (FORMAT binary)"))?;
        let mut data = CopyData::new(sink.width());
        self.answer(Some(Copied { data: &mut data, sink }))?;
        data.decode(&self.buffer, sink)?;
        data.finish()
    }
}

fn lost(error: std::io::Error) -> Broken {
    Broken::Lost(error.into())
}

/// What the server says of an error, for the log.
#[derive(Debug)]
pub(super) struct ServerError {
    pub(super) code: String,
    pub(super) message: String,
}

impl ServerError {
    /// Fields of one letter and a text that ends with 0; `C` is the SQLSTATE, `M` the message.
    fn parse(body: &[u8]) -> Self {
        let field = |letter: u8| {
            let found = body.split(|&byte| byte == 0).find(|field| field.first() == Some(&letter));
            found.map(|field| String::from_utf8_lossy(&field[1..]).into_owned()).unwrap_or_default()
        };
        Self { code: field(b'C'), message: field(b'M') }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (SQLSTATE {})", self.message, self.code)
    }
}

impl std::error::Error for ServerError {}
