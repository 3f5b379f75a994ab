//! A source: one PostgreSQL database, or several of the same tables, and what the operator has decided about it.
//! Refuses, before any connection is made, a name or a URL that it could not honour.

use std::collections::BTreeSet;

use crate::connection::{ConnectionError, ConnectionSettings};
use crate::error::{Error, Result};
use crate::live::LiveConnections;
use crate::pull::{ROW_PLACE, ROW_WRITER};
use crate::refresh::{ConnectionPermits, Reservations};
use crate::shard::Shard;
use crate::snapshot::TableEntry;
use crate::source_settings::{
    DEFAULT_SHARD_COLUMN, Fallback, MIN_LIVE_CONNECTIONS, RefreshMode, SourceSettings, TableSettings,
};

/// One PostgreSQL database, or several, whose tables are served as one catalogue.
#[derive(Debug)]
pub struct Source {
    name: String,
    shards: Vec<Shard>,
    /// The column that tells the rows of several databases apart.
    shard_column: Option<String>,
    settings: SourceSettings,
    reservations: Reservations,
    connection_permits: ConnectionPermits,
    live_connections: LiveConnections,
}

impl Source {
    /// Checks where a source is.
    ///
    /// # Errors
    /// [`Error::Configuration`] when the name or the URL cannot be used.
    pub fn new(name: &str, url: &str, settings: SourceSettings) -> Result<Self> {
        let wrong = |message: String| Error::Configuration { source_name: name.to_owned(), message };
        check(name, &settings).map_err(wrong)?;
        let shard = Shard::only(url, connection_settings(&settings)).map_err(wrong)?;
        Ok(Self::of_shards(name, vec![shard], None, settings))
    }

    /// Likewise, for several databases whose tables of the same name appear as one, with a column more that says
    /// which of them a row is of. Without `names` that is the database's location.
    ///
    /// # Errors
    /// [`Error::Configuration`] when a name or a URL cannot be used, or a table is live.
    pub fn sharded(
        name: &str,
        urls: &[String],
        names: Option<&[String]>,
        column: Option<&str>,
        settings: SourceSettings,
    ) -> Result<Self> {
        let wrong = |message: String| Error::Configuration { source_name: name.to_owned(), message };
        check(name, &settings).map_err(wrong)?;
        let column = column.unwrap_or(DEFAULT_SHARD_COLUMN);
        if column.is_empty() || [ROW_PLACE, ROW_WRITER].contains(&column) {
            return Err(wrong(format!("shard_column must not be empty, {ROW_PLACE} or {ROW_WRITER}")));
        }
        if let Some(key) = live_key(&settings) {
            let message = "mode \"live\" asks one database, and the source has several, its urls; use another mode";
            return Err(wrong(format!("{key}: {message}")));
        }
        if settings.fallback != Fallback::Off {
            let message = "fallback asks one database, and the source has several, its urls; leave it \"off\"";
            return Err(wrong(message.to_owned()));
        }
        let shards = Shard::several(urls, names, &connection_settings(&settings)).map_err(wrong)?;
        Ok(Self::of_shards(name, shards, Some(column.to_owned()), settings))
    }

    fn of_shards(name: &str, shards: Vec<Shard>, shard_column: Option<String>, settings: SourceSettings) -> Self {
        let live_connections = LiveConnections::new(settings.live_connections);
        let connection_permits = ConnectionPermits::new(settings.connections);
        Self {
            name: name.to_owned(),
            shards,
            shard_column,
            settings,
            reservations: Reservations::default(),
            connection_permits,
            live_connections,
        }
    }

    /// The source's name, which is the name of its catalogue.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Host, port and database, without user and password; of each database, where it has several.
    pub fn location(&self) -> String {
        self.shards.iter().map(|shard| shard.database.location()).collect::<Vec<_>>().join(", ")
    }

    /// What the operator has decided about it.
    pub fn settings(&self) -> &SourceSettings {
        &self.settings
    }

    /// Whether these tables of its catalogue are of the databases that it has now, by the names of the shards.
    pub fn has_databases_of<'a>(&self, tables: impl Iterator<Item = &'a TableEntry>) -> bool {
        let read: BTreeSet<&str> =
            tables.flat_map(|table| &table.relations).map(|known| known.id.shard.as_str()).collect();
        // Live tables have no rows of any.
        read.is_empty() || read == self.shards.iter().map(|shard| shard.name.as_str()).collect()
    }

    /// Which of its tables are being refreshed.
    pub(crate) fn reservations(&self) -> &Reservations {
        &self.reservations
    }

    /// The connections that its refreshes read rows with.
    pub(crate) fn connection_permits(&self) -> &ConnectionPermits {
        &self.connection_permits
    }

    /// The connections of queries on its live tables.
    pub(crate) fn live_connections(&self) -> &LiveConnections {
        &self.live_connections
    }

    /// Its databases, of which there is at least one.
    pub(crate) fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// The column that says which database a row is of; none where the settings name a single database.
    pub(crate) fn shard_column(&self) -> Option<&str> {
        self.shard_column.as_deref()
    }

    /// That no connection to a database was made, and why.
    pub(crate) fn unreachable(&self, shard: &Shard, error: ConnectionError) -> Error {
        error.into_error(&self.name, &shard.database.location())
    }
}

fn check(name: &str, settings: &SourceSettings) -> Result<(), String> {
    if name.is_empty() || name.contains(['.', '"', '/']) {
        return Err("a source's name must not be empty or contain . \" or /".to_owned());
    }
    if settings.live_connections < MIN_LIVE_CONNECTIONS {
        return Err(format!("live_connections must be at least {MIN_LIVE_CONNECTIONS}"));
    }
    Ok(())
}

/// The key of the settings that makes tables live, if one does.
fn live_key(settings: &SourceSettings) -> Option<String> {
    if settings.refresh.mode == RefreshMode::Live {
        return Some("refresh".to_owned());
    }
    let is_live = |own: &TableSettings| own.refresh.as_ref().is_some_and(|policy| policy.mode == RefreshMode::Live);
    let live = settings.tables.iter().find(|(_, own)| is_live(own));
    live.map(|(pattern, _)| format!("tables.\"{pattern}\": refresh"))
}

fn connection_settings(settings: &SourceSettings) -> ConnectionSettings {
    ConnectionSettings { password_file: settings.password_file.clone(), connect_timeout: settings.connect_timeout }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str) -> Result<Source> {
        Source::new("shop", url, SourceSettings::default())
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

    fn sharded(urls: &[&str], names: Option<&[&str]>, column: Option<&str>) -> Result<Source> {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        Source::sharded("shop", &owned(urls), names.map(owned).as_deref(), column, SourceSettings::default())
    }

    #[test]
    fn shards_are_named_by_their_locations_unless_they_have_names() {
        let urls = ["postgres://app:canary@eu/shop", "postgres://app:canary@us:5433/shop"];
        let names = |source: &Source| source.shards().iter().map(|shard| shard.name.clone()).collect::<Vec<_>>();
        let source = sharded(&urls, None, None).unwrap();
        assert_eq!(names(&source), ["eu/shop", "us:5433/shop"]);
        assert_eq!(source.location(), "eu/shop, us:5433/shop");
        assert_eq!(source.shard_column(), Some("shard"));
        assert!(!format!("{source:?}").contains("canary"));
        let source = sharded(&urls, Some(&["eu", "us"]), Some("region")).unwrap();
        assert_eq!(names(&source), ["eu", "us"]);
        assert_eq!(source.shard_column(), Some("region"));
    }

    #[test]
    fn shards_that_cannot_be_told_apart_are_refused() {
        let (eu, us) = ("postgres://app@eu/shop", "postgres://app@us/shop");
        for (urls, names, column, expected) in [
            (vec![], None, None, "urls must name at least one database"),
            (vec![eu, "mysql://us/shop"], None, None, "urls, number 2: its URL must begin with postgres://"),
            (vec![eu, eu], None, None, "two of urls are for eu/shop; tell them apart with shard_names"),
            (vec![eu, us], Some(["x", "x"].as_slice()), None, "two of shard_names are \"x\""),
            (vec![eu, us], Some(["x"].as_slice()), None, "shard_names must have as many names as urls has URLs"),
            (vec![eu, us], Some(["x", ""].as_slice()), None, "must not be empty"),
            (vec![eu, us], None, Some(""), "shard_column must not be empty"),
            (vec![eu, us], None, Some("ctid"), "shard_column must not be empty, ctid or xmin"),
        ] {
            let message = sharded(&urls, names, column).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
