//! One `[[oidc]]` of the configuration file: an identity provider whose tokens are accepted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Certificate;
use serde::{Deserialize, Deserializer, de};

use super::units::Period;
use crate::auth::{Address, Algorithm, IssuerSettings, KeyPlace, TokenName};

const DEFAULT_PRINCIPAL_CLAIM: &str = "sub";
/// The pattern that every role matches.
const ANY: &str = "*";
const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
/// Clocks that differ by more are wrong, and a token would outlive its end for long.
const LONGEST_LEEWAY: Duration = Duration::from_secs(300);
const DEFAULT_REFRESH_KEYS: Duration = Duration::from_secs(300);
const DEFAULT_KEEP_KEYS: Duration = Duration::from_secs(24 * 60 * 60);

/// The keys of an identity provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OidcTable {
    name: String,
    issuer: String,
    audience: Audiences,
    jwks_url: Option<String>,
    jwks_file: Option<PathBuf>,
    principal_claim: Option<String>,
    roles_claim: Option<String>,
    roles: Option<Vec<String>>,
    #[serde(default)]
    claims: Vec<String>,
    leeway: Option<Period>,
    algorithms: Option<Vec<String>>,
    tls_ca: Option<PathBuf>,
    refresh_keys: Option<Period>,
    keep_keys: Option<Period>,
}

/// A text, or a list of texts.
#[derive(Debug)]
struct Audiences(Vec<String>);

impl<'de> Deserialize<'de> for Audiences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || de::Error::custom("an audience is a text, or a list of texts");
        let text = |value| match value {
            toml::Value::String(text) => Ok(text),
            _ => Err(wrong()),
        };
        match toml::Value::deserialize(deserializer)? {
            toml::Value::Array(values) => values.into_iter().map(text).collect::<Result<_, _>>().map(Self),
            value => Ok(Self(vec![text(value)?])),
        }
    }
}

/// The issuers of a file. Paths are relative to its folder.
///
/// # Errors
/// When a value is wrong, or two issuers cannot be told apart.
pub(super) fn resolve(tables: Vec<OidcTable>, folder: &Path) -> Result<Vec<IssuerSettings>, String> {
    let mut issuers: Vec<IssuerSettings> = vec![];
    for table in tables {
        let name = table.name.clone();
        let wrong = |what| format!("oidc \"{name}\": {what}");
        let issuer = table.resolve(folder).map_err(wrong)?;
        if issuers.iter().any(|other| other.name == issuer.name) {
            return Err(wrong("another one has the same name; give one of them another name".to_owned()));
        }
        if issuers.iter().any(|other| other.issuer == issuer.issuer) {
            return Err(wrong("another one has the same issuer; audience may be a list".to_owned()));
        }
        issuers.push(issuer);
    }
    Ok(issuers)
}

impl OidcTable {
    fn resolve(self, folder: &Path) -> Result<IssuerSettings, String> {
        // A principal is called NAME/SUB, and no token has a name with such a stroke.
        self.name.parse::<TokenName>()?;
        let address = self.issuer.parse::<Address>().map_err(|what| format!("issuer: {what}"))?;
        if self.issuer.contains('?') {
            return Err("issuer: it must not have a part behind ?".to_owned());
        }
        let key_place = match (self.jwks_url, self.jwks_file) {
            (None, None) => KeyPlace::Discovery(address),
            (Some(url), None) => KeyPlace::Address(url.parse::<Address>().map_err(|what| format!("jwks_url: {what}"))?),
            (None, Some(file)) => KeyPlace::File(folder.join(file)),
            (Some(_), Some(_)) => return Err("jwks_url and jwks_file do not go together".to_owned()),
        };
        let Audiences(audiences) = self.audience;
        if audiences.is_empty() {
            return Err("audience must name at least one".to_owned());
        }
        let principal_claim = self.principal_claim.unwrap_or_else(|| DEFAULT_PRINCIPAL_CLAIM.to_owned());
        let names = [&principal_claim].into_iter().chain(&self.roles_claim).chain(&self.claims).chain(&audiences);
        if { names }.any(String::is_empty) {
            return Err("audience and the names of claims must not be empty".to_owned());
        }
        let roles = match (self.roles, &self.roles_claim) {
            (None, _) => vec![ANY.to_owned()],
            (Some(_), None) => return Err("roles are those of roles_claim, which is missing".to_owned()),
            (Some(roles), Some(_)) if roles.is_empty() => {
                return Err("roles = [] leaves none of roles_claim; leave both out".to_owned());
            }
            (Some(roles), Some(_)) => roles,
        };
        let leeway = self.leeway.map_or(DEFAULT_LEEWAY, |time| time.0);
        if leeway > LONGEST_LEEWAY {
            return Err("leeway must be at most 5m".to_owned());
        }
        let refresh_keys = self.refresh_keys.map_or(DEFAULT_REFRESH_KEYS, |time| time.0);
        let keep_keys = self.keep_keys.map_or(DEFAULT_KEEP_KEYS.max(refresh_keys), |time| time.0);
        if keep_keys < refresh_keys {
            return Err(
                "keep_keys must not be shorter than refresh_keys, or the keys are forgotten in between".to_owned()
            );
        }
        Ok(IssuerSettings {
            name: self.name,
            issuer: self.issuer,
            audiences,
            key_place,
            principal_claim,
            roles_claim: self.roles_claim,
            roles,
            claims: self.claims,
            leeway,
            algorithms: algorithms(self.algorithms)?,
            tls_ca: self.tls_ca.map(|file| certificates(&folder.join(file))).transpose()?.unwrap_or_default(),
            refresh_keys,
            keep_keys,
        })
    }
}

fn algorithms(named: Option<Vec<String>>) -> Result<Vec<Algorithm>, String> {
    let Some(named) = named else { return Ok(Algorithm::DEFAULT.to_vec()) };
    if named.is_empty() {
        return Err("algorithms must name at least one".to_owned());
    }
    named.iter().map(|name| name.parse::<Algorithm>().map_err(|what| format!("algorithms: {what}"))).collect()
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let wrong = |what: String| format!("tls_ca: {}: {what}", path.display());
    let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&text).map_err(|_| wrong("it is not PEM".to_owned()))?;
    if certificates.is_empty() {
        return Err(wrong("it holds no certificate".to_owned()));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "name = 'corp'\nissuer = 'https://login.example.org'\naudience = 'rail-forge'\n";

    fn one(lines: &str) -> Result<IssuerSettings, String> {
        let table: OidcTable = toml::from_str(lines).map_err(|error| error.message().to_owned())?;
        resolve(vec![table], Path::new("/etc")).map(|mut issuers| issuers.remove(0))
    }

    #[test]
    fn the_least_is_a_name_an_issuer_and_an_audience() {
        let issuer = one(LEAST).unwrap();
        assert_eq!(issuer.key_place, KeyPlace::Discovery("https://login.example.org".parse().unwrap()));
        assert_eq!((issuer.audiences, issuer.principal_claim), (vec!["rail-forge".to_owned()], "sub".to_owned()));
        assert_eq!((issuer.leeway, issuer.algorithms), (DEFAULT_LEEWAY, Algorithm::DEFAULT.to_vec()));
        assert_eq!(issuer.roles, [ANY]);
        for line in LEAST.lines() {
            assert!(one(&LEAST.replace(line, "")).unwrap_err().contains("missing field"));
        }
    }

    #[test]
    fn every_key_is_read() {
        let issuer = one(&format!(
            "{}\nclaims = ['tenant']\nroles_claim = 'realm_access.roles'\nroles = ['a*']\nprincipal_claim = 'email'\n\
             leeway = '1s'\nalgorithms = ['ES384']\nrefresh_keys = '1m'\nkeep_keys = '1h'\njwks_file = 'keys.json'\n",
            LEAST.replace("'rail-forge'", "['a', 'b']")
        ))
        .unwrap();
        assert_eq!(issuer.audiences, ["a", "b"]);
        assert_eq!(
            (issuer.claims, issuer.roles_claim),
            (vec!["tenant".to_owned()], Some("realm_access.roles".to_owned()))
        );
        assert_eq!(issuer.roles, ["a*"]);
        assert_eq!((issuer.principal_claim.as_str(), issuer.leeway), ("email", Duration::from_secs(1)));
        assert_eq!(
            (issuer.algorithms, issuer.key_place),
            (vec![Algorithm::Es384], KeyPlace::File("/etc/keys.json".into()))
        );
        assert_eq!((issuer.refresh_keys, issuer.keep_keys), (Duration::from_secs(60), Duration::from_secs(3600)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, expected) in [
            ("algorithms = ['none']", "algorithms: \"none\""),
            ("algorithms = ['HS256']", "algorithms: \"HS256\""),
            ("algorithms = []", "algorithms"),
            ("jwks_url = 'http://login.example.org/keys'", "jwks_url: it has no TLS"),
            ("jwks_url = 'https://a'\njwks_file = 'b'", "jwks_url and jwks_file"),
            ("leeway = '1h'", "leeway"),
            ("keep_keys = '1m'", "keep_keys"),
            ("tls_ca = 'no-such-file.pem'", "tls_ca: /etc/no-such-file.pem"),
            ("claims = ['']", "must not be empty"),
            ("roles = ['a']", "roles are those of roles_claim"),
            ("roles_claim = 'a'\nroles = []", "roles = []"),
            ("colour = 'red'", "unknown field `colour`"),
        ] {
            let message = one(&format!("{LEAST}{line}\n")).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        for (from, to, expected) in [
            ("https://login.example.org", "http://login.example.org", "issuer: it has no TLS"),
            ("https://login.example.org", "https://login.example.org?x", "issuer"),
            ("'rail-forge'", "[]", "audience"),
            ("'rail-forge'", "5", "an audience is a text, or a list of texts"),
            ("'corp'", "'a/b'", "oidc \"a/b\""),
        ] {
            let message = one(&LEAST.replace(from, to)).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn issuers_are_told_apart() {
        let tables = |names: [&str; 2], issuers: [&str; 2]| {
            let table = |index: usize| {
                let text = LEAST.replace("corp", names[index]).replace("https://login.example.org", issuers[index]);
                toml::from_str(&text).unwrap()
            };
            resolve(vec![table(0), table(1)], Path::new("/etc"))
        };
        assert_eq!(tables(["a", "b"], ["https://a", "https://b"]).unwrap().len(), 2);
        assert!(tables(["a", "a"], ["https://a", "https://b"]).unwrap_err().contains("same name"));
        assert!(tables(["a", "b"], ["https://a", "https://a"]).unwrap_err().contains("same issuer"));
    }
}
