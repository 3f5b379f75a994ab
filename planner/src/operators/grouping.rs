//! A chain put together: an operator has its operands as soon as one comes that does not bind tighter, which is how
//! PostgreSQL's parser decides between shift and reduce.

use std::cmp::Ordering;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, Spanned, UnaryOperator, ValueWithSpan,
};

use super::chain::{Operator, Part, Places, escape_of, is_custom, places, shown};
use super::{AT_LOCAL, COLLATE, nothing, taken};
use crate::error::{Error, Result};
use crate::tokens::place_of;

/// The expression that a chain is.
pub(super) fn grouped(parts: Vec<Part>) -> Result<Expr> {
    Stack::default().grouped(parts)
}

/// What has been read of a chain: the operands, and the operators that wait for what stands behind them.
#[derive(Default)]
struct Stack {
    operands: Vec<Expr>,
    waiting: Vec<Operator>,
}

impl Stack {
    fn grouped(mut self, parts: Vec<Part>) -> Result<Expr> {
        let mut parts = parts.into_iter();
        while let Some(part) = parts.next() {
            match part {
                Part::Operand(operand) => self.operands.push(operand),
                Part::Prefix(operator) => self.waiting.push(operator),
                Part::Infix(operator) => {
                    self.complete_before(&operator)?;
                    self.waiting.push(operator);
                }
                Part::Suffix(operator) => {
                    self.complete_before(&operator)?;
                    self.complete(operator)?;
                }
                Part::OfNext(operator) => {
                    self.complete_before(&operator)?;
                    let next = match parts.next() {
                        Some(Part::Operand(next)) => next,
                        _ => nothing(),
                    };
                    self.complete_with(operator, next)?;
                }
                Part::Escape(escape) => self.escape(escape)?,
            }
        }
        while let Some(operator) = self.waiting.pop() {
            self.complete(operator)?;
        }
        Ok(self.operand())
    }

    fn operand(&mut self) -> Expr {
        self.operands.pop().unwrap_or_else(nothing)
    }

    /// Gives operands to those that wait and bind tighter than what comes next.
    fn complete_before(&mut self, next: &Operator) -> Result<()> {
        while let Some(waiting) = self.waiting.pop() {
            match waiting.power.cmp(&next.power) {
                Ordering::Greater => self.complete(waiting)?,
                Ordering::Equal if waiting.power.chains() => self.complete(waiting)?,
                Ordering::Equal => {
                    let first = shown(&waiting.node);
                    let why = format!("cannot follow {first}; put parentheses around one of the two");
                    return Err(self.refused(next, &why));
                }
                Ordering::Less if waiting.escaped => {
                    return Err(Error::Unsupported(format!(
                        "not supported: {} behind ESCAPE; put parentheses around what stands before it",
                        shown(&next.node)
                    )));
                }
                Ordering::Less => {
                    self.waiting.push(waiting);
                    break;
                }
            }
        }
        Ok(())
    }

    fn complete_with(&mut self, mut operator: Operator, next: Expr) -> Result<()> {
        if is_custom(&operator.node, COLLATE) {
            let collation = match next {
                Expr::Identifier(name) => ObjectName::from(vec![name]),
                Expr::CompoundIdentifier(names) => ObjectName::from(names),
                _ => return Err(self.refused(&operator, "needs the name of a collation")),
            };
            operator.node = Expr::Collate { expr: Box::new(self.operand()), collation };
        } else if is_custom(&operator.node, AT_LOCAL) {
            operator.node = in_session_zone(self.operand());
        } else if !matches!(next, Expr::Nested(_) | Expr::Subquery(_)) {
            return Err(self.refused(&operator, "ANY needs parentheses"));
        } else if let Some((_, Places::OfNext(left, right))) = places(&mut operator.node) {
            **left = self.operand();
            **right = next;
        }
        self.operands.push(operator.node);
        Ok(())
    }

    /// Gives an operator its operands, the last of those that were read.
    fn complete(&mut self, mut operator: Operator) -> Result<()> {
        match places(&mut operator.node) {
            Some((_, Places::Prefix(right))) => **right = self.operand(),
            Some((_, Places::Suffix(left))) => **left = self.operand(),
            Some((_, Places::Infix(left, right) | Places::OfNext(left, right))) => {
                **right = self.operand();
                **left = self.operand();
            }
            None => {}
        }
        match &mut operator.node {
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                if let Expr::Exists { negated: negated @ false, .. } = expr.as_mut() {
                    *negated = true;
                    let exists = taken(expr);
                    self.operands.push(exists);
                    return Ok(());
                }
            }
            Expr::UnaryOp { op: UnaryOperator::PGPostfixFactorial, .. } => {
                return Err(self.refused(&operator, "is no operator; write factorial()"));
            }
            Expr::BinaryOp { op: BinaryOperator::Overlaps, left, right } if !(is_row(left) && is_row(right)) => {
                return Err(self.refused(&operator, "stands between rows, each in parentheses"));
            }
            _ => {}
        }
        self.operands.push(operator.node);
        Ok(())
    }

    fn refused(&self, operator: &Operator, why: &str) -> Error {
        // The tree does not tell where an operator stands, only what it operates on.
        let end = self.operands.last().map(|operand| operand.span().end);
        Error::Syntax(format!("{} {why}{}", shown(&operator.node), end.map(place_of).unwrap_or_default()))
    }

    /// ESCAPE belongs to the last LIKE that has none.
    fn escape(&mut self, escape: ValueWithSpan) -> Result<()> {
        while let Some(mut operator) = self.waiting.pop() {
            match escape_of(&mut operator.node) {
                Some(place @ None) => {
                    *place = Some(escape);
                    operator.escaped = true;
                    self.waiting.push(operator);
                    return Ok(());
                }
                _ => self.complete(operator)?,
            }
        }
        Err(Error::Syntax(format!("ESCAPE stands behind LIKE alone{}", place_of(escape.span.start))))
    }
}

/// AT LOCAL, by the name of its function.
fn in_session_zone(moment: Expr) -> Expr {
    let args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(moment))];
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("timezone")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn is_row(expression: &Expr) -> bool {
    match expression {
        Expr::Tuple(_) => true,
        Expr::Function(function) => function.name.to_string().eq_ignore_ascii_case("row"),
        _ => false,
    }
}
