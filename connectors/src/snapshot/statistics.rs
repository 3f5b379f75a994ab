//! Statistics of a file, on their way from Parquet's footer through the manifest into DataFusion, so that
//! planning opens no file.

use std::cmp::Ordering;

use arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, ScalarValue, Statistics};
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use serde::{Deserialize, Serialize};

use super::manifest::FileEntry;

/// What a text or some bytes take in memory beside themselves: their length, and their first bytes or where they are.
const VIEW_BYTES: u64 = 16;

/// NULLs and bounds of one column in one file. A bound is in text form and exact, or absent. That of a text may be cut
/// off: no text is beyond it, and there need not be one that is equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnRange {
    pub nulls: Option<u64>,
    pub min: Option<String>,
    pub max: Option<String>,
    /// The bytes of all values together, where these are of any length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// What was counted of a column while its file was written.
#[derive(Debug, Clone, Default)]
pub(super) struct Counted {
    pub(super) nulls: u64,
    /// The bytes of texts.
    pub(super) bytes: Option<u64>,
}

/// The ranges of a file that was just written.
pub(super) fn of_parquet(
    metadata: &ParquetMetaData,
    schema: &SchemaRef,
    counted: &[Counted],
) -> Result<Vec<ColumnRange>> {
    let statistics = DFParquetMetadata::statistics_from_parquet_metadata(metadata, schema)?;
    let known = statistics.column_statistics.iter().zip(schema.fields()).zip(counted);
    let ranges = known.enumerate().map(|(index, ((column, field), counted))| {
        let (min, max) = match field.data_type() {
            DataType::Utf8 => (
                text_bound(metadata.row_groups(), index, Ordering::Less),
                text_bound(metadata.row_groups(), index, Ordering::Greater),
            ),
            other => (bound(&column.min_value, other), bound(&column.max_value, other)),
        };
        ColumnRange { nulls: Some(counted.nulls), min, max, bytes: counted.bytes }
    });
    Ok(ranges.collect())
}

/// What DataFusion is told about a file, of which some rows may be deleted.
pub(super) fn for_planning(file: &FileEntry, schema: &SchemaRef) -> Statistics {
    let mut statistics = Statistics::new_unknown(schema).with_num_rows(Precision::Exact(file.live_rows() as usize));
    // A deleted row may have been the smallest, or one of the NULLs.
    let certainty =
        |statistics: ColumnStatistics| if file.deletes.is_some() { statistics.to_inexact() } else { statistics };
    let columns = file.columns.iter().zip(schema.fields());
    for (known, (range, field)) in statistics.column_statistics.iter_mut().zip(columns) {
        *known = certainty(ColumnStatistics {
            null_count: range.nulls.map_or(Precision::Absent, |nulls| Precision::Exact(nulls as usize)),
            min_value: scalar(range.min.as_deref(), field.data_type()),
            max_value: scalar(range.max.as_deref(), field.data_type()),
            byte_size: bytes_in_memory(file, range, field),
            ..ColumnStatistics::new_unknown()
        });
    }
    statistics
}

/// The statistics of a table for a scan of these columns. DataFusion itself knows the bytes of columns of a fixed width, and
/// takes those of all columns where a text is among them.
pub(super) fn of_scan(table: &Statistics, projection: Option<&Vec<usize>>) -> Statistics {
    let bytes = |columns: &mut dyn Iterator<Item = &ColumnStatistics>| {
        columns.fold(Precision::Inexact(0), |sum, column| sum.add(&column.byte_size))
    };
    let columns = &table.column_statistics;
    let total_byte_size = match projection {
        Some(indices) => bytes(&mut indices.iter().filter_map(|&index| columns.get(index))),
        None => bytes(&mut columns.iter()),
    };
    Statistics { total_byte_size, ..table.clone() }
}

/// What the rows of a file that are left take of a column, once they are read.
fn bytes_in_memory(file: &FileEntry, range: &ColumnRange, field: &Field) -> Precision<usize> {
    let rows = file.live_rows();
    let bytes = match field.data_type() {
        DataType::Boolean => Some(rows.div_ceil(8)),
        DataType::FixedSizeBinary(width) => u64::try_from(*width).ok().map(|width| rows * width),
        DataType::Utf8View | DataType::BinaryView => {
            let share = rows as f64 / file.rows.max(1) as f64;
            range.bytes.map(|bytes| rows * VIEW_BYTES + (bytes as f64 * share) as u64)
        }
        other => other.primitive_width().map(|width| rows * width as u64),
    };
    bytes.map_or(Precision::Absent, |bytes| Precision::Inexact(bytes as usize))
}

/// Only types whose text form is read back exactly; NaN hides from the bounds of floats.
fn has_exact_text(data_type: &DataType) -> bool {
    data_type.is_integer() || is_moment(data_type) || matches!(data_type, DataType::Date32 | DataType::Decimal128(..))
}

/// Types whose text form is that of their number, because their own has no place for every value.
fn is_moment(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..) | DataType::Time64(_))
}

fn bound(value: &Precision<ScalarValue>, data_type: &DataType) -> Option<String> {
    match value {
        Precision::Exact(value) if !value.is_null() && has_exact_text(data_type) => {
            let number = if is_moment(data_type) { value.cast_to(&DataType::Int64).ok()? } else { value.clone() };
            number.cast_to(&DataType::Utf8).ok().and_then(|text| text.try_as_str().flatten().map(str::to_owned))
        }
        _ => None,
    }
}

/// The smallest or the largest of the bounds of a column of texts in all row groups. One that has texts and no bound leaves
/// the file without, which DataFusion overlooks.
fn text_bound(groups: &[RowGroupMetaData], column: usize, wanted: Ordering) -> Option<String> {
    let mut extreme: Option<&[u8]> = None;
    for group in groups {
        let known = group.columns().get(column)?.statistics()?;
        let bound = match wanted {
            Ordering::Less => known.min_bytes_opt(),
            _ => known.max_bytes_opt(),
        };
        match (bound, extreme) {
            (Some(bound), Some(before)) if bound.cmp(before) != wanted => {}
            (Some(bound), _) => extreme = Some(bound),
            (None, _) if known.null_count_opt() == u64::try_from(group.num_rows()).ok() => {}
            (None, _) => return None,
        }
    }
    extreme.and_then(|bound| std::str::from_utf8(bound).ok()).map(str::to_owned)
}

fn scalar(text: Option<&str>, data_type: &DataType) -> Precision<ScalarValue> {
    let Some(text) = text else { return Precision::Absent };
    let text = text.to_owned();
    let known = if is_moment(data_type) {
        ScalarValue::try_from_string(text, &DataType::Int64).and_then(|number| number.cast_to(data_type))
    } else {
        ScalarValue::try_from_string(text, data_type)
    };
    match known {
        // It may be cut off; and the smallest text is that of the column's collation, which need not be this one.
        Ok(known) if matches!(data_type, DataType::Utf8 | DataType::Utf8View) => Precision::Inexact(known),
        known => known.map_or(Precision::Absent, Precision::Exact),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    use arrow::datatypes::{Schema, TimeUnit};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
    use parquet::file::properties::{EnabledStatistics, WriterProperties};

    use super::*;

    #[test]
    fn bounds_come_back_as_they_went() {
        let zone = || Some(Arc::from("UTC"));
        for value in [
            ScalarValue::Int64(Some(-7)),
            ScalarValue::Date32(Some(-1)),
            ScalarValue::Decimal128(Some(-12_345), 12, 2),
            ScalarValue::Decimal128(Some(10_i128.pow(37)), 38, 10),
            ScalarValue::TimestampMicrosecond(Some(1_763_000_000_000_001), zone()),
            ScalarValue::TimestampMicrosecond(Some(i64::MIN), zone()),
            ScalarValue::TimestampMicrosecond(Some(i64::MAX), None),
            ScalarValue::Time64Microsecond(Some(86_399_999_999)),
        ] {
            let text = bound(&Precision::Exact(value.clone()), &value.data_type());
            assert_eq!(scalar(text.as_deref(), &value.data_type()), Precision::Exact(value));
        }
    }

    #[test]
    fn a_bound_of_text_is_no_value() {
        let text = ScalarValue::Utf8View(Some("Größe".to_owned()));
        assert_eq!(scalar(Some("Größe"), &DataType::Utf8View), Precision::Inexact(text));
    }

    /// The text bounds of a file whose row groups are of these texts; those of row groups without bounds are NULL there.
    fn text_bounds(groups: &[(&[Option<&str>], bool)]) -> (Option<String>, Option<String>) {
        let metadata = |texts: &[Option<&str>], has_bounds| {
            let column: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
            let batch = RecordBatch::try_from_iter_with_nullable([("text", column, true)]).unwrap();
            let enabled = if has_bounds { EnabledStatistics::Chunk } else { EnabledStatistics::None };
            let properties = WriterProperties::builder().set_statistics_enabled(enabled).build();
            let mut file = vec![];
            let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            let options = ArrowReaderOptions::new();
            ArrowReaderMetadata::load(&bytes::Bytes::from(file), options).unwrap().metadata().row_group(0).clone()
        };
        let groups: Vec<_> = groups.iter().map(|(texts, has_bounds)| metadata(texts, *has_bounds)).collect();
        (text_bound(&groups, 0, Ordering::Less), text_bound(&groups, 0, Ordering::Greater))
    }

    #[test]
    fn bounds_of_texts_are_those_of_all_row_groups_or_none() {
        let known = |smallest: &str, largest: &str| (Some(smallest.to_owned()), Some(largest.to_owned()));
        let (first, second): (&[_], &[_]) = (&[Some("m"), None, Some("x")], &[Some("b"), Some("n")]);
        assert_eq!(text_bounds(&[(first, true), (second, true)]), known("b", "x"));
        assert_eq!(text_bounds(&[(first, true), (&[None, None], true)]), known("m", "x"));
        assert_eq!(text_bounds(&[(first, true), (second, false)]), (None, None));
        assert_eq!(text_bounds(&[(&[None], true)]), (None, None));
    }

    #[test]
    fn a_scan_takes_the_bytes_of_its_columns() {
        let mut table = Statistics::new_unknown(&Schema::empty());
        let of_bytes = |bytes| ColumnStatistics::new_unknown().with_byte_size(bytes);
        table.column_statistics =
            vec![of_bytes(Precision::Inexact(5)), of_bytes(Precision::Inexact(7)), of_bytes(Precision::Absent)];
        assert_eq!(of_scan(&table, Some(&vec![1, 0])).total_byte_size, Precision::Inexact(12));
        assert_eq!(of_scan(&table, Some(&vec![])).total_byte_size, Precision::Inexact(0));
        assert_eq!(of_scan(&table, None).total_byte_size, Precision::Absent);
    }

    #[test]
    fn moments_have_their_own_zone() {
        let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")));
        assert_eq!(scalar(Some("0"), &zoned).get_value().map(ScalarValue::data_type), Some(zoned));
    }
}
