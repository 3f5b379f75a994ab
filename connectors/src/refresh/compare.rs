//! Finds what has changed in a range of a table's heap: the versions of the rows that PostgreSQL shows,
//! against those of the rows that the files hold. A version is a row's place and the transaction that wrote
//! it; PostgreSQL never changes a row in place, so a row of the same version is the same row
//! (`docs/decisions/0003-diff-by-row-version.md`).

use std::collections::HashMap;

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, UInt32Type};
use arrow::record_batch::RecordBatch;

use crate::snapshot::{Deletes, StoredVersion};

/// A version in a file of the relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    place: i64,
    writer: u32,
    /// The file's number.
    file: usize,
    position: u32,
}

/// What is different in a range.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// The places of rows that no file holds in that version.
    pub(super) changed: Vec<i64>,
    /// For each file, the rows of versions that are not in the database any more.
    pub(super) gone: HashMap<usize, Deletes>,
}

impl Difference {
    pub(super) fn merge(&mut self, other: Self) {
        self.changed.extend(other.changed);
        for (file, deletes) in other.gone {
            self.gone.entry(file).or_default().merge(deletes);
        }
    }
}

/// Walks along the stored versions of a range while the database's come, both in the order of their places.
#[derive(Debug)]
pub(super) struct Comparison {
    known: Vec<Known>,
    /// The first of `known` that has not been met.
    next: usize,
    last_place: i64,
    difference: Difference,
}

impl Comparison {
    /// Begins with the versions that the files hold, by the files' numbers.
    pub(super) fn new(stored: impl IntoIterator<Item = (usize, Vec<StoredVersion>)>) -> Self {
        let mut known: Vec<Known> = stored
            .into_iter()
            .flat_map(|(file, versions)| {
                versions.into_iter().map(move |StoredVersion { place, writer, position }| Known {
                    place,
                    writer,
                    file,
                    position,
                })
            })
            .collect();
        known.sort_unstable();
        Self { known, next: 0, last_place: i64::MIN, difference: Difference::default() }
    }

    /// Takes a batch of places and writers, as the database shows them. False when they are not in order.
    pub(super) fn compare(&mut self, batch: &RecordBatch) -> bool {
        let places = batch.column(0).as_primitive::<Int64Type>().values();
        let writers = batch.column(1).as_primitive::<UInt32Type>().values();
        for (&place, &writer) in places.iter().zip(writers) {
            if place <= self.last_place {
                return false;
            }
            self.last_place = place;
            let mut is_known = false;
            while let Some(known) = self.known.get(self.next).filter(|known| known.place <= place) {
                if known.place == place && known.writer == writer {
                    is_known = true;
                } else {
                    self.difference.gone.entry(known.file).or_default().insert(known.position);
                }
                self.next += 1;
            }
            if !is_known {
                self.difference.changed.push(place);
            }
        }
        true
    }

    /// What was not met is gone.
    pub(super) fn finish(mut self) -> Difference {
        for known in &self.known[self.next..] {
            self.difference.gone.entry(known.file).or_default().insert(known.position);
        }
        self.difference
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, UInt32Array};

    use super::*;

    #[test]
    fn inserts_updates_and_deletes_are_seen() {
        let stored = |place, writer, position| StoredVersion { place, writer, position };
        let files = [(0, vec![stored(1, 10, 0), stored(2, 10, 1), stored(3, 10, 2)]), (1, vec![stored(7, 11, 0)])];
        let mut comparison = Comparison::new(files);
        // 1 is as it was, 2 was vacuumed and its place taken by another row, 3 and 7 are gone, 9 is new.
        let batch = RecordBatch::try_from_iter([
            ("ctid", Arc::new(Int64Array::from(vec![1, 2, 9])) as ArrayRef),
            ("xmin", Arc::new(UInt32Array::from(vec![10, 12, 12]))),
        ])
        .unwrap();
        assert!(comparison.compare(&batch));
        assert!(!comparison.compare(&batch), "places come in order");
        let difference = comparison.finish();
        assert_eq!(difference.changed, [2, 9]);
        let gone = |file: usize, position| difference.gone[&file].contains(position);
        assert!(!gone(0, 0) && gone(0, 1) && gone(0, 2) && gone(1, 0));
    }
}
