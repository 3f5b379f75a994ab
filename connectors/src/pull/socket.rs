//! Reads rows with COPY straight from the connection's socket: large reads into one buffer, from which cells go
//! into their columns without a copy in between. tokio-postgres, which has made the connection, would allocate
//! for every row and wake its reader for every 8 KiB; that took a tenth of a pull's time.
//!
//! Speaks what it needs of PostgreSQL's protocol: a simple query and what answers it
//! (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).

use std::fmt;
use std::io::{ErrorKind, Read, Write};

use super::batch_sink::BatchSink;
use super::copy_format::CopyData;
use super::session::{Broken, RowReader};
use crate::connection::Socket;

/// What is read at a time. A larger message makes the buffer larger.
const BUFFER_BYTES: usize = 256 << 10;
/// A message's type and length.
const HEADER_BYTES: usize = 5;

/// A connection whose socket is ours.
pub(super) struct SocketReader {
    socket: Socket,
    buffer: Vec<u8>,
    /// What of the buffer has been read from the socket and not been taken.
    start: usize,
    end: usize,
}

impl SocketReader {
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket, buffer: vec![0; BUFFER_BYTES], start: 0, end: 0 }
    }

    fn send(&mut self, query: &str) -> Result<(), Broken> {
        let length = i32::try_from(size_of::<i32>() + query.len() + 1).map_err(|_| Broken::Malformed)?;
        let message = [b"Q", &length.to_be_bytes()[..], query.as_bytes(), b"\0"].concat();
        self.socket.write_all(&message).map_err(lost)
    }

    /// Takes messages until the server is ready for the next query. An error of the server comes after the
    /// last of them.
    fn answer(&mut self, mut take: impl FnMut(u8, &[u8]) -> Result<(), Broken>) -> Result<(), Broken> {
        let mut failure = None;
        loop {
            let (kind, body) = self.message()?;
            let body = &self.buffer[body];
            match kind {
                b'Z' => return failure.map_or(Ok(()), Err),
                b'E' => failure = Some(Broken::Server(ServerError::parse(body))),
                _ => take(kind, body)?,
            }
        }
    }

    /// The next message's type, and where in the buffer the rest of it is.
    fn message(&mut self) -> Result<(u8, std::ops::Range<usize>), Broken> {
        self.fill(HEADER_BYTES)?;
        let header = &self.buffer[self.start..];
        let length = header[1..].first_chunk().map(|length| i32::from_be_bytes(*length));
        let length = length.and_then(|length| usize::try_from(length).ok()).ok_or_else(|| Broken::Malformed)?;
        let kind = header[0];
        // The length counts itself, and not the type.
        self.fill(1 + length)?;
        let body = self.start + HEADER_BYTES..self.start + 1 + length;
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
            match self.socket.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err(lost(ErrorKind::UnexpectedEof.into())),
                Ok(read) => self.end += read,
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
        self.answer(|_, _| Ok(()))
    }

    fn read(&mut self, query: &str, sink: &mut BatchSink<'_>) -> Result<(), Broken> {
        self.send(&format!("COPY ({query}) TO STDOUT (FORMAT binary)"))?;
        let mut data = CopyData::default();
        self.answer(|kind, body| if kind == b'd' { data.take(body, sink) } else { Ok(()) })?;
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
    message: String,
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
