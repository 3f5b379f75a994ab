//! The snapshots of a refresh: one in each database of its source, all taken at about the same time. Databases
//! have no moment in common, so what is true of all of them is the earliest.

use futures::future::{join_all, try_join_all};

use super::exported_snapshot::ExportedSnapshot;
use crate::as_of::{AsOf, Lsn};
use crate::catalogue::{self, TableDescription};
use crate::error::Result;
use crate::source::Source;

/// A snapshot of each of a source's shards, in their order.
pub(crate) struct ShardSnapshots {
    snapshots: Vec<ExportedSnapshot>,
    pub(crate) as_of: AsOf,
    /// What must be the same for anything that was read before to mean the same.
    pub(crate) history: String,
}

impl ShardSnapshots {
    /// Connects and exports a snapshot of each shard.
    ///
    /// # Errors
    /// [`Error::Source`](crate::Error::Source) when one cannot be reached or refuses the role.
    pub(crate) async fn export(source: &Source) -> Result<Self> {
        let exporting = source.shards().iter().map(|shard| ExportedSnapshot::export(source, shard));
        let snapshots = try_join_all(exporting).await?;
        let as_of = earliest(snapshots.iter().map(|snapshot| snapshot.as_of));
        let named = source.shards().iter().zip(&snapshots);
        let history = match source.shard_column() {
            None => snapshots.iter().map(|snapshot| snapshot.history.as_str()).collect(),
            Some(_) => named.map(|(shard, snapshot)| format!("{:?} {}; ", shard.name, snapshot.history)).collect(),
        };
        Ok(Self { snapshots, as_of, history })
    }

    /// The source's tables as the snapshots see them.
    pub(crate) async fn describe(&mut self, source: &Source) -> Result<Vec<TableDescription>> {
        let shards = source.shards().iter().enumerate();
        let describing =
            self.snapshots.iter_mut().zip(shards).map(|(snapshot, shard)| snapshot.describe(source, shard));
        let mut tables = catalogue::merge(source, try_join_all(describing).await?);
        catalogue::apply_comments(source, &mut tables);
        Ok(tables)
    }

    /// Waits until what the snapshots show would outlive crashes of the databases: what is read of them is built
    /// on later.
    pub(crate) async fn outlives_crashes(&mut self, source: &Source) -> Result<()> {
        let waiting = self.snapshots.iter_mut().zip(source.shards());
        try_join_all(waiting.map(|(snapshot, shard)| snapshot.outlives_crashes(source, shard))).await?;
        Ok(())
    }

    /// Under what names other connections import them.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.snapshots.iter().map(|snapshot| snapshot.id.clone()).collect()
    }

    /// Ends the transactions.
    pub(crate) async fn close(self) {
        join_all(self.snapshots.into_iter().map(ExportedSnapshot::close)).await;
    }
}

/// What holds for all of several databases, whose positions cannot be compared.
fn earliest(moments: impl Iterator<Item = AsOf>) -> AsOf {
    let both = |left: AsOf, right: AsOf| AsOf { time: left.time.min(right.time), lsn: Lsn::UNKNOWN };
    moments.reduce(both).unwrap_or_else(AsOf::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_databases_have_a_time_and_no_position() {
        let first = AsOf { time: AsOf::now().time, lsn: "0/1".parse().unwrap() };
        let second = AsOf { time: AsOf::now().time, lsn: "0/2".parse().unwrap() };
        assert_eq!(earliest([first].into_iter()), first);
        assert_eq!(earliest([second, first].into_iter()), AsOf { lsn: Lsn::UNKNOWN, ..first });
    }
}
