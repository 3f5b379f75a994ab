//! Splits a table's heap into ranges of pages that connections read side by side, each by a TID range
//! scan (PostgreSQL 14; before that the same ranges work, slowly).

use std::fmt;

/// How much of the heap one partition reads: large enough that a connection's set-up (some 10 ms) does not
/// show, small enough that two readers finish at about the same time.
const PARTITION_BYTES: u64 = 64 << 20;
/// PostgreSQL's page size, which only a self-compiled server changes (the split is then merely uneven).
const PAGE_BYTES: u64 = 8192;
/// More partitions than this would make more files than a scan profits from.
const MAX_PARTITIONS: u64 = 256;

/// A row's place is its page's number followed by 16 bits for its line in the page.
pub(crate) const PLACE_PAGE_SHIFT: u32 = 16;

/// A half-open range of heap pages; `None` is open, so that a first and a last range together see every row,
/// also those on pages that were added after the pages were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageRange {
    from: Option<u64>,
    to: Option<u64>,
}

impl PageRange {
    /// The places in it, as [`Cell::Place`](crate::column_type::Cell::Place) counts them.
    pub(crate) fn places(self) -> std::ops::Range<i64> {
        let place = |page: u64| (page << PLACE_PAGE_SHIFT) as i64;
        self.from.map_or(0, place)..self.to.map_or(i64::MAX, place)
    }

    /// The ranges that together cover a table of `pages` pages.
    pub(crate) fn split(pages: u64) -> Vec<Self> {
        Self::split_into_at_most(MAX_PARTITIONS, pages)
    }

    /// Likewise, of which there are no more than `most`.
    pub(crate) fn split_into_at_most(most: u64, pages: u64) -> Vec<Self> {
        let partitions = (pages * PAGE_BYTES).div_ceil(PARTITION_BYTES).clamp(1, most.max(1));
        let bound = |index: u64| (0 < index && index < partitions).then(|| pages * index / partitions);
        (0..partitions).map(|index| Self { from: bound(index), to: bound(index + 1) }).collect()
    }
}

/// The range as an SQL condition, or as nothing where it is the whole table.
impl fmt::Display for PageRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.from.map(|page| format!("ctid >= '({page},0)'::tid"));
        let to = self.to.map(|page| format!("ctid < '({page},0)'::tid"));
        let bounds: Vec<String> = from.into_iter().chain(to).collect();
        formatter.write_str(&bounds.join(" AND "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_empty_tables_are_read_whole() {
        for pages in [0, 1, 8192] {
            let ranges = PageRange::split(pages);
            assert_eq!(ranges.len(), 1);
            assert_eq!(ranges[0].to_string(), "");
        }
    }

    #[test]
    fn there_are_no_more_ranges_than_are_wanted() {
        let clauses: Vec<String> = PageRange::split_into_at_most(2, 100_000).iter().map(PageRange::to_string).collect();
        assert_eq!(clauses, ["ctid < '(50000,0)'::tid", "ctid >= '(50000,0)'::tid"]);
        assert_eq!(PageRange::split_into_at_most(2, 100).len(), 1);
    }

    #[test]
    fn ranges_join_and_their_ends_are_open() {
        let ranges = PageRange::split(3 * 8192);
        let clauses: Vec<String> = ranges.iter().map(PageRange::to_string).collect();
        assert_eq!(
            clauses,
            [
                "ctid < '(8192,0)'::tid",
                "ctid >= '(8192,0)'::tid AND ctid < '(16384,0)'::tid",
                "ctid >= '(16384,0)'::tid",
            ]
        );
    }
}
