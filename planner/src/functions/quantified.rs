//! `x = ANY (array)` and `x < ALL (array)`: a comparison with every element, of which one or all must be true. It is unknown
//! where the answer hangs on a comparison with NULL.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, BooleanArray, Datum, ListArray, Scalar, UInt32Array, make_comparator};
use arrow::compute::kernels::cmp;
use arrow::compute::{SortOptions, and_kleene, cast, or_kleene, take};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF};

use super::column::as_list;
use super::growth::spread;
use super::keys::{has_key, is_float};
use super::strict::{argument, result_of, rows_of};
use super::udf::{Evaluate, Udf};
use crate::error::Error;
use crate::interrupt;
use crate::pg_type::PgType;

type Compare = fn(&dyn Datum, &dyn Datum) -> std::result::Result<BooleanArray, ArrowError>;

/// The function of a value and an array of values of the type; none where the operator is no comparison.
pub(crate) fn quantified(symbol: &str, element: &PgType, all: bool) -> Option<ScalarUDF> {
    if has_key(element) {
        return None;
    }
    let (compare, name): (Compare, &'static str) = match (symbol, all) {
        ("=", false) => (|left, right| cmp::eq(left, right), "equals_any"),
        ("=", true) => (|left, right| cmp::eq(left, right), "equals_all"),
        ("<>" | "!=", false) => (|left, right| cmp::neq(left, right), "differs_from_any"),
        ("<>" | "!=", true) => (|left, right| cmp::neq(left, right), "differs_from_all"),
        ("<", false) => (|left, right| cmp::lt(left, right), "less_than_any"),
        ("<", true) => (|left, right| cmp::lt(left, right), "less_than_all"),
        ("<=", false) => (|left, right| cmp::lt_eq(left, right), "at_most_any"),
        ("<=", true) => (|left, right| cmp::lt_eq(left, right), "at_most_all"),
        (">", false) => (|left, right| cmp::gt(left, right), "greater_than_any"),
        (">", true) => (|left, right| cmp::gt(left, right), "greater_than_all"),
        (">=", false) => (|left, right| cmp::gt_eq(left, right), "at_least_any"),
        (">=", true) => (|left, right| cmp::gt_eq(left, right), "at_least_all"),
        ("~~", false) => (|left, right| arrow::compute::like(left, right), "like_any"),
        ("~~", true) => (|left, right| arrow::compute::like(left, right), "like_all"),
        ("!~~", false) => (|left, right| arrow::compute::nlike(left, right), "not_like_any"),
        ("!~~", true) => (|left, right| arrow::compute::nlike(left, right), "not_like_all"),
        ("~~*", false) => (|left, right| arrow::compute::ilike(left, right), "ilike_any"),
        ("~~*", true) => (|left, right| arrow::compute::ilike(left, right), "ilike_all"),
        ("!~~*", false) => (|left, right| arrow::compute::nilike(left, right), "not_ilike_any"),
        ("!~~*", true) => (|left, right| arrow::compute::nilike(left, right), "not_ilike_all"),
        _ => return None,
    };
    let membership = match (symbol, all) {
        // Their order has two zeros.
        _ if is_float(element) => None,
        ("=", false) => Some(false),
        ("<>" | "!=", true) => Some(true),
        _ => None,
    };
    let evaluate = Quantified { element: element.clone(), compare, all, membership, last: Mutex::default() };
    Some(ScalarUDF::from(Udf::new(name, PgType::Bool, Arc::new(evaluate))))
}

struct Quantified {
    element: PgType,
    compare: Compare,
    all: bool,
    /// Where the question is whether a value is among the elements: whether it must not be.
    membership: Option<bool>,
    /// The list that values were sought in last: that of a subquery is the same for all batches.
    last: Mutex<Option<Arc<Sought>>>,
}

impl Evaluate for Quantified {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, _returns: &DataType) -> Result<ColumnarValue> {
        let rows = rows_of(arguments, rows);
        let values = argument(arguments, 0)?.to_array(rows)?;
        let list = argument(arguments, 1)?;
        if let (ColumnarValue::Scalar(list), true) = (list, rows > 1) {
            return Ok(ColumnarValue::Array(Arc::new(self.with_constant(&values, list)?)));
        }
        let lists = as_list(&spread(list, rows)?)?;
        // Every value beside each of the elements that it is compared with.
        let mut places = Vec::with_capacity(lists.values().len());
        let mut elements = Vec::with_capacity(lists.values().len());
        for (row, bounds) in lists.value_offsets().windows(2).enumerate() {
            let row_place = u32::try_from(row).unwrap_or_default();
            for element in bounds[0]..bounds[1] {
                places.push(row_place);
                elements.push(element.unsigned_abs());
            }
        }
        let values = take(&values, &UInt32Array::from(places), None)?;
        let elements = take(lists.values(), &UInt32Array::from(elements), None)?;
        let (values, elements) = alike(values, elements)?;
        let compared = (self.compare)(&values, &elements)?;
        let mut answers = Vec::with_capacity(rows);
        let mut next = 0;
        for (row, bounds) in lists.value_offsets().windows(2).enumerate() {
            let count = (bounds[1] - bounds[0]).unsigned_abs() as usize;
            let own = next..next + count;
            next += count;
            answers.push(if lists.is_null(row) { None } else { self.answer(&compared, own) });
        }
        result_of(Arc::new(BooleanArray::from(answers)), arguments)
    }

    fn made_for(&self) -> Option<&PgType> {
        Some(&self.element)
    }
}

impl Quantified {
    /// The answers for values that all are compared with the elements of one list.
    fn with_constant(&self, values: &ArrayRef, list: &ScalarValue) -> Result<BooleanArray> {
        let list = match list {
            ScalarValue::List(list) => Arc::clone(list),
            other => Arc::new(as_list(&other.to_array()?)?),
        };
        if list.is_null(0) {
            return Ok(BooleanArray::new_null(values.len()));
        }
        // Nothing is compared with NULL.
        if list.value_length(0) == 0 {
            return Ok(BooleanArray::from(vec![self.all; values.len()]));
        }
        if let Some(negated) = self.membership {
            return self.sought(values, list, negated)?.are_in(values);
        }
        let (values, elements) = alike(Arc::clone(values), list.value(0))?;
        let mut answers = BooleanArray::from(vec![self.all; values.len()]);
        let combine = if self.all { and_kleene } else { or_kleene };
        for place in 0..elements.len() {
            interrupt::check().map_err(Error::Value)?;
            let element = Scalar::new(elements.slice(place, 1));
            answers = combine(&answers, &(self.compare)(&values, &element)?)?;
        }
        Ok(answers)
    }

    /// The list, made ready once for all who seek in it.
    fn sought(&self, values: &ArrayRef, list: Arc<ListArray>, negated: bool) -> Result<Arc<Sought>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.is_of(values, &list)) {
            return Ok(Arc::clone(last));
        }
        let sought = Arc::new(Sought::new(values, list, negated)?);
        *last = Some(Arc::clone(&sought));
        Ok(sought)
    }

    fn answer(&self, compared: &BooleanArray, mut own: std::ops::Range<usize>) -> Option<bool> {
        let decides = |place: usize| compared.is_valid(place) && compared.value(place) != self.all;
        if own.clone().any(decides) {
            return Some(!self.all);
        }
        (!own.any(|place| compared.is_null(place))).then_some(self.all)
    }
}

/// A list in which values are sought: its elements in order, those that are not NULL. To hash them, or to make a constant of
/// each as DataFusion's IN does, would take many times the memory of a large list.
#[derive(Debug)]
struct Sought {
    list: Arc<ListArray>,
    /// The type of the values.
    values: DataType,
    /// In the type in which values are sought.
    elements: ArrayRef,
    /// The places of the elements, in their order.
    order: Vec<u32>,
    has_nulls: bool,
    /// Whether values must not be among them.
    negated: bool,
}

impl Sought {
    fn new(values: &ArrayRef, list: Arc<ListArray>, negated: bool) -> Result<Self> {
        let (_, elements) = alike(values.slice(0, 0), list.value(0))?;
        let compared = make_comparator(&elements, &elements, SortOptions::default())?;
        let places = (0_u32..).take(elements.len());
        let mut order: Vec<u32> = places.filter(|&place| elements.is_valid(place as usize)).collect();
        order.sort_unstable_by(|&one, &other| compared(one as usize, other as usize));
        let has_nulls = order.len() < elements.len();
        Ok(Self { list, values: values.data_type().clone(), elements, order, has_nulls, negated })
    }

    fn is_of(&self, values: &ArrayRef, list: &Arc<ListArray>) -> bool {
        Arc::ptr_eq(&self.list, list) && self.values == *values.data_type()
    }

    fn are_in(&self, values: &ArrayRef) -> Result<BooleanArray> {
        let values = cast(values, self.elements.data_type())?;
        let compared = make_comparator(&self.elements, &values, SortOptions::default())?;
        let is_in = |row: usize| {
            if values.is_null(row) {
                return None;
            }
            let found = self.order.binary_search_by(|&place| compared(place as usize, row)).is_ok();
            (found || !self.has_nulls).then_some(found != self.negated)
        };
        Ok((0..values.len()).map(is_in).collect())
    }
}

/// Values of one type in one Arrow type.
fn alike(left: ArrayRef, right: ArrayRef) -> Result<(ArrayRef, ArrayRef)> {
    if left.data_type() == right.data_type() {
        return Ok((left, right));
    }
    let wanted = match (left.data_type(), right.data_type()) {
        (DataType::Decimal128(left_precision, left_scale), DataType::Decimal128(right_precision, right_scale)) => {
            let scale = *left_scale.max(right_scale);
            let whole = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
            let digits = whole(*left_precision, *left_scale).max(whole(*right_precision, *right_scale));
            DataType::Decimal128(u8::try_from(digits + i16::from(scale)).unwrap_or(38).min(38), scale)
        }
        _ => right.data_type().clone(),
    };
    Ok((cast(&left, &wanted)?, cast(&right, &wanted)?))
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;

    use super::*;

    #[test]
    fn values_are_sought_among_elements_in_any_order() {
        let list = |elements: Vec<Option<i64>>| {
            Arc::new(ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>([Some(elements)]))
        };
        let values: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), Some(8), None, Some(-1)]));
        let answers = |elements, negated| {
            let sought = Sought::new(&values, list(elements), negated).unwrap();
            sought.are_in(&values).unwrap().iter().collect::<Vec<_>>()
        };
        let (plain, with_null) = (vec![Some(9), Some(7), Some(-1), Some(7)], vec![Some(7), None]);
        assert_eq!(answers(plain.clone(), false), [Some(true), Some(false), None, Some(true)]);
        assert_eq!(answers(plain, true), [Some(false), Some(true), None, Some(false)]);
        assert_eq!(answers(with_null.clone(), false), [Some(true), None, None, None]);
        assert_eq!(answers(with_null, true), [Some(false), None, None, None]);
    }

    #[test]
    fn unknown_is_what_hangs_on_null() {
        let any = Quantified {
            element: PgType::Int4,
            compare: |left, right| cmp::eq(left, right),
            all: false,
            membership: None,
            last: Mutex::default(),
        };
        let compared = BooleanArray::from(vec![Some(false), None, Some(true)]);
        assert_eq!(any.answer(&compared, 0..3), Some(true));
        assert_eq!(any.answer(&compared, 0..2), None);
        assert_eq!(any.answer(&compared, 0..1), Some(false));
        assert_eq!(any.answer(&compared, 0..0), Some(false));
    }
}
