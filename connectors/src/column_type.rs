//! The one place that says which Arrow type a PostgreSQL type becomes, how it is selected, and as what
//! ConnectorX reads its bytes so that nothing of the value is lost. What is not listed is
//! refused by name: a type that slipped through would panic in the parser or lose digits.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, TimeUnit};
use postgres::types::Type;

use crate::TableName;
use crate::catalogue::ColumnDescription;
use crate::error::{Error, Result};
use crate::name::quote;

/// Field metadata: the PostgreSQL type as PostgreSQL prints it, for example `character(10)` or `jsonb`.
pub const POSTGRES_TYPE: &str = "postgres.type";
/// Field metadata: the column's comment.
pub const COMMENT: &str = "comment";

/// PostgreSQL's varlena header, which type modifiers of `numeric` and `character` include (`VARHDRSZ`).
const MODIFIER_OFFSET: i32 = 4;
/// Digits that fit an Arrow Decimal128.
const DECIMAL128_DIGITS: u8 = 38;

/// How one column is selected, read and stored.
#[derive(Debug, Clone)]
pub(crate) struct ColumnPlan {
    pub(crate) field: Field,
    /// The SQL expression that selects it.
    pub(crate) expression: String,
    pub(crate) cell: Cell,
}

/// What a cell is in PostgreSQL's binary format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    Bool,
    Int16,
    Int32,
    Int64,
    UInt32,
    Float32,
    Float64,
    Decimal {
        scale: i8,
    },
    Text,
    /// `character(n)`: text whose padding is not part of the value.
    PaddedText,
    /// `jsonb`: text behind a version number.
    Jsonb,
    Binary,
    /// Days since 2000-01-01.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Microseconds since 2000-01-01, with or without a time zone.
    Timestamp,
    Uuid,
    BoolList,
    Int16List,
    Int32List,
    Int64List,
    Float32List,
    Float64List,
    TextList,
}

impl Cell {
    /// The type as which ConnectorX's parser reads the bytes. Where its own choice would go through a type
    /// that has less room than PostgreSQL's (chrono's dates, a decimal of 96 bits), or through a parser
    /// (JSON), the bytes are read as what they are made of.
    pub(crate) fn read_as(self) -> Type {
        match self {
            Self::Bool => Type::BOOL,
            Self::Int16 => Type::INT2,
            Self::Int32 | Self::Date => Type::INT4,
            Self::Int64 | Self::Time | Self::Timestamp => Type::INT8,
            Self::UInt32 => Type::OID,
            Self::Float32 => Type::FLOAT4,
            Self::Float64 => Type::FLOAT8,
            Self::Text | Self::PaddedText | Self::Jsonb => Type::TEXT,
            Self::Decimal { .. } | Self::Binary | Self::Uuid => Type::BYTEA,
            Self::BoolList => Type::BOOL_ARRAY,
            Self::Int16List => Type::INT2_ARRAY,
            Self::Int32List => Type::INT4_ARRAY,
            Self::Int64List => Type::INT8_ARRAY,
            Self::Float32List => Type::FLOAT4_ARRAY,
            Self::Float64List => Type::FLOAT8_ARRAY,
            Self::TextList => Type::TEXT_ARRAY,
        }
    }
}

/// Decides how a column is pulled.
///
/// # Errors
/// [`Error::Table`] naming table, column and type, when the type is not handled.
pub(crate) fn plan(table: &TableName, column: &ColumnDescription) -> Result<ColumnPlan> {
    let (cell, data_type) = column_type(column).map_err(|advice| {
        let message = format!("type {} is not handled yet{advice}; exclude the table", column.printed_type);
        Error::column(table, &column.name, message)
    })?;
    let mut metadata = HashMap::from([(POSTGRES_TYPE.to_owned(), column.printed_type.clone())]);
    if let Some(comment) = &column.comment {
        metadata.insert(COMMENT.to_owned(), comment.clone());
    }
    let field = Field::new(&column.name, data_type, column.nullable).with_metadata(metadata);
    Ok(ColumnPlan { field, expression: quote(&column.name), cell })
}

/// The cell and the Arrow type of a column, or advice that follows "is not handled yet".
fn column_type(column: &ColumnDescription) -> Result<(Cell, DataType), &'static str> {
    let list = |cell, element| Ok((cell, DataType::List(Field::new_list_field(element, true).into())));
    if column.is_array {
        return match column.base_type.as_str() {
            "bool" => list(Cell::BoolList, DataType::Boolean),
            "int2" => list(Cell::Int16List, DataType::Int16),
            "int4" => list(Cell::Int32List, DataType::Int32),
            "int8" => list(Cell::Int64List, DataType::Int64),
            "float4" => list(Cell::Float32List, DataType::Float32),
            "float8" => list(Cell::Float64List, DataType::Float64),
            "text" | "varchar" => list(Cell::TextList, DataType::Utf8),
            _ => Err(""),
        };
    }
    if column.kind == 'e' {
        return Ok((Cell::Text, DataType::Utf8));
    }
    Ok(match column.base_type.as_str() {
        "bool" => (Cell::Bool, DataType::Boolean),
        "int2" => (Cell::Int16, DataType::Int16),
        "int4" => (Cell::Int32, DataType::Int32),
        "int8" => (Cell::Int64, DataType::Int64),
        "oid" => (Cell::UInt32, DataType::UInt32),
        "float4" => (Cell::Float32, DataType::Float32),
        "float8" => (Cell::Float64, DataType::Float64),
        "numeric" => decimal(column.modifier)?,
        "text" | "varchar" | "name" | "citext" | "json" => (Cell::Text, DataType::Utf8),
        "jsonb" => (Cell::Jsonb, DataType::Utf8),
        // Without a length, blanks at the end are stored as they were written.
        "bpchar" if column.modifier < MODIFIER_OFFSET => (Cell::Text, DataType::Utf8),
        "bpchar" => (Cell::PaddedText, DataType::Utf8),
        "bytea" => (Cell::Binary, DataType::Binary),
        "date" => (Cell::Date, DataType::Date32),
        "time" => (Cell::Time, DataType::Time64(TimeUnit::Microsecond)),
        "timestamp" => (Cell::Timestamp, DataType::Timestamp(TimeUnit::Microsecond, None)),
        "timestamptz" => (Cell::Timestamp, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        "uuid" => (Cell::Uuid, DataType::Utf8),
        _ => return Err(""),
    })
}

/// `numeric(p,s)`: the modifier is `((p << 16) | (s & 0x7ff)) + 4`, the scale an 11-bit signed number.
fn decimal(modifier: i32) -> Result<(Cell, DataType), &'static str> {
    if modifier < MODIFIER_OFFSET {
        return Err(" without a precision (give it one: numeric(p,s))");
    }
    let packed = modifier - MODIFIER_OFFSET;
    let precision = packed >> 16 & 0xffff;
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    let (Ok(precision), Ok(scale)) = (u8::try_from(precision), i8::try_from(scale)) else {
        return Err(": it has more than 38 digits");
    };
    if precision > DECIMAL128_DIGITS {
        return Err(": it has more than 38 digits");
    }
    if scale < 0 || scale as u8 > precision {
        return Err(": its scale is outside of its precision");
    }
    Ok((Cell::Decimal { scale }, DataType::Decimal128(precision, scale)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(base_type: &str, printed_type: &str, modifier: i32) -> ColumnDescription {
        ColumnDescription {
            name: "c".into(),
            nullable: true,
            comment: None,
            printed_type: printed_type.into(),
            base_type: base_type.into(),
            kind: 'b',
            is_array: false,
            modifier,
        }
    }

    fn table() -> TableName {
        TableName { catalog: "shop".into(), schema: "public".into(), table: "orders".into() }
    }

    #[test]
    fn numeric_keeps_its_precision_and_scale() {
        let plan = plan(&table(), &column("numeric", "numeric(12,2)", (12 << 16 | 2) + 4)).unwrap();
        assert_eq!(plan.field.data_type(), &DataType::Decimal128(12, 2));
        assert_eq!(plan.expression, "\"c\"");
    }

    #[test]
    fn characters_are_padded_only_to_a_length() {
        let cell = |modifier| plan(&table(), &column("bpchar", "character", modifier)).unwrap().cell;
        assert_eq!(cell(10 + 4), Cell::PaddedText);
        assert_eq!(cell(-1), Cell::Text);
    }

    #[test]
    fn what_is_not_handled_is_named() {
        for (base_type, printed_type, modifier) in [
            ("money", "money", -1),
            ("numeric", "numeric", -1),
            ("numeric", "numeric(50,2)", (50 << 16 | 2) + 4),
            ("numeric", "numeric(4,-2)", (4 << 16 | (-2 & 0x7ff)) + 4),
            ("interval", "interval", -1),
        ] {
            let message = plan(&table(), &column(base_type, printed_type, modifier)).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!(
                    "table shop.public.orders, column \"c\": type {printed_type} is not handled yet"
                )),
                "{message}"
            );
        }
    }
}
