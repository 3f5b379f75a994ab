//! Operators group as PostgreSQL's grammar groups them. The parser gives some another power: it reads `@ -5 + 3` as
//! `(@ -5) + 3`, `'a' ~ 'b' || 'c'` as `'a' ~ 'b'` first, `-2 ^ 2` as `-(2 ^ 2)`, and chains comparisons, which
//! PostgreSQL refuses. It keeps parentheses, so that the order of the operators in the text can be told from
//! its tree: each chain of operators without parentheses is laid out flat here and put together again, by the
//! precedences in PostgreSQL's `gram.y`.
//!
//! What the parser cannot read at all, its tokens say as operators that nobody can write (see `tokens.rs`); these
//! become what they stand for.

mod chain;
mod grouping;

use std::mem::replace;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Spanned, Value, VisitMut, VisitorMut};

use self::chain::{Operator, Part, Places, Power, flat, is_custom, is_operation, places, shown};
use self::grouping::grouped;
use crate::error::{Error, Result};
use crate::tokens::place_of;

/// The operator that stands for COLLATE, which the parser knows behind a name only, and not behind a cast.
pub(crate) const COLLATE: &str = "COLLATE";
/// The operator before NULL that stands for AT LOCAL.
pub(crate) const AT_LOCAL: &str = "AT LOCAL";
/// The operator between NULL and the lower bound that says that a BETWEEN is SYMMETRIC.
pub(crate) const SYMMETRIC: &str = "SYMMETRIC";

/// Groups the operators of everything in a statement, a query or an expression.
pub(crate) fn regroup(node: &mut impl VisitMut) -> Result<()> {
    match node.visit(&mut Regrouping::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

/// A chain is taken out of the tree while the visitor is at its place, which would walk through it again.
#[derive(Default)]
struct Regrouping {
    taken: Vec<Option<Expr>>,
}

impl VisitorMut for Regrouping {
    type Break = Box<Error>;

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Box<Error>> {
        if let Expr::CompoundFieldAccess { root, access_chain } = expression
            && !may_have_parts(root)
        {
            let part = access_chain.first().map(ToString::to_string).unwrap_or_default();
            let place = place_of(root.span().end);
            return ControlFlow::Break(Box::new(Error::Syntax(format!(
                "{part} needs parentheses around what stands before it{place}"
            ))));
        }
        let taken = match is_operation(expression) {
            false => None,
            true => match self.regrouped(taken(expression)) {
                Ok(regrouped) => Some(regrouped),
                Err(error) => return ControlFlow::Break(Box::new(error)),
            },
        };
        self.taken.push(taken);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Box<Error>> {
        if let Some(Some(regrouped)) = self.taken.pop() {
            *expression = regrouped;
        }
        ControlFlow::Continue(())
    }
}

impl Regrouping {
    fn regrouped(&mut self, chain: Expr) -> Result<Expr> {
        self.grouped(flat(chain))
    }

    fn grouped(&mut self, mut parts: Vec<Part>) -> Result<Expr> {
        for part in &mut parts {
            match part {
                Part::Operand(operand) => self.within(operand)?,
                Part::Prefix(operator) | Part::Infix(operator) | Part::Suffix(operator) | Part::OfNext(operator) => {
                    self.within_operator(operator)?;
                }
                Part::Escape(_) => {}
            }
        }
        grouped(parts)
    }

    fn within(&mut self, node: &mut impl VisitMut) -> Result<()> {
        match node.visit(self) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(*error),
        }
    }

    /// What belongs to an operator and is no part of the chain.
    fn within_operator(&mut self, operator: &mut Operator) -> Result<()> {
        match &mut operator.node {
            Expr::Between { low, .. } => {
                let mut parts = flat(taken(low));
                let is_symmetric = matches!(
                    parts.as_slice(),
                    [Part::Operand(_), Part::Infix(marker), ..] if is_custom(&marker.node, SYMMETRIC)
                );
                if is_symmetric {
                    parts.drain(..2);
                }
                **low = self.grouped(parts)?;
                check_lower_bound(low)?;
                if is_symmetric {
                    let op = BinaryOperator::Custom(SYMMETRIC.to_owned());
                    **low = Expr::BinaryOp { left: Box::new(nothing()), op, right: Box::new(taken(low)) };
                }
                Ok(())
            }
            Expr::InList { list, .. } => self.within(list),
            Expr::InSubquery { subquery, .. } => self.within(subquery),
            Expr::InUnnest { array_expr, .. } => self.within(array_expr),
            Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } => self.within(right),
            _ => Ok(()),
        }
    }
}

/// The lower bound of BETWEEN, and whether it may be the upper one.
pub(crate) fn lower_bound(low: &Expr) -> (&Expr, bool) {
    match low {
        Expr::BinaryOp { op: BinaryOperator::Custom(name), right, .. } if name == SYMMETRIC => (right, true),
        low => (low, false),
    }
}

/// What a subscript or the name of a field may follow at once.
fn may_have_parts(expression: &Expr) -> bool {
    match expression {
        Expr::Value(value) => matches!(value.value, Value::Placeholder(_)),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Nested(_) | Expr::Subquery(_) => true,
        _ => false,
    }
}

/// The lower bound of BETWEEN ends with the next AND, and PostgreSQL lets no words stand in it that could make
/// that unclear.
fn check_lower_bound(low: &mut Expr) -> Result<()> {
    let mut chain = vec![low];
    while let Some(node) = chain.pop() {
        let clear = match node {
            Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..) => true,
            Expr::AnyOp { .. } | Expr::AllOp { .. } | Expr::Exists { negated: true, .. } => false,
            _ => !matches!(
                places(node),
                Some((
                    Power::Or
                        | Power::And
                        | Power::Not
                        | Power::Is
                        | Power::Like
                        | Power::AtTimeZone
                        | Power::Collate
                        | Power::Overlaps,
                    _
                ))
            ),
        };
        if !clear {
            let place = place_of(node.span().start);
            return Err(Error::Syntax(format!("{} needs parentheses behind BETWEEN{place}", shown(node))));
        }
        match places(node) {
            Some((_, Places::Prefix(inner) | Places::Suffix(inner))) => chain.push(inner),
            Some((_, Places::Infix(left, right) | Places::OfNext(left, right))) => chain.extend([&mut **left, right]),
            None => {}
        }
    }
    Ok(())
}

fn nothing() -> Expr {
    Expr::Value(Value::Null.with_empty_span())
}

fn taken(place: &mut Expr) -> Expr {
    replace(place, nothing())
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn parsed(text: &str) -> Expr {
        let tokens = crate::tokens::read(text).unwrap();
        let mut parser =
            Parser::new(&PostgreSqlDialect {}).with_tokens_with_locations(tokens).with_recursion_limit(200);
        parser.parse_expr().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// The text with parentheses around every operation.
    fn parenthesised(mut expression: Expr) -> String {
        struct Parentheses;
        impl VisitorMut for Parentheses {
            type Break = ();

            fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
                while let Expr::Nested(inner) = expression {
                    *expression = taken(inner);
                }
                if is_operation(expression) {
                    *expression = Expr::Nested(Box::new(taken(expression)));
                }
                ControlFlow::Continue(())
            }
        }
        let _ = expression.visit(&mut Parentheses);
        expression.to_string()
    }

    fn grouped(text: &str) -> Result<Expr> {
        let mut expression = parsed(text);
        regroup(&mut expression)?;
        Ok(expression)
    }

    #[test]
    fn operators_group_as_in_postgresql() {
        for (text, same) in [
            ("@ -5 + 3", "@ ((-5) + 3)"),
            ("2 * ~ 1 + 2", "2 * (~ (1 + 2))"),
            ("a ~ b || c", "(a ~ b) || c"),
            ("a -> b = c", "(a -> b) = c"),
            ("a || b -> c", "(a || b) -> c"),
            ("a | b + c & d", "(a | (b + c)) & d"),
            ("-2 ^ 2", "(-2) ^ 2"),
            ("2 ^ -1 ^ 3", "(2 ^ (-1)) ^ 3"),
            ("-a::int", "-(a::int)"),
            ("-a AT TIME ZONE b || c", "((-a) AT TIME ZONE b) || c"),
            ("a BETWEEN 1 AND 2 = b", "(a BETWEEN 1 AND 2) = b"),
            ("a = b BETWEEN c || d AND e OR f", "(a = (b BETWEEN (c || d) AND e)) OR f"),
            ("NOT a = b IS NULL", "NOT ((a = b) IS NULL)"),
            ("a IS NULL = b IS NULL", "((a IS NULL) = b) IS NULL"),
            ("a = NOT b = c", "a = (NOT (b = c))"),
            ("a IS DISTINCT FROM b OR c", "(a IS DISTINCT FROM b) OR c"),
            ("a IS DISTINCT FROM b || c AND d", "(a IS DISTINCT FROM (b || c)) AND d"),
            ("a IN (1) IN (b = c || d)", "(a IN (1)) IN (b = (c || d))"),
            ("a = ANY (b) = c", "(a = ANY (b)) = c"),
            ("a LIKE ANY (b) || c", "(a LIKE ANY (b)) || c"),
            ("NOT EXISTS (SELECT 1) = a", "NOT ((EXISTS (SELECT 1)) = a)"),
            ("a LIKE b || c ESCAPE 'd' = e", "(a LIKE (b || c) ESCAPE 'd') = e"),
            ("a || b OPERATOR(pg_catalog.||) c + d", "(a || b) OPERATOR(pg_catalog.||) (c + d)"),
            ("a = (b, c) OVERLAPS (d, e)", "a = ((b, c) OVERLAPS (d, e))"),
            (
                "-a COLLATE \"C\" || b::text COLLATE pg_catalog.\"C\" = c",
                "(((-a) COLLATE \"C\") || ((b::text) COLLATE pg_catalog.\"C\")) = c",
            ),
            ("a BETWEEN SYMMETRIC b + 1 AND c = e OR d", "((a BETWEEN SYMMETRIC (b + 1) AND c) = e) OR d"),
            ("a NOT BETWEEN SYMMETRIC -b || c AND d || e", "a NOT BETWEEN SYMMETRIC ((-b) || c) AND (d || e)"),
            ("a BETWEEN ASYMMETRIC b AND c", "a BETWEEN b AND c"),
            ("-a AT LOCAL::date || b", "(timezone(-a)::date) || b"),
            ("a NOT LIKE ALL (b)", "a !~~ ALL (b)"),
            (
                "f[@ -a + 1] + CASE WHEN @ b + 1 THEN c(@ d + 1) END",
                "f[@ ((-a) + 1)] + CASE WHEN @ (b + 1) THEN c(@ (d + 1)) END",
            ),
            (
                "(SELECT @ a + 1 FROM b JOIN c ON @ d + 1 ORDER BY @ e + 1)",
                "(SELECT @ (a + 1) FROM b JOIN c ON @ (d + 1) ORDER BY @ (e + 1))",
            ),
        ] {
            let once = grouped(text).unwrap();
            assert_eq!(parenthesised(once.clone()), parenthesised(grouped(same).unwrap()), "{text}");
            let mut twice = once.clone();
            regroup(&mut twice).unwrap();
            assert_eq!(once, twice, "{text}");
        }
    }

    #[test]
    fn what_is_grouped_rightly_stays() {
        for text in
            ["a + b * c = -d AND NOT EXISTS (SELECT 1) OR e IS NULL", "a BETWEEN b AND c + d", "a LIKE b ESCAPE 'c'"]
        {
            assert_eq!(grouped(text).unwrap(), parsed(text), "{text}");
        }
    }

    #[test]
    fn comparisons_do_not_chain() {
        for (text, message) in [
            ("1 < 2 < 3", "< cannot follow <; put parentheses around one of the two at Line: 1, Column: 6"),
            ("a = b <> c", "<> cannot follow ="),
            ("a LIKE b NOT IN (c)", "NOT IN cannot follow LIKE"),
            ("a BETWEEN b AND c BETWEEN d AND e", "BETWEEN cannot follow BETWEEN"),
            ("a IS DISTINCT FROM b IS NULL", "IS cannot follow IS"),
            ("a BETWEEN b COLLATE \"C\" AND c", "COLLATE needs parentheses behind BETWEEN"),
            ("5 !", "! is no operator; write factorial()"),
            ("a OVERLAPS b", "OVERLAPS stands between rows"),
            ("a LIKE ANY ARRAY[b]", "LIKE ANY needs parentheses"),
            ("a LIKE b ESCAPE 'c' || d", "|| behind ESCAPE"),
            ("a COLLATE 'C'", "COLLATE needs the name"),
            ("f(a)[1]", "[1] needs parentheses around"),
        ] {
            let error = grouped(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn long_and_deep_expressions_are_grouped() {
        for operator in [" + ", " OR ", " || ", "::text || ", " IS NULL = "] {
            grouped(&vec!["a"; 5_000].join(operator)).map(drop).unwrap_or_else(|error| panic!("{operator}: {error}"));
        }
        let deep = format!("{}a{}", "(@ 1 + ".repeat(60), ")".repeat(60));
        assert!(grouped(&deep).is_ok());
    }
}
