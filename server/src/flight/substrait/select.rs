//! A SELECT that is being written. What a relation of a plan does is added to the one of its input where SQL allows it
//! there, and otherwise to a new one around it, so that a text is about as long as its plan: an expression is never
//! copied to the places that refer to its column.

use std::collections::HashSet;
use std::fmt::Write;
use std::rc::Rc;

use rail_forge_connectors::quote;

/// A column of a relation, as an expression over the names in FROM.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) sql: String,
    /// Whether it is a name, of which copies are cheap.
    pub(super) is_name: bool,
}

impl Column {
    pub(super) fn name(sql: String) -> Self {
        Self { sql, is_name: true }
    }
}

/// The columns of a relation. Subqueries of its expressions know them too.
pub(super) type Columns = Rc<[Column]>;

/// What rows are sorted by.
#[derive(Debug, Clone)]
pub(super) struct SortKey {
    pub(super) sql: String,
    /// `DESC NULLS LAST` and the like.
    pub(super) direction: &'static str,
}

impl SortKey {
    pub(super) fn to_sql(&self) -> String {
        format!("{} {}", self.sql, self.direction)
    }
}

/// The names that a text gives to its subqueries and tables. No other names are looked up in them, so that they cannot
/// be taken for a table's.
#[derive(Debug, Default)]
pub(super) struct Aliases(usize);

impl Aliases {
    pub(super) fn next(&mut self) -> String {
        self.0 += 1;
        format!("t{}", self.0)
    }
}

/// A SELECT.
#[derive(Debug, Clone, Default)]
pub(super) struct Select {
    /// Empty for one row without columns.
    pub(super) from: String,
    /// Whether `from` joins several.
    pub(super) is_join: bool,
    pub(super) columns: Columns,
    pub(super) conditions: Vec<String>,
    pub(super) order: Vec<SortKey>,
    pub(super) offset: Option<String>,
    pub(super) limit: Option<String>,
}

impl Select {
    /// Of what FROM has, all columns of which have a name.
    pub(super) fn of(from: String, columns: Columns) -> Self {
        Self { from, columns, ..Self::default() }
    }

    /// Of a query as a subquery, which has so many columns.
    pub(super) fn of_query(query: &str, columns: usize, aliases: &mut Aliases) -> Self {
        let alias = aliases.next();
        let columns = (1..=columns).map(|number| Column::name(format!("{alias}.c{number}"))).collect();
        Self::of(format!("({query}) AS {alias}"), columns)
    }

    /// Of two that are joined by words with a condition; `right` is the FROM of one.
    pub(super) fn of_join(left: Self, join: &str, right: Self, condition: Option<&str>) -> Self {
        let on = condition.map(|condition| format!(" ON {condition}")).unwrap_or_default();
        let columns = left.columns.iter().chain(right.columns.iter()).cloned().collect();
        let from = format!("{} {join} {}{on}", left.from, right.from);
        Self { is_join: true, ..Self::of(from, columns) }
    }

    pub(super) fn is_limited(&self) -> bool {
        self.limit.is_some() || self.offset.is_some()
    }

    fn has_names(&self) -> bool {
        self.columns.iter().all(|column| column.is_name)
    }

    /// The same, to which conditions, keys of an order and other columns can be added: nothing is computed or cut yet.
    pub(super) fn open(self, aliases: &mut Aliases) -> Self {
        if self.has_names() && !self.is_limited() { self } else { self.nested(aliases) }
    }

    /// The same without an order that no LIMIT needs.
    pub(super) fn unordered(mut self) -> Self {
        if !self.is_limited() {
            self.order.clear();
        }
        self
    }

    /// The same as a FROM and nothing else, so that it can be joined.
    pub(super) fn joinable(self, aliases: &mut Aliases) -> Self {
        let select = self.unordered();
        let is_plain = select.has_names() && select.conditions.is_empty() && !select.is_limited();
        if is_plain && !select.from.is_empty() { select } else { select.nested(aliases) }
    }

    /// The same as one table or subquery.
    pub(super) fn single(self, aliases: &mut Aliases) -> Self {
        let select = self.joinable(aliases);
        if select.is_join { select.nested(aliases) } else { select }
    }

    /// The columns at these places. One that is computed is not written twice.
    pub(super) fn picked(self, places: &[usize], aliases: &mut Aliases) -> Self {
        let mut seen = HashSet::new();
        let repeats = places.iter().any(|place| !seen.insert(place));
        let select = if repeats && !self.has_names() { self.nested(aliases) } else { self };
        let columns = places.iter().filter_map(|&place| select.columns.get(place).cloned()).collect();
        Self { columns, ..select }
    }

    /// The same as a subquery. Its rows keep their order, which SQL promises of the outermost query alone.
    fn nested(self, aliases: &mut Aliases) -> Self {
        let alias = aliases.next();
        let mut items = self.items();
        items.extend((1..).zip(&self.order).map(|(number, key): (usize, _)| format!("{} AS k{number}", key.sql)));
        let columns = (1..=self.columns.len()).map(|number| Column::name(format!("{alias}.c{number}"))).collect();
        let keys = (1..)
            .zip(&self.order)
            .map(|(number, key): (usize, _)| SortKey { sql: format!("{alias}.k{number}"), direction: key.direction });
        let order = keys.collect();
        let from = format!("({}) AS {alias}", self.unordered().text(&items));
        Self { from, columns, order, ..Self::default() }
    }

    /// The query, whose columns are called `c1`, `c2`, ...
    pub(super) fn to_query(&self) -> String {
        self.text(&self.items())
    }

    fn items(&self) -> Vec<String> {
        numbered(self.columns.iter().map(|column| column.sql.as_str()))
    }

    /// The query with columns of these names.
    pub(super) fn to_named_query(&self, names: &[String]) -> String {
        let items: Vec<String> =
            self.columns.iter().zip(names).map(|(it, name)| format!("{} AS {}", it.sql, quote(name))).collect();
        self.text(&items)
    }

    /// The query of these items.
    pub(super) fn text(&self, items: &[String]) -> String {
        let mut text = String::from("SELECT");
        let mut clause = |words: &str, rest: &str| {
            // Writing to a text does not fail.
            let _ = write!(text, "{words} {rest}");
        };
        if !items.is_empty() {
            clause("", &items.join(", "));
        }
        if !self.from.is_empty() {
            clause(" FROM", &self.from);
        }
        if !self.conditions.is_empty() {
            clause(" WHERE", &self.conditions.join(" AND "));
        }
        if !self.order.is_empty() {
            let keys: Vec<String> = self.order.iter().map(SortKey::to_sql).collect();
            clause(" ORDER BY", &keys.join(", "));
        }
        if let Some(limit) = &self.limit {
            clause(" LIMIT", limit);
        }
        if let Some(offset) = &self.offset {
            clause(" OFFSET", offset);
        }
        text
    }
}

/// Items under the names `c1`, `c2`, ...
pub(super) fn numbered<'a>(items: impl Iterator<Item = &'a str>) -> Vec<String> {
    (1..).zip(items).map(|(number, item): (usize, _)| format!("{item} AS c{number}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(aliases: &mut Aliases) -> Select {
        let alias = aliases.next();
        let columns = ["a", "b"].map(|name| Column::name(format!("{alias}.{}", quote(name))));
        Select::of(format!("\"x\" AS {alias}"), columns.into())
    }

    #[test]
    fn what_sql_has_in_one_select_is_one() {
        let mut aliases = Aliases::default();
        let mut select = table(&mut aliases);
        select.conditions.extend(["t1.\"a\" > 1".to_owned(), "true".to_owned()]);
        select.order.push(SortKey { sql: "t1.\"b\"".to_owned(), direction: "DESC NULLS LAST" });
        select.limit = Some("3".to_owned());
        let named = select.picked(&[1, 1], &mut aliases).to_named_query(&["b".to_owned(), "\"".to_owned()]);
        assert_eq!(
            named,
            "SELECT t1.\"b\" AS \"b\", t1.\"b\" AS \"\"\"\" FROM \"x\" AS t1 WHERE t1.\"a\" > 1 AND true \
             ORDER BY t1.\"b\" DESC NULLS LAST LIMIT 3"
        );
    }

    #[test]
    fn rows_that_are_cut_keep_their_order_within_another_query() {
        let mut aliases = Aliases::default();
        let mut select = table(&mut aliases).picked(&[0], &mut aliases);
        select.order.push(SortKey { sql: "t1.\"b\"".to_owned(), direction: "ASC NULLS LAST" });
        select.limit = Some("3".to_owned());
        assert_eq!(
            select.open(&mut aliases).to_query(),
            "SELECT t2.c1 AS c1 FROM (SELECT t1.\"a\" AS c1, t1.\"b\" AS k1 FROM \"x\" AS t1 \
             ORDER BY t1.\"b\" ASC NULLS LAST LIMIT 3) AS t2 ORDER BY t2.k1 ASC NULLS LAST"
        );
    }

    #[test]
    fn what_is_computed_is_written_once() {
        let mut aliases = Aliases::default();
        let mut select = table(&mut aliases);
        let computed = Column { sql: "(t1.\"a\" + 1)".to_owned(), is_name: false };
        select.columns = select.columns.iter().cloned().chain([computed]).collect();
        let once = select.clone().picked(&[2, 0], &mut aliases).to_query();
        assert_eq!(once, "SELECT (t1.\"a\" + 1) AS c1, t1.\"a\" AS c2 FROM \"x\" AS t1");
        let twice = select.picked(&[2, 2], &mut aliases).to_query();
        assert_eq!(twice.matches("+ 1").count(), 1, "{twice}");
        assert!(twice.starts_with("SELECT t2.c3 AS c1, t2.c3 AS c2 FROM (SELECT "), "{twice}");
    }

    #[test]
    fn joins_stand_beside_each_other_on_the_left_alone() {
        let mut aliases = Aliases::default();
        let (left, right, last) = (table(&mut aliases), table(&mut aliases), table(&mut aliases));
        let joined = Select::of_join(left, "JOIN", right, Some("true"));
        let both = Select::of_join(joined.clone().joinable(&mut aliases), "CROSS JOIN", last.clone(), None);
        assert_eq!(both.from, "\"x\" AS t1 JOIN \"x\" AS t2 ON true CROSS JOIN \"x\" AS t3");
        assert_eq!(both.columns.len(), 6);
        assert!(joined.single(&mut aliases).from.starts_with("(SELECT "));
    }
}
