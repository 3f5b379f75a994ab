//! The value of the first row of each group, in no order: one of several that are the same, or any of them.
//!
//! DataFusion's own `first_value` without an order makes an object of each group. Here groups are taken from batches at
//! once: the rows that begin them are all that is looked at.

use std::any::Any;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt64Array, new_empty_array};
use arrow::compute::{concat, interleave, take};
use arrow::datatypes::{BinaryViewType, DataType, FieldRef, StringViewType};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, GroupsAccumulator, Signature,
};

use super::by_group::{counted, is_counted};
use crate::error::Error;
use crate::interrupt;

/// Pieces of a column beyond which they are put together: each batch with new groups adds one.
const MAX_PIECES: usize = 1_024;

/// The value that one of the rows has, NULL included; for several values, that of the same row. NULL of no rows.
pub(crate) fn first_value(value: Expr) -> Expr {
    static FUNCTION: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| First::of_groups(false));
    FUNCTION.call(vec![value])
}

/// The same in a query that has groups: none is without rows.
pub(crate) fn first_of_group(value: Expr) -> Expr {
    static FUNCTION: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| First::of_groups(true));
    FUNCTION.call(vec![value])
}

/// Whether it is one of these.
pub(crate) fn is_first_value(function: &AggregateFunction) -> bool {
    let function: &dyn Any = function.func.inner().as_ref();
    function.is::<First>()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct First {
    /// What does the same without groups, with the same states.
    ungrouped: Arc<AggregateUDF>,
    is_grouped: bool,
}

impl First {
    fn of_groups(is_grouped: bool) -> Arc<AggregateUDF> {
        Arc::new(AggregateUDF::from(Self { ungrouped: first_value_udaf(), is_grouped }))
    }
}

impl AggregateUDFImpl for First {
    fn name(&self) -> &str {
        self.ungrouped.name()
    }

    fn signature(&self) -> &Signature {
        self.ungrouped.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Null))
    }

    fn return_field(&self, arguments: &[FieldRef]) -> Result<FieldRef> {
        let field = self.ungrouped.return_field(arguments)?;
        let is_nullable = !self.is_grouped || arguments.iter().any(|argument| argument.is_nullable());
        Ok(Arc::new(field.as_ref().clone().with_nullable(is_nullable)))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.ungrouped.state_fields(args)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.ungrouped.accumulator(args)
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::new(args.return_field.data_type().clone())))
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from(data_type)
    }
}

/// The values of groups.
#[derive(Debug)]
struct Groups {
    data_type: DataType,
    /// Those of all groups one after the other.
    pieces: Vec<ArrayRef>,
    groups: usize,
    /// Groups that no row was counted of yet, whose value is NULL till then.
    unset: HashSet<usize>,
    /// What the pieces take.
    bytes: usize,
}

impl Groups {
    fn new(data_type: DataType) -> Self {
        Self { data_type, pieces: vec![], groups: 0, unset: HashSet::new(), bytes: 0 }
    }

    /// Takes the values of the first rows of groups, of those that the filter lets count.
    fn add(
        &mut self,
        values: &ArrayRef,
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> Result<()> {
        let mut first: Vec<Option<u64>> = vec![None; groups.saturating_sub(self.groups)];
        let mut late = vec![];
        for (row, group) in counted(group_indices, filter) {
            match group.checked_sub(self.groups) {
                Some(new) => {
                    if let Some(first @ None) = first.get_mut(new) {
                        *first = Some(row as u64);
                    }
                }
                None if !self.unset.is_empty() && self.unset.remove(&group) => late.push((group, row)),
                None => {}
            }
        }
        if !late.is_empty() {
            let mut places: Vec<(usize, usize)> = (0..self.groups).map(|group| (0, group)).collect();
            for (group, row) in late {
                places[group] = (1, row);
            }
            let replaced = interleave(&[self.whole()?.as_ref(), values.as_ref()], &places)?;
            self.keep(replaced);
        }
        if first.is_empty() {
            return Ok(());
        }
        let new = first.iter().enumerate().filter(|(_, row)| row.is_none());
        self.unset.extend(new.map(|(group, _)| group + self.groups));
        let taken = compact(take(values, &UInt64Array::from(first), None)?);
        self.bytes += taken.get_array_memory_size();
        self.pieces.push(taken);
        self.groups = groups;
        if self.pieces.len() > MAX_PIECES {
            let whole = self.whole()?;
            self.keep(whole);
        }
        Ok(())
    }

    fn whole(&self) -> Result<ArrayRef> {
        match self.pieces.as_slice() {
            [] => Ok(new_empty_array(&self.data_type)),
            [only] => Ok(Arc::clone(only)),
            pieces => {
                interrupt::check_room(self.bytes).map_err(Error::Value)?;
                let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
                Ok(concat(&pieces)?)
            }
        }
    }

    fn keep(&mut self, values: ArrayRef) {
        self.groups = values.len();
        self.bytes = values.get_array_memory_size();
        self.pieces = vec![values];
    }

    /// The values of the first groups, of which there are no more then, and which of them have one.
    fn emit(&mut self, emit_to: EmitTo) -> Result<(ArrayRef, BooleanArray)> {
        let whole = self.whole()?;
        let emitted = match emit_to {
            EmitTo::All => whole.len(),
            EmitTo::First(groups) => groups,
        };
        let is_set: Vec<bool> = (0..emitted).map(|group| !self.unset.contains(&group)).collect();
        self.unset = self.unset.iter().filter_map(|group| group.checked_sub(emitted)).collect();
        self.keep(whole.slice(emitted, whole.len() - emitted));
        Ok((whole.slice(0, emitted), is_set.into()))
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        match values {
            [values] => self.add(values, group_indices, opt_filter, total_num_groups),
            _ => internal_err!("the first value of rows is that of one column"),
        }
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(self.emit(emit_to)?.0)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (values, is_set) = self.emit(emit_to)?;
        Ok(vec![values, Arc::new(is_set)])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        match values {
            [values, is_set] => self.add(values, group_indices, is_set.as_boolean_opt(), total_num_groups),
            _ => internal_err!("the state of a first value is the value and whether there is one"),
        }
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let [values] = values else { return internal_err!("the first value of rows is that of one column") };
        let is_set: Vec<bool> = (0..values.len()).map(|row| is_counted(row, opt_filter)).collect();
        Ok(vec![Arc::clone(values), Arc::new(BooleanArray::from(is_set))])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.pieces.capacity() * size_of::<ArrayRef>() + self.bytes
    }
}

/// The column without the texts of other rows, which views of a batch keep in memory.
fn compact(values: ArrayRef) -> ArrayRef {
    match values.data_type() {
        DataType::Utf8View => Arc::new(values.as_byte_view::<StringViewType>().gc()),
        DataType::BinaryView => Arc::new(values.as_byte_view::<BinaryViewType>().gc()),
        _ => values,
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringViewArray};

    use super::*;

    #[test]
    fn the_first_row_of_each_group_counts() -> Result<()> {
        let mut one = Groups::new(DataType::Int64);
        let values: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3), Some(4), Some(5)]));
        // Groups may be numbered in another order than their rows have.
        one.update_batch(std::slice::from_ref(&values), &[1, 2, 1, 0, 0], None, 3)?;
        one.update_batch(&[values], &[0, 1, 3, 3, 2], None, 4)?;
        let state = one.state(EmitTo::First(1))?;
        assert_eq!(state[0].as_ref(), &Int64Array::from(vec![4]));
        // What was the second group is the first now.
        let more: ArrayRef = Arc::new(Int64Array::from(vec![8, 9]));
        one.update_batch(&[more], &[3, 0], None, 4)?;
        let rest = one.state(EmitTo::All)?;
        assert_eq!(rest[0].as_ref(), &Int64Array::from(vec![Some(1), None, Some(3), Some(8)]));
        let mut other = Groups::new(DataType::Int64);
        other.merge_batch(&state, &[0], 1)?;
        other.merge_batch(&rest, &[0, 1, 2, 1], 3)?;
        let merged = other.evaluate(EmitTo::All)?;
        assert_eq!(merged.as_ref(), &Int64Array::from(vec![Some(4), None, Some(3)]));
        assert_eq!(other.evaluate(EmitTo::All)?.len(), 0);
        Ok(())
    }

    #[test]
    fn groups_of_no_rows_are_null_until_one_comes() -> Result<()> {
        let mut one = Groups::new(DataType::Int64);
        let none: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
        // As an empty grouping set of no rows.
        one.update_batch(&[none], &[], None, 2)?;
        let values: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
        let filter = BooleanArray::from(vec![Some(false), Some(true), None, Some(true)]);
        one.update_batch(&[values], &[1, 1, 2, 1], Some(&filter), 3)?;
        let state = one.state(EmitTo::All)?;
        assert_eq!(state[0].as_ref(), &Int64Array::from(vec![None, Some(2), None]));
        assert_eq!(state[1].as_ref(), &BooleanArray::from(vec![false, true, false]));
        let mut other = Groups::new(DataType::Int64);
        other.merge_batch(&state, &[2, 1, 0], 3)?;
        assert_eq!(other.evaluate(EmitTo::First(1))?.as_ref(), &Int64Array::from(vec![None]));
        let values: ArrayRef = Arc::new(Int64Array::from(vec![7, 8, 9]));
        let state = other.convert_to_state(&[values], Some(&BooleanArray::from(vec![false, true, true])))?;
        other.merge_batch(&state, &[1, 1, 0], 2)?;
        assert_eq!(other.evaluate(EmitTo::All)?.as_ref(), &Int64Array::from(vec![2, 8]));
        Ok(())
    }

    #[test]
    fn pieces_are_few_and_keep_no_texts_of_others() -> Result<()> {
        let mut one = Groups::new(DataType::Utf8View);
        let long = "a text of more than twelve bytes, ".repeat(100);
        for group in 0..2 * MAX_PIECES + 2 {
            let texts: ArrayRef = Arc::new(StringViewArray::from(vec!["a text of twenty bytes", long.as_str()]));
            one.update_batch(&[texts], &[group, group], None, group + 1)?;
        }
        assert!(one.pieces.len() <= MAX_PIECES);
        let all = one.evaluate(EmitTo::All)?;
        assert!(all.as_string_view().iter().all(|text| text == Some("a text of twenty bytes")));
        assert!(all.get_array_memory_size() < 2 * MAX_PIECES * long.len() / 10);
        Ok(())
    }
}
