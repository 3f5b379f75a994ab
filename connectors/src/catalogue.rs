//! Reads PostgreSQL's catalogue: which tables a source has, their columns, keys, comments and sizes. Runs
//! inside the transaction whose snapshot a refresh exports, so that the description and the rows are of
//! one moment.

mod collations;
mod comments;
mod merge;

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnection;

use self::collations::Collations;
pub(crate) use self::comments::apply as apply_comments;
pub(crate) use self::merge::merge;
use crate::TableName;
use crate::collation::Collation;
use crate::name::quote;
use crate::shard::Shard;
use crate::source::Source;

/// A table as PostgreSQL describes it.
#[derive(Debug, Clone)]
pub(crate) struct TableDescription {
    pub(crate) name: TableName,
    pub(crate) kind: TableKind,
    pub(crate) comment: Option<String>,
    /// The columns that the role may read, in the table's own order.
    pub(crate) columns: Vec<ColumnDescription>,
    pub(crate) primary_key: Option<Key>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// The planner's estimate; unknown (never analysed) is `None`.
    pub(crate) estimated_rows: Option<u64>,
    /// Whether the role may read every column, and with them the rows' places (`ctid`).
    pub(crate) readable: bool,
    /// Whether the database keeps text as UTF-8, as the engine does.
    pub(crate) utf8: bool,
    /// The database's default collation, if it does not order by bytes.
    pub(crate) collation: Option<Collation>,
    /// What is read: the table itself, or the leaves of a partitioned table.
    pub(crate) relations: Vec<Relation>,
    /// Which of the columns is the name of the shard that a row is of, where the source has shards.
    pub(crate) shard_column: Option<usize>,
    /// Why the shards' tables of this name cannot be served as one.
    pub(crate) conflict: Option<String>,
}

/// What to tell of a table that the role has no right to.
pub(crate) const MAY_NOT_READ: &str = "the role of the connection may not read it; grant SELECT or exclude it";

impl TableDescription {
    /// Why there is no column of it to read.
    pub(crate) fn why_nothing(&self) -> Option<&'static str> {
        let why = if self.readable { "it has no columns; exclude it" } else { MAY_NOT_READ };
        self.columns.is_empty().then_some(why)
    }
}

/// What a table is, from `pg_class.relkind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableKind {
    Table,
    Partitioned,
    View,
    MaterializedView,
    Foreign,
}

impl TableKind {
    fn from_letter(letter: char) -> Self {
        match letter {
            'p' => Self::Partitioned,
            'v' => Self::View,
            'm' => Self::MaterializedView,
            'f' => Self::Foreign,
            _ => Self::Table,
        }
    }

    /// Whether LOCK TABLE is for it, which refuses materialized views and foreign tables.
    pub(crate) fn is_lockable(self) -> bool {
        matches!(self, Self::Table | Self::Partitioned | Self::View)
    }

    /// Whether its rows have places in a heap, by which it can be read in parts.
    pub(crate) fn has_heap(self) -> bool {
        matches!(self, Self::Table | Self::MaterializedView)
    }
}

/// Something that rows are selected from.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    /// The number of the shard that it is in.
    pub(crate) shard: usize,
    /// That shard's name; see [`Shard::name`].
    pub(crate) shard_name: String,
    /// The relation's number, which another may have in another shard.
    pub(crate) oid: u32,
    /// `"schema"."name"`.
    pub(crate) quoted: String,
    pub(crate) kind: TableKind,
    /// Changes whenever PostgreSQL rewrites the heap: TRUNCATE, VACUUM FULL, CLUSTER, most of ALTER TABLE.
    pub(crate) file_node: u32,
    /// The planner's estimate of the heap's 8 KiB pages; 0 for one that was never analysed.
    pub(crate) estimated_pages: u64,
    /// Whether other tables inherit from it, whose rows it shows.
    pub(crate) has_children: bool,
    readable: bool,
}

/// A column as PostgreSQL describes it.
#[derive(Debug, Clone)]
pub(crate) struct ColumnDescription {
    pub(crate) name: String,
    /// `pg_attribute.attnum`, which no other column of the table ever has; 0 for that of the shard's name.
    pub(crate) number: i16,
    pub(crate) nullable: bool,
    pub(crate) comment: Option<String>,
    /// The type as PostgreSQL prints it: `numeric(12,2)`, `character(10)`, `text[]`.
    pub(crate) printed_type: String,
    pub(crate) declared_type: DeclaredType,
    pub(crate) column_type: ColumnType,
    /// Dimensions that an array was declared with; PostgreSQL does not enforce them.
    pub(crate) dimensions: i32,
    /// What its values also depend on, and that may change without any row being written: labels of enums,
    /// attributes of composite types, the expression of a virtual column.
    pub(crate) meaning: String,
    /// Whether texts are equal only if their bytes are. A collation can be declared for which they need not be.
    pub(crate) bytewise: bool,
    /// How texts are ordered; none for other types, and where it is by bytes because the database's default is.
    pub(crate) collation: Option<Collation>,
}

/// A column's own type: how it prints says less, because that depends on `search_path`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeclaredType {
    /// `pg_attribute.atttypid`; 0 for a column that the database has not.
    pub(crate) oid: u32,
    /// `pg_attribute.atttypmod`.
    pub(crate) modifier: i32,
}

/// A type without the domains around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnType {
    /// `pg_type.typname`, for types of `pg_catalog` and of extensions alike.
    pub(crate) name: String,
    /// `pg_type.typtype`: `b` base, `e` enum, `c` composite, `r` range, `m` multirange.
    pub(crate) kind: char,
    /// `atttypmod` or a domain's `typtypmod`; -1 where the type has no modifier.
    pub(crate) modifier: i32,
    /// What an array is made of.
    pub(crate) element: Option<Box<ColumnType>>,
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

/// Whatever rows can be selected from, in the chosen schemas; a partition is read through its parent. Nothing
/// here takes a lock on a table (`pg_relation_size` would), so that one that is being altered does not hold up
/// all. Policies (row security) are applied to the table that a query names, so where they are active its
/// leaves must not be read in its place.
const TABLES: &str = "
    SELECT c.oid::int8, n.nspname::text, c.relname::text, c.relkind::text, obj_description(c.oid, 'pg_class'),
           c.reltuples::float8, has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT'),
           row_security_active(c.oid), current_setting('server_encoding') = 'UTF8'
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND n.nspname = ANY($1)
    ORDER BY n.nspname, c.relname";

/// Tables and all that inherits from partitioned ones. A partition that is being detached is not its parent's.
const RELATIONS: &str = "
    WITH RECURSIVE tree(root, oid) AS (
        SELECT t, t FROM unnest($1::oid[]) t
        UNION ALL
        SELECT tree.root, i.inhrelid
        FROM tree JOIN pg_catalog.pg_class p ON p.oid = tree.oid AND p.relkind = 'p'
        JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
        WHERE (to_jsonb(i) ->> 'inhdetachpending')::bool IS NOT TRUE)
    SELECT tree.root::int8, c.oid::int8, n.nspname::text, c.relname::text, c.relkind::text,
           c.relfilenode::int8, c.relpages::int8,
           c.relkind = 'r' AND c.relhassubclass
               AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid),
           has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
               AND NOT row_security_active(c.oid)
    FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    ORDER BY tree.root, n.nspname, c.relname";

/// The columns that the role may read. A NOT NULL that has not been validated promises nothing. An expression is
/// only compared, and stays as it is stored: to print it would lock its table.
const COLUMNS: &str = "
    SELECT a.attrelid::int8, a.attname::text, a.attnum,
           NOT a.attnotnull OR EXISTS (
               SELECT FROM pg_catalog.pg_constraint k
               WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND NOT k.convalidated AND a.attnum = ANY(k.conkey)),
           col_description(a.attrelid, a.attnum), format_type(a.atttypid, a.atttypmod), a.atttypid::int8, a.atttypmod,
           a.attndims::int4,
           CASE WHEN a.attgenerated = 'v' THEN
               (SELECT d.adbin::text FROM pg_catalog.pg_attrdef d
                WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) END,
           a.attcollation::int8
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
      AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
    ORDER BY a.attrelid, a.attnum";

/// The columns' types, and what domains and arrays among them are made of.
const TYPES: &str = "
    WITH RECURSIVE used(oid) AS (
        SELECT DISTINCT a.atttypid FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
        UNION
        SELECT CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END
        FROM used JOIN pg_catalog.pg_type t ON t.oid = used.oid
        WHERE t.typtype = 'd' OR t.typelem <> 0)
    SELECT t.oid::int8, t.typname::text, t.typtype::text, t.typbasetype::int8, t.typtypmod,
           CASE WHEN e.typarray = t.oid THEN e.oid::int8 END
    FROM used JOIN pg_catalog.pg_type t ON t.oid = used.oid
    LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem";

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

/// For every type of a column the labels of enums and the attributes of composite types that it is made of.
const MEANINGS: &str = "
    WITH RECURSIVE part(root, oid) AS (
        SELECT DISTINCT a.atttypid, a.atttypid FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
        UNION
        SELECT part.root, inner_type.oid
        FROM part JOIN pg_catalog.pg_type t ON t.oid = part.oid
        CROSS JOIN LATERAL (
            SELECT t.typbasetype WHERE t.typtype = 'd'
            UNION ALL SELECT t.typelem WHERE t.typelem <> 0
            UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
            UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
                      WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ) inner_type(oid))
    SELECT part.root::int8, string_agg(meaning.text, '; ' ORDER BY part.oid)
    FROM part JOIN pg_catalog.pg_type t ON t.oid = part.oid
    CROSS JOIN LATERAL (
        SELECT string_agg(format('%s %L', e.oid, e.enumlabel), ', ' ORDER BY e.enumsortorder)
        FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid
        UNION ALL
        SELECT string_agg(format('%s %L %s %s', a.attnum, a.attname, a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) meaning(text)
    WHERE meaning.text IS NOT NULL
    GROUP BY part.root";

type TableRow = (i64, String, String, String, Option<String>, f64, bool, bool, bool, bool);
type RelationRow = (i64, i64, String, String, String, i64, i64, bool, bool);
type ColumnRow = (i64, String, i16, bool, Option<String>, String, i64, i32, i32, Option<String>, i64);
type TypeRow = (i64, String, String, i64, i32, Option<i64>);
type KeyRow = (i64, String, String, Vec<String>, Option<String>, Option<String>, Vec<String>, String, String);

/// Describes the tables of a shard that the source's selection names, in the order of their names.
pub(crate) async fn describe(
    connection: &mut PgConnection,
    source: &Source,
    (shard, Shard { name: shard_name, .. }): (usize, &Shard),
) -> Result<Vec<TableDescription>, sqlx::Error> {
    let selection = &source.settings().selection;
    let rows: Vec<TableRow> =
        sqlx::query_as(TABLES).bind(selection.schemas.clone()).fetch_all(&mut *connection).await?;
    let mut tables = Vec::new();
    let mut position = HashMap::new();
    let mut through_parent = HashSet::new();
    for (oid, schema, table, kind, comment, tuples, schema_usable, readable, has_policies, utf8) in rows {
        if !selection.serves(&table) {
            continue;
        }
        if has_policies {
            through_parent.insert(oid);
        }
        position.insert(oid, tables.len());
        tables.push(TableDescription {
            name: TableName { catalog: source.name().to_owned(), schema, table },
            kind: TableKind::from_letter(letter(&kind)),
            comment,
            columns: vec![],
            primary_key: None,
            foreign_keys: vec![],
            estimated_rows: (tuples >= 0.0).then_some(tuples as u64),
            readable: schema_usable && readable,
            utf8,
            collation: None,
            relations: vec![],
            shard_column: None,
            conflict: None,
        });
    }
    let oids: Vec<i64> = position.keys().copied().collect();

    let relations: Vec<RelationRow> = sqlx::query_as(RELATIONS).bind(&oids).fetch_all(&mut *connection).await?;
    for (root, oid, schema, name, kind, file_node, pages, has_children, readable) in relations {
        if let Some(&index) = position.get(&root) {
            tables[index].relations.push(Relation {
                shard,
                shard_name: shard_name.clone(),
                oid: oid as u32,
                quoted: format!("{}.{}", quote(&schema), quote(&name)),
                kind: TableKind::from_letter(letter(&kind)),
                file_node: file_node as u32,
                estimated_pages: pages.unsigned_abs(),
                has_children,
                readable,
            });
        }
    }
    for (root, &index) in &position {
        choose_relations(&mut tables[index], through_parent.contains(root));
    }

    let types: Vec<TypeRow> = sqlx::query_as(TYPES).bind(&oids).fetch_all(&mut *connection).await?;
    let types: HashMap<i64, TypeRow> = types.into_iter().map(|row| (row.0, row)).collect();
    let meanings: Vec<(i64, String)> = sqlx::query_as(MEANINGS).bind(&oids).fetch_all(&mut *connection).await?;
    let meanings: HashMap<i64, String> = meanings.into_iter().collect();
    let collations = Collations::read(connection, &oids).await?;
    for table in &mut tables {
        table.collation = collations.of_database();
    }
    let columns: Vec<ColumnRow> = sqlx::query_as(COLUMNS).bind(&oids).fetch_all(&mut *connection).await?;
    for row in columns {
        let (
            table,
            name,
            number,
            nullable,
            comment,
            printed_type,
            type_oid,
            modifier,
            dimensions,
            expression,
            collation,
        ) = row;
        if let Some(&index) = position.get(&table) {
            let column_type = resolve_type(&types, type_oid, modifier);
            let meaning = [meanings.get(&type_oid).cloned(), expression].into_iter().flatten().collect();
            tables[index].columns.push(ColumnDescription {
                name,
                number,
                nullable,
                comment,
                printed_type,
                declared_type: DeclaredType { oid: type_oid as u32, modifier },
                column_type,
                dimensions,
                meaning,
                bytewise: collations.is_deterministic(collation),
                collation: collations.of_column(collation),
            });
        }
    }

    let keys: Vec<KeyRow> = sqlx::query_as(KEYS).bind(&oids).fetch_all(&mut *connection).await?;
    for (oid, name, kind, columns, schema, table, referenced_columns, on_update, on_delete) in keys {
        let Some(&index) = position.get(&oid) else { continue };
        match (kind.as_str(), schema, table) {
            // The rows of tables that inherit from it are among its own, and its key does not hold for them.
            ("p", ..) if tables[index].relations.iter().any(|relation| relation.has_children) => {}
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

/// A partitioned table is read by its leaves where the role may read all of them and no policy is in the way;
/// otherwise, as anything else, through its own name.
fn choose_relations(table: &mut TableDescription, has_policies: bool) {
    if table.kind != TableKind::Partitioned {
        return;
    }
    let is_leaf = |relation: &Relation| relation.kind != TableKind::Partitioned;
    let by_leaf =
        !has_policies && table.relations.iter().filter(|relation| is_leaf(relation)).all(|leaf| leaf.readable);
    if by_leaf {
        table.relations.retain(is_leaf);
    } else {
        let own_name = table.name.quoted();
        table.relations.retain(|relation| relation.quoted == own_name);
    }
}

/// Looks through domains, and into arrays.
fn resolve_type(types: &HashMap<i64, TypeRow>, oid: i64, modifier: i32) -> ColumnType {
    match types.get(&oid) {
        Some((_, _, kind, base, base_modifier, _)) if kind == "d" => resolve_type(types, *base, *base_modifier),
        Some((_, name, kind, _, _, element)) => ColumnType {
            name: name.clone(),
            kind: letter(kind),
            modifier,
            element: element.map(|element| Box::new(resolve_type(types, element, modifier))),
        },
        // A type that was dropped between two queries; as text it can be read all the same.
        None => ColumnType { name: String::new(), kind: 'b', modifier, element: None },
    }
}

/// PostgreSQL's `"char"` comes as a text of one letter, or of none.
fn letter(text: &str) -> char {
    text.chars().next().unwrap_or(' ')
}
