//! From a condition of a plan to SQL that is true, false or NULL for the same rows. Only what is listed here is
//! translated; all else is none, and the engine evaluates it.
//!
//! Texts are compared here by the keys of their collations, which PostgreSQL has not, so that only their equality is
//! sent, and patterns in which nothing is escaped. Where PostgreSQL and the engine differ over numbers (`-0.0`, arithmetic,
//! functions), either it is not sent, or the answer is PostgreSQL's.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Between, InList, Like};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use super::entry::LiveEntry;
use super::kind::Kind;
use super::literal;
use super::operand::{ColumnOperand, Operand};

/// Constants that an IN is sent with. More are faster compared here than parsed there.
const MAX_LISTED: usize = 10_000;

impl LiveEntry {
    /// The condition in SQL, if PostgreSQL would decide it as the engine does.
    pub(super) fn condition(&self, condition: &Expr) -> Option<String> {
        match condition {
            Expr::Literal(value, _) => literal::boolean(value).map(str::to_owned),
            Expr::Column(_) => {
                let operand = self.column_operand(condition)?;
                (operand.kind == Kind::Bool).then_some(operand.value)
            }
            Expr::Not(inner) => Some(format!("NOT ({})", self.condition(inner)?)),
            Expr::IsNull(inner) => Some(format!("{} IS NULL", self.nullable(inner)?)),
            Expr::IsNotNull(inner) => Some(format!("{} IS NOT NULL", self.nullable(inner)?)),
            Expr::IsTrue(inner) => self.truth(inner, "IS TRUE"),
            Expr::IsFalse(inner) => self.truth(inner, "IS FALSE"),
            Expr::IsUnknown(inner) => self.truth(inner, "IS UNKNOWN"),
            Expr::IsNotTrue(inner) => self.truth(inner, "IS NOT TRUE"),
            Expr::IsNotFalse(inner) => self.truth(inner, "IS NOT FALSE"),
            Expr::IsNotUnknown(inner) => self.truth(inner, "IS NOT UNKNOWN"),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
                Operator::And => Some(format!("({} AND {})", self.condition(left)?, self.condition(right)?)),
                Operator::Or => Some(format!("({} OR {})", self.condition(left)?, self.condition(right)?)),
                op => self.comparison(left, *op, right),
            },
            Expr::Between(Between { expr, negated, low, high }) => {
                let low = self.comparison(expr, Operator::GtEq, low)?;
                let high = self.comparison(expr, Operator::LtEq, high)?;
                Some(format!("{}({low} AND {high})", if *negated { "NOT " } else { "" }))
            }
            Expr::InList(list) => self.in_list(list),
            Expr::Like(like) => self.like(like),
            _ => None,
        }
    }

    fn truth(&self, inner: &Expr, test: &str) -> Option<String> {
        Some(format!("({}) {test}", self.condition(inner)?))
    }

    /// What can be asked for NULL: a column of any type, or a condition.
    pub(super) fn nullable(&self, inner: &Expr) -> Option<String> {
        match inner {
            Expr::Column(column) => self.value(self.column(column)?),
            condition => Some(format!("({})", self.condition(condition)?)),
        }
    }

    fn comparison(&self, left: &Expr, operator: Operator, right: &Expr) -> Option<String> {
        let symbol = symbol(operator)?;
        match (self.operand(left)?, self.operand(right)?) {
            (Operand::Column(column), Operand::Constant(constant)) => {
                self.with_constant(&column, symbol, orders(operator), constant)
            }
            (Operand::Constant(constant), Operand::Column(column)) => {
                let operator = operator.swap()?;
                self.with_constant(&column, self::symbol(operator)?, orders(operator), constant)
            }
            (Operand::Column(left), Operand::Column(right)) => columns(&left, symbol, orders(operator), &right),
            (Operand::Constant(_), Operand::Constant(_)) => None,
        }
    }

    fn with_constant(
        &self,
        column: &ColumnOperand<'_>,
        symbol: &str,
        for_order: bool,
        constant: &ScalarValue,
    ) -> Option<String> {
        let (left, constants) = column.with_constants(&[constant], for_order, self.utf8)?;
        Some(format!("{left} {symbol} {}", constants.first()?))
    }

    fn in_list(&self, InList { expr, list, negated }: &InList) -> Option<String> {
        let column = self.column_operand(expr)?;
        let constants: Vec<&ScalarValue> = list
            .iter()
            .map(|element| match element {
                // NULL among them would make false unknown.
                Expr::Literal(value, _) if !value.is_null() => Some(value),
                _ => None,
            })
            .collect::<Option<_>>()?;
        if constants.is_empty() || constants.len() > MAX_LISTED {
            return None;
        }
        let (left, constants) = column.with_constants(&constants, false, self.utf8)?;
        Some(format!("{left} {}IN ({})", if *negated { "NOT " } else { "" }, constants.join(", ")))
    }

    /// Patterns of `%` and `_` alone. What one letter is, an encoding that is not UTF-8 may see otherwise.
    fn like(&self, Like { negated, expr, pattern, escape_char, case_insensitive }: &Like) -> Option<String> {
        let (None, false, Expr::Literal(pattern, _)) = (escape_char, case_insensitive, pattern.as_ref()) else {
            return None;
        };
        let pattern = literal::text(pattern, self.utf8).filter(|pattern| !pattern.contains('\\'))?;
        if pattern.contains('_') && !self.utf8 {
            return None;
        }
        let text = self.column_operand(expr)?.text()?;
        Some(format!("{text} {}LIKE {}::text", if *negated { "NOT " } else { "" }, literal::quoted(pattern)))
    }
}

/// Two columns of the same kind.
fn columns(left: &ColumnOperand<'_>, symbol: &str, for_order: bool, right: &ColumnOperand<'_>) -> Option<String> {
    let is_exact = |kind: Kind| matches!(kind, Kind::Integer(_) | Kind::Decimal { .. });
    let is_float = |kind: Kind| matches!(kind, Kind::Float32 | Kind::Float64);
    match (left.kind, right.kind) {
        (Kind::Text(_), Kind::Text(_)) => {
            // Declared collations could contradict each other.
            (!for_order).then(|| format!("{} {symbol} {}", left.column.printed(), right.column.printed()))
        }
        (one, other) if one == other || is_exact(one) && is_exact(other) || is_float(one) && is_float(other) => {
            Some(format!("{} {symbol} {}", left.value, right.value))
        }
        _ => None,
    }
}

fn symbol(operator: Operator) -> Option<&'static str> {
    Some(match operator {
        Operator::Eq => "=",
        Operator::NotEq => "<>",
        Operator::Lt => "<",
        Operator::LtEq => "<=",
        Operator::Gt => ">",
        Operator::GtEq => ">=",
        Operator::IsDistinctFrom => "IS DISTINCT FROM",
        Operator::IsNotDistinctFrom => "IS NOT DISTINCT FROM",
        _ => return None,
    })
}

/// Whether the answer depends on which is the larger.
fn orders(operator: Operator) -> bool {
    matches!(operator, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;
    use datafusion::logical_expr::{cast, col, in_list, lit};

    use super::super::entry::LiveColumn;
    use super::super::entry::testing::{self, column};
    use super::*;
    use crate::column_type::Cell;

    fn entry() -> LiveEntry {
        let columns = vec![
            column("b", Cell::Bool, "bool"),
            column("i", Cell::Int32, "int4"),
            column("l", Cell::Int64, "int8"),
            column("n", Cell::Decimal { precision: 12, scale: 2 }, "numeric"),
            column("f", Cell::Float64, "float8"),
            column("d", Cell::Date, "date"),
            column("z", Cell::Timestamp, "timestamptz"),
            column("t", Cell::Text, "text"),
            column("u", Cell::Uuid, "uuid"),
            column("c", Cell::PaddedText, "bpchar"),
            column("p", Cell::Text, "bpchar"),
            column("e", Cell::Text, "mood"),
            column("a", Cell::List(Box::new(Cell::Int32)), "_int4"),
            LiveColumn { expression: "\"m\"::text".into(), ..column("m", Cell::Text, "money") },
        ];
        testing::entry(columns)
    }

    fn sql(condition: &Expr) -> Option<String> {
        entry().condition(condition)
    }

    fn decimal(value: i128, precision: u8, scale: i8) -> Expr {
        Expr::Literal(ScalarValue::Decimal128(Some(value), precision, scale), None)
    }

    #[test]
    fn comparisons_have_typed_constants() {
        for (condition, expected) in [
            (col("i").eq(lit(5)), "\"i\" = '5'::int4"),
            (lit(5).lt(col("i")), "\"i\" > '5'::int4"),
            (col("b"), "\"b\""),
            (col("b").and(Expr::Not(Box::new(col("b")))), "(\"b\" AND NOT (\"b\"))"),
            (col("n").gt_eq(decimal(1_050, 12, 2)), "\"n\" >= '10.50'::numeric"),
            (cast(col("n"), DataType::Decimal128(15, 4)).eq(decimal(1, 15, 4)), "\"n\" = '0.0001'::numeric"),
            (cast(col("i"), DataType::Float64).gt(lit(1.5)), "(\"i\")::float8 > '1.5'::float8"),
            (cast(col("i"), DataType::Int64).eq(col("l")), "\"i\" = \"l\""),
            (col("i").between(lit(1), lit(2)), "(\"i\" >= '1'::int4 AND \"i\" <= '2'::int4)"),
            (in_list(col("i"), vec![lit(1), lit(2)], true), "\"i\" NOT IN ('1'::int4, '2'::int4)"),
            (col("a").is_null().or(col("m").is_not_null()), "(\"a\" IS NULL OR \"m\"::text IS NOT NULL)"),
            (col("i").eq(lit(1)).is_not_true(), "(\"i\" = '1'::int4) IS NOT TRUE"),
        ] {
            assert_eq!(sql(&condition).as_deref(), Some(expected), "{condition}");
        }
    }

    #[test]
    fn texts_are_compared_byte_by_byte() {
        let uuid = "3f2504e0-4f89-11d3-9a0c-0305e82c3301";
        for (condition, expected) in [
            (col("t").eq(lit("it's")), "\"t\" = 'it''s'::text".to_owned()),
            (col("t").like(lit("a_%")), "\"t\" LIKE 'a_%'::text".to_owned()),
            (col("c").eq(lit("x")), "\"c\" = 'x'::bpchar".to_owned()),
            (col("c").eq(lit("x ")), "\"c\"::text COLLATE \"C\" = 'x '::text".to_owned()),
            (col("c").not_like(lit("%x")), "\"c\"::text COLLATE \"C\" NOT LIKE '%x'::text".to_owned()),
            (col("u").eq(lit(uuid)), format!("\"u\" = '{uuid}'::uuid")),
            (
                col("u").not_eq(lit(uuid.to_uppercase())),
                format!("\"u\"::text COLLATE \"C\" <> '{}'::text", uuid.to_uppercase()),
            ),
            (col("e").eq(lit("sad")), "\"e\"::text COLLATE \"C\" = 'sad'::text".to_owned()),
            (col("m").eq(lit("$1.00")), "\"m\"::text COLLATE \"C\" = '$1.00'::text".to_owned()),
            (col("t").eq(col("e")), "\"t\"::text COLLATE \"C\" = \"e\"::text COLLATE \"C\"".to_owned()),
        ] {
            assert_eq!(sql(&condition), Some(expected), "{condition}");
        }
    }

    #[test]
    fn what_could_mean_something_else_is_not_sent() {
        for condition in [
            col("t").lt(lit("a")),
            col("t").ilike(lit("a")),
            col("t").like(lit(r"a\%")),
            col("t").eq(lit("a\0")),
            col("p").eq(lit("a")),
            col("f").eq(lit(f64::NAN)),
            (col("i") + lit(1)).eq(lit(2)),
            cast(col("l"), DataType::Float64).gt(lit(1.5)),
            cast(col("n"), DataType::Float64).gt(lit(1.5)),
            cast(col("n"), DataType::Decimal128(12, 1)).eq(decimal(1, 12, 1)),
            cast(col("d"), DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, None)).is_null(),
            in_list(col("i"), vec![lit(1), lit(ScalarValue::Int32(None))], false),
            col("i").eq(lit(ScalarValue::Int32(None))),
            col("a").eq(col("a")),
            col("b").and(col("t").gt(lit("a"))),
        ] {
            assert_eq!(sql(&condition), None, "{condition}");
        }
    }

    #[test]
    fn what_is_null_to_the_engine_is_null_to_postgresql() {
        let entry = LiveEntry { nulls_unrepresentable: true, ..entry() };
        assert_eq!(entry.condition(&col("d").is_null()).unwrap(), "CASE WHEN isfinite(\"d\") THEN \"d\" END IS NULL");
        assert_eq!(
            entry.condition(&col("n").lt(decimal(1, 12, 2))).unwrap(),
            "CASE WHEN \"n\" <> 'NaN' THEN \"n\" END < '0.01'::numeric"
        );
        assert_eq!(entry.condition(&col("i").eq(lit(1))).unwrap(), "\"i\" = '1'::int4");
    }

    #[test]
    fn other_encodings_than_utf8_see_ascii_alone() {
        let entry = LiveEntry { utf8: false, ..entry() };
        assert_eq!(entry.condition(&col("t").eq(lit("a"))).unwrap(), "\"t\" = 'a'::text");
        assert_eq!(entry.condition(&col("t").eq(lit("ä"))), None);
        assert_eq!(entry.condition(&col("t").like(lit("_"))), None);
    }
}
