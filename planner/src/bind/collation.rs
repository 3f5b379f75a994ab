//! Which collation an expression has, as PostgreSQL derives it
//! (<https://www.postgresql.org/docs/current/collation.html>, `merge_collation_state`): that of its columns, or the one
//! that COLLATE says. Whether its order is known is asked only where one is needed (`text_order`), so that texts of any
//! collation can be selected, grouped and joined by.

use std::sync::Arc;

use datafusion::logical_expr::Expr;
use rail_forge_connectors::{Collation, CollationProvider};

use super::character::{compared, is_padded};
use super::typed::Typed;
use crate::error::{Error, Result};
use crate::functions::{self, Casing, TextOrder};
use crate::pg_type::PgType;

/// A collation in a statement.
#[derive(Debug)]
pub(crate) struct Known {
    collation: Collation,
    /// Whether it is the default of a database, to which every other is preferred.
    is_default: bool,
}

/// The collation of an expression.
#[derive(Debug, Clone, Default)]
pub(crate) enum Derivation {
    /// That of the database: of no argument with a collation, or of constants.
    #[default]
    Default,
    /// That of a column.
    Implicit(Arc<Known>),
    /// What COLLATE says.
    Explicit(Arc<Known>),
    /// Columns of two collations, none of which is preferred.
    Conflict(Arc<Known>, Arc<Known>),
    /// That of a column of a query, where it was a conflict: every other is preferred.
    Indeterminate,
    /// Those of a row's fields.
    Fields(Arc<[Derivation]>),
}

impl Known {
    pub(super) fn new(collation: Collation, is_default: bool) -> Arc<Self> {
        Arc::new(Self { collation, is_default })
    }

    /// One that orders by bytes, and is like a locale of the builtin provider.
    pub(super) fn by_bytes(name: &str, locale: &str, is_default: bool) -> Arc<Self> {
        let (name, locale) = (name.to_owned(), locale.to_owned());
        let provider = CollationProvider::Builtin;
        Self::new(Collation { name, provider, locale, deterministic: true, rules: None, version: None }, is_default)
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        let (one, other) = (&self.collation, &other.collation);
        let is_same_order = one.is_bytewise() && other.is_bytewise()
            || (one.provider, &one.locale, one.deterministic, &one.rules)
                == (other.provider, &other.locale, other.deterministic, &other.rules);
        one.name == other.name && is_same_order
    }

    /// None where it orders by bytes.
    pub(super) fn order(&self) -> Result<Option<Arc<TextOrder>>> {
        TextOrder::of(&self.collation).map_err(|refused| Error::Unsupported(refused.to_string()))
    }

    /// Whether values of both have no collation together, as far as is known: PostgreSQL does not join databases, so that
    /// two defaults are not compared there.
    fn contradicts(&self, other: &Self) -> bool {
        let is_known = |known: &Self| {
            !matches!(known.collation.provider, CollationProvider::Differing | CollationProvider::Unread)
        };
        is_known(self) && is_known(other) && !(self.is_default && other.is_default)
    }

    /// How letters become capitals. One for one, as in the locales of glibc and `C.UTF-8`, but for these.
    pub(super) fn casing(&self) -> Option<Casing> {
        /// Languages that ICU has rules of their own for.
        const SPECIAL: [&str; 6] = ["az", "el", "hy", "lt", "nl", "tr"];
        match (self.collation.provider, self.collation.locale.as_str()) {
            (CollationProvider::Icu, locale) => {
                let language = locale.split(['-', '_', '@']).next().unwrap_or_default();
                (!SPECIAL.contains(&language)).then_some(Casing::Full)
            }
            (CollationProvider::Builtin, "PG_UNICODE_FAST") => Some(Casing::Full),
            (CollationProvider::Differing | CollationProvider::Unread, _) => None,
            (_, "C" | "POSIX") => Some(Casing::Ascii),
            _ => None,
        }
    }

    /// The order by which texts are told apart, where those can be equal that are not the same.
    fn equality(&self) -> Result<Option<Arc<TextOrder>>> {
        if self.collation.deterministic { Ok(None) } else { self.order() }
    }
}

impl Derivation {
    pub(super) fn explicit(collation: Collation) -> Self {
        Self::Explicit(Known::new(collation, false))
    }

    /// The one that orders by bytes: of names in PostgreSQL's catalogue, and of values that are kept as they are printed.
    pub(super) fn by_bytes() -> Self {
        Self::Implicit(Known::by_bytes("C", "C", false))
    }

    /// That of several arguments together. Those of types that have no collation do not count.
    ///
    /// # Errors
    /// When COLLATE says two.
    pub(super) fn merged<'t>(arguments: impl IntoIterator<Item = &'t Typed>) -> Result<Self> {
        let mut collatable = arguments.into_iter().filter(|typed| typed.is_collatable()).map(|typed| &typed.collation);
        let Some(first) = collatable.next().cloned() else { return Ok(Self::Default) };
        collatable.try_fold(first, |merged, other| merged.with(other.clone()))
    }

    fn with(self, other: Self) -> Result<Self> {
        Ok(match (self, other) {
            (Self::Explicit(one), Self::Explicit(other)) if !one.is_same(&other) => {
                return Err(Error::Query(mismatch("explicit", &one, &other)));
            }
            (explicit @ Self::Explicit(_), _) | (_, explicit @ Self::Explicit(_)) => explicit,
            (conflict @ Self::Conflict(..), _) | (_, conflict @ Self::Conflict(..)) => conflict,
            (Self::Implicit(one), Self::Implicit(other)) => match (one.is_default, other.is_default) {
                _ if one.is_same(&other) => Self::Implicit(one),
                (false, true) => Self::Implicit(one),
                (true, false) => Self::Implicit(other),
                _ => Self::Conflict(one, other),
            },
            (implicit @ Self::Implicit(_), _) | (_, implicit @ Self::Implicit(_)) => implicit,
            (Self::Indeterminate, other) | (other, Self::Indeterminate) => other,
            (Self::Default | Self::Fields(_), Self::Default | Self::Fields(_)) => Self::Default,
        })
    }

    /// The same of a column that a query gives: what COLLATE said is only its column's there.
    pub(super) fn of_result(self) -> Self {
        match self {
            Self::Explicit(known) => Self::Implicit(known),
            Self::Conflict(..) => Self::Indeterminate,
            Self::Fields(fields) => Self::Fields(fields.iter().cloned().map(Self::of_result).collect()),
            other => other,
        }
    }

    /// That of a column of a UNION or its like, whose rows are told apart if `compared`.
    ///
    /// # Errors
    /// When the two sides contradict each other and rows are compared. Databases with different defaults do not.
    pub(super) fn of_sides(one: &Typed, other: &Typed, compared: bool) -> Result<Self> {
        let merged = Self::merged([one, other])?;
        if let Self::Conflict(one, other) = &merged
            && compared
            && one.contradicts(other)
        {
            return Err(contradiction(one, other));
        }
        Ok(merged.of_result())
    }

    /// Whether there is none, as columns of two that contradict each other stand together.
    pub(super) fn is_contradictory(&self) -> bool {
        matches!(self, Self::Conflict(one, other) if one.contradicts(other))
    }

    /// Whether both say the same collation.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Default, Self::Default) => true,
            (Self::Implicit(one), Self::Implicit(other)) | (Self::Explicit(one), Self::Explicit(other)) => {
                one.is_same(other)
            }
            _ => false,
        }
    }

    pub(super) fn of_fields(fields: &[(String, Typed)]) -> Self {
        let has_own = |typed: &Typed| !matches!(typed.collation, Self::Default);
        match fields.iter().any(|(_, typed)| has_own(typed)) {
            true => Self::Fields(fields.iter().map(|(_, typed)| typed.collation.clone()).collect()),
            false => Self::Default,
        }
    }

    pub(super) fn of_field(&self, index: usize) -> Self {
        match self {
            Self::Fields(fields) => fields.get(index).cloned().unwrap_or_default(),
            _ => Self::Default,
        }
    }

    /// The order by which values of a type are told apart, where texts can be equal that are not the same.
    ///
    /// # Errors
    /// When that order is not known, or two collations contradict each other.
    pub(super) fn equality(&self, pg_type: &PgType) -> Result<Option<Arc<TextOrder>>> {
        match self {
            Self::Implicit(known) | Self::Explicit(known) if is_collatable(pg_type) => known.equality(),
            Self::Conflict(one, other)
                if one.contradicts(other) || !(one.collation.deterministic && other.collation.deterministic) =>
            {
                Err(indeterminate(STRING_COMPARISON))
            }
            Self::Fields(fields) => match pg_type {
                PgType::Record(types) => {
                    for (field, (_, pg_type)) in fields.iter().zip(types.iter()) {
                        if field.equality(pg_type)?.is_some() {
                            return Err(Error::Unsupported(
                                "not supported: rows with a column of a nondeterministic collation as values; compare \
                                 the columns"
                                    .to_owned(),
                            ));
                        }
                    }
                    Ok(None)
                }
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }
}

fn mismatch(kind: &str, one: &Known, other: &Known) -> String {
    let (one, other) = (&one.collation.name, &other.collation.name);
    format!("collation mismatch between {kind} collations \"{one}\" and \"{other}\"")
}

/// What is wrong with columns of two collations.
pub(super) fn contradiction(one: &Known, other: &Known) -> Error {
    Error::Query(format!(
        "{}; choose the collation by applying the COLLATE clause to one or both expressions",
        mismatch("implicit", one, other)
    ))
}

/// What most that needs a collation needs it for.
pub(super) const STRING_COMPARISON: &str = "string comparison";

pub(super) fn indeterminate(needed_for: &str) -> Error {
    Error::Query(format!(
        "could not determine which collation to use for {needed_for}; use the COLLATE clause to set the collation \
         explicitly"
    ))
}

pub(super) fn is_collatable(pg_type: &PgType) -> bool {
    match pg_type {
        PgType::Text | PgType::Varchar | PgType::Bpchar | PgType::Name | PgType::Unknown | PgType::Printed(_) => true,
        PgType::Array(element) => is_collatable(element),
        _ => false,
    }
}

/// Whether the type is one that is kept as it is printed, or of arrays of such.
pub(super) fn is_printed(pg_type: &PgType) -> bool {
    match pg_type {
        PgType::Printed(_) => true,
        PgType::Array(element) => is_printed(element),
        _ => false,
    }
}

impl Typed {
    /// Types that are kept as they are printed have a collation if their column has one: domains over texts.
    pub(super) fn is_collatable(&self) -> bool {
        is_collatable(&self.pg_type) && !(is_printed(&self.pg_type) && matches!(self.collation, Derivation::Default))
    }

    /// The collation of the text that a value is printed as: without one of its own, its order is that of bytes.
    pub(super) fn printed_collation(&self) -> Derivation {
        match &self.collation {
            Derivation::Default => Derivation::by_bytes(),
            other => other.clone(),
        }
    }

    /// The form by which it is told apart from others.
    pub(super) fn equality_key(&self) -> Result<Expr> {
        let compared = compared(self.expr.clone(), self);
        Ok(match self.collation.equality(&self.pg_type)? {
            Some(order) => order.key(compared),
            None => functions::row_key(compared, &self.pg_type),
        })
    }

    /// The form by which it is grouped, where values that print differently can be equal.
    pub(super) fn grouping_key(&self) -> Result<Option<Expr>> {
        Ok(match self.collation.equality(&self.pg_type)? {
            None if !is_padded(self) => functions::grouping_key(&self.expr, &self.pg_type),
            _ => Some(self.equality_key()?),
        })
    }

    /// Whether it is told apart by another form of it.
    pub(super) fn has_equality_key(&self) -> Result<bool> {
        let has_key = functions::has_row_key(&self.pg_type) || is_padded(self);
        Ok(has_key || self.collation.equality(&self.pg_type)?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, is_default: bool) -> Arc<Known> {
        let (provider, version) = (CollationProvider::Icu, None);
        let (name, locale) = (name.to_owned(), name.to_owned());
        Known::new(Collation { name, provider, locale, deterministic: true, rules: None, version }, is_default)
    }

    fn text(collation: Derivation) -> Typed {
        Typed::new(datafusion::logical_expr::lit("a"), PgType::Text).with_collation(collation)
    }

    fn merged(one: &Derivation, other: &Derivation) -> String {
        match Derivation::merged([&text(one.clone()), &text(other.clone())]) {
            Ok(Derivation::Default) => "database".to_owned(),
            Ok(Derivation::Implicit(known)) => known.collation.name.clone(),
            Ok(Derivation::Explicit(known)) => format!("said {}", known.collation.name),
            Ok(Derivation::Conflict(..)) => "conflict".to_owned(),
            Ok(Derivation::Indeterminate) => "indeterminate".to_owned(),
            Ok(Derivation::Fields(_)) => "fields".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_said_comes_before_columns_and_columns_before_the_default() {
        let (none, unknown) = (Derivation::Default, Derivation::Indeterminate);
        let default = Derivation::Implicit(of("default", true));
        let (de, sv) = (Derivation::Implicit(of("de", false)), Derivation::Implicit(of("sv", false)));
        let (said_de, said_fr) = (Derivation::Explicit(of("de", false)), Derivation::Explicit(of("fr", false)));
        for (one, other, expected) in [
            (&none, &none, "database"),
            (&none, &default, "default"),
            (&default, &de, "de"),
            (&de, &none, "de"),
            (&de, &de, "de"),
            (&de, &sv, "conflict"),
            (&sv, &said_de, "said de"),
            (&said_de, &said_de, "said de"),
            (&said_de, &said_fr, "collation mismatch between explicit collations \"de\" and \"fr\""),
            (&unknown, &none, "database"),
            (&unknown, &de, "de"),
            (&unknown, &unknown, "indeterminate"),
        ] {
            assert_eq!(merged(one, other), expected);
        }
        let conflict = Derivation::merged([&text(de), &text(sv)]).unwrap();
        assert_eq!(merged(&conflict, &none), "conflict");
        assert_eq!(merged(&conflict, &said_fr), "said fr");
        assert_eq!(merged(&conflict.of_result(), &said_fr), "said fr");
    }
}
