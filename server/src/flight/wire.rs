//! The schema on the wire: one function for FlightInfo, prepared statements and DoGet. Only types that
//! every client reads leave the server: no large offsets, no dictionaries, microseconds, and views only for those that
//! ask for them. Each column says what PostgreSQL calls it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use rail_forge_connectors::{COLLATION, POSTGRES_TYPE, TableName};
use rail_forge_planner::of_table;

use super::adjacent::adjacent;
use super::column_metadata::described;
use super::views;

/// What padding may make of the rows that are converted at a time, unless a single one is longer. `character(n)` comes
/// from the engine without its blanks, and `n` may be ten million.
const PADDED_BYTES: usize = 2 << 20;

/// From the engine's batches to the wire's.
#[derive(Debug)]
pub(super) struct Wire {
    schema: SchemaRef,
}

impl Wire {
    pub(super) fn new(schema: &Schema) -> Self {
        Self { schema: wire_schema(schema) }
    }

    /// The same with views, if they are wanted.
    pub(super) fn with_views(self, wanted: bool) -> Self {
        if wanted { Self { schema: views::with_views(&self.schema) } } else { self }
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// A batch as what can be converted at a time.
    pub(super) fn parts(&self, batch: RecordBatch) -> Vec<RecordBatch> {
        let widths = self.schema.fields().iter().filter_map(|field| character_width(field));
        let most = (PADDED_BYTES / widths.sum::<usize>().max(1)).max(1);
        let rows = batch.num_rows();
        if rows <= most {
            return vec![batch];
        }
        (0..rows).step_by(most).map(|start| batch.slice(start, most.min(rows - start))).collect()
    }

    /// # Errors
    /// When a value does not fit the wire's type, for example a timestamp beyond its range.
    pub(super) fn convert(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = batch
            .columns()
            .iter()
            .zip(self.schema.fields())
            .map(|(column, field)| convert(column, field))
            .collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

fn convert(column: &ArrayRef, field: &Field) -> Result<ArrayRef, ArrowError> {
    let padded = character_width(field).map(|width| pad(column, width)).transpose()?;
    let column = padded.as_ref().unwrap_or(column);
    if column.data_type() == field.data_type() {
        return Ok(Arc::clone(column));
    }
    if let Some(shared) = adjacent(column, field.data_type()) {
        return Ok(shared);
    }
    cast_with_options(column, field.data_type(), &CastOptions { safe: false, ..Default::default() })
}

/// The schema that clients see.
pub(super) fn wire_schema(schema: &Schema) -> SchemaRef {
    let column = |field: &FieldRef| described(field, wire_field(field));
    Arc::new(Schema::new(schema.fields().iter().map(column).collect::<Fields>()))
}

/// The schema that clients see of a table as a whole.
pub(super) fn table_schema(table: &TableName, schema: &Schema) -> SchemaRef {
    let column = |field: &FieldRef| of_table(field.as_ref().clone(), table);
    wire_schema(&Schema::new(schema.fields().iter().map(column).collect::<Fields>()))
}

fn wire_field(field: &FieldRef) -> Field {
    let data_type = wire_type(field.data_type());
    // NULL alone is text in PostgreSQL, and always NULL.
    let nullable = field.is_nullable() || field.data_type().is_null();
    let mut metadata = field.metadata().clone();
    // How the engine sorts a column of a table is not of a client's values.
    metadata.remove(COLLATION);
    Field::new(field.name(), data_type, nullable).with_metadata(metadata)
}

/// A field inside of a column.
fn inner_field(field: &FieldRef) -> FieldRef {
    Arc::new(wire_field(field))
}

fn wire_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 | DataType::Null => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::Date64 => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        // PostgreSQL has no unsigned numbers but oid, which is UInt32.
        DataType::UInt64 => DataType::Int64,
        DataType::UInt8 | DataType::UInt16 => DataType::Int32,
        DataType::Dictionary(_, values) => wire_type(values),
        DataType::List(element) | DataType::LargeList(element) | DataType::ListView(element) => {
            DataType::List(inner_field(element))
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner_field).collect()),
        other => other.clone(),
    }
}

/// The `n` of a column that is a `character(n)` in PostgreSQL.
fn character_width(field: &Field) -> Option<usize> {
    field.metadata().get(POSTGRES_TYPE)?.strip_prefix("character(")?.strip_suffix(')')?.parse().ok()
}

/// Text padded with blanks, as PostgreSQL returns `character(n)`.
fn pad(column: &ArrayRef, width: usize) -> Result<ArrayRef, ArrowError> {
    let text = cast(column, &DataType::Utf8)?;
    let mut builder = StringBuilder::with_capacity(text.len(), text.len() * width);
    for value in text.as_string::<i32>() {
        // Not as `{value:<width$}`, which panics where the width has more than 16 bits.
        builder.append_option(value.map(|value| {
            let blanks = width.saturating_sub(value.chars().count());
            value.to_owned() + &" ".repeat(blanks)
        }));
    }
    Ok(Arc::new(builder.finish()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow::array::{StringViewArray, TimestampNanosecondArray, UInt64Array};

    use super::*;

    #[test]
    fn every_type_becomes_one_that_clients_read() {
        let batch = RecordBatch::try_from_iter([
            ("text", Arc::new(StringViewArray::from(vec![Some("ä"), None])) as ArrayRef),
            ("number", Arc::new(UInt64Array::from(vec![1, 2]))),
            ("time", Arc::new(TimestampNanosecondArray::from(vec![1_000, 2_000]))),
        ])
        .unwrap();
        let wire = Wire::new(&batch.schema());
        let types: Vec<_> = wire.schema().fields().iter().map(|field| field.data_type().clone()).collect();
        assert_eq!(types, [DataType::Utf8, DataType::Int64, DataType::Timestamp(TimeUnit::Microsecond, None)]);
        let converted = wire.convert(&batch).unwrap();
        assert_eq!(&converted.schema(), wire.schema());
        assert_eq!(converted.column(0).as_string::<i32>().value(0), "ä");
    }

    #[test]
    fn character_columns_come_padded() {
        let field = Field::new("code", DataType::Utf8View, true)
            .with_metadata(HashMap::from([(POSTGRES_TYPE.to_owned(), "character(4)".to_owned())]));
        let batch = RecordBatch::try_new(
            Arc::new(Schema::new(vec![field])),
            vec![Arc::new(StringViewArray::from(vec![Some("é"), None]))],
        )
        .unwrap();
        let converted = Wire::new(&batch.schema()).convert(&batch).unwrap();
        assert_eq!(converted.column(0).as_string::<i32>().value(0), "é   ");
        assert!(converted.column(0).is_null(1));
        let converted = Wire::new(&batch.schema()).with_views(true).convert(&batch).unwrap();
        assert_eq!(converted.column(0).as_string_view().value(0), "é   ");
    }

    #[test]
    fn long_character_columns_come_padded_in_parts() {
        let width = 100_000;
        let field = Field::new("code", DataType::Utf8View, true)
            .with_metadata(HashMap::from([(POSTGRES_TYPE.to_owned(), format!("character({width})"))]));
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec!["é"; 100]));
        let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![texts]).unwrap();
        let wire = Wire::new(&batch.schema());
        let parts = wire.parts(batch);
        assert_eq!(parts.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [20; 5]);
        let wanted = format!("é{}", " ".repeat(width - 1));
        for part in &parts {
            let converted = wire.convert(part).unwrap();
            assert!(converted.column(0).as_string::<i32>().iter().all(|text| text == Some(wanted.as_str())));
        }
    }
}
