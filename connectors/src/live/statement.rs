//! The statement that a scan sends.

use crate::pull::PageRange;

/// A SELECT on one relation.
#[derive(Debug, Clone, Default)]
pub(super) struct Statement {
    pub(super) select: Vec<String>,
    /// `"schema"."name"`.
    pub(super) relation: String,
    /// All of which must be true.
    pub(super) conditions: Vec<String>,
    /// What rows are grouped by; none leaves them as they are, an empty list makes one group of them.
    pub(super) groups: Option<Vec<String>>,
    /// By what rows are ordered before the limit.
    pub(super) order: Vec<String>,
    pub(super) limit: Option<usize>,
}

impl Statement {
    /// The SQL, for rows in a range of pages.
    pub(super) fn sql(&self, range: Option<PageRange>) -> String {
        let range = range.map(|range| range.to_string()).filter(|range| !range.is_empty());
        let conditions: Vec<&str> = self.conditions.iter().chain(&range).map(String::as_str).collect();
        let mut sql = format!("SELECT {} FROM {}", self.select.join(", "), self.relation);
        if !conditions.is_empty() {
            sql.push_str(" WHERE ");
            sql.push_str(&conditions.join(" AND "));
        }
        match self.groups.as_deref() {
            None => {}
            Some([]) => sql.push_str(" GROUP BY ()"),
            Some(groups) => {
                sql.push_str(" GROUP BY ");
                sql.push_str(&groups.join(", "));
            }
        }
        if !self.order.is_empty() {
            sql.push_str(" ORDER BY ");
            sql.push_str(&self.order.join(", "));
        }
        if let Some(limit) = self.limit {
            sql.push_str(&format!(" LIMIT {limit}"));
        }
        sql
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_put_together() {
        let mut statement = Statement {
            select: vec!["\"a\"".into(), "count(*)".into()],
            relation: "\"public\".\"t\"".into(),
            ..Statement::default()
        };
        assert_eq!(statement.sql(None), "SELECT \"a\", count(*) FROM \"public\".\"t\"");
        let ranges = PageRange::even(100_000, 2);
        statement.conditions = vec!["\"a\" = '1'::int4".into()];
        assert_eq!(
            statement.sql(Some(ranges[0])),
            "SELECT \"a\", count(*) FROM \"public\".\"t\" WHERE \"a\" = '1'::int4 AND ctid < '(50000,0)'::tid"
        );
        statement.groups = Some(vec![]);
        statement.limit = Some(3);
        assert!(statement.sql(None).ends_with(" GROUP BY () LIMIT 3"));
        statement.groups = Some(vec!["\"a\"".into()]);
        statement.order = vec!["\"a\" DESC NULLS LAST".into()];
        assert!(statement.sql(None).ends_with(" GROUP BY \"a\" ORDER BY \"a\" DESC NULLS LAST LIMIT 3"));
    }
}
