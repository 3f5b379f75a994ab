//! The errors of this crate, by what the caller does next: mend a setting, try again later, exclude a
//! table, look at a disk. No error text contains what the database said (it may quote data) or a secret;
//! the cause is kept as `source` and goes to the log.

use std::path::PathBuf;

use crate::TableName;

/// What a cause is kept as: it is logged, and never shown to a client.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a source could not be read, a table not be pulled or a snapshot not be kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is wrong; nothing was tried.
    #[error("source \"{source_name}\": {message}")]
    Configuration { source_name: String, message: String },

    /// The database did not answer, or refused us. Trying again later may work.
    #[error("source \"{source_name}\": {message}")]
    Source {
        source_name: String,
        message: String,
        #[source]
        cause: Option<Cause>,
    },

    /// One table cannot be served as it is; others can.
    #[error("table {table}{}: {message}", .column.as_ref().map(|c| format!(", column \"{c}\"")).unwrap_or_default())]
    Table {
        /// Boxed, so that results stay small.
        table: Box<TableName>,
        column: Option<String>,
        message: String,
        #[source]
        cause: Option<Cause>,
    },

    /// A refresh was asked for a table that no source has.
    #[error("no table \"{requested}\" in {searched}{}", .suggestion.as_ref().map(|s| format!("; did you mean {s}?")).unwrap_or_default())]
    UnknownTable { requested: String, searched: String, suggestion: Option<String> },

    /// The data folder could not be read or written.
    #[error("{action} {}: {cause}", .path.display())]
    Storage {
        action: &'static str,
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },

    /// A file of the data folder is not what was written.
    #[error("{} is damaged: {message}", .path.display())]
    Damaged { path: PathBuf, message: String },

    /// Another server uses the data folder.
    #[error("the data folder {} is in use by another rail-forge server{}; stop it or choose another folder", .path.display(), .pid.map(|p| format!(" (process {p})")).unwrap_or_default())]
    Locked { path: PathBuf, pid: Option<u32> },

    /// A ticket names a snapshot that has been replaced and removed.
    #[error("snapshot {version} has been replaced by a newer one and is no longer kept; run the query again")]
    SnapshotGone { version: u64 },

    /// The server is stopping, or another part of the same refresh has failed.
    #[error("the refresh was cancelled")]
    Cancelled,
}

impl Error {
    /// An error about `path`, from the operating system.
    pub(crate) fn storage(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Storage { action, path, cause }
    }

    /// An error about one table as a whole.
    pub(crate) fn table(table: &TableName, message: impl Into<String>) -> Self {
        Self::Table { table: Box::new(table.clone()), column: None, message: message.into(), cause: None }
    }

    /// An error about one column.
    pub(crate) fn column(table: &TableName, column: &str, message: impl Into<String>) -> Self {
        Self::Table {
            table: Box::new(table.clone()),
            column: Some(column.to_owned()),
            message: message.into(),
            cause: None,
        }
    }
}
