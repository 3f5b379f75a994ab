//! Every setting, declared once: its flag, its environment variable, its key in the configuration file,
//! its default and its documentation. `docs/configuration.md` is printed from here.

mod file;
mod reference;
mod source;
mod units;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rail_forge_connectors::{Location, Retention, Source, SourceSettings};
use rail_forge_planner::Limits;
use serde::Deserialize;

pub use reference::print as print_reference;
use units::{Bytes, Period};

use crate::memory;

/// Where the server listens when nothing is said.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:32010";
const DEFAULT_HTTP_LISTEN: &str = "127.0.0.1:0";
const DEFAULT_DATA_DIR: &str = "data";
const DEFAULT_SPILL_LIMIT: u64 = 20 << 30;
const DEFAULT_QUERY_TIMEOUT: Duration = Duration::from_secs(300);
/// The share of the machine's memory that queries may use together; the rest is for pulls, for results on
/// their way and for the operating system's cache of snapshot files.
const DEFAULT_MEMORY_SHARE: u64 = 2;
/// The share that columns of the most used tables may take, beside that of queries.
const DEFAULT_CACHE_SHARE: u64 = 4;
/// The share that results may take, beside both.
const DEFAULT_RESULTS_SHARE: u64 = 32;
const DEFAULT_QUEUE_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_QUERIES_OF_CORE: usize = 4;
/// Where the machine does not say how much memory it has.
const FALLBACK_MEMORY: u64 = 4 << 30;

/// A wrong setting, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(pub String);

/// Settings as given: on the command line, in the environment or in the file. What is not given is `None`.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// Address and port of Flight; port 0 takes a free one. Default: 127.0.0.1:32010.
    #[arg(long, env = "RAIL_FORGE_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// Address and port of the HTTP endpoints /healthz and /readyz. Default: 127.0.0.1:0.
    #[arg(long, env = "RAIL_FORGE_HTTP_LISTEN", value_name = "ADDRESS:PORT")]
    http_listen: Option<SocketAddr>,

    /// Where the snapshots are: a folder, or s3://BUCKET/PREFIX (see below); one server at a time uses it.
    /// Default: data.
    #[arg(long, env = "RAIL_FORGE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<Location>,

    /// How many versions of the snapshots are kept at least; the current one is the first. Default: 2.
    #[arg(long, env = "RAIL_FORGE_KEEP_VERSIONS", value_name = "COUNT")]
    keep_versions: Option<NonZeroUsize>,

    /// How long a version is kept after it was replaced, for clients that have a ticket and have not read its
    /// result yet. Default: 1m.
    #[arg(long, env = "RAIL_FORGE_KEEP_REPLACED", value_name = "TIME")]
    keep_replaced: Option<Period>,

    /// A file that is written when the server listens, with its addresses as JSON. Default: none.
    #[arg(long, env = "RAIL_FORGE_READY_FILE", value_name = "FILE")]
    ready_file: Option<PathBuf>,

    /// When to refresh at the start: always, never, or (missing) sources that have no tables or other databases than
    /// before, and tables that have become live or are no longer. Default: missing.
    #[arg(long, env = "RAIL_FORGE_INITIAL_REFRESH", value_name = "WHEN")]
    initial_refresh: Option<InitialRefresh>,

    /// Memory that all running queries may use together; what needs more spills to disk or fails, for
    /// example 4GiB. Default: half of the machine's, or of what its container may use.
    #[arg(long, env = "RAIL_FORGE_MEMORY_LIMIT", value_name = "SIZE")]
    memory_limit: Option<Bytes>,

    /// Memory for the columns of the most used tables, decoded; 0B reads every query from the files. It comes on
    /// top of memory_limit. Default: a quarter of the machine's, or of what its container may use.
    #[arg(long, env = "RAIL_FORGE_CACHE_MEMORY", value_name = "SIZE")]
    cache_memory: Option<Bytes>,

    /// The folder that queries spill to, always on this machine. Default: the folder spill in data_dir, or the
    /// system's folder for temporary files when data_dir is not a folder.
    #[arg(long, env = "RAIL_FORGE_SPILL_DIR", value_name = "DIR")]
    spill_dir: Option<PathBuf>,

    /// Disk that all running queries may spill to together. Default: 20GiB.
    #[arg(long, env = "RAIL_FORGE_SPILL_LIMIT", value_name = "SIZE")]
    spill_limit: Option<Bytes>,

    /// How long a query may take, sending its result included, for example 30s. Default: 5m.
    #[arg(long, env = "RAIL_FORGE_QUERY_TIMEOUT", value_name = "TIME")]
    query_timeout: Option<Period>,

    /// How many queries run at a time. The others wait in the order in which they came. Default: four for each core.
    #[arg(long, env = "RAIL_FORGE_MAX_QUERIES", value_name = "COUNT")]
    max_queries: Option<NonZeroUsize>,

    /// How long a query waits until it may run; then it is refused. Default: 30s.
    #[arg(long, env = "RAIL_FORGE_QUEUE_TIMEOUT", value_name = "TIME")]
    queue_timeout: Option<Period>,

    /// Memory for results, which are given again to whoever asks the same while the tables are the same; 0B computes
    /// every query anew. It comes on top of memory_limit. Default: a thirty-second of the machine's, or of what its
    /// container may use.
    #[arg(long, env = "RAIL_FORGE_RESULT_CACHE_MEMORY", value_name = "SIZE")]
    result_cache_memory: Option<Bytes>,

    /// How log lines look on standard error: human or json. Default: human.
    #[arg(long, env = "RAIL_FORGE_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,

    /// Which log lines are written: error, warn, info, debug or trace, or directives such as
    /// rail_forge_connectors=debug. Default: info.
    #[arg(long, env = "RAIL_FORGE_LOG_LEVEL", value_name = "LEVEL")]
    log_level: Option<String>,
}

/// Where settings come from.
#[derive(Debug, Default, Args)]
pub struct SettingsArgs {
    /// A configuration file. Flags and environment variables come before what it says.
    #[arg(long, env = "RAIL_FORGE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// A database to serve as catalogue NAME, for example shop=postgres://app@db/shop; may be repeated.
    /// Sources in the configuration file have more settings.
    #[arg(long = "source", env = "RAIL_FORGE_SOURCE", value_name = "NAME=URL", hide_env_values = true)]
    sources: Vec<SourceArg>,

    #[command(flatten)]
    server: ServerSettings,
}

/// When tables are refreshed at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InitialRefresh {
    Missing,
    Always,
    Never,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Human,
    Json,
}

/// `NAME=URL`, whose URL is not printed.
#[derive(Clone)]
struct SourceArg {
    name: String,
    url: String,
}

impl std::fmt::Debug for SourceArg {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SourceArg").field("name", &self.name).finish_non_exhaustive()
    }
}

impl std::str::FromStr for SourceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, url) =
            text.split_once('=').ok_or("a source is written NAME=URL, as in shop=postgres://app@db/shop")?;
        Ok(Self { name: name.to_owned(), url: url.to_owned() })
    }
}

/// Settings with every value decided.
#[derive(Debug)]
pub struct Settings {
    pub listen: SocketAddr,
    pub http_listen: SocketAddr,
    pub data_dir: Location,
    pub retention: Retention,
    pub ready_file: Option<PathBuf>,
    pub initial_refresh: InitialRefresh,
    pub limits: Limits,
    pub cache_bytes: u64,
    pub log_format: LogFormat,
    pub log_level: String,
    pub sources: Vec<Arc<Source>>,
}

impl SettingsArgs {
    /// Decides every setting.
    ///
    /// # Errors
    /// When the file cannot be read, a value is wrong or no source is given.
    pub fn resolve(self) -> Result<Settings, SettingsError> {
        let file = self.config.map(|path| file::read(&path)).transpose()?.unwrap_or_default();
        let (given, filed) = (self.server, file.server);
        let data_dir = given.data_dir.or(filed.data_dir).unwrap_or_else(|| Location::Folder(DEFAULT_DATA_DIR.into()));
        let kept = Retention::default();
        let retention = Retention {
            keep_versions: given.keep_versions.or(filed.keep_versions).unwrap_or(kept.keep_versions),
            keep_replaced: given.keep_replaced.or(filed.keep_replaced).map_or(kept.keep_replaced, |time| time.0),
        };
        let cache_bytes = given.cache_memory.or(filed.cache_memory);
        let cache_bytes = cache_bytes.map_or_else(|| share_of_memory(DEFAULT_CACHE_SHARE), |size| size.0);
        let limits = Limits {
            memory_bytes: given
                .memory_limit
                .or(filed.memory_limit)
                .map_or_else(|| share_of_memory(DEFAULT_MEMORY_SHARE), |limit| limit.0)
                as usize,
            spill_dir: given.spill_dir.or(filed.spill_dir).unwrap_or_else(|| default_spill_dir(&data_dir)),
            spill_bytes: given.spill_limit.or(filed.spill_limit).map_or(DEFAULT_SPILL_LIMIT, |limit| limit.0),
            timeout: given.query_timeout.or(filed.query_timeout).map_or(DEFAULT_QUERY_TIMEOUT, |time| time.0),
            max_queries: given.max_queries.or(filed.max_queries).map_or_else(default_max_queries, NonZeroUsize::get),
            queue_timeout: given.queue_timeout.or(filed.queue_timeout).map_or(DEFAULT_QUEUE_TIMEOUT, |time| time.0),
            result_cache_bytes: given
                .result_cache_memory
                .or(filed.result_cache_memory)
                .map_or_else(|| share_of_memory(DEFAULT_RESULTS_SHARE), |size| size.0),
            cache_bytes,
        };
        let mut sources = file.sources;
        for SourceArg { name, url } in self.sources {
            let source = Source::new(&name, &url, SourceSettings::default())
                .map_err(|error| SettingsError(error.to_string()))?;
            sources.push(source);
        }
        let sources: Vec<_> = sources.into_iter().map(Arc::new).collect();
        check_sources(&sources)?;
        Ok(Settings {
            listen: given.listen.or(filed.listen).map_or_else(|| address(DEFAULT_LISTEN), Ok)?,
            http_listen: given.http_listen.or(filed.http_listen).map_or_else(|| address(DEFAULT_HTTP_LISTEN), Ok)?,
            data_dir,
            retention,
            ready_file: given.ready_file.or(filed.ready_file),
            initial_refresh: given.initial_refresh.or(filed.initial_refresh).unwrap_or(InitialRefresh::Missing),
            limits,
            cache_bytes,
            log_format: given.log_format.or(filed.log_format).unwrap_or(LogFormat::Human),
            log_level: given.log_level.or(filed.log_level).unwrap_or_else(|| "info".to_owned()),
            sources,
        })
    }
}

fn check_sources(sources: &[Arc<Source>]) -> Result<(), SettingsError> {
    if sources.is_empty() {
        return Err(SettingsError(
            "no source is given; use --source NAME=postgres://..., or [[source]] in the configuration file".to_owned(),
        ));
    }
    for (index, source) in sources.iter().enumerate() {
        let name = source.name();
        if sources[..index].iter().any(|other| other.name() == name) {
            return Err(SettingsError(format!("two sources are named \"{name}\"; give one of them another name")));
        }
    }
    Ok(())
}

fn address(text: &str) -> Result<SocketAddr, SettingsError> {
    text.parse().map_err(|_| SettingsError(format!("{text} is not ADDRESS:PORT")))
}

/// Queries spill beside the snapshots, or where the system keeps temporary files.
fn default_spill_dir(data_dir: &Location) -> PathBuf {
    data_dir.folder().map_or_else(std::env::temp_dir, |folder| folder.join("spill"))
}

fn default_max_queries() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get) * DEFAULT_QUERIES_OF_CORE
}

fn share_of_memory(share: u64) -> u64 {
    memory::total().unwrap_or(FALLBACK_MEMORY) / share
}
