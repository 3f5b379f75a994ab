//! The order of texts at a place in a query: that of the collation that was derived, or of the database's default. COLLATE
//! names collations here, those of the tables' columns and those whose names tell what they are.

use std::sync::Arc;

use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast;
use rail_forge_connectors::{Collation, CollationProvider};

use super::collation::{Derivation, Known, STRING_COMPARISON, contradiction, indeterminate, is_collatable, is_printed};
use super::names::{folded, parts};
use super::typed::Typed;
use super::{Binder, KnownTable, Tables};
use crate::error::{Error, Result};
use crate::functions::{Casing, TextOrder};
use crate::names::is_of_catalogue;
use crate::pg_type::{Category, PgType};

/// The name of a database's default collation.
const DEFAULT: &str = "default";
/// How the names of collations end that PostgreSQL makes for the locales of ICU.
const OF_ICU: &str = "-x-icu";
/// Collations that are in every database, and order by bytes: their names, and locales of the builtin provider that they
/// are like.
const BYTEWISE: [(&str, &str); 7] = [
    ("C", "C"),
    ("POSIX", "C"),
    ("ucs_basic", "C"),
    ("C.UTF-8", "C.UTF-8"),
    ("C.utf8", "C.UTF-8"),
    ("pg_c_utf8", "C.UTF-8"),
    ("pg_unicode_fast", "PG_UNICODE_FAST"),
];

/// The default collation of the databases that a statement reads.
pub(super) enum DatabaseCollation {
    /// None for one that orders by bytes.
    Same(Option<Arc<Known>>),
    /// Two databases have different ones.
    Differing,
}

impl DatabaseCollation {
    /// That of the databases of these tables.
    pub(super) fn of(tables: &Tables) -> Self {
        let mut defaults =
            tables.iter().filter(|(name, _)| !is_of_catalogue(name)).map(|(_, table)| table.collation.as_ref());
        let Some(first) = defaults.next() else { return Self::Same(None) };
        let known = first.map(|collation| Known::new(collation.clone(), true));
        let is_same = |other: Option<&Collation>| match (&known, other) {
            (None, None) => true,
            (Some(known), Some(other)) => known.is_same(&Known::new(other.clone(), true)),
            _ => false,
        };
        if defaults.all(is_same) { Self::Same(known) } else { Self::Differing }
    }
}

impl Binder<'_> {
    /// The collation of a table's column, of which the metadata says `own`, in a database whose default is `default`.
    pub(super) fn collation_of_column(
        &self,
        own: Option<Collation>,
        default: Option<&Collation>,
        pg_type: &PgType,
    ) -> Derivation {
        match (own, &self.database) {
            (Some(own), _) => {
                let is_default = default == Some(&own);
                Derivation::Implicit(Known::new(own, is_default))
            }
            // It may be another than the default, so that no other is preferred to it.
            (None, _) if default.is_some_and(Collation::is_unread) && is_collatable(pg_type) => {
                Derivation::Implicit(Known::new(Collation::unread(), false))
            }
            // By bytes, by default; only beside another database it has to be told.
            (None, DatabaseCollation::Differing) if is_collatable(pg_type) && !is_printed(pg_type) => {
                Derivation::Implicit(Known::by_bytes(DEFAULT, "C.UTF-8", true))
            }
            (None, _) => Derivation::Default,
        }
    }

    /// The order of values of a type; none where texts are ordered by bytes, or where there are none.
    ///
    /// # Errors
    /// When the collation is not determined, or its order is not known.
    pub(super) fn text_order(&self, pg_type: &PgType, collation: &Derivation) -> Result<Option<Arc<TextOrder>>> {
        if let PgType::Record(fields) = pg_type {
            for (index, (_, pg_type)) in fields.iter().enumerate() {
                if self.text_order(pg_type, &collation.of_field(index))?.is_some() {
                    return Err(Error::Unsupported(
                        "not supported: the order of rows as values, with texts that are not ordered by bytes; order by \
                         the columns"
                            .to_owned(),
                    ));
                }
            }
            return Ok(None);
        }
        if *pg_type == PgType::Jsonb {
            return self.order_of_jsonb();
        }
        if !is_collatable(pg_type) {
            return Ok(None);
        }
        match collation {
            Derivation::Default | Derivation::Fields(_) if is_printed(pg_type) => Ok(None),
            Derivation::Default | Derivation::Fields(_) => match &self.database {
                DatabaseCollation::Same(known) => known.as_ref().map_or(Ok(None), |known| known.order()),
                DatabaseCollation::Differing => Err(Error::Query(
                    "could not determine which collation to use for string comparison: the databases of the tables have \
                     different default collations; use the COLLATE clause to set the collation explicitly"
                        .to_owned(),
                )),
            },
            Derivation::Implicit(known) | Derivation::Explicit(known) => known.order(),
            Derivation::Conflict(..) | Derivation::Indeterminate => Err(indeterminate(STRING_COMPARISON)),
        }
    }

    /// PostgreSQL orders strings in `jsonb` by the default collation, always.
    fn order_of_jsonb(&self) -> Result<Option<Arc<TextOrder>>> {
        let of_texts = self.text_order(&PgType::Text, &Derivation::Default).map_err(|error| match error {
            Error::Unsupported(why) => {
                Error::Unsupported(format!("{why}; jsonb takes no COLLATE, but a text of it does (value #>> '{{}}')"))
            }
            other => other,
        })?;
        Ok(of_texts.map(|order| order.of_jsonb()))
    }

    /// The order of what rows are sorted by.
    pub(super) fn sort_order(&self, sorted: &Typed) -> Result<Option<Arc<TextOrder>>> {
        match &sorted.collation {
            Derivation::Conflict(one, other) if sorted.is_collatable() => Err(contradiction(one, other)),
            collation => self.text_order(&sorted.pg_type, collation),
        }
    }

    /// The order that an operator or a function needs, by its name, of the values that it compares.
    pub(super) fn order_of_call(
        &self,
        name: &str,
        arguments: &[Typed],
        collation: &Derivation,
    ) -> Result<Option<Arc<TextOrder>>> {
        if matches!(name, "<" | "<=" | ">" | ">=") && arguments.iter().all(|typed| typed.pg_type == PgType::Jsonb) {
            return self.order_of_jsonb();
        }
        let Some(compared) = arguments.iter().find(|typed| typed.is_collatable()) else { return Ok(None) };
        let refused = || {
            Err(Error::Unsupported(format!(
                "not supported: {name} by a nondeterministic collation; say COLLATE \"C\" in the query"
            )))
        };
        match name {
            "<" | "<=" | ">" | ">=" => self.text_order(&compared.pg_type, collation),
            "array_sort" => {
                let order = self.text_order(&compared.pg_type, collation)?;
                if order.as_ref().is_some_and(|order| !order.is_bytewise_equal()) { refused() } else { Ok(order) }
            }
            "=" | "<>" | "!=" | "IS DISTINCT FROM" | "IS NOT DISTINCT FROM" => collation.equality(&compared.pg_type),
            "upper" | "lower" | "initcap" if collation.is_contradictory() => {
                Err(indeterminate(&format!("{name}() function")))
            }
            _ if LOOKS_FOR_EQUALS.contains(&name) && collation.equality(&compared.pg_type)?.is_some() => refused(),
            _ => Ok(None),
        }
    }

    /// The order that an aggregate needs of an argument. One with DISTINCT sorts what it looks for repetitions in, each
    /// argument by its own collation.
    pub(super) fn order_of_argument(
        &self,
        name: &str,
        distinct: bool,
        argument: &Typed,
    ) -> Result<Option<Arc<TextOrder>>> {
        match name {
            "count" if distinct => argument.collation.equality(&argument.pg_type),
            "min" | "max" | "percentile_disc" | "mode" => self.text_order(&argument.pg_type, &argument.collation),
            // There is nothing to sort in one value.
            _ if distinct && !matches!(argument.expr, Expr::Literal(..)) => self.sort_order(argument),
            _ => Ok(None),
        }
    }

    /// How letters become capitals by a collation, where that is not one for one.
    pub(super) fn casing(&self, collation: &Derivation) -> Option<Casing> {
        match (collation, &self.database) {
            (Derivation::Default, DatabaseCollation::Same(Some(known))) => known.casing(),
            (Derivation::Implicit(known) | Derivation::Explicit(known), _) => known.casing(),
            _ => None,
        }
    }

    /// `expression COLLATE name`.
    pub(super) fn collate(&mut self, inner: &ast::Expr, collation: &ast::ObjectName) -> Result<Typed> {
        let typed = self.expression(inner)?;
        let name = parts(collation).last().map(folded).unwrap_or_default();
        let of_texts = |pg_type: &PgType| matches!(pg_type.category(), Category::String | Category::Unknown);
        if !of_texts(&typed.pg_type) && !typed.pg_type.element().is_some_and(of_texts) {
            return Err(Error::Query(format!("collations are not supported by type {}", typed.pg_type)));
        }
        let collation = self.named_collation(&name)?;
        Ok(typed.with_collation(collation))
    }

    /// A collation by its name: one of the tables' columns, or one whose name tells what it is.
    fn named_collation(&self, name: &str) -> Result<Derivation> {
        if name == DEFAULT {
            return match &self.database {
                DatabaseCollation::Same(Some(known)) => Ok(Derivation::Explicit(Arc::clone(known))),
                DatabaseCollation::Same(None) => Ok(Derivation::Explicit(Known::by_bytes(DEFAULT, "C.UTF-8", true))),
                DatabaseCollation::Differing => Err(Error::Query(
                    "the databases of the tables have different default collations; name one of them".to_owned(),
                )),
            };
        }
        if let Some((name, locale)) = BYTEWISE.iter().find(|(known, _)| *known == name) {
            return Ok(Derivation::Explicit(Known::by_bytes(name, locale, false)));
        }
        if let Some(known) = self.collations().find(|known| known.name == name) {
            return Ok(Derivation::explicit(known));
        }
        let of_icu = match name {
            "unicode" => Some("und"),
            name => name.strip_suffix(OF_ICU),
        };
        let collation = |provider, locale: &str, version| {
            let (name, locale) = (name.to_owned(), locale.to_owned());
            Derivation::explicit(Collation { name, provider, locale, deterministic: true, rules: None, version })
        };
        if let Some(locale) = of_icu {
            return Ok(collation(CollationProvider::Icu, locale, None));
        }
        if is_locale_of_libc(name) {
            // The library is that of the database, as far as it is known.
            let is_libc = |known: &Collation| {
                use CollationProvider::{Builtin, Differing, Glibc, Icu, Musl, OtherLibc, Unread};
                match known.provider {
                    Glibc | Musl | OtherLibc => true,
                    Builtin | Icu | Differing | Unread => false,
                }
            };
            let (provider, version) = match self.collations().find(is_libc) {
                Some(known) => (known.provider, known.version),
                None => (CollationProvider::Glibc, Some(USUAL_GLIBC.to_owned())),
            };
            return Ok(collation(provider, name, version));
        }
        Err(Error::Unsupported(format!(
            "not supported: COLLATE \"{name}\", which no column of the tables has and whose name does not tell its order; \
             say COLLATE \"C\", or name a locale (\"en_US\", \"de-x-icu\")"
        )))
    }

    /// The collations that the tables of the statement tell.
    fn collations(&self) -> impl Iterator<Item = Collation> {
        let of_table = |table: &KnownTable| {
            let of_columns = table.schema.fields().iter().filter_map(|field| Collation::of_field(field));
            of_columns.chain(table.collation.clone()).collect::<Vec<_>>()
        };
        self.tables.values().flat_map(of_table).collect::<Vec<_>>().into_iter()
    }
}

/// A version whose order is that of all since (`postgres::collation::glibc`), where the database does not tell one.
const USUAL_GLIBC: &str = "2.28";

/// Functions and operators that find texts in others or in arrays.
const LOOKS_FOR_EQUALS: [&str; 27] = [
    "~~",
    "!~~",
    "~~*",
    "!~~*",
    "~",
    "!~",
    "~*",
    "!~*",
    "like_escape",
    "similar_to",
    "^@",
    "@>",
    "<@",
    "&&",
    "position",
    "strpos",
    "starts_with",
    "replace",
    "split_part",
    "string_to_array",
    "string_to_table",
    "translate",
    "array_position",
    "array_positions",
    "array_remove",
    "array_replace",
    "regexp_replace",
];

/// Whether a name is of the form of `en_US`, `en_US.utf8` or `de_DE.utf8@euro`.
fn is_locale_of_libc(name: &str) -> bool {
    let locale = name.split(['.', '@']).next().unwrap_or(name);
    let Some((language, country)) = locale.split_once('_') else { return false };
    (2..=3).contains(&language.len())
        && language.bytes().all(|letter| letter.is_ascii_lowercase())
        && country.len() == 2
        && country.bytes().all(|letter| letter.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_locales_of_libc() {
        for (name, expected) in [
            ("en_US", true),
            ("de_DE.utf8@euro", true),
            ("tlh_AQ.UTF-8", true),
            ("en-US", false),
            ("words", false),
            ("a_b", false),
        ] {
            assert_eq!(is_locale_of_libc(name), expected, "{name}");
        }
    }
}
