//! Which server, database and role a URL means, and what is said to the server when a connection begins.
//! Everything here is checked once, when the settings are read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use super::password::Password;
use super::url::{Environment, Parameters, SEVERAL_HOSTS};

/// PostgreSQL's port.
const DEFAULT_PORT: u16 = 5432;

/// Where PostgreSQL's packages put the server's socket: Debian's and Red Hat's, and PostgreSQL's own default.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// Where the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// A host name or an IP address, without brackets.
    Name(String),
    /// The directory of a Unix socket.
    Directory(PathBuf),
    /// The Unix socket of this machine's server, wherever that is.
    ThisMachine,
}

/// One database of one server, and as whom we come.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) host: Host,
    pub(super) port: u16,
    port_in_url: bool,
    pub(super) user: String,
    pub(super) database: String,
    /// The password of the URL; there are other places (see [`super::password`]).
    pub(super) password: Option<Password>,
    /// What the server shows as the name of the connection, when the operator has chosen one.
    pub(super) application_name: Option<String>,
    /// Server settings of the URL's `options`.
    pub(super) options: Vec<(String, String)>,
    /// `options` and before it `PGOPTIONS`, as the server reads them: later ones win.
    pub(super) all_options: Option<String>,
    pub(super) connect_timeout: Option<Duration>,
}

impl Address {
    pub(super) fn new(parameters: &Parameters, environment: Environment<'_>) -> Result<Self, String> {
        let host = match parameters.get("host") {
            None => Host::ThisMachine,
            Some(directory) if directory.starts_with('/') => Host::Directory(directory.into()),
            Some(name) if name.contains(',') => return Err(format!("its host cannot be used: {SEVERAL_HOSTS}")),
            Some(name) => Host::Name(name.to_owned()),
        };
        let port = match parameters.get("port") {
            None => DEFAULT_PORT,
            Some(port) => port.parse().ok().filter(|&port| port > 0).ok_or(
                "its URL cannot be read (the port is not a number from 1 to 65535; a : @ / or % in a password is \
                 written %3A %40 %2F or %25)",
            )?,
        };
        // sqlx knows the name of the process's user, as libpq takes it.
        let user = parameters
            .get("user")
            .map_or_else(|| PgConnectOptions::new_without_pgpass().get_username().to_owned(), str::to_owned);
        let options = parameters.get("options");
        let all_options: Vec<String> = environment("PGOPTIONS").into_iter().chain(options.map(str::to_owned)).collect();
        Ok(Self {
            host,
            port,
            port_in_url: parameters.port_in_url,
            database: parameters.get("dbname").unwrap_or(&user).to_owned(),
            user,
            password: parameters.get("password").map(|text| Password::new(text, "the source's URL")),
            application_name: parameters.get("application_name").map(str::to_owned),
            options: options.map(server_settings).transpose()?.unwrap_or_default(),
            all_options: Some(all_options.join(" ")).filter(|options| !options.is_empty()),
            connect_timeout: parameters.get("connect_timeout").map(seconds).transpose()?,
        })
    }

    /// Host, port and database, without user and password.
    pub(super) fn location(&self) -> String {
        let Self { host, port, database, .. } = self;
        let named_port = if self.port_in_url { format!(":{port}") } else { String::new() };
        match host {
            Host::Name(name) if name.contains(':') => format!("[{name}]{named_port}/{database}"),
            Host::Name(name) => format!("{name}{named_port}/{database}"),
            Host::Directory(path) => {
                format!("database {database} at the local socket {}", socket(path, *port).display())
            }
            Host::ThisMachine => format!("database {database} at the local socket{named_port}"),
        }
    }

    /// The host to reach over the network, or none where it is a socket of this machine.
    pub(super) fn network_host(&self) -> Option<&str> {
        match &self.host {
            Host::Name(name) => Some(name),
            Host::Directory(_) | Host::ThisMachine => None,
        }
    }

    /// The directory of the socket, where it is one. Looked up each time: the server may have come meanwhile.
    pub(super) fn socket_directory(&self) -> Option<PathBuf> {
        match &self.host {
            Host::Name(_) => None,
            Host::Directory(path) => Some(path.clone()),
            Host::ThisMachine => {
                let found = SOCKET_DIRECTORIES.iter().find(|path| socket(Path::new(path), self.port).exists());
                Some(PathBuf::from(found.unwrap_or(&SOCKET_DIRECTORIES[0])))
            }
        }
    }
}

/// The socket of the server of that port.
fn socket(directory: &Path, port: u16) -> PathBuf {
    directory.join(format!(".s.PGSQL.{port}"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    // libpq waits for ever at 0 and below; here everything has a limit.
    let seconds = text.parse::<u32>().ok().filter(|&seconds| seconds > 0);
    let seconds = seconds.ok_or("connect_timeout must be a number of seconds, 1 or more")?;
    Ok(Duration::from_secs(seconds.into()))
}

/// The settings in `options`, which is a command line for the server. Refuses other switches than those that
/// set something, because the catalogue's driver takes only such.
fn server_settings(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut words = words(text).into_iter();
    let mut settings = vec![];
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") => words.next(),
            setting => setting.map(str::to_owned),
        };
        let setting =
            setting.as_deref().and_then(|setting| setting.split_once('=')).filter(|(name, _)| !name.is_empty());
        let (name, value) =
            setting.ok_or("options must be of the form -c name=value, a space in a value written \\ and a space")?;
        settings.push((name.to_owned(), value.to_owned()));
    }
    Ok(settings)
}

/// A command line's words as PostgreSQL splits it: at white space, unless a backslash stands before it.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![];
    let mut word = None::<String>;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            character if character.is_ascii_whitespace() => words.extend(word.take()),
            '\\' => word.get_or_insert_default().extend(characters.next()),
            character => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Result<Address, String> {
        let environment = |_: &str| None;
        Parameters::read(url, &environment).and_then(|parameters| Address::new(&parameters, &environment))
    }

    #[test]
    fn a_location_has_no_secrets() {
        for (url, expected) in [
            ("postgres://app:canary@db.example:5433/shop", "db.example:5433/shop"),
            ("postgres://app:canary@db.example/shop", "db.example/shop"),
            ("postgres://app:canary@[::1]:5433/shop", "[::1]:5433/shop"),
            ("postgres://app:canary@db.example", "db.example/app"),
            ("postgres://app:canary@/shop?host=/tmp/x", "database shop at the local socket /tmp/x/.s.PGSQL.5432"),
            ("postgres://app:canary@/shop", "database shop at the local socket"),
        ] {
            let address = address(url).unwrap();
            assert_eq!(address.location(), expected, "{url}");
            assert!(!format!("{address:?}").contains("canary"), "{url}");
        }
    }

    #[test]
    fn sockets_and_names_are_told_apart() {
        assert_eq!(address("postgres://db/shop").unwrap().network_host(), Some("db"));
        assert_eq!(address("postgres://[::1]/shop").unwrap().network_host(), Some("::1"));
        let socket = address("postgres://%2Ftmp%2Fx/shop").unwrap();
        assert_eq!((socket.network_host(), socket.socket_directory()), (None, Some("/tmp/x".into())));
        let default = address("postgres:///shop").unwrap();
        assert!(default.network_host().is_none() && default.socket_directory().is_some());
    }

    #[test]
    fn wrong_values_are_refused_without_being_quoted() {
        for (url, expected) in [
            ("postgres://app:canary/x@db/shop", "the port is not a number"),
            ("postgres://db:99999/shop", "the port is not a number"),
            ("postgres://db:0/shop", "the port is not a number"),
            ("postgres://db/shop?connect_timeout=0", "connect_timeout must be"),
            ("postgres://db/shop?connect_timeout=canary", "connect_timeout must be"),
            ("postgres://db/shop?options=-B%20canary", "options must be"),
            ("postgres://db/shop?options=-c", "options must be"),
            ("postgres://db/shop?host=one,two", "several hosts"),
        ] {
            let message = address(url).unwrap_err();
            assert!(message.contains(expected) && !message.contains("canary"), "{url}: {message}");
        }
    }

    #[test]
    fn options_are_read_as_the_server_reads_them() {
        let settings = server_settings(r"-c geqo=off  -csearch_path=a\ b,\\c --work_mem=4MB").unwrap();
        let expected = [("geqo", "off"), ("search_path", r"a b,\c"), ("work_mem", "4MB")];
        assert_eq!(settings, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn options_follow_those_of_the_environment() {
        let environment = |name: &str| (name == "PGOPTIONS").then(|| "-c geqo=on".to_owned());
        let parameters = Parameters::read("postgres://db/shop?options=-c%20geqo=off", &environment).unwrap();
        let address = Address::new(&parameters, &environment).unwrap();
        assert_eq!(address.all_options.as_deref(), Some("-c geqo=on -c geqo=off"));
    }
}
