//! What Arrow's library for Java needs told otherwise, which its JDBC driver is made with.
//!
//! The driver's binding of parameters writes the milliseconds of Java's times into a vector of whatever unit the
//! server has announced, without converting them: told microseconds, it sends a moment of January 1970 and finds no
//! rows, without an error. It also has no decimals of 256 bits for parameters. So parameters are announced to it in
//! what it sends right. Values and types of results are the same for all clients.

use std::sync::Arc;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Fields, Schema, SchemaRef, TimeUnit};
use tonic::metadata::MetadataMap;

use super::user_agent::is_java;

/// The schema of a statement's parameters as whoever made a request can bind them.
pub(super) fn parameters(schema: SchemaRef, headers: &MetadataMap) -> SchemaRef {
    if !is_java(headers) {
        return schema;
    }
    let fields = schema.fields().iter().map(|field| {
        let data_type = bindable(field.data_type());
        Arc::new(field.as_ref().clone().with_data_type(data_type))
    });
    Arc::new(Schema::new(fields.collect::<Fields>()))
}

fn bindable(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
        DataType::Time64(_) => DataType::Time32(TimeUnit::Millisecond),
        DataType::Decimal256(_, scale) if scale.unsigned_abs() <= DECIMAL128_MAX_PRECISION => {
            DataType::Decimal128(DECIMAL128_MAX_PRECISION, *scale)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;

    use super::*;

    fn announced(agent: Option<&str>) -> Vec<DataType> {
        let types = [
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            DataType::Timestamp(TimeUnit::Microsecond, None),
            DataType::Time64(TimeUnit::Microsecond),
            DataType::Decimal256(50, 10),
            DataType::Decimal256(60, 40),
            DataType::Decimal128(12, 2),
            DataType::Utf8,
        ];
        let fields: Vec<_> = types.into_iter().map(|data_type| Field::new("$1", data_type, true)).collect();
        let mut headers = MetadataMap::new();
        if let Some(agent) = agent {
            headers.insert("user-agent", agent.parse().unwrap());
        }
        let schema = parameters(Arc::new(Schema::new(fields)), &headers);
        schema.fields().iter().map(|field| field.data_type().clone()).collect()
    }

    #[test]
    fn java_binds_milliseconds_and_no_wide_decimals() {
        let expected = [
            DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            DataType::Timestamp(TimeUnit::Millisecond, None),
            DataType::Time32(TimeUnit::Millisecond),
            DataType::Decimal128(38, 10),
            DataType::Decimal256(60, 40),
            DataType::Decimal128(12, 2),
            DataType::Utf8,
        ];
        assert_eq!(announced(Some("grpc-java-netty/1.71.0")), expected);
    }

    #[test]
    fn others_are_told_the_types_of_the_wire() {
        for agent in [None, Some("grpc-go/1.76.0"), Some("not grpc-java")] {
            assert_eq!(announced(agent)[0], DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
            assert_eq!(announced(agent)[3], DataType::Decimal256(50, 10));
        }
    }
}
