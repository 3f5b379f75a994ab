//! Stored queries: those that the operator has written down, who may ask them, and with whose rights they read. Whoever
//! may ask one needs no right to its tables where it reads as a role; what a caller sends with it are values alone, and
//! what it hears are rows: why such a query has failed may quote what only the role may read.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use rail_forge_connectors as connectors;
use rail_forge_planner::{Arguments, Error, Execute, Query, Result, SessionOptions, StoredQuery, ValueError};
use serde_json::Value;

use crate::authorisation::{Rights, Role};

/// What is told in place of an error that may quote what the caller must not read.
const HIDDEN: &str = "the stored query failed on what it reads; the server's log says why";

/// A stored query.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub statement: StoredQuery,
    /// For whoever may ask it; empty where nothing is said.
    pub description: String,
    /// What is told of each parameter of the statement, in their order.
    pub notes: Vec<ParameterNotes>,
    /// Where its unqualified names are looked up, whatever the session says. `None` is as in [`SessionOptions`].
    pub catalog: Option<String>,
    pub schema: Option<String>,
    /// The role that it reads as, with the claims of the caller; without one, it reads what the caller may read.
    pub reads_as: Option<Role>,
}

/// What is told of a parameter beside its name and its type.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterNotes {
    pub description: String,
    /// What it is where it is not given; `None` where it has to be.
    pub default: Option<Value>,
}

/// All stored queries by their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredQueries(pub BTreeMap<String, Arc<Stored>>);

/// What a client asks: its statement as it is, or the stored query that this calls.
#[derive(Debug)]
pub struct Asked {
    pub query: Query,
    pub told: Told,
    /// What fails where an argument is not of its type, asked before a query that does not tell why it fails.
    pub casts: Option<Query>,
    arguments: Option<Arguments>,
}

/// What a client is told of what it has asked.
#[derive(Debug, Clone, Default)]
pub struct Told {
    stored: Option<(String, Arc<Stored>)>,
    hides: bool,
}

impl Stored {
    /// Its statement, with these values of its parameters and everything else as in a query of the caller.
    pub fn asked_by(
        self: &Arc<Self>,
        name: &str,
        caller: Query,
        arguments: Option<Arguments>,
        rights: &Rights,
    ) -> Result<Asked> {
        let policy = match &self.reads_as {
            Some(role) => Arc::new(rights.policy_as(role)),
            None => Arc::clone(&caller.policy),
        };
        let hides = self.reads_as.is_some() && !rights.are_whole();
        let told = Told { stored: Some((name.to_owned(), Arc::clone(self))), hides };
        let parameters = match &arguments {
            Some(arguments) => arguments.values(caller.parameters.as_deref())?,
            None => None,
        };
        let (catalog, schema) = (self.catalog.clone(), self.schema.clone());
        let options = SessionOptions { catalog, schema, timezone: caller.options.timezone.clone() };
        let has_values = parameters.as_ref().is_some_and(|values| !values.is_empty());
        let caller = Query { parameters, options, ..caller };
        let casts = self.statement.casts();
        let casts = (hides && has_values).then(|| Query { sql: casts.to_owned(), ..caller.clone() });
        let sql = self.statement.sql().to_owned();
        Ok(Asked { query: Query { sql, policy, ..caller }, told, casts, arguments })
    }
}

impl StoredQueries {
    /// What is asked.
    ///
    /// # Errors
    /// When the caller may not ask it, or the arguments are not those of its parameters.
    pub fn resolve(&self, caller: Query, rights: &Rights) -> Result<Asked> {
        let Some(execute) = Execute::parse(&caller.sql)? else {
            return Ok(Asked { query: caller, told: Told::default(), casts: None, arguments: None });
        };
        // One that may not be asked is one that there is not.
        let stored = self.0.get(&execute.name).filter(|_| rights.may_ask(&execute.name)).ok_or_else(|| {
            Error::UnknownQuery(format!("there is no stored query \"{}\" that the caller may run", execute.name))
        })?;
        let arguments = stored.statement.arguments(&execute)?;
        stored.asked_by(&execute.name, caller, Some(arguments), rights)
    }

    /// Those that a caller may ask.
    pub fn visible<'a>(&'a self, rights: &'a Rights) -> impl Iterator<Item = (&'a String, &'a Arc<Stored>)> {
        self.0.iter().filter(|(name, _)| rights.may_ask(name))
    }
}

impl Asked {
    /// For the client's parameters the types that the statement wants, of which those of its own are given.
    pub fn wanted(&self, of_statement: Vec<Option<DataType>>) -> Vec<Option<DataType>> {
        match &self.arguments {
            Some(arguments) => arguments.wanted(&of_statement),
            None => of_statement,
        }
    }

    /// Refuses a call whose parameters the client has not given.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn refuse_unbound(&self) -> Result<()> {
        match self.arguments.as_ref().map_or(0, Arguments::parameters) {
            count if count > 0 && self.query.parameters.is_none() => Err(Error::parameter_count(count, 0)),
            _ => Ok(()),
        }
    }
}

impl Told {
    /// An error as the client may hear it.
    pub fn error(&self, error: Error) -> Error {
        let Some((name, stored)) = &self.stored else { return error };
        let may_quote = matches!(
            error,
            Error::Value(_)
                | Error::Query(_)
                | Error::UnknownTable(_)
                | Error::Unsupported(_)
                | Error::Snapshot(connectors::Error::WholeQuery { .. } | connectors::Error::Table { .. })
        );
        if !self.hides || !may_quote {
            return stored.statement.named(error);
        }
        tracing::warn!(%error, query = name, "a stored query failed");
        match error {
            Error::Value(ValueError { sqlstate, .. }) => {
                Error::Value(ValueError { sqlstate, message: HIDDEN.to_owned() })
            }
            _ => Error::Query(HIDDEN.to_owned()),
        }
    }

    /// An error of the casts of its arguments: these are the caller's own.
    pub fn of_casts(&self, error: Error) -> Error {
        let named = match &self.stored {
            Some((_, stored)) => stored.statement.named(error),
            None => error,
        };
        match named {
            Error::Value(error) => Error::Parameter(format!("an argument is not of its type: {error}")),
            Error::Query(error) => Error::Parameter(format!("an argument is not of its type: {error}")),
            other => other,
        }
    }

    /// What is said of a value that has no place on the wire.
    pub fn of_value(&self, error: impl std::fmt::Display) -> String {
        if self.hides { HIDDEN.to_owned() } else { error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rail_forge_planner::{Class, Constant, StoredParameter};

    use super::*;
    use crate::auth::{Claims, Principal};
    use crate::authorisation::Roles;

    fn rights(queries: &[&str]) -> Rights {
        let queries = queries.iter().map(|name| (*name).to_owned()).collect();
        let role = Role { grants: vec![], queries, refresh: false };
        let claims = Claims { roles: BTreeSet::from(["a".to_owned()]), values: BTreeMap::new() };
        Roles(Some([("a".to_owned(), role)].into())).rights_of(&Principal::named("x").with_claims(Arc::new(claims)))
    }

    fn stored(reads_as: Option<Role>) -> StoredQueries {
        let default = Some(Constant::Integer(3));
        let parameter = StoredParameter { name: "n".to_owned(), type_name: "int4".to_owned(), default };
        let stored = Stored {
            statement: StoredQuery::new("SELECT :n", vec![parameter]).unwrap(),
            description: String::new(),
            notes: vec![],
            catalog: Some("shop".to_owned()),
            schema: None,
            reads_as,
        };
        StoredQueries([("three".to_owned(), Arc::new(stored))].into())
    }

    fn query(sql: &str, rights: &Rights) -> Query {
        let options = SessionOptions {
            catalog: Some("other".to_owned()),
            schema: Some("other".to_owned()),
            timezone: Some("Europe/Berlin".to_owned()),
        };
        let policy = Arc::clone(&rights.policy);
        Query { sql: sql.to_owned(), parameters: None, options, anew: false, class: Class::default(), policy }
    }

    #[test]
    fn a_call_is_allowed_by_its_name() {
        for (queries, may) in [(vec!["three"], true), (vec!["th*", "x"], true), (vec!["thre"], false), (vec![], false)]
        {
            let rights = rights(&queries);
            let asked = stored(None).resolve(query("EXECUTE three", &rights), &rights);
            assert_eq!(asked.is_ok(), may, "{queries:?}");
            assert_eq!(stored(None).visible(&rights).count(), usize::from(may));
            if let Err(error) = asked {
                let unknown = StoredQueries::default().resolve(query("EXECUTE three", &rights), &rights).unwrap_err();
                assert_eq!(error.to_string(), unknown.to_string());
            }
        }
        let all = Roles::default().rights_of(&Principal::named("x"));
        assert!(stored(None).resolve(query("EXECUTE three(1)", &all), &all).is_ok());
    }

    #[test]
    fn it_is_asked_with_names_and_rights_of_its_own() {
        let rights = rights(&["*"]);
        let role = Role { grants: vec![], queries: vec![], refresh: false };
        let asked = stored(Some(role.clone())).resolve(query("EXECUTE three", &rights), &rights).unwrap();
        let SessionOptions { catalog, schema, timezone } = asked.query.options;
        assert_eq!((catalog.as_deref(), schema, timezone.as_deref()), (Some("shop"), None, Some("Europe/Berlin")));
        assert_eq!(*asked.query.policy, rights.policy_as(&role));
        assert_eq!(asked.query.parameters.map(|values| values.len()), Some(1));
        let plain = stored(None).resolve(query("SELECT 1", &rights), &rights).unwrap();
        assert_eq!((plain.query.sql.as_str(), plain.query.options.catalog.as_deref()), ("SELECT 1", Some("other")));
    }

    #[test]
    fn what_it_fails_on_is_told_to_those_who_may_read_it() {
        let value = || Error::Value(ValueError { sqlstate: "22P02", message: "canary".to_owned() });
        let role = Role { grants: vec![], queries: vec![], refresh: false };
        let some = rights(&["*"]);
        let all = Roles::default().rights_of(&Principal::named("x"));
        for (reads_as, rights, is_told) in [(Some(role), &some, false), (None, &some, true)] {
            for rights in [rights, &all] {
                let asked = stored(reads_as.clone()).resolve(query("EXECUTE three", rights), rights).unwrap();
                let is_told = is_told || rights.are_whole();
                for error in [value(), Error::Query("canary".to_owned()), Error::UnknownTable("canary".to_owned())] {
                    let told = asked.told.error(error);
                    assert_eq!(told.to_string().contains("canary"), is_told, "{told}");
                }
                assert!(matches!(asked.told.error(value()), Error::Value(ValueError { sqlstate: "22P02", .. })));
                let named = asked.told.error(Error::ParameterValue { number: 1, message: "wrong".to_owned() });
                assert_eq!(named.to_string(), "parameter \"n\": wrong");
            }
        }
    }
}
