//! Aggregates over windows. DataFusion takes a running maximum for sorted, whose first values may be NULL; and over a
//! frame whose beginning moves it wants aggregates from which rows can be taken away again, which of floating-point
//! numbers leaves the traces of those rows.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{Array, ArrayRef, new_empty_array};
use arrow::compute::concat;
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::common::{Result, ScalarValue, resources_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, WindowFrame, WindowFrameBound};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};

use crate::error::Error;
use crate::interrupt;

/// What the values of all rows of a window may take together.
const LARGEST_BYTES: usize = 256 << 20;

/// When all its rows are taken away, DataFusion's has 0 left of them, and not NULL.
const BIT_XOR: &str = "bit_xor";

/// Values that do not count: what is kept of their rows counts, and is as much.
const SMALL_BYTES: usize = 256;

/// The same aggregate, for windows. Where a frame may end at the last row, DataFusion keeps the values of all rows.
pub(crate) fn windowed(inner: Arc<AggregateUDF>, frame: &WindowFrame) -> Arc<AggregateUDF> {
    let ends_at_last = matches!(&frame.end_bound, WindowFrameBound::Following(rows) if rows.is_null());
    Arc::new(AggregateUDF::from(Windowed { inner, kept: ends_at_last.then(Kept::default) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Windowed {
    inner: Arc<AggregateUDF>,
    kept: Option<Kept>,
}

/// The bytes of values that are kept, of all partitions.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<AtomicUsize>);

/// Functions are the same whatever they have computed.
impl PartialEq for Kept {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Kept {}

impl Hash for Kept {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}

impl AggregateUDFImpl for Windowed {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field(&self, arguments: &[FieldRef]) -> Result<FieldRef> {
        self.inner.return_field(arguments)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn is_nullable(&self) -> bool {
        self.inner.is_nullable()
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.inner.default_value(data_type)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let grows = grows(args.return_field.data_type());
        let inner = self.inner.accumulator(args)?;
        Ok(if grows { Box::new(Growing { inner, rows: Some(0), kept: self.kept.clone() }) } else { inner })
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let grows = grows(args.return_field.data_type());
        let inner = self.sliding_accumulator(args)?;
        Ok(if grows { Box::new(Growing { inner, rows: None, kept: self.kept.clone() }) } else { inner })
    }
}

/// Whether values of a type may take any amount of memory.
fn grows(data_type: &DataType) -> bool {
    data_type.is_nested() || data_type.is_string() || data_type.is_binary()
}

impl Windowed {
    fn sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let is_exact = !args.return_field.data_type().is_floating() && self.inner.name() != BIT_XOR;
        let call = OwnedArgs::of(&args);
        if is_exact {
            let sliding = self.inner.inner().create_sliding_accumulator(args)?;
            if sliding.supports_retract_batch() {
                return Ok(sliding);
            }
        }
        let columns = call.expr_fields.iter().map(|field| new_empty_array(field.data_type())).collect();
        Ok(Box::new(OverFrame { aggregate: Arc::clone(&self.inner), call, columns }))
    }
}

/// An aggregate whose value grows with its rows.
#[derive(Debug)]
struct Growing {
    inner: Box<dyn Accumulator>,
    /// How many rows there were, each of which may have the value; none where every row has a value of its own.
    rows: Option<usize>,
    kept: Option<Kept>,
}

impl Accumulator for Growing {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if let Some(rows) = &mut self.rows {
            *rows += values.first().map_or(0, Array::len);
        }
        self.inner.update_batch(values)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = self.inner.evaluate()?;
        if value.size() <= SMALL_BYTES {
            return Ok(value);
        }
        let bytes = value.size().saturating_mul(self.rows.unwrap_or(1));
        let before = self.kept.as_ref().map_or(0, |Kept(kept)| kept.fetch_add(bytes, Ordering::Relaxed));
        if before.saturating_add(bytes) > LARGEST_BYTES {
            return resources_err!("the values of a window are too large together");
        }
        Ok(value)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }
}

/// What an accumulator is made with.
#[derive(Debug)]
struct OwnedArgs {
    return_field: FieldRef,
    schema: SchemaRef,
    ignore_nulls: bool,
    order_bys: Vec<PhysicalSortExpr>,
    is_reversed: bool,
    name: String,
    is_distinct: bool,
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    expr_fields: Vec<FieldRef>,
}

impl OwnedArgs {
    fn of(args: &AccumulatorArgs<'_>) -> Self {
        Self {
            return_field: Arc::clone(&args.return_field),
            schema: Arc::new(args.schema.clone()),
            ignore_nulls: args.ignore_nulls,
            order_bys: args.order_bys.to_vec(),
            is_reversed: args.is_reversed,
            name: args.name.to_owned(),
            is_distinct: args.is_distinct,
            exprs: args.exprs.to_vec(),
            expr_fields: args.expr_fields.to_vec(),
        }
    }

    fn args(&self) -> AccumulatorArgs<'_> {
        AccumulatorArgs {
            return_field: Arc::clone(&self.return_field),
            schema: &self.schema,
            ignore_nulls: self.ignore_nulls,
            order_bys: &self.order_bys,
            is_reversed: self.is_reversed,
            name: &self.name,
            is_distinct: self.is_distinct,
            exprs: &self.exprs,
            expr_fields: &self.expr_fields,
        }
    }
}

/// The rows of a frame, which are aggregated anew for each row of the result, as PostgreSQL does.
#[derive(Debug)]
struct OverFrame {
    aggregate: Arc<AggregateUDF>,
    call: OwnedArgs,
    columns: Vec<ArrayRef>,
}

impl Accumulator for OverFrame {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for (column, new) in self.columns.iter_mut().zip(values) {
            *column = concat(&[column.as_ref(), new.as_ref()])?;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for (column, old) in self.columns.iter_mut().zip(values) {
            let gone = old.len().min(column.len());
            *column = column.slice(gone, column.len() - gone);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        interrupt::check().map_err(Error::Value)?;
        let mut accumulator = self.aggregate.accumulator(self.call.args())?;
        accumulator.update_batch(&self.columns)?;
        accumulator.evaluate()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.columns.iter().map(Array::get_array_memory_size).sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        datafusion::common::internal_err!("a window has no partial states")
    }

    fn merge_batch(&mut self, _states: &[ArrayRef]) -> Result<()> {
        datafusion::common::internal_err!("a window has no partial states")
    }
}
