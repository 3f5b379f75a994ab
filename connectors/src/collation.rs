//! How PostgreSQL describes the order of a column's texts. Here it is only read and kept: what order it means, and whether
//! the engine has it, the planner decides when a query needs it.

use arrow::datatypes::Field;
use serde::{Deserialize, Serialize};

/// Field metadata: a column's [`Collation`] as JSON. A column of texts without it has its database's default collation,
/// and that orders by bytes.
pub const COLLATION: &str = "postgres.collation";

/// A collation of `pg_collation`. `default` is told as its database has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Collation {
    pub name: String,
    pub provider: CollationProvider,
    /// The locale by the name that its provider has for it.
    pub locale: String,
    pub deterministic: bool,
    /// Rules that are added to the locale's (`collicurules`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
    /// The version of the library that orders now; of libc only glibc tells one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Who orders the texts of a collation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollationProvider {
    Builtin,
    Icu,
    Glibc,
    /// Of all C libraries this one orders every locale by bytes.
    Musl,
    /// That of another system.
    OtherLibc,
    /// The shards of a source do not agree.
    Differing,
    /// None that is known here: it was not read, or another version of this program has written it.
    #[serde(other)]
    Unread,
}

impl Collation {
    /// That of texts of which no refresh has read it yet. Texts are told apart by their bytes, as by nearly every collation.
    pub fn unread() -> Self {
        let (name, provider, locale) = ("default".to_owned(), CollationProvider::Unread, String::new());
        Self { name, provider, locale, deterministic: true, rules: None, version: None }
    }

    pub fn is_unread(&self) -> bool {
        self.provider == CollationProvider::Unread
    }

    /// Whether it orders by the bytes of UTF-8.
    pub fn is_bytewise(&self) -> bool {
        match self.provider {
            // Its locales differ in upper() and lower() alone.
            CollationProvider::Builtin | CollationProvider::Musl => true,
            CollationProvider::Glibc | CollationProvider::OtherLibc => {
                matches!(self.locale.split(['.', '@']).next(), Some("C" | "POSIX"))
            }
            CollationProvider::Icu | CollationProvider::Differing | CollationProvider::Unread => false,
        }
    }

    /// That of a column, by its metadata. What cannot be read there is no order by bytes.
    pub fn of_field(field: &Field) -> Option<Self> {
        let metadata = field.metadata().get(COLLATION)?;
        Some(serde_json::from_str(metadata).unwrap_or_else(|_| Self::unread()))
    }

    /// What the metadata of a column says.
    pub(crate) fn to_metadata(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    /// What two shards say, one of which may say nothing: that they order by bytes.
    pub(crate) fn merged(one: Option<Self>, other: Option<&Self>) -> Option<Self> {
        let is_same =
            |one: &Self, other: &Self| Self { version: None, ..one.clone() } == Self { version: None, ..other.clone() };
        match (one, other) {
            (None, None) => None,
            // Of two versions the older has to be known.
            (Some(one), Some(other)) if is_same(&one, other) => {
                Some(if one.version <= other.version { one } else { other.clone() })
            }
            (one, other) => {
                let known = one.as_ref().or(other)?;
                let (name, locale) = (known.name.clone(), known.locale.clone());
                let deterministic =
                    one.as_ref().is_none_or(|one| one.deterministic) && other.is_none_or(|other| other.deterministic);
                let provider = CollationProvider::Differing;
                Some(Self { name, provider, locale, deterministic, rules: None, version: None })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collation(provider: CollationProvider, locale: &str) -> Collation {
        let version = Some("2.36".to_owned());
        Collation { name: "words".into(), provider, locale: locale.into(), deterministic: true, rules: None, version }
    }

    #[test]
    fn bytes_are_told_from_rules() {
        for (provider, locale, bytewise) in [
            (CollationProvider::Builtin, "PG_UNICODE_FAST", true),
            (CollationProvider::Glibc, "C.UTF-8", true),
            (CollationProvider::Glibc, "en_US.utf8", false),
            (CollationProvider::Musl, "en_US.utf8", true),
            (CollationProvider::OtherLibc, "POSIX", true),
            (CollationProvider::OtherLibc, "en_US.UTF-8", false),
            (CollationProvider::Icu, "und", false),
            (CollationProvider::Unread, "C", false),
        ] {
            assert_eq!(collation(provider, locale).is_bytewise(), bytewise, "{provider:?} {locale}");
        }
    }

    #[test]
    fn shards_agree_or_differ() {
        let english = collation(CollationProvider::Glibc, "en_US.utf8");
        let newer = Collation { version: Some("2.41".into()), ..english.clone() };
        let german = collation(CollationProvider::Glibc, "de_DE.utf8");
        assert_eq!(Collation::merged(Some(newer), Some(&english)), Some(english.clone()));
        let differing = |one, other| Collation::merged(one, other).map(|merged| merged.provider);
        assert_eq!(differing(Some(english.clone()), Some(&german)), Some(CollationProvider::Differing));
        assert_eq!(differing(None, Some(&english)), Some(CollationProvider::Differing));
        assert_eq!(differing(None, None), None);
    }

    #[test]
    fn metadata_keeps_all() {
        let english = collation(CollationProvider::Glibc, "en_US.utf8");
        let metadata = [(COLLATION.to_owned(), english.to_metadata().unwrap())].into();
        let field = Field::new("a", arrow::datatypes::DataType::Utf8, true).with_metadata(metadata);
        assert_eq!(Collation::of_field(&field), Some(english));
    }

    #[test]
    fn what_a_newer_version_has_written_is_unread() {
        let field = |metadata: &str| {
            let metadata = [(COLLATION.to_owned(), metadata.to_owned())].into();
            Field::new("a", arrow::datatypes::DataType::Utf8, true).with_metadata(metadata)
        };
        let newer = field(r#"{"name": "words", "provider": "icu5", "locale": "und", "deterministic": true}"#);
        let newer = Collation::of_field(&newer).unwrap();
        assert_eq!((newer.name.as_str(), newer.provider), ("words", CollationProvider::Unread));
        assert_eq!(Collation::of_field(&field("[]")), Some(Collation::unread()));
    }
}
