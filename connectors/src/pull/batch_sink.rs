//! Takes the rows of one query and hands them on as batches.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::cell_error::CellError;
use super::column_builder::ColumnBuilder;
use super::free_decimal::Digits;
use super::row_cells::RowCells;
use super::{PullFailure, Selection};
use crate::error::{Cause, Error};
use crate::source_settings::Unrepresentable;

/// A batch goes out when it has this many rows: what a Parquet row group is made of, and what Arrow's
/// kernels work well on.
pub(super) const BATCH_ROWS: usize = 65_536;
/// Or when its values have this many bytes, so that wide rows stay within memory and 32-bit offsets.
const BATCH_BYTES: usize = 16 << 20;

/// Rows on their way to whoever writes them.
#[derive(Debug)]
pub(crate) struct PulledBatch {
    pub(crate) batch: RecordBatch,
    /// For every column, how many digits the values of a `numeric` without a precision need.
    pub(crate) digits: Vec<Option<Digits>>,
}

/// Whoever takes the batches; an error of its ends the query.
pub(crate) type Output<'a> = &'a mut dyn FnMut(PulledBatch) -> crate::Result<()>;

/// Builds the batches of one query.
pub(super) struct BatchSink<'a> {
    selection: &'a Selection,
    columns: Vec<ColumnBuilder>,
    rows: usize,
    bytes: usize,
    rows_sent: usize,
    output: Output<'a>,
}

impl<'a> BatchSink<'a> {
    pub(super) fn new(selection: &'a Selection, unrepresentable: Unrepresentable, output: Output<'a>) -> Self {
        let rows = selection.batch_rows;
        let columns = selection.columns.iter().map(|plan| ColumnBuilder::new(plan, unrepresentable, rows)).collect();
        Self { selection, columns, rows: 0, bytes: 0, rows_sent: 0, output }
    }

    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Takes rows, whose cells are in the buffer.
    ///
    /// # Errors
    /// What a cell was refused for, or the error of whoever takes the batches.
    pub(super) fn take(&mut self, buffer: &[u8], cells: &RowCells) -> Result<(), PullFailure> {
        let mut taken = 0;
        while taken < cells.rows() {
            let rows = (cells.rows() - taken).min(self.selection.batch_rows - self.rows);
            self.append(buffer, cells, taken..taken + rows)?;
            taken += rows;
            self.rows += rows;
            if self.rows == self.selection.batch_rows {
                self.send()?;
            }
        }
        self.bytes += cells.bytes();
        if self.rows > 0 && self.bytes >= BATCH_BYTES { self.send() } else { Ok(()) }
    }

    /// Decodes rows, column by column. Of several cells that are refused, the first of the first row is told.
    fn append(&mut self, buffer: &[u8], cells: &RowCells, rows: Range<usize>) -> Result<(), PullFailure> {
        let mut failure = None;
        let mut count = rows.len();
        for (index, column) in self.columns.iter_mut().enumerate() {
            let its_cells = cells.column(buffer, index, rows.start..rows.start + count);
            if let Err((row, error)) = column.append_all(its_cells) {
                failure = Some((index, error));
                count = row;
            }
        }
        match failure {
            None => Ok(()),
            Some((column, error)) => {
                let cell = |column| cells.cell(buffer, rows.start + count, column);
                Err(self.refused(column, error, self.rows + count, cell))
            }
        }
    }

    /// Sends what is left. The number of rows in all.
    pub(super) fn finish(mut self) -> Result<usize, PullFailure> {
        if self.rows > 0 {
            self.send()?;
        }
        Ok(self.rows_sent)
    }

    fn send(&mut self) -> Result<(), PullFailure> {
        let digits = self.columns.iter().map(ColumnBuilder::digits).collect();
        let mut arrays = Vec::with_capacity(self.columns.len());
        for index in 0..self.columns.len() {
            let array = self.columns[index].finish().map_err(|cause| {
                self.error(index, "a text is not UTF-8; mend it, or exclude the table".to_owned(), Some(cause.into()))
            })?;
            arrays.push(array);
        }
        let batch = RecordBatch::try_new(self.batch_schema(&arrays), arrays).map_err(|cause| {
            let message = "its rows do not have the columns that the catalogue describes".to_owned();
            Error::Table {
                table: Box::new(self.selection.table.clone()),
                column: None,
                message,
                cause: Some(cause.into()),
            }
        })?;
        self.rows_sent += self.rows;
        (self.rows, self.bytes) = (0, 0);
        Ok((self.output)(PulledBatch { batch, digits })?)
    }

    /// The plan's schema; columns whose type follows their values have that of this batch.
    fn batch_schema(&self, arrays: &[ArrayRef]) -> SchemaRef {
        let schema = &self.selection.schema;
        if schema.fields().iter().zip(arrays).all(|(field, array)| field.data_type() == array.data_type()) {
            return Arc::clone(schema);
        }
        let fields = schema.fields().iter().zip(arrays);
        let fields: Vec<_> =
            fields.map(|(field, array)| field.as_ref().clone().with_data_type(array.data_type().clone())).collect();
        Arc::new(Schema::new(fields))
    }

    /// An error about a cell of a row, whose number in the batch and whose cells are given.
    fn refused<'b>(
        &self,
        column: usize,
        error: CellError,
        row: usize,
        cell: impl Fn(usize) -> Option<&'b [u8]>,
    ) -> PullFailure {
        let message = match error {
            CellError::NeedsText(reason) => return PullFailure::NeedsText { column, reason },
            CellError::Unrepresentable(message) => {
                format!("{message}; unrepresentable = \"null\" makes such values NULL")
            }
            CellError::Malformed => "the value is not what its type promises; exclude the table".to_owned(),
        };
        let name = self.row_name(row, cell);
        self.error(column, format!("{name}: {message}"), None).into()
    }

    fn error(&self, column: usize, message: String, cause: Option<Cause>) -> Error {
        Error::Table {
            table: Box::new(self.selection.table.clone()),
            column: Some(self.selection.schema.field(column).name().clone()),
            message,
            cause,
        }
    }

    /// The row's primary key, `id = 7`, or else its number.
    fn row_name<'b>(&self, row: usize, cell: impl Fn(usize) -> Option<&'b [u8]>) -> String {
        let part = |&column: &usize| {
            let plan = self.selection.columns.get(column)?;
            let mut key = ColumnBuilder::new(plan, Unrepresentable::Error, 1);
            key.append(cell(column)).ok()?;
            let array = key.finish().ok()?;
            let options = FormatOptions::default();
            let value = ArrayFormatter::try_new(array.as_ref(), &options).ok()?.value(0).try_to_string().ok()?;
            Some(format!("{} = {value}", plan.field.name()))
        };
        let parts: Option<Vec<String>> = self.selection.key.iter().map(part).collect();
        match parts {
            Some(parts) if !parts.is_empty() => format!("row {}", parts.join(", ")),
            _ => format!("row {} of those read", self.rows_sent + row + 1),
        }
    }
}
