//! Takes the cells of one query's rows and hands them on as batches.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::cell_error::CellError;
use super::column_builder::ColumnBuilder;
use super::free_decimal::Digits;
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
    failure: Option<(usize, CellError)>,
    output: Output<'a>,
}

impl<'a> BatchSink<'a> {
    pub(super) fn new(selection: &'a Selection, unrepresentable: Unrepresentable, output: Output<'a>) -> Self {
        let rows = selection.batch_rows;
        let columns = selection.columns.iter().map(|plan| ColumnBuilder::new(plan, unrepresentable, rows)).collect();
        Self { selection, columns, rows: 0, bytes: 0, rows_sent: 0, failure: None, output }
    }

    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Takes the next cell of the current row. What is wrong with it is told at the row's end, when the row
    /// can be named by its key.
    #[inline]
    pub(super) fn cell(&mut self, column: usize, cell: Option<&[u8]>) {
        match cell {
            None => self.columns[column].append_null(),
            Some(cell) => {
                self.bytes += cell.len();
                if let Err(error) = self.columns[column].append(cell) {
                    self.failure.get_or_insert((column, error));
                    self.columns[column].append_null();
                }
            }
        }
    }

    /// Ends the row, and the batch if it is full.
    ///
    /// # Errors
    /// What a cell of the row was refused for, or the error of whoever takes the batches.
    pub(super) fn end_row(&mut self) -> Result<(), PullFailure> {
        self.rows += 1;
        if let Some((column, error)) = self.failure.take() {
            return Err(self.refused(column, error));
        }
        if self.rows == self.selection.batch_rows || self.bytes >= BATCH_BYTES { self.send() } else { Ok(()) }
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

    /// An error about a cell of the row that was just ended.
    fn refused(&mut self, column: usize, error: CellError) -> PullFailure {
        let message = match error {
            CellError::NeedsText(reason) => return PullFailure::NeedsText { column, reason },
            CellError::Unrepresentable(message) => {
                format!("{message}; unrepresentable = \"null\" makes such values NULL")
            }
            CellError::Malformed => "the value is not what its type promises; exclude the table".to_owned(),
        };
        let row = self.row_name();
        self.error(column, format!("{row}: {message}"), None).into()
    }

    fn error(&self, column: usize, message: String, cause: Option<Cause>) -> Error {
        Error::Table {
            table: Box::new(self.selection.table.clone()),
            column: Some(self.selection.schema.field(column).name().clone()),
            message,
            cause,
        }
    }

    /// The last row's primary key, `id = 7`, or else its number.
    fn row_name(&mut self) -> String {
        let parts: Option<Vec<String>> = self
            .selection
            .key
            .iter()
            .map(|&column| {
                let array = self.columns[column].finish().ok()?;
                let options = FormatOptions::default();
                let formatter = ArrayFormatter::try_new(array.as_ref(), &options).ok()?;
                let value = formatter.value(array.len().checked_sub(1)?).try_to_string().ok()?;
                Some(format!("{} = {value}", self.selection.schema.field(column).name()))
            })
            .collect();
        match parts {
            Some(parts) if !parts.is_empty() => format!("row {}", parts.join(", ")),
            _ => format!("row {} of those read", self.rows_sent + self.rows),
        }
    }
}
