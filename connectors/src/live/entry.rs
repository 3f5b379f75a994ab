//! What the manifest keeps of a live table: how each column is read, and what PostgreSQL may be asked to compare.

use serde::{Deserialize, Serialize};

use crate::catalogue::ColumnDescription;
use crate::column_type::{Cell, ColumnPlan};

/// How a live table is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveEntry {
    /// One for every column of the table's schema.
    pub(crate) columns: Vec<LiveColumn>,
    /// The columns of the primary key, in its order; none where there is no key.
    pub(crate) primary_key: Vec<String>,
    /// Whether the role may lock it against changes of what it is.
    pub(crate) lockable: bool,
    /// Pages of the heap by which the table can be read in parts; 0 where it cannot.
    pub(crate) pages: u64,
    /// The planner's estimate.
    pub(crate) estimated_rows: Option<u64>,
    /// Whether the database keeps text as UTF-8.
    pub(crate) utf8: bool,
    /// Whether values that have no place in Arrow are NULL, instead of an error.
    pub(crate) nulls_unrepresentable: bool,
}

/// How a column of a live table is read, and how it was described.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveColumn {
    pub(crate) name: String,
    /// The SQL expression that selects it.
    pub(crate) expression: String,
    pub(crate) cell: Cell,
    /// `pg_type.typname`, without the domains around it.
    pub(crate) type_name: String,
    /// The type as PostgreSQL prints it.
    pub(crate) printed_type: String,
    pub(crate) nullable: bool,
    /// Whether texts are equal only if their bytes are.
    pub(crate) bytewise: bool,
}

impl LiveColumn {
    pub(crate) fn new(description: &ColumnDescription, plan: &ColumnPlan) -> Self {
        Self {
            name: description.name.clone(),
            expression: plan.expression.clone(),
            cell: plan.cell.clone(),
            type_name: description.column_type.name.clone(),
            printed_type: description.printed_type.clone(),
            nullable: description.nullable,
            bytewise: description.bytewise,
        }
    }
}
