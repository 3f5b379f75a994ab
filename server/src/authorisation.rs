//! What principals may do: the roles that the operator has written down, and what of them a principal has at the moment
//! of a call. Without any role, everybody who is let in reads everything; with some, whoever has none of them reads
//! nothing.

mod misfits;

use std::collections::BTreeMap;
use std::sync::Arc;

use rail_forge_connectors as connectors;
use rail_forge_connectors::{TableEntry, TableName, TableReport, matches_pattern};
use rail_forge_planner::{Claim, Grant, Policy, VisibleManifest};
use serde_json::Value;

pub use self::misfits::Misfits;
use crate::auth::{Claims, Principal};

/// A role.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    pub grants: Vec<Arc<Grant>>,
    /// The stored queries that who has it may ask, by patterns of their names.
    pub queries: Vec<String>,
    /// Whether who has it may have the tables that it grants refreshed.
    pub refresh: bool,
}

/// All roles by their names; `None` where there are none, and nothing is limited.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Roles(pub Option<BTreeMap<String, Role>>);

/// What a principal may do at one moment.
#[derive(Debug, Clone)]
pub struct Rights {
    /// What it may read.
    pub policy: Arc<Policy>,
    /// What it may have refreshed, as far as it may read it.
    refreshes: Policy,
    /// The stored queries that it may ask, by patterns; `None` for all.
    queries: Option<Vec<String>>,
    claims: Arc<Claims>,
}

impl Roles {
    /// Whether there are none.
    pub fn are_off(&self) -> bool {
        self.0.is_none()
    }

    /// The grants of all of them.
    pub fn grants(&self) -> impl Iterator<Item = &Arc<Grant>> {
        self.0.iter().flat_map(BTreeMap::values).flat_map(|role| &role.grants)
    }

    /// What a principal may do now. A role that there is not grants nothing: neither among others nor where there are none,
    /// because whoever has given it has meant a limit.
    pub fn rights_of(&self, principal: &Principal) -> Rights {
        let claims = principal.claims();
        if self.are_off() && claims.roles.is_empty() {
            let (policy, refreshes) = (Arc::new(Policy::everything()), Policy::everything());
            return Rights { policy, refreshes, queries: None, claims: Arc::clone(claims) };
        }
        let own: Vec<&Role> =
            self.0.iter().flat_map(|roles| claims.roles.iter().filter_map(move |name| roles.get(name))).collect();
        let policy = Policy::granting(grants(own.iter().copied()), |name| claim(claims, name));
        let refreshes = Policy::granting(grants(own.iter().copied().filter(|role| role.refresh)), |_| None);
        let queries = own.iter().flat_map(|role| role.queries.iter().cloned()).collect();
        Rights { policy: Arc::new(policy), refreshes, queries: Some(queries), claims: Arc::clone(claims) }
    }
}

fn grants<'a>(roles: impl Iterator<Item = &'a Role>) -> Vec<Arc<Grant>> {
    roles.flat_map(|role| role.grants.clone()).collect()
}

/// A claim as row filters use it. One of another kind is none: what it means is not guessed.
fn claim(claims: &Claims, name: &str) -> Option<Claim> {
    match claims.values.get(name)? {
        Value::Array(values) => values.iter().map(text).collect::<Option<_>>().map(Claim::Several),
        value => text(value).map(Claim::One),
    }
}

/// A fraction may have been rounded on its way, and so is no name of anything.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Value::Number(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl Rights {
    /// Whether nothing is limited: neither what is read nor what is refreshed.
    pub fn are_whole(&self) -> bool {
        self.policy.is_everything() && self.refreshes.is_everything()
    }

    /// Whether a stored query may be asked.
    pub fn may_ask(&self, stored_query: &str) -> bool {
        let may = |patterns: &Vec<String>| patterns.iter().any(|pattern| matches_pattern(pattern, stored_query));
        self.queries.as_ref().is_none_or(may)
    }

    /// What is read by a stored query that reads as a role, for this caller.
    pub fn policy_as(&self, role: &Role) -> Policy {
        Policy::granting(role.grants.clone(), |name| claim(&self.claims, name))
    }

    /// Whether a table may be refreshed. Who may not read it does not know its name.
    pub fn may_refresh(&self, table: &TableName) -> bool {
        self.refreshes.covers(table)
    }

    /// Whether a table of a visible manifest may be refreshed by whoever is told how that goes, and so how many rows it has.
    pub fn may_follow_refresh(&self, manifest: &VisibleManifest<'_>, table: &TableEntry) -> bool {
        self.may_refresh(&table.name) && manifest.size(table).rows.is_some()
    }

    /// How the refresh of a table has ended, as far as that may be known: why it has failed may name any column of it, and
    /// quote any row.
    pub fn told_report(&self, report: TableReport) -> TableReport {
        if self.policy.grants_whole(&report.table) {
            return report;
        }
        TableReport {
            error: report.error.map(|_| "it could not be refreshed; the server's log says why".to_owned()),
            ..report
        }
    }

    /// An error of a refresh without the name of a table that was not asked for, where names are hidden.
    pub fn told(&self, error: connectors::Error) -> connectors::Error {
        match error {
            connectors::Error::UnknownTable { requested, searched, .. } if !self.are_whole() => {
                connectors::Error::UnknownTable { requested, searched, suggestion: None }
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod testing {
    use arrow::datatypes::{DataType, Field, Schema};
    use rail_forge_connectors::AsOf;
    use rail_forge_planner::Columns;

    use super::*;

    pub(super) fn name(table: &str) -> TableName {
        TableName { catalog: "shop".into(), schema: "public".into(), table: table.into() }
    }

    /// A table of numbers.
    pub(super) fn table(table: &str, columns: &[&str]) -> TableEntry {
        let fields: Vec<Field> = columns.iter().map(|column| Field::new(*column, DataType::Int64, true)).collect();
        TableEntry::new(name(table), Arc::new(Schema::new(fields)), AsOf::now())
    }

    /// A grant on all of a table, of a role of the same name.
    pub(super) fn grant(table: &str) -> Grant {
        Grant {
            role: table.to_owned(),
            catalog: "shop".to_owned(),
            schemas: vec!["*".to_owned()],
            tables: vec![table.to_owned()],
            columns: Columns::All,
            rows: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rail_forge_connectors::Manifest;
    use rail_forge_planner::{Columns, RowFilter};
    use serde_json::json;

    use super::testing::{grant, name, table};
    use super::*;

    fn role(grant: Grant, refresh: bool) -> Role {
        Role { grants: vec![Arc::new(grant)], queries: vec![], refresh }
    }

    fn named<const N: usize>(roles: [(&str, Role); N]) -> Roles {
        Roles(Some(roles.map(|(name, role)| (name.to_owned(), role)).into()))
    }

    fn rights(roles: &Roles, names: &[&str]) -> Rights {
        let roles_of_token: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let claims = Claims { roles: roles_of_token, values: BTreeMap::new() };
        roles.rights_of(&Principal::named("a").with_claims(Arc::new(claims)))
    }

    /// The tables that may be known, those that may be refreshed, and those whose refresh may be followed.
    fn told(rights: &Rights) -> [Vec<String>; 3] {
        let tables = ["a", "b", "c"].map(|name| table(name, &["id", "x"])).to_vec();
        let manifest = Manifest { tables, ..Manifest::empty() };
        let visible = rights.policy.visible(&manifest);
        let names = |is_one: &dyn Fn(&TableEntry) -> bool| {
            visible.tables.iter().filter(|table| is_one(table)).map(|table| table.name.table.clone()).collect()
        };
        [
            names(&|_| true),
            names(&|table| rights.may_refresh(&table.name)),
            names(&|table| rights.may_follow_refresh(&visible, table)),
        ]
    }

    #[test]
    fn roles_add_up_and_without_one_there_is_nothing() {
        let rows = Some(RowFilter::parse("id = 1").unwrap());
        let some_columns = Columns::Only(vec!["id".to_owned()]);
        let roles = named([
            ("whole", role(grant("a"), true)),
            ("columns", role(Grant { columns: some_columns, ..grant("c") }, true)),
            ("rows", role(Grant { rows, ..grant("c") }, false)),
        ]);
        let nothing: [&[&str]; 3] = [&[], &[], &[]];
        assert_eq!(told(&rights(&roles, &["unknown"])), nothing);
        assert_eq!(told(&rights(&roles, &["whole"])), [["a"], ["a"], ["a"]]);
        assert_eq!(told(&rights(&roles, &["whole", "columns"])), [["a", "c"], ["a", "c"], ["a", "c"]]);
        let rows_alone: [&[&str]; 3] = [&["c"], &[], &[]];
        assert_eq!(told(&rights(&roles, &["rows"])), rows_alone);
        assert!(rights(&Roles::default(), &[]).are_whole());
        // A role of another configuration is no way to everything.
        assert_eq!(told(&rights(&Roles::default(), &["whole"])), nothing);
    }

    #[test]
    fn whose_rows_are_hidden_is_refreshed_without_a_word() {
        // Nothing that the second grants is there, so that the rows are those of the first.
        let rows = Some(RowFilter::parse("id = 1").unwrap());
        let no_columns = Columns::Only(vec!["no_such_column".to_owned()]);
        let roles = named([
            ("rows", role(Grant { rows, ..grant("c") }, false)),
            ("ops", role(Grant { columns: no_columns, ..grant("c") }, true)),
        ]);
        let expected: [&[&str]; 3] = [&["c"], &["c"], &[]];
        assert_eq!(told(&rights(&roles, &["rows", "ops"])), expected);
    }

    #[test]
    fn why_a_refresh_has_failed_is_told_where_all_may_be_known() {
        let some_columns = Grant { columns: Columns::Only(vec!["id".to_owned()]), ..grant("b") };
        let roles = named([("a", role(grant("a"), true)), ("b", role(some_columns, true))]);
        let both = rights(&roles, &["a", "b"]);
        for (table, is_told) in [("a", true), ("b", false)] {
            let error = Some("column \"x\": canary".to_owned());
            let report = TableReport { table: name(table), rows: 0, bytes: 0, live: false, error };
            assert_eq!(both.told_report(report).error.unwrap().contains("canary"), is_told, "{table}");
        }
    }

    #[test]
    fn claims_are_texts_and_what_is_no_text_is_missing() {
        let values = [
            ("text", json!("x"), Some(Claim::One("x".to_owned()))),
            ("number", json!(3), Some(Claim::One("3".to_owned()))),
            ("bool", json!(true), Some(Claim::One("true".to_owned()))),
            ("list", json!([1, "b"]), Some(Claim::Several(vec!["1".to_owned(), "b".to_owned()]))),
            ("null", json!(null), None),
            ("fraction", json!(1.5), None),
            ("object", json!({}), None),
            ("nested", json!([[1]]), None),
        ];
        let known = values.iter().map(|(name, value, _)| ((*name).to_owned(), value.clone())).collect();
        let claims = Claims { roles: BTreeSet::new(), values: known };
        for (name, _, expected) in values {
            assert_eq!(claim(&claims, name), expected, "{name}");
        }
        assert_eq!(claim(&claims, "missing"), None);
    }
}
