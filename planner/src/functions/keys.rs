//! Forms of values whose order and equality in Arrow is the one that PostgreSQL has for the values themselves.

use std::marker::PhantomData;
use std::ops::Add;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryViewArray};
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Float32Type, Float64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF};

use super::column::{IntervalArg, Jsonb};
use super::strict::{Operand, argument, result_of, rows_of};
use super::udf::{Evaluate, Udf};
use crate::error::Error;
use crate::pg_type::{PgType, list_of};
use crate::postgres::json;

/// Days of a month, where intervals are compared (`interval_cmp_value` of PostgreSQL).
const MONTH_DAYS: i128 = 30;
const DAY_MICROS: i128 = 86_400_000_000;
/// Decimals in which numerics of arrays are compared.
const COMPARED_SCALE: i8 = 38;

/// Whether values of the type are compared by another form of them.
pub(crate) fn has_key(pg_type: &PgType) -> bool {
    matches!(pg_type, PgType::Interval | PgType::Jsonb | PgType::Array(_))
}

/// The form by which values are compared and sorted: for most types the value itself.
pub(crate) fn key(value: Expr, pg_type: &PgType) -> Expr {
    let function = match pg_type {
        PgType::Interval => &INTERVAL_LENGTH,
        PgType::Jsonb => &JSONB_KEY,
        PgType::Array(_) => &ARRAY_KEY,
        _ => return value,
    };
    function.call(vec![value])
}

/// Whether values are sorted, and looked up among those of other rows, by another form of them.
pub(crate) fn has_row_key(pg_type: &PgType) -> bool {
    has_key(pg_type) || is_float(pg_type)
}

/// The form by which values are sorted, and looked up among those of other rows: as `key`, and floating-point numbers with
/// one zero. Who compares two takes -0 for 0, as PostgreSQL does; who sorts or hashes many does not.
pub(crate) fn row_key(value: Expr, pg_type: &PgType) -> Expr {
    match pg_type {
        PgType::Float4 => ONE_ZERO_FLOAT4.call(vec![value]),
        PgType::Float8 => ONE_ZERO_FLOAT8.call(vec![value]),
        _ => key(value, pg_type),
    }
}

/// Whether there are two zeros.
pub(crate) fn is_float(pg_type: &PgType) -> bool {
    matches!(pg_type, PgType::Float4 | PgType::Float8)
}

/// The form by which arrays are compared.
pub(crate) fn array_key(value: Expr) -> Expr {
    ARRAY_KEY.call(vec![value])
}

/// The form by which values are grouped, where values that print differently can be equal.
pub(crate) fn grouping_key(value: &Expr, pg_type: &PgType) -> Option<Expr> {
    matches!(pg_type, PgType::Interval | PgType::Jsonb).then(|| key(value.clone(), pg_type))
}

/// An interval's length in microseconds.
static INTERVAL_LENGTH: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| function("interval_length", PgType::Numeric, IntervalLength));
static JSONB_KEY: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| function("jsonb_key", PgType::Bytea, JsonbKey));
static ARRAY_KEY: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| function("array_key", PgType::Bytea, ArrayKey));

static ONE_ZERO_FLOAT4: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| function("one_zero", PgType::Float4, OneZero::<Float32Type>(PhantomData)));
static ONE_ZERO_FLOAT8: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| function("one_zero", PgType::Float8, OneZero::<Float64Type>(PhantomData)));

fn function(name: &'static str, returns: PgType, evaluate: impl Evaluate + 'static) -> Arc<ScalarUDF> {
    let udf = Udf::new(name, returns, Arc::new(evaluate)).with_decimals(super::udf::Decimals::Whole);
    Arc::new(ScalarUDF::from(udf))
}

struct IntervalLength;

impl Evaluate for IntervalLength {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, _returns: &DataType) -> Result<ColumnarValue> {
        let intervals = Operand::<IntervalArg>::read(argument(arguments, 0)?)?;
        let length = |row| {
            let interval = intervals.value(row)?;
            let days = i128::from(interval.months) * MONTH_DAYS + i128::from(interval.days);
            Some(days * DAY_MICROS + i128::from(interval.micros))
        };
        let lengths: arrow::array::Decimal128Array = (0..rows_of(arguments, rows)).map(length).collect();
        let lengths = lengths.with_data_type(DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0));
        result_of(Arc::new(lengths), arguments)
    }
}

/// Floating-point numbers without -0.
struct OneZero<T>(PhantomData<fn() -> T>);

impl<T: ArrowPrimitiveType<Native: Default + Add<Output = T::Native>>> Evaluate for OneZero<T> {
    fn evaluate(&self, arguments: &[ColumnarValue], _rows: usize, _returns: &DataType) -> Result<ColumnarValue> {
        let numbers = match argument(arguments, 0)? {
            ColumnarValue::Array(array) => Arc::clone(array),
            ColumnarValue::Scalar(constant) => constant.to_array()?,
        };
        // The optimizer asks what becomes of NULL, which has no type there.
        let numbers = cast(&numbers, &T::DATA_TYPE)?;
        // -0 + 0 is 0, and everything else is what it was.
        let numbers = numbers.as_primitive::<T>().unary::<_, T>(|number| number + T::Native::default());
        result_of(Arc::new(numbers), arguments)
    }
}

struct JsonbKey;

impl Evaluate for JsonbKey {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, _returns: &DataType) -> Result<ColumnarValue> {
        let texts = Operand::<Jsonb>::read(argument(arguments, 0)?)?;
        let key = |row| texts.value(row).map(json::compare::sort_key).transpose();
        let keys = (0..rows_of(arguments, rows)).map(key).collect::<std::result::Result<BinaryViewArray, _>>();
        result_of(Arc::new(keys.map_err(Error::Value)?), arguments)
    }
}

/// Arrays are compared element by element; NULL is larger than all values, and equal to itself.
struct ArrayKey;

impl Evaluate for ArrayKey {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, _returns: &DataType) -> Result<ColumnarValue> {
        let lists: ArrayRef = match argument(arguments, 0)? {
            ColumnarValue::Array(array) => Arc::clone(array),
            ColumnarValue::Scalar(constant) => constant.to_array()?,
        };
        debug_assert_eq!(lists.len(), rows_of(arguments, rows));
        let lists = in_one_form(&lists)?;
        let options = SortOptions { descending: false, nulls_first: false };
        let field = SortField::new_with_options(lists.data_type().clone(), options);
        let keys = RowConverter::new(vec![field])?.convert_columns(&[Arc::clone(&lists)])?;
        let key = |row: usize| lists.is_valid(row).then(|| keys.row(row).data().to_vec());
        let keys: BinaryViewArray = (0..lists.len()).map(key).collect();
        result_of(Arc::new(keys), arguments)
    }
}

/// Lists whose elements are in the form in which all of their type are compared: whatever makes them, equal arrays are equal.
fn in_one_form(lists: &ArrayRef) -> Result<ArrayRef> {
    let DataType::List(field) = lists.data_type() else { return Ok(Arc::clone(lists)) };
    let form = match field.data_type() {
        element if element.is_string() => DataType::Utf8View,
        element if element.is_binary() => DataType::BinaryView,
        element if element.is_decimal() => DataType::Decimal256(DECIMAL256_MAX_PRECISION, COMPARED_SCALE),
        _ => return Ok(Arc::clone(lists)),
    };
    Ok(cast(lists, &list_of(form))?)
}
