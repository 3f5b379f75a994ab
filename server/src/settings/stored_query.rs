//! One `[[query]]` of the configuration file: a stored query. That it can be read is found here; whether its tables are
//! there is found when it is asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rail_forge_connectors::{Source, matches_pattern};
use rail_forge_planner::{Constant, StoredParameter, StoredQuery, is_plain_name};
use serde::Deserialize;
use serde_json::Value;

use crate::authorisation::{Role, Roles};
use crate::stored_queries::{ParameterNotes, Stored, StoredQueries};

/// The keys of a stored query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueryTable {
    name: String,
    #[serde(default)]
    description: String,
    sql: Option<String>,
    sql_file: Option<PathBuf>,
    #[serde(default)]
    parameters: Vec<ParameterTable>,
    catalog: Option<String>,
    schema: Option<String>,
    reads_as: Option<String>,
}

/// One of its `parameters`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterTable {
    name: String,
    #[serde(rename = "type")]
    type_name: String,
    #[serde(default)]
    description: String,
    default: Option<toml::Value>,
    #[serde(default)]
    optional: bool,
}

/// All stored queries. Paths are relative to the folder of the file.
///
/// # Errors
/// In words that name the query and the key.
pub(super) fn resolve(tables: Vec<QueryTable>, folder: &Path, roles: &Roles) -> Result<StoredQueries, String> {
    let mut queries = BTreeMap::new();
    for table in tables {
        let name = table.name.clone();
        let wrong = |message: String| format!("query \"{name}\": {message}");
        if !is_plain_name(&name) {
            return Err(wrong(
                "its name begins with a small letter, and has small letters, digits and _, at most 63".to_owned(),
            ));
        }
        let stored = table.resolve(folder, roles).map_err(wrong)?;
        if queries.insert(name.clone(), Arc::new(stored)).is_some() {
            return Err(format!("two queries are named \"{name}\"; give one of them another name"));
        }
    }
    Ok(StoredQueries(queries))
}

/// Finds names of stored queries in roles that none has.
///
/// # Errors
/// In words that name the role.
pub(super) fn check_roles(queries: &StoredQueries, roles: &Roles) -> Result<(), String> {
    for (role, Role { queries: patterns, .. }) in roles.0.iter().flatten() {
        let unknown = patterns.iter().find(|pattern| !queries.0.keys().any(|name| matches_pattern(pattern, name)));
        if let Some(pattern) = unknown {
            return Err(format!("role \"{role}\": no query is named \"{pattern}\", which it may run"));
        }
    }
    Ok(())
}

/// Finds stored queries on catalogues that there are not.
///
/// # Errors
/// In words that name the query.
pub(super) fn check_catalogs(queries: &StoredQueries, sources: &[Arc<Source>]) -> Result<(), String> {
    for (name, stored) in &queries.0 {
        let unknown = stored.catalog.as_ref().filter(|catalog| !sources.iter().any(|source| source.name() == *catalog));
        if let Some(catalog) = unknown {
            return Err(format!("query \"{name}\": no source is named \"{catalog}\", which is its catalog"));
        }
    }
    Ok(())
}

impl QueryTable {
    fn resolve(self, folder: &Path, roles: &Roles) -> Result<Stored, String> {
        let sql = match (self.sql, self.sql_file) {
            (Some(sql), None) => sql,
            (None, Some(file)) => {
                let path = folder.join(file);
                std::fs::read_to_string(&path).map_err(|error| format!("sql_file {}: {error}", path.display()))?
            }
            (None, None) => return Err("it has neither sql nor sql_file".to_owned()),
            (Some(_), Some(_)) => return Err("it has sql or sql_file, and not both".to_owned()),
        };
        let read = self.parameters.into_iter().map(ParameterTable::resolve).collect::<Result<Vec<_>, _>>()?;
        let (parameters, notes) = read.into_iter().unzip();
        let statement = StoredQuery::new(&sql, parameters).map_err(|error| error.to_string())?;
        let role = |name: String| {
            let role = roles.0.as_ref().and_then(|roles| roles.get(&name)).cloned();
            role.ok_or_else(|| format!("reads_as = \"{name}\": there is no [[role]] of that name"))
        };
        Ok(Stored {
            statement,
            description: self.description.trim().to_owned(),
            notes,
            catalog: self.catalog,
            schema: self.schema,
            reads_as: self.reads_as.map(role).transpose()?,
        })
    }
}

impl ParameterTable {
    fn resolve(self) -> Result<(StoredParameter, ParameterNotes), String> {
        let Self { name, type_name, description, default, optional } = self;
        let default = match (default, optional) {
            (Some(_), true) => {
                return Err(format!(
                    "the parameter \"{name}\" is optional, which is NULL, or has a default, and not both"
                ));
            }
            (Some(value), false) => Some(constant(&value).map_err(|what| format!("the parameter \"{name}\": {what}"))?),
            (None, true) => Some((Constant::Null, Value::Null)),
            (None, false) => None,
        };
        let (constant, default) = default.unzip();
        Ok((StoredParameter { name, type_name, default: constant }, ParameterNotes { description, default }))
    }
}

/// A default, and as it is told. Numbers with a fraction and dates are texts, which their types read.
fn constant(value: &toml::Value) -> Result<(Constant, Value), String> {
    let text = |text: String| (Constant::Text(text.clone()), Value::String(text));
    Ok(match value {
        toml::Value::String(value) => text(value.clone()),
        toml::Value::Datetime(value) => text(value.to_string()),
        toml::Value::Integer(value) => (Constant::Integer(*value), Value::from(*value)),
        toml::Value::Boolean(value) => (Constant::Boolean(*value), Value::from(*value)),
        toml::Value::Float(value) if value.is_finite() => (Constant::Text(value.to_string()), Value::from(*value)),
        toml::Value::Float(value) => text(value.to_string()),
        toml::Value::Array(values) => {
            let (constants, values) = values.iter().map(constant).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
            (Constant::Array(constants), Value::Array(values))
        }
        toml::Value::Table(_) => return Err("its default is a table, and no value".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Deserialize)]
    struct Document {
        query: Vec<QueryTable>,
    }

    fn queries(text: &str) -> Result<StoredQueries, String> {
        let document: Document = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        resolve(document.query, Path::new("/no/such/folder"), &Roles::default())
    }

    fn of_keys(keys: &str) -> Result<StoredQueries, String> {
        queries(&format!("[[query]]\nname = \"a\"\n{keys}"))
    }

    #[test]
    fn a_query_says_what_its_parameters_are() {
        let text = "sql = 'SELECT :a, :b, :c, :d'\nparameters = [\n\
                    { name = 'a', type = 'int4[]', default = [1, 2], description = 'A.' },\n\
                    { name = 'b', type = 'date', default = 2026-01-31 },\n\
                    { name = 'c', type = 'text', optional = true },\n\
                    { name = 'd', type = 'float8' } ]";
        let read = of_keys(text).unwrap();
        let stored = &read.0["a"];
        let defaults: Vec<_> = stored.notes.iter().map(|notes| notes.default.clone()).collect();
        assert_eq!(defaults, [Some(json!([1, 2])), Some(json!("2026-01-31")), Some(json!(null)), None]);
        let text = |text: &str| Some(Constant::Text(text.to_owned()));
        let array = Some(Constant::Array(vec![Constant::Integer(1), Constant::Integer(2)]));
        let constants: Vec<_> =
            stored.statement.parameters().iter().map(|parameter| parameter.default.clone()).collect();
        assert_eq!(constants, [array, text("2026-01-31"), Some(Constant::Null), None]);
        assert_eq!(stored.notes[0].description, "A.");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (keys, expected) in [
            ("", "neither sql nor sql_file"),
            ("sql = 'SELECT 1'\nsql_file = 'a.sql'", "not both"),
            ("sql_file = 'a.sql'", "/no/such/folder/a.sql"),
            ("sql = 'SELECT 1'\nreads_as = 'x'", "no [[role]]"),
            ("sql = 'SELECT 1'\nread_as = 'x'", "unknown field `read_as`"),
            ("sql = 'SELECT :a'\nparameters = [{ name = 'a' }]", "missing field `type`"),
            (
                "sql = 'SELECT :a'\nparameters = [{ name = 'a', type = 'int4', default = 1, optional = true }]",
                "not both",
            ),
            ("sql = 'SELECT :a'\nparameters = [{ name = 'a', type = 'int4', default = { x = 1 } }]", "is a table"),
            (
                "sql = 'SELECT :a'\nparameters = [{ name = 'a', type = 'date', default = 'x' }]",
                "its default: invalid input",
            ),
            ("sql = 'SELECT :a'", "query \"a\": syntax error: there is no parameter \"a\""),
        ] {
            let message = of_keys(keys).unwrap_err();
            assert!(message.contains(expected), "{keys}: {message}");
        }
        let message = queries("[[query]]\nname = 'a-b'\nsql = 'SELECT 1'").unwrap_err();
        assert!(message.contains("query \"a-b\": its name begins with a small letter"), "{message}");
        let twice = queries(&"[[query]]\nname = 'a'\nsql = 'SELECT 1'\n".repeat(2)).unwrap_err();
        assert!(twice.contains("two queries"), "{twice}");
    }
}
