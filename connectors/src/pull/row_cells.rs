//! Where the cells of some rows are in a buffer. Rows are found one after the other and decoded column by column:
//! deciding for every single cell what it is took a third of the reading.

use std::ops::Range;

/// In the place of a cell's length: NULL, as in PostgreSQL's format.
pub(super) const NULL: i32 = -1;

/// Rows of so many bytes are decoded together.
const FULL_BYTES: usize = 1 << 20;

/// The cells of rows, one row behind the other.
#[derive(Debug)]
pub(super) struct RowCells {
    width: usize,
    cells: Vec<Cell>,
    bytes: usize,
}

/// A cell's place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cell {
    /// PostgreSQL sends no message of more than 1 GiB.
    start: u32,
    length: i32,
}

impl RowCells {
    /// No rows yet, of so many columns.
    pub(super) fn new(width: usize) -> Self {
        Self { width, cells: vec![], bytes: 0 }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Adds a row, whose cells are to be told.
    #[inline]
    pub(super) fn add_row(&mut self) -> &mut [Cell] {
        let start = self.cells.len();
        self.cells.resize(start + self.width, Cell::default());
        &mut self.cells[start..]
    }

    /// Says how many bytes the row that was added has.
    pub(super) fn end_row(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// The rows that are complete.
    pub(super) fn rows(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or(0)
    }

    /// Bytes of all rows.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the rows should be decoded before more are looked for.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= FULL_BYTES
    }

    /// The cells of a column in these rows, in the buffer that they were found in.
    pub(super) fn column<'a>(
        &'a self,
        buffer: &'a [u8],
        column: usize,
        rows: Range<usize>,
    ) -> impl Iterator<Item = Option<&'a [u8]>> {
        let cells = &self.cells[rows.start * self.width..rows.end * self.width];
        cells.chunks_exact(self.width.max(1)).map(move |row| row[column].of(buffer))
    }

    /// One cell.
    pub(super) fn cell<'a>(&self, buffer: &'a [u8], row: usize, column: usize) -> Option<&'a [u8]> {
        self.cells.get(row * self.width + column).and_then(|cell| cell.of(buffer))
    }

    pub(super) fn clear(&mut self) {
        self.cells.clear();
        self.bytes = 0;
    }
}

impl Cell {
    /// A cell of so many bytes, or NULL.
    #[inline]
    pub(super) fn new(start: usize, length: i32) -> Self {
        Self { start: start as u32, length }
    }

    #[inline]
    fn of(self, buffer: &[u8]) -> Option<&[u8]> {
        if self.length == NULL {
            return None;
        }
        let start = self.start as usize;
        Some(&buffer[start..start + self.length as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_by_column() {
        let mut rows = RowCells::new(2);
        for row in [[(0, 1), (1, 2)], [(3, NULL), (3, 0)]] {
            rows.add_row().copy_from_slice(&row.map(|(start, length)| Cell::new(start, length)));
        }
        rows.end_row(3);
        let buffer = b"abc";
        assert_eq!((rows.rows(), rows.bytes()), (2, 3));
        assert_eq!(rows.column(buffer, 0, 0..2).collect::<Vec<_>>(), [Some(&b"a"[..]), None]);
        assert_eq!(rows.column(buffer, 1, 0..2).collect::<Vec<_>>(), [Some(&b"bc"[..]), Some(&b""[..])]);
        assert_eq!(rows.cell(buffer, 0, 1), Some(&b"bc"[..]));
        rows.clear();
        assert_eq!((rows.rows(), rows.bytes()), (0, 0));
    }
}
