//! Expressions: one arm for each form that SQL has.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Like, Operator, lit};
use datafusion::sql::sqlparser::ast::{self, BinaryOperator, UnaryOperator, ValueWithSpan};

use super::Binder;
use super::character::{chosen_from, padded, shows_padding, unpadded};
use super::clause::Clause;
use super::collation::Derivation;
use super::names::unnested;
use super::parameter::named;
use super::record::parts_of;
use super::scope::Found;
use super::typed::{Typed, types};
use crate::as_is::asked_for_null;
use crate::error::{Error, Result};
use crate::functions::{
    Call, Catalogue, Chosen, Kind, NotChosen, cased, planned_of, texts_of_keys, with_default_escape,
};
use crate::null_safe::null_safe_equal;
use crate::operators::lower_bound;
use crate::pg_type::PgType;
use crate::stable_constants::{is_unplanned, unplanned};

/// What LIKE escapes with unless it is told otherwise.
const DEFAULT_ESCAPE: char = '\\';
/// The function that is called without parentheses, for which the parser has no name.
const SCHEMA: &str = "current_schema";

impl Binder<'_> {
    /// An expression with its type.
    pub(super) fn expression(&mut self, expression: &ast::Expr) -> Result<Typed> {
        match expression {
            // A keyword in PostgreSQL, as `current_catalog` is to the parser.
            ast::Expr::Identifier(ident) if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case(SCHEMA) => {
                self.call(SCHEMA, vec![])
            }
            ast::Expr::Identifier(ident) => self.name(std::slice::from_ref(ident)),
            ast::Expr::CompoundIdentifier(parts) => self.name(parts),
            ast::Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain),
            ast::Expr::Nested(inner) => self.expression(inner),
            ast::Expr::Value(value) => self.literal(&value.value),
            ast::Expr::TypedString(typed) => {
                let (pg_type, modifier) = super::type_name::read(&typed.data_type)?;
                let text = self.literal(&typed.value.value)?;
                self.cast(text, &pg_type, modifier)
            }
            ast::Expr::Interval(interval) => self.interval(interval),
            ast::Expr::Cast { kind: ast::CastKind::Cast | ast::CastKind::DoubleColon, expr, data_type, .. } => {
                self.cast_to(expr, data_type)
            }
            ast::Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            ast::Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            ast::Expr::IsTrue(inner) => self.truth(inner, Some(true), true),
            ast::Expr::IsNotTrue(inner) => self.truth(inner, Some(true), false),
            ast::Expr::IsFalse(inner) => self.truth(inner, Some(false), true),
            ast::Expr::IsNotFalse(inner) => self.truth(inner, Some(false), false),
            ast::Expr::IsUnknown(inner) => self.truth(inner, None, true),
            ast::Expr::IsNotUnknown(inner) => self.truth(inner, None, false),
            ast::Expr::IsNull(inner) => self.is_null(inner, false),
            ast::Expr::IsNotNull(inner) => self.is_null(inner, true),
            ast::Expr::IsDistinctFrom(left, right) => self.compare_asts("IS DISTINCT FROM", left, right),
            ast::Expr::IsNotDistinctFrom(left, right) => self.compare_asts("IS NOT DISTINCT FROM", left, right),
            ast::Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            ast::Expr::InSubquery { expr, subquery, negated } => self.in_subquery(expr, subquery, *negated),
            ast::Expr::Between { expr, negated, low, high } => self.between(expr, *negated, low, high),
            ast::Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_ref(), *negated, false)
            }
            ast::Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_ref(), *negated, true)
            }
            ast::Expr::Like { negated, any: true, expr, pattern, escape_char: None } => {
                self.quantified_by(expr, if *negated { "!~~" } else { "~~" }, pattern, false)
            }
            ast::Expr::ILike { negated, any: true, expr, pattern, escape_char: None } => {
                self.quantified_by(expr, if *negated { "!~~*" } else { "~~*" }, pattern, false)
            }
            ast::Expr::SimilarTo { negated, expr, pattern, escape_char } => {
                self.similar(expr, pattern, escape_char.as_ref(), *negated)
            }
            ast::Expr::AnyOp { left, compare_op, right, .. } => self.quantified(left, compare_op, right, false),
            ast::Expr::AllOp { left, compare_op, right } => self.quantified(left, compare_op, right, true),
            ast::Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            ast::Expr::Function(function) => self.function(function),
            ast::Expr::Exists { subquery, negated } => self.exists(subquery, *negated),
            ast::Expr::Subquery(query) => self.scalar_subquery(query),
            ast::Expr::Tuple(parts) => self.row(parts),
            ast::Expr::Array(array) => self.array(&array.elem),
            ast::Expr::Collate { expr, collation } => self.collate(expr, collation),
            ast::Expr::AtTimeZone { timestamp, time_zone } => {
                let arguments = vec![self.expression(time_zone)?, self.expression(timestamp)?];
                self.call("timezone", arguments)
            }
            ast::Expr::Extract { field, expr, .. } => self.extract(field, expr),
            ast::Expr::Ceil { expr, field } => self.rounded("ceil", expr, field),
            ast::Expr::Floor { expr, field } => self.rounded("floor", expr, field),
            ast::Expr::Position { expr, r#in } => {
                let arguments = vec![self.expression(r#in)?, self.expression(expr)?];
                self.call("position", arguments)
            }
            ast::Expr::Substring { expr, substring_from, substring_for, .. } => {
                self.substring(expr, substring_from.as_deref(), substring_for.as_deref())
            }
            ast::Expr::Trim { trim_where, trim_what, expr, trim_characters } => {
                self.trim(*trim_where, trim_what.as_deref(), expr, trim_characters.as_deref())
            }
            ast::Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                let mut arguments =
                    vec![self.expression(expr)?, self.expression(overlay_what)?, self.expression(overlay_from)?];
                if let Some(length) = overlay_for {
                    arguments.push(self.expression(length)?);
                }
                self.call("overlay", arguments)
            }
            ast::Expr::IsNormalized { expr, form, negated } => self.is_normalized(expr, *form, *negated),
            other => Err(Error::Unsupported(format!("not supported: {other}"))),
        }
    }

    /// A condition.
    pub(super) fn condition(&mut self, expression: &ast::Expr, of: &str) -> Result<Expr> {
        let typed = self.expression(expression)?;
        self.boolean(typed, of)
    }

    /// Something that must be true or false.
    pub(super) fn boolean(&mut self, typed: Typed, of: &str) -> Result<Expr> {
        match typed.pg_type {
            PgType::Bool => Ok(typed.expr),
            PgType::Unknown => Ok(self.coerce(typed, &PgType::Bool)?.expr),
            other => Err(Error::Query(format!("argument of {of} must be type boolean, not type {other}"))),
        }
    }

    /// What a name means, here or in a query around this one.
    fn name(&mut self, parts: &[ast::Ident]) -> Result<Typed> {
        for (depth, level) in self.levels.iter().rev().enumerate() {
            let found = match level.scope.find(parts)? {
                Some(Found::Column(column)) => column.typed(),
                Some(Found::Row(relation)) => super::record::of_relation(&level.scope, relation),
                None => continue,
            };
            return if depth == 0 { Ok(found) } else { super::subquery::outer(found, &level.scope) };
        }
        self.field_of_name(parts)
    }

    fn unary(&mut self, operator: UnaryOperator, operand: &ast::Expr) -> Result<Typed> {
        if let (UnaryOperator::Minus, ast::Expr::Value(ValueWithSpan { value: ast::Value::Number(text, _), .. })) =
            (operator, operand)
        {
            // So that the smallest integers can be written.
            return super::literal::number(&format!("-{text}"));
        }
        let operand = self.expression(operand)?;
        match operator {
            UnaryOperator::Not => Ok(Typed::boolean(Expr::Not(Box::new(self.boolean(operand, "NOT")?)))),
            other => self.operator(&other.to_string(), vec![operand]),
        }
    }

    fn binary(&mut self, left: &ast::Expr, operator: &BinaryOperator, right: &ast::Expr) -> Result<Typed> {
        let logical = match operator {
            BinaryOperator::And => Some(("AND", datafusion::logical_expr::and as fn(Expr, Expr) -> Expr)),
            BinaryOperator::Or => Some(("OR", datafusion::logical_expr::or as fn(Expr, Expr) -> Expr)),
            _ => None,
        };
        if let Some((word, combine)) = logical {
            return Ok(Typed::boolean(combine(self.condition(left, word)?, self.condition(right, word)?)));
        }
        if matches!(operator, BinaryOperator::Overlaps) {
            return self.overlaps(left, right);
        }
        let symbol = symbol(operator)?;
        if let ast::Expr::AnyOp { .. } | ast::Expr::AllOp { .. } = right {
            return Err(Error::Query(format!("ANY and ALL stand behind one operator, not behind {symbol} twice")));
        }
        self.compare_asts(&symbol, left, right)
    }

    fn compare_asts(&mut self, symbol: &str, left: &ast::Expr, right: &ast::Expr) -> Result<Typed> {
        let left = self.expression(left)?;
        if let ast::Expr::Subquery(query) = unnested(right)
            && let Some(parts) = parts_of(&left)
        {
            return self.row_compared_with_subquery(symbol, parts, query);
        }
        let operands = vec![left, self.expression(right)?];
        self.operator(symbol, operands)
    }

    /// An operator between, or before, operands.
    pub(super) fn operator(&mut self, symbol: &str, operands: Vec<Typed>) -> Result<Typed> {
        if let Some(compared) = self.compared_in_parts(symbol, &operands)? {
            return Ok(compared);
        }
        let operands = self.with_digits_of_the_other(symbol, operands)?;
        let own = types(&operands);
        match Catalogue::get().operator(symbol, &own) {
            Ok(chosen) => {
                let typed = self.apply(&chosen, operands)?;
                self.as_join_key(typed)
            }
            Err(why) => Err(named(no_operator(symbol, &own, why), operands.iter())),
        }
    }

    /// A comparison by which rows are joined, without an operator for which NULL is a value: that would become one for
    /// which it is a value to all comparisons of the join.
    fn as_join_key(&mut self, typed: Typed) -> Result<Typed> {
        let Expr::BinaryExpr(BinaryExpr { left, op: Operator::IsNotDistinctFrom, right }) = &typed.expr else {
            return Ok(typed);
        };
        let is_varied = |side: &Expr| !side.column_refs().is_empty();
        let joins = matches!(self.level()?.clause, Clause::Where | Clause::JoinCondition);
        if !joins || !is_varied(left) || !is_varied(right) {
            return Ok(typed);
        }
        let data_type = left.get_type(&self.level()?.scope.schema)?;
        let expr = null_safe_equal(left, right, &data_type);
        // Both sides are in it twice.
        self.count_copy(&typed)?;
        Ok(Typed { expr, ..typed })
    }

    /// A function by name, of arguments that are bound.
    pub(super) fn call(&mut self, name: &str, arguments: Vec<Typed>) -> Result<Typed> {
        let own = types(&arguments);
        match Catalogue::get().function(name, &own) {
            Ok(chosen) => self.apply(&chosen, arguments),
            Err(why) => Err(super::call::no_function(name, &own, why)),
        }
    }

    /// The expression of a scalar function.
    pub(super) fn apply(&mut self, chosen: &Chosen, arguments: Vec<Typed>) -> Result<Typed> {
        let mut cast = Vec::with_capacity(arguments.len());
        let declared = chosen.function.argument_types(arguments.len()).unwrap_or_default();
        for ((argument, to), declared) in arguments.into_iter().zip(&chosen.arguments).zip(declared) {
            let argument = match shows_padding(&chosen.function, &declared) {
                true => padded(argument),
                false => unpadded(argument),
            };
            cast.push(self.coerce(argument, to)?);
        }
        let collation = match chosen.function.name {
            // The name of an encoding is one of PostgreSQL's names, which have a collation.
            "convert_from" => Derivation::by_bytes(),
            _ => Derivation::merged(&cast)?,
        };
        let order = self.order_of_call(chosen.function.name, &cast, &collation)?;
        let casing = self.casing(&collation);
        let types = types(&cast);
        let mut arguments: Vec<Expr> = cast.into_iter().map(|typed| typed.expr).collect();
        let Kind::Scalar(body) = &chosen.function.kind else {
            return Err(Error::Internal("an operator that is no scalar function".into()));
        };
        let is_unplanned = is_unplanned(planned_of(chosen.function.name, &types), &mut arguments)?;
        let typed = |expr: Expr| {
            let expr = if is_unplanned { unplanned(expr) } else { expr };
            Typed::new(expr, chosen.returns.clone()).with_collation(collation)
        };
        if let Some(cased) = casing.and_then(|casing| cased(chosen.function.name, casing, &arguments)) {
            return Ok(typed(cased));
        }
        let is_sorting = chosen.function.name == "array_sort";
        if let (true, Some(order), [array]) = (is_sorting, &order, arguments.as_mut_slice()) {
            *array = order.keys_of_elements(array.clone());
        }
        let schema = std::sync::Arc::clone(&self.level()?.scope.schema);
        let call = Call { arguments, types, order: order.clone(), schema: &schema, surroundings: self.surroundings };
        let value = body(call)?;
        Ok(typed(if is_sorting && order.is_some() { texts_of_keys(value) } else { value }))
    }

    /// IS [NOT] TRUE and its like, as comparisons: DataFusion's own tests are never NULL in a plan, and may be when it
    /// runs.
    fn truth(&mut self, inner: &ast::Expr, wanted: Option<bool>, is: bool) -> Result<Typed> {
        let operator = if is { Operator::IsNotDistinctFrom } else { Operator::IsDistinctFrom };
        let (inner, wanted) = (self.condition(inner, "IS")?, lit(ScalarValue::Boolean(wanted)));
        Ok(Typed::boolean(Expr::BinaryExpr(BinaryExpr::new(Box::new(inner), operator, Box::new(wanted)))))
    }

    fn is_null(&mut self, inner: &ast::Expr, negated: bool) -> Result<Typed> {
        let typed = self.expression(inner)?;
        if let Some(parts) = parts_of(&typed) {
            // A row is NULL when all of its fields are, and not NULL when none is.
            let test: fn(Expr) -> Expr = if negated { Expr::is_not_null } else { Expr::is_null };
            let all = parts.into_iter().map(|part| test(part.expr)).reduce(Expr::and);
            return Ok(Typed::boolean(unplanned(all.unwrap_or(lit(true)))));
        }
        let inner = if typed.pg_type == PgType::Unknown { self.coerce(typed, &PgType::Text)? } else { typed };
        let value = asked_for_null(inner.expr, &self.level()?.scope.schema);
        Ok(Typed::boolean(if negated { value.is_not_null() } else { value.is_null() }))
    }

    fn between(&mut self, operand: &ast::Expr, negated: bool, low: &ast::Expr, high: &ast::Expr) -> Result<Typed> {
        let (low, is_symmetric) = lower_bound(low);
        let operand = self.expression(operand)?;
        let (low, high) = (self.expression(low)?, self.expression(high)?);
        if !is_symmetric {
            return Ok(Typed::boolean(self.within_bounds(operand, negated, low, high)?));
        }
        let copies = [self.copied(&operand)?, self.copied(&low)?, self.copied(&high)?];
        let as_written = self.within_bounds(operand, negated, low, high)?;
        let [operand, low, high] = copies;
        let exchanged = self.within_bounds(operand, negated, high, low)?;
        Ok(Typed::boolean(if negated { as_written.and(exchanged) } else { as_written.or(exchanged) }))
    }

    fn within_bounds(&mut self, operand: Typed, negated: bool, low: Typed, high: Typed) -> Result<Expr> {
        let (above, below, combine) = match negated {
            false => (">=", "<=", datafusion::logical_expr::and as fn(Expr, Expr) -> Expr),
            true => ("<", ">", datafusion::logical_expr::or as fn(Expr, Expr) -> Expr),
        };
        let copy = self.copied(&operand)?;
        let first = self.operator(above, vec![copy, low])?;
        let second = self.operator(below, vec![operand, high])?;
        Ok(combine(first.expr, second.expr))
    }

    /// LIKE. A constant pattern with an escape character of its own is written anew with the one that the engine knows.
    fn like(
        &mut self,
        text: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ValueWithSpan>,
        negated: bool,
        case_insensitive: bool,
    ) -> Result<Typed> {
        let (text, pattern) = (self.expression(text)?, self.expression(pattern)?);
        let symbol = if case_insensitive { "~~*" } else { "~~" };
        let escape = self.escape(escape)?;
        let pattern = match (escape, pattern.quoted()) {
            (Some(DEFAULT_ESCAPE), _) => pattern,
            (escape, Some(Some(text))) => Typed::unknown(with_default_escape(text, escape).map_err(Error::Value)?),
            (_, Some(None)) => pattern,
            (escape, None) => {
                let escape = Typed::unknown(escape.map(String::from).unwrap_or_default());
                self.call("like_escape", vec![pattern, escape])?
            }
        };
        let matched = self.operator(symbol, vec![text, pattern])?;
        Ok(match matched.expr {
            Expr::Like(like) => Typed::boolean(Expr::Like(Like { negated, ..like })),
            expr if negated => Typed::boolean(Expr::Not(Box::new(expr))),
            expr => Typed::boolean(expr),
        })
    }

    fn similar(
        &mut self,
        text: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ValueWithSpan>,
        negated: bool,
    ) -> Result<Typed> {
        let mut arguments = vec![self.expression(text)?, self.expression(pattern)?];
        let escape = self.escape(escape)?;
        arguments.push(Typed::unknown(escape.map(String::from).unwrap_or_default()));
        let matched = self.call("similar_to", arguments)?.expr;
        Ok(Typed::boolean(if negated { Expr::Not(Box::new(matched)) } else { matched }))
    }

    /// The character that escapes; none where it is given as an empty text.
    fn escape(&mut self, escape: Option<&ValueWithSpan>) -> Result<Option<char>> {
        let Some(escape) = escape else { return Ok(Some(DEFAULT_ESCAPE)) };
        let escape = self.literal(&escape.value)?;
        let text = escape.quoted().flatten().unwrap_or_default();
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (first, None) => Ok(first),
            _ => Err(Error::Query("invalid escape string: it must be empty or one character".to_owned())),
        }
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
    ) -> Result<Typed> {
        let operand = operand.map(|operand| self.expression(operand)).transpose()?;
        let mut whens = Vec::with_capacity(conditions.len());
        let mut results = Vec::with_capacity(conditions.len() + 1);
        for case in conditions {
            let when = self.expression(&case.condition)?;
            whens.push(match &operand {
                Some(operand) => {
                    let operand = self.copied(operand)?;
                    self.operator("=", vec![operand, when])?.expr
                }
                None => self.boolean(when, "CASE/WHEN")?,
            });
            results.push(self.expression(&case.result)?);
        }
        // In PostgreSQL's order, ELSE comes last for the collation and first for the type.
        results.push(otherwise.map_or_else(|| Ok(Typed::null()), |otherwise| self.expression(otherwise))?);
        let collation = Derivation::merged(&results)?;
        results.rotate_right(1);
        let (results, metadata) = chosen_from(results);
        let (mut results, pg_type) = self.unified(results, "CASE")?;
        let otherwise = results.remove(0);
        let pairs = whens.into_iter().zip(results).map(|(when, then)| (Box::new(when), Box::new(then.expr)));
        let case = datafusion::logical_expr::Case::new(None, pairs.collect(), Some(Box::new(otherwise.expr)));
        Ok(Typed::new(Expr::Case(case), pg_type).with_metadata(metadata).with_collation(collation))
    }

    /// The expressions cast to the type that they have together.
    pub(super) fn unified(&mut self, expressions: Vec<Typed>, of: &str) -> Result<(Vec<Typed>, PgType)> {
        let own = types(&expressions);
        let Some(common) = crate::type_conversion::common_type(&own) else {
            return Err(Error::Query(mismatch(&own, of)));
        };
        let coerced = expressions.into_iter().map(|typed| self.coerce(typed, &common));
        let mut unified = coerced.collect::<Result<Vec<_>>>()?;
        if common == PgType::Numeric {
            self.with_common_decimals(&mut unified)?;
        }
        Ok((unified, common))
    }
}

fn symbol(operator: &BinaryOperator) -> Result<String> {
    match operator {
        BinaryOperator::PGCustomBinaryOperator(parts) => Ok(parts.last().cloned().unwrap_or_default()),
        BinaryOperator::BitwiseXor => Ok("^".to_owned()),
        BinaryOperator::Spaceship
        | BinaryOperator::Xor
        | BinaryOperator::DuckIntegerDivide
        | BinaryOperator::MyIntegerDivide
        | BinaryOperator::Match
        | BinaryOperator::Regexp
        | BinaryOperator::Assignment => Err(Error::Query(format!("operator does not exist: {operator}"))),
        other => Ok(other.to_string()),
    }
}

fn no_operator(symbol: &str, types: &[PgType], why: NotChosen) -> Error {
    let call = match types {
        [operand] => format!("{symbol} {operand}"),
        [left, right] => format!("{left} {symbol} {right}"),
        _ => symbol.to_owned(),
    };
    let is_printed = |pg_type: &PgType| matches!(pg_type, PgType::Printed(_));
    match why {
        NotChosen::Ambiguous => Error::Query(format!("operator is not unique: {call}; cast an operand to its type")),
        _ if types.iter().any(is_printed) => Error::Unsupported(format!(
            "not supported: operator {call}; values of such types are kept as texts, and have the operators of texts \
             after a cast to text"
        )),
        NotChosen::NoneFits => {
            Error::Query(format!("operator does not exist: {call}; explicit type casts might be needed"))
        }
        NotChosen::UnknownName => Error::Unsupported(format!("not supported: operator {call}")),
    }
}

fn mismatch(types: &[PgType], of: &str) -> String {
    let mut known = types.iter().filter(|pg_type| **pg_type != PgType::Unknown);
    let first = known.next().cloned().unwrap_or(PgType::Unknown);
    let other = known.find(|other| crate::type_conversion::common_type(&[first.clone(), (*other).clone()]).is_none());
    format!("{of} types {first} and {} cannot be matched", other.unwrap_or(&first))
}
