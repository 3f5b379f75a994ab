//! Which tables are being refreshed. Refreshes of different tables run side by side; two of the same table
//! would each build on what the other replaces, so the second waits.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::TableName;

/// The tables of a source that are being refreshed.
#[derive(Debug, Default)]
pub(crate) struct Reservations {
    taken: Mutex<HashSet<TableName>>,
    changed: Notify,
}

/// Tables that are this refresh's until it is dropped.
#[derive(Debug)]
pub(super) struct Reserved<'a> {
    reservations: &'a Reservations,
    tables: Vec<TableName>,
}

impl Reservations {
    /// Takes all of the tables, or none of them if one is taken.
    pub(super) fn take(&self, tables: &[TableName]) -> Option<Reserved<'_>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if tables.iter().any(|table| taken.contains(table)) {
            return None;
        }
        taken.extend(tables.iter().cloned());
        Some(Reserved { reservations: self, tables: tables.to_vec() })
    }

    /// Waits until none of the tables is taken. They may be taken again by the time that the caller looks.
    pub(super) async fn wait_for(&self, tables: &[TableName]) {
        loop {
            // Listening begins before looking, so that no change in between is missed.
            let changed = self.changed.notified();
            match self.take(tables) {
                Some(_) => return,
                None => changed.await,
            }
        }
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut taken = self.reservations.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for table in &self.tables {
            taken.remove(table);
        }
        drop(taken);
        self.reservations.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_table_is_refreshed_by_one_at_a_time() {
        let name = |table: &str| TableName { catalog: "shop".into(), schema: "public".into(), table: table.into() };
        let reservations = Reservations::default();
        let first = reservations.take(&[name("a"), name("b")]).unwrap();
        assert!(reservations.take(&[name("b"), name("c")]).is_none());
        let other = reservations.take(&[name("c")]).unwrap();
        let wanted = [name("a")];
        let waiting = reservations.wait_for(&wanted);
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(first);
        waiting.await;
        drop(other);
        assert!(reservations.take(&[name("a"), name("b"), name("c")]).is_some());
    }
}
