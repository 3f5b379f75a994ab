//! `min` and `max` of values that are compared by another form of them.

use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, BooleanArray, UInt64Array, new_empty_array, new_null_array};
use arrow::compute::{nullif, take};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::{Result, ScalarValue, internal_err, resources_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::by_group::{counted, grow};
use crate::error::Error;
use crate::interrupt;

/// What values of groups may take together: Arrow's row format makes one buffer of them, in which views find them by 32
/// bits.
const LARGEST_BYTES: usize = u32::MAX as usize;

/// The aggregate of a value and its key that gives the value with the smallest or the largest key; of several, the
/// last.
pub(super) fn extreme_by_key(least: bool) -> Arc<AggregateUDF> {
    static LEAST: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| aggregate("min_by_key", Ordering::Less));
    static LARGEST: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| aggregate("max_by_key", Ordering::Greater));
    Arc::clone(if least { &LEAST } else { &LARGEST })
}

fn aggregate(name: &'static str, wanted: Ordering) -> Arc<AggregateUDF> {
    let signature = Signature::any(2, Volatility::Immutable);
    Arc::new(AggregateUDF::from(ExtremeByKey { name, wanted, signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExtremeByKey {
    name: &'static str,
    wanted: Ordering,
    signature: Signature,
}

impl AggregateUDFImpl for ExtremeByKey {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [value, _] => Ok(value.clone()),
            _ => internal_err!("{} takes a value and a key", self.name),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let [value, key] = args.expr_fields else { return internal_err!("{} takes a value and a key", self.name) };
        let none = |field: &FieldRef| ScalarValue::try_from(field.data_type());
        Ok(Box::new(Extreme { wanted: self.wanted, value: none(value)?, key: none(key)? }))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        let [value, key] = args.expr_fields else { return false };
        // NULLs inside of keys would have a place of their own.
        let is_plain = !args.is_distinct && args.order_bys.is_empty() && !key.data_type().is_nested();
        is_plain && [value, key].iter().all(|field| Encoding::new(field.data_type()).is_ok_and(|it| it.keeps_type()))
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let [value, key] = args.expr_fields else { return internal_err!("{} takes a value and a key", self.name) };
        let [values, keys] = [Encoding::new(value.data_type())?, Encoding::new(key.data_type())?];
        Ok(Box::new(Extremes { wanted: self.wanted, values, keys, groups: vec![], heap_bytes: 0 }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let [_, key] = args.input_fields else { return internal_err!("{} takes a value and a key", self.name) };
        let field = |name, data_type: &DataType| Arc::new(Field::new(name, data_type.clone(), true));
        Ok(vec![field("value", args.return_field.data_type()), field("key", key.data_type())])
    }
}

/// The value so far, and its key, which is NULL as long as there is none.
#[derive(Debug)]
struct Extreme {
    wanted: Ordering,
    value: ScalarValue,
    key: ScalarValue,
}

impl Accumulator for Extreme {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [values, keys] = values else { return internal_err!("an extreme has values and keys") };
        for row in (0..keys.len()).filter(|row| keys.is_valid(*row)) {
            let key = ScalarValue::try_from_array(keys, row)?;
            let takes_over = self.key.is_null()
                || key.partial_cmp(&self.key).is_some_and(|order| order == self.wanted || order == Ordering::Equal);
            if takes_over {
                self.value = ScalarValue::try_from_array(values, row)?;
                self.key = key;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size() + self.key.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.value.clone(), self.key.clone()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

/// The values of a column as bytes: those of Arrow's row format, which are in order as the values are.
#[derive(Debug)]
struct Encoding {
    data_type: DataType,
    converter: RowConverter,
    null: Vec<u8>,
}

impl Encoding {
    fn new(data_type: &DataType) -> Result<Self> {
        let converter = RowConverter::new(vec![SortField::new(data_type.clone())])?;
        let null = converter.convert_columns(&[new_null_array(data_type, 1)])?.row(0).data().to_vec();
        Ok(Self { data_type: data_type.clone(), converter, null })
    }

    /// Whether values come back as they were: those of a dictionary come without it.
    fn keeps_type(&self) -> bool {
        let null = self.decode(&[Best::default()], |best| &best.value);
        null.is_ok_and(|column| column.data_type() == &self.data_type)
    }

    fn encode(&self, column: &ArrayRef) -> Result<Rows> {
        interrupt::check_room(column.get_array_memory_size()).map_err(Error::Value)?;
        let rows = self.converter.convert_columns(std::slice::from_ref(column))?;
        // Each may be the one that a group keeps.
        interrupt::check_room(rows.size()).map_err(Error::Value)?;
        Ok(rows)
    }

    fn decode(&self, groups: &[Best], bytes: fn(&Best) -> &Vec<u8>) -> Result<ArrayRef> {
        if groups.is_empty() {
            return Ok(new_empty_array(&self.data_type));
        }
        let room: usize = groups.iter().map(|best| bytes(best).len() + size_of::<&[u8]>()).sum();
        interrupt::check_room(room).map_err(Error::Value)?;
        if room > LARGEST_BYTES {
            return resources_err!("the extremes of groups are too large together");
        }
        let parser = self.converter.parser();
        let rows = groups.iter().map(|best| match bytes(best).as_slice() {
            [] => parser.parse(&self.null),
            bytes => parser.parse(bytes),
        });
        match self.converter.convert_rows(rows)?.pop() {
            Some(column) => Ok(column),
            None => internal_err!("an extreme has lost its column"),
        }
    }
}

/// The value of a group so far, and its key; both without bytes as long as there is none.
#[derive(Debug, Default)]
struct Best {
    value: Vec<u8>,
    key: Vec<u8>,
    /// The row of the last batch that took over, if one of its rows did.
    row: usize,
}

impl Best {
    fn heap_bytes(&self) -> usize {
        self.value.capacity() + self.key.capacity()
    }
}

/// Those of many groups.
#[derive(Debug)]
struct Extremes {
    wanted: Ordering,
    values: Encoding,
    keys: Encoding,
    groups: Vec<Best>,
    /// Those of all groups.
    heap_bytes: usize,
}

impl Extremes {
    fn emit(&mut self, emit_to: EmitTo) -> Vec<Best> {
        let emitted = emit_to.take_needed(&mut self.groups);
        self.heap_bytes -= emitted.iter().map(Best::heap_bytes).sum::<usize>();
        emitted
    }
}

impl GroupsAccumulator for Extremes {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let [values, keys] = values else { return internal_err!("an extreme has values and keys") };
        grow(&mut self.groups, total_num_groups)?;
        let rows = self.keys.encode(keys)?;
        let mut taken_over = vec![];
        for (row, group) in counted(group_indices, opt_filter).filter(|(row, _)| keys.is_valid(*row)) {
            let (best, key) = (&mut self.groups[group], rows.row(row).data());
            let order = key.cmp(best.key.as_slice());
            if best.key.is_empty() || order == self.wanted || order == Ordering::Equal {
                keep(&mut best.key, key, &mut self.heap_bytes);
                best.row = row;
                taken_over.push((row, group));
            }
        }
        // Of the rows of a group that did, the last one has its value.
        taken_over.retain(|(row, group)| self.groups[*group].row == *row);
        let places = UInt64Array::from_iter_values(taken_over.iter().map(|(row, _)| *row as u64));
        let rows = self.values.encode(&take(values, &places, None)?)?;
        for (place, (_, group)) in taken_over.into_iter().enumerate() {
            keep(&mut self.groups[group].value, rows.row(place).data(), &mut self.heap_bytes);
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = self.emit(emit_to);
        self.values.decode(&groups, |best| &best.value)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = self.emit(emit_to);
        Ok(vec![self.values.decode(&groups, |best| &best.value)?, self.keys.decode(&groups, |best| &best.key)?])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.update_batch(values, group_indices, None, total_num_groups)
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let ([values, keys], Some(filter)) = (values, opt_filter) else { return Ok(values.to_vec()) };
        // A row without a key does not count.
        let is_out: BooleanArray = filter.iter().map(|passes| Some(passes != Some(true))).collect();
        Ok(vec![Arc::clone(values), nullif(keys, &is_out)?])
    }

    fn size(&self) -> usize {
        let encodings = self.values.converter.size() + self.keys.converter.size();
        size_of_val(self) + self.groups.capacity() * size_of::<Best>() + self.heap_bytes + encodings
    }
}

/// Keeps bytes in place of others, and counts what they take.
fn keep(kept: &mut Vec<u8>, bytes: &[u8], heap_bytes: &mut usize) {
    *heap_bytes -= kept.capacity();
    // Small ones do not keep the memory of large ones.
    if kept.capacity() < bytes.len() || kept.capacity() / 2 > bytes.len() {
        *kept = bytes.to_vec();
    } else {
        kept.clear();
        kept.extend_from_slice(bytes);
    }
    *heap_bytes += kept.capacity();
}

#[cfg(test)]
mod tests {
    use arrow::array::{BinaryViewArray, Decimal128Array, Int32Array, ListArray, StringViewArray};
    use arrow::datatypes::{DECIMAL128_MAX_PRECISION, Int32Type};

    use super::super::by_group::alike::{self, Batch};
    use super::*;

    fn texts(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(values.iter().collect::<StringViewArray>())
    }

    #[test]
    fn the_extreme_of_a_group_is_that_of_one() -> Result<()> {
        let bytes = |values: &[Option<&str>]| Arc::new(values.iter().collect::<BinaryViewArray>()) as ArrayRef;
        let batches = [
            Batch {
                columns: vec![
                    texts(&[Some("first"), Some("same"), Some("none"), None, Some("a value that fits in no view")]),
                    bytes(&[Some("m"), Some("m"), None, Some("z"), Some("a key that fits in no view")]),
                ],
                groups: vec![0, 0, 1, 2, 0],
                filter: None,
            },
            Batch {
                columns: vec![
                    texts(&[Some("later"), Some("left out"), Some("unknown"), Some("B"), Some("A"), Some("none")]),
                    bytes(&[Some("m"), Some(""), Some("zz"), Some("b"), Some("a"), None]),
                ],
                groups: vec![0, 0, 0, 3, 3, 3],
                filter: Some(BooleanArray::from(vec![
                    Some(true),
                    Some(false),
                    None,
                    Some(true),
                    Some(true),
                    Some(true),
                ])),
            },
            Batch {
                columns: vec![texts(&[Some("empty"), Some("last")]), bytes(&[Some(""), Some("z")])],
                groups: vec![3, 2],
                filter: None,
            },
        ];
        let least = alike::results(&extreme_by_key(true), &batches)?;
        let value = Some("a value that fits in no view");
        assert_eq!(&least, &texts(&[value, None, Some("last"), Some("empty")]));
        let largest = alike::results(&extreme_by_key(false), &batches)?;
        assert_eq!(&largest, &texts(&[Some("later"), None, Some("last"), Some("B")]));
        Ok(())
    }

    #[test]
    fn arrays_have_extremes_by_numbers() -> Result<()> {
        let numbers = |values: &[Option<i128>]| {
            let numbers: Decimal128Array = values.iter().collect();
            Arc::new(numbers.with_data_type(DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0))) as ArrayRef
        };
        let arrays = |values: Vec<Option<Vec<Option<i32>>>>| {
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(values)) as ArrayRef
        };
        let (one, two) = (Some(vec![Some(1), None]), Some(vec![]));
        let batches = [
            Batch {
                columns: vec![arrays(vec![one.clone(), two.clone(), None]), numbers(&[Some(-3), Some(2), Some(-4)])],
                groups: vec![0, 0, 1],
                filter: None,
            },
            Batch {
                columns: vec![arrays(vec![one.clone(), two.clone()]), numbers(&[Some(2), None])],
                groups: vec![0, 1],
                filter: None,
            },
        ];
        assert_eq!(&alike::results(&extreme_by_key(true), &batches)?, &arrays(vec![one.clone(), None]));
        assert_eq!(&alike::results(&extreme_by_key(false), &batches)?, &arrays(vec![one, None]));
        Ok(())
    }

    #[test]
    fn dictionaries_are_left_to_the_accumulator_of_one_group() -> Result<()> {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        assert!(!Encoding::new(&dictionary)?.keeps_type());
        assert!(!Encoding::new(&crate::pg_type::list_of(dictionary))?.keeps_type());
        assert!(Encoding::new(&crate::pg_type::list_of(DataType::Utf8View))?.keeps_type());
        Ok(())
    }

    #[test]
    fn small_values_do_not_keep_the_memory_of_large_ones() -> Result<()> {
        let [values, keys] = [Encoding::new(&DataType::Utf8View)?, Encoding::new(&DataType::Int32)?];
        let mut many = Extremes { wanted: Ordering::Greater, values, keys, groups: vec![], heap_bytes: 0 };
        let before = many.size();
        let large = "large".repeat(10_000);
        for (key, value) in [(1, large.as_str()), (2, "small")] {
            let columns = [texts(&[Some(value)]), Arc::new(Int32Array::from(vec![key])) as ArrayRef];
            many.update_batch(&columns, &[0], None, 1)?;
            assert_eq!(many.size() - before > large.len(), key == 1);
        }
        assert_eq!(&many.evaluate(EmitTo::All)?, &texts(&[Some("small")]));
        Ok(())
    }
}
