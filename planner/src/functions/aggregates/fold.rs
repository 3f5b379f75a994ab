//! Aggregates of our own: a state that rows are added to, and that two states make one of.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use crate::error::Error;
use crate::functions::column::{Argument, IntervalArg, Output};
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

impl Fold for IntervalSum {
    fn add(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let Some(column) = columns.first() else { return Ok(()) };
        each::<IntervalArg>(column, |value| {
            self.0 = Some(match self.0 {
                Some(sum) => sum.add(value)?,
                None => value,
            });
            Ok(())
        })
    }

    fn state(&self) -> Result<Vec<ScalarValue>> {
        Ok(vec![scalar(self.0, &PgType::Interval.arrow())?])
    }

    fn state_types() -> Vec<DataType> {
        vec![PgType::Interval.arrow()]
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.add(states)
    }
}

pub(super) fn interval_sum() -> Arc<AggregateUDF> {
    static SUM: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| {
        Folded::<IntervalSum>::aggregate("interval_sum", PgType::Interval.arrow(), |sum| {
            scalar(sum.0, &PgType::Interval.arrow())
        })
    });
    Arc::clone(&SUM)
}
