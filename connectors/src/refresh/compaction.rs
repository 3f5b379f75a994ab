//! Keeps a table's files few and full: small files that refreshes have added are merged, and files of which
//! many rows were deleted are written anew. Rows do not change by it.
//!
//! Files are merged with others of about their size, many at a time, so that a row is written again only as
//! often as the table has powers of [`MERGED_FILES`] (size-tiered compaction, as in log-structured merge trees).

use arrow::record_batch::RecordBatch;

use super::partition_files::{FULL_ROWS, PartitionFiles};
use crate::error::Result;
use crate::pull::PulledBatch;
use crate::snapshot::{Columns, FileEntry, SnapshotStore, Staging};

/// So many files of about the same size become one.
const MERGED_FILES: usize = 8;
/// The rows of the smallest files, which are all taken for the same size.
const SMALL_ROWS: u64 = 1_000;
/// A file of which more than one row of so many is deleted is written anew.
const DELETED_SHARE: u64 = 3;

/// Merges and rewrites what is worth it; the other files stay as they are, in their order. `name` begins the
/// names of new files, whose rows are sorted by the columns of `sort_by`.
pub(super) async fn compact(
    store: &SnapshotStore,
    staging: &Staging,
    name: &str,
    sort_by: &[usize],
    files: Vec<FileEntry>,
) -> Result<Vec<FileEntry>> {
    let groups = groups(&files);
    if groups.is_empty() {
        return Ok(files);
    }
    let mut compacted = vec![];
    for (number, group) in groups.iter().enumerate() {
        let relation = files[group[0]].relation.clone();
        let mut output = PartitionFiles::new(staging, format!("{name}-compacted-{number}"), relation, sort_by);
        for &index in group {
            append(store, &files[index], &mut output).await?;
        }
        compacted.extend(output.finish()?);
    }
    let is_rewritten = |index: usize| groups.iter().any(|group| group.contains(&index));
    let kept = files.into_iter().enumerate().filter(|(index, _)| !is_rewritten(*index)).map(|(_, file)| file);
    Ok(kept.chain(compacted).collect())
}

/// Which files become one, by their numbers.
fn groups(files: &[FileEntry]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = vec![];
    for (index, file) in files.iter().enumerate() {
        if file.live_rows() >= FULL_ROWS {
            if is_worn(file) {
                groups.push(vec![index]);
            }
            continue;
        }
        let alike = |group: &&mut Vec<usize>| {
            let first = &files[group[0]];
            first.live_rows() < FULL_ROWS
                && first.relation == file.relation
                && first.digits == file.digits
                && tier(first) == tier(file)
        };
        match groups.iter_mut().find(alike) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups.retain(|group| group.len() >= MERGED_FILES || group.iter().any(|&index| is_worn(&files[index])));
    groups
}

/// Files of one tier differ by less than [`MERGED_FILES`] times in size.
fn tier(file: &FileEntry) -> u32 {
    (file.live_rows() / SMALL_ROWS).checked_ilog(MERGED_FILES as u64).map_or(0, |tier| tier + 1)
}

fn is_worn(file: &FileEntry) -> bool {
    (file.rows - file.live_rows()) * DELETED_SHARE > file.rows
}

/// Copies the rows of a file that are not deleted.
async fn append(store: &SnapshotStore, file: &FileEntry, output: &mut PartitionFiles<'_>) -> Result<()> {
    let reader = store.read_file(file)?;
    let copy = |batch: &RecordBatch, first| {
        output.write(PulledBatch { batch: reader.live(batch, first)?, digits: file.digits.clone() })
    };
    reader.read(Columns::All, |_| true, copy).await
}
