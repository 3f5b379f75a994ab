//! What whoever asks may read: tables, columns of them, and rows of them. Everything is denied that no grant allows; a
//! table that may not be read is as unknown as one that there is not, and so is a column.
//!
//! A policy is of one moment and one query. The catalogues that a query sees (`catalogs.rs`) have nothing else than it
//! allows, and a scan gives no other rows (`guarded_table.rs`, `guard.rs`), so that no way of asking leads around it.

mod catalogs;
mod claim;
mod guard;
mod guarded_table;
mod leakproof;
mod redaction;
mod row_filter;
mod visible;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};
use rail_forge_connectors::{TableName, matches_pattern};

use crate::error::Result;

pub use self::claim::Claim;
pub use self::row_filter::RowFilter;
pub use self::visible::{Size, VisibleManifest};

pub(crate) use self::catalogs::VisibleCatalogs;
pub(crate) use self::guarded_table::GuardedTable;

/// The pattern that every name matches.
const ANY: &str = "*";

/// What may be read of the tables whose names match. In patterns, `*` stands for any characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Grant {
    /// The role that it is of, for messages.
    pub role: String,
    pub catalog: String,
    pub schemas: Vec<String>,
    pub tables: Vec<String>,
    pub columns: Columns,
    /// `None` for all rows.
    pub rows: Option<RowFilter>,
}

/// Columns by their names, which may be patterns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Columns {
    All,
    Only(Vec<String>),
    Except(Vec<String>),
}

impl Columns {
    fn has(&self, column: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(patterns) => matches_any(patterns, column),
            Self::Except(patterns) => !matches_any(patterns, column),
        }
    }
}

impl Grant {
    /// Whether it is about a table.
    pub fn covers(&self, table: &TableName) -> bool {
        matches_pattern(&self.catalog, &table.catalog)
            && matches_any(&self.schemas, &table.schema)
            && matches_any(&self.tables, &table.table)
    }

    /// Whether whole tables may be read.
    fn is_unlimited(&self) -> bool {
        self.columns == Columns::All && self.rows.is_none()
    }

    fn is_everything(&self) -> bool {
        let is_any = |patterns: &[String]| patterns.iter().any(|pattern| pattern == ANY);
        self.is_unlimited() && self.catalog == ANY && is_any(&self.schemas) && is_any(&self.tables)
    }
}

fn matches_any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| matches_pattern(pattern, name))
}

/// What a query may read. Two that are equal give equal results.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Policy {
    /// `None` where nothing is limited.
    grants: Option<Vec<Arc<Grant>>>,
    /// Those that the grants' filters ask for, as far as they are there.
    claims: BTreeMap<String, Claim>,
}

/// What may be read of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    /// The places of the columns in the table's schema.
    pub(crate) columns: Vec<usize>,
    /// The rows are those of any of these; all where there are none.
    pub(crate) rows: Vec<Arc<Grant>>,
}

impl Access {
    /// Whether it is the whole of a table with so many columns.
    pub(crate) fn is_whole(&self, columns: usize) -> bool {
        self.rows.is_empty() && self.columns.len() == columns
    }
}

/// Columns that may be seen in the rows of one filter.
struct Part {
    columns: BTreeSet<usize>,
    grant: Arc<Grant>,
}

impl Part {
    /// Whether it shows nothing that another does not.
    fn is_within(&self, other: &Self) -> bool {
        other.grant.rows.is_none() && self.columns.is_subset(&other.columns)
    }
}

impl Policy {
    /// Nothing is limited.
    pub fn everything() -> Self {
        Self { grants: None, claims: BTreeMap::new() }
    }

    /// What some grants allow together, and nothing else. `claim` tells what is known of who asks.
    pub fn granting(grants: Vec<Arc<Grant>>, claim: impl Fn(&str) -> Option<Claim>) -> Self {
        let named = grants.iter().filter_map(|grant| grant.rows.as_ref()).flat_map(RowFilter::claims);
        let claims = named.filter_map(|name| Some((name.clone(), claim(name)?))).collect();
        Self { grants: Some(grants), claims }
    }

    /// Whether there is nothing that may not be read.
    pub fn is_everything(&self) -> bool {
        self.grants.as_ref().is_none_or(|grants| grants.iter().any(|grant| grant.is_everything()))
    }

    /// Whether a grant is about a table of which nothing but the name is known.
    pub fn covers(&self, table: &TableName) -> bool {
        self.grants.as_ref().is_none_or(|grants| grants.iter().any(|grant| grant.covers(table)))
    }

    /// Whether a table of which nothing but the name is known may be read as a whole.
    pub fn grants_whole(&self, table: &TableName) -> bool {
        match &self.grants {
            None => true,
            Some(grants) => grants.iter().any(|grant| grant.is_unlimited() && grant.covers(table)),
        }
    }

    /// What may be read of a table with these columns; `None` where it must not be known that there is such a table.
    ///
    /// Grants of one filter add up their columns. Of several filters, the columns are those that each of them shows, in
    /// the rows of any of them: no column is ever seen in a row for which no grant shows it.
    pub(crate) fn access(&self, table: &TableName, schema: &Schema) -> Option<Access> {
        let all = schema.fields().len();
        let whole = || Access { columns: (0..all).collect(), rows: vec![] };
        let Some(grants) = &self.grants else { return Some(whole()) };
        let mut parts: Vec<Part> = vec![];
        for grant in grants.iter().filter(|grant| grant.covers(table)) {
            if grant.is_unlimited() {
                return Some(whole());
            }
            let fields = schema.fields().iter().enumerate();
            let columns: BTreeSet<usize> =
                fields.filter(|(_, field)| grant.columns.has(field.name())).map(|(place, _)| place).collect();
            match parts.iter_mut().find(|part| part.grant.rows == grant.rows) {
                Some(part) => part.columns.extend(columns),
                None => parts.push(Part { columns, grant: Arc::clone(grant) }),
            }
        }
        parts.retain(|part| !part.columns.is_empty());
        let is_needed = |part: &&Part| !parts.iter().any(|other| !std::ptr::eq(*part, other) && part.is_within(other));
        let needed: Vec<&Part> = parts.iter().filter(is_needed).collect();
        let shared = needed.iter().map(|part| part.columns.clone()).reduce(|one, other| &one & &other)?;
        let shows_all_rows = needed.iter().any(|part| part.grant.rows.is_none());
        let rows = if shows_all_rows { vec![] } else { needed.iter().map(|part| Arc::clone(&part.grant)).collect() };
        (!shared.is_empty()).then(|| Access { columns: shared.into_iter().collect(), rows })
    }

    /// The condition that the rows of a table meet which may be read; `None` where all may.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where it asks for a claim that there is not.
    pub(crate) fn condition(&self, table: &TableName, access: &Access) -> Result<Option<Expr>> {
        let filters = access.rows.iter().filter_map(|grant| grant.rows.as_ref());
        let mut conditions =
            filters.map(|filter| filter.condition(self, table)).collect::<Result<Vec<_>>>()?.into_iter();
        let Some(first) = conditions.next() else { return Ok(None) };
        let either =
            |left, right| Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::Or, right: Box::new(right) };
        Ok(Some(conditions.fold(first, either)))
    }

    pub(crate) fn claims(&self) -> &BTreeMap<String, Claim> {
        &self.claims
    }

    /// Bytes of what is told of who asks, about.
    pub(crate) fn bytes(&self) -> usize {
        self.claims.iter().map(|(name, claim)| name.len() + claim.bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};

    use super::*;

    fn table(schema: &str, table: &str) -> TableName {
        TableName { catalog: "shop".into(), schema: schema.into(), table: table.into() }
    }

    fn schema() -> Schema {
        Schema::new(["id", "tenant", "secret"].map(|name| Field::new(name, DataType::Int64, true)).to_vec())
    }

    fn grant(columns: Columns, rows: Option<&str>) -> Grant {
        Grant {
            role: "r".into(),
            catalog: "shop".into(),
            schemas: vec!["public".into()],
            tables: vec!["order*".into()],
            columns,
            rows: rows.map(|text| RowFilter::parse(text).unwrap()),
        }
    }

    fn only(names: &[&str]) -> Columns {
        Columns::Only(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// The columns and the number of row filters of `shop.public.orders`.
    fn access(grants: Vec<Grant>) -> Option<(Vec<usize>, usize)> {
        let policy = Policy::granting(grants.into_iter().map(Arc::new).collect(), |_| None);
        policy.access(&table("public", "orders"), &schema()).map(|access| (access.columns, access.rows.len()))
    }

    #[test]
    fn what_is_not_granted_is_denied() {
        assert_eq!(access(vec![]), None);
        let policy = Policy::granting(vec![Arc::new(grant(Columns::All, None))], |_| None);
        for (name, readable) in [
            (table("public", "orders"), true),
            (table("public", "customers"), false),
            (table("private", "orders"), false),
            (TableName { catalog: "other".into(), ..table("public", "orders") }, false),
        ] {
            assert_eq!(policy.access(&name, &schema()).is_some(), readable, "{name}");
        }
        assert!(!policy.is_everything() && Policy::everything().is_everything());
        assert_eq!(Policy::everything().access(&table("a", "b"), &schema()).unwrap().columns, [0, 1, 2]);
    }

    #[test]
    fn columns_are_those_that_match() {
        assert_eq!(access(vec![grant(only(&["id", "s*"]), None)]), Some((vec![0, 2], 0)));
        let except = |name: &str| Columns::Except(vec![name.to_owned()]);
        assert_eq!(access(vec![grant(except("secret"), None)]), Some((vec![0, 1], 0)));
        assert_eq!(access(vec![grant(except("*"), None)]), None);
        assert_eq!(access(vec![grant(only(&["nothing"]), Some("true"))]), None);
    }

    #[test]
    fn grants_add_up_and_no_column_is_seen_in_a_row_that_only_another_shows() {
        let (one, other) = (Some("tenant = 1"), Some("tenant = 2"));
        let whole = grant(Columns::All, None);
        let some_columns = grant(only(&["id", "tenant"]), None);
        let some_rows = grant(Columns::All, one);
        assert_eq!(access(vec![some_rows.clone(), whole]), Some((vec![0, 1, 2], 0)));
        assert_eq!(access(vec![some_columns.clone(), grant(only(&["secret"]), None)]), Some((vec![0, 1, 2], 0)));
        assert_eq!(access(vec![some_rows.clone(), grant(Columns::All, other)]), Some((vec![0, 1, 2], 2)));
        assert_eq!(access(vec![grant(only(&["id"]), one), grant(only(&["tenant"]), one)]), Some((vec![0, 1], 1)));
        // Both of two limits: what each of them shows, in the rows of either.
        assert_eq!(access(vec![some_columns.clone(), some_rows]), Some((vec![0, 1], 0)));
        assert_eq!(access(vec![grant(only(&["id", "secret"]), one), grant(only(&["id"]), other)]), Some((vec![0], 2)));
        assert_eq!(access(vec![grant(only(&["secret"]), one), grant(only(&["id"]), other)]), None);
        // What another shows in all rows adds nothing.
        assert_eq!(access(vec![some_columns, grant(only(&["id"]), one)]), Some((vec![0, 1], 0)));
    }

    #[test]
    fn only_the_claims_that_filters_ask_for_tell_policies_apart() {
        let of = |tenant: &str| {
            Policy::granting(vec![Arc::new(grant(Columns::All, Some("tenant = claim('tenant')")))], |name| {
                Some(Claim::One(if name == "tenant" { tenant.to_owned() } else { "x".to_owned() }))
            })
        };
        assert_eq!(of("1"), of("1"));
        assert_ne!(of("1"), of("2"));
        assert_eq!(of("1").claims().len(), 1);
    }
}
