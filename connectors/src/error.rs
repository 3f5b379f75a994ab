//! The errors of this crate, by what the caller does next: mend a setting, try again later, exclude a
//! table, look at a disk. No error text contains what the database said (it may quote data) or a secret;
//! the cause is kept as `source` and goes to the log.

use std::io::ErrorKind;
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

    /// PostgreSQL has not answered a query that it was given as a whole.
    #[error("PostgreSQL, which was asked because RailForge cannot plan the query, did not answer it: {message}")]
    WholeQuery {
        source_name: String,
        message: String,
        /// Whether the query's data are the reason.
        is_of_values: bool,
        #[source]
        cause: Cause,
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

    /// The disk of the data folder is full. What was written for nothing is removed again.
    #[error("{action} {}: its disk is full; make room there and refresh again", .path.display())]
    DiskFull {
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

    /// Another server has committed to the same object store, where nothing locks it out.
    #[error("another rail-forge server writes to {}: this refresh is dropped, and what the other has committed is served; give each server a data_dir of its own", .location.display())]
    AnotherServer { location: PathBuf },

    /// A ticket names a snapshot that has been replaced and removed.
    #[error("snapshot {version} has been replaced by a newer one and is no longer kept; run the query again")]
    SnapshotGone { version: u64 },

    /// The server is stopping, or another part of the same refresh has failed.
    #[error("the refresh was cancelled")]
    Cancelled,
}

impl Error {
    /// The same error once more, without its cause, where one failure ends several readers.
    pub fn retold(&self) -> Self {
        match self {
            Self::Table { table, column, message, .. } => {
                Self::Table { table: table.clone(), column: column.clone(), message: message.clone(), cause: None }
            }
            Self::Source { source_name, message, .. } => {
                Self::Source { source_name: source_name.clone(), message: message.clone(), cause: None }
            }
            _ => Self::Cancelled,
        }
    }

    /// An error about `path`, from the operating system or an object store.
    pub(crate) fn storage(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |cause| {
            if is_disk_full(&cause) {
                Self::DiskFull { action, path, cause }
            } else {
                Self::Storage { action, path, cause }
            }
        }
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

/// Whether a full disk is at the bottom of an error; libraries in between wrap what the system said.
fn is_disk_full(error: &std::io::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        let kind = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if matches!(kind, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded)) {
            return true;
        }
        next = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_found_under_what_wraps_it() {
        let full = std::io::Error::from(ErrorKind::StorageFull);
        let wrapped = std::io::Error::other(parquet::errors::ParquetError::from(full));
        let error = Error::storage("cannot write", "/data/x")(wrapped);
        assert!(matches!(error, Error::DiskFull { .. }), "{error:?}");
        assert!(error.to_string().starts_with("cannot write /data/x: its disk is full"), "{error}");
        let other = Error::storage("cannot write", "/data/x")(ErrorKind::PermissionDenied.into());
        assert!(matches!(other, Error::Storage { .. }), "{other:?}");
    }
}
