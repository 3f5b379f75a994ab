//! Keeps DataFusion from taking keys for more than they are. Below a join a key determines its own side's columns only,
//! but an aggregate over the join that groups by the key and something else claims that the key alone is unique in its
//! result. A further GROUP BY or DISTINCT above then leaves out what else it should group by, and rows are merged, or
//! stay doubled, without an error.
//!
//! ```text
//! before: Aggregate: groupBy=[[a.id, b.year]], aggr=[[count(1)]]
//!           Aggregate: groupBy=[[a.id, b.year]], aggr=[[]]
//!             Cross Join: a, b                                      (a.id is a's primary key)
//!
//! after:  Aggregate: groupBy=[[a.id, b.year]], aggr=[[count(1)]]
//!           Projection: as_is(a.id) AS a.id, as_is(b.year) AS b.year
//!             Aggregate: groupBy=[[a.id, b.year]], aggr=[[]]
//!               Cross Join: a, b
//! ```

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result, internal_err, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{
    ColumnarValue, Distinct, Expr, LogicalPlan, Projection, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

/// The rule.
#[derive(Debug)]
pub(crate) struct KeyBarrier;

impl AnalyzerRule for KeyBarrier {
    fn name(&self) -> &str {
        "key_barrier"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        with_barriers(plan, false)
    }
}

/// The plan with barriers above groupings of joins that are `below` another grouping.
fn with_barriers(plan: LogicalPlan, below: bool) -> Result<LogicalPlan> {
    let groups = is_grouping(&plan);
    let within = |plan| with_barriers(plan, below || groups).map(Transformed::yes);
    let plan = plan.map_subqueries(within)?.data.map_children(within)?.data;
    if below && groups && plan.exists(|node| Ok(matches!(node, LogicalPlan::Join(_))))? {
        barrier(plan)
    } else {
        Ok(plan)
    }
}

fn is_grouping(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => !aggregate.group_expr.is_empty(),
        LogicalPlan::Distinct(distinct) => matches!(distinct, Distinct::All(_)),
        _ => false,
    }
}

/// The plan's columns, those that it groups by computed anew.
fn barrier(plan: LogicalPlan) -> Result<LogicalPlan> {
    let keys = match &plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.schema.fields().len() - aggregate.aggr_expr.len(),
        other => other.schema().fields().len(),
    };
    let columns = plan.schema().iter().enumerate().map(|(index, (qualifier, field))| {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        match index < keys {
            true => as_is().call(vec![column]).alias_qualified(qualifier.cloned(), field.name()),
            false => column,
        }
    });
    let columns = columns.collect();
    Projection::try_new(columns, Arc::new(plan)).map(LogicalPlan::Projection)
}

/// The function that gives what it is given.
fn as_is() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| Arc::new(ScalarUDF::from(AsIs { signature: Signature::any(1, Volatility::Immutable) })));
    Arc::clone(&FUNCTION)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct AsIs {
    signature: Signature,
}

impl ScalarUDFImpl for AsIs {
    fn name(&self) -> &str {
        "as_is"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        internal_err!("as_is has the field of its argument")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        match args.arg_fields {
            [field] => Ok(Arc::clone(field)),
            _ => plan_err!("as_is takes one argument"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.into_iter().next() {
            Some(value) => Ok(value),
            None => internal_err!("as_is takes one argument"),
        }
    }
}
