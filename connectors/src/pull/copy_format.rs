//! The data of `COPY ... TO STDOUT (FORMAT binary)`. PostgreSQL sends every row as a message of its own, the
//! header with the first (<https://www.postgresql.org/docs/current/protocol-flow.html>, "COPY Operations").

use super::batch_sink::BatchSink;
use super::session::Broken;

/// What the data begins with; flags and the length of an extension follow, both 0
/// (<https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format").
const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
const HEADER_BYTES: usize = SIGNATURE.len() + 8;
/// In the place of a row's number of columns: the end.
const TRAILER: i16 = -1;
/// In the place of a cell's length: NULL.
const NULL: i32 = -1;

/// Takes one message after the other.
#[derive(Debug, Default)]
pub(super) struct CopyData {
    begun: bool,
    ended: bool,
}

impl CopyData {
    /// Hands the cells of a message's row to the sink.
    pub(super) fn take(&mut self, mut message: &[u8], sink: &mut BatchSink<'_>) -> Result<(), Broken> {
        if !self.begun {
            let (header, rest) = message.split_at_checked(HEADER_BYTES).ok_or_else(malformed)?;
            if !header.starts_with(SIGNATURE) {
                return Err(Broken::Malformed);
            }
            self.begun = true;
            message = rest;
            if message.is_empty() {
                return Ok(());
            }
        }
        let (columns, mut cells) = message.split_first_chunk().ok_or_else(malformed)?;
        let columns = i16::from_be_bytes(*columns);
        if columns == TRAILER {
            self.ended = true;
            return Ok(());
        }
        if usize::try_from(columns) != Ok(sink.width()) {
            return Err(Broken::Malformed);
        }
        for column in 0..sink.width() {
            let (length, rest) = cells.split_first_chunk().ok_or_else(malformed)?;
            let length = i32::from_be_bytes(*length);
            if length == NULL {
                sink.cell(column, None);
                cells = rest;
                continue;
            }
            let length = usize::try_from(length).map_err(|_| Broken::Malformed)?;
            let (cell, rest) = rest.split_at_checked(length).ok_or_else(malformed)?;
            sink.cell(column, Some(cell));
            cells = rest;
        }
        Ok(sink.end_row()?)
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
