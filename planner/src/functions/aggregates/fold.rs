//! Aggregates of our own: a state that rows are added to, and that two states make one of.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, BooleanArray, UInt64Array, new_empty_array};
use arrow::compute::take_arrays;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::by_group::{counted, grow};
use crate::error::Error;
use crate::functions::column::{Argument, IntervalArg, Output, in_nanoseconds};
use crate::interrupt;
use crate::pg_type::PgType;
use crate::postgres::error::ValueResult;
use crate::postgres::value::Interval;

/// What rows are folded into.
pub(super) trait Fold: fmt::Debug + Default + Send + Sync + 'static {
    /// Adds the rows of columns, those that are NULL included.
    fn add(&mut self, columns: &[ArrayRef]) -> Result<()>;

    /// The state as values, whose types are [`Fold::state_types`].
    fn state(&self) -> Result<Vec<ScalarValue>>;

    fn state_types() -> Vec<DataType>;

    /// Adds what states hold that are the rows of columns.
    fn merge(&mut self, states: &[ArrayRef]) -> Result<()>;

    /// Bytes on the heap.
    fn heap_bytes(&self) -> usize {
        0
    }

    /// Adds rows, each to the state of its group, and gives by how many bytes these have grown on the heap. A fold that
    /// can read columns row by row does better than to have the rows of each group taken together.
    fn add_to_groups(
        states: &mut [Self],
        columns: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
    ) -> Result<usize> {
        group_by_group(states, columns, groups, filter, Self::add)
    }

    /// The same of what states hold.
    fn merge_into_groups(states: &mut [Self], merged: &[ArrayRef], groups: &[usize]) -> Result<usize> {
        group_by_group(states, merged, groups, None, Self::merge)
    }
}

/// Has the rows of each group added to its state at once, and gives by how many bytes the states have grown on the heap.
fn group_by_group<F: Fold>(
    states: &mut [F],
    columns: &[ArrayRef],
    groups: &[usize],
    filter: Option<&BooleanArray>,
    add: fn(&mut F, &[ArrayRef]) -> Result<()>,
) -> Result<usize> {
    let mut rows: Vec<(usize, usize)> = counted(groups, filter).collect();
    // Those of a group stay in their order.
    rows.sort_by_key(|(_, group)| *group);
    let places = UInt64Array::from_iter_values(rows.iter().map(|(row, _)| *row as u64));
    let columns = take_arrays(columns, &places, None)?;
    let (mut begin, mut grown) = (0, 0);
    for rows in rows.chunk_by(|(_, one), (_, other)| one == other) {
        let of_group: Vec<ArrayRef> = columns.iter().map(|column| column.slice(begin, rows.len())).collect();
        begin += rows.len();
        let state = rows.first().and_then(|(_, group)| states.get_mut(*group));
        let Some(state) = state else { return internal_err!("a group has no state") };
        let before = state.heap_bytes();
        add(state, &of_group)?;
        grown += state.heap_bytes().saturating_sub(before);
    }
    Ok(grown)
}

/// An aggregate of a fold.
pub(super) struct Folded<F: Fold> {
    name: &'static str,
    returns: DataType,
    signature: Signature,
    result: fn(&F) -> Result<ScalarValue>,
}

impl<F: Fold> Folded<F> {
    /// `result` gives the value for rows that have been folded.
    pub(super) fn aggregate(
        name: &'static str,
        returns: DataType,
        result: fn(&F) -> Result<ScalarValue>,
    ) -> Arc<AggregateUDF> {
        let signature = Signature::variadic_any(Volatility::Immutable);
        Arc::new(AggregateUDF::from(Self { name, returns, signature, result }))
    }
}

impl<F: Fold> fmt::Debug for Folded<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Folded").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Each has a name of its own.
impl<F: Fold> PartialEq for Folded<F> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.returns == other.returns
    }
}

impl<F: Fold> Eq for Folded<F> {}

impl<F: Fold> Hash for Folded<F> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl<F: Fold> AggregateUDFImpl for Folded<F> {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Folding { fold: F::default(), result: self.result }))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !args.is_distinct && args.order_bys.is_empty()
    }

    fn create_groups_accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let (folds, returns) = (Vec::<F>::new(), self.returns.clone());
        Ok(Box::new(FoldingGroups { folds, heap_bytes: 0, returns, result: self.result }))
    }

    fn default_value(&self, _data_type: &DataType) -> Result<ScalarValue> {
        (self.result)(&F::default())
    }

    fn state_fields(&self, _args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let field = |(number, data_type)| Arc::new(Field::new(format!("state {number}"), data_type, true));
        Ok(F::state_types().into_iter().enumerate().map(field).collect())
    }
}

#[derive(Debug)]
struct Folding<F> {
    fold: F,
    result: fn(&F) -> Result<ScalarValue>,
}

impl<F: Fold> Accumulator for Folding<F> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.fold.add(values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        (self.result)(&self.fold)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.fold.heap_bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.fold.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.fold.merge(states)
    }
}

/// One state for each group.
#[derive(Debug)]
struct FoldingGroups<F> {
    folds: Vec<F>,
    /// Those of all states.
    heap_bytes: usize,
    returns: DataType,
    result: fn(&F) -> Result<ScalarValue>,
}

impl<F: Fold> FoldingGroups<F> {
    fn emit(&mut self, emit_to: EmitTo) -> Result<Vec<F>> {
        let folds = emit_to.take_needed(&mut self.folds);
        let heap_bytes: usize = folds.iter().map(F::heap_bytes).sum();
        self.heap_bytes = self.heap_bytes.saturating_sub(heap_bytes);
        // Each becomes a value, and the values a column.
        let bytes = folds.len().saturating_mul(size_of::<ScalarValue>()).saturating_add(heap_bytes);
        interrupt::check_room(bytes).map_err(Error::Value)?;
        Ok(folds)
    }
}

impl<F: Fold> GroupsAccumulator for FoldingGroups<F> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        grow(&mut self.folds, total_num_groups)?;
        self.heap_bytes += F::add_to_groups(&mut self.folds, values, group_indices, opt_filter)?;
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let folds = self.emit(emit_to)?;
        let results = folds.into_iter().map(|fold| (self.result)(&fold)).collect::<Result<_>>()?;
        column(results, &self.returns)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        state_columns(self.emit(emit_to)?)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        grow(&mut self.folds, total_num_groups)?;
        self.heap_bytes += F::merge_into_groups(&mut self.folds, values, group_indices)?;
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |column| column.len());
        let mut folds: Vec<F> = vec![];
        grow(&mut folds, rows)?;
        let groups: Vec<usize> = (0..rows).collect();
        F::add_to_groups(&mut folds, values, &groups, opt_filter)?;
        state_columns(folds)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.folds.capacity() * size_of::<F>() + self.heap_bytes
    }
}

fn state_columns<F: Fold>(folds: Vec<F>) -> Result<Vec<ArrayRef>> {
    let types = F::state_types();
    let mut columns: Vec<Vec<ScalarValue>> = types.iter().map(|_| Vec::with_capacity(folds.len())).collect();
    for fold in folds {
        for (column, value) in columns.iter_mut().zip(fold.state()?) {
            column.push(value);
        }
    }
    columns.into_iter().zip(&types).map(|(values, data_type)| column(values, data_type)).collect()
}

fn column(values: Vec<ScalarValue>, data_type: &DataType) -> Result<ArrayRef> {
    match values.is_empty() {
        true => Ok(new_empty_array(data_type)),
        false => ScalarValue::iter_to_array(values),
    }
}

/// One value as a constant of its Arrow type.
pub(super) fn scalar<T: Output>(value: Option<T>, data_type: &DataType) -> Result<ScalarValue> {
    let mut builder = T::builder(1, data_type);
    T::append(&mut builder, value).map_err(Error::Value)?;
    ScalarValue::try_from_array(&T::finish(builder)?, 0)
}

/// Calls for the values of a column that are not NULL.
pub(super) fn each<A: Argument>(column: &ArrayRef, mut add: impl FnMut(A::Value<'_>) -> ValueResult<()>) -> Result<()> {
    let values = A::read(column)?;
    for row in 0..column.len() {
        if !A::is_null(&values, row) {
            add(A::value(&values, row)).map_err(Error::Value)?;
        }
    }
    Ok(())
}

/// The sum of intervals, field by field.
#[derive(Debug, Default)]
struct IntervalSum(Option<Interval>);

impl IntervalSum {
    fn push(&mut self, value: Interval) -> ValueResult<()> {
        self.0 = Some(match self.0 {
            Some(sum) => sum.add(value)?,
            None => value,
        });
        Ok(())
    }

    fn value(&self) -> Result<ScalarValue> {
        Ok(ScalarValue::IntervalMonthDayNano(self.0.map(in_nanoseconds).transpose().map_err(Error::Value)?))
    }
}

impl Fold for IntervalSum {
    fn add(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let Some(column) = columns.first() else { return Ok(()) };
        each::<IntervalArg>(column, |value| self.push(value))
    }

    fn state(&self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.value()?])
    }

    fn state_types() -> Vec<DataType> {
        vec![PgType::Interval.arrow()]
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.add(states)
    }

    fn add_to_groups(
        states: &mut [Self],
        columns: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
    ) -> Result<usize> {
        let Some(column) = columns.first() else { return Ok(0) };
        let values = IntervalArg::read(column)?;
        for (row, group) in counted(groups, filter).filter(|(row, _)| !IntervalArg::is_null(&values, *row)) {
            let Some(state) = states.get_mut(group) else { return internal_err!("a group has no state") };
            state.push(IntervalArg::value(&values, row)).map_err(Error::Value)?;
        }
        Ok(0)
    }

    fn merge_into_groups(states: &mut [Self], merged: &[ArrayRef], groups: &[usize]) -> Result<usize> {
        Self::add_to_groups(states, merged, groups, None)
    }
}

pub(super) fn interval_sum() -> Arc<AggregateUDF> {
    static SUM: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| {
        Folded::<IntervalSum>::aggregate("interval_sum", PgType::Interval.arrow(), IntervalSum::value)
    });
    Arc::clone(&SUM)
}

#[cfg(test)]
mod tests {
    use arrow::array::{IntervalMonthDayNanoArray, StringViewArray};
    use arrow::datatypes::IntervalMonthDayNano;

    use super::super::by_group::alike::{self, Batch};
    use super::super::joined::joined_texts;
    use super::*;

    fn intervals(values: &[Option<(i32, i32, i64)>]) -> ArrayRef {
        let interval = |(months, days, nanos)| IntervalMonthDayNano::new(months, days, nanos);
        Arc::new(values.iter().map(|value| value.map(interval)).collect::<IntervalMonthDayNanoArray>())
    }

    #[test]
    fn intervals_of_groups_are_summed_as_those_of_one() -> Result<()> {
        let batches = [
            Batch {
                columns: vec![intervals(&[
                    Some((1, 2, 3_000)),
                    None,
                    Some((0, -40, 5_000)),
                    None,
                    Some((7, 7, 7_000)),
                ])],
                groups: vec![0, 1, 2, 0, 2],
                filter: None,
            },
            Batch {
                columns: vec![intervals(&[
                    Some((1, 1, 1_000)),
                    Some((9, 9, 9)),
                    Some((-2, 0, -1_000)),
                    Some((4, 4, 4)),
                ])],
                groups: vec![2, 0, 3, 4],
                filter: Some(BooleanArray::from(vec![Some(true), Some(false), Some(true), None])),
            },
            Batch { columns: vec![intervals(&[Some((3, 0, -9_000)), None])], groups: vec![3, 4], filter: None },
        ];
        let sums = alike::results(&interval_sum(), &batches)?;
        let expected = [Some((1, 2, 3_000)), None, Some((8, -32, 13_000)), Some((1, 0, -10_000)), None];
        assert_eq!(&sums, &intervals(&expected));
        Ok(())
    }

    #[test]
    fn sums_that_are_too_large_are_refused_alike() {
        let values = [intervals(&[Some((i32::MAX, 0, 0)), Some((1, 0, 0))])];
        let mut one = Folding { fold: IntervalSum::default(), result: IntervalSum::value };
        let returns = PgType::Interval.arrow();
        let mut many =
            FoldingGroups { folds: vec![], heap_bytes: 0, returns: returns.clone(), result: IntervalSum::value };
        let of_one = one.update_batch(&values).unwrap_err();
        assert_eq!(many.update_batch(&values, &[1, 1], None, 2).unwrap_err().to_string(), of_one.to_string());
        // Apart they are not, but more microseconds than nanoseconds can be kept of.
        let large = Interval { months: 0, days: 0, micros: i64::MAX };
        one.fold = IntervalSum(Some(large));
        many.folds = vec![IntervalSum(Some(large))];
        let of_one = one.evaluate().unwrap_err();
        assert_eq!(many.evaluate(EmitTo::All).unwrap_err().to_string(), of_one.to_string());
        assert_eq!(of_one.to_string(), scalar(Some(large), &returns).unwrap_err().to_string());
    }

    #[test]
    fn texts_of_groups_are_joined_in_their_order() -> Result<()> {
        let texts = |values: &[Option<&str>]| Arc::new(values.iter().collect::<StringViewArray>()) as ArrayRef;
        let batches = [
            Batch {
                columns: vec![
                    texts(&[Some("a"), Some("b"), None, Some("c"), Some("d")]),
                    texts(&[Some("-"), Some("+"), Some("*"), None, Some("/")]),
                ],
                groups: vec![1, 0, 2, 1, 1],
                filter: Some(BooleanArray::from(vec![Some(true), Some(true), Some(true), Some(true), None])),
            },
            Batch {
                columns: vec![texts(&[Some("e"), Some("f"), Some("g")]), texts(&[Some(", "), Some("; "), Some(" ")])],
                groups: vec![3, 1, 0],
                filter: None,
            },
        ];
        let joined = alike::results(&joined_texts(), &batches)?;
        assert_eq!(&joined, &texts(&[Some("b g"), Some("ac; f"), None, Some("e")]));
        Ok(())
    }
}
