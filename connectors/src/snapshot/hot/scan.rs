//! Reads files that are in memory, chunk by chunk, and has Parquet read the others. Notes which columns of which
//! files queries read.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::pruning::{PrunableStatistics, PruningStatistics};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::DynamicFilterTracking;
use datafusion::physical_expr::projection::{ProjectionExprs, Projector};
use datafusion::physical_expr::utils::reassign_expr_columns;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use datafusion::physical_plan::metrics::PruningMetrics;
use datafusion_datasource::PartitionedFile;
use datafusion_datasource::file::FileSource;
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::HotTier;
use super::column::CHUNK_ROWS;
use super::file_in_memory::FileInMemory;
use super::source::{ChunkOrder, HotSource};

/// Opens the files of one partition of a scan.
pub(super) struct HotMorselizer {
    parquet: Box<dyn Morselizer>,
    tier: Arc<HotTier>,
    /// The table's, as files have it.
    schema: SchemaRef,
    /// What the scan reads, and what it makes of that.
    reading: Arc<Reading>,
    pruning: Option<Arc<Pruning>>,
    order: Option<ChunkOrder>,
    /// A scan that ends after some rows has not read its files.
    is_limited: bool,
    pruned: Option<PruningMetrics>,
}

/// The columns that a scan reads, and what it gives.
struct Reading {
    /// The columns' indices in the table.
    indices: Vec<usize>,
    schema: SchemaRef,
    projector: Projector,
    batch_rows: usize,
}

impl HotMorselizer {
    pub(super) fn new(
        source: &HotSource,
        parquet: Box<dyn Morselizer>,
        is_limited: bool,
        partition: usize,
    ) -> Result<Self> {
        let schema = Arc::clone(source.table_schema().table_schema());
        let all = || ProjectionExprs::from_indices(&(0..schema.fields().len()).collect::<Vec<_>>(), &schema);
        let projection = source.projection().cloned().unwrap_or_else(all);
        let indices = projection.column_indices();
        let read = Arc::new(schema.project(&indices)?);
        let projection = projection.try_map_exprs(|expression| reassign_expr_columns(expression, &read))?;
        let reading = Reading {
            projector: projection.make_projector(&read)?,
            schema: read,
            indices,
            batch_rows: source.batch_rows().unwrap_or(CHUNK_ROWS).max(1),
        };
        Ok(Self {
            parquet,
            tier: Arc::clone(source.tier()),
            reading: Arc::new(reading),
            pruning: source.filter().map(|filter| Arc::new(Pruning::new(filter, &schema))),
            order: source.order(),
            is_limited,
            pruned: source.chunks_pruned(partition),
            schema,
        })
    }

    /// Whether no row of the file can pass the filter, as far as is known before it is opened.
    fn skips(&self, file: &PartitionedFile) -> bool {
        let (Some(pruning), Some(statistics)) = (&self.pruning, &file.statistics) else { return false };
        let statistics = PrunableStatistics::new(vec![Arc::clone(statistics)], Arc::clone(&self.schema));
        matches!(pruning.kept(&statistics).as_deref(), Some([false]))
    }
}

impl Morselizer for HotMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        let indices = &self.reading.indices;
        let in_memory = file.extension::<FileInMemory>().filter(|known| !indices.is_empty() && known.has(indices));
        // A file may come in parts; they are one use.
        let is_first_part = file.range.as_ref().is_none_or(|range| range.start == 0);
        if is_first_part && !indices.is_empty() && !self.is_limited && !self.skips(&file) {
            let columns = indices.iter().map(|&index| self.schema.field(index).name().as_str());
            self.tier.note(file.path().as_ref(), columns, in_memory.is_some());
        }
        let Some(in_memory) = in_memory else { return self.parquet.plan_file(file) };
        let in_order = || (0..in_memory.chunks()).collect();
        let by_bounds = self.order.and_then(|order| in_memory.chunks_ordered_by(order.column, order.descending));
        let part = part_of(&file, in_memory.chunks());
        let mut chunks: Vec<usize> = by_bounds.unwrap_or_else(in_order);
        chunks.retain(|chunk| part.contains(chunk));
        // The next one is the last.
        chunks.reverse();
        let skip = self.pruning.as_ref().map(ChunkFilter::new);
        let reading = Arc::clone(&self.reading);
        Ok(Box::new(HotScan {
            file: in_memory.clone(),
            chunks,
            reading,
            skip,
            pruned: self.pruned.clone(),
            rest: None,
        }))
    }
}

/// The chunks that belong to the part of a file that this is. Parts are ranges of the bytes that the file has
/// where it is stored; a chunk belongs to the one where it would begin if all took the same bytes.
fn part_of(file: &PartitionedFile, chunks: usize) -> std::ops::Range<usize> {
    let Some(range) = &file.range else { return 0..chunks };
    let bytes = u128::from(file.object_meta.size.max(1));
    let first_from = |offset: i64| {
        let offset = u128::try_from(offset).unwrap_or(0).min(bytes);
        usize::try_from((offset * chunks as u128).div_ceil(bytes)).unwrap_or(chunks)
    };
    first_from(range.start)..first_from(range.end)
}

/// What a filter says of rows of which only bounds are known.
struct Pruning {
    filter: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
    /// Whether the filter stays as it is. Those of joins and of the first rows of a sort grow while the query
    /// runs.
    is_fixed: bool,
    fixed: OnceLock<Option<PruningPredicate>>,
}

impl Pruning {
    fn new(filter: Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Self {
        let is_fixed = !DynamicFilterTracking::classify(&filter).contains_dynamic_filter();
        Self { filter, schema: Arc::clone(schema), is_fixed, fixed: OnceLock::new() }
    }

    /// Which containers may have rows that pass the filter, as it is now; `None` when that cannot be told.
    fn kept(&self, statistics: &dyn PruningStatistics) -> Option<Vec<bool>> {
        if self.is_fixed {
            self.fixed.get_or_init(|| self.predicate()).as_ref()?.prune(statistics).ok()
        } else {
            self.predicate()?.prune(statistics).ok()
        }
    }

    /// A filter that can skip nothing is no error: it is evaluated above the scan.
    fn predicate(&self) -> Option<PruningPredicate> {
        let builder = PruningPredicateBuilder::new().with_file_schema(Arc::clone(&self.schema));
        let predicate = builder.try_build(Arc::clone(&self.filter)).ok()?;
        (!predicate.always_true()).then_some(predicate)
    }
}

/// Skips chunks of a file. A filter that has changed is looked at again.
struct ChunkFilter {
    pruning: Arc<Pruning>,
    changes: DynamicFilterTracking,
    /// For all chunks, once it was computed.
    kept: Option<Option<Vec<bool>>>,
}

impl ChunkFilter {
    fn new(pruning: &Arc<Pruning>) -> Self {
        Self { changes: DynamicFilterTracking::classify(&pruning.filter), pruning: Arc::clone(pruning), kept: None }
    }

    fn keeps(&mut self, file: &FileInMemory, chunk: usize) -> bool {
        if self.changes.watcher().is_some_and(|filters| filters.changed()) {
            self.kept = None;
        }
        let compute = || self.pruning.kept(&file.statistics(&self.pruning.schema));
        match self.kept.get_or_insert_with(compute) {
            Some(kept) => kept.get(chunk).copied().unwrap_or(true),
            None => true,
        }
    }
}

/// The scan of one file, or of a part of it.
struct HotScan {
    file: FileInMemory,
    /// Those to come; the last is the next.
    chunks: Vec<usize>,
    reading: Arc<Reading>,
    skip: Option<ChunkFilter>,
    pruned: Option<PruningMetrics>,
    /// Of a chunk that is larger than a batch.
    rest: Option<RecordBatch>,
}

impl HotScan {
    fn next_chunk(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            let chunk = self.chunks.pop()?;
            if self.skip.as_mut().is_some_and(|skip| !skip.keeps(&self.file, chunk)) {
                self.pruned.iter().for_each(|pruned| pruned.add_pruned(1));
                continue;
            }
            self.pruned.iter().for_each(|pruned| pruned.add_matched(1));
            match self.file.batch(chunk, &self.reading.indices, &self.reading.schema) {
                Ok(batch) if batch.num_rows() == 0 => {}
                batch => return Some(batch),
            }
        }
    }
}

impl Iterator for HotScan {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.rest.take() {
            Some(rest) => rest,
            None => match self.next_chunk()? {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error)),
            },
        };
        let rows = batch.num_rows().min(self.reading.batch_rows);
        if rows < batch.num_rows() {
            self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        Some(self.reading.projector.project_batch(&batch.slice(0, rows)))
    }
}

impl MorselPlanner for HotScan {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        Ok(Some(MorselPlan::new().with_morsels(vec![self])))
    }
}

impl Morsel for HotScan {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, Result<RecordBatch>> {
        futures::stream::iter(*self).boxed()
    }
}

impl fmt::Debug for HotMorselizer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HotMorselizer").field("columns", &self.reading.indices).finish_non_exhaustive()
    }
}

impl fmt::Debug for HotScan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HotScan").field("chunks", &self.chunks).finish_non_exhaustive()
    }
}
