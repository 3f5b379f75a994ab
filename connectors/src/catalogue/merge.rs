//! Makes one description of what the shards of a source say about the tables of one name. Columns are matched by
//! their names. Refuses, for a table alone, columns that one shard has and another has not, or of another type:
//! rows of both would not have one schema.

use std::collections::{BTreeMap, HashSet};

use super::{ColumnDescription, ColumnType, DeclaredType, Key, TableDescription};
use crate::TableName;
use crate::collation::Collation;
use crate::source::Source;

/// How PostgreSQL prints the type of the column that has the shard's name, and `pg_type.typname`.
const TEXT: &str = "text";

/// A shard's name, and the table there.
type OfShard<'a> = (&'a str, TableDescription);

/// The tables of a source, in the order of their names, from what each of its shards has.
pub(crate) fn merge(source: &Source, described: Vec<Vec<TableDescription>>) -> Vec<TableDescription> {
    let Some(column) = source.shard_column() else { return described.into_iter().flatten().collect() };
    let mut tables: BTreeMap<TableName, Vec<OfShard<'_>>> = BTreeMap::new();
    for (shard, described) in source.shards().iter().zip(described) {
        for table in described {
            tables.entry(table.name.clone()).or_default().push((&shard.name, table));
        }
    }
    tables.values().filter_map(|of_shards| merged(column, of_shards)).collect()
}

fn merged(shard_column: &str, of_shards: &[OfShard<'_>]) -> Option<TableDescription> {
    let (_, first) = of_shards.first()?;
    let tables = || of_shards.iter().map(|(_, table)| table);
    let mut columns: Vec<ColumnDescription> =
        first.columns.iter().map(|column| merged_column(column, of_shards)).collect();
    columns.push(column_of_shards(shard_column));
    let with_shard = |columns: &[String]| [columns, &[shard_column.to_owned()]].concat();
    let primary_key = first.primary_key.as_ref().filter(|key| tables().all(|table| has_key(table, key)));
    let primary_key = primary_key.map(|key| Key { columns: with_shard(&key.columns), ..key.clone() });
    let mut foreign_keys = first.foreign_keys.clone();
    for key in &mut foreign_keys {
        key.columns = with_shard(&key.columns);
        key.referenced_columns = with_shard(&key.referenced_columns);
    }
    Some(TableDescription {
        name: first.name.clone(),
        kind: first.kind,
        comment: first.comment.clone(),
        shard_column: Some(columns.len() - 1),
        columns,
        primary_key,
        foreign_keys,
        estimated_rows: tables().map(|table| table.estimated_rows).sum(),
        readable: tables().all(|table| table.readable),
        utf8: tables().all(|table| table.utf8),
        collation: merged_collation(tables().map(|table| table.collation.as_ref())),
        relations: tables().flat_map(|table| table.relations.iter().cloned()).collect(),
        conflict: conflict(shard_column, of_shards),
    })
}

/// A column as all shards have it. What its values depend on is told for each of them.
fn merged_column(column: &ColumnDescription, of_shards: &[OfShard<'_>]) -> ColumnDescription {
    let mut merged = ColumnDescription { meaning: String::new(), ..column.clone() };
    for (shard, known) in of_shards.iter().filter_map(|(shard, table)| Some((shard, named(table, &column.name)?))) {
        merged.nullable |= known.nullable;
        merged.dimensions = merged.dimensions.max(known.dimensions);
        merged.bytewise &= known.bytewise;
        merged.collation = Collation::merged(merged.collation.take(), known.collation.as_ref());
        merged.meaning += &format!("{shard:?} {} {}; ", known.number, known.meaning);
    }
    merged
}

/// What all shards say of a collation.
fn merged_collation<'a>(mut collations: impl Iterator<Item = Option<&'a Collation>>) -> Option<Collation> {
    let first = collations.next().flatten().cloned();
    collations.fold(first, Collation::merged)
}

/// The column that has the name of a row's shard.
fn column_of_shards(name: &str) -> ColumnDescription {
    ColumnDescription {
        name: name.to_owned(),
        number: 0,
        nullable: false,
        comment: None,
        printed_type: TEXT.to_owned(),
        declared_type: DeclaredType { oid: 0, modifier: -1 },
        column_type: ColumnType { name: TEXT.to_owned(), kind: 'b', modifier: -1, element: None },
        dimensions: 0,
        meaning: String::new(),
        bytewise: true,
        collation: None,
    }
}

fn named<'a>(table: &'a TableDescription, column: &str) -> Option<&'a ColumnDescription> {
    table.columns.iter().find(|known| known.name == column)
}

/// Whether the table's primary key has the same columns.
fn has_key(table: &TableDescription, key: &Key) -> bool {
    let columns = |key: &Key| key.columns.iter().cloned().collect::<HashSet<_>>();
    table.primary_key.as_ref().is_some_and(|own| columns(own) == columns(key))
}

/// Why the tables cannot be one.
fn conflict(shard_column: &str, of_shards: &[OfShard<'_>]) -> Option<String> {
    for (shard, table) in of_shards {
        if let Some(why) = table.why_nothing() {
            return Some(format!("in shard \"{shard}\", {why}"));
        }
        // The name is written into the query, and would have to be said in that encoding.
        if !table.utf8 && !shard.is_ascii() {
            return Some(format!(
                "the database of shard \"{shard}\" does not keep text as UTF-8 and may not know these letters; give it \
                 a name of ASCII letters with shard_names"
            ));
        }
        if named(table, shard_column).is_some() {
            return Some(format!(
                "it has a column \"{shard_column}\" of its own; set shard_column to a name that no table has"
            ));
        }
    }
    let (first, others) = of_shards.split_first()?;
    others.iter().find_map(|other| difference(first, other))
}

/// The first column of which the tables of two shards do not say the same.
fn difference((here, ours): &OfShard<'_>, (there, theirs): &OfShard<'_>) -> Option<String> {
    let missing = |column: &ColumnDescription, with: &str, without: &str| {
        let column = &column.name;
        Some(format!(
            "shard \"{with}\" has a column \"{column}\", and shard \"{without}\" has none that the role may read; add \
             it there, or exclude the table"
        ))
    };
    for column in &ours.columns {
        let Some(other) = named(theirs, &column.name) else { return missing(column, here, there) };
        let (name, own_type, other_type) = (&column.name, &column.printed_type, &other.printed_type);
        if own_type != other_type {
            return Some(format!(
                "column \"{name}\" is {own_type} in shard \"{here}\" and {other_type} in shard \"{there}\"; make them \
                 the same, or exclude the table"
            ));
        }
        // Domains of one name, or types of one name in two schemas.
        if column.column_type != other.column_type {
            return Some(format!(
                "column \"{name}\" is {own_type} in the shards \"{here}\" and \"{there}\", and that is not the same \
                 type there; make them the same, or exclude the table"
            ));
        }
    }
    theirs
        .columns
        .iter()
        .find(|column| named(ours, &column.name).is_none())
        .and_then(|column| missing(column, there, here))
}

#[cfg(test)]
mod tests {
    use super::super::{ForeignKey, TableKind};
    use super::*;

    fn column(name: &str, number: i16, printed_type: &str) -> ColumnDescription {
        let column_type = ColumnType { name: printed_type.into(), kind: 'b', modifier: -1, element: None };
        let printed_type = printed_type.to_owned();
        ColumnDescription { number, printed_type, column_type, ..column_of_shards(name) }
    }

    fn table(columns: Vec<ColumnDescription>, key: &[&str]) -> TableDescription {
        let name = |table: &str| TableName { catalog: "shop".into(), schema: "public".into(), table: table.into() };
        TableDescription {
            name: name("t"),
            kind: TableKind::Table,
            comment: None,
            columns,
            primary_key: Some(Key { name: "t_pkey".into(), columns: key.iter().map(|&c| c.to_owned()).collect() }),
            foreign_keys: vec![ForeignKey {
                name: "t_fkey".into(),
                columns: vec!["a".into()],
                referenced: name("u"),
                referenced_columns: vec!["id".into()],
                on_update: 'a',
                on_delete: 'a',
            }],
            estimated_rows: Some(5),
            readable: true,
            utf8: true,
            collation: None,
            relations: vec![],
            shard_column: None,
            conflict: None,
        }
    }

    #[test]
    fn columns_are_matched_by_name_and_the_shard_comes_last() {
        let eu = table(vec![column("a", 1, "integer"), column("b", 2, "text")], &["a"]);
        let mut us = table(vec![column("b", 1, "text"), column("a", 7, "integer")], &["a"]);
        us.columns[1].nullable = true;
        let both = merged("shard", &[("eu", eu), ("us", us)]).unwrap();
        assert_eq!(both.conflict, None);
        assert_eq!(both.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["a", "b", "shard"]);
        assert_eq!(both.columns.iter().map(|column| column.nullable).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(both.shard_column, Some(2));
        assert_eq!(both.columns[0].meaning, "\"eu\" 1 ; \"us\" 7 ; ");
        assert_eq!(both.estimated_rows, Some(10));
        assert_eq!(both.primary_key.unwrap().columns, ["a", "shard"]);
        let [foreign] = both.foreign_keys.as_slice() else { panic!("one key") };
        assert_eq!(
            (foreign.columns.join(" "), foreign.referenced_columns.join(" ")),
            ("a shard".into(), "id shard".into())
        );
    }

    #[test]
    fn keys_that_differ_are_none() {
        let columns = || vec![column("a", 1, "integer"), column("b", 2, "integer")];
        let both = |left, right| merged("shard", &[("eu", table(columns(), left)), ("us", table(columns(), right))]);
        assert_eq!(both(&["a"], &["b"]).unwrap().primary_key, None);
        assert_eq!(both(&["a", "b"], &["b", "a"]).unwrap().primary_key.unwrap().columns, ["a", "b", "shard"]);
    }

    #[test]
    fn what_cannot_be_one_table_is_named() {
        let plain = || column("a", 1, "integer");
        let conflict = |columns| {
            let shards = [("eu", table(vec![plain()], &["a"])), ("us", table(columns, &["a"]))];
            merged("shard", &shards).unwrap().conflict.unwrap()
        };
        assert!(
            conflict(vec![column("a", 1, "text")])
                .starts_with("column \"a\" is integer in shard \"eu\" and text in shard \"us\"")
        );
        let mut domain = plain();
        domain.column_type.name = "bigint".into();
        assert!(conflict(vec![domain]).contains("not the same type"));
        let more = conflict(vec![plain(), column("b", 2, "text")]);
        assert!(more.starts_with("shard \"us\" has a column \"b\", and shard \"eu\" has none"), "{more}");
        let other = conflict(vec![column("b", 2, "text")]);
        assert!(other.starts_with("shard \"eu\" has a column \"a\", and shard \"us\" has none"), "{other}");
        assert!(conflict(vec![plain(), column("shard", 2, "text")]).contains("set shard_column"));
        assert!(conflict(vec![]).starts_with("in shard \"us\", it has no columns"));
        let other_encoding = TableDescription { utf8: false, ..table(vec![plain()], &["a"]) };
        let of = |shard| merged("shard", &[(shard, other_encoding.clone())]).unwrap().conflict;
        assert_eq!(of("eu"), None);
        assert!(of("größe").unwrap().contains("ASCII"));
    }
}
