//! Rows of a file that were deleted or replaced since it was written: a bitmap of their positions, beside the
//! file, so that the file itself never changes (merge on read).

use std::ops::Range;

use arrow::array::{BooleanArray, BooleanBufferBuilder};
use parquet::arrow::arrow_reader::RowSelection;
use roaring::RoaringBitmap;

/// Positions of deleted rows in one file; 32 bits, as a file has fewer rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Deletes(RoaringBitmap);

impl Deletes {
    pub(super) fn from_bytes(bytes: &[u8]) -> std::io::Result<Self> {
        RoaringBitmap::deserialize_from(bytes).map(Self)
    }

    pub(super) fn to_bytes(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.0.serialized_size());
        self.0.serialize_into(&mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn insert(&mut self, position: u32) {
        self.0.insert(position);
    }

    pub(crate) fn contains(&self, position: u32) -> bool {
        self.0.contains(position)
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// How many rows are deleted.
    pub(crate) fn rows(&self) -> u64 {
        self.0.len()
    }

    /// Which rows of a range are not deleted; `None` when none is.
    pub(super) fn live(&self, positions: Range<u32>) -> Option<BooleanArray> {
        let first = positions.start;
        let mut deleted = self.0.range(positions.clone()).peekable();
        deleted.peek()?;
        let mut live = BooleanBufferBuilder::new(positions.len());
        live.append_n(positions.len(), true);
        deleted.for_each(|position| live.set_bit((position - first) as usize, false));
        Some(BooleanArray::new(live.finish(), None))
    }

    /// What a scan reads of a file of `rows` rows.
    pub(super) fn selection(&self, rows: u64) -> RowSelection {
        let total = rows as usize;
        let mut live: Vec<Range<usize>> = vec![];
        let mut from = 0;
        for deleted in &self.0 {
            let deleted = deleted as usize;
            if deleted > from {
                live.push(from..deleted);
            }
            from = deleted + 1;
        }
        if from < total {
            live.push(from..total);
        }
        RowSelection::from_consecutive_ranges(live.into_iter(), total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_reads_what_is_not_deleted() {
        let mut deletes = Deletes::default();
        for position in [0, 3, 4, 9] {
            deletes.insert(position);
        }
        let selection = deletes.selection(10);
        let runs: Vec<(bool, usize)> = selection.iter().map(|run| (run.skip, run.row_count)).collect();
        assert_eq!(runs, [(true, 1), (false, 2), (true, 2), (false, 4), (true, 1)]);
        let live = |positions| deletes.live(positions).map(|live| live.values().iter().collect::<Vec<_>>());
        assert_eq!(live(2..6), Some(vec![true, false, false, true]));
        assert_eq!(live(5..9), None);
        assert_eq!(Deletes::from_bytes(&deletes.to_bytes().unwrap()).unwrap(), deletes);
    }
}
