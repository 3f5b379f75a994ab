//! The configuration file: TOML, a `[server]` table and one `[[source]]` for each database. A key that is
//! not known is an error, because a setting that is silently ignored is worse than none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rail_forge_connectors::{Source, TableSelection};
use serde::Deserialize;

use super::units::Period;
use super::{DEFAULT_CONNECTIONS, ServerSettings, SettingsError};
use crate::refresher::ScheduledSource;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) server: ServerSettings,
    pub(super) sources: Vec<ScheduledSource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Document {
    server: ServerSettings,
    source: Vec<SourceTable>,
}

/// One `[[source]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceTable {
    name: String,
    url: Option<String>,
    url_file: Option<PathBuf>,
    url_env: Option<String>,
    schemas: Option<Vec<String>>,
    #[serde(default)]
    exclude: Vec<String>,
    connections: Option<usize>,
    refresh: Option<RefreshTable>,
}

impl std::fmt::Debug for SourceTable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SourceTable").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefreshTable {
    #[serde(default)]
    mode: Mode,
    every: Option<Period>,
}

/// How tables are refreshed: each time whole.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Full,
}

/// Reads a file.
///
/// # Errors
/// When it is not there, not TOML, or says something that is not known; the text names line and column.
pub(super) fn read(path: &Path) -> Result<File, SettingsError> {
    let wrong = |message: String| SettingsError(format!("{}: {message}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let document: Document = toml::from_str(&text).map_err(|error| wrong(describe(&error, &text)))?;
    let sources = document
        .source
        .into_iter()
        .map(|table| source(table, path.parent().unwrap_or(Path::new("."))))
        .collect::<Result<_, _>>()
        .map_err(wrong)?;
    Ok(File { server: document.server, sources })
}

/// What is wrong and where, without the line itself: it may hold a password.
fn describe(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().and_then(|span| Some(text.get(..span.start)?.matches('\n').count() + 1));
    match line {
        Some(line) => format!("line {line}: {}", error.message()),
        None => error.message().to_owned(),
    }
}

fn source(table: SourceTable, folder: &Path) -> Result<ScheduledSource, String> {
    let url = url(&table, folder)?;
    let mut selection = TableSelection { exclude: table.exclude, ..TableSelection::default() };
    if let Some(schemas) = table.schemas {
        selection.schemas = schemas;
    }
    let connections = table.connections.unwrap_or(DEFAULT_CONNECTIONS);
    let source = Source::new(&table.name, &url, selection, connections).map_err(|error| error.to_string())?;
    let every = table.refresh.and_then(|RefreshTable { mode: Mode::Full, every }| every);
    Ok(ScheduledSource { source: Arc::new(source), every: every.map(|Period(every)| every) })
}

/// The URL, from the one place that is given.
fn url(table: &SourceTable, folder: &Path) -> Result<String, String> {
    let name = &table.name;
    match (&table.url, &table.url_file, &table.url_env) {
        (Some(url), None, None) => Ok(url.clone()),
        (None, Some(file), None) => {
            let path = folder.join(file);
            std::fs::read_to_string(&path)
                .map(|url| url.trim().to_owned())
                .map_err(|error| format!("source \"{name}\": url_file {}: {error}", path.display()))
        }
        (None, None, Some(variable)) => std::env::var(variable)
            .map_err(|_| format!("source \"{name}\": url_env: the environment has no variable {variable}")),
        _ => Err(format!("source \"{name}\": give exactly one of url, url_file and url_env")),
    }
}
