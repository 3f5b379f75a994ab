//! Columns that grants name and that no table has which they are on: one that is misspelt in `except` hides nothing. Of
//! tables that are still to come nothing is known, so that they are looked for whenever tables have been refreshed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rail_forge_connectors::{Manifest, TableEntry, matches_pattern};
use rail_forge_planner::{Columns, Grant};

use super::Roles;

/// Tells the log of them.
#[derive(Debug)]
pub struct Misfits {
    grants: Vec<Arc<Grant>>,
    told: Mutex<BTreeSet<String>>,
}

impl Misfits {
    /// Those of the grants of some roles.
    pub fn of(roles: &Roles) -> Self {
        Self { grants: roles.grants().cloned().collect(), told: Mutex::default() }
    }

    /// Tells of those among the tables of a manifest that there were not when it told of them last.
    pub fn tell(&self, manifest: &Manifest) {
        for misfit in self.new_ones(manifest) {
            tracing::warn!("{misfit}");
        }
    }

    fn new_ones(&self, manifest: &Manifest) -> Vec<String> {
        let found: BTreeSet<String> = self.grants.iter().flat_map(|grant| misfits_of(grant, manifest)).collect();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let new_ones = found.difference(&told).cloned().collect();
        *told = found;
        new_ones
    }
}

fn misfits_of(grant: &Grant, manifest: &Manifest) -> Vec<String> {
    let tables: Vec<&TableEntry> = manifest.tables.iter().filter(|table| grant.covers(&table.name)).collect();
    let names = match &grant.columns {
        Columns::Only(names) | Columns::Except(names) if !tables.is_empty() => names.as_slice(),
        Columns::All | Columns::Only(_) | Columns::Except(_) => &[],
    };
    let has =
        |table: &TableEntry, name: &str| table.schema.fields().iter().any(|field| matches_pattern(name, field.name()));
    let is_unknown = |name: &&String| !tables.iter().any(|table| has(table, name));
    let told = |name: &String| format!("role \"{}\": no table of a grant has a column \"{name}\"", grant.role);
    names.iter().filter(is_unknown).map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{grant, table};
    use super::*;

    #[test]
    fn a_misspelt_column_is_told_when_its_table_has_come_and_not_again() {
        let grants = vec![
            Arc::new(Grant {
                columns: Columns::Except(vec!["emial".to_owned(), "ph*".to_owned()]),
                ..grant("customer")
            }),
            Arc::new(Grant { columns: Columns::Only(vec!["id".to_owned()]), ..grant("orders") }),
        ];
        let misfits = Misfits { grants, told: Mutex::default() };
        let manifest = |tables: Vec<TableEntry>| Manifest { tables, ..Manifest::empty() };
        let customer = || table("customer", &["id", "email", "phone"]);
        assert_eq!(misfits.new_ones(&manifest(vec![])), Vec::<String>::new());
        assert_eq!(
            misfits.new_ones(&manifest(vec![customer()])),
            ["role \"customer\": no table of a grant has a column \"emial\""]
        );
        assert_eq!(
            misfits.new_ones(&manifest(vec![customer(), table("orders", &["no"])])),
            ["role \"orders\": no table of a grant has a column \"id\""]
        );
        // What has come right is told when it goes wrong again.
        assert_eq!(misfits.new_ones(&manifest(vec![table("customer", &["emial", "phone"])])), Vec::<String>::new());
        assert_eq!(misfits.new_ones(&manifest(vec![customer()])).len(), 1);
    }
}
