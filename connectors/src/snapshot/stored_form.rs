//! The form in which columns are stored, where Parquet has no place for their Arrow type: intervals as their
//! 16 bytes. Conversions reinterpret bytes and never a value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, IntervalMonthDayNanoArray};
use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, IntervalMonthDayNano, IntervalUnit, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

/// An interval in memory: months and days of 32 bits, nanoseconds of 64.
const INTERVAL_BYTES: i32 = 16;
const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

/// Whether Parquet has no place for the type.
fn is_changed(data_type: &DataType) -> bool {
    *data_type == INTERVAL
}

/// The schema of the files of a table.
pub(super) fn stored_schema(schema: &SchemaRef) -> SchemaRef {
    if !schema.fields().iter().any(|field| is_changed(field.data_type())) {
        return Arc::clone(schema);
    }
    let stored = |field: &FieldRef| match field.data_type() {
        data_type if is_changed(data_type) => {
            Arc::new(field.as_ref().clone().with_data_type(DataType::FixedSizeBinary(INTERVAL_BYTES)))
        }
        _ => Arc::clone(field),
    };
    Arc::new(Schema::new_with_metadata(
        schema.fields().iter().map(stored).collect::<Vec<_>>(),
        schema.metadata().clone(),
    ))
}

/// A batch as it is stored; `schema` is [`stored_schema`] of its own.
pub(super) fn to_stored(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let columns = batch.columns().iter().map(|column| match column.as_primitive_opt() {
        Some(intervals) if is_changed(column.data_type()) => interval_bytes(intervals),
        _ => Ok(Arc::clone(column)),
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_, ArrowError>>()?)
}

fn interval_bytes(intervals: &IntervalMonthDayNanoArray) -> Result<ArrayRef, ArrowError> {
    let bytes = intervals.values().inner().clone();
    Ok(Arc::new(FixedSizeBinaryArray::try_new(INTERVAL_BYTES, bytes, intervals.nulls().cloned())?))
}

fn intervals(bytes: &FixedSizeBinaryArray) -> Result<ArrayRef, ArrowError> {
    // Copied, because bytes that were read need not lie where 64-bit numbers may.
    let values = Buffer::from_slice_ref(bytes.value_data());
    let values: ScalarBuffer<IntervalMonthDayNano> = ScalarBuffer::new(values, 0, bytes.len());
    Ok(Arc::new(IntervalMonthDayNanoArray::try_new(values, bytes.nulls().cloned())?))
}

/// Puts the conversion of stored columns above a scan; `schema` is the one that plans work on.
pub(super) fn from_stored(scan: Arc<dyn ExecutionPlan>, schema: &SchemaRef) -> Result<Arc<dyn ExecutionPlan>> {
    if !schema.fields().iter().any(|field| is_changed(field.data_type())) {
        return Ok(scan);
    }
    let function = Arc::new(ScalarUDF::from(IntervalOfBytes::new()));
    let expressions = schema.fields().iter().enumerate().map(|(index, field)| {
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), index));
        let expression = if is_changed(field.data_type()) {
            let field = Arc::new(Field::new(field.name(), INTERVAL, field.is_nullable()));
            Arc::new(ScalarFunctionExpr::new(
                function.name(),
                Arc::clone(&function),
                vec![column],
                field,
                Arc::new(ConfigOptions::default()),
            ))
        } else {
            column
        };
        (expression, field.name().clone())
    });
    Ok(Arc::new(ProjectionExec::try_new(expressions.collect::<Vec<_>>(), scan)?))
}

/// From 16 bytes to an interval.
#[derive(Debug, PartialEq, Eq, Hash)]
struct IntervalOfBytes {
    signature: Signature,
}

impl IntervalOfBytes {
    fn new() -> Self {
        let stored = DataType::FixedSizeBinary(INTERVAL_BYTES);
        Self { signature: Signature::exact(vec![stored], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for IntervalOfBytes {
    fn name(&self) -> &str {
        "interval_of_bytes"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(INTERVAL)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        Ok(ColumnarValue::Array(intervals(arrays[0].as_fixed_size_binary())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_come_back_as_they_went() {
        let values = vec![Some(IntervalMonthDayNano::new(14, -3, 1_000)), None];
        let array: ArrayRef = Arc::new(IntervalMonthDayNanoArray::from(values));
        let batch = RecordBatch::try_from_iter([("span", Arc::clone(&array))]).unwrap();
        let stored = to_stored(&batch, &stored_schema(&batch.schema())).unwrap();
        assert_eq!(stored.column(0).data_type(), &DataType::FixedSizeBinary(INTERVAL_BYTES));
        assert_eq!(&intervals(stored.column(0).as_fixed_size_binary()).unwrap(), &array);
        assert_eq!(&intervals(stored.slice(1, 1).column(0).as_fixed_size_binary()).unwrap(), &array.slice(1, 1));
    }
}
