//! Of which table a column of a result is, as PostgreSQL tells it with every result: followed from the outermost SELECT
//! through subqueries, WITH and joins down to the table, as long as nothing but the column itself is shown. What is
//! computed, aggregated or of several tables is of none.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::common::{JoinType, TableReference};
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};
use rail_forge_connectors::TableName;

/// Field metadata of a column that is a table's: its catalogue, its schema and its name.
pub const ORIGIN: [&str; 3] = ["origin.catalog", "origin.schema", "origin.table"];

/// The column as one of a table.
pub fn of_table(field: Field, table: &TableName) -> Field {
    let mut metadata = field.metadata().clone();
    let parts = [&table.catalog, &table.schema, &table.table];
    metadata.extend(ORIGIN.iter().zip(parts).map(|(key, part)| ((*key).to_owned(), part.clone())));
    field.with_metadata(metadata)
}

/// The table of a column, where it is known.
pub(crate) type Origin = Option<Arc<TableName>>;

/// For each column of a plan the table that it is of.
pub(crate) fn origins(plan: &LogicalPlan) -> Vec<Origin> {
    let width = plan.schema().fields().len();
    let mut origins = match plan {
        LogicalPlan::TableScan(scan) => vec![table(&scan.table_name); width],
        LogicalPlan::Projection(projection) => Known::of(&projection.input).all(&projection.expr),
        LogicalPlan::Distinct(Distinct::On(on)) => Known::of(&on.input).all(&on.select_expr),
        LogicalPlan::Aggregate(aggregate) => {
            let known = Known::of(&aggregate.input);
            let keys = grouping_set_to_exprlist(&aggregate.group_expr).unwrap_or_default();
            let mut all: Vec<Origin> = keys.into_iter().map(|key| known.origin(key)).collect();
            // Between them may stand the number of the grouping set.
            all.resize(width.saturating_sub(aggregate.aggr_expr.len()), None);
            all.extend(known.all(&aggregate.aggr_expr));
            all
        }
        LogicalPlan::Join(join) => match join.join_type {
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                let mut both = origins(&join.left);
                both.extend(origins(&join.right));
                both
            }
            // INTERSECT and EXCEPT, here where subqueries are no joins yet.
            JoinType::LeftSemi
            | JoinType::LeftAnti
            | JoinType::LeftMark
            | JoinType::RightSemi
            | JoinType::RightAnti
            | JoinType::RightMark => vec![],
        },
        LogicalPlan::SubqueryAlias(alias) => origins(&alias.input),
        LogicalPlan::Filter(filter) => origins(&filter.input),
        LogicalPlan::Sort(sort) => origins(&sort.input),
        LogicalPlan::Limit(limit) => origins(&limit.input),
        LogicalPlan::Distinct(Distinct::All(input)) => origins(input),
        LogicalPlan::Window(window) => origins(&window.input),
        LogicalPlan::Subquery(subquery) => origins(&subquery.subquery),
        _ => vec![],
    };
    // What a node adds stands behind what it passes on.
    origins.resize(width, None);
    origins
}

/// The columns that expressions speak of, with their origins.
struct Known<'a> {
    origins: Vec<Origin>,
    places: HashMap<(Option<&'a TableReference>, &'a str), usize>,
}

impl<'a> Known<'a> {
    fn of(plan: &'a LogicalPlan) -> Self {
        let columns = plan.schema().iter().enumerate();
        let places = columns.map(|(place, (relation, field))| ((relation, field.name().as_str()), place)).collect();
        Self { origins: origins(plan), places }
    }

    fn origin(&self, expression: &'a Expr) -> Origin {
        let Expr::Column(column) = shown(expression) else { return None };
        let place = self.places.get(&(column.relation.as_ref(), column.name.as_str()))?;
        self.origins.get(*place).cloned().flatten()
    }

    fn all(&self, expressions: &'a [Expr]) -> Vec<Origin> {
        expressions.iter().map(|expression| self.origin(expression)).collect()
    }
}

/// What an expression shows unchanged. PostgreSQL has no such aggregate: one is made where DISTINCT and GROUP BY show
/// one of the values that are equal.
fn shown(expression: &Expr) -> &Expr {
    match expression {
        Expr::Alias(alias) => shown(&alias.expr),
        Expr::AggregateFunction(function) if function.func.name() == "first_value" => {
            function.params.args.first().map_or(expression, shown)
        }
        _ => expression,
    }
}

fn table(name: &TableReference) -> Origin {
    let TableReference::Full { catalog, schema, table } = name else { return None };
    Some(Arc::new(TableName { catalog: catalog.to_string(), schema: schema.to_string(), table: table.to_string() }))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Schema};
    use datafusion::common::Column;
    use datafusion::logical_expr::{LogicalPlanBuilder, col, lit, table_scan};

    use super::*;

    fn scan(table: &'static str) -> LogicalPlanBuilder {
        let schema = Schema::new(vec![Field::new("id", DataType::Int64, false), Field::new("x", DataType::Utf8, true)]);
        table_scan(Some(TableReference::full("shop", "public", table)), &schema, None).unwrap().alias(table).unwrap()
    }

    fn names(builder: LogicalPlanBuilder) -> Vec<Option<String>> {
        let plan = builder.build().unwrap();
        origins(&plan).into_iter().map(|origin| origin.map(|table| table.table.clone())).collect()
    }

    fn some(names: &[&str]) -> Vec<Option<String>> {
        names.iter().map(|name| (!name.is_empty()).then(|| (*name).to_owned())).collect()
    }

    #[test]
    fn columns_are_followed_to_their_tables() {
        let joined = scan("a").join_on(scan("b").build().unwrap(), JoinType::Left, [col("a.id").eq(col("b.id"))]);
        let shown = [col("b.x").alias("y"), col("a.id") + lit(1), lit(2), col("a.x")];
        let plan = joined.unwrap().filter(col("a.id").gt(lit(0))).unwrap().project(shown).unwrap().alias("s").unwrap();
        assert_eq!(names(plan.sort([col("s.y").sort(true, true)]).unwrap()), some(&["b", "", "", "a"]));
    }

    #[test]
    fn what_is_aggregated_or_of_several_tables_is_of_none() {
        let count = datafusion::functions_aggregate::expr_fn::max(col("a.x"));
        assert_eq!(names(scan("a").aggregate([col("a.id")], [count]).unwrap()), some(&["a", ""]));
        assert_eq!(names(scan("a").union(scan("b").build().unwrap()).unwrap()), some(&["", ""]));
        let keys = (vec![Column::new(Some("a"), "id")], vec![Column::new(Some("b"), "id")]);
        let both = scan("a").join(scan("b").build().unwrap(), JoinType::LeftSemi, keys, None);
        assert_eq!(names(both.unwrap()), some(&["", ""]));
    }

    #[test]
    fn a_field_tells_its_table() {
        let table = TableName { catalog: "shop".into(), schema: "public".into(), table: "a b".into() };
        let field = of_table(Field::new("id", DataType::Int64, false), &table);
        assert_eq!(ORIGIN.map(|key| field.metadata()[key].as_str()), ["shop", "public", "a b"]);
    }
}
