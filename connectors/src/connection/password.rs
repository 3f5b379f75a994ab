//! Finds the password of a connection, in libpq's order: the URL, the file that a setting names, `PGPASSWORD`,
//! and libpq's password file. Looked up at each connection, so that a password can change under a running
//! server. Refuses, as libpq does, a password file that others can read.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::address::Address;
use super::error::ConnectionError;
use super::url::Environment;

/// The name under which a password file lists the servers of this machine's sockets.
const SOCKET_HOST: &str = "localhost";

/// Permissions of group and others: with any of them, a password file is ignored.
const OTHERS_PERMISSIONS: u32 = 0o077;

/// A password, and where it came from.
#[derive(Clone)]
pub(super) struct Password {
    text: String,
    origin: String,
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Password(from {})", self.origin)
    }
}

impl Password {
    pub(super) fn new(text: &str, origin: impl Into<String>) -> Self {
        Self { text: text.to_owned(), origin: origin.into() }
    }

    /// The password itself.
    pub(super) fn reveal(&self) -> &str {
        &self.text
    }

    /// What to check when the server refuses it.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }
}

/// The password for `address`, if there is any. An empty one counts as none.
pub(super) fn find(
    address: &Address,
    password_file: Option<&Path>,
    environment: Environment<'_>,
) -> Result<Option<Password>, ConnectionError> {
    if let Some(password) = &address.password {
        return Ok(Some(password.clone()));
    }
    if let Some(path) = password_file {
        let text = fs::read_to_string(path).map_err(|cause| {
            let message = format!("password_file {} cannot be read ({})", path.display(), cause.kind());
            ConnectionError::setting(message, Some(cause.into()))
        })?;
        return match text.trim() {
            "" => Err(ConnectionError::setting(format!("password_file {} is empty", path.display()), None)),
            text => Ok(Some(Password::new(text, format!("password_file {}", path.display())))),
        };
    }
    if let Some(text) = environment("PGPASSWORD") {
        return Ok(Some(Password::new(&text, "PGPASSWORD")));
    }
    let given = environment("PGPASSFILE").map(PathBuf::from);
    let path = given.or_else(|| home(environment).map(|home| home.join(".pgpass")));
    let found = path.and_then(|path| Some((list_in(&path)?, path)));
    Ok(found.and_then(|(list, path)| {
        let text = look_up(&list, address).filter(|text| !text.is_empty())?;
        Some(Password::new(&text, format!("the password file {}", path.display())))
    }))
}

/// The home directory of the process's user.
pub(super) fn home(environment: Environment<'_>) -> Option<PathBuf> {
    environment("HOME").map(PathBuf::from).or_else(std::env::home_dir)
}

/// What a password file holds. As with libpq, one that is not there is none, and one that is not as it must be
/// is ignored with a warning.
fn list_in(path: &Path) -> Option<String> {
    let ignored = |reason: &str| tracing::warn!("the password file {} is ignored: {reason}", path.display());
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() {
        ignored("it is not a plain file");
        return None;
    }
    if metadata.permissions().mode() & OTHERS_PERMISSIONS != 0 {
        ignored("group or others may use it; its permissions must be u=rw (0600) or less");
        return None;
    }
    match fs::read(path) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => {
            ignored(&format!("it cannot be read ({})", error.kind()));
            None
        }
    }
}

/// The password of the first line `host:port:database:user:password` that fits.
fn look_up(list: &str, address: &Address) -> Option<String> {
    let port = address.port.to_string();
    let directory = address.socket_directory().and_then(|path| path.to_str().map(str::to_owned));
    list.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let [host, its_port, database, user, password]: [Field; FIELDS] = fields(line).try_into().ok()?;
        let host_fits = match address.network_host() {
            Some(name) => host.fits(name),
            None => host.fits(SOCKET_HOST) || directory.as_deref().is_some_and(|directory| host.fits(directory)),
        };
        let rest_fits = its_port.fits(&port) && database.fits(&address.database) && user.fits(&address.user);
        (host_fits && rest_fits).then_some(password.text)
    })
}

/// A field of a line in a password file.
#[derive(Default)]
struct Field {
    text: String,
    escaped: bool,
}

impl Field {
    fn fits(&self, text: &str) -> bool {
        self.text == text || (self.text == "*" && !self.escaped)
    }
}

/// A line's first five fields, or none when it has fewer. A backslash takes the meaning from what follows it.
fn fields(line: &str) -> Vec<Field> {
    let mut fields = vec![Field::default()];
    let mut characters = line.chars();
    while let (Some(character), Some(field)) = (characters.next(), fields.last_mut()) {
        match character {
            ':' => fields.push(Field::default()),
            '\\' => {
                field.escaped = true;
                field.text.push(characters.next().unwrap_or('\\'));
            }
            character => field.text.push(character),
        }
    }
    fields.truncate(FIELDS);
    fields
}

/// Fields of a line: host, port, database, user, password.
const FIELDS: usize = 5;

#[cfg(test)]
mod tests {
    use super::super::url::Parameters;
    use super::*;

    fn address(url: &str) -> Address {
        let environment = |_: &str| None;
        let parameters = Parameters::read(url, &environment).unwrap();
        Address::new(&parameters, &environment).unwrap()
    }

    /// A file in a directory of its own, which goes with it.
    struct File(PathBuf);

    impl File {
        fn new(text: &str, mode: u32) -> Self {
            let directory = std::env::temp_dir().join(format!("rail-forge-{}", uuid::Uuid::new_v4()));
            fs::create_dir(&directory).unwrap();
            let path = directory.join("passwords");
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            Self(path)
        }

        fn path(&self) -> String {
            self.0.to_str().unwrap().to_owned()
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            fs::remove_dir_all(self.0.parent().unwrap()).unwrap();
        }
    }

    #[test]
    fn lines_fit_by_all_four_fields() {
        let address = address("postgres://app@db:5433/shop");
        for (list, expected) in [
            ("db:5433:shop:app:pw", Some("pw")),
            ("*:*:*:*:pw", Some("pw")),
            ("db:5432:shop:app:pw", None),
            ("DB:5433:shop:app:pw", None),
            ("db:5433:shop:app", None),
            ("# db:5433:shop:app:no\n\ndb:5433:other:app:no\r\ndb:*:shop:app:first\r\n*:*:*:*:second", Some("first")),
            (r"db:5433:shop:app:p\:w\\x", Some(r"p:w\x")),
            (r"db:5433:shop:app:pw\", Some(r"pw\")),
            ("db:5433:shop:app:pw:a comment", Some("pw")),
            ("db:5433:shop:app: pw ", Some(" pw ")),
            (r"\*:5433:shop:app:pw", None),
            (r"d\b:5433:shop:app:pw", Some("pw")),
            ("", None),
        ] {
            assert_eq!(look_up(list, &address).as_deref(), expected, "{list}");
        }
    }

    #[test]
    fn a_socket_is_localhost_or_its_directory() {
        let address = address("postgres://app@/shop?host=/tmp/x");
        assert_eq!(look_up("localhost:5432:shop:app:pw", &address).as_deref(), Some("pw"));
        assert_eq!(look_up("/tmp/x:5432:shop:app:pw", &address).as_deref(), Some("pw"));
        assert_eq!(look_up("/tmp/y:5432:shop:app:pw", &address), None);
    }

    #[test]
    fn names_with_colons_are_escaped() {
        let address = address("postgres://a%3Ab@[::1]/c%5Cd");
        assert_eq!(look_up(r"\:\:1:5432:c\\d:a\:b:pw", &address).as_deref(), Some("pw"));
    }

    #[test]
    fn the_order_is_url_setting_environment_list() {
        let list = File::new("*:*:*:*:of-list", 0o600);
        let setting = File::new("of-setting\n", 0o644);
        let variables = |name: &str| match name {
            "PGPASSWORD" => Some("of-environment".to_owned()),
            "PGPASSFILE" => Some(list.path()),
            _ => None,
        };
        let only_list = |name: &str| variables(name).filter(|_| name == "PGPASSFILE");
        let (with, without) = (address("postgres://app:of-url@db/shop"), address("postgres://app@db/shop"));
        let found = |address, file: Option<&File>, environment: Environment<'_>| {
            find(address, file.map(|file| file.0.as_path()), environment).unwrap().map(|password| password.text)
        };
        assert_eq!(found(&with, Some(&setting), &variables).as_deref(), Some("of-url"));
        assert_eq!(found(&without, Some(&setting), &variables).as_deref(), Some("of-setting"));
        assert_eq!(found(&without, None, &variables).as_deref(), Some("of-environment"));
        assert_eq!(found(&without, None, &only_list).as_deref(), Some("of-list"));
    }

    #[test]
    fn a_list_that_others_can_read_is_ignored() {
        let address = address("postgres://app@db/shop");
        for mode in [0o640, 0o604, 0o620, 0o666] {
            let list = File::new("*:*:*:*:pw", mode);
            let environment = |name: &str| (name == "PGPASSFILE").then(|| list.path());
            assert!(find(&address, None, &environment).unwrap().is_none(), "{mode:o}");
        }
    }

    #[test]
    fn the_list_lies_at_home_unless_a_variable_names_it() {
        let address = address("postgres://app@db/shop");
        let list = File::new("*:*:*:*:pw", 0o600);
        let home = list.0.parent().unwrap();
        fs::rename(&list.0, home.join(".pgpass")).unwrap();
        let environment = |name: &str| (name == "HOME").then(|| home.to_str().unwrap().to_owned());
        let password = find(&address, None, &environment).unwrap().unwrap();
        assert_eq!(password.reveal(), "pw");
        assert!(password.origin().contains(".pgpass"), "{}", password.origin());
        let elsewhere =
            |name: &str| environment(name).or_else(|| (name == "PGPASSFILE").then(|| "/no/such".to_owned()));
        assert!(find(&address, None, &elsewhere).unwrap().is_none());
    }

    #[test]
    fn a_setting_that_names_no_password_is_an_error() {
        let address = address("postgres://app@db/shop");
        let missing = find(&address, Some(Path::new("/no/such")), &|_| None).unwrap_err().to_string();
        assert!(missing.contains("password_file /no/such cannot be read"), "{missing}");
        let empty = File::new("\n", 0o600);
        assert!(find(&address, Some(&empty.0), &|_| None).unwrap_err().to_string().contains("is empty"));
    }

    #[test]
    fn no_debug_text_shows_a_password() {
        let text = format!("{:?}", Password::new("canary", "PGPASSWORD"));
        assert!(text.contains("PGPASSWORD") && !text.contains("canary"), "{text}");
    }
}
