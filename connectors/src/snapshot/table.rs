//! A table of a snapshot, as DataFusion sees it: a scan over its Parquet files with statistics and keys
//! from the manifest.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Constraint, Constraints, Result, Statistics, project_schema};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::DataSourceExec;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion_datasource::compute_all_files_statistics;
use datafusion_datasource_parquet::CachedParquetFileReaderFactory;
use object_store::ObjectStore;

use super::manifest::TableEntry;
use super::statistics;

/// A table whose rows never change.
#[derive(Debug)]
pub(super) struct SnapshotTable {
    schema: SchemaRef,
    constraints: Constraints,
    statistics: Statistics,
    files: FileGroup,
    store: Arc<dyn ObjectStore>,
    store_url: ObjectStoreUrl,
}

impl SnapshotTable {
    pub(super) fn new(entry: &TableEntry, store: Arc<dyn ObjectStore>, store_url: ObjectStoreUrl) -> Result<Self> {
        let schema = in_memory_schema(&entry.schema);
        let files = entry.files.iter().map(|file| {
            let known = statistics::for_planning(file.rows, &file.columns, &schema);
            PartitionedFile::new(file.path.clone(), file.bytes).with_statistics(Arc::new(known))
        });
        let (mut groups, statistics) =
            compute_all_files_statistics(vec![FileGroup::new(files.collect())], schema.clone(), true, false)?;
        Ok(Self {
            constraints: primary_key(entry),
            statistics,
            files: groups.pop().unwrap_or_default(),
            schema,
            store,
            store_url,
        })
    }
}

#[async_trait]
impl TableProvider for SnapshotTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.constraints)
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
        let source = ParquetSource::new(self.schema.clone())
            .with_table_parquet_options(state.table_options().parquet.clone())
            .with_parquet_file_reader_factory(Arc::new(readers));
        let config = FileScanConfigBuilder::new(self.store_url.clone(), Arc::new(source))
            .with_file_groups(self.files.clone().split_files(state.config().target_partitions()))
            .with_statistics(self.statistics.clone())
            .with_constraints(self.constraints.clone())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// The schema that plans work on: text and bytes as views, on which DataFusion compares and groups faster, and
/// no metadata, which belongs to columns and not to what is computed from them.
fn in_memory_schema(schema: &Schema) -> SchemaRef {
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

/// The primary key as a functional dependency: grouping by it determines every other column.
fn primary_key(entry: &TableEntry) -> Constraints {
    let indices: Option<Vec<usize>> = entry
        .primary_key
        .as_ref()
        .and_then(|key| key.columns.iter().map(|column| entry.schema.index_of(column).ok()).collect());
    Constraints::new_unverified(indices.map(Constraint::PrimaryKey).into_iter().collect())
}
