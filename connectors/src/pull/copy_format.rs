//! The data of `COPY ... TO STDOUT (FORMAT binary)`. PostgreSQL sends every row as a message of its own, the
//! header with the first (<https://www.postgresql.org/docs/current/protocol-flow.html>, "COPY Operations").

use std::ops::Range;

use super::batch_sink::BatchSink;
use super::row_cells::{Cell, NULL, RowCells};
use super::session::Broken;

/// What the data begins with; flags and the length of an extension follow, both 0
/// (<https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format").
const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
const HEADER_BYTES: usize = SIGNATURE.len() + 8;
/// In the place of a row's number of columns: the end.
const TRAILER: i16 = -1;

/// Takes one message after the other.
#[derive(Debug)]
pub(super) struct CopyData {
    begun: bool,
    ended: bool,
    rows: RowCells,
}

impl CopyData {
    /// For rows of so many columns.
    pub(super) fn new(width: usize) -> Self {
        Self { begun: false, ended: false, rows: RowCells::new(width) }
    }

    /// Finds the cells of a message's row, which [`CopyData::decode`] will look for in the same buffer.
    pub(super) fn take(
        &mut self,
        buffer: &[u8],
        message: Range<usize>,
        sink: &mut BatchSink<'_>,
    ) -> Result<(), Broken> {
        let start = message.start;
        let mut at = start;
        if !self.begun {
            let header = buffer[message.clone()].get(..HEADER_BYTES).ok_or_else(malformed)?;
            if !header.starts_with(SIGNATURE) {
                return Err(Broken::Malformed);
            }
            self.begun = true;
            at += HEADER_BYTES;
            if at == message.end {
                return Ok(());
            }
        }
        // Cells are looked for within the message, and told by their places in the buffer.
        let message = &buffer[..message.end];
        let columns = i16::from_be_bytes(*message[at..].first_chunk().ok_or_else(malformed)?);
        at += size_of::<i16>();
        if columns == TRAILER {
            self.ended = true;
            return Ok(());
        }
        if usize::try_from(columns) != Ok(self.rows.width()) {
            return Err(Broken::Malformed);
        }
        let mut rest = &message[at..];
        for cell in self.rows.add_row() {
            let (length, behind) = rest.split_first_chunk().ok_or_else(malformed)?;
            let length = i32::from_be_bytes(*length);
            *cell = Cell::new(message.len() - behind.len(), length);
            // Another negative length is more than a message has.
            let bytes = if length == NULL { 0 } else { length as u32 as usize };
            rest = behind.get(bytes..).ok_or_else(malformed)?;
        }
        if !rest.is_empty() {
            return Err(Broken::Malformed);
        }
        self.rows.end_row(message.len() - start);
        if self.rows.is_full() { self.decode(buffer, sink) } else { Ok(()) }
    }

    /// Hands the rows of the buffer to the sink.
    pub(super) fn decode(&mut self, buffer: &[u8], sink: &mut BatchSink<'_>) -> Result<(), Broken> {
        sink.take(buffer, &self.rows)?;
        self.rows.clear();
        Ok(())
    }

    /// All of it has come.
    pub(super) fn finish(&self) -> Result<(), Broken> {
        if self.ended { Ok(()) } else { Err(Broken::Malformed) }
    }
}

/// Made only when it is needed: making and dropping one for every cell took a tenth of the reading.
#[cold]
fn malformed() -> Broken {
    Broken::Malformed
}
