//! One `[[role]]` of the configuration file: what those may read who have it. What is not said is not granted, and a
//! key that is not known is an error: a limit that is misspelt is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use rail_forge_connectors::{Source, matches_pattern};
use rail_forge_planner::{Columns, Grant, RowFilter};
use serde::Deserialize;

use crate::auth::IssuerSettings;
use crate::authorisation::{Role, Roles};

/// The keys of a role.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleTable {
    name: String,
    grants: Option<Vec<GrantTable>>,
    #[serde(default)]
    queries: Vec<String>,
    #[serde(default)]
    refresh: bool,
}

/// One of its `grants`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantTable {
    catalog: String,
    schemas: Option<Vec<String>>,
    tables: Option<Vec<String>>,
    columns: Option<Vec<String>>,
    except: Option<Vec<String>>,
    rows: Option<String>,
}

/// All roles.
///
/// # Errors
/// In words that name the role and the key.
pub(super) fn resolve(tables: Vec<RoleTable>) -> Result<Roles, String> {
    if tables.is_empty() {
        return Ok(Roles(None));
    }
    let mut roles = BTreeMap::new();
    for RoleTable { name, grants, queries, refresh } in tables {
        if name.is_empty() {
            return Err("a role needs a name".to_owned());
        }
        let wrong = |message: String| format!("role \"{name}\": {message}");
        if grants.is_none() && queries.is_empty() {
            return Err(wrong(
                "it allows nothing; give it grants on tables, or the names of stored queries".to_owned(),
            ));
        }
        let grants = grants.into_iter().flatten().map(|grant| grant.resolve(&name)).collect::<Result<Vec<_>, _>>();
        let grants = grants.map_err(&wrong)?;
        // What a refresh tells is how many rows there are.
        if refresh && grants.iter().any(|grant| grant.rows.is_some()) {
            return Err(wrong(
                "refresh = true tells how many rows there are, so it does not go with rows; give it to a role of its own"
                    .to_owned(),
            ));
        }
        if refresh && grants.is_empty() {
            return Err(wrong("refresh = true is for the tables of grants, and it has none".to_owned()));
        }
        let grants = grants.into_iter().map(Arc::new).collect();
        if roles.insert(name.clone(), Role { grants, queries, refresh }).is_some() {
            return Err(format!("two roles are named \"{name}\"; write their grants into one"));
        }
    }
    Ok(Roles(Some(roles)))
}

/// Finds grants on catalogues that there are not.
///
/// # Errors
/// In words that name the role.
pub(super) fn check_catalogs(roles: &Roles, sources: &[Arc<Source>]) -> Result<(), String> {
    for grant in roles.grants() {
        if !sources.iter().any(|source| matches_pattern(&grant.catalog, source.name())) {
            let (role, catalog) = (&grant.role, &grant.catalog);
            return Err(format!("role \"{role}\": no source is named \"{catalog}\", on which it has a grant"));
        }
    }
    Ok(())
}

/// Finds an issuer that gives roles where there are none: its tokens with a role would read nothing, and those without
/// one everything.
///
/// # Errors
/// In words that name the issuer.
pub(super) fn check_issuers(roles: &Roles, issuers: &[IssuerSettings]) -> Result<(), String> {
    match issuers.iter().find(|issuer| issuer.roles_claim.is_some()) {
        Some(IssuerSettings { name, .. }) if roles.are_off() => Err(format!(
            "oidc \"{name}\": roles_claim is for roles, and there is no [[role]]; add one, or leave it out"
        )),
        Some(_) | None => Ok(()),
    }
}

impl GrantTable {
    fn resolve(self, role: &str) -> Result<Grant, String> {
        let columns = match (self.columns, self.except) {
            (None, None) => Columns::All,
            (Some(columns), None) => Columns::Only(some(columns, "columns")?),
            (None, Some(columns)) => Columns::Except(some(columns, "except")?),
            (Some(_), Some(_)) => return Err("a grant has columns or except, and not both".to_owned()),
        };
        let rows = self.rows.map(|text| RowFilter::parse(&text).map_err(|error| format!("rows = \"{text}\": {error}")));
        let all = || vec!["*".to_owned()];
        Ok(Grant {
            role: role.to_owned(),
            catalog: self.catalog,
            schemas: self.schemas.map_or_else(|| Ok(all()), |schemas| some(schemas, "schemas"))?,
            tables: self.tables.map_or_else(|| Ok(all()), |tables| some(tables, "tables"))?,
            columns,
            rows: rows.transpose()?,
        })
    }
}

/// A list that says something: an empty one is more likely a mistake than what it says.
fn some(names: Vec<String>, key: &str) -> Result<Vec<String>, String> {
    if names.is_empty() {
        return Err(format!("{key} = [] grants nothing; leave the grant out, or {key} for all"));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Document {
        role: Vec<RoleTable>,
    }

    fn roles(text: &str) -> Result<Roles, String> {
        let document: Document = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        resolve(document.role)
    }

    fn of_grant(grant: &str) -> Result<Roles, String> {
        roles(&format!("[[role]]\nname = \"a\"\ngrants = [{{ {grant} }}]"))
    }

    #[test]
    fn a_grant_says_what_it_is_on() {
        let read =
            of_grant("catalog = \"shop\", tables = [\"o*\"], except = [\"x\"], rows = \"t = claim('t')\"").unwrap();
        let roles = read.0.unwrap();
        let [grant] = roles["a"].grants.as_slice() else { panic!("one grant") };
        assert_eq!((grant.role.as_str(), grant.catalog.as_str()), ("a", "shop"));
        assert_eq!(
            (grant.schemas.as_slice(), grant.tables.as_slice()),
            (&["*".to_owned()][..], &["o*".to_owned()][..])
        );
        assert_eq!(grant.columns, Columns::Except(vec!["x".to_owned()]));
        assert!(grant.rows.is_some() && !roles["a"].refresh);
        assert!(resolve(vec![]).unwrap().are_off());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (grant, expected) in [
            ("catalog = \"s\", row = \"true\"", "unknown field `row`"),
            ("schemas = [\"s\"]", "missing field `catalog`"),
            ("catalog = \"s\", columns = [\"a\"], except = [\"b\"]", "not both"),
            ("catalog = \"s\", tables = []", "tables = []"),
            ("catalog = \"s\", rows = \"a = \"", "role \"a\": rows ="),
            ("catalog = \"s\", rows = \"a IN (SELECT 1)\"", "no subqueries"),
        ] {
            let message = of_grant(grant).unwrap_err();
            assert!(message.contains(expected), "{grant}: {message}");
        }
        assert!(roles("[[role]]\nname = \"a\"").unwrap_err().contains("it allows nothing"));
        let refresh = "[[role]]\nname = \"a\"\nqueries = [\"x\"]\nrefresh = true";
        assert!(roles(refresh).unwrap_err().contains("it has none"));
        let twice = "[[role]]\nname = \"a\"\ngrants = []\n".repeat(2);
        assert!(roles(&twice).unwrap_err().contains("two roles"));
        let refresh = "[[role]]\nname = \"a\"\nrefresh = true\ngrants = [{ catalog = \"s\", rows = \"true\" }]";
        assert!(roles(refresh).unwrap_err().contains("refresh = true"));
    }

    #[test]
    fn grants_are_on_sources_that_there_are() {
        let url = "postgres://app@db/shop";
        let source = Source::new("shop", url, rail_forge_connectors::SourceSettings::default()).unwrap();
        let sources = [Arc::new(source)];
        for (catalog, known) in [("shop", true), ("sh*", true), ("*", true), ("other", false)] {
            let roles = of_grant(&format!("catalog = \"{catalog}\"")).unwrap();
            assert_eq!(check_catalogs(&roles, &sources).is_ok(), known, "{catalog}");
        }
    }
}
