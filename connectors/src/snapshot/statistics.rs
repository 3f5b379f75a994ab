//! Statistics of a file, on their way from Parquet's footer through the manifest into DataFusion, so that
//! planning opens no file. How many bytes texts take is not told: where DataFusion knows that of both sides of a join, it
//! compares these and no rows, and TPC-H's Q21 took a fifth longer (docs/decisions/0010-pruning.md).

use std::cmp::Ordering;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, ScalarValue, Statistics};
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use serde::{Deserialize, Serialize};

use super::manifest::FileEntry;

/// NULLs and bounds of one column in one file. A bound is in text form and exact, or absent. That of a text may be cut
/// off: no text is beyond it, and there need not be one that is equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnRange {
    pub nulls: Option<u64>,
    pub min: Option<String>,
    pub max: Option<String>,
}

/// The ranges of a file that was just written, with so many NULLs in each column.
pub(super) fn of_parquet(metadata: &ParquetMetaData, schema: &SchemaRef, nulls: &[u64]) -> Result<Vec<ColumnRange>> {
    let statistics = DFParquetMetadata::statistics_from_parquet_metadata(metadata, schema)?;
    let known = statistics.column_statistics.iter().zip(schema.fields()).zip(nulls);
    let ranges = known.enumerate().map(|(index, ((column, field), nulls))| {
        let (min, max) = match field.data_type() {
            DataType::Utf8 => (
                text_bound(metadata.row_groups(), index, Ordering::Less),
                text_bound(metadata.row_groups(), index, Ordering::Greater),
            ),
            other => (bound(&column.min_value, other), bound(&column.max_value, other)),
        };
        ColumnRange { nulls: Some(*nulls), min, max }
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
            ..ColumnStatistics::new_unknown()
        });
    }
    statistics
}

/// What scans leave the file out by. DataFusion does so only by bounds that are exact, and here all of them are: no value is
/// beyond, and that one is equal is not asked for. Of a file with deleted rows, NULLs are still not counted.
pub(super) fn for_pruning(file: &FileEntry, schema: &SchemaRef) -> Statistics {
    let certain = |bound: Precision<ScalarValue>| match bound {
        Precision::Inexact(bound) => Precision::Exact(bound),
        other => other,
    };
    let mut statistics = for_planning(file, schema);
    for known in &mut statistics.column_statistics {
        known.min_value = certain(std::mem::take(&mut known.min_value));
        known.max_value = certain(std::mem::take(&mut known.max_value));
    }
    statistics
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
    use arrow::datatypes::{Field, Schema, TimeUnit};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
    use parquet::file::properties::{EnabledStatistics, WriterProperties};

    use super::super::manifest::{DeletesEntry, RelationId};
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
    fn files_are_left_out_by_bounds_that_need_not_be_values() {
        let schema: SchemaRef = Arc::new(Schema::new(vec![
            Field::new("number", DataType::Int32, true),
            Field::new("text", DataType::Utf8View, true),
        ]));
        let range =
            |min: &str, max: &str| ColumnRange { nulls: Some(1), min: Some(min.to_owned()), max: Some(max.to_owned()) };
        let file = FileEntry {
            path: String::new(),
            rows: 4,
            bytes: 0,
            checksum: String::new(),
            columns: vec![range("1", "7"), range("a", "b")],
            relation: RelationId::default(),
            digits: vec![],
            deletes: Some(DeletesEntry { path: String::new(), rows: 2, bytes: 0, checksum: String::new() }),
        };
        let (planning, pruning) = (for_planning(&file, &schema), for_pruning(&file, &schema));
        for (planned, pruned) in planning.column_statistics.iter().zip(&pruning.column_statistics) {
            assert_eq!(planned.min_value.is_exact(), Some(false));
            assert_eq!((pruned.min_value.is_exact(), pruned.max_value.is_exact()), (Some(true), Some(true)));
            assert_eq!(pruned.min_value.get_value(), planned.min_value.get_value());
            assert_eq!(pruned.null_count, Precision::Inexact(1));
        }
        assert_eq!(planning.num_rows, Precision::Exact(2));
    }

    #[test]
    fn moments_have_their_own_zone() {
        let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")));
        assert_eq!(scalar(Some("0"), &zoned).get_value().map(ScalarValue::data_type), Some(zoned));
    }
}
