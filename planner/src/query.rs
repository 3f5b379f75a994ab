//! What a client asks for, and what it is told about the answer.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;
use rail_forge_connectors::{AsOf, TableName};
use serde::{Deserialize, Serialize};

/// One statement with its parameters.
#[derive(Debug, Clone)]
pub struct Query {
    pub sql: String,
    /// The values of `$1`, `$2`, ...; `None` before they are bound.
    pub parameters: Option<Vec<ScalarValue>>,
    pub options: SessionOptions,
}

/// What a client says once for its queries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionOptions {
    /// Where unqualified names are looked up. `None` is the server's default: the first source, `public`.
    pub catalog: Option<String>,
    pub schema: Option<String>,
    /// The time zone that timestamps are read, printed and cut into days in. `None` is UTC.
    pub timezone: Option<String>,
}

/// A planned statement.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The columns of the result, as the engine computes them.
    pub schema: SchemaRef,
    /// For `$1`, `$2`, ... the type that the statement wants; `None` where any will do.
    pub parameters: Vec<Option<DataType>>,
    pub truth: Truth,
}

/// What a result is true for.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// The version of the snapshot that the result is computed on.
    pub version: u64,
    /// The oldest moment of the tables that the result reads; `None` where it reads none.
    pub as_of: Option<AsOf>,
    /// Those tables, each with its moment. They are the same unless tables were refreshed apart, or are live.
    pub tables: Vec<TableTruth>,
}

/// What a result is true for as far as one table goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableTruth {
    pub name: TableName,
    /// For a live table that has not been read yet, the time of planning and no position: it will be read later.
    pub as_of: AsOf,
    /// Whether PostgreSQL is asked for its rows.
    pub live: bool,
}

impl Truth {
    pub(crate) fn new(version: u64, mut tables: Vec<TableTruth>) -> Self {
        tables.sort();
        tables.dedup();
        let as_of = tables.iter().map(|table| table.as_of).min();
        Self { version, as_of, tables }
    }

    /// The same, now that it is known as of when each source's live tables are read.
    pub(crate) fn read_at(self, moments: &BTreeMap<String, AsOf>) -> Self {
        let read = |table: TableTruth| match moments.get(&table.name.catalog) {
            Some(&as_of) if table.live => TableTruth { as_of, ..table },
            _ => table,
        };
        Self::new(self.version, self.tables.into_iter().map(read).collect())
    }
}

/// What a query's functions may know of where and when they are called.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// The moment of `now()`: microseconds since 1970-01-01 00:00 UTC.
    pub(crate) now_micros: i64,
    /// The time zone of the session.
    pub(crate) zone: String,
    /// Where unqualified names are looked up.
    pub(crate) catalog: String,
    pub(crate) schema: String,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { now_micros: 0, zone: "UTC".to_owned(), catalog: String::new(), schema: String::new() }
    }
}
