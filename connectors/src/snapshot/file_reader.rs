//! Reads columns of a file of the snapshot with the positions of its rows, for refreshes that compare what is
//! there with what the database has. Blocks; never called where queries run.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Int64Type, UInt32Type};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryFutureExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::statistics::Statistics;

use super::deletes::Deletes;
use super::manifest::FileEntry;
use crate::error::{Error, Result};
use crate::pull::{ROW_PLACE, ROW_WRITER};

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 65_536;

/// A version of a row that a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StoredVersion {
    /// Where the row was in the heap.
    pub(crate) place: i64,
    /// The transaction that wrote it.
    pub(crate) writer: u32,
    /// Its position in the file.
    pub(crate) position: u32,
}

/// Columns to read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Columns<'a> {
    All,
    Named(&'a [String]),
}

/// Reads one file.
pub(crate) struct FileReader {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) file: FileEntry,
    pub(super) deletes: Option<Deletes>,
}

impl FileReader {
    /// The versions of its rows whose places are in `places`, without those that were deleted.
    pub(crate) async fn versions(&self, places: &Range<i64>) -> Result<Vec<StoredVersion>> {
        let mut versions = vec![];
        let columns = Columns::Named(&[ROW_PLACE.to_owned(), ROW_WRITER.to_owned()]);
        let may_have = |group: &RowGroupMetaData| overlaps(group, ROW_PLACE, places);
        self.read(columns, may_have, |batch, first| {
            let row_places = batch.column(0).as_primitive::<Int64Type>().values();
            let writers = batch.column(1).as_primitive::<UInt32Type>().values();
            let rows = row_places.iter().zip(writers).zip(first..);
            versions.extend(
                rows.map(|((&place, &writer), position)| StoredVersion { place, writer, position })
                    .filter(|version| places.contains(&version.place) && !self.is_deleted(version.position)),
            );
            Ok(())
        })
        .await?;
        Ok(versions)
    }

    pub(crate) fn is_deleted(&self, position: u32) -> bool {
        self.deletes.as_ref().is_some_and(|deletes| deletes.contains(position))
    }

    /// A batch that was read, without the rows that are deleted; `first` is the position of its first row.
    pub(crate) fn live(&self, batch: &RecordBatch, first: u32) -> Result<RecordBatch> {
        let Some(deletes) = &self.deletes else { return Ok(batch.clone()) };
        let is_live = (first..).take(batch.num_rows()).map(|position| Some(!deletes.contains(position)));
        filter_record_batch(batch, &is_live.collect()).map_err(|error| self.unreadable(error.into()))
    }

    /// Hands columns of the row groups that `wanted` chooses to `take`, in the file's order, with the position
    /// of the batch's first row.
    pub(crate) async fn read(
        &self,
        columns: Columns<'_>,
        wanted: impl Fn(&RowGroupMetaData) -> bool,
        mut take: impl FnMut(&RecordBatch, u32) -> Result<()>,
    ) -> Result<()> {
        let path = Path::from(self.file.path.as_str());
        let reader = StoredFile { store: Arc::clone(&self.store), path, bytes: self.file.bytes };
        let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(|error| self.unreadable(error))?;
        let metadata = Arc::clone(builder.metadata());
        let mask = match columns {
            Columns::All => ProjectionMask::all(),
            // By number, because a path of Parquet's takes a dot in a name for a step.
            Columns::Named(names) => {
                let is_wanted = |field: &Field| names.iter().any(|name| name == field.name());
                let fields = builder.schema().fields().iter().enumerate();
                let wanted = fields.filter(|(_, field)| is_wanted(field)).map(|(index, _)| index);
                ProjectionMask::roots(builder.parquet_schema(), wanted)
            }
        };
        let mut first = 0_u64;
        let mut chosen = vec![];
        let mut starts = vec![];
        for (index, group) in metadata.row_groups().iter().enumerate() {
            if wanted(group) {
                chosen.push(index);
                starts.push((first, group.num_rows() as u64));
            }
            first += group.num_rows() as u64;
        }
        let stream = builder.with_projection(mask).with_row_groups(chosen).with_batch_size(BATCH_ROWS).build();
        let mut stream = stream.map_err(|error| self.unreadable(error))?;
        // Batches may span row groups; the positions of those that were left out are between them.
        let mut groups = starts.into_iter();
        let (mut position, mut left) = groups.next().unwrap_or_default();
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(|error| self.unreadable(error))?;
            let mut offset = 0;
            while offset < batch.num_rows() {
                if left == 0 {
                    let Some(next) = groups.next() else { break };
                    (position, left) = next;
                    continue;
                }
                let rows = left.min((batch.num_rows() - offset) as u64);
                take(&batch.slice(offset, rows as usize), position as u32)?;
                offset += rows as usize;
                position += rows;
                left -= rows;
            }
        }
        Ok(())
    }

    fn unreadable(&self, cause: ParquetError) -> Error {
        let path = self.file.path.as_str().into();
        Error::Storage { action: "cannot read", path, cause: std::io::Error::other(cause) }
    }
}

/// A file as Parquet's reader wants it.
pub(super) struct StoredFile {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: Path,
    pub(super) bytes: u64,
}

impl AsyncFileReader for StoredFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        self.store.get_range(&self.path, range).map_err(|error| ParquetError::External(error.into())).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        let bytes = self.bytes;
        ParquetMetaDataReader::new().load_and_finish(self, bytes).map_ok(Arc::new).boxed()
    }
}

/// Whether a row group may have a value of the column in the range; one without statistics may.
pub(crate) fn overlaps(group: &RowGroupMetaData, column: &str, range: &Range<i64>) -> bool {
    let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == column);
    match chunk.and_then(|chunk| chunk.statistics()) {
        Some(Statistics::Int64(statistics)) => match (statistics.min_opt(), statistics.max_opt()) {
            (Some(min), Some(max)) => *min < range.end && *max >= range.start,
            _ => true,
        },
        _ => true,
    }
}
