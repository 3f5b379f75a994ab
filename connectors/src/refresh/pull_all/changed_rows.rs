//! Reads of a table only what has changed since the files were written: its rows' versions are compared, range by
//! range, and then those that are new are fetched by their places.

use super::{Shared, whole};
use crate::error::{Error, Result};
use crate::pull::{PLACE_PAGE_SHIFT, PageRange, PullFailure, PulledBatch, Selection, Session};
use crate::refresh::compare::Comparison;
use crate::refresh::work_queue::{Unit, Work};
use crate::snapshot::FileEntry;

/// Rows that one query asks for by their places.
const PLACES_PER_QUERY: usize = 20_000;
/// When more than one row of so many has changed, all are read: one scan is faster than that many look-ups.
const CHANGED_SHARE: u64 = 4;

impl Shared<'_> {
    /// Compares the versions of a range's rows, and, after the last range, says what has to be read.
    pub(super) fn compare(
        &self,
        unit: &Unit,
        range: PageRange,
        session: &mut Session,
    ) -> Result<Vec<Unit>, PullFailure> {
        let job = &self.pull.jobs[unit.table];
        let relation = &job.relations[unit.relation];
        let mut stored = vec![];
        for (index, file) in relation.files.iter().enumerate() {
            let reader = self.pull.store.read_file(file).map_err(PullFailure::Unreadable)?;
            let versions = self.pull.runtime.block_on(reader.versions(&range.places()));
            stored.push((index, versions.map_err(PullFailure::Unreadable)?));
        }
        let mut comparison = Comparison::new(stored);
        let selection = Selection::row_versions(job.plan.name());
        let query = selection.query(&relation.relation, &range.to_string());
        session.read(&selection, &query, &mut |pulled: PulledBatch| {
            if self.is_stopped(unit.table) {
                return Err(Error::Cancelled);
            }
            if comparison.compare(&pulled.batch) {
                return Ok(());
            }
            Err(Error::table(
                job.plan.name(),
                "its rows did not come in the order of their places; use mode = \"full\"",
            ))
        })?;
        self.refuse_rewritten(unit, session)?;
        let difference = comparison.finish();
        let is_last = self.with_relation(unit, |pulled| {
            pulled.difference.merge(difference);
            pulled.comparisons -= 1;
            pulled.comparisons == 0
        });
        if is_last != Some(true) {
            return Ok(vec![]);
        }
        self.fetch_changed(unit, session)
    }

    /// Once all ranges have been compared: the rows that have to be read.
    fn fetch_changed(&self, unit: &Unit, session: &mut Session) -> Result<Vec<Unit>, PullFailure> {
        let job = &self.pull.jobs[unit.table];
        let relation = &job.relations[unit.relation];
        let known: u64 = relation.files.iter().map(FileEntry::live_rows).sum();
        let changed = self.with_relation(unit, |pulled| {
            let changed = std::mem::take(&mut pulled.difference.changed);
            pulled.whole = changed.len() as u64 > known / CHANGED_SHARE;
            (changed, pulled.whole)
        });
        match changed {
            Some((_, true)) => Ok(whole(unit, self.ranges(unit, session)?)),
            Some((changed, false)) => {
                let chunks = changed.chunks(PLACES_PER_QUERY).enumerate();
                Ok(chunks
                    .map(|(partition, places)| {
                        unit.followed_by(Work::Read { condition: places_condition(places), partition })
                    })
                    .collect())
            }
            None => Ok(vec![]),
        }
    }
}

/// Rows by their places.
fn places_condition(places: &[i64]) -> String {
    let places: Vec<String> = places
        .iter()
        .map(|place| format!("\"({},{})\"", place >> PLACE_PAGE_SHIFT, place & ((1 << PLACE_PAGE_SHIFT) - 1)))
        .collect();
    format!("ctid = ANY ('{{{}}}'::tid[])", places.join(","))
}
