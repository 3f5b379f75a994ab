//! One side of a comparison: a column, in SQL that has its value, or a constant.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Cast;

use super::entry::{LiveColumn, LiveEntry};
use super::kind::{Form, Integer, Kind};
use super::literal;

/// One side of a comparison.
pub(super) enum Operand<'a> {
    Column(ColumnOperand<'a>),
    Constant(&'a ScalarValue),
}

/// A column, or a cast of one that changes no value.
pub(super) struct ColumnOperand<'a> {
    pub(super) column: &'a LiveColumn,
    pub(super) kind: Kind,
    /// Its value in SQL.
    pub(super) value: String,
}

impl LiveEntry {
    /// The column of this name.
    pub(super) fn column(&self, column: &Column) -> Option<&LiveColumn> {
        self.columns.iter().find(|known| known.name == column.name)
    }

    pub(super) fn operand<'a>(&'a self, expression: &'a Expr) -> Option<Operand<'a>> {
        match expression {
            Expr::Literal(value, _) if !value.is_null() => Some(Operand::Constant(value)),
            _ => self.column_operand(expression).map(Operand::Column),
        }
    }

    pub(super) fn column_operand(&self, expression: &Expr) -> Option<ColumnOperand<'_>> {
        match expression {
            Expr::Column(column) => {
                let column = self.column(column)?;
                Some(ColumnOperand { column, kind: column.kind()?, value: self.value(column)? })
            }
            Expr::Cast(Cast { expr, field }) => self.column_operand(expr)?.cast(field.data_type()),
            _ => None,
        }
    }
}

impl ColumnOperand<'_> {
    /// The same as a value of another type, if that keeps every value as it is.
    fn cast(self, to: &DataType) -> Option<Self> {
        let same = match (self.kind, to) {
            (Kind::Bool, DataType::Boolean)
            | (Kind::Date, DataType::Date32)
            | (Kind::Float32, DataType::Float32)
            | (Kind::Float64, DataType::Float64)
            | (Kind::Oid, DataType::UInt32 | DataType::UInt64 | DataType::Int64)
            | (Kind::Time, DataType::Time64(TimeUnit::Microsecond | TimeUnit::Nanosecond))
            | (Kind::Binary, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
            | (Kind::Text(_), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => true,
            (Kind::Timestamp { zoned }, DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, zone)) => {
                zone.is_some() == zoned
            }
            (Kind::Float32 | Kind::Integer(Integer::Int2 | Integer::Int4), DataType::Float64) => {
                let value = format!("({})::float8", self.value);
                return Some(Self { kind: Kind::Float64, value, ..self });
            }
            (Kind::Integer(own), DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale)) => {
                holds((*precision, *scale), (own.digits(), 0))
            }
            (Kind::Integer(own), to) => Integer::of(to).is_some_and(|to| own.fits_into(to)),
            (
                Kind::Decimal { precision, scale },
                DataType::Decimal128(wide, wide_scale) | DataType::Decimal256(wide, wide_scale),
            ) => holds((*wide, *wide_scale), (precision, scale)),
            _ => false,
        };
        same.then_some(self)
    }

    /// The column and these constants as SQL in which they compare as in the engine. `for_order` says that more
    /// is asked than whether they are equal.
    pub(super) fn with_constants(
        &self,
        constants: &[&ScalarValue],
        for_order: bool,
        utf8: bool,
    ) -> Option<(String, Vec<String>)> {
        if let Kind::Text(form) = self.kind {
            let texts: Vec<&str> = constants.iter().map(|value| literal::text(value, utf8)).collect::<Option<_>>()?;
            return (!for_order).then(|| self.with_texts(form, &texts));
        }
        let render = |value: &&ScalarValue| match self.kind {
            Kind::Bool => literal::boolean(value).map(str::to_owned),
            Kind::Integer(own) => literal::number(value, Some(own)),
            Kind::Oid => literal::whole(value)
                .filter(|number| u32::try_from(*number).is_ok())
                .map(|number| format!("'{number}'::oid")),
            Kind::Float32 => literal::float32(value),
            Kind::Float64 => literal::float64(value),
            Kind::Decimal { .. } => literal::number(value, None),
            Kind::Date => literal::date(value),
            Kind::Time => literal::time(value),
            Kind::Timestamp { zoned } => literal::timestamp(value, zoned),
            Kind::Binary => literal::binary(value),
            Kind::Text(_) => None,
        };
        let constants = constants.iter().map(render).collect::<Option<_>>()?;
        Some((self.value.clone(), constants))
    }

    /// A type whose index can serve is used where it says the same as the text.
    fn with_texts(&self, form: Form, texts: &[&str]) -> (String, Vec<String>) {
        let own_type = match form {
            Form::Native => Some("text"),
            // Blanks at the end of the constant would not count in PostgreSQL.
            Form::Padded if texts.iter().all(|text| !text.ends_with(' ')) => Some("bpchar"),
            // In any other form the engine would find it different.
            Form::Uuid if texts.iter().all(|text| is_uuid(text)) => Some("uuid"),
            Form::Padded | Form::Uuid | Form::Printed => None,
        };
        let left = if own_type.is_some() { self.value.clone() } else { self.column.printed() };
        let constant = |text: &&str| format!("{}::{}", literal::quoted(text), own_type.unwrap_or("text"));
        (left, texts.iter().map(constant).collect())
    }

    /// What its text is matched by.
    pub(super) fn text(&self) -> Option<String> {
        match self.kind {
            Kind::Text(Form::Native) => Some(self.value.clone()),
            Kind::Text(_) => Some(self.column.printed()),
            _ => None,
        }
    }
}

/// Whether decimals of the first precision and scale hold all of the second.
fn holds((precision, scale): (u8, i8), (other_precision, other_scale): (u8, i8)) -> bool {
    let before_point = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
    scale >= other_scale && before_point(precision, scale) >= before_point(other_precision, other_scale)
}

/// Whether a text is how a UUID is printed: 8-4-4-4-12 digits in lower case.
fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}
