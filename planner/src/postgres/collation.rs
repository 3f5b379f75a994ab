//! How PostgreSQL orders texts: what it says of a collation becomes an order, or a refusal that names the collation
//! (`docs/decisions/0008-collations.md`).
//!
//! The engine compares bytes. A text becomes a key whose bytes sort as PostgreSQL sorts the text: under ICU by the
//! library's own rules, under libc by those of glibc 2.28 and later. An order that is not had exactly (rules of a
//! collation's own, locales that glibc tailors, another C library) is refused: a wrong order would be a wrong answer.

mod glibc;
mod icu;

use rail_forge_connectors::{Collation as Description, CollationProvider as Provider};

use self::glibc::Glibc;
use self::icu::Icu;

/// Between a key and the text itself; no key has it inside, nor has a text of PostgreSQL.
const SEPARATOR: u8 = 0;

/// Why texts cannot be ordered as PostgreSQL orders them.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("not supported: collation \"{collation}\" {why}; {remedy}")]
pub(crate) struct Refused {
    collation: String,
    why: String,
    remedy: &'static str,
}

/// What can be done about a refusal.
const SAY_C: &str = "say COLLATE \"C\" in the query, or give the column another collation";
/// The same, where it is not known what the collation is.
const REFRESH: &str = "refresh the table";

/// An order of texts.
#[derive(Debug)]
pub(crate) enum Collation {
    /// That of the bytes of UTF-8.
    Bytes,
    Keys(Keys),
}

/// An order of texts by keys.
#[derive(Debug)]
pub(crate) struct Keys {
    rules: Rules,
    /// Whether texts that the rules find equal are told apart by their bytes.
    deterministic: bool,
}

#[derive(Debug)]
enum Rules {
    Icu(Box<Icu>),
    Glibc(&'static Glibc),
}

impl Collation {
    /// The order that a description means.
    pub(crate) fn of(description: &Description) -> Result<Self, Refused> {
        let refused = |why: String| Refused { collation: description.name.clone(), why, remedy: SAY_C };
        let rules = match description.provider {
            _ if description.is_bytewise() => return Ok(Self::Bytes),
            Provider::Glibc => Rules::Glibc(glibc::rules(description).map_err(refused)?),
            Provider::Builtin | Provider::Musl | Provider::OtherLibc => {
                return Err(refused("is of a C library other than glibc".to_owned()));
            }
            Provider::Unread => {
                let (collation, why) = (description.name.clone(), "was not read".to_owned());
                return Err(Refused { collation, why, remedy: REFRESH });
            }
            Provider::Differing => return Err(refused("is not the same in all shards".to_owned())),
            Provider::Icu if description.rules.as_deref().is_some_and(|rules| !rules.is_empty()) => {
                return Err(refused("has rules of its own".to_owned()));
            }
            Provider::Icu => Rules::Icu(Box::new(Icu::new(&description.locale).map_err(refused)?)),
        };
        Ok(Self::Keys(Keys { rules, deterministic: description.deterministic }))
    }

    /// Whether texts are equal only if their bytes are, so that what is compared for equality alone needs no key.
    pub(crate) fn is_bytewise_equal(&self) -> bool {
        match self {
            Self::Bytes => true,
            Self::Keys(keys) => keys.deterministic,
        }
    }

    /// Appends the key of a text. Keys are ordered, and equal, as the texts are.
    pub(crate) fn sort_key(&self, text: &str, key: &mut Vec<u8>) {
        match self {
            Self::Bytes => key.extend_from_slice(text.as_bytes()),
            Self::Keys(keys) => keys.sort_key(text, key),
        }
    }

    /// The text that a key is of; none where the collation makes one key of several texts.
    pub(crate) fn text_of(key: &[u8]) -> Option<&str> {
        let separator = key.iter().position(|byte| *byte == SEPARATOR)?;
        std::str::from_utf8(key.get(separator + 1..)?).ok()
    }
}

impl Keys {
    fn sort_key(&self, text: &str, key: &mut Vec<u8>) {
        match &self.rules {
            Rules::Icu(icu) => icu.sort_key(text, key),
            Rules::Glibc(glibc) => glibc.sort_key(text, key),
        }
        if self.deterministic {
            key.push(SEPARATOR);
            key.extend_from_slice(text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(provider: Provider, locale: &str, deterministic: bool) -> Description {
        let version = Some("2.36".to_owned());
        let (name, locale) = ("words".to_owned(), locale.to_owned());
        Description { name, provider, locale, deterministic, rules: None, version }
    }

    fn key(collation: &Collation, text: &str) -> Vec<u8> {
        let mut key = vec![];
        collation.sort_key(text, &mut key);
        key
    }

    fn sorted<'a>(collation: &Collation, mut texts: Vec<&'a str>) -> Vec<&'a str> {
        texts.sort_by_key(|text| key(collation, text));
        texts
    }

    #[test]
    fn orders_of_providers() {
        let of = |provider, locale| Collation::of(&described(provider, locale, true)).unwrap();
        let texts = vec!["ab", "a b", "B", "a", "á", "A", "_a", "a10", "a9", "ö", "z"];
        assert_eq!(
            sorted(&of(Provider::Builtin, "C.UTF-8"), texts.clone()),
            ["A", "B", "_a", "a", "a b", "a10", "a9", "ab", "z", "á", "ö"]
        );
        assert_eq!(
            sorted(&of(Provider::Glibc, "en_US.utf8"), texts.clone()),
            ["_a", "a", "A", "á", "a10", "a9", "a b", "ab", "B", "ö", "z"]
        );
        assert_eq!(
            sorted(&of(Provider::Icu, "en-US"), texts.clone()),
            ["_a", "a", "A", "á", "a b", "a10", "a9", "ab", "B", "ö", "z"]
        );
        assert_eq!(
            sorted(&of(Provider::Icu, "sv-u-kn-kf-upper"), texts),
            ["_a", "A", "a", "á", "a b", "a9", "a10", "ab", "B", "z", "ö"]
        );
    }

    #[test]
    fn equal_without_case() {
        let folded = Collation::of(&described(Provider::Icu, "und-u-ks-level2", false)).unwrap();
        assert!(!folded.is_bytewise_equal());
        assert_eq!(key(&folded, "Ab"), key(&folded, "aB"));
        let spelled = Collation::of(&described(Provider::Icu, "und@colStrength=secondary", false)).unwrap();
        assert_eq!(key(&spelled, "Ab"), key(&spelled, "aB"));
    }

    #[test]
    fn keys_end_with_their_texts() {
        for (provider, locale) in [(Provider::Glibc, "en_US.utf8"), (Provider::Icu, "und")] {
            let collation = Collation::of(&described(provider, locale, true)).unwrap();
            for text in ["", "a", " ", "Çelik-2", "\u{1}\u{2}", "漢字 かな", "\u{10FFFF}"] {
                assert_eq!(Collation::text_of(&key(&collation, text)), Some(text));
            }
        }
    }

    #[test]
    fn what_is_refused() {
        let why = |description: &Description| Collation::of(description).unwrap_err().to_string();
        let of_icu = [
            "en-US-u-va-posix",
            "und-u-kr-grek-latn",
            "fr-u-kb-true",
            "no such",
            "und-u-ks-level9",
            "de-u-co-search",
            "haw-US",
            "uz-Cyrl-UZ",
        ];
        for locale in of_icu {
            assert!(why(&described(Provider::Icu, locale, true)).contains("collation \"words\""), "{locale}");
        }
        for locale in ["es_ES.utf8", "sv_SE", "xx_YY.utf8", "uz_UZ@cyrillic"] {
            assert!(why(&described(Provider::Glibc, locale, true)).contains(locale), "{locale}");
        }
        let rules = Some("&a < b".to_owned());
        assert!(why(&Description { rules, ..described(Provider::Icu, "und", true) }).contains("rules of its own"));
        let version = Some("2.27".to_owned());
        assert!(why(&Description { version, ..described(Provider::Glibc, "en_US", true) }).contains("2.27"));
        assert!(why(&described(Provider::OtherLibc, "en_US", true)).contains("C library"));
        assert!(why(&described(Provider::Differing, "en_US", true)).contains("shards"));
        assert!(why(&Description::unread()).ends_with("was not read; refresh the table"));
    }
}
