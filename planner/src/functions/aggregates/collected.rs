//! `array_agg` whose texts count. DataFusion's tells the memory pool what the views of texts take, which are sixteen
//! bytes each however long the texts are.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature};

/// The aggregate.
pub(crate) fn collected() -> Arc<AggregateUDF> {
    static FUNCTION: LazyLock<Arc<AggregateUDF>> =
        LazyLock::new(|| Arc::new(AggregateUDF::from(Collected { inner: array_agg_udaf() })));
    Arc::clone(&FUNCTION)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Collected {
    inner: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for Collected {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Counted { inner: self.inner.accumulator(args)?, bytes: 0 }))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let inner = self.inner.create_groups_accumulator(args)?;
        Ok(Box::new(CountedGroups { inner, bytes: 0 }))
    }
}

/// The bytes of texts that are too long for their views.
fn beyond_views(array: &dyn Array) -> usize {
    match array.data_type() {
        DataType::Utf8View => array.as_string_view().total_buffer_bytes_used(),
        DataType::BinaryView => array.as_binary_view().total_buffer_bytes_used(),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let [first, last] = [0, list.len()].map(|place| list.value_offsets()[place] as usize);
            beyond_views(&list.values().slice(first, last - first))
        }
        DataType::Struct(_) => array.as_struct().columns().iter().map(|column| beyond_views(column)).sum(),
        _ => 0,
    }
}

fn beyond_views_of(arrays: &[ArrayRef]) -> usize {
    arrays.iter().map(|array| beyond_views(array)).sum()
}

/// The values of one group.
#[derive(Debug)]
struct Counted {
    inner: Box<dyn Accumulator>,
    bytes: usize,
}

impl Accumulator for Counted {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.bytes += beyond_views_of(values);
        self.inner.update_batch(values)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.bytes = self.bytes.saturating_sub(beyond_views_of(values));
        self.inner.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.inner.evaluate()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.bytes += beyond_views_of(states);
        self.inner.merge_batch(states)
    }

    fn size(&self) -> usize {
        self.inner.size().saturating_add(self.bytes)
    }
}

/// The values of many groups.
struct CountedGroups {
    inner: Box<dyn GroupsAccumulator>,
    bytes: usize,
}

impl CountedGroups {
    /// Has some groups given, which are not kept any more.
    fn give<T>(&mut self, give: impl FnOnce(&mut dyn GroupsAccumulator) -> Result<T>) -> Result<T> {
        let before = self.inner.size().max(1);
        let given = give(self.inner.as_mut())?;
        let after = self.inner.size();
        // Texts go with their views.
        self.bytes = (self.bytes as f64 * (after as f64 / before as f64).min(1.0)) as usize;
        Ok(given)
    }
}

impl GroupsAccumulator for CountedGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.bytes += beyond_views_of(values);
        self.inner.update_batch(values, group_indices, opt_filter, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.give(|inner| inner.evaluate(emit_to))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.give(|inner| inner.state(emit_to))
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.bytes += beyond_views_of(values);
        self.inner.merge_batch(values, group_indices, total_num_groups)
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.inner.convert_to_state(values, opt_filter)
    }

    fn size(&self) -> usize {
        self.inner.size().saturating_add(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::StringViewArray;

    #[test]
    fn texts_count_as_long_as_they_are() {
        let texts = StringViewArray::from(vec![Some("x".repeat(1_000)), None, Some("short".to_owned())]);
        assert_eq!(beyond_views(&texts), 1_000);
    }
}
