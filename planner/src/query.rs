//! What a client asks for, and what it is told about the answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;
use rail_forge_connectors::{AsOf, TableName};
use serde::{Deserialize, Serialize};

use crate::admission::Class;
use crate::policy::Policy;
use crate::postgres::datetime::zone::Zone;
use crate::postgres::value::TimestampTz;

/// One statement with its parameters.
#[derive(Debug, Clone)]
pub struct Query {
    pub sql: String,
    /// The values of `$1`, `$2`, ...; `None` before they are bound.
    pub parameters: Option<Vec<ScalarValue>>,
    pub options: SessionOptions,
    /// Whether it is computed anew, whatever has been computed before.
    pub anew: bool,
    pub class: Class,
    /// What whoever asks may read at this moment.
    pub policy: Arc<Policy>,
}

/// What a client says once for its queries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionOptions {
    /// Where unqualified names are looked up. `None` is the server's default: the first source of which something may be
    /// read, `public`.
    pub catalog: Option<String>,
    pub schema: Option<String>,
    /// The time zone that timestamps are read, printed and cut into days in. `None` is UTC.
    pub timezone: Option<String>,
}

impl SessionOptions {
    /// Whether there is a time zone of that name.
    pub fn is_timezone(name: &str) -> bool {
        Zone::named(name).is_some()
    }
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

/// Who computes a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AnsweredBy {
    #[default]
    DataFusion,
    /// PostgreSQL itself, because the engine does not support the query.
    Postgres,
}

impl AnsweredBy {
    /// As clients are told.
    pub fn name(self) -> &'static str {
        match self {
            Self::DataFusion => "datafusion",
            Self::Postgres => "postgres",
        }
    }
}

/// Who computes a result, and what it is true for.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    pub engine: AnsweredBy,
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
        Self { engine: AnsweredBy::default(), version, as_of, tables }
    }

    /// The same, now that it is known as of when each source's live tables are read.
    pub(crate) fn read_at(self, moments: &BTreeMap<String, AsOf>) -> Self {
        let read = |table: TableTruth| match moments.get(&table.name.catalog) {
            Some(&as_of) if table.live => TableTruth { as_of, ..table },
            _ => table,
        };
        Self { engine: self.engine, ..Self::new(self.version, self.tables.into_iter().map(read).collect()) }
    }
}

/// For how long the answer to a statement is the same while its tables are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lasting {
    Always,
    /// It asks which day it is.
    Today,
    /// It asks what time it is, or leaves something to chance.
    Once,
}

impl Lasting {
    const ALL: [Self; 3] = [Self::Always, Self::Today, Self::Once];
}

/// What a query's functions may know of where and when they are called.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// The moment of the query: microseconds since 1970-01-01 00:00 UTC.
    now_micros: i64,
    /// For how long what was told of it holds, as its place in [`Lasting::ALL`].
    lasting: AtomicUsize,
    /// The time zone of the session.
    pub(crate) zone: String,
    /// Where unqualified names are looked up.
    pub(crate) catalog: String,
    pub(crate) schema: String,
}

impl Surroundings {
    pub(crate) fn new(now_micros: i64, zone: String, catalog: String, schema: String) -> Self {
        Self { now_micros, lasting: AtomicUsize::new(0), zone, catalog, schema }
    }

    /// The moment of the query, which its answer does not depend on.
    pub(crate) fn now(&self) -> TimestampTz {
        TimestampTz(self.now_micros)
    }

    /// The moment of `now()`: microseconds since 1970-01-01 00:00 UTC.
    pub(crate) fn now_micros(&self) -> i64 {
        self.lasts(Lasting::Once);
        self.now_micros
    }

    /// The moment of the query, of which only the day matters.
    pub(crate) fn today_micros(&self) -> i64 {
        self.lasts(Lasting::Today);
        self.now_micros
    }

    /// The moment of the query, for a text that has to be read to know whether it asks for it.
    pub(crate) fn now_micros_for(&self, text: &str) -> i64 {
        const ASKING: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];
        let text = text.to_ascii_lowercase();
        if ASKING.iter().any(|word| text.contains(word)) { self.now_micros() } else { self.now_micros }
    }

    /// The same moment for what the operator has written about a table, on which the session has no influence: it is at
    /// the table's place, and in UTC.
    pub(crate) fn of_operator(&self, table: &TableName) -> Self {
        Self::new(self.now_micros, "UTC".to_owned(), table.catalog.clone(), table.schema.clone())
    }

    /// Takes over that an answer also depends on what others were told.
    pub(crate) fn depends_on(&self, others: &Self) {
        // Their day may be another one than the session's.
        if others.lasting() != Lasting::Always {
            self.lasts(Lasting::Once);
        }
    }

    fn lasts(&self, lasting: Lasting) {
        self.lasting.fetch_max(lasting as usize, Ordering::Relaxed);
    }

    /// For how long an answer holds that was given by what was told so far.
    pub(crate) fn lasting(&self) -> Lasting {
        Lasting::ALL.get(self.lasting.load(Ordering::Relaxed)).copied().unwrap_or(Lasting::Once)
    }
}

impl Default for Surroundings {
    fn default() -> Self {
        Self::new(0, "UTC".to_owned(), String::new(), String::new())
    }
}
