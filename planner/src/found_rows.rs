//! Leaves rows out as early as a join says which there can be. A hash join tells the scans on its right side which keys
//! its left side has (DataFusion's dynamic filters). Scans leave out files, row groups and chunks by it; where keys lie
//! everywhere, all rows would be given to operators that have no use for them.
//!
//! ```text
//! before: HashJoinExec: a.x = b.x             after: HashJoinExec: a.x = b.x
//!           a                                          a
//!           RepartitionExec                            RepartitionExec
//!             FilterExec: b.y > 7                        FoundRows: DynamicFilter [ b.x ]
//!               b, filter: DynamicFilter [ b.x ]           FilterExec: b.y > 7
//!                                                            b, filter: DynamicFilter [ b.x ]
//! ```
//!
//! A filter that leaves little out is not asked any more: the join looks at all rows in any case.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow::array::BooleanArray;
use arrow::compute::{BatchCoalescer, filter_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::datasource::memory::DataSourceExec;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, DynamicFilterTracking};
use datafusion::physical_expr::utils::{collect_columns, split_conjunction};
use datafusion::physical_expr_common::physical_expr::snapshot_physical_expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use futures::{Stream, StreamExt};

use crate::pass_through::{PassThrough, Passing};

/// Rows after which a filter is judged.
const JUDGED_AFTER_ROWS: usize = 32_768;
/// The share of rows that a filter may let pass and still be worth asking, in percent.
const WORTH_PERCENT: usize = 80;

/// The plan, with the filters of joins evaluated above the scans that know them.
pub(crate) fn with_found_rows(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_down(|plan| match filters_below(&plan)? {
        filters if filters.is_empty() => Ok(Transformed::no(plan)),
        // Nothing below has such filters of its own.
        filters => Ok(Transformed::new(
            Arc::new(PassThrough::new(plan, FoundRows::new(filters))),
            true,
            TreeNodeRecursion::Jump,
        )),
    })
    .data()
}

/// The changing filters of a scan, or of one below a filter, in the columns that the operator gives.
fn filters_below(plan: &Arc<dyn ExecutionPlan>) -> Result<Vec<Arc<dyn PhysicalExpr>>> {
    let filter = plan.downcast_ref::<FilterExec>();
    let scan = filter.map_or(plan, FilterExec::input);
    let source = scan.downcast_ref::<DataSourceExec>().map(DataSourceExec::data_source);
    let Some(config) = source.and_then(|source| source.downcast_ref::<FileScanConfig>()) else { return Ok(vec![]) };
    let Some(predicate) = config.file_source().filter().filter(|_| plan.fetch().is_none()) else { return Ok(vec![]) };
    // A scan gives these columns of its table; a filter may leave some of them out.
    let projection = config.file_source().projection();
    let given: Vec<Option<usize>> = match projection {
        Some(projection) => {
            projection.iter().map(|each| each.expr.downcast_ref::<Column>().map(Column::index)).collect()
        }
        None => (0..scan.schema().fields().len()).map(Some).collect(),
    };
    let given = match filter.and_then(|filter| filter.projection().as_ref()) {
        Some(kept) => kept.iter().map(|&place| given.get(place).copied().flatten()).collect(),
        None => given,
    };
    let schema = plan.schema();
    split_conjunction(&predicate)
        .into_iter()
        .filter(|filter| DynamicFilterTracking::classify(filter).contains_dynamic_filter())
        .filter(|filter| collect_columns(filter).iter().all(|column| given.contains(&Some(column.index()))))
        .map(|filter| in_given_columns(filter, &given, &schema))
        .collect()
}

fn in_given_columns(
    filter: &Arc<dyn PhysicalExpr>,
    given: &[Option<usize>],
    schema: &SchemaRef,
) -> Result<Arc<dyn PhysicalExpr>> {
    Arc::clone(filter)
        .transform_down(|expression| {
            let Some(column) = expression.downcast_ref::<Column>() else { return Ok(Transformed::no(expression)) };
            let Some(place) = given.iter().position(|index| *index == Some(column.index())) else {
                return internal_err!("{column} is not given");
            };
            Ok(Transformed::yes(Arc::new(Column::new(schema.field(place).name(), place))))
        })
        .data()
}

/// The operator. Its filters are printed by the scan below, as far as they are known.
#[derive(Debug)]
struct FoundRows {
    filters: Vec<Arc<dyn PhysicalExpr>>,
    metrics: ExecutionPlanMetricsSet,
}

impl FoundRows {
    fn new(filters: Vec<Arc<dyn PhysicalExpr>>) -> Self {
        Self { filters, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl Passing for FoundRows {
    const NAME: &'static str = "FoundRows";

    fn anew(&self) -> Self {
        Self::new(self.filters.clone())
    }

    fn expressions(&self) -> &[Arc<dyn PhysicalExpr>] {
        &self.filters
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let batch_rows = context.session_config().batch_size();
        let schema = input.schema();
        Ok(Box::pin(Found {
            input: input.execute(partition, context)?.fuse(),
            filters: self.filters.iter().map(RowFilter::new).collect(),
            // What is large enough is not copied.
            collected: BatchCoalescer::new(Arc::clone(&schema), batch_rows)
                .with_biggest_coalesce_batch_size(Some(batch_rows / 2)),
            schema,
            metrics: BaselineMetrics::new(&self.metrics, partition),
        }))
    }
}

/// One filter, and what it was good for.
struct RowFilter {
    filter: Arc<dyn PhysicalExpr>,
    changes: DynamicFilterTracking,
    /// As it is now; looked up anew when it has changed.
    current: Option<Arc<dyn PhysicalExpr>>,
    asked_rows: usize,
    passed_rows: usize,
}

impl RowFilter {
    fn new(filter: &Arc<dyn PhysicalExpr>) -> Self {
        Self {
            filter: Arc::clone(filter),
            changes: DynamicFilterTracking::classify(filter),
            current: None,
            asked_rows: 0,
            passed_rows: 0,
        }
    }

    /// Whether it leaves out enough, as far as is known.
    fn is_worth_asking(&mut self) -> bool {
        if self.changes.watcher().is_some_and(|filters| filters.changed()) {
            (self.current, self.asked_rows, self.passed_rows) = (None, 0, 0);
        }
        self.asked_rows < JUDGED_AFTER_ROWS || self.passed_rows * 100 <= self.asked_rows * WORTH_PERCENT
    }

    /// The rows of the batch that pass; `None` when all do.
    fn passing(&mut self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        let current = match &self.current {
            Some(current) => Arc::clone(current),
            None => Arc::clone(self.current.insert(snapshot_physical_expr(Arc::clone(&self.filter))?)),
        };
        let evaluated = current.evaluate(batch).and_then(|value| value.into_array(batch.num_rows()));
        let Ok(passing) = evaluated else {
            // The keys may be computed, of rows that something between here and the join leaves out.
            (self.asked_rows, self.passed_rows) = (JUDGED_AFTER_ROWS, JUDGED_AFTER_ROWS);
            return Ok(None);
        };
        let passing = as_boolean_array(&passing)?;
        let passed_rows = passing.true_count();
        self.asked_rows += batch.num_rows();
        self.passed_rows += passed_rows;
        Ok((passed_rows < batch.num_rows()).then(|| passing.clone()))
    }
}

/// The rows that pass.
struct Found {
    input: futures::stream::Fuse<SendableRecordBatchStream>,
    filters: Vec<RowFilter>,
    /// Few rows of many batches, put together.
    collected: BatchCoalescer,
    schema: SchemaRef,
    metrics: BaselineMetrics,
}

impl Found {
    /// Puts the rows of a batch that pass to those that are collected.
    fn keep(&mut self, mut batch: RecordBatch) -> Result<()> {
        let elapsed = self.metrics.elapsed_compute().clone();
        let _timer = elapsed.timer();
        // The one that leaves out most comes first.
        self.filters.sort_by_key(|filter| filter.passed_rows * 1_000 / filter.asked_rows.max(1));
        for filter in &mut self.filters {
            if batch.num_rows() > 0
                && filter.is_worth_asking()
                && let Some(passing) = filter.passing(&batch)?
            {
                batch = filter_record_batch(&batch, &passing)?;
            }
        }
        Ok(self.collected.push_batch(batch)?)
    }
}

impl Stream for Found {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(batch) = self.collected.next_completed_batch() {
                return self.metrics.record_poll(Poll::Ready(Some(Ok(batch))));
            }
            match ready!(self.input.poll_next_unpin(context)) {
                Some(batch) => {
                    if let Err(error) = batch.and_then(|batch| self.keep(batch)) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                None if self.collected.is_empty() => return Poll::Ready(None),
                None => self.collected.finish_buffered_batch()?,
            }
        }
    }
}

impl RecordBatchStream for Found {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
