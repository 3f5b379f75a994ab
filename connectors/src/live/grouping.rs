//! Groups that PostgreSQL makes: the aggregates whose value and type it can give exactly as the engine would.
//! Sums and averages of floating-point numbers depend on the order of the rows, the smallest and largest of texts
//! on collations; they stay with the engine.

use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};

use super::entry::LiveEntry;
use super::kind::{Form, Integer, Kind};
use super::table::{LiveTable, Output, Rows};
use crate::column_type::Cell;

/// What a query wants of the groups of a table's rows.
#[derive(Debug, Clone, Copy)]
pub struct Grouping<'a> {
    /// All of which must be true for a row to count.
    pub filters: &'a [Expr],
    /// What rows are grouped by, in the table's columns.
    pub keys: &'a [Expr],
    /// What is computed of a group, in the table's columns.
    pub aggregates: &'a [Expr],
    /// The type of each key, then of each aggregate.
    pub fields: &'a [FieldRef],
}

impl LiveTable {
    /// The table of these groups: a column for each key, then for each aggregate, whose names are those of the
    /// fields. None when PostgreSQL cannot be asked for all of it.
    pub fn grouped(&self, grouping: Grouping<'_>) -> Option<Self> {
        if !matches!(self.rows, Rows::Own) {
            return None;
        }
        let entry = &self.entry;
        let conditions = grouping.filters.iter().map(|filter| entry.condition(filter)).collect::<Option<Vec<_>>>()?;
        let (key_fields, aggregate_fields) = grouping.fields.split_at_checked(grouping.keys.len())?;
        let keys = grouping.keys.iter().map(|key| entry.key(key)).collect::<Option<Vec<_>>>()?;
        let groups = keys.iter().map(|key| key.expression.clone()).collect();
        let mut outputs = keys;
        for (aggregate, field) in grouping.aggregates.iter().zip(aggregate_fields) {
            outputs.push(entry.aggregate(aggregate, field.data_type())?);
        }
        let fields: Vec<FieldRef> = key_fields.iter().chain(aggregate_fields).cloned().collect();
        Some(self.derived(Schema::new(fields).into(), outputs, Rows::Groups { conditions, groups }))
    }
}

impl LiveEntry {
    /// What rows are grouped by: values that are equal to PostgreSQL exactly when they are to the engine.
    fn key(&self, key: &Expr) -> Option<Output> {
        let Expr::Column(_) = key else { return None };
        let operand = self.column_operand(key)?;
        match operand.kind {
            // -0.0 and 0.0 are one group to PostgreSQL.
            Kind::Float32 | Kind::Float64 => None,
            Kind::Text(Form::Printed) => Some(Output { expression: operand.column.printed(), cell: Cell::Text }),
            _ => Some(Output { expression: operand.value, cell: operand.column.cell.clone() }),
        }
    }

    fn aggregate(&self, aggregate: &Expr, result: &DataType) -> Option<Output> {
        let (function, params) = match aggregate {
            Expr::Alias(alias) => return self.aggregate(&alias.expr, result),
            Expr::AggregateFunction(AggregateFunction { func, params }) => (func.name(), params),
            _ => return None,
        };
        let AggregateFunctionParams { args, distinct, filter, order_by, null_treatment } = params;
        let [argument] = args.as_slice() else { return None };
        if !order_by.is_empty() || null_treatment.is_some() {
            return None;
        }
        let (call, cast, cell) = match (function, *distinct) {
            ("count", _) if *result != DataType::Int64 => return None,
            ("count", false) => (self.count(argument)?, "", Cell::Int64),
            ("count", true) => (format!("count(DISTINCT {})", self.key(argument)?.expression), "", Cell::Int64),
            ("min" | "max", false) => {
                let output = self.ordered(argument)?;
                (format!("{function}({})", output.expression), "", output.cell)
            }
            ("sum", false) => {
                let (value, cast, cell) = self.sum(argument, result)?;
                return Some(Output { expression: self.filtered(format!("sum({value})"), filter, &cast)?, cell });
            }
            _ => return None,
        };
        Some(Output { expression: self.filtered(call, filter, cast)?, cell })
    }

    fn filtered(&self, call: String, filter: &Option<Box<Expr>>, cast: &str) -> Option<String> {
        Some(match filter {
            Some(filter) => format!("{call} FILTER (WHERE {}){cast}", self.condition(filter)?),
            None => format!("{call}{cast}"),
        })
    }

    fn count(&self, argument: &Expr) -> Option<String> {
        match argument {
            Expr::Literal(value, _) if !value.is_null() => Some("count(*)".to_owned()),
            Expr::Column(_) => Some(format!("count({})", self.nullable(argument)?)),
            Expr::Cast(_) => Some(format!("count({})", self.column_operand(argument)?.value)),
            _ => None,
        }
    }

    /// A column whose order is the same here and there.
    pub(super) fn ordered(&self, argument: &Expr) -> Option<Output> {
        let Expr::Column(_) = argument else { return None };
        let operand = self.column_operand(argument)?;
        let is_ordered = matches!(
            operand.kind,
            Kind::Integer(_) | Kind::Decimal { .. } | Kind::Date | Kind::Time | Kind::Timestamp { .. }
        );
        is_ordered.then(|| Output { expression: operand.value, cell: operand.column.cell.clone() })
    }

    /// What is summed up, and the cast to the engine's type, which is an error where the engine would overflow.
    fn sum(&self, argument: &Expr, result: &DataType) -> Option<(String, String, Cell)> {
        let operand = self.column_operand(argument)?;
        let scale_of = match operand.kind {
            Kind::Integer(_) => 0,
            Kind::Decimal { scale, .. } => scale,
            _ => return None,
        };
        match *result {
            DataType::Int64 if matches!(operand.kind, Kind::Integer(Integer::Int2 | Integer::Int4)) => {
                Some((operand.value, String::new(), Cell::Int64))
            }
            DataType::Int64 if scale_of == 0 && matches!(operand.kind, Kind::Integer(_)) => {
                Some((operand.value, "::int8".to_owned(), Cell::Int64))
            }
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale)
                if scale >= scale_of.max(0) =>
            {
                let cast = format!("::numeric({precision},{scale})");
                Some((operand.value, cast, Cell::Decimal { precision, scale }))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;
    use datafusion::functions_aggregate::expr_fn::{avg, count, count_distinct, max, min, sum};
    use datafusion::logical_expr::{ExprFunctionExt, cast, col, lit};

    use super::super::table::testing::live_table;
    use super::*;

    fn grouped(keys: &[Expr], aggregates: &[(Expr, DataType)], filters: &[Expr]) -> Option<String> {
        let table = live_table();
        let key_field = |key: &Expr| {
            let Expr::Column(column) = key else { panic!("not a column") };
            Arc::new(table.schema.field_with_name(&column.name).unwrap().clone())
        };
        let aggregate_field = |(index, (_, data_type)): (usize, &(Expr, DataType))| {
            Arc::new(Field::new(format!("a{index}"), data_type.clone(), true))
        };
        let fields: Vec<FieldRef> =
            keys.iter().map(key_field).chain(aggregates.iter().enumerate().map(aggregate_field)).collect();
        let aggregates: Vec<Expr> = aggregates.iter().map(|(aggregate, _)| aggregate.clone()).collect();
        let table = table.grouped(Grouping { filters, keys, aggregates: &aggregates, fields: &fields })?;
        Some(table.statement(None, &[], None).unwrap().sql(None))
    }

    #[test]
    fn groups_are_made_in_sql() {
        let sql = grouped(
            &[col("t"), col("e")],
            &[
                (count(lit(1)), DataType::Int64),
                (count(col("a")), DataType::Int64),
                (count(cast(col("i"), DataType::Decimal128(10, 0))), DataType::Int64),
                (min(col("d")), DataType::Date32),
                (max(col("n")), DataType::Decimal128(12, 2)),
                (sum(col("n")), DataType::Decimal128(22, 2)),
                (sum(cast(col("i"), DataType::Int64)), DataType::Int64),
                (sum(cast(col("i"), DataType::Decimal128(10, 0))), DataType::Decimal128(20, 0)),
            ],
            &[col("i").gt(lit(1))],
        );
        assert_eq!(
            sql.unwrap(),
            "SELECT \"t\", \"e\"::text COLLATE \"C\", count(*), count(\"a\"), count(\"i\"), min(\"d\"), max(\"n\"), \
             sum(\"n\")::numeric(22,2), sum(\"i\"), sum(\"i\")::numeric(20,0) FROM \"public\".\"t\" \
             WHERE \"i\" > '1'::int4 GROUP BY \"t\", \"e\"::text COLLATE \"C\""
        );
    }

    #[test]
    fn one_group_of_all_rows_is_one_row() {
        let filtered = count(lit(1)).filter(col("t").eq(lit("x"))).build().unwrap();
        let sql = grouped(&[], &[(filtered, DataType::Int64), (count_distinct(col("t")), DataType::Int64)], &[]);
        assert_eq!(
            sql.unwrap(),
            "SELECT count(*) FILTER (WHERE \"t\" = 'x'::text), count(DISTINCT \"t\") FROM \"public\".\"t\" GROUP BY ()"
        );
    }

    #[test]
    fn what_could_differ_stays_with_the_engine() {
        for (keys, aggregate) in [
            (vec![], (sum(col("f")), DataType::Float64)),
            (vec![], (avg(col("f")), DataType::Float64)),
            (vec![], (min(col("t")), DataType::Utf8View)),
            (vec![], (sum(cast(col("n"), DataType::Int64)), DataType::Int64)),
            (vec![], (count(col("i") + lit(1)), DataType::Int64)),
            (vec![col("f")], (count(lit(1)), DataType::Int64)),
            (vec![col("a")], (count(lit(1)), DataType::Int64)),
        ] {
            assert_eq!(grouped(&keys, std::slice::from_ref(&aggregate), &[]), None, "{aggregate:?}");
        }
        assert_eq!(grouped(&[], &[(count(lit(1)), DataType::Int64)], &[col("t").gt(lit("x"))]), None);
    }
}
