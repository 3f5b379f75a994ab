//! Every setting, declared once: its flag, its environment variable, its key in the configuration file,
//! its default and its documentation. `docs/configuration.md` is printed from here.

mod authentication;
mod file;
mod listening;
mod oidc;
mod reference;
mod role;
mod source;
mod source_arg;
mod stored_query;
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

pub use authentication::{Authentication, TokenArgs};
pub use listening::{ClientAuthority, Listening, TlsClientAuth, TlsFiles};
pub use reference::print as print_reference;
use source_arg::SourceArg;
use units::Bytes;
pub use units::Period;

use crate::authorisation::Roles;
use crate::flight::SessionLimits;
use crate::memory;
use crate::stored_queries::StoredQueries;

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
const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
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

    /// The file of the TLS certificate of Flight, in PEM format, with those between it and its authority after it;
    /// tls_key belongs to it. Both are read again when they change: see tls.md. Default: none, and no TLS.
    #[arg(long, env = "RAIL_FORGE_TLS_CERTIFICATE", value_name = "FILE")]
    tls_certificate: Option<PathBuf>,

    /// The file of the private key of tls_certificate, in PEM format. Default: none.
    #[arg(long, env = "RAIL_FORGE_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,

    /// The file of the authorities that sign certificates of clients, in PEM format. A client that shows such a
    /// certificate needs no token: see tls.md. Default: none, and clients are not asked for certificates.
    #[arg(long, env = "RAIL_FORGE_TLS_CLIENT_CA", value_name = "FILE")]
    tls_client_ca: Option<PathBuf>,

    /// Whether clients have to show a certificate of tls_client_ca: required or optional. Default: required.
    #[arg(long, env = "RAIL_FORGE_TLS_CLIENT_AUTH", value_name = "WHETHER")]
    tls_client_auth: Option<TlsClientAuth>,

    /// The path of a Unix domain socket, on which Flight listens as well, for clients on the same host that run as the
    /// server's user. Default: none.
    #[arg(long, env = "RAIL_FORGE_UNIX_SOCKET", value_name = "PATH")]
    unix_socket: Option<PathBuf>,

    /// How many clients of Flight may be connected at a time; the next one is disconnected at once. Default: 20000.
    #[arg(long, env = "RAIL_FORGE_MAX_CONNECTIONS", value_name = "COUNT")]
    max_connections: Option<NonZeroUsize>,

    /// Address and port of the HTTP endpoints /healthz, /readyz and /metrics, which ask nobody for a token: see
    /// operations.md. Default: 127.0.0.1:0.
    #[arg(long, env = "RAIL_FORGE_HTTP_LISTEN", value_name = "ADDRESS:PORT")]
    http_listen: Option<SocketAddr>,

    /// Whether everybody who reaches the port of Flight is answered without a token: true or false. Only on a loopback
    /// address; see authentication.md. Default: false.
    #[arg(
        long,
        env = "RAIL_FORGE_NO_AUTHENTICATION",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true
    )]
    no_authentication: Option<bool>,

    /// The file of the API tokens, which rail-forge token writes. Default: tokens.json in data_dir; it has to be given
    /// when data_dir is not a folder.
    #[arg(long, env = "RAIL_FORGE_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// The file of the key that logins and open statements are signed with; it is made if it is missing, and servers
    /// that share it accept each other's. Default: signing.key in data_dir, or a key that ends with the server when
    /// data_dir is not a folder.
    #[arg(long, env = "RAIL_FORGE_SIGNING_KEY_FILE", value_name = "FILE")]
    signing_key_file: Option<PathBuf>,

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

    /// Whether /metrics tells what the server has done and how it is, in Prometheus' format: true or false. Default: true.
    #[arg(long, env = "RAIL_FORGE_METRICS", value_name = "BOOL")]
    metrics: Option<bool>,

    /// How long running calls may take to finish after a signal to stop; a second signal ends them at once. Default: 10s.
    #[arg(long, env = "RAIL_FORGE_DRAIN_TIMEOUT", value_name = "TIME")]
    drain_timeout: Option<Period>,

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

    /// How long the options are kept that a client has set for its session, while it asks nothing. Default: 1h.
    #[arg(long, env = "RAIL_FORGE_SESSION_TIMEOUT", value_name = "TIME")]
    session_timeout: Option<Period>,

    /// How many sessions are kept; beyond, the one that was used least recently ends. Clients that set no options have
    /// none. Default: 10000.
    #[arg(long, env = "RAIL_FORGE_MAX_SESSIONS", value_name = "COUNT")]
    max_sessions: Option<NonZeroUsize>,

    /// How many of them one principal may have, that is, everybody together where authentication is off.
    /// Default: 1000.
    #[arg(long, env = "RAIL_FORGE_MAX_SESSIONS_OF_PRINCIPAL", value_name = "COUNT")]
    max_sessions_of_principal: Option<NonZeroUsize>,

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

/// Settings with every value decided.
#[derive(Debug)]
pub struct Settings {
    pub listening: Listening,
    pub http_listen: SocketAddr,
    pub authentication: Authentication,
    pub data_dir: Location,
    pub retention: Retention,
    pub metrics: bool,
    pub drain_timeout: Duration,
    pub ready_file: Option<PathBuf>,
    pub initial_refresh: InitialRefresh,
    pub limits: Limits,
    pub cache_bytes: u64,
    pub sessions: SessionLimits,
    pub log_format: LogFormat,
    pub log_level: String,
    pub sources: Vec<Arc<Source>>,
    pub roles: Roles,
    pub stored_queries: StoredQueries,
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
        let default = SessionLimits::default();
        let count = |given: Option<NonZeroUsize>, default| given.map_or(default, NonZeroUsize::get);
        let of_principal = given.max_sessions_of_principal.or(filed.max_sessions_of_principal);
        let sessions = SessionLimits {
            timeout: given.session_timeout.or(filed.session_timeout).map_or(default.timeout, |time| time.0),
            sessions: count(given.max_sessions.or(filed.max_sessions), default.sessions),
            sessions_of_principal: count(of_principal, default.sessions_of_principal),
        };
        let mut sources = file.sources;
        for SourceArg { name, url } in self.sources {
            let source = Source::new(&name, &url, SourceSettings::default())
                .map_err(|error| SettingsError(error.to_string()))?;
            sources.push(source);
        }
        let sources: Vec<_> = sources.into_iter().map(Arc::new).collect();
        check_sources(&sources)?;
        let listen = given.listen.or(filed.listen).map_or_else(|| address(DEFAULT_LISTEN), Ok)?;
        let mut authentication = Authentication::resolve(
            given.no_authentication.or(filed.no_authentication).unwrap_or(false),
            given.token_file.or(filed.token_file),
            given.signing_key_file.or(filed.signing_key_file),
            &data_dir,
            listen,
        )?;
        authentication.issuers = file.issuers;
        let listening = Listening {
            address: listen,
            tls: TlsFiles::resolve(
                given.tls_certificate.or(filed.tls_certificate),
                given.tls_key.or(filed.tls_key),
                given.tls_client_ca.or(filed.tls_client_ca),
                given.tls_client_auth.or(filed.tls_client_auth),
            )?,
            unix_socket: given.unix_socket.or(filed.unix_socket),
            max_connections: given
                .max_connections
                .or(filed.max_connections)
                .map_or(listening::DEFAULT_MAX_CONNECTIONS, NonZeroUsize::get),
        };
        role::check_catalogs(&file.roles, &sources).map_err(SettingsError)?;
        stored_query::check_catalogs(&file.stored_queries, &sources).map_err(SettingsError)?;
        role::check_issuers(&file.roles, &authentication.issuers).map_err(SettingsError)?;
        if authentication.token_file.is_none() && !file.roles.are_off() {
            return Err(SettingsError(
                "roles are for those who have a token, and with no_authentication nobody has: leave out one of them"
                    .to_owned(),
            ));
        }
        Ok(Settings {
            listening,
            http_listen: given.http_listen.or(filed.http_listen).map_or_else(|| address(DEFAULT_HTTP_LISTEN), Ok)?,
            authentication,
            data_dir,
            retention,
            metrics: given.metrics.or(filed.metrics).unwrap_or(true),
            drain_timeout: given.drain_timeout.or(filed.drain_timeout).map_or(DEFAULT_DRAIN_TIMEOUT, |time| time.0),
            ready_file: given.ready_file.or(filed.ready_file),
            initial_refresh: given.initial_refresh.or(filed.initial_refresh).unwrap_or(InitialRefresh::Missing),
            limits,
            cache_bytes,
            sessions,
            log_format: given.log_format.or(filed.log_format).unwrap_or(LogFormat::Human),
            log_level: given.log_level.or(filed.log_level).unwrap_or_else(|| "info".to_owned()),
            sources,
            roles: file.roles,
            stored_queries: file.stored_queries,
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
