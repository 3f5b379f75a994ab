//! What the results of a function may take in memory for one batch of rows: a few rows can ask for more than there is.

use arrow::array::ArrayRef;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ColumnarValue;

use crate::error::Error;
use crate::interrupt::RowByRow;
use crate::postgres::error::{ValueError, ValueResult};

/// Bytes that any batch may grow to.
const LARGEST_BYTES: usize = 128 << 20;
/// What is made of large values may be so many times as large.
const GROWTH: usize = 4;
/// But not larger than this, or than one of them: what is doubled time after time would have no end.
const LARGEST_GROWN_BYTES: usize = 256 << 20;

/// PostgreSQL's code for what exceeds a limit of the program.
const LIMIT_EXCEEDED: &str = "54000";

/// The bytes that are left.
#[derive(Debug)]
pub(super) struct Growth {
    left: usize,
    rows: RowByRow,
}

impl Growth {
    /// For results that are made of these arguments.
    pub(super) fn of(arguments: &[ColumnarValue]) -> Self {
        let bytes = |argument: &ColumnarValue| match argument {
            ColumnarValue::Array(array) => array.get_array_memory_size(),
            ColumnarValue::Scalar(_) => 0,
        };
        let given: usize = arguments.iter().map(bytes).sum();
        let largest = arguments.iter().map(bytes).max().unwrap_or_default();
        let left = given.saturating_mul(GROWTH).min(LARGEST_GROWN_BYTES).max(largest).max(LARGEST_BYTES);
        Self { left, rows: row_by_row(arguments) }
    }

    /// Counts the result of a row.
    ///
    /// # Errors
    /// When there is no room for it, or its query has been stopped.
    #[inline]
    pub(super) fn add(&mut self, bytes: usize) -> ValueResult<()> {
        self.rows.next(bytes)?;
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(too_large()),
        }
    }
}

/// For the rows of these arguments.
pub(super) fn row_by_row(arguments: &[ColumnarValue]) -> RowByRow {
    let bytes = |argument: &ColumnarValue| match argument {
        ColumnarValue::Array(array) => array.get_array_memory_size() / array.len().max(1),
        ColumnarValue::Scalar(constant) => constant.size(),
    };
    RowByRow::of(arguments.iter().map(bytes).sum())
}

/// An argument as a column. A constant is copied for each row, unless it is a text, which all rows share.
///
/// # Errors
/// When there is no room for so many copies.
pub(super) fn spread(argument: &ColumnarValue, rows: usize) -> Result<ArrayRef> {
    let ColumnarValue::Scalar(constant) = argument else { return argument.to_array(rows) };
    match constant {
        ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) => {
            ScalarValue::Utf8View(text.clone()).to_array_of_size(rows)
        }
        other if other.data_type().is_nested() && rows > 1 && other.size().saturating_mul(rows) > LARGEST_BYTES => {
            Err(Error::Value(too_large()).into())
        }
        other => other.to_array_of_size(rows),
    }
}

fn too_large() -> ValueError {
    ValueError::new(LIMIT_EXCEEDED, "the values that a function makes are too large together")
}
