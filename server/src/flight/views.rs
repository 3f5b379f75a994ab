//! Views on the wire, for clients that ask for them: texts and bytes as Polars and DuckDB have them themselves, so that
//! nobody copies them. Only columns become views, not what is inside of lists: pandas does not read those.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Fields, Schema, SchemaRef};

/// The wire's schema with views.
pub(super) fn with_views(schema: &Schema) -> SchemaRef {
    let column = |field: &FieldRef| {
        let data_type = match field.data_type() {
            DataType::Utf8 => DataType::Utf8View,
            DataType::Binary => DataType::BinaryView,
            other => other.clone(),
        };
        field.as_ref().clone().with_data_type(data_type)
    };
    Arc::new(Schema::new(schema.fields().iter().map(column).collect::<Fields>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_views_and_their_insides_do_not() {
        let list = DataType::new_list(DataType::Utf8, true);
        let columns = [("a", DataType::Utf8), ("b", DataType::Binary), ("c", list.clone()), ("d", DataType::Int64)];
        let field = |(name, data_type)| arrow::datatypes::Field::new(name, data_type, true);
        let schema = with_views(&Schema::new(columns.map(field).to_vec()));
        let types: Vec<&DataType> = schema.fields().iter().map(|field| field.data_type()).collect();
        assert_eq!(types, [&DataType::Utf8View, &DataType::BinaryView, &list, &DataType::Int64]);
    }
}
