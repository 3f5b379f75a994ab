//! The order of ICU's locales, by ICU4X: a locale is a language tag whose `-u-` keywords choose among the rules.
//!
//! Keywords that ICU4X has no setting for (`kb`, `kr`, `vt`, `kh`, `va-posix`) are refused where they would change the
//! order; those that say nothing of order (`ca`, `nu`, ...) are passed over, as ICU does.

mod ascii;

use icu_collator::options::{AlternateHandling, CaseLevel, CollatorOptions, MaxVariable, Strength};
use icu_collator::{CollatorBorrowed, CollatorPreferences};
use icu_locale_core::Locale;
use icu_locale_core::extensions::unicode::{Key, key};

use self::ascii::Ascii;

/// Kinds of order beside that of a locale's own (`co`) that ICU4X has the rules of, each for some languages.
const KINDS: [&str; 11] =
    ["standard", "compat", "dict", "emoji", "eor", "phonebk", "pinyin", "stroke", "trad", "unihan", "zhuyin"];

/// Languages that ICU has rules of and ICU4X has not, and which it would order by the root's.
const LANGUAGES_WITHOUT_RULES: [&str; 7] = ["haw", "kl", "lkt", "ln", "se", "smn", "yi"];
/// Languages in other than their usual scripts, which ICU orders by the root's rules and ICU4X by the language's.
const SCRIPTS_WITHOUT_RULES: [&str; 5] = ["az-Cyrl", "hi-Latn", "pa-Arab", "uz-Arab", "uz-Cyrl"];

#[derive(Debug)]
pub(super) struct Icu {
    collator: CollatorBorrowed<'static>,
    ascii: Option<Ascii>,
}

impl Icu {
    pub(super) fn new(locale: &str) -> Result<Self, String> {
        let unknown = || format!("has the locale \"{locale}\", whose order is not known");
        let tag = language_tag(locale).ok_or_else(unknown)?;
        let tag = Locale::try_from_str(&tag).map_err(|_| unknown())?;
        let said = |key: Key| tag.extensions.unicode.keywords.get(&key).map(ToString::to_string);
        let no_such = |key: &str, value: &str| format!("has the keyword {key}-{value}, for which there is no order");
        let mut options = CollatorOptions::default();
        if let Some(value) = said(key!("ks")) {
            options.strength = Some(match value.as_str() {
                "level1" => Strength::Primary,
                "level2" => Strength::Secondary,
                "level3" => Strength::Tertiary,
                "level4" => Strength::Quaternary,
                "identic" => Strength::Identical,
                _ => return Err(no_such("ks", &value)),
            });
        }
        if let Some(value) = said(key!("ka")) {
            options.alternate_handling = Some(match value.as_str() {
                "noignore" => AlternateHandling::NonIgnorable,
                "shifted" => AlternateHandling::Shifted,
                _ => return Err(no_such("ka", &value)),
            });
        }
        if let Some(value) = said(key!("kv")) {
            options.max_variable = Some(match value.as_str() {
                "space" => MaxVariable::Space,
                "punct" => MaxVariable::Punctuation,
                "symbol" => MaxVariable::Symbol,
                "currency" => MaxVariable::Currency,
                _ => return Err(no_such("kv", &value)),
            });
        }
        if let Some(value) = said(key!("kc")) {
            options.case_level = Some(if is_true(&value) { CaseLevel::On } else { CaseLevel::Off });
        }
        if let Some(value) = said(key!("kb")).filter(|value| is_true(value)) {
            return Err(no_such("kb", &value));
        }
        for (name, key) in [("kr", key!("kr")), ("vt", key!("vt")), ("kh", key!("kh")), ("va", key!("va"))] {
            if let Some(value) = said(key) {
                return Err(no_such(name, &value));
            }
        }
        let language = tag.id.language.to_string();
        let written = tag.id.script.map(|script| format!("{language}-{script}")).unwrap_or_default();
        let has_no_rules = LANGUAGES_WITHOUT_RULES.contains(&&*language) || SCRIPTS_WITHOUT_RULES.contains(&&*written);
        if has_no_rules || !tag.id.variants.is_empty() {
            return Err(unknown());
        }
        if let Some(value) = said(key!("co")).filter(|value| !KINDS.contains(&value.as_str())) {
            return Err(no_such("co", &value));
        }
        // The normal form of texts (`kk`) is always taken, as ICU does for texts in any usual form without being told.
        let preferences = CollatorPreferences::from(&tag);
        let collator = CollatorBorrowed::try_new(preferences, options).map_err(|_| unknown())?;
        let ascii = Ascii::of(&collator);
        Ok(Self { collator, ascii })
    }

    pub(super) fn sort_key(&self, text: &str, key: &mut Vec<u8>) {
        if !self.ascii.as_ref().is_some_and(|ascii| ascii.sort_key(text, key)) {
            let Ok(()) = self.collator.write_sort_key_to(text, key);
        }
    }
}

/// Keywords that are true have no value in a language tag.
fn is_true(value: &str) -> bool {
    value.is_empty() || value == "true"
}

/// ICU's own spelling of a locale (`de_DE@collation=phonebook`), which PostgreSQL kept until version 15, as a tag.
fn language_tag(locale: &str) -> Option<String> {
    let (name, keywords) = locale.split_once('@').unwrap_or((locale, ""));
    let mut tag = match name.replace('_', "-") {
        root if root.is_empty() || root.eq_ignore_ascii_case("root") => "und".to_owned(),
        name => name,
    };
    let mut keywords: Vec<(&str, String)> =
        keywords.split(';').filter(|keyword| !keyword.is_empty()).map(tag_keyword).collect::<Option<_>>()?;
    keywords.sort();
    if !keywords.is_empty() && !tag.contains("-u-") {
        tag.push_str("-u");
    }
    for (key, value) in keywords {
        tag.push('-');
        tag.push_str(key);
        if !value.is_empty() {
            tag.push('-');
            tag.push_str(&value);
        }
    }
    Some(tag)
}

fn tag_keyword(keyword: &str) -> Option<(&'static str, String)> {
    let (name, value) = keyword.split_once('=')?;
    let key = match name.to_ascii_lowercase().as_str() {
        "collation" => "co",
        "colnumeric" => "kn",
        "colstrength" => "ks",
        "colcasefirst" => "kf",
        "colcaselevel" => "kc",
        "colalternate" => "ka",
        "colbackwards" => "kb",
        "colnormalization" => "kk",
        "colreorder" => "kr",
        "kv" => "kv",
        _ => return None,
    };
    let value = value.to_ascii_lowercase();
    let value = match (key, value.as_str()) {
        ("co", "phonebook") => "phonebk",
        ("co", "traditional") => "trad",
        ("co", "dictionary") => "dict",
        ("co", "gb2312han") => "gb2312",
        ("ks", "primary") => "level1",
        ("ks", "secondary") => "level2",
        ("ks", "tertiary") => "level3",
        ("ks", "quaternary") => "level4",
        ("ks", "identical") => "identic",
        ("ka", "non-ignorable") => "noignore",
        ("kn" | "kc" | "kb" | "kk", "yes") => "true",
        ("kn" | "kc" | "kb" | "kk" | "kf", "no") => "false",
        (_, other) => other,
    };
    Some((key, value.to_owned()))
}
