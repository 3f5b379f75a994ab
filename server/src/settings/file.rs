//! The configuration file: TOML, a `[server]` table and one `[[source]]` for each catalogue. A key that is
//! not known is an error, because a setting that is silently ignored is worse than none.

use std::path::Path;

use rail_forge_connectors::Source;
use serde::Deserialize;

use super::source::SourceTable;
use super::{ServerSettings, SettingsError};

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) server: ServerSettings,
    pub(super) sources: Vec<Source>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Document {
    server: ServerSettings,
    source: Vec<SourceTable>,
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
        .map(|table| table.resolve(path.parent().unwrap_or(Path::new("."))))
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
