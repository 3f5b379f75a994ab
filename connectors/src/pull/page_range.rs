//! Splits a table's heap into ranges of pages that connections read side by side, each by a TID range
//! scan (PostgreSQL 14; before that the same ranges work, slowly).

use std::fmt;

/// How much of the heap a range has at least, and at most: enough that the statements around a query (some
/// milliseconds) do not show, and little enough that readers finish at about the same time.
const SMALLEST_BYTES: u64 = 16 << 20;
const LARGEST_BYTES: u64 = 64 << 20;
/// PostgreSQL's page size, which only a self-compiled server changes (the split is then merely uneven).
const PAGE_BYTES: u64 = 8192;
/// Of very large tables, ranges are larger, so that there are about so many.
const MANY_RANGES: u64 = 256;

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

    /// The ranges that together cover a table of `pages` pages, for so many readers. They become smaller towards the
    /// end, so that no reader is long behind the others (guided self-scheduling, Polychronopoulos and Kuck 1987).
    pub(crate) fn guided(pages: u64, readers: u64) -> Vec<Self> {
        let smallest = SMALLEST_BYTES / PAGE_BYTES;
        let largest = (LARGEST_BYTES / PAGE_BYTES).max(pages.div_ceil(MANY_RANGES));
        let (mut bounds, mut from) = (vec![], 0);
        loop {
            let left = pages - from;
            let size = (left / (2 * readers.max(1))).clamp(smallest, largest);
            // What would be left is too little for a range of its own.
            if left < size + smallest / 2 {
                return Self::between(&bounds);
            }
            from += size;
            bounds.push(from);
        }
    }

    /// Ranges of one size that together cover a table of `pages` pages; no more than `most`.
    pub(crate) fn even(pages: u64, most: u64) -> Vec<Self> {
        let ranges = (pages * PAGE_BYTES).div_ceil(LARGEST_BYTES).clamp(1, most.max(1));
        let bounds: Vec<u64> = (1..ranges).map(|index| pages * index / ranges).collect();
        Self::between(&bounds)
    }

    fn between(bounds: &[u64]) -> Vec<Self> {
        let from = std::iter::once(None).chain(bounds.iter().copied().map(Some));
        let to = bounds.iter().copied().map(Some).chain([None]);
        from.zip(to).map(|(from, to)| Self { from, to }).collect()
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

    fn clauses(ranges: &[PageRange]) -> Vec<String> {
        ranges.iter().map(PageRange::to_string).collect()
    }

    #[test]
    fn small_and_empty_tables_are_read_whole() {
        for pages in [0, 1, 3_000] {
            assert_eq!(clauses(&PageRange::guided(pages, 2)), [""]);
            assert_eq!(clauses(&PageRange::even(pages, 2)), [""]);
        }
    }

    #[test]
    fn there_are_no_more_even_ranges_than_are_wanted() {
        assert_eq!(clauses(&PageRange::even(100_000, 2)), ["ctid < '(50000,0)'::tid", "ctid >= '(50000,0)'::tid"]);
        assert_eq!(PageRange::even(3 * 8192, 16).len(), 3);
    }

    #[test]
    fn ranges_join_and_their_ends_are_open() {
        let guided = PageRange::guided(3 * 2048, 2);
        let expected =
            ["ctid < '(2048,0)'::tid", "ctid >= '(2048,0)'::tid AND ctid < '(4096,0)'::tid", "ctid >= '(4096,0)'::tid"];
        assert_eq!(clauses(&guided), expected);
    }

    #[test]
    fn ranges_become_smaller_towards_the_end_and_not_too_many() {
        let sizes = |pages, readers| -> Vec<u64> {
            let ranges = PageRange::guided(pages, readers);
            ranges.iter().map(|range| range.to.unwrap_or(pages) - range.from.unwrap_or(0)).collect()
        };
        let of_one_gib = sizes(131_072, 2);
        assert_eq!(of_one_gib.iter().sum::<u64>(), 131_072);
        assert_eq!(of_one_gib[..12], [8192; 12]);
        assert!(of_one_gib.is_sorted_by(|size, next| size + 1024 >= *next), "{of_one_gib:?}");
        assert!(sizes(1 << 27, 16).len() < 500);
    }
}
