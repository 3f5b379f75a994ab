//! What an operator decides about a source and its tables, apart from where it is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::TableName;
use crate::pattern::matches_pattern;
use crate::snapshot::TableEntry;

/// How long a connection may take. PostgreSQL answers in milliseconds; a host that drops packets never does.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a pull waits for a table that somebody has locked.
pub const DEFAULT_LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that read rows for refreshes.
pub const DEFAULT_CONNECTIONS: usize = 2;
/// Connections of all queries that read live tables of a source.
pub const DEFAULT_LIVE_CONNECTIONS: usize = 4;
/// A query that reads two live tables has one connection that holds the snapshot and at least one that reads.
pub const MIN_LIVE_CONNECTIONS: usize = 2;
/// How long one statement of a query on a live table may run; as long as a whole query by default.
pub const DEFAULT_STATEMENT_TIMEOUT: Duration = Duration::from_secs(300);

/// How names of PostgreSQL's own functions about the server begin.
const OF_SERVER: &str = "pg_";

/// The column that says which of several databases a row is of.
pub const DEFAULT_SHARD_COLUMN: &str = "shard";

/// The settings of a source.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    pub selection: TableSelection,
    /// Connections that read rows for all refreshes together, beside the one of each refresh that holds its snapshot.
    pub connections: usize,
    /// Connections of queries on live tables, at least [`MIN_LIVE_CONNECTIONS`].
    pub live_connections: usize,
    pub reader: Reader,
    pub unrepresentable: Unrepresentable,
    /// A file that holds the password of the role, and nothing else.
    pub password_file: Option<PathBuf>,
    pub connect_timeout: Duration,
    pub lock_timeout: Duration,
    /// How long PostgreSQL may take over one statement of a query on a live table.
    pub statement_timeout: Duration,
    /// Whether PostgreSQL may answer what the engine cannot.
    pub fallback: Fallback,
    /// Patterns of functions that it may then call, beside those that the engine has too.
    pub fallback_functions: Vec<String>,
    /// How tables are refreshed that no entry of `tables` matches.
    pub refresh: RefreshPolicy,
    /// Patterns of `schema.table` and what holds for the tables that they match; the first that says something counts.
    pub tables: Vec<(String, TableSettings)>,
}

impl Default for SourceSettings {
    fn default() -> Self {
        Self {
            selection: TableSelection::default(),
            connections: DEFAULT_CONNECTIONS,
            live_connections: DEFAULT_LIVE_CONNECTIONS,
            reader: Reader::Auto,
            unrepresentable: Unrepresentable::Error,
            password_file: None,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            lock_timeout: DEFAULT_LOCK_TIMEOUT,
            statement_timeout: DEFAULT_STATEMENT_TIMEOUT,
            fallback: Fallback::Off,
            fallback_functions: vec![],
            refresh: RefreshPolicy::default(),
            tables: vec![],
        }
    }
}

impl SourceSettings {
    /// How a table is refreshed.
    pub fn refresh_policy(&self, table: &TableName) -> &RefreshPolicy {
        self.of_table(table).find_map(|settings| settings.refresh.as_ref()).unwrap_or(&self.refresh)
    }

    /// Whether the entry is what these settings make of the table: live or not, and with what Arrow has no place
    /// for as they say. It is not when they have changed since its last refresh.
    pub fn agrees_with(&self, entry: &TableEntry) -> bool {
        match (self.refresh_policy(&entry.name).mode == RefreshMode::Live, &entry.live) {
            (true, Some(live)) => live.nulls_unrepresentable == (self.unrepresentable == Unrepresentable::Null),
            (is_live, entry) => is_live == entry.is_some(),
        }
    }

    /// Whether a query that PostgreSQL answers as a whole may call a function that the engine does not have.
    pub fn allows_function(&self, name: &str) -> bool {
        // Those about the server, and those of other schemas, are meant only where that is written.
        let is_meant = |pattern: &str| {
            (pattern.starts_with(OF_SERVER) || !name.starts_with(OF_SERVER))
                && pattern.contains('.') == name.contains('.')
        };
        self.fallback_functions.iter().any(|pattern| is_meant(pattern) && matches_pattern(pattern, name))
    }

    /// The columns of a table that come as text.
    pub(crate) fn text_columns(&self, table: &TableName) -> &[String] {
        self.first_list(table, |settings| &settings.text_columns)
    }

    /// The columns that the files of a table are sorted by.
    pub(crate) fn sort_by(&self, table: &TableName) -> &[String] {
        self.first_list(table, |settings| &settings.sort_by)
    }

    /// What is told of a table in place of PostgreSQL's comment.
    pub(crate) fn comment(&self, table: &TableName) -> Option<&str> {
        self.of_table(table).find_map(|settings| settings.comment.as_deref())
    }

    /// The same of its columns, by their names.
    pub(crate) fn comments(&self, table: &TableName) -> impl Iterator<Item = (&String, &String)> {
        self.of_table(table)
            .map(|settings| &settings.comments)
            .find(|comments| !comments.is_empty())
            .into_iter()
            .flatten()
    }

    /// The schedules of its tables, each once; that of tables without settings of their own comes first.
    pub fn schedules(&self) -> Vec<Schedule> {
        let mut schedules = vec![self.refresh.schedule];
        for policy in self.tables.iter().filter_map(|(_, settings)| settings.refresh.as_ref()) {
            if policy.mode != RefreshMode::Live && !schedules.contains(&policy.schedule) {
                schedules.push(policy.schedule);
            }
        }
        schedules
    }

    /// The first of the lists that are said for a table.
    fn first_list<'a>(
        &'a self,
        table: &TableName,
        list: impl Fn(&'a TableSettings) -> &'a Vec<String>,
    ) -> &'a [String] {
        self.of_table(table).map(list).find(|list| !list.is_empty()).map(Vec::as_slice).unwrap_or_default()
    }

    /// What holds for a table; of two that say something, the first counts.
    fn of_table(&self, table: &TableName) -> impl Iterator<Item = &TableSettings> {
        let name = format!("{}.{}", table.schema, table.table);
        self.tables.iter().filter(move |(pattern, _)| matches_pattern(pattern, &name)).map(|(_, settings)| settings)
    }
}

/// Which tables of a source are served.
#[derive(Debug, Clone)]
pub struct TableSelection {
    /// The schemas that are read.
    pub schemas: Vec<String>,
    /// Patterns of the names of tables that are served; `*` stands for any characters. All are where there are none.
    pub include: Vec<String>,
    /// Patterns of table names to leave out; `*` stands for any characters.
    pub exclude: Vec<String>,
}

impl Default for TableSelection {
    fn default() -> Self {
        Self { schemas: vec!["public".to_owned()], include: vec![], exclude: vec![] }
    }
}

impl TableSelection {
    /// Whether the table is among those that are served, as far as its name says.
    pub(crate) fn serves(&self, table: &str) -> bool {
        let is_any = |patterns: &[String]| patterns.iter().any(|pattern| matches_pattern(pattern, table));
        (self.include.is_empty() || is_any(&self.include)) && !is_any(&self.exclude)
    }
}

/// What holds for some tables of a source.
#[derive(Debug, Clone, Default)]
pub struct TableSettings {
    pub refresh: Option<RefreshPolicy>,
    /// Columns that come as the text that PostgreSQL prints.
    pub text_columns: Vec<String>,
    /// Columns that the rows of a file are sorted by.
    pub sort_by: Vec<String>,
    /// What is told of the table, and of columns by their names, in place of the comments that PostgreSQL has.
    pub comment: Option<String>,
    pub comments: BTreeMap<String, String>,
}

/// How a table is refreshed, and how often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefreshPolicy {
    pub mode: RefreshMode,
    pub schedule: Schedule,
}

/// How often tables are refreshed. Those of one schedule are refreshed together, as one snapshot sees them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Without it, when asked.
    pub every: Option<Duration>,
    /// Up to so much is added to `every`, by chance, so that many servers do not refresh at the same moment.
    pub jitter: Duration,
}

/// How a table is refreshed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RefreshMode {
    /// Every row, each time.
    #[default]
    Full,
    /// The rows whose `column` is above the largest value so far, or at most `overlap` below it.
    Watermark { column: String, overlap: Option<Overlap> },
    /// The rows whose version is not the one that was read before, and the removal of those that are gone.
    Diff,
    /// No snapshot: scans are sent to PostgreSQL.
    Live,
}

impl RefreshMode {
    /// Whether rows that were read before are kept and added to.
    pub(crate) fn builds_on_rows(&self) -> bool {
        matches!(self, Self::Diff | Self::Watermark { .. })
    }
}

/// How far below the largest value a watermark refresh reads again, for transactions that committed late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// For columns of numbers.
    Units(u64),
    /// For columns of dates and timestamps.
    Time(Duration),
}

/// Who reads rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reader {
    /// The fastest, which is COPY.
    #[default]
    Auto,
    Copy,
    ConnectorX,
}

/// Which queries PostgreSQL answers as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fallback {
    /// None.
    #[default]
    Off,
    /// Those that the engine does not support.
    Unsupported,
}

/// What becomes of values that have no place in the Arrow type of their column: NaN and infinity as a
/// decimal, infinite dates, timestamps and intervals, those beyond Arrow's range, 24:00:00.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unrepresentable {
    /// The table is not refreshed, and the error names the row.
    #[default]
    Error,
    /// They become NULL.
    Null,
}
