//! One `[[source]]` of the configuration file: where its database or databases are, and how their tables are served.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rail_forge_connectors::{
    Fallback, Overlap, Reader, RefreshMode, RefreshPolicy, Schedule, Source, SourceSettings, TableSelection,
    TableSettings, Unrepresentable,
};
use serde::{Deserialize, Deserializer, de};

use super::units::Period;

/// The keys of a source.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceTable {
    name: String,
    url: Option<String>,
    url_file: Option<PathBuf>,
    url_env: Option<String>,
    urls: Option<Urls>,
    shard_names: Option<Vec<String>>,
    shard_column: Option<String>,
    schemas: Option<Vec<String>>,
    #[serde(default)]
    include: Vec<String>,
    #[serde(default)]
    exclude: Vec<String>,
    connections: Option<usize>,
    live_connections: Option<usize>,
    #[serde(default)]
    reader: ReaderName,
    #[serde(default)]
    unrepresentable: UnrepresentableName,
    password_file: Option<PathBuf>,
    connect_timeout: Option<Period>,
    lock_timeout: Option<Period>,
    statement_timeout: Option<Period>,
    #[serde(default)]
    fallback: FallbackName,
    #[serde(default)]
    fallback_functions: Vec<String>,
    refresh: Option<RefreshTable>,
    #[serde(default)]
    tables: BTreeMap<String, TableTable>,
}

impl std::fmt::Debug for SourceTable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SourceTable").field("name", &self.name).finish_non_exhaustive()
    }
}

/// `[source.tables."schema.table"]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableTable {
    refresh: Option<RefreshTable>,
    #[serde(default)]
    text_columns: Vec<String>,
    #[serde(default)]
    sort_by: Vec<String>,
    comment: Option<String>,
    #[serde(default)]
    comments: BTreeMap<String, String>,
}

/// `refresh = { ... }`; what a table does not say is as its source says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefreshTable {
    mode: Option<Mode>,
    column: Option<String>,
    overlap: Option<OverlapSize>,
    every: Option<Period>,
    jitter: Option<Period>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Full,
    Watermark,
    Diff,
    Live,
}

/// A number, or a time as people write it, which may be none at all.
#[derive(Debug, Clone, Copy)]
struct OverlapSize(Overlap);

impl<'de> Deserialize<'de> for OverlapSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || de::Error::custom("an overlap is a number, such as 1000, or a time, such as \"1m\"");
        match toml::Value::deserialize(deserializer)? {
            toml::Value::Integer(units) => {
                units.try_into().map(|units| Self(Overlap::Units(units))).map_err(|_| wrong())
            }
            toml::Value::String(text) => {
                humantime::parse_duration(&text).map(|time| Self(Overlap::Time(time))).map_err(|_| wrong())
            }
            _ => Err(wrong()),
        }
    }
}

/// A list of URLs. What is something else is not quoted, because it may be a URL with a password.
struct Urls(Vec<String>);

impl<'de> Deserialize<'de> for Urls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || de::Error::custom("urls is a list of URLs, such as [\"postgres://eu/shop\"]");
        let toml::Value::Array(values) = toml::Value::deserialize(deserializer)? else { return Err(wrong()) };
        let url = |value| match value {
            toml::Value::String(url) => Ok(url),
            _ => Err(wrong()),
        };
        values.into_iter().map(url).collect::<Result<_, _>>().map(Self)
    }
}

/// Where the rows of a source are.
enum Place {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ReaderName {
    #[default]
    Auto,
    Copy,
    ConnectorX,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FallbackName {
    #[default]
    Off,
    Unsupported,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum UnrepresentableName {
    #[default]
    Error,
    Null,
}

impl SourceTable {
    /// The source; files are looked for from `folder`.
    ///
    /// # Errors
    /// In words that name the source and the key.
    pub(super) fn resolve(self, folder: &Path) -> Result<Source, String> {
        let place = self.place(folder)?;
        let name = self.name;
        let wrong = |message: String| format!("source \"{name}\": {message}");
        let defaults = SourceSettings::default();
        let (include, exclude) = (self.include, self.exclude);
        let mut selection = TableSelection { include, exclude, ..TableSelection::default() };
        if let Some(schemas) = self.schemas {
            selection.schemas = schemas;
        }
        if self.connections == Some(0) {
            return Err(wrong("connections must be at least 1".to_owned()));
        }
        let refresh = self.refresh.unwrap_or_default().policy(None).map_err(&wrong)?;
        let mut tables = vec![];
        for (pattern, table) in self.tables {
            let own = table.refresh.map(|own| own.policy(Some(&refresh))).transpose();
            let own = own.map_err(|message| wrong(format!("tables.\"{pattern}\": {message}")))?;
            let TableTable { text_columns, sort_by, comment, comments, .. } = table;
            tables.push((pattern, TableSettings { refresh: own, text_columns, sort_by, comment, comments }));
        }
        // A name comes before patterns, a longer pattern before a shorter one.
        tables.sort_by_key(|(pattern, _)| (pattern.contains('*'), std::cmp::Reverse(pattern.len())));
        let settings = SourceSettings {
            selection,
            connections: self.connections.unwrap_or(defaults.connections),
            live_connections: self.live_connections.unwrap_or(defaults.live_connections),
            reader: match self.reader {
                ReaderName::Auto => Reader::Auto,
                ReaderName::Copy => Reader::Copy,
                ReaderName::ConnectorX => Reader::ConnectorX,
            },
            unrepresentable: match self.unrepresentable {
                UnrepresentableName::Error => Unrepresentable::Error,
                UnrepresentableName::Null => Unrepresentable::Null,
            },
            password_file: self.password_file.map(|file| folder.join(file)),
            connect_timeout: self.connect_timeout.map_or(defaults.connect_timeout, |Period(time)| time),
            lock_timeout: self.lock_timeout.map_or(defaults.lock_timeout, |Period(time)| time),
            statement_timeout: self.statement_timeout.map_or(defaults.statement_timeout, |Period(time)| time),
            fallback: match self.fallback {
                FallbackName::Off => Fallback::Off,
                FallbackName::Unsupported => Fallback::Unsupported,
            },
            fallback_functions: self.fallback_functions,
            refresh,
            tables,
        };
        let source = match place {
            Place::One(url) => Source::new(&name, &url, settings),
            Place::Several(urls) => {
                Source::sharded(&name, &urls, self.shard_names.as_deref(), self.shard_column.as_deref(), settings)
            }
        };
        source.map_err(|error| error.to_string())
    }

    /// The URL or URLs, from the one place that is given.
    fn place(&self, folder: &Path) -> Result<Place, String> {
        let name = &self.name;
        let of_shards = [("shard_names", self.shard_names.is_some()), ("shard_column", self.shard_column.is_some())];
        if let Some((key, _)) = of_shards.iter().find(|(_, is_given)| *is_given && self.urls.is_none()) {
            return Err(format!("source \"{name}\": {key} goes with urls, which is not given"));
        }
        match (&self.url, &self.url_file, &self.url_env, &self.urls) {
            (Some(url), None, None, None) => Ok(Place::One(url.clone())),
            (None, Some(file), None, None) => {
                let path = folder.join(file);
                std::fs::read_to_string(&path)
                    .map(|url| Place::One(url.trim().to_owned()))
                    .map_err(|error| format!("source \"{name}\": url_file {}: {error}", path.display()))
            }
            (None, None, Some(variable), None) => std::env::var(variable)
                .map(Place::One)
                .map_err(|_| format!("source \"{name}\": url_env: the environment has no variable {variable}")),
            (None, None, None, Some(Urls(urls))) => Ok(Place::Several(urls.clone())),
            _ => Err(format!("source \"{name}\": give exactly one of url, url_file, url_env and urls")),
        }
    }
}

impl RefreshTable {
    /// The policy; `source` is that of the source, for a table of it.
    fn policy(self, source: Option<&RefreshPolicy>) -> Result<RefreshPolicy, String> {
        let mode = match (self.mode, self.column) {
            (Some(Mode::Watermark), None) => {
                return Err("refresh: mode \"watermark\" needs column = \"...\", a column that grows".to_owned());
            }
            (Some(Mode::Watermark), Some(column)) => {
                let overlap = self.overlap.map(|OverlapSize(overlap)| overlap);
                RefreshMode::Watermark { column, overlap }
            }
            (_, Some(_)) => return Err("refresh: column is a key of mode \"watermark\"".to_owned()),
            (_, None) if self.overlap.is_some() => {
                return Err("refresh: overlap is a key of mode \"watermark\"".to_owned());
            }
            (Some(Mode::Full), None) => RefreshMode::Full,
            (Some(Mode::Diff), None) => RefreshMode::Diff,
            (Some(Mode::Live), None) => RefreshMode::Live,
            (None, None) => source.map(|policy| policy.mode.clone()).unwrap_or_default(),
        };
        let inherited = source.map(|policy| policy.schedule).unwrap_or_default();
        let every = self.every.map(|Period(every)| every).or(inherited.every);
        let jitter = self.jitter.map_or(inherited.jitter, |Period(jitter)| jitter);
        if mode == RefreshMode::Live && self.every.is_some() {
            return Err("refresh: a live table is read when it is asked for; leave out every".to_owned());
        }
        if every.is_none() && !jitter.is_zero() {
            return Err("refresh: jitter is added to every, which is not given".to_owned());
        }
        Ok(RefreshPolicy { mode, schedule: Schedule { every, jitter } })
    }
}
