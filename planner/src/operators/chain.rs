//! A chain of operators as a list, and what each operator is: how tightly it binds, and where its operands are.

use datafusion::sql::sqlparser::ast::{BinaryOperator, CastKind, Expr, UnaryOperator, ValueWithSpan};

use super::{AT_LOCAL, COLLATE, nothing, taken};

/// How tightly an operator binds, the loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Power {
    Or,
    And,
    Not,
    Is,
    Comparison,
    /// BETWEEN, IN, LIKE, ILIKE and SIMILAR TO.
    Like,
    /// Every operator that has no place of its own.
    Operator,
    Sum,
    Product,
    Exponent,
    AtTimeZone,
    Collate,
    Sign,
    Cast,
    /// Stands between rows, which are written with parentheses.
    Overlaps,
}

impl Power {
    /// Whether two of the kind may follow each other, the left one first.
    pub(super) fn chains(self) -> bool {
        !matches!(self, Self::Is | Self::Comparison | Self::Like | Self::Overlaps)
    }
}

/// A node of the tree without what it operates on.
pub(super) struct Operator {
    pub(super) node: Expr,
    pub(super) power: Power,
    /// Behind ESCAPE nothing can follow but what binds less than LIKE.
    pub(super) escaped: bool,
}

impl Operator {
    pub(super) fn new(node: Expr, power: Power) -> Self {
        Self { node, power, escaped: false }
    }
}

/// A part of a chain, in the order of the text.
pub(super) enum Part {
    Operand(Expr),
    Prefix(Operator),
    Infix(Operator),
    Suffix(Operator),
    /// LIKE ANY, COLLATE and AT LOCAL, whose right side is the next operand alone.
    OfNext(Operator),
    Escape(ValueWithSpan),
}

/// Where the operands of a node are.
pub(super) enum Places<'a> {
    Prefix(&'a mut Box<Expr>),
    Infix(&'a mut Box<Expr>, &'a mut Box<Expr>),
    Suffix(&'a mut Box<Expr>),
    OfNext(&'a mut Box<Expr>, &'a mut Box<Expr>),
}

/// The parts of a chain from left to right. A chain may be long, so it is not walked by recursion.
pub(super) fn flat(chain: Expr) -> Vec<Part> {
    enum Step {
        Walk(Expr),
        Emit(Part),
    }
    let mut parts = Vec::new();
    let mut steps = vec![Step::Walk(chain)];
    while let Some(step) = steps.pop() {
        let mut node = match step {
            Step::Emit(part) => {
                parts.push(part);
                continue;
            }
            Step::Walk(node) => node,
        };
        // NOT EXISTS is one node, which NOT EXISTS (...) = true is not.
        if let Expr::Exists { negated: negated @ true, .. } = &mut node {
            *negated = false;
            let not = Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(nothing()) };
            parts.push(Part::Prefix(Operator::new(not, Power::Not)));
            parts.push(Part::Operand(node));
            continue;
        }
        let escape = escape_of(&mut node).and_then(Option::take);
        let Some((power, places)) = places(&mut node) else {
            parts.push(Part::Operand(node));
            continue;
        };
        // The last step is taken first.
        let as_part: fn(Operator) -> Part;
        let (before, after) = match places {
            Places::Prefix(right) => {
                as_part = Part::Prefix;
                (None, Some(taken(right)))
            }
            Places::Infix(left, right) => {
                as_part = Part::Infix;
                (Some(taken(left)), Some(taken(right)))
            }
            Places::Suffix(left) => {
                as_part = Part::Suffix;
                (Some(taken(left)), None)
            }
            Places::OfNext(left, right) => {
                as_part = Part::OfNext;
                (Some(taken(left)), Some(taken(right)))
            }
        };
        if let Some(escape) = escape {
            steps.push(Step::Emit(Part::Escape(escape)));
        }
        steps.extend(after.map(Step::Walk));
        steps.push(Step::Emit(as_part(Operator::new(node, power))));
        steps.extend(before.map(Step::Walk));
    }
    parts
}

pub(super) fn is_operation(expression: &mut Expr) -> bool {
    matches!(expression, Expr::Exists { negated: true, .. }) || places(expression).is_some()
}

pub(super) fn places(expression: &mut Expr) -> Option<(Power, Places<'_>)> {
    Some(match expression {
        Expr::UnaryOp { op, expr } => match op {
            UnaryOperator::Not => (Power::Not, Places::Prefix(expr)),
            UnaryOperator::Plus | UnaryOperator::Minus => (Power::Sign, Places::Prefix(expr)),
            UnaryOperator::PGPostfixFactorial => (Power::Operator, Places::Suffix(expr)),
            _ => (Power::Operator, Places::Prefix(expr)),
        },
        Expr::BinaryOp { left, op, right } => match op {
            BinaryOperator::Custom(name) if name == COLLATE => (Power::Collate, Places::OfNext(left, right)),
            BinaryOperator::Custom(name) if name == AT_LOCAL => (Power::AtTimeZone, Places::OfNext(left, right)),
            _ => (power_of(op), Places::Infix(left, right)),
        },
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
            (Power::Is, Places::Infix(left, right))
        }
        Expr::IsNull(expr)
        | Expr::IsNotNull(expr)
        | Expr::IsTrue(expr)
        | Expr::IsNotTrue(expr)
        | Expr::IsFalse(expr)
        | Expr::IsNotFalse(expr)
        | Expr::IsUnknown(expr)
        | Expr::IsNotUnknown(expr)
        | Expr::IsNormalized { expr, .. } => (Power::Is, Places::Suffix(expr)),
        Expr::InList { expr, .. } | Expr::InSubquery { expr, .. } | Expr::InUnnest { expr, .. } => {
            (Power::Like, Places::Suffix(expr))
        }
        Expr::Between { expr, high, .. } => (Power::Like, Places::Infix(expr, high)),
        Expr::Like { any: true, expr, pattern, .. } | Expr::ILike { any: true, expr, pattern, .. } => {
            (Power::Like, Places::OfNext(expr, pattern))
        }
        Expr::Like { expr, pattern, .. }
        | Expr::ILike { expr, pattern, .. }
        | Expr::SimilarTo { expr, pattern, .. }
        | Expr::RLike { expr, pattern, .. } => (Power::Like, Places::Infix(expr, pattern)),
        Expr::AnyOp { left, compare_op, .. } | Expr::AllOp { left, compare_op, .. } => match compare_op {
            // LIKE ALL, or what it is written as.
            BinaryOperator::PGLikeMatch
            | BinaryOperator::PGILikeMatch
            | BinaryOperator::PGNotLikeMatch
            | BinaryOperator::PGNotILikeMatch => (Power::Like, Places::Suffix(left)),
            _ => (power_of(compare_op), Places::Suffix(left)),
        },
        Expr::Cast { kind: CastKind::DoubleColon, expr, .. } => (Power::Cast, Places::Suffix(expr)),
        Expr::Collate { expr, .. } => (Power::Collate, Places::Suffix(expr)),
        Expr::AtTimeZone { timestamp, time_zone } => (Power::AtTimeZone, Places::Infix(timestamp, time_zone)),
        _ => return None,
    })
}

pub(super) fn escape_of(expression: &mut Expr) -> Option<&mut Option<ValueWithSpan>> {
    match expression {
        Expr::Like { escape_char, .. } | Expr::ILike { escape_char, .. } | Expr::SimilarTo { escape_char, .. } => {
            Some(escape_char)
        }
        _ => None,
    }
}

pub(super) fn power_of(operator: &BinaryOperator) -> Power {
    match operator {
        BinaryOperator::Or => Power::Or,
        BinaryOperator::And => Power::And,
        BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::Lt
        | BinaryOperator::LtEq
        | BinaryOperator::Gt
        | BinaryOperator::GtEq => Power::Comparison,
        BinaryOperator::Plus | BinaryOperator::Minus => Power::Sum,
        BinaryOperator::Multiply | BinaryOperator::Divide | BinaryOperator::Modulo => Power::Product,
        BinaryOperator::PGExp => Power::Exponent,
        BinaryOperator::Overlaps => Power::Overlaps,
        _ => Power::Operator,
    }
}

pub(super) fn is_custom(node: &Expr, operator: &str) -> bool {
    matches!(node, Expr::BinaryOp { op: BinaryOperator::Custom(name), .. } if name == operator)
}

/// The operator's name.
pub(super) fn shown(node: &Expr) -> String {
    let word = |negated: &bool, word: &str| format!("{}{word}", if *negated { "NOT " } else { "" });
    match node {
        Expr::UnaryOp { op: UnaryOperator::PGPostfixFactorial, .. } => "!".to_owned(),
        Expr::UnaryOp { op, .. } => op.to_string(),
        Expr::BinaryOp { op: BinaryOperator::PGCustomBinaryOperator(parts), .. } => {
            format!("OPERATOR({})", parts.join("."))
        }
        Expr::BinaryOp { op, .. } | Expr::AnyOp { compare_op: op, .. } | Expr::AllOp { compare_op: op, .. } => {
            op.to_string()
        }
        Expr::InList { negated, .. } | Expr::InSubquery { negated, .. } | Expr::InUnnest { negated, .. } => {
            word(negated, "IN")
        }
        Expr::Between { negated, .. } => word(negated, "BETWEEN"),
        Expr::Like { negated, .. } => word(negated, "LIKE"),
        Expr::ILike { negated, .. } => word(negated, "ILIKE"),
        Expr::SimilarTo { negated, .. } => word(negated, "SIMILAR TO"),
        Expr::RLike { negated, .. } => word(negated, "RLIKE"),
        Expr::Exists { .. } => "NOT".to_owned(),
        Expr::Cast { .. } => "::".to_owned(),
        Expr::Collate { .. } => "COLLATE".to_owned(),
        Expr::AtTimeZone { .. } => "AT TIME ZONE".to_owned(),
        _ => "IS".to_owned(),
    }
}
