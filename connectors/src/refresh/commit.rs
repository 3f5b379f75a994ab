//! What a refresh makes of the manifest that is current when it commits: its own tables as it has pulled them,
//! the others as they are. A table that failed keeps its last good rows and says why.

use std::collections::HashSet;

use crate::TableName;
use crate::as_of::AsOf;
use crate::error::Result;
use crate::snapshot::{Manifest, RefusedTable, TableEntry};

/// The outcome of a refresh of one source.
pub(super) struct NextTables {
    pub(super) catalog: String,
    /// The tables that the source had at the moment of the refresh.
    pub(super) existing: Vec<TableName>,
    pub(super) as_of: AsOf,
    pub(super) outcomes: Vec<(TableName, Result<TableEntry>)>,
}

impl NextTables {
    /// The next manifest's tables, and those that are not served. A table that a refresh of a later moment has
    /// committed meanwhile stays as that has left it.
    pub(super) fn after(self, current: &Manifest) -> (Vec<TableEntry>, Vec<RefusedTable>) {
        let is_newer = |name: &TableName| current.table(name).is_some_and(|table| table.as_of > self.as_of);
        let (mut tables, mut refused, mut decided) = (vec![], vec![], HashSet::new());
        for (name, outcome) in self.outcomes {
            if is_newer(&name) {
                continue;
            }
            match (outcome, current.table(&name)) {
                (Ok(entry), _) => tables.push(entry),
                (Err(error), Some(old)) => tables.push(TableEntry { stale: Some(error.to_string()), ..old.clone() }),
                (Err(error), None) => refused.push(RefusedTable { name: name.clone(), reason: error.to_string() }),
            }
            decided.insert(name);
        }
        let existing: HashSet<TableName> = self.existing.into_iter().collect();
        let stays = |name: &TableName| {
            let is_there = existing.contains(name) || is_newer(name);
            (name.catalog != self.catalog || is_there) && !decided.contains(name)
        };
        tables.extend(current.tables.iter().filter(|table| stays(&table.name)).cloned());
        refused.extend(current.refused.iter().filter(|table| stays(&table.name)).cloned());
        (tables, refused)
    }
}
