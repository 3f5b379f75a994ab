//! Keeps windows from answering too early. A frame in a range before its row, as `RANGE BETWEEN 2 PRECEDING AND 1 PRECEDING`,
//! has all rows whose key is NULL where its row's key is; DataFusion takes it to be whole when its row has come, and
//! leaves out those that come later. The other operator has all rows of a partition before it begins.
//!
//! ```text
//! before: BoundedWindowAggExec: sum(x) ORDER BY [k] RANGE BETWEEN 2 PRECEDING AND 1 PRECEDING
//! after:  WindowAggExec: the same
//! ```

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::window::WindowExpr;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode};

/// The plan, with windows that wait for such rows.
pub(crate) fn with_null_peers(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|plan| {
        let Some(window) = plan.downcast_ref::<BoundedWindowAggExec>() else { return Ok(Transformed::no(plan)) };
        if !window.window_expr().iter().any(|function| misses_peers(function, window)) {
            return Ok(Transformed::no(plan));
        }
        let keys = window.partition_keys();
        let input = match window.input_order_mode {
            InputOrderMode::Sorted => Arc::clone(window.input()),
            InputOrderMode::Linear | InputOrderMode::PartiallySorted(_) => sorted(window)?,
        };
        let whole = WindowAggExec::try_new(window.window_expr().to_vec(), input, !keys.is_empty())?;
        Ok(Transformed::yes(Arc::new(whole) as Arc<dyn ExecutionPlan>))
    })
    .data()
}

/// Whether frames of a function end before their row, in the range of a key that may be NULL.
fn misses_peers(function: &Arc<dyn WindowExpr>, window: &BoundedWindowAggExec) -> bool {
    let frame = function.get_window_frame();
    let ends_before = match &frame.end_bound {
        WindowFrameBound::Preceding(distance) => {
            ScalarValue::new_zero(&distance.data_type()).map_or(true, |zero| *distance != zero)
        }
        WindowFrameBound::CurrentRow | WindowFrameBound::Following(_) => false,
    };
    let schema = window.input().schema();
    let may_be_null = |key: &PhysicalSortExpr| key.expr.nullable(&schema).unwrap_or(true);
    frame.units == WindowFrameUnits::Range && ends_before && function.order_by().iter().any(may_be_null)
}

/// The rows of a window, partition by partition and in its order.
fn sorted(window: &BoundedWindowAggExec) -> Result<Arc<dyn ExecutionPlan>> {
    let input = Arc::clone(window.input());
    let partitions = window.partition_keys().into_iter().map(PhysicalSortExpr::new_default);
    let order = window.window_expr().first().map_or(&[][..], |function| function.order_by());
    Ok(match LexOrdering::new(partitions.chain(order.iter().cloned())) {
        Some(order) => Arc::new(SortExec::new(order, input).with_preserve_partitioning(true)),
        None => input,
    })
}
