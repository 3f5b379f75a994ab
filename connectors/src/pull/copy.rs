//! Reads rows with `COPY ... TO STDOUT (FORMAT binary)`, decoding each tuple where it arrived: no step for a
//! cell but the one into its column's buffer.

use std::future::poll_fn;
use std::pin::pin;

use futures::Stream;
use tokio::runtime::Runtime;
use tokio_postgres::Client;

use super::PullFailure;
use super::batch_sink::BatchSink;
use super::session::{Broken, RowReader};

/// What the data begins with; flags and the length of an extension follow, both 0
/// (<https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format").
const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
const HEADER_BYTES: usize = SIGNATURE.len() + 8;
/// In the place of a tuple's number of columns: the end.
const TRAILER: i16 = -1;

/// A connection that reads with COPY, and the runtime on which its thread drives it.
pub(super) struct CopyReader {
    pub(super) runtime: Runtime,
    pub(super) client: Client,
}

impl RowReader for CopyReader {
    fn execute(&mut self, statements: &str) -> Result<(), Broken> {
        Ok(self.runtime.block_on(self.client.batch_execute(statements))?)
    }

    fn read(&mut self, query: &str, sink: &mut BatchSink<'_>) -> Result<(), Broken> {
        let statement = format!("COPY ({query}) TO STDOUT (FORMAT binary)");
        self.runtime.block_on(async {
            let mut stream = pin!(self.client.copy_out(&statement).await?);
            let mut decoder = Decoder::default();
            while let Some(chunk) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
                decoder.take(&chunk?, sink)?;
            }
            if decoder.ended { Ok(()) } else { Err(Broken::Malformed) }
        })
    }
}

/// Cuts the data into tuples. PostgreSQL sends every tuple as a message of its own but does not promise to,
/// so what is left of a message waits for the next.
#[derive(Default)]
struct Decoder {
    begun: bool,
    ended: bool,
    pending: Vec<u8>,
}

impl Decoder {
    fn take(&mut self, chunk: &[u8], sink: &mut BatchSink<'_>) -> Result<(), Broken> {
        if self.pending.is_empty() {
            let rest = self.decode(chunk, sink)?;
            self.pending.extend_from_slice(rest);
            return Ok(());
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(chunk);
        let rest = self.decode(&pending, sink)?.len();
        pending.drain(..pending.len() - rest);
        self.pending = pending;
        Ok(())
    }

    /// Takes all whole tuples and gives back the rest.
    fn decode<'b>(&mut self, mut data: &'b [u8], sink: &mut BatchSink<'_>) -> Result<&'b [u8], Broken> {
        if !self.begun {
            let Some((header, rest)) = data.split_at_checked(HEADER_BYTES) else { return Ok(data) };
            if !header.starts_with(SIGNATURE) {
                return Err(Broken::Malformed);
            }
            self.begun = true;
            data = rest;
        }
        while let Some(length) = tuple_length(data)? {
            let (tuple, rest) = data.split_at(length);
            data = rest;
            match columns(tuple) {
                Some(TRAILER) => self.ended = true,
                Some(width) if usize::try_from(width) == Ok(sink.width()) => tuple_into(tuple, sink)?,
                _ => return Err(Broken::Malformed),
            }
        }
        Ok(data)
    }
}

fn columns(data: &[u8]) -> Option<i16> {
    data.first_chunk().map(|bytes| i16::from_be_bytes(*bytes))
}

/// The length of the tuple that `data` begins with; `None` when it is not there whole.
fn tuple_length(data: &[u8]) -> Result<Option<usize>, Broken> {
    let Some(columns) = columns(data) else { return Ok(None) };
    let mut length = size_of::<i16>();
    for _ in 0..columns.max(0) {
        let Some(cell) = data.get(length..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
        length += size_of::<i32>();
        match i32::from_be_bytes(*cell) {
            NULL => {}
            cell => length += usize::try_from(cell).map_err(|_| Broken::Malformed)?,
        }
    }
    Ok((length <= data.len()).then_some(length))
}

/// In the place of a cell's length: NULL.
const NULL: i32 = -1;

/// Hands the cells of a whole tuple to the sink.
fn tuple_into(tuple: &[u8], sink: &mut BatchSink<'_>) -> Result<(), PullFailure> {
    let mut rest = &tuple[size_of::<i16>()..];
    let mut column = 0;
    while let Some((length, tail)) = rest.split_first_chunk() {
        match i32::from_be_bytes(*length) {
            NULL => {
                sink.cell(column, None);
                rest = tail;
            }
            length => {
                let (cell, tail) = tail.split_at(length as usize);
                sink.cell(column, Some(cell));
                rest = tail;
            }
        }
        column += 1;
    }
    sink.end_row()
}
