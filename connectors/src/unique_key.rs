//! What the optimizer is told of keys.

use datafusion::catalog::TableProvider;

use crate::live::LiveTable;
use crate::snapshot::SnapshotTable;

/// The columns of a table's primary key, if it is a table with one whose rows differ in them as they are served. It is no constraint of the table for DataFusion, which takes keys for more than they are above joins.
pub fn unique_key(table: &dyn TableProvider) -> &[String] {
    if let Some(table) = table.downcast_ref::<SnapshotTable>() {
        return table.unique_key();
    }
    table.downcast_ref::<LiveTable>().map(LiveTable::unique_key).unwrap_or_default()
}
