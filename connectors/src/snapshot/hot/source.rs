//! Parquet's file source, with files that are in memory read from there. It stands where Parquet's would, so
//! that everything else of a scan stays as it is: groups of files, statistics, limits, projections, filters that
//! prune. Which files come from memory is decided when the scan is planned.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::memory::DataSourceExec;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricType, PruningMetrics};
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, SortOrderPushdownResult};
use datafusion_datasource::file::FileSource;
use datafusion_datasource::file_scan_config::FileScanConfig;
use datafusion_datasource::file_stream::FileOpener;
use datafusion_datasource::morsel::Morselizer;
use datafusion_datasource::{PartitionedFile, TableSchema};
use object_store::ObjectStore;

use super::HotTier;
use super::scan::HotMorselizer;

/// The source of a scan, some of whose files may be in memory.
#[derive(Clone)]
pub(in crate::snapshot) struct HotSource {
    parquet: Arc<dyn FileSource>,
    tier: Arc<HotTier>,
    /// How many of the scan's files are in memory, and how many there are.
    in_memory: (usize, usize),
    batch_rows: Option<usize>,
    order: Option<ChunkOrder>,
}

/// In which order chunks are best read, for a sort above that looks for the first rows only.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChunkOrder {
    /// The column's index in the table.
    pub(super) column: usize,
    pub(super) descending: bool,
}

impl HotSource {
    pub(super) fn new(parquet: Arc<dyn FileSource>, tier: Arc<HotTier>, in_memory: (usize, usize)) -> Self {
        Self { parquet, tier, in_memory, batch_rows: None, order: None }
    }

    fn with(&self, parquet: Arc<dyn FileSource>) -> Self {
        Self { parquet, ..self.clone() }
    }

    fn chunk_order(&self, order: &[PhysicalSortExpr]) -> Option<ChunkOrder> {
        let first = order.first()?;
        let column = first.expr.downcast_ref::<Column>()?;
        let column = self.table_schema().table_schema().index_of(column.name()).ok()?;
        Some(ChunkOrder { column, descending: first.options.descending })
    }
}

impl FileSource for HotSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        self.parquet.create_file_opener(store, config, partition)
    }

    fn create_morselizer(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Box<dyn Morselizer>> {
        let parquet = self.parquet.create_morselizer(store, config, partition)?;
        Ok(Box::new(HotMorselizer::new(self, parquet, config.limit.is_some(), partition)?))
    }

    fn table_schema(&self) -> &TableSchema {
        self.parquet.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        let parquet = self.parquet.with_batch_size(batch_size);
        Arc::new(Self { batch_rows: Some(batch_size), ..self.with(parquet) })
    }

    /// The files of a scan are cut before it is planned.
    fn repartitioned(
        &self,
        _partitions: usize,
        _least_bytes: usize,
        _order: Option<LexOrdering>,
        _config: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        Ok(None)
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.parquet.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.parquet.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.parquet.metrics()
    }

    fn file_type(&self) -> &str {
        self.parquet.file_type()
    }

    fn fmt_extra(&self, format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parquet.fmt_extra(format, formatter)?;
        let (in_memory, files) = self.in_memory;
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(formatter, ", from_memory={in_memory}/{files}")
            }
            DisplayFormatType::TreeRender => writeln!(formatter, "from_memory={in_memory}/{files}"),
        }
    }

    /// Filters are evaluated above the scan, whatever Parquet's reader would do with them; here they skip what
    /// cannot match.
    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let above = vec![PushedDown::No; filters.len()];
        let pushed = self.parquet.try_pushdown_filters(filters, config)?;
        let updated = pushed.updated_node.map(|parquet| Arc::new(self.with(parquet)) as Arc<dyn FileSource>);
        Ok(FilterPushdownPropagation { filters: above, updated_node: updated })
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        properties: &EquivalenceProperties,
    ) -> Result<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        Ok(match self.parquet.try_pushdown_sort(order, properties)? {
            SortOrderPushdownResult::Exact { inner } => {
                SortOrderPushdownResult::Exact { inner: Arc::new(self.with(inner)) }
            }
            SortOrderPushdownResult::Inexact { inner } => {
                let source = Self { order: self.chunk_order(order), ..self.with(inner) };
                SortOrderPushdownResult::Inexact { inner: Arc::new(source) }
            }
            SortOrderPushdownResult::Unsupported => SortOrderPushdownResult::Unsupported,
        })
    }

    fn reorder_files(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        self.parquet.reorder_files(files)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let pushed = self.parquet.try_pushdown_projection(projection)?;
        Ok(pushed.map(|parquet| Arc::new(self.with(parquet)) as Arc<dyn FileSource>))
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.parquet.apply_expressions(visit)
    }
}

impl HotSource {
    pub(super) fn tier(&self) -> &Arc<HotTier> {
        &self.tier
    }

    /// How many chunks filters have left out, for a partition of a scan that reads memory.
    pub(super) fn chunks_pruned(&self, partition: usize) -> Option<PruningMetrics> {
        let builder = || MetricBuilder::new(self.metrics()).with_type(MetricType::Summary);
        (self.in_memory.0 > 0).then(|| builder().pruning_metrics("chunks_pruned_statistics", partition))
    }

    pub(super) fn batch_rows(&self) -> Option<usize> {
        self.batch_rows
    }

    pub(super) fn order(&self) -> Option<ChunkOrder> {
        self.order
    }
}

/// Whether an operator is a scan, all of whose rows are in memory.
pub fn reads_memory(plan: &dyn ExecutionPlan) -> bool {
    let scan = plan.downcast_ref::<DataSourceExec>();
    let source = scan.and_then(DataSourceExec::downcast_to_file_source::<HotSource>);
    source.is_some_and(|(_, HotSource { in_memory: (in_memory, files), .. })| in_memory == files)
}
