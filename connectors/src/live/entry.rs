//! What the manifest keeps of a live table: how each column is read, and what PostgreSQL may be asked to compare.

use serde::{Deserialize, Serialize};

use crate::catalogue::{ColumnDescription, DeclaredType};
use crate::column_type::{Cell, ColumnPlan};
use crate::pull::Digits;

/// A `numeric` without a precision: its type would follow its values, and no query has seen them all when its first
/// rows go out. These are the digits of an average, and those that are left; a value that has more is refused.
pub(crate) const FREE_DIGITS: Digits = Digits { integer: 18, scale: 20 };

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
    /// Whether it is a numeric without a precision, of which `cell` holds what most values need.
    pub(crate) free: bool,
    /// `pg_type.typname`, without the domains around it.
    pub(crate) type_name: String,
    pub(crate) declared_type: DeclaredType,
    pub(crate) nullable: bool,
    /// Whether texts are equal only if their bytes are.
    pub(crate) bytewise: bool,
}

impl LiveColumn {
    pub(crate) fn new(description: &ColumnDescription, plan: &ColumnPlan) -> Self {
        Self {
            name: description.name.clone(),
            expression: plan.expression.clone(),
            cell: plan.cell.fixed(FREE_DIGITS.precision(), FREE_DIGITS.scale as i8),
            free: plan.cell.is_free(),
            type_name: description.column_type.name.clone(),
            declared_type: description.declared_type,
            nullable: description.nullable,
            bytewise: description.bytewise,
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A column that is read as it is.
    pub(in super::super) fn column(name: &str, cell: Cell, type_name: &str) -> LiveColumn {
        LiveColumn {
            name: name.into(),
            expression: format!("\"{name}\""),
            cell,
            free: false,
            type_name: type_name.into(),
            declared_type: DeclaredType { oid: 0, modifier: -1 },
            nullable: true,
            bytewise: true,
        }
    }

    /// A table of these columns.
    pub(in super::super) fn entry(columns: Vec<LiveColumn>) -> LiveEntry {
        LiveEntry {
            columns,
            primary_key: vec![],
            lockable: true,
            pages: 0,
            estimated_rows: None,
            utf8: true,
            nulls_unrepresentable: false,
        }
    }
}
