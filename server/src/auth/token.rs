//! An API token as its holder has it: `rf_<id>_<secret>`, all lower-case digits, so that a double click takes all of
//! it and scanners for leaked secrets can know it. The id is no secret; it is what the server finds the token by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::AuthError;
use super::hash;

const PREFIX: &str = "rf_";
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;
const LONGEST_NAME: usize = 64;

/// What tells tokens apart, whatever their names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenId([u8; ID_BYTES]);

impl TokenId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        hash::from_hexadecimal(text).map(Self)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hash::hexadecimal(&self.0))
    }
}

impl TryFrom<String> for TokenId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("an id has 16 hexadecimal digits")
    }
}

impl From<TokenId> for String {
    fn from(id: TokenId) -> Self {
        id.to_string()
    }
}

/// The secret part of a token.
#[derive(Clone)]
pub struct Secret([u8; SECRET_BYTES]);

impl Secret {
    pub(super) fn parse(text: &str) -> Option<Self> {
        hash::from_hexadecimal(text).map(Self)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// A token, secret included.
#[derive(Debug, Clone)]
pub struct Token {
    pub(super) id: TokenId,
    pub(super) secret: Secret,
}

impl Token {
    /// A token that nobody else has.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub(super) fn random() -> Result<Self, AuthError> {
        Ok(Self { id: TokenId(hash::random()?), secret: Secret(hash::random()?) })
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        Some(Self { id: TokenId::parse(id)?, secret: Secret::parse(secret)? })
    }

    /// The text, for the one time that it is shown.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, hash::hexadecimal(self.secret.bytes()))
    }
}

/// The name of a token, and of the principal that it stands for. It can be a user name in a URL and in the header of
/// a login, and cannot disturb a log line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenName(String);

impl TokenName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for TokenName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
        if text.is_empty() || text.len() > LONGEST_NAME || text.starts_with('-') || !text.bytes().all(is_allowed) {
            return Err(format!(
                "a name has at most {LONGEST_NAME} letters, digits and . _ @ -, and does not begin with -"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for TokenName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<TokenName> for String {
    fn from(name: TokenName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_shown() {
        let token = Token::random().unwrap();
        let text = token.reveal();
        assert_eq!(text.len(), "rf_".len() + 16 + 1 + 64);
        let read = Token::parse(&text).unwrap();
        assert_eq!((&read.id, read.secret.bytes()), (&token.id, token.secret.bytes()));
        assert!(!format!("{token:?}").contains(&text[20..]));
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let text = Token::random().unwrap().reveal();
        for wrong in ["", "rf_", "rf__", &text[1..], &text[..text.len() - 1], &text.to_uppercase(), &format!("{text}0")]
        {
            assert!(Token::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_token_with_another_character_is_another_or_none() {
        let text = Token::random().unwrap().reveal();
        for seed in 0..20_000 {
            let mut chance = fastrand::Rng::with_seed(seed);
            let mut characters: Vec<char> = text.chars().collect();
            let at = chance.usize(..characters.len());
            match chance.u8(..4) {
                0 => characters[at] = chance.char(..),
                1 => characters.insert(at, chance.char(..)),
                2 => characters.truncate(at),
                _ => characters[at] = chance.alphanumeric(),
            }
            let changed: String = characters.into_iter().collect();
            if let Some(read) = Token::parse(&changed) {
                assert_eq!(read.reveal(), changed, "seed {seed}");
            }
        }
    }

    #[test]
    fn names_are_plain() {
        for good in ["grafana", "a", "Dashboards-2", "jan@example.org", "a_b.c"] {
            assert_eq!(good.parse::<TokenName>().unwrap().as_str(), good);
        }
        for wrong in ["", "-a", "a b", "a:b", "ä", "a\nb", &"a".repeat(65)] {
            assert!(wrong.parse::<TokenName>().is_err(), "{wrong}");
        }
    }
}
