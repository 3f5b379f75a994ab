//! Addresses that keys are fetched from. Whoever can change a key on its way can let anybody in, and so an address
//! without TLS is refused unless it never leaves the machine.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

use crate::loopback::is_loopback;

/// Where an issuer says what its keys are, below its own address.
const DISCOVERY: &str = ".well-known/openid-configuration";

/// An `https` address, or an `http` one of the loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    pub(super) fn url(&self) -> &Url {
        &self.0
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Where the document of an issuer is that has this address.
    pub(super) fn discovery(&self) -> Self {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{DISCOVERY}", self.0.path().trim_end_matches('/')));
        Self(url)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text is not quoted: a password may be in it.
        let address = Self(text.parse::<Url>().map_err(|error| format!("it is no address: {error}"))?);
        match address.0.scheme() {
            "https" => {}
            "http" if is_loopback(address.0.host_str().unwrap_or_default()) => {}
            "http" => return Err("it has no TLS; http:// is for loopback addresses alone".to_owned()),
            _ => return Err("it must begin with https://".to_owned()),
        }
        if !address.0.username().is_empty() || address.0.password().is_some() {
            return Err("it must not hold a user or a password".to_owned());
        }
        if address.0.fragment().is_some() {
            return Err("it must not have a part behind #".to_owned());
        }
        Ok(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_without_tls_stay_on_the_machine() {
        for good in
            ["https://login.example.org/realms/a", "http://127.0.0.1:1/x", "http://localhost:1", "http://[::1]:1"]
        {
            assert!(good.parse::<Address>().is_ok(), "{good}");
        }
        for wrong in [
            "http://login.example.org",
            "http://192.0.2.1",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "ftp://login.example.org",
            "file:///etc/passwd",
            "login.example.org",
            "",
            "https://user:canary@login.example.org",
            "https://login.example.org/#x",
        ] {
            let message = wrong.parse::<Address>().unwrap_err();
            assert!(!message.contains("canary"), "{message}");
        }
    }

    #[test]
    fn the_document_is_below_the_issuer() {
        for (issuer, expected) in [
            ("https://a.example", "https://a.example/.well-known/openid-configuration"),
            ("https://a.example/", "https://a.example/.well-known/openid-configuration"),
            ("https://a.example/realms/b", "https://a.example/realms/b/.well-known/openid-configuration"),
            ("https://a.example/realms/b/", "https://a.example/realms/b/.well-known/openid-configuration"),
        ] {
            assert_eq!(issuer.parse::<Address>().unwrap().discovery().to_string(), expected);
        }
    }
}
