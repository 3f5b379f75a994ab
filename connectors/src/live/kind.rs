//! What PostgreSQL compares exactly as the engine does: for each column, whether and how.

use arrow::datatypes::DataType;

use super::entry::{LiveColumn, LiveEntry};
use crate::column_type::Cell;
use crate::name::quote;

/// The last moment that 64 bits of microseconds since 1970 can tell; PostgreSQL's own end is 30 years later.
const LAST_TIMESTAMP: &str = "294247-01-10 04:00:54.775807";

/// How values of a column compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Integer(Integer),
    /// `oid`, which PostgreSQL compares with itself alone.
    Oid,
    Float32,
    Float64,
    Decimal {
        precision: u8,
        scale: i8,
    },
    Date,
    Time,
    Timestamp {
        zoned: bool,
    },
    Binary,
    /// Compared for equality alone: the engine orders by bytes or by keys, PostgreSQL by collations.
    Text(Form),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Integer {
    Int2,
    Int4,
    Int8,
}

/// In which form PostgreSQL compares a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `text` or `varchar` as it is, so that an index can serve.
    Native,
    /// `character(n)`, whose padding counts on neither side.
    Padded,
    /// `uuid`, which is text in lower case to the engine.
    Uuid,
    /// What PostgreSQL prints, byte by byte.
    Printed,
}

impl Integer {
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Self::Int2 => "int2",
            Self::Int4 => "int4",
            Self::Int8 => "int8",
        }
    }

    pub(super) fn range(self) -> std::ops::RangeInclusive<i128> {
        match self {
            Self::Int2 => i128::from(i16::MIN)..=i128::from(i16::MAX),
            Self::Int4 => i128::from(i32::MIN)..=i128::from(i32::MAX),
            Self::Int8 => i128::from(i64::MIN)..=i128::from(i64::MAX),
        }
    }

    /// Digits that hold every value.
    pub(super) fn digits(self) -> u8 {
        match self {
            Self::Int2 => 5,
            Self::Int4 => 10,
            Self::Int8 => 19,
        }
    }

    pub(super) fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Int16 => Some(Self::Int2),
            DataType::Int32 => Some(Self::Int4),
            DataType::Int64 => Some(Self::Int8),
            _ => None,
        }
    }

    pub(super) fn fits_into(self, other: Self) -> bool {
        other.range().contains(self.range().start())
    }
}

impl LiveColumn {
    /// How its values compare; none where PostgreSQL is asked for no comparison.
    pub(super) fn kind(&self) -> Option<Kind> {
        if self.expression != quote(&self.name) {
            return Some(Kind::Text(Form::Printed));
        }
        Some(match &self.cell {
            Cell::Bool => Kind::Bool,
            Cell::Int16 => Kind::Integer(Integer::Int2),
            Cell::Int32 => Kind::Integer(Integer::Int4),
            Cell::Int64 => Kind::Integer(Integer::Int8),
            Cell::UInt32 => Kind::Oid,
            Cell::Float32 => Kind::Float32,
            Cell::Float64 => Kind::Float64,
            Cell::Decimal { precision, scale } => Kind::Decimal { precision: *precision, scale: *scale },
            Cell::Date => Kind::Date,
            Cell::Time => Kind::Time,
            Cell::Timestamp => Kind::Timestamp { zoned: self.type_name == "timestamptz" },
            Cell::Binary => Kind::Binary,
            Cell::Uuid => Kind::Text(Form::Uuid),
            // A cast to text would cut off the blanks at its end, which are read.
            Cell::Text if self.type_name == "bpchar" => return None,
            Cell::Text if self.bytewise && matches!(self.type_name.as_str(), "text" | "varchar") => {
                Kind::Text(Form::Native)
            }
            Cell::PaddedText if self.bytewise => Kind::Text(Form::Padded),
            Cell::Text | Cell::PaddedText | Cell::Jsonb => Kind::Text(Form::Printed),
            Cell::FreeDecimal | Cell::Interval | Cell::Place | Cell::List(_) => return None,
        })
    }

    /// Its text as PostgreSQL prints it, to be compared byte by byte.
    pub(super) fn printed(&self) -> String {
        let cast = if self.expression == quote(&self.name) { "::text" } else { "" };
        format!("{}{cast} COLLATE \"C\"", self.expression)
    }
}

impl LiveEntry {
    /// The column's value as the engine has it: NULL where a value has no place in Arrow and the source says so.
    /// None where that cannot be told in SQL.
    pub(super) fn value(&self, column: &LiveColumn) -> Option<String> {
        let value = &column.expression;
        if !self.nulls_unrepresentable {
            return Some(value.clone());
        }
        Some(match &column.cell {
            Cell::Date => format!("CASE WHEN isfinite({value}) THEN {value} END"),
            Cell::Timestamp => format!(
                "CASE WHEN {value} > '-infinity' AND {value} <= '{LAST_TIMESTAMP}{}' THEN {value} END",
                if column.type_name == "timestamptz" { "+00" } else { "" }
            ),
            Cell::Time => format!("CASE WHEN {value} < '24:00:00' THEN {value} END"),
            Cell::Decimal { .. } if column.free => return None,
            Cell::Decimal { .. } => format!("CASE WHEN {value} <> 'NaN' THEN {value} END"),
            Cell::Interval | Cell::FreeDecimal => return None,
            _ => value.clone(),
        })
    }
}
