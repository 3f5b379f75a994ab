//! What accumulators for many groups have in common: which rows of a batch count for which group, and room for the
//! states of new groups.

use arrow::array::{Array, BooleanArray};
use datafusion::common::Result;

use crate::error::Error;
use crate::interrupt;

/// The rows that count, each with its group.
pub(super) fn counted(groups: &[usize], filter: Option<&BooleanArray>) -> impl Iterator<Item = (usize, usize)> {
    groups.iter().copied().enumerate().filter(move |(row, _)| is_counted(*row, filter))
}

/// Whether a row counts.
pub(super) fn is_counted(row: usize, filter: Option<&BooleanArray>) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

/// Adds states of new groups, until there are so many.
pub(super) fn grow<T: Default>(states: &mut Vec<T>, groups: usize) -> Result<()> {
    if groups > states.capacity() {
        // What is there is copied when its memory grows, to twice as much.
        let states = groups.max(states.capacity().saturating_mul(2));
        interrupt::check_room(states.saturating_mul(size_of::<T>())).map_err(Error::Value)?;
    }
    if groups > states.len() {
        states.resize_with(groups, T::default);
    }
    Ok(())
}

/// Checks that an aggregate's accumulator for many groups is no other than that for one.
#[cfg(test)]
pub(super) mod alike {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, UInt64Array};
    use arrow::compute::{concat, take_arrays};
    use arrow::datatypes::{Field, FieldRef, Schema};
    use datafusion::common::ScalarValue;
    use datafusion::logical_expr::function::AccumulatorArgs;
    use datafusion::logical_expr::{Accumulator, AggregateUDF, EmitTo};

    use super::*;

    /// Rows.
    pub(in crate::functions::aggregates) struct Batch {
        pub(in crate::functions::aggregates) columns: Vec<ArrayRef>,
        pub(in crate::functions::aggregates) groups: Vec<usize>,
        pub(in crate::functions::aggregates) filter: Option<BooleanArray>,
    }

    impl Batch {
        /// The rows of one group that count.
        fn of_group(&self, group: usize) -> Result<Vec<ArrayRef>> {
            let passes = |row| self.filter.as_ref().is_none_or(|filter| filter.iter().nth(row) == Some(Some(true)));
            let rows = (0..self.groups.len()).filter(|row| self.groups[*row] == group && passes(*row));
            let rows = UInt64Array::from_iter_values(rows.map(|row| row as u64));
            Ok(take_arrays(&self.columns, &rows, None)?)
        }
    }

    /// The results for the groups, which are the same whatever has computed them.
    pub(in crate::functions::aggregates) fn results(aggregate: &AggregateUDF, batches: &[Batch]) -> Result<ArrayRef> {
        let argument = |column: &ArrayRef| Arc::new(Field::new("argument", column.data_type().clone(), true));
        let fields: Vec<FieldRef> = batches[0].columns.iter().map(argument).collect();
        let args = AccumulatorArgs {
            return_field: aggregate.return_field(&fields)?,
            schema: &Schema::empty(),
            ignore_nulls: false,
            order_bys: &[],
            is_reversed: false,
            name: aggregate.name(),
            is_distinct: false,
            exprs: &[],
            expr_fields: &fields,
        };
        let of_one = || aggregate.accumulator(args.clone());
        let of_many = || aggregate.create_groups_accumulator(args.clone());
        assert!(aggregate.groups_accumulator_supported(args.clone()));
        assert!(!aggregate.groups_accumulator_supported(AccumulatorArgs { is_distinct: true, ..args.clone() }));

        let (mut whole, mut merged, mut from_rows) = (of_many()?, of_many()?, of_many()?);
        let mut expected: Vec<Box<dyn Accumulator>> = vec![];
        for batch in batches {
            let groups = batch.groups.iter().fold(expected.len(), |groups, group| groups.max(group + 1));
            while expected.len() < groups {
                expected.push(of_one()?);
            }
            let (columns, filter) = (&batch.columns, batch.filter.as_ref());
            whole.update_batch(columns, &batch.groups, filter, groups)?;
            let mut part = of_many()?;
            part.update_batch(columns, &batch.groups, filter, groups)?;
            let states = in_two(|emit_to| part.state(emit_to))?;
            let mut expected_states = vec![];
            for (group, accumulator) in expected.iter_mut().enumerate() {
                let rows = batch.of_group(group)?;
                accumulator.update_batch(&rows)?;
                let mut part = of_one()?;
                part.update_batch(&rows)?;
                expected_states.push(part.state()?);
            }
            for (place, states) in states.iter().enumerate() {
                let expected = expected_states.iter().map(|states| states[place].clone());
                assert_eq!(states, &ScalarValue::iter_to_array(expected)?);
            }
            merged.merge_batch(&states, &(0..groups).collect::<Vec<_>>(), groups)?;
            from_rows.merge_batch(&part.convert_to_state(columns, filter)?, &batch.groups, groups)?;
        }
        let expected = expected.iter_mut().map(|accumulator| accumulator.evaluate()).collect::<Result<Vec<_>>>()?;
        let expected = ScalarValue::iter_to_array(expected)?;
        for mut accumulator in [whole, merged, from_rows] {
            let results = in_two(|emit_to| Ok(vec![accumulator.evaluate(emit_to)?]))?;
            assert_eq!(results, [Arc::clone(&expected)]);
            // Nothing is left.
            assert_eq!(accumulator.evaluate(EmitTo::All)?.as_ref(), expected.slice(0, 0).as_ref());
            assert!(accumulator.state(EmitTo::All)?.iter().all(|column| column.is_empty()));
            assert_eq!(accumulator.size(), of_many()?.size());
        }
        Ok(expected)
    }

    /// The first group before the others.
    fn in_two(mut emit: impl FnMut(EmitTo) -> Result<Vec<ArrayRef>>) -> Result<Vec<ArrayRef>> {
        let (first, others) = (emit(EmitTo::First(1))?, emit(EmitTo::All)?);
        first.iter().zip(&others).map(|(one, other)| Ok(concat(&[one.as_ref(), other.as_ref()])?)).collect()
    }
}
