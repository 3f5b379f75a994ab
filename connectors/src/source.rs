//! A source: one PostgreSQL database, and which of its tables are served. Refuses, before any connection is
//! made, a name or a URL that it could not honour.

use crate::connection::{ConnectionError, ConnectionSettings, Database};
use crate::error::{Error, Result};

/// One PostgreSQL database whose tables are served as one catalogue.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    database: Database,
    selection: TableSelection,
    connections: usize,
}

/// Which tables of a source are pulled.
#[derive(Debug, Clone)]
pub struct TableSelection {
    /// The schemas that are read, in the order in which unqualified names are looked up.
    pub schemas: Vec<String>,
    /// Patterns of table names to leave out; `*` stands for any characters.
    pub exclude: Vec<String>,
}

impl Default for TableSelection {
    fn default() -> Self {
        Self { schemas: vec!["public".to_owned()], exclude: vec![] }
    }
}

impl TableSelection {
    /// Whether a pattern of `exclude` matches the table.
    pub(crate) fn excludes(&self, table: &str) -> bool {
        self.exclude.iter().any(|pattern| matches_pattern(pattern, table))
    }
}

impl Source {
    /// Checks the settings of a source.
    ///
    /// `connections` is how many connections a refresh may use beside the one that holds its snapshot.
    ///
    /// # Errors
    /// [`Error::Configuration`] when the name or the URL cannot be used.
    pub fn new(name: &str, url: &str, selection: TableSelection, connections: usize) -> Result<Self> {
        let wrong = |message: String| Error::Configuration { source_name: name.to_owned(), message };
        if name.is_empty() || name.contains(['.', '"', '/']) {
            return Err(wrong("a source's name must not be empty or contain . \" or /".to_owned()));
        }
        let database = Database::new(url, ConnectionSettings::default()).map_err(wrong)?;
        Ok(Self { name: name.to_owned(), database, selection, connections: connections.max(1) })
    }

    /// The source's name, which is the name of its catalogue.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Host, port and database, without user and password.
    pub fn location(&self) -> String {
        self.database.location()
    }

    /// Which tables are pulled.
    pub fn selection(&self) -> &TableSelection {
        &self.selection
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections
    }

    /// How to connect.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// That no connection was made, and why.
    pub(crate) fn unreachable(&self, error: ConnectionError) -> Error {
        error.into_error(&self.name, &self.location())
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any characters.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((prefix, rest)) => text.strip_prefix(prefix).is_some_and(|tail| {
            let mut starts = tail.char_indices().map(|(index, _)| index).chain([tail.len()]);
            starts.any(|start| matches_pattern(rest, &tail[start..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str) -> Result<Source> {
        Source::new("shop", url, TableSelection::default(), 2)
    }

    #[test]
    fn a_password_is_in_no_debug_text() {
        let source = source("postgres://app:canary@db.example:5433/shop").unwrap();
        let text = format!("{source:?}");
        assert!(text.contains("db.example:5433/shop"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for (url, expected) in [
            ("mysql://app@db/shop", "must begin with postgres://"),
            ("shop", "cannot be read"),
            ("postgres://app@db/shop?sslmode=maybe", "sslmode must be"),
            ("postgres://app@db/shop?sslcompression=1", "\"sslcompression\" is not known"),
        ] {
            let message = source(url).unwrap_err().to_string();
            assert!(message.contains(expected), "{url}: {message}");
        }
    }

    #[test]
    fn patterns_match_whole_names() {
        let selection =
            TableSelection { exclude: vec!["django_session".into(), "*_audit".into()], ..Default::default() };
        assert!(selection.excludes("django_session"));
        assert!(selection.excludes("orders_audit"));
        assert!(!selection.excludes("orders_audit_log"));
        assert!(!selection.excludes("django_session_2"));
    }
}
