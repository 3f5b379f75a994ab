//! The collations of a database: those of columns, and the one that texts have by default.

use std::collections::HashMap;

use sqlx::postgres::PgConnection;

use crate::collation::{Collation, CollationProvider};

/// `pg_type.typcollation` of `text`: the collation of the database.
const DEFAULT: i64 = 100;

/// The default and what columns have. What a version of PostgreSQL does not have is NULL: until 14 a locale of ICU stood
/// where those of libc do, and all databases were of libc. Of libc the version that now orders counts, which a default
/// collation tells since 15; what another of libc tells is the same.
const COLLATIONS: &str = "
    SELECT l.oid::int8, l.collname::text,
           CASE WHEN l.collprovider <> 'd' THEN l.collprovider::text
                ELSE COALESCE(to_jsonb(d) ->> 'datlocprovider', 'c') END,
           CASE WHEN l.collprovider <> 'd' THEN
                    COALESCE(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale', l.collcollate::text)
                WHEN COALESCE(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' THEN d.datcollate::text
                ELSE COALESCE(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') END,
           l.collisdeterministic,
           NULLIF(CASE WHEN l.collprovider <> 'd' THEN to_jsonb(l) ->> 'collicurules'
                       ELSE to_jsonb(d) ->> 'daticurules' END, ''),
           CASE WHEN l.collprovider <> 'd' THEN l.collversion::text ELSE to_jsonb(d) ->> 'datcollversion' END,
           (SELECT pg_catalog.pg_collation_actual_version(c.oid) FROM pg_catalog.pg_collation c
            WHERE c.collprovider = 'c' AND c.collcollate NOT IN ('C', 'POSIX') AND c.collcollate NOT LIKE 'C.%'
            LIMIT 1),
           version()
    FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_database d ON d.datname = current_database()
    WHERE l.oid = $2 OR l.oid IN (
        SELECT a.attcollation FROM pg_catalog.pg_attribute a WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0)";

type CollationRow = (i64, String, String, Option<String>, bool, Option<String>, Option<String>, Option<String>, String);

/// By `pg_collation.oid`.
#[derive(Debug, Default)]
pub(super) struct Collations(HashMap<i64, Collation>);

impl Collations {
    /// Those of the columns of tables.
    pub(super) async fn read(connection: &mut PgConnection, tables: &[i64]) -> Result<Self, sqlx::Error> {
        let rows: Vec<CollationRow> =
            sqlx::query_as(COLLATIONS).bind(tables).bind(DEFAULT).fetch_all(&mut *connection).await?;
        Ok(Self(rows.into_iter().map(|row| (row.0, described(row))).collect()))
    }

    /// The default, if it does not order by bytes.
    pub(super) fn of_database(&self) -> Option<Collation> {
        self.of_column(DEFAULT)
    }

    /// That of a column, by `pg_attribute.attcollation`. None where its type has none, and for a default that orders by
    /// bytes: PostgreSQL derives the collation of an expression from every other.
    pub(super) fn of_column(&self, oid: i64) -> Option<Collation> {
        self.0.get(&oid).filter(|collation| oid != DEFAULT || !collation.is_bytewise()).cloned()
    }

    /// Whether texts are equal only if their bytes are.
    pub(super) fn is_deterministic(&self, oid: i64) -> bool {
        self.0.get(&oid).is_none_or(|collation| collation.deterministic)
    }
}

fn described(row: CollationRow) -> Collation {
    let (_, name, provider, locale, deterministic, rules, recorded, of_libc, server) = row;
    let provider = match provider.as_str() {
        "b" => CollationProvider::Builtin,
        "i" => CollationProvider::Icu,
        _ => c_library(&server),
    };
    let version = match provider {
        CollationProvider::Builtin | CollationProvider::Icu => recorded,
        _ => of_libc.or(recorded),
    };
    Collation { name, provider, locale: locale.unwrap_or_default(), deterministic, rules, version }
}

/// The C library that a server runs on, by what `version()` says of its system: `x86_64-pc-linux-gnu`, or
/// `x86_64-linux` where it was built with meson.
fn c_library(server: &str) -> CollationProvider {
    match server {
        server if server.contains("musl") => CollationProvider::Musl,
        server if server.contains("linux") => CollationProvider::Glibc,
        _ => CollationProvider::OtherLibc,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(provider: &str, locale: &str, server: &str) -> CollationRow {
        let version = |version: &str| Some(version.to_owned());
        let (name, provider, locale) = ("words".to_owned(), provider.to_owned(), Some(locale.to_owned()));
        (7, name, provider, locale, true, None, version("2.31"), version("2.36"), server.to_owned())
    }

    #[test]
    fn the_library_is_told_by_the_system() {
        for (server, expected) in [
            ("PostgreSQL 17.2 (Debian 17.2-1) on x86_64-pc-linux-gnu, compiled by gcc", CollationProvider::Glibc),
            ("PostgreSQL 18.0 on x86_64-linux, compiled by gcc-13.2.0", CollationProvider::Glibc),
            ("PostgreSQL 17.2 on aarch64-unknown-linux-musl, compiled by gcc", CollationProvider::Musl),
            ("PostgreSQL 16.4 on aarch64-apple-darwin23.6.0, compiled by clang", CollationProvider::OtherLibc),
            ("PostgreSQL 16.4, compiled by Visual C++ build 1940, 64-bit", CollationProvider::OtherLibc),
        ] {
            assert_eq!(described(row("c", "en_US.utf8", server)).provider, expected, "{server}");
        }
    }

    #[test]
    fn what_orders_now_is_told() {
        let linux = "PostgreSQL 17.2 on x86_64-pc-linux-gnu";
        assert_eq!(described(row("c", "en_US.utf8", linux)).version.as_deref(), Some("2.36"));
        assert_eq!(described(row("i", "en-US", linux)).version.as_deref(), Some("2.31"));
    }

    #[test]
    fn columns_say_what_is_not_bytes_by_default() {
        let linux = "PostgreSQL 17.2 on x86_64-pc-linux-gnu";
        let collations = |default| {
            Collations([(DEFAULT, described(row("c", default, linux))), (950, described(row("c", "C", linux)))].into())
        };
        assert_eq!(collations("C.UTF-8").of_database(), None);
        assert!(collations("C.UTF-8").of_column(950).is_some());
        assert!(collations("en_US.utf8").of_database().is_some());
        assert_eq!(collations("en_US.utf8").of_column(0), None);
    }
}
