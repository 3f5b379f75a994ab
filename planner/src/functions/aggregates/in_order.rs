//! Aggregates of rows in an order, or of rows of which no two are the same. They sort the rows of a group themselves:
//! DataFusion sorts what all aggregates of a query read, once and for one of their orders, and refuses others, and those
//! of columns that it has taken for constant.
//!
//! Rows are kept in Arrow's row format, where keys are in order as their bytes are.

use std::mem::replace;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryViewArray};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::cast::{as_binary_view_array, as_list_array};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, SortExpr, Volatility};

use crate::error::Error;
use crate::interrupt;
use crate::pg_type::list_of;

/// The aggregate of arguments over rows in this order. If it is `distinct`, rows with the same keys are one.
pub(crate) fn in_order(
    function: Arc<AggregateUDF>,
    mut arguments: Vec<Expr>,
    order_by: Vec<SortExpr>,
    distinct: bool,
    filter: Option<Box<Expr>>,
) -> Expr {
    let options = |key: &SortExpr| SortOptions { descending: !key.asc, nulls_first: key.nulls_first };
    let options: Vec<SortOptions> = order_by.iter().map(options).collect();
    let named: Vec<String> = options.iter().map(SortOptions::to_string).collect();
    let function = InOrder {
        name: format!("{}{} by {}", function.name(), if distinct { " distinct" } else { "" }, named.join(", ")),
        inner: function,
        taken: arguments.len(),
        options,
        distinct,
        signature: Signature::variadic_any(Volatility::Immutable),
    };
    arguments.extend(order_by.into_iter().map(|key| key.expr));
    let function = Arc::new(AggregateUDF::from(function));
    Expr::AggregateFunction(AggregateFunction::new_udf(function, arguments, false, filter, vec![], None))
}

/// The aggregate. Its arguments are those of the inner one, and the keys.
#[derive(Debug, PartialEq, Eq, Hash)]
struct InOrder {
    name: String,
    inner: Arc<AggregateUDF>,
    /// How many arguments the inner aggregate takes.
    taken: usize,
    options: Vec<SortOptions>,
    distinct: bool,
    signature: Signature,
}

impl AggregateUDFImpl for InOrder {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(split(types, self.taken)?.0)
    }

    fn return_field(&self, arguments: &[FieldRef]) -> Result<FieldRef> {
        self.inner.return_field(split(arguments, self.taken)?.0)
    }

    fn is_nullable(&self) -> bool {
        self.inner.is_nullable()
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.inner.default_value(data_type)
    }

    fn state_fields(&self, _args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let rows = |name| Arc::new(Field::new(name, list_of(DataType::BinaryView), true));
        Ok(vec![rows("keys"), rows("arguments")])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let (taken, keys) = split(args.expr_fields, self.taken)?;
        let keys = keys.iter().zip(&self.options);
        let keys = keys.map(|(key, options)| SortField::new_with_options(key.data_type().clone(), *options));
        let taken = taken.iter().map(|argument| SortField::new(argument.data_type().clone()));
        Ok(Box::new(Sorting {
            keys: Kept::new(keys.collect())?,
            arguments: Kept::new(taken.collect())?,
            taken: self.taken,
            distinct: self.distinct,
            inner: self.inner.accumulator(AccumulatorArgs {
                exprs: split(args.exprs, self.taken)?.0,
                expr_fields: split(args.expr_fields, self.taken)?.0,
                ..args
            })?,
        }))
    }
}

/// The arguments of the inner aggregate, and the keys.
fn split<T>(arguments: &[T], taken: usize) -> Result<(&[T], &[T])> {
    match arguments.split_at_checked(taken) {
        Some(split) => Ok(split),
        None => internal_err!("an aggregate in an order has lost its keys"),
    }
}

/// Columns of the rows so far.
#[derive(Debug)]
struct Kept {
    converter: RowConverter,
    rows: Rows,
}

impl Kept {
    fn new(fields: Vec<SortField>) -> Result<Self> {
        let converter = RowConverter::new(fields)?;
        let rows = converter.empty_rows(0, 0);
        Ok(Self { converter, rows })
    }

    fn add(&mut self, columns: &[ArrayRef]) -> Result<()> {
        // What is there is copied when its memory grows.
        let added: usize = columns.iter().map(|column| column.get_array_memory_size()).sum();
        interrupt::check_room(self.rows.size().saturating_add(added)).map_err(Error::Value)?;
        Ok(self.converter.append(&mut self.rows, columns)?)
    }

    fn take(&mut self) -> Rows {
        replace(&mut self.rows, self.converter.empty_rows(0, 0))
    }

    /// The rows as a list of their bytes.
    fn state(&mut self) -> Result<ScalarValue> {
        let bytes: BinaryViewArray = self.take().iter().map(|row| Some(row.data().to_vec())).collect();
        Ok(SingleRowListArrayBuilder::new(Arc::new(bytes)).build_list_scalar())
    }

    fn merge(&mut self, states: &ArrayRef) -> Result<()> {
        let parser = self.converter.parser();
        for rows in as_list_array(states)?.iter().flatten() {
            for row in as_binary_view_array(&rows)?.iter().flatten() {
                self.rows.push(parser.parse(row));
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.converter.size() + self.rows.size()
    }
}

/// The rows of a group, which the inner aggregate gets at the end.
#[derive(Debug)]
struct Sorting {
    keys: Kept,
    arguments: Kept,
    taken: usize,
    distinct: bool,
    inner: Box<dyn Accumulator>,
}

impl Accumulator for Sorting {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (arguments, keys) = split(values, self.taken)?;
        self.arguments.add(arguments)?;
        self.keys.add(keys)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let (keys, arguments) = (self.keys.take(), self.arguments.take());
        let mut order: Vec<usize> = (0..keys.num_rows()).collect();
        // Those with the same keys stay in the order in which they came.
        order.sort_by(|&one, &other| keys.row(one).cmp(&keys.row(other)));
        if self.distinct {
            order.dedup_by(|one, other| keys.row(*one) == keys.row(*other));
        }
        let columns = self.arguments.converter.convert_rows(order.into_iter().map(|row| arguments.row(row)))?;
        self.inner.update_batch(&columns)?;
        self.inner.evaluate()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.keys.size() + self.arguments.size() + self.inner.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.keys.state()?, self.arguments.state()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [keys, arguments] = states else { return internal_err!("an aggregate in an order has lost its rows") };
        self.keys.merge(keys)?;
        self.arguments.merge(arguments)
    }
}
