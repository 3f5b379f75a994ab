//! The one place that says which Arrow type a PostgreSQL type becomes, how it is selected, and what its
//! bytes are. A type that has no exact place in Arrow comes as the text that PostgreSQL prints for it.

use std::collections::HashMap;

use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef, IntervalUnit, TimeUnit,
};
use serde::{Deserialize, Serialize};

use crate::catalogue::{ColumnDescription, ColumnType};
use crate::collation::{COLLATION, Collation};
use crate::name::quote;

/// Field metadata: the PostgreSQL type as PostgreSQL prints it, for example `character(10)` or `jsonb`.
pub const POSTGRES_TYPE: &str = "postgres.type";
/// Field metadata: the column's comment.
pub const COMMENT: &str = "comment";

/// PostgreSQL's varlena header, which type modifiers of `numeric` and `character` include (`VARHDRSZ`).
const MODIFIER_OFFSET: i32 = 4;

/// Texts that PostgreSQL does not send as what it prints: a single byte, and XML with another declaration.
const SENT_AS_TEXT: [&str; 2] = ["char", "xml"];

/// How one column is selected, read and stored.
#[derive(Debug, Clone)]
pub(crate) struct ColumnPlan {
    /// For a `numeric` without a precision the type is settled by its values.
    pub(crate) field: FieldRef,
    /// The SQL expression that selects it.
    pub(crate) expression: String,
    pub(crate) cell: Cell,
}

impl ColumnPlan {
    /// Something that is computed and never NULL.
    pub(crate) fn of_expression(name: &str, data_type: DataType, cell: Cell, expression: &str) -> Self {
        Self { field: Field::new(name, data_type, false).into(), expression: expression.to_owned(), cell }
    }

    /// The same, for rows in which values may have become NULL.
    pub(crate) fn nullable(mut self) -> Self {
        self.field = self.field.as_ref().clone().with_nullable(true).into();
        self
    }
}

/// What a cell is in PostgreSQL's binary format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cell {
    Bool,
    Int16,
    Int32,
    Int64,
    UInt32,
    Float32,
    Float64,
    /// `numeric` of a known precision and scale.
    Decimal {
        precision: u8,
        scale: i8,
    },
    /// `numeric` without a precision: as wide as its values are.
    FreeDecimal,
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
    /// Microseconds, days and months.
    Interval,
    Uuid,
    /// `tid`: a page's number in 32 bits and a line in it in 16, together as one number.
    Place,
    /// A one-dimensional array that begins at 1.
    List(Box<Cell>),
}

impl Cell {
    /// The same where the type cannot follow the values, because none has been seen.
    pub(crate) fn fixed(&self, precision: u8, scale: i8) -> Self {
        match self {
            Self::FreeDecimal => Self::Decimal { precision, scale },
            Self::List(element) => Self::List(Box::new(element.fixed(precision, scale))),
            other => other.clone(),
        }
    }

    /// Whether the type follows the values.
    pub(crate) fn is_free(&self) -> bool {
        match self {
            Self::FreeDecimal => true,
            Self::List(element) => element.is_free(),
            _ => false,
        }
    }
}

/// Decides how a column is pulled; `as_text` says to take what PostgreSQL prints, whatever the type.
pub(crate) fn plan(column: &ColumnDescription, as_text: bool) -> ColumnPlan {
    let native = if as_text || column.dimensions > 1 { None } else { native(&column.column_type) };
    let name = quote(&column.name);
    let is_sent_as_text =
        |column_type: &ColumnType| column_type.kind == 'b' && SENT_AS_TEXT.contains(&&*column_type.name);
    let (cell, data_type, expression) = match native {
        Some((cell, data_type)) if column.column_type.element.as_deref().is_some_and(is_sent_as_text) => {
            (cell, data_type, format!("{name}::text[]"))
        }
        Some((cell, data_type)) if is_sent_as_text(&column.column_type) => (cell, data_type, format!("{name}::text")),
        Some((cell, data_type)) => (cell, data_type, name),
        // A cast of an address to text has the bits of its network, which are not printed where they are all of it.
        None if column.column_type.kind == 'b' && column.column_type.name == "inet" => {
            (Cell::Text, DataType::Utf8, format!("pg_catalog.textin(pg_catalog.inet_out({name}))"))
        }
        None => (Cell::Text, DataType::Utf8, format!("{name}::text")),
    };
    let printed_type = match cell {
        // What pads the values must find the width, also where the column's type is a domain.
        Cell::PaddedText => format!("character({})", column.column_type.modifier - MODIFIER_OFFSET),
        _ => column.printed_type.clone(),
    };
    let mut metadata = HashMap::from([(POSTGRES_TYPE.to_owned(), printed_type)]);
    if let Some(comment) = &column.comment {
        metadata.insert(COMMENT.to_owned(), comment.clone());
    }
    if let Some(collation) = column.collation.as_ref().and_then(Collation::to_metadata) {
        metadata.insert(COLLATION.to_owned(), collation);
    }
    let field = Field::new(&column.name, data_type, column.nullable).with_metadata(metadata);
    ColumnPlan { field: field.into(), expression, cell }
}

/// The Arrow type that a parameter of a type is given as, where it has an exact one that does not follow its values.
pub(crate) fn of_parameter(column_type: &ColumnType) -> Option<DataType> {
    native(column_type).filter(|(cell, _)| !cell.is_free()).map(|(_, data_type)| data_type)
}

/// The cell and the Arrow type of a type that has an exact one.
fn native(column_type: &ColumnType) -> Option<(Cell, DataType)> {
    if let Some(element) = &column_type.element {
        return match native(element)? {
            // Parquet has no place for intervals; a column of them is stored as bytes, a list of them as text.
            (Cell::Interval, _) => None,
            (Cell::List(_), _) => None,
            // What is in a list is not padded again on its way out.
            (Cell::PaddedText, data_type) => Some(list(Cell::Text, data_type)),
            (cell, data_type) => Some(list(cell, data_type)),
        };
    }
    match column_type.kind {
        'e' => return Some((Cell::Text, DataType::Utf8)),
        'b' => {}
        _ => return None,
    }
    Some(match column_type.name.as_str() {
        "bool" => (Cell::Bool, DataType::Boolean),
        "int2" => (Cell::Int16, DataType::Int16),
        "int4" => (Cell::Int32, DataType::Int32),
        "int8" => (Cell::Int64, DataType::Int64),
        "oid" => (Cell::UInt32, DataType::UInt32),
        "float4" => (Cell::Float32, DataType::Float32),
        "float8" => (Cell::Float64, DataType::Float64),
        "numeric" => decimal(column_type.modifier)?,
        "text" | "varchar" | "name" | "citext" | "json" | "char" | "xml" => (Cell::Text, DataType::Utf8),
        "jsonb" => (Cell::Jsonb, DataType::Utf8),
        // Without a length, blanks at the end are stored as they were written.
        "bpchar" if column_type.modifier < MODIFIER_OFFSET => (Cell::Text, DataType::Utf8),
        "bpchar" => (Cell::PaddedText, DataType::Utf8),
        "bytea" => (Cell::Binary, DataType::Binary),
        "date" => (Cell::Date, DataType::Date32),
        "time" => (Cell::Time, DataType::Time64(TimeUnit::Microsecond)),
        "timestamp" => (Cell::Timestamp, DataType::Timestamp(TimeUnit::Microsecond, None)),
        "timestamptz" => (Cell::Timestamp, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        "interval" => (Cell::Interval, DataType::Interval(IntervalUnit::MonthDayNano)),
        "uuid" => (Cell::Uuid, DataType::Utf8),
        _ => return None,
    })
}

fn list(element: Cell, data_type: DataType) -> (Cell, DataType) {
    (Cell::List(Box::new(element)), DataType::List(Field::new_list_field(data_type, true).into()))
}

/// `numeric(p,s)`: the modifier is `((p << 16) | (s & 0x7ff)) + 4`, the scale an 11-bit signed number. A
/// negative scale is written out as zeros before the point, one beyond the precision as zeros behind it.
fn decimal(modifier: i32) -> Option<(Cell, DataType)> {
    if modifier < MODIFIER_OFFSET {
        return Some((Cell::FreeDecimal, DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0)));
    }
    let packed = modifier - MODIFIER_OFFSET;
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    let precision = ((packed >> 16 & 0xffff) - scale.min(0)).max(scale);
    let (precision, scale) = (u8::try_from(precision).ok()?, i8::try_from(scale.max(0)).ok()?);
    let data_type = decimal_type(precision, scale)?;
    Some((Cell::Decimal { precision, scale }, data_type))
}

/// The Arrow type of decimals of this precision, up to 76 digits.
pub(crate) fn decimal_type(precision: u8, scale: i8) -> Option<DataType> {
    if precision <= DECIMAL128_MAX_PRECISION {
        return Some(DataType::Decimal128(precision, scale));
    }
    (precision <= DECIMAL256_MAX_PRECISION).then_some(DataType::Decimal256(precision, scale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::DeclaredType;

    fn column(name: &str, modifier: i32) -> ColumnDescription {
        ColumnDescription {
            name: "c".into(),
            number: 1,
            nullable: true,
            comment: None,
            printed_type: name.into(),
            declared_type: DeclaredType { oid: 0, modifier },
            column_type: ColumnType { name: name.into(), kind: 'b', modifier, element: None },
            dimensions: 0,
            meaning: String::new(),
            bytewise: true,
            collation: None,
        }
    }

    fn numeric(precision: i32, scale: i32) -> DataType {
        let column = column("numeric", (precision << 16 | (scale & 0x7ff)) + MODIFIER_OFFSET);
        plan(&column, false).field.data_type().clone()
    }

    #[test]
    fn numeric_keeps_its_precision_and_scale() {
        assert_eq!(numeric(12, 2), DataType::Decimal128(12, 2));
        assert_eq!(numeric(50, 10), DataType::Decimal256(50, 10));
        assert_eq!(numeric(4, -2), DataType::Decimal128(6, 0));
        assert_eq!(numeric(2, 4), DataType::Decimal128(4, 4));
        assert_eq!(numeric(100, 2), DataType::Utf8);
    }

    #[test]
    fn characters_are_padded_only_to_a_length() {
        let cell = |modifier| plan(&column("bpchar", modifier), false).cell;
        assert_eq!(cell(10 + MODIFIER_OFFSET), Cell::PaddedText);
        assert_eq!(cell(-1), Cell::Text);
    }

    #[test]
    fn what_has_no_exact_type_is_selected_as_text() {
        for name in ["money", "timetz", "tsvector"] {
            let plan = plan(&column(name, -1), false);
            assert_eq!((plan.cell, plan.expression.as_str()), (Cell::Text, "\"c\"::text"), "{name}");
        }
        assert_eq!(plan(&column("int4", -1), true).expression, "\"c\"::text");
        let address = plan(&column("inet", -1), false);
        assert_eq!(address.expression, "pg_catalog.textin(pg_catalog.inet_out(\"c\"))");
    }

    #[test]
    fn arrays_of_exact_types_are_lists() {
        let mut array = column("_numeric", -1);
        array.column_type.element = Some(Box::new(column("int4", -1).column_type));
        assert_eq!(plan(&array, false).cell, Cell::List(Box::new(Cell::Int32)));
        array.dimensions = 2;
        assert_eq!(plan(&array, false).cell, Cell::Text);
        array.dimensions = 1;
        array.column_type.element = Some(Box::new(column("interval", -1).column_type));
        assert_eq!(plan(&array, false).cell, Cell::Text);
    }
}
