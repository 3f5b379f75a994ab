//! Keeps batches from growing without end. A text that stands in many rows is in memory once, an array is copied
//! for each of them: what joins one row with thousands, and what puts a constant beside rows, makes of one array of
//! megabytes a batch of gigabytes, before anybody could count it. And a function that lengthens texts makes of thousands
//! of short ones as many long ones. Here batches have fewer rows where that can happen, and arrays that would be too
//! large for these, too, are refused.
//!
//! ```text
//! before: HashJoinExec: a.x = b.x             after: HashJoinExec: a.x = b.x
//!           a: [x, array]                              NarrowRows
//!           b: [x, y]                                    a: [x, array]
//!                                                      b: [x, y]
//! ```

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, Result, ScalarValue};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::ScalarUDF;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::scalar_subquery::ScalarSubqueryExpr;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::scalar_subquery::ScalarSubqueryExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};
use futures::{StreamExt, stream};

use crate::error::Error;
use crate::functions::{Lengthening, lengthening, takes_constants};
use crate::interrupt;
use crate::pass_through::{PassThrough, Passing};
use crate::postgres::error::ValueError;

/// What the copies of a constant may take in one batch.
const COPIES_BYTES: usize = 16 << 20;
/// Rows of batches whose arrays are not known before the query runs.
const ROWS_WITH_ARRAYS: usize = 256;
/// What the arrays of a row may take where rows are repeated.
const ARRAYS_OF_A_ROW_BYTES: usize = 256 << 10;
/// What the arrays may take that stand beside the elements of another one, which are rows of one batch.
const BESIDE_ELEMENTS_BYTES: usize = ROWS_WITH_ARRAYS * ARRAYS_OF_A_ROW_BYTES;
/// Rows of batches in which texts become longer by as much as values of the rows say.
const ROWS_WITH_LENGTHENED: usize = 1024;
/// Rows of batches in which a function makes an array for all of them, which may be as large as arrays can be.
const ROWS_WITH_MADE: usize = 4;

/// The plan, whose batches shall have so many rows if there are fewer than usual.
pub(crate) struct Narrow {
    pub(crate) plan: Arc<dyn ExecutionPlan>,
    pub(crate) batch_rows: usize,
}

/// The plan, with batches small enough for its arrays; `batch_rows` is how many rows they have otherwise.
pub(crate) fn narrow(plan: Arc<dyn ExecutionPlan>, batch_rows: usize) -> Result<Narrow> {
    let (mut rows, mut repeats_subqueries) = (batch_rows, false);
    plan.apply(|node| {
        let repeated = repeated_by(node)?;
        repeats_subqueries |= repeated.has_subqueries;
        rows = rows.min(repeated.rows(batch_rows));
        Ok(TreeNodeRecursion::Continue)
    })?;
    if rows == batch_rows {
        return Ok(Narrow { plan, batch_rows });
    }
    let plan = plan.transform_up(|node| {
        if let Some(filter) = node.downcast_ref::<FilterExec>() {
            return Ok(Transformed::yes(Arc::new(filter.with_batch_size(rows)?) as Arc<dyn ExecutionPlan>));
        }
        let repeated = repeated_by(&node)?;
        let subqueries = usize::from(node.is::<ScalarSubqueryExec>() && repeats_subqueries);
        if repeated.rows(batch_rows) == batch_rows && subqueries == 0 {
            return Ok(Transformed::no(node));
        }
        let unnested = node.downcast_ref::<UnnestExec>().map(|unnest| {
            unnest.list_column_indices().iter().map(|list| list.index_in_input_schema).collect::<Vec<_>>()
        });
        let limited = match unnested {
            Some(unnested) => Limited::BesideElements(unnested.into()),
            None if repeated.has_arrays || subqueries > 0 => Limited::Rows,
            None => Limited::Nothing,
        };
        let inputs: Vec<Arc<dyn ExecutionPlan>> = node.children().into_iter().map(Arc::clone).collect();
        let narrowed = |input: Arc<dyn ExecutionPlan>| -> Arc<dyn ExecutionPlan> {
            Arc::new(PassThrough::new(input, NarrowRows { rows, limited: limited.clone() }))
        };
        if inputs.is_empty() {
            return Ok(Transformed::yes(narrowed(node)));
        }
        // The first input of an operator with subqueries has its rows.
        let inputs = inputs.into_iter().enumerate();
        let inputs = inputs.map(|(place, input)| if place < subqueries { input } else { narrowed(input) }).collect();
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        node.replace_children(inputs, options).map(Transformed::yes)
    });
    Ok(Narrow { plan: plan.data()?, batch_rows: rows })
}

/// What an operator repeats.
#[derive(Debug, Default)]
struct Repeated {
    /// Of constants, and of texts whose length is one, for each row.
    constant_bytes: usize,
    /// Arrays of its input.
    has_arrays: bool,
    /// Arrays that subqueries give.
    has_subqueries: bool,
    /// Arrays that functions make of no columns.
    has_made: bool,
    /// Texts that functions lengthen, nobody knows by how much.
    has_lengthened: bool,
}

impl Repeated {
    fn rows(&self, batch_rows: usize) -> usize {
        let unknown = if self.has_arrays || self.has_subqueries { ROWS_WITH_ARRAYS } else { batch_rows };
        let made = if self.has_made { ROWS_WITH_MADE } else { batch_rows };
        let lengthened = if self.has_lengthened { ROWS_WITH_LENGTHENED } else { batch_rows };
        let constants = COPIES_BYTES.checked_div(self.constant_bytes).unwrap_or(batch_rows);
        batch_rows.min(unknown).min(made).min(lengthened).min(constants).max(1)
    }
}

fn repeated_by(node: &Arc<dyn ExecutionPlan>) -> Result<Repeated> {
    let mut repeated = Repeated { has_arrays: repeats_arrays(node.as_ref()), ..Repeated::default() };
    // One row that a constant stands in is no repetition.
    let is_one_row = |input: &&Arc<dyn ExecutionPlan>| input.is::<PlaceholderRowExec>() || input.is::<EmptyExec>();
    let inputs = node.children();
    if inputs.is_empty() || !inputs.iter().all(is_one_row) {
        node.apply_expressions(&mut |expression| {
            count_constants(expression, &mut repeated)?;
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(repeated)
}

/// Arrays are copied for each row unless they are given to a function that takes one for all rows.
fn count_constants(expression: &Arc<dyn PhysicalExpr>, repeated: &mut Repeated) -> Result<()> {
    if let Some(literal) = expression.downcast_ref::<Literal>() {
        repeated.constant_bytes = repeated.constant_bytes.saturating_add(bytes_of(literal.value()));
    }
    if let Some(subquery) = expression.downcast_ref::<ScalarSubqueryExpr>() {
        repeated.has_subqueries |= has_list(subquery.return_field(&Schema::empty())?.data_type());
    }
    let function = expression.downcast_ref::<ScalarFunctionExpr>();
    if function.is_some_and(|function| has_list(function.return_type())) && collect_columns(expression).is_empty() {
        repeated.has_made = true;
    }
    if let Some(lengthened) = function.and_then(|function| lengthened_to(function.fun(), function.args())) {
        match lengthened {
            Lengthened::To(bytes) => repeated.constant_bytes = repeated.constant_bytes.saturating_add(bytes),
            Lengthened::Unknown => repeated.has_lengthened = true,
        }
    }
    let takes_constants = function.is_some_and(|function| takes_constants(function.fun()));
    for inner in expression.children() {
        if !takes_constants || !collect_columns(inner).is_empty() {
            count_constants(inner, repeated)?;
        }
    }
    Ok(())
}

/// Texts are shared where they are views.
fn bytes_of(constant: &ScalarValue) -> usize {
    let is_copied = match constant.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => true,
        other => has_list(&other),
    };
    if is_copied { constant.size() } else { 0 }
}

/// How long a text becomes.
enum Lengthened {
    To(usize),
    Unknown,
}

/// How long a function makes texts, if it lengthens them. Other lengths than constants are in columns, and so is what is
/// repeated, or it would be a constant itself.
fn lengthened_to(function: &ScalarUDF, arguments: &[Arc<dyn PhysicalExpr>]) -> Option<Lengthened> {
    let lengthening = lengthening(function)?;
    let length = arguments.get(1).and_then(|length| length.downcast_ref::<Literal>()).map(Literal::value);
    Some(match (lengthening, length) {
        (Lengthening::ToLength, Some(ScalarValue::Int32(length))) => {
            Lengthened::To(usize::try_from(length.unwrap_or_default()).unwrap_or_default())
        }
        _ => Lengthened::Unknown,
    })
}

fn repeats_arrays(node: &dyn ExecutionPlan) -> bool {
    let join_type = node
        .downcast_ref::<HashJoinExec>()
        .map(|join| *join.join_type())
        .or_else(|| node.downcast_ref::<NestedLoopJoinExec>().map(|join| *join.join_type()))
        .or_else(|| node.downcast_ref::<SortMergeJoinExec>().map(SortMergeJoinExec::join_type))
        .or_else(|| node.is::<CrossJoinExec>().then_some(JoinType::Inner));
    if let Some(join_type) = join_type {
        let gives_both = matches!(join_type, JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full);
        // A filter sees more columns than a join gives.
        let has_filter = node.is::<NestedLoopJoinExec>()
            || node.downcast_ref::<HashJoinExec>().is_some_and(|join| join.filter().is_some())
            || node.downcast_ref::<SortMergeJoinExec>().is_some_and(|join| join.filter().is_some());
        let of_inputs = || node.children().into_iter().any(|input| has_arrays(&input.schema()));
        return gives_both && has_arrays(&node.schema()) || has_filter && of_inputs();
    }
    if let Some(unnest) = node.downcast_ref::<UnnestExec>() {
        let input = unnest.input().schema();
        let is_unnested =
            |place: usize| unnest.list_column_indices().iter().any(|list| list.index_in_input_schema == place);
        return input
            .fields()
            .iter()
            .enumerate()
            .any(|(place, field)| !is_unnested(place) && has_list(field.data_type()));
    }
    let is_window = node.is::<WindowAggExec>() || node.is::<BoundedWindowAggExec>();
    is_window && node.children().into_iter().any(|input| has_arrays(&input.schema()))
}

/// Whether there are arrays in the columns.
pub(crate) fn has_arrays(schema: &Schema) -> bool {
    schema.fields().iter().any(|field| has_list(field.data_type()))
}

/// Whether values of the type are, or have within, arrays, which are copied as a whole.
pub(crate) fn has_list(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) | DataType::Map(..) => true,
        DataType::Struct(fields) => fields.iter().any(|field| has_list(field.data_type())),
        _ => false,
    }
}

/// Which arrays are refused because they are too large.
#[derive(Debug, Clone)]
enum Limited {
    Nothing,
    /// Those of rows that are repeated.
    Rows,
    /// Those beside arrays whose elements become rows, which are in these columns.
    BesideElements(Arc<[usize]>),
}

impl Limited {
    fn check(&self, batch: &RecordBatch) -> Result<()> {
        let (bytes, allowed) = match self {
            Self::Nothing => return Ok(()),
            Self::Rows => (arrays_of_a_row(batch), ARRAYS_OF_A_ROW_BYTES),
            Self::BesideElements(unnested) => (beside_elements(batch, unnested), BESIDE_ELEMENTS_BYTES),
        };
        if bytes <= allowed {
            return Ok(());
        }
        let message = format!(
            "the arrays of a row have {bytes} bytes; at most {allowed} can be repeated, as joins, windows, unnest() and \
             subqueries do"
        );
        Err(Error::Value(ValueError::new("54000", message)).into())
    }
}

/// The operator. It gives its input's rows in small batches, and no larger arrays than can be copied for the rows of one.
#[derive(Debug)]
struct NarrowRows {
    rows: usize,
    limited: Limited,
}

impl Passing for NarrowRows {
    const NAME: &'static str = "NarrowRows";

    fn anew(&self) -> Self {
        Self { rows: self.rows, limited: self.limited.clone() }
    }

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (rows, limited) = (self.rows, self.limited.clone());
        let batches = input.execute(partition, context)?.flat_map(move |batch| {
            let narrow = batch.and_then(|batch| limited.check(&batch).map(|()| slices(&batch, rows).collect()));
            let slices: Vec<_> =
                narrow.map_or_else(|error| vec![Err(error)], |slices: Vec<_>| slices.into_iter().map(Ok).collect());
            // What is done with them may take long.
            stream::iter(slices).map(|slice| interrupt::check().map_err(Error::Value).map_err(Into::into).and(slice))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(input.schema(), batches)))
    }
}

fn slices(batch: &RecordBatch, rows: usize) -> impl Iterator<Item = RecordBatch> {
    let starts = (0..batch.num_rows()).step_by(rows.max(1));
    starts.map(move |start| batch.slice(start, rows.min(batch.num_rows() - start)))
}

/// The bytes that the arrays of one row have at most.
pub(crate) fn arrays_of_a_row(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(largest).fold(0, usize::saturating_add)
}

/// The bytes of all arrays that stand beside the elements of those in some columns, of the row with most of them.
fn beside_elements(batch: &RecordBatch, unnested: &[usize]) -> usize {
    let mut elements = vec![0_usize; batch.num_rows()];
    let mut beside = elements.clone();
    for (place, column) in batch.columns().iter().enumerate() {
        let Some(lists) = column.as_list_opt::<i32>() else {
            let largest = largest(column);
            beside.iter_mut().for_each(|bytes| *bytes = bytes.saturating_add(largest));
            continue;
        };
        let lengths = lists.value_offsets().windows(2).map(|bounds| (bounds[1] - bounds[0]).unsigned_abs() as usize);
        if unnested.contains(&place) {
            elements.iter_mut().zip(lengths).for_each(|(most, length)| *most = length.max(*most));
        } else {
            let width = width(lists.values());
            beside.iter_mut().zip(lengths).for_each(|(bytes, length)| *bytes = bytes.saturating_add(length * width));
        }
    }
    elements.into_iter().zip(beside).map(|(elements, bytes)| elements.saturating_mul(bytes)).max().unwrap_or_default()
}

/// The bytes of the largest array of a column.
fn largest(column: &ArrayRef) -> usize {
    match column.data_type() {
        DataType::List(_) => {
            let lists = column.as_list::<i32>();
            let lengths =
                lists.value_offsets().windows(2).map(|bounds| (bounds[1] - bounds[0]).unsigned_abs() as usize);
            lengths.max().unwrap_or_default().saturating_mul(width(lists.values()))
        }
        DataType::Struct(_) => column.as_struct().columns().iter().map(largest).fold(0, usize::saturating_add),
        data_type if has_list(data_type) => width(column),
        _ => 0,
    }
}

/// What a value of a column takes about, beside the texts that it shares.
fn width(values: &ArrayRef) -> usize {
    match values.data_type() {
        DataType::Boolean | DataType::Null => 1,
        DataType::Utf8View | DataType::BinaryView => size_of::<u128>(),
        DataType::Struct(_) => values.as_struct().columns().iter().map(width).fold(0, usize::saturating_add),
        data_type => match data_type.primitive_width() {
            Some(width) => width,
            None => values.get_array_memory_size().div_ceil(values.len().max(1)),
        },
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, ListArray};
    use arrow::datatypes::Int32Type;
    use arrow::record_batch::RecordBatch;

    use super::*;

    fn batch(lengths: &[usize]) -> RecordBatch {
        let lists = lengths.iter().map(|&length| Some(vec![Some(7); length]));
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists));
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..lengths.len() as i64));
        RecordBatch::try_from_iter([("a", lists), ("b", numbers)]).unwrap()
    }

    #[test]
    fn rows_are_given_in_small_batches() {
        let batch = batch(&[1; 10]);
        let rows: Vec<usize> = slices(&batch, 4).map(|slice| slice.num_rows()).collect();
        assert_eq!(rows, [4, 4, 2]);
        assert_eq!(slices(&batch.slice(0, 0), 4).count(), 0);
    }

    #[test]
    fn the_largest_array_counts() {
        let largest_length = ARRAYS_OF_A_ROW_BYTES / size_of::<i32>();
        assert!(Limited::Rows.check(&batch(&[1, largest_length, 2])).is_ok());
        let large = batch(&[1, largest_length + 1, 2]);
        let message = Limited::Rows.check(&large).unwrap_err().to_string();
        assert!(message.contains("262148 bytes; at most 262144"), "{message}");
        assert!(Limited::Nothing.check(&large).is_ok());
    }

    #[test]
    fn arrays_beside_elements_are_counted_for_each_of_them() {
        let lists = |lengths: &[usize]| Arc::clone(batch(lengths).column(0));
        let beside = RecordBatch::try_from_iter([("a", lists(&[3, 1])), ("b", lists(&[5, 100]))]).unwrap();
        assert_eq!(beside_elements(&beside, &[0]), 100 * size_of::<i32>());
        assert_eq!(beside_elements(&beside, &[1]), 100 * size_of::<i32>());
        assert_eq!(beside_elements(&beside, &[0, 1]), 0);
        assert!(Limited::BesideElements([0].into()).check(&beside).is_ok());
    }

    #[test]
    fn constants_decide_on_the_rows() {
        let rows = |constant_bytes| Repeated { constant_bytes, ..Repeated::default() }.rows(8_192);
        assert_eq!([rows(0), rows(COPIES_BYTES / 8_192), rows(COPIES_BYTES / 2)], [8_192, 8_192, 2]);
        assert_eq!(rows(usize::MAX), 1);
        assert_eq!(Repeated { has_arrays: true, ..Repeated::default() }.rows(8_192), ROWS_WITH_ARRAYS);
        assert_eq!(Repeated { has_made: true, ..Repeated::default() }.rows(8_192), ROWS_WITH_MADE);
        assert_eq!(Repeated { has_lengthened: true, ..Repeated::default() }.rows(8_192), ROWS_WITH_LENGTHENED);
    }
}
