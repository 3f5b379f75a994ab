//! Reads PostgreSQL's catalogue: which tables a source has, their columns, keys, comments and sizes. Runs
//! inside the transaction whose snapshot a refresh exports, so that the description and the rows are of
//! one moment.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnection;

use crate::TableName;
use crate::source::Source;

/// A table as PostgreSQL describes it.
#[derive(Debug, Clone)]
pub(crate) struct TableDescription {
    pub(crate) name: TableName,
    pub(crate) comment: Option<String>,
    /// In the table's own order.
    pub(crate) columns: Vec<ColumnDescription>,
    /// The columns of the primary key, in the key's order; empty where there is none.
    pub(crate) primary_key: Option<Key>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// The planner's estimate; unknown (never analysed) is `None`.
    pub(crate) estimated_rows: Option<u64>,
    /// The planner's estimate of the heap's 8 KiB pages; 0 for a table that was never analysed.
    pub(crate) pages: u64,
    /// Whether the role may read every column.
    pub(crate) readable: bool,
}

/// A column as PostgreSQL describes it.
#[derive(Debug, Clone)]
pub(crate) struct ColumnDescription {
    pub(crate) name: String,
    pub(crate) nullable: bool,
    pub(crate) comment: Option<String>,
    /// The type as PostgreSQL prints it: `numeric(12,2)`, `character(10)`, `text[]`.
    pub(crate) printed_type: String,
    /// The name of the type in `pg_type`; of the element for an array.
    pub(crate) base_type: String,
    /// `pg_type.typtype`: `b` base, `e` enum, `d` domain, `c` composite, `r` range, `m` multirange.
    pub(crate) kind: char,
    pub(crate) is_array: bool,
    /// `pg_attribute.atttypmod`, -1 where the type has no modifier.
    pub(crate) modifier: i32,
}

/// A primary key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    pub name: String,
    pub columns: Vec<String>,
}

/// A foreign key and what it refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    pub name: String,
    pub columns: Vec<String>,
    pub referenced: TableName,
    pub referenced_columns: Vec<String>,
    /// `pg_constraint.confupdtype`: `a` no action, `r` restrict, `c` cascade, `n` set null, `d` set default.
    pub on_update: char,
    /// `pg_constraint.confdeltype`, the same letters.
    pub on_delete: char,
}

/// Ordinary and partitioned tables of the chosen schemas; a partition is read through its parent. Nothing here
/// takes a lock on a table (`pg_relation_size` would), so that one that is being altered does not hold up all.
const TABLES: &str = "
    SELECT c.oid::int8, n.nspname::text, c.relname::text, obj_description(c.oid, 'pg_class'),
           c.reltuples::float8, c.relpages::int8,
           has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY($1)
    ORDER BY n.nspname, c.relname";

const COLUMNS: &str = "
    SELECT a.attrelid::int8, a.attname::text, NOT a.attnotnull, col_description(a.attrelid, a.attnum),
           format_type(a.atttypid, a.atttypmod), coalesce(e.typname, t.typname)::text,
           coalesce(e.typtype, t.typtype)::text, e.oid IS NOT NULL, a.atttypmod
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
    WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum";

const KEYS: &str = "
    SELECT k.conrelid::int8, k.conname::text, k.contype::text,
           ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, i)
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.i),
           rn.nspname::text, r.relname::text,
           ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, i)
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.i),
           k.confupdtype::text, k.confdeltype::text
    FROM pg_catalog.pg_constraint k
    LEFT JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
    LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
    WHERE k.conrelid = ANY($1::oid[]) AND k.contype IN ('p', 'f')
    ORDER BY k.conrelid, k.conname";

type TableRow = (i64, String, String, Option<String>, f64, i64, bool);
type ColumnRow = (i64, String, bool, Option<String>, String, String, String, bool, i32);
type KeyRow = (i64, String, String, Vec<String>, Option<String>, Option<String>, Vec<String>, String, String);

/// Describes the tables that the source's selection names, in the order of their names.
pub(crate) async fn describe(
    connection: &mut PgConnection,
    source: &Source,
) -> Result<Vec<TableDescription>, sqlx::Error> {
    let selection = source.selection();
    let rows: Vec<TableRow> =
        sqlx::query_as(TABLES).bind(selection.schemas.clone()).fetch_all(&mut *connection).await?;
    let mut tables = Vec::new();
    let mut position = HashMap::new();
    for (oid, schema, table, comment, tuples, pages, readable) in rows {
        if selection.excludes(&table) {
            continue;
        }
        position.insert(oid, tables.len());
        tables.push(TableDescription {
            name: TableName { catalog: source.name().to_owned(), schema, table },
            comment,
            columns: vec![],
            primary_key: None,
            foreign_keys: vec![],
            estimated_rows: (tuples >= 0.0).then_some(tuples as u64),
            pages: pages.unsigned_abs(),
            readable,
        });
    }
    let oids: Vec<i64> = position.keys().copied().collect();

    let columns: Vec<ColumnRow> = sqlx::query_as(COLUMNS).bind(&oids).fetch_all(&mut *connection).await?;
    for (oid, name, nullable, comment, printed_type, base_type, kind, is_array, modifier) in columns {
        if let Some(&index) = position.get(&oid) {
            let column = ColumnDescription {
                name,
                nullable,
                comment,
                printed_type,
                base_type,
                kind: letter(&kind),
                is_array,
                modifier,
            };
            tables[index].columns.push(column);
        }
    }

    let keys: Vec<KeyRow> = sqlx::query_as(KEYS).bind(&oids).fetch_all(&mut *connection).await?;
    for (oid, name, kind, columns, schema, table, referenced_columns, on_update, on_delete) in keys {
        let Some(&index) = position.get(&oid) else { continue };
        match (kind.as_str(), schema, table) {
            ("p", ..) => tables[index].primary_key = Some(Key { name, columns }),
            (_, Some(schema), Some(table)) => tables[index].foreign_keys.push(ForeignKey {
                name,
                columns,
                referenced: TableName { catalog: source.name().to_owned(), schema, table },
                referenced_columns,
                on_update: letter(&on_update),
                on_delete: letter(&on_delete),
            }),
            _ => {}
        }
    }
    Ok(tables)
}

/// PostgreSQL's `"char"` comes as a text of one letter, or of none.
fn letter(text: &str) -> char {
    text.chars().next().unwrap_or(' ')
}
