//! One of the databases that a source is made of. Most sources have one, which needs no name; where there are
//! several, the shard's name tells their rows apart. Refuses names that could not do that.

use crate::connection::{ConnectionSettings, Database};

/// The number of the shard of a source that has one database.
pub(crate) const ONLY_SHARD: usize = 0;

/// A database of a source.
#[derive(Debug)]
pub(crate) struct Shard {
    /// What the shard column says; empty for the database of a source without that column.
    pub(crate) name: String,
    pub(crate) database: Database,
}

impl Shard {
    /// The database of a source that has only this one.
    pub(crate) fn only(url: &str, settings: ConnectionSettings) -> Result<Self, String> {
        Ok(Self { name: String::new(), database: Database::new(url, settings)? })
    }

    /// The shards of these databases. Without `names`, their locations are their names.
    ///
    /// # Errors
    /// In words that name the setting, without the source's name and without secrets.
    pub(crate) fn several(
        urls: &[String],
        names: Option<&[String]>,
        settings: &ConnectionSettings,
    ) -> Result<Vec<Self>, String> {
        if urls.is_empty() {
            return Err("urls must name at least one database".to_owned());
        }
        if let Some(names) = names
            && names.len() != urls.len()
        {
            let message = "shard_names must have as many names as urls has URLs";
            return Err(format!("{message}: there are {} for {}", names.len(), urls.len()));
        }
        let mut shards: Vec<Self> = vec![];
        for (index, url) in urls.iter().enumerate() {
            let database = Database::new(url, settings.clone());
            let database = database.map_err(|message| format!("urls, number {}: {message}", index + 1))?;
            let name = names.and_then(|names| names.get(index)).cloned().unwrap_or_else(|| database.location());
            if name.is_empty() || name.contains('\0') {
                return Err("a name of shard_names must not be empty or contain a zero byte".to_owned());
            }
            if shards.iter().any(|other| other.name == name) {
                return Err(match names {
                    Some(_) => format!("two of shard_names are \"{name}\"; give each database a name of its own"),
                    None => format!("two of urls are for {name}; tell them apart with shard_names"),
                });
            }
            shards.push(Self { name, database });
        }
        Ok(shards)
    }

    /// Which shard a message is about, in front of it; nothing where there is only one database.
    pub(crate) fn heading(&self) -> String {
        let location = self.database.location();
        match self.name.as_str() {
            "" => String::new(),
            name if name == location => format!("shard \"{name}\": "),
            name => format!("shard \"{name}\" ({location}): "),
        }
    }
}

/// A message about a table, of which one shard's part is meant; `shard` is its name, or empty.
pub(crate) fn in_shard(shard: &str, message: impl Into<String>) -> String {
    let message = message.into();
    if shard.is_empty() { message } else { format!("in shard \"{shard}\": {message}") }
}
