//! Statistics of a file, on their way from Parquet's footer through the manifest into DataFusion, so that
//! planning opens no file.

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, ScalarValue, Statistics};
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use parquet::file::metadata::ParquetMetaData;
use serde::{Deserialize, Serialize};

use super::manifest::FileEntry;

/// NULLs and bounds of one column in one file. A bound is in Arrow's text form and exact, or absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnRange {
    pub nulls: Option<u64>,
    pub min: Option<String>,
    pub max: Option<String>,
}

/// The ranges of a file that was just written, with so many NULLs in each column.
pub(super) fn of_parquet(metadata: &ParquetMetaData, schema: &SchemaRef, nulls: &[u64]) -> Result<Vec<ColumnRange>> {
    let statistics = DFParquetMetadata::statistics_from_parquet_metadata(metadata, schema)?;
    Ok(statistics
        .column_statistics
        .iter()
        .zip(schema.fields())
        .zip(nulls)
        .map(|((column, field), nulls)| ColumnRange {
            nulls: Some(*nulls),
            min: bound(&column.min_value, field.data_type()),
            max: bound(&column.max_value, field.data_type()),
        })
        .collect())
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

/// Only types whose text form is read back exactly; bounds of text are cut off by Parquet, and NaN hides
/// from the bounds of floats.
fn has_exact_text(data_type: &DataType) -> bool {
    data_type.is_integer() || matches!(data_type, DataType::Date32 | DataType::Decimal128(..))
}

fn bound(value: &Precision<ScalarValue>, data_type: &DataType) -> Option<String> {
    match value {
        Precision::Exact(value) if !value.is_null() && has_exact_text(data_type) => {
            value.cast_to(&DataType::Utf8).ok().and_then(|text| text.try_as_str().flatten().map(str::to_owned))
        }
        _ => None,
    }
}

fn scalar(text: Option<&str>, data_type: &DataType) -> Precision<ScalarValue> {
    text.and_then(|text| ScalarValue::try_from_string(text.to_owned(), data_type).ok())
        .map_or(Precision::Absent, Precision::Exact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_come_back_as_they_went() {
        for value in [
            ScalarValue::Int64(Some(-7)),
            ScalarValue::Date32(Some(-1)),
            ScalarValue::Decimal128(Some(-12_345), 12, 2),
            ScalarValue::Decimal128(Some(10_i128.pow(37)), 38, 10),
        ] {
            let text = bound(&Precision::Exact(value.clone()), &value.data_type());
            assert_eq!(scalar(text.as_deref(), &value.data_type()), Precision::Exact(value));
        }
    }

    #[test]
    fn text_has_no_bounds() {
        let value = ScalarValue::from("cut off at 64 bytes");
        assert_eq!(bound(&Precision::Exact(value.clone()), &value.data_type()), None);
    }
}
