//! The one place that says which Arrow type a PostgreSQL type becomes, how it is selected so that the
//! binary protocol carries it exactly, and as which cell ConnectorX hands it over. What is not listed is
//! refused by name: a type that slipped through would panic in the parser or lose digits.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, TimeUnit};

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
/// Digits that fit the 96-bit mantissa of the decimal that ConnectorX hands over.
const CELL_DECIMAL_DIGITS: u8 = 28;
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

/// As which Rust value ConnectorX's parser produces a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    Bool,
    Int16,
    Int32,
    Int64,
    UInt32,
    Float32,
    Float64,
    /// A decimal of at most 28 digits.
    Decimal {
        precision: u8,
        scale: i8,
    },
    /// A decimal too wide for the parser's, selected as text.
    DecimalText {
        precision: u8,
        scale: i8,
    },
    Text,
    /// `character(n)`: text whose padding is not part of the value.
    PaddedText,
    Binary,
    Date,
    /// Microseconds since midnight, selected as a number.
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    BoolList,
    Int16List,
    Int32List,
    Int64List,
    Float32List,
    Float64List,
    TextList,
}

/// Decides how a column is pulled.
///
/// # Errors
/// [`Error::Table`] naming table, column and type, when the type is not handled.
pub(crate) fn plan(table: &TableName, column: &ColumnDescription) -> Result<ColumnPlan> {
    let name = quote(&column.name);
    let (cell, expression) = match cell(column) {
        Ok(Cell::DecimalText { precision, scale }) => {
            (Cell::DecimalText { precision, scale }, format!("{name}::text AS {name}"))
        }
        Ok(cell) if selected_as_text(column) => (cell, format!("{name}::text AS {name}")),
        // The parser's time of day has no 24:00:00 and would make it midnight.
        Ok(Cell::Time) => (Cell::Time, format!("(extract(epoch FROM {name}) * 1000000)::int8 AS {name}")),
        Ok(cell) => (cell, name),
        Err(advice) => {
            let message = format!("type {} is not handled yet{advice}; exclude the table", column.printed_type);
            return Err(Error::column(table, &column.name, message));
        }
    };
    let mut metadata = HashMap::from([(POSTGRES_TYPE.to_owned(), column.printed_type.clone())]);
    if let Some(comment) = &column.comment {
        metadata.insert(COMMENT.to_owned(), comment.clone());
    }
    let field = Field::new(&column.name, arrow_type(cell), column.nullable).with_metadata(metadata);
    Ok(ColumnPlan { field, expression, cell })
}

/// The cell of a column's type, or advice that follows "is not handled yet".
fn cell(column: &ColumnDescription) -> Result<Cell, &'static str> {
    if column.is_array {
        return match column.base_type.as_str() {
            "bool" => Ok(Cell::BoolList),
            "int2" => Ok(Cell::Int16List),
            "int4" => Ok(Cell::Int32List),
            "int8" => Ok(Cell::Int64List),
            "float4" => Ok(Cell::Float32List),
            "float8" => Ok(Cell::Float64List),
            "text" | "varchar" => Ok(Cell::TextList),
            _ => Err(""),
        };
    }
    if column.kind == 'e' {
        return Ok(Cell::Text);
    }
    match column.base_type.as_str() {
        "bool" => Ok(Cell::Bool),
        "int2" => Ok(Cell::Int16),
        "int4" => Ok(Cell::Int32),
        "int8" => Ok(Cell::Int64),
        "oid" => Ok(Cell::UInt32),
        "float4" => Ok(Cell::Float32),
        "float8" => Ok(Cell::Float64),
        "numeric" => decimal(column.modifier),
        "text" | "varchar" | "name" | "citext" | "json" | "jsonb" => Ok(Cell::Text),
        // Without a length, blanks at the end are stored as they were written.
        "bpchar" if column.modifier < MODIFIER_OFFSET => Ok(Cell::Text),
        "bpchar" => Ok(Cell::PaddedText),
        "bytea" => Ok(Cell::Binary),
        "date" => Ok(Cell::Date),
        "time" => Ok(Cell::Time),
        "timestamp" => Ok(Cell::Timestamp),
        "timestamptz" => Ok(Cell::TimestampTz),
        "uuid" => Ok(Cell::Uuid),
        _ => Err(""),
    }
}

/// `numeric(p,s)`: the modifier is `((p << 16) | (s & 0x7ff)) + 4`, the scale an 11-bit signed number.
fn decimal(modifier: i32) -> Result<Cell, &'static str> {
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
    Ok(if precision <= CELL_DECIMAL_DIGITS {
        Cell::Decimal { precision, scale }
    } else {
        Cell::DecimalText { precision, scale }
    })
}

/// Types that the parser would reparse, losing what PostgreSQL prints, or that it does not know by name.
fn selected_as_text(column: &ColumnDescription) -> bool {
    !column.is_array && matches!(column.base_type.as_str(), "json" | "jsonb" | "citext" | "name")
}

fn arrow_type(cell: Cell) -> DataType {
    let list = |element| DataType::List(Field::new_list_field(element, true).into());
    match cell {
        Cell::Bool => DataType::Boolean,
        Cell::Int16 => DataType::Int16,
        Cell::Int32 => DataType::Int32,
        Cell::Int64 => DataType::Int64,
        Cell::UInt32 => DataType::UInt32,
        Cell::Float32 => DataType::Float32,
        Cell::Float64 => DataType::Float64,
        Cell::Decimal { precision, scale } | Cell::DecimalText { precision, scale } => {
            DataType::Decimal128(precision, scale)
        }
        Cell::Text | Cell::PaddedText | Cell::Uuid => DataType::Utf8,
        Cell::Binary => DataType::Binary,
        Cell::Date => DataType::Date32,
        Cell::Time => DataType::Time64(TimeUnit::Microsecond),
        Cell::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        Cell::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Cell::BoolList => list(DataType::Boolean),
        Cell::Int16List => list(DataType::Int16),
        Cell::Int32List => list(DataType::Int32),
        Cell::Int64List => list(DataType::Int64),
        Cell::Float32List => list(DataType::Float32),
        Cell::Float64List => list(DataType::Float64),
        Cell::TextList => list(DataType::Utf8),
    }
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
    fn a_numeric_wider_than_the_parsers_is_selected_as_text() {
        let plan = plan(&table(), &column("numeric", "numeric(38,10)", (38 << 16 | 10) + 4)).unwrap();
        assert_eq!(plan.field.data_type(), &DataType::Decimal128(38, 10));
        assert_eq!(plan.expression, "\"c\"::text AS \"c\"");
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
