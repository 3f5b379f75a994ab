//! Logins: what a client is given for its user name and password. A login is signed and not stored, so that a restart
//! does not end it and servers with the same key accept it; it names the token that it was given for, and ends with
//! it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use prost::Message;

use super::signing_key::{Purpose, SIGNATURE_BYTES, SigningKey};
use super::token::TokenId;

const PREFIX: &str = "rfl_";
/// How long a login lasts.
const LIFETIME: TimeDelta = TimeDelta::hours(1);

/// What a login says.
#[derive(Clone, PartialEq, Message)]
struct Claim {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    token: String,
    /// Seconds since 1970.
    #[prost(int64, tag = "3")]
    expires: i64,
}

/// Whom a login that holds was given to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LoggedIn {
    pub(super) name: String,
    pub(super) token: TokenId,
}

/// Gives logins, and knows its own.
#[derive(Debug)]
pub(super) struct Logins {
    key: SigningKey,
}

impl Logins {
    pub(super) fn new(key: SigningKey) -> Self {
        Self { key }
    }

    /// A login for the holder of a token; without one it is good for nothing, but a client that asks for a login of a
    /// server that needs none has something to send.
    pub(super) fn give(&self, name: &str, token: Option<&TokenId>, now: DateTime<Utc>) -> String {
        let token = token.map(TokenId::to_string).unwrap_or_default();
        let claim = Claim { name: name.to_owned(), token, expires: (now + LIFETIME).timestamp() }.encode_to_vec();
        let signature = self.key.sign(Purpose::Login, &[&claim]);
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode([&signature[..], &claim].concat()))
    }

    /// Whether a text says that it is a login.
    pub(super) fn is_login(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Reads a login that was given here and has not expired.
    pub(super) fn read(&self, text: &str, now: DateTime<Utc>) -> Option<LoggedIn> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (signature, claim) = bytes.split_at_checked(SIGNATURE_BYTES)?;
        if !self.key.verify(Purpose::Login, &[claim], signature) {
            return None;
        }
        let Claim { name, token, expires } = Claim::decode(claim).ok()?;
        if expires <= now.timestamp() {
            return None;
        }
        Some(LoggedIn { name, token: TokenId::parse(&token)? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::Token;
    use super::*;

    #[test]
    fn a_login_holds_for_an_hour() {
        let logins = Logins::new(SigningKey::random().unwrap());
        let (token, now) = (Token::random().unwrap().id, Utc::now());
        let text = logins.give("a", Some(&token), now);
        assert!(Logins::is_login(&text) && text.len() < 200, "{text}");
        let expected = Some(LoggedIn { name: "a".to_owned(), token });
        assert_eq!(logins.read(&text, now), expected);
        assert_eq!(logins.read(&text, now + TimeDelta::minutes(59)), expected);
        assert_eq!(logins.read(&text, now + TimeDelta::minutes(60)), None);
    }

    #[test]
    fn a_changed_login_or_one_of_another_key_does_not_hold() {
        let logins = Logins::new(SigningKey::random().unwrap());
        let other = Logins::new(SigningKey::random().unwrap());
        let now = Utc::now();
        let text = logins.give("a", Some(&Token::random().unwrap().id), now);
        assert_eq!(other.read(&text, now), None);
        assert_eq!(logins.read(&text[1..], now), None);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&text[PREFIX.len()..]).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let changed = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(changed));
            assert_eq!(logins.read(&changed, now), None, "byte {index}");
        }
        for length in 0..bytes.len() {
            let cut = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(&bytes[..length]));
            assert_eq!(logins.read(&cut, now), None, "{length} bytes");
        }
    }

    #[test]
    fn a_login_without_a_token_holds_nowhere() {
        let logins = Logins::new(SigningKey::random().unwrap());
        assert_eq!(logins.read(&logins.give("", None, Utc::now()), Utc::now()), None);
    }
}
