//! The configuration file: TOML, a `[server]` table, one `[[source]]` for each catalogue, one `[[oidc]]` for each identity
//! provider, one `[[role]]` for each role and one `[[query]]` for each stored query. A key that is not known is an error,
//! because a setting that is silently ignored is worse than none.

use std::path::Path;

use rail_forge_connectors::Source;
use serde::Deserialize;

use super::oidc::{self, OidcTable};
use super::role::{self, RoleTable};
use super::source::SourceTable;
use super::stored_query::{self, QueryTable};
use super::{ServerSettings, SettingsError};
use crate::auth::IssuerSettings;
use crate::authorisation::Roles;
use crate::stored_queries::StoredQueries;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) server: ServerSettings,
    pub(super) sources: Vec<Source>,
    pub(super) issuers: Vec<IssuerSettings>,
    pub(super) roles: Roles,
    pub(super) stored_queries: StoredQueries,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Document {
    server: ServerSettings,
    source: Vec<SourceTable>,
    oidc: Vec<OidcTable>,
    role: Vec<RoleTable>,
    query: Vec<QueryTable>,
}

/// Reads a file.
///
/// # Errors
/// When it is not there, not TOML, or says something that is not known; the text names line and column.
pub(super) fn read(path: &Path) -> Result<File, SettingsError> {
    let wrong = |message| wrong(path, message);
    let document = parse(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let sources =
        document.source.into_iter().map(|table| table.resolve(folder)).collect::<Result<_, _>>().map_err(wrong)?;
    let issuers = oidc::resolve(document.oidc, folder).map_err(wrong)?;
    let roles = role::resolve(document.role).map_err(wrong)?;
    let stored_queries = stored_query::resolve(document.query, folder, &roles).map_err(wrong)?;
    stored_query::check_roles(&stored_queries, &roles).map_err(wrong)?;
    Ok(File { server: document.server, sources, issuers, roles, stored_queries })
}

/// Reads what a file says of the server, and nothing of what its sources need.
///
/// # Errors
/// When it is not there, not TOML, or says something that is not known.
pub(super) fn read_server(path: &Path) -> Result<ServerSettings, SettingsError> {
    parse(path).map(|document| document.server)
}

fn parse(path: &Path) -> Result<Document, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|error| wrong(path, error.to_string()))?;
    toml::from_str(&text).map_err(|error| wrong(path, describe(&error, &text)))
}

fn wrong(path: &Path, message: String) -> SettingsError {
    SettingsError(format!("{}: {message}", path.display()))
}

/// What is wrong and where, without the line itself: it may hold a password.
fn describe(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().and_then(|span| Some(text.get(..span.start)?.matches('\n').count() + 1));
    match line {
        Some(line) => format!("line {line}: {}", error.message()),
        None => error.message().to_owned(),
    }
}
