//! A table of a snapshot, as DataFusion sees it: a scan over its Parquet files with statistics and keys
//! from the manifest.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, Statistics, project_schema};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::DataSourceExec;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::error::DataFusionError;
use datafusion::execution::config::SessionConfig;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion_datasource::file_groups::FileGroupPartitioner;
use datafusion_datasource_parquet::{CachedParquetFileReaderFactory, ParquetRowSelection};
use object_store::ObjectStore;

use super::deletes::Deletes;
use super::hot::{HotTier, StoredRows};
use super::manifest::{DeletesEntry, TableEntry};
use super::statistics;
use super::stored_form::{from_stored, stored_schema};

/// A table whose rows never change.
#[derive(Debug)]
pub(crate) struct SnapshotTable {
    schema: SchemaRef,
    unique_key: Vec<String>,
    /// The columns as the files have them.
    stored_schema: SchemaRef,
    statistics: Statistics,
    files: FileGroup,
    store: Arc<dyn ObjectStore>,
    store_url: ObjectStoreUrl,
    hot: Arc<HotTier>,
}

impl SnapshotTable {
    /// The table of an entry; `deletes` gives the deleted rows of a file that has some.
    pub(super) fn new(
        entry: &TableEntry,
        deletes: impl Fn(&DeletesEntry) -> crate::Result<Deletes>,
        store: Arc<dyn ObjectStore>,
        store_url: ObjectStoreUrl,
        hot: Arc<HotTier>,
    ) -> Result<Self> {
        let schema = in_memory_schema(&entry.schema);
        let stored_schema = stored_schema(&schema);
        let (mut files, mut known) = (vec![], vec![]);
        for file in &entry.files {
            known.push(statistics::for_planning(file, &stored_schema));
            let bounds = Arc::new(statistics::for_pruning(file, &stored_schema));
            let mut partitioned = PartitionedFile::new(file.path.clone(), file.bytes).with_statistics(bounds);
            let mut rows = StoredRows { rows: file.rows, deletes: None };
            if let Some(deleted) = &file.deletes {
                let deleted = deletes(deleted).map_err(|error| DataFusionError::External(error.into()))?;
                let selection = ParquetRowSelection::new(deleted.selection(file.rows));
                partitioned = partitioned.with_extension(selection);
                rows.deletes = Some(Arc::new(deleted));
            }
            partitioned = partitioned.with_extension(rows);
            files.push(partitioned);
        }
        let statistics = Statistics::try_merge_iter(&known, &stored_schema)?;
        let files = FileGroup::new(files);
        let unique_key = entry.unique_key().to_vec();
        Ok(Self { schema, unique_key, stored_schema, statistics, files, store, store_url, hot })
    }

    /// The columns that no two rows have the same values in.
    pub(crate) fn unique_key(&self) -> &[String] {
        &self.unique_key
    }

    /// The files, as each thread is to read them: whole ones, and parts of large ones. DataFusion's optimizer would cut
    /// them as well, and then plan anew all that it has planned above them.
    fn partitions(&self, files: &FileGroup, config: &SessionConfig) -> Vec<FileGroup> {
        let count = config.target_partitions();
        let whole = files.clone().split_files(count);
        let is_worth_it = self.statistics.num_rows.get_value().is_none_or(|&rows| rows > config.batch_size());
        let cut = FileGroupPartitioner::new()
            .with_target_partitions(count)
            .with_repartition_file_min_size(config.options().optimizer.repartition_file_min_size);
        is_worth_it.then(|| cut.repartition_file_groups(&whole)).flatten().unwrap_or(whole)
    }
}

#[async_trait]
impl TableProvider for SnapshotTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(self.statistics.clone())
    }

    /// Filters prune row groups and are evaluated again above the scan.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema, projection)?)));
        }
        let metadata_cache = state.runtime_env().cache_manager.get_file_metadata_cache();
        let readers = CachedParquetFileReaderFactory::new(Arc::clone(&self.store), metadata_cache);
        let source = ParquetSource::new(self.stored_schema.clone())
            .with_table_parquet_options(state.table_options().parquet.clone())
            .with_parquet_file_reader_factory(Arc::new(readers));
        let (files, source) = self.hot.attach(&self.files, &self.stored_schema, projection, Arc::new(source));
        let config = FileScanConfigBuilder::new(self.store_url.clone(), source)
            .with_file_groups(self.partitions(&files, state.config()))
            .with_statistics(self.statistics.clone())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        from_stored(DataSourceExec::from_data_source(config), &project_schema(&self.schema, projection)?)
    }
}

/// The schema that plans work on: text and bytes as views, on which DataFusion compares and groups faster, and
/// no metadata, which belongs to columns and not to what is computed from them.
pub(crate) fn in_memory_schema(schema: &Schema) -> SchemaRef {
    let in_memory = |field: &Arc<Field>| {
        let data_type = match field.data_type() {
            DataType::Utf8 => DataType::Utf8View,
            DataType::Binary => DataType::BinaryView,
            other => other.clone(),
        };
        Field::new(field.name(), data_type, field.is_nullable())
    };
    Arc::new(Schema::new(schema.fields().iter().map(in_memory).collect::<Vec<_>>()))
}
