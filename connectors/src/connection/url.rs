//! Reads a connection URL into parameters as libpq does: `postgres://user:password@host:port/database?name=value`,
//! every part optional, %XX decoded everywhere, a later mention of a parameter replacing an earlier one, and
//! libpq's environment variables standing in for what the URL leaves out. Refuses parameters that it does not
//! know, because a driver would ignore them, and several hosts. No message quotes a part of the URL, other than
//! the names of parameters: whatever stands in the wrong place may be a piece of a password.

use std::collections::BTreeMap;

/// Looks up a variable of the environment; an empty one counts as none, as it does for libpq.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What a URL may say, and the variable that libpq takes it from otherwise. `PGPASSWORD` is missing because a
/// password is looked up at each connection, and `PGOPTIONS` because it adds to the URL's (see [`super::address`]).
const PARAMETERS: [(&str, Option<&str>); 12] = [
    ("application_name", Some("PGAPPNAME")),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    ("dbname", Some("PGDATABASE")),
    ("host", Some("PGHOST")),
    ("options", None),
    ("password", None),
    ("port", Some("PGPORT")),
    ("sslcert", Some("PGSSLCERT")),
    ("sslkey", Some("PGSSLKEY")),
    ("sslmode", Some("PGSSLMODE")),
    ("sslrootcert", Some("PGSSLROOTCERT")),
    ("user", Some("PGUSER")),
];

/// The parameters of a connection, decoded. It may hold a password, and therefore has no `Debug`.
pub(super) struct Parameters {
    values: BTreeMap<&'static str, String>,
    /// Whether the URL itself names a port.
    pub(super) port_in_url: bool,
}

impl Parameters {
    /// Reads `url`. The error says what is wrong, without the source's name.
    pub(super) fn read(url: &str, environment: Environment<'_>) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| unreadable("there is no ://"))?;
        if !scheme.chars().all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character)) {
            return Err(unreadable("the part before :// is no scheme"));
        }
        if !matches!(scheme, "postgres" | "postgresql") {
            return Err(format!("its URL must begin with postgres://, not {scheme}://"));
        }
        let mut parameters = Self { values: BTreeMap::new(), port_in_url: false };
        parameters.read_parts(rest).map_err(|reason| unreadable(&reason))?;
        parameters.port_in_url = parameters.get("port").is_some();
        for (name, variable) in PARAMETERS {
            if parameters.get(name).is_none()
                && let Some(value) = variable.and_then(environment)
            {
                parameters.values.insert(name, value);
            }
        }
        Ok(parameters)
    }

    /// A parameter; an empty one counts as none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn read_parts(&mut self, text: &str) -> Result<(), String> {
        // libpq's rule: user and password end at an @ that comes before the first slash.
        let at = text.find(['@', '/']).filter(|&at| text[at..].starts_with('@'));
        let (user, rest) = at.map_or((None, text), |at| (Some(&text[..at]), &text[at + 1..]));
        if let Some(user) = user {
            let (user, password) = user.split_once(':').map_or((user, None), |(user, word)| (user, Some(word)));
            self.set("user", user)?;
            self.set("password", password.unwrap_or_default())?;
        }
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (host, database) = rest.split_once('/').unwrap_or((rest, ""));
        if host.contains('@') {
            return Err("there are two @; one in a password is written %40".to_owned());
        }
        if host.contains(',') {
            return Err(SEVERAL_HOSTS.to_owned());
        }
        let (host, port) = split_port(host)?;
        self.set("host", host)?;
        self.set("port", port)?;
        self.set("dbname", database)?;
        query.map_or(Ok(()), |query| self.read_query(query))
    }

    fn read_query(&mut self, query: &str) -> Result<(), String> {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) =
                pair.split_once('=').ok_or("a parameter after the ? has no value; an & in a value is written %26")?;
            let name = decode(name)?;
            let Some((known, _)) = PARAMETERS.iter().find(|(known, _)| *known == name) else {
                let known: Vec<&str> = PARAMETERS.iter().map(|(known, _)| *known).collect();
                return Err(format!("its parameter \"{name}\" is not known; known are {}", known.join(", ")));
            };
            self.set(known, value)?;
        }
        Ok(())
    }

    fn set(&mut self, name: &'static str, value: &str) -> Result<(), String> {
        self.values.insert(name, decode(value)?);
        Ok(())
    }
}

/// Why a URL or `PGHOST` with a comma in its host is refused.
pub(super) const SEVERAL_HOSTS: &str = "it names several hosts, and a source has one";

fn unreadable(reason: &str) -> String {
    format!("its URL cannot be read ({reason}); it looks like postgres://user@host:5432/database")
}

/// `host:port` in two; an IPv6 address stands in brackets, which are not part of it.
fn split_port(text: &str) -> Result<(&str, &str), String> {
    let Some(address) = text.strip_prefix('[') else {
        return Ok(text.split_once(':').unwrap_or((text, "")));
    };
    let (address, rest) = address.split_once(']').ok_or("its IPv6 address has no ] at its end")?;
    match rest.strip_prefix(':') {
        Some(port) => Ok((address, port)),
        None if rest.is_empty() => Ok((address, "")),
        None => Err("after the ] of its IPv6 address there is neither a port nor a database".to_owned()),
    }
}

/// The text with its %XX decoded. A + stays a +.
fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        (bytes, rest) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let (high, low) = digit(high).zip(digit(low)).ok_or(BAD_PERCENT)?;
                bytes.push(high << 4 | low);
                (bytes, tail)
            }
            (b'%', _) => return Err(BAD_PERCENT.to_owned()),
            _ => {
                bytes.push(*first);
                (bytes, tail)
            }
        };
    }
    // PostgreSQL's messages end their texts with a zero.
    if bytes.contains(&0) {
        return Err("it holds %00".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "what its %XX stand for is not UTF-8".to_owned())
}

const BAD_PERCENT: &str = "a % is not followed by two hexadecimal digits; a % itself is written %25";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Parameters, String> {
        Parameters::read(url, &|_| None)
    }

    fn parts(url: &str) -> [Option<String>; 5] {
        let parameters = read(url).unwrap();
        ["user", "password", "host", "port", "dbname"].map(|name| parameters.get(name).map(str::to_owned))
    }

    #[test]
    fn every_part_is_optional() {
        let all = |texts: [&str; 5]| texts.map(|text| Some(text.to_owned()).filter(|text| !text.is_empty()));
        for (url, expected) in [
            ("postgres://app:pw@db:5433/shop", ["app", "pw", "db", "5433", "shop"]),
            ("postgresql://app@db/shop", ["app", "", "db", "", "shop"]),
            ("postgres://", ["", "", "", "", ""]),
            ("postgres:///shop", ["", "", "", "", "shop"]),
            ("postgres://app@/shop", ["app", "", "", "", "shop"]),
            ("postgres://db:5433?dbname=shop", ["", "", "db", "5433", "shop"]),
            ("postgres://[2001:db8::1]:5433/shop", ["", "", "2001:db8::1", "5433", "shop"]),
            ("postgres://[::1]/shop", ["", "", "::1", "", "shop"]),
            ("postgres://%2Fvar%2Frun%2Fpostgresql/shop", ["", "", "/var/run/postgresql", "", "shop"]),
            ("postgres://app@/shop?host=/tmp/here&port=5433", ["app", "", "/tmp/here", "5433", "shop"]),
            ("postgres://app:p%40%2F%3A%25@db/sh%20op", ["app", "p@/:%", "db", "", "sh op"]),
            ("postgres://app:a+b:c?d@db/shop", ["app", "a+b:c?d", "db", "", "shop"]),
            ("postgres://app@db/shop?user=other&password=a+b", ["other", "a+b", "db", "", "shop"]),
        ] {
            assert_eq!(parts(url), all(expected), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_being_quoted() {
        for (url, expected) in [
            ("canary", "there is no ://"),
            ("app:canary@db://x", "no scheme"),
            ("mysql://app:canary@db/shop", "must begin with postgres://, not mysql://"),
            ("postgres://app:ca@nary@db/shop", "two @"),
            ("postgres://app:canary@one,two/shop", "several hosts"),
            ("postgres://app:canary@one:1,two:2/shop", "several hosts"),
            ("postgres://app:canary@[::1/shop", "no ]"),
            ("postgres://app:canary@[::1]5432/shop", "after the ]"),
            ("postgres://app:canary%4@db/shop", "a % is not followed"),
            ("postgres://app:canary%@db/shop", "a % is not followed"),
            ("postgres://app:canary%00@db/shop", "%00"),
            ("postgres://app:canary%ff@db/shop", "not UTF-8"),
            ("postgres://app@db/shop?password=a&canary", "has no value"),
            ("postgres://app@db/shop?sslpassword=canary", "\"sslpassword\" is not known"),
            ("postgres://app:canary@db/shop?sslMode=require", "\"sslMode\" is not known"),
        ] {
            let message = read(url).err().unwrap();
            assert!(message.contains(expected), "{url}: {message}");
            assert!(!message.contains("canary") && !message.contains("nary"), "{url}: {message}");
        }
    }

    #[test]
    fn the_environment_fills_gaps() {
        let environment = |name: &str| match name {
            "PGHOST" => Some("elsewhere".to_owned()),
            "PGSSLMODE" => Some("require".to_owned()),
            "PGPORT" => Some("5433".to_owned()),
            _ => None,
        };
        let parameters = Parameters::read("postgres://db/shop?sslmode=", &environment).unwrap();
        assert_eq!(parameters.get("host"), Some("db"));
        assert_eq!(parameters.get("sslmode"), Some("require"));
        assert_eq!(parameters.get("port"), Some("5433"));
        assert!(!parameters.port_in_url);
    }
}
