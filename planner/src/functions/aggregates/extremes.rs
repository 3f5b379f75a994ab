//! `min` and `max` of values that are compared by another form of them.

use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

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
