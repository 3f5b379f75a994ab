//! What the optimizer is told of keys.

use datafusion::catalog::TableProvider;

use crate::live::LiveTable;
use crate::snapshot::SnapshotTable;

/// The columns of a table's primary key, if it is a table with one: no two rows of a scan have the same values in all
/// of them. It is no constraint of the table for DataFusion, which takes keys for more than they are above joins.
pub fn primary_key(table: &dyn TableProvider) -> &[String] {
    if let Some(table) = table.downcast_ref::<SnapshotTable>() {
        return table.primary_key();
    }
    table.downcast_ref::<LiveTable>().map(LiveTable::primary_key).unwrap_or_default()
}
