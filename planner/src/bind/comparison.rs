//! Comparisons that are made of several: of rows, with the elements of a list, an array or a subquery.

use arrow::array::Array;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Expr, ExprSchemable, lit};
use datafusion::sql::sqlparser::ast::{self, BinaryOperator};

use super::Binder;
use super::character::unpadded;
use super::collation::Derivation;
use super::names::unnested;
use super::record::parts_of;
use super::typed::{Typed, types};
use crate::error::{Error, Result};
use crate::functions;
use crate::pg_type::PgType;
use crate::stable_constants::unplanned;
use crate::type_conversion::common_type;

/// Elements of an array that are planned one by one; of more, a function looks through the array.
const MAX_ELEMENTS: usize = 1_000;
/// The operators that compare.
const COMPARISONS: [&str; 9] = ["=", "<>", "!=", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"];

impl Binder<'_> {
    /// A comparison of rows, or of values that have no operators but those of the texts that they are kept as.
    pub(super) fn compared_in_parts(&mut self, symbol: &str, operands: &[Typed]) -> Result<Option<Typed>> {
        let (true, [left, right]) = (COMPARISONS.contains(&symbol), operands) else { return Ok(None) };
        if let (Some(left), Some(right)) = (parts_of(left), parts_of(right)) {
            return self.rows_compared(symbol, left, right).map(Some);
        }
        let printed = |typed: &Typed| matches!(typed.pg_type, PgType::Printed(_));
        let same = left.pg_type == right.pg_type
            || left.pg_type == PgType::Unknown && printed(right)
            || right.pg_type == PgType::Unknown && printed(left);
        if !same || !(printed(left) || printed(right)) {
            return Ok(None);
        }
        // A constant is read as one of the type, and printed as that prints it.
        let of_printed = if printed(left) { left.pg_type.clone() } else { right.pg_type.clone() };
        let sides = [self.coerce(left.clone(), &of_printed)?, self.coerce(right.clone(), &of_printed)?];
        let as_text = |typed: &Typed| match typed.pg_type {
            PgType::Printed(_) => {
                Typed { pg_type: PgType::Text, collation: typed.printed_collation(), ..typed.clone() }
            }
            _ => typed.clone(),
        };
        self.operator(symbol, sides.iter().map(as_text).collect()).map(Some)
    }

    /// A parameter that is compared with a numeric has its digits.
    pub(super) fn with_digits_of_the_other(&mut self, symbol: &str, mut operands: Vec<Typed>) -> Result<Vec<Typed>> {
        let [left, right] = operands.as_slice() else { return Ok(operands) };
        let parameter = match (left.open_parameter(), right.open_parameter()) {
            (Some(id), None) if right.pg_type == PgType::Numeric => Some((0, id.to_owned(), right)),
            (None, Some(id)) if left.pg_type == PgType::Numeric => Some((1, id.to_owned(), left)),
            _ => None,
        };
        let Some((place, id, other)) = parameter.filter(|_| COMPARISONS.contains(&symbol)) else { return Ok(operands) };
        let data_type = other.expr.get_type(&self.level()?.scope.schema)?;
        operands[place] = self.parameters.settle_as(&id, &PgType::Numeric, data_type);
        Ok(operands)
    }

    /// `(a, b) = (SELECT ...)`, which is unknown where the subquery has no row.
    pub(super) fn row_compared_with_subquery(
        &mut self,
        symbol: &str,
        row: Vec<Typed>,
        query: &ast::Query,
    ) -> Result<Typed> {
        let other = self.row_of_subquery(query)?;
        if row.len() != other.len() {
            let few = if row.len() > other.len() { "few" } else { "many" };
            return Err(Error::Query(format!("subquery has too {few} columns")));
        }
        if !COMPARISONS.contains(&symbol) {
            return Err(Error::Query(format!("operator does not exist: record {symbol} record")));
        }
        self.rows_compared(symbol, row, other)
    }

    fn rows_compared(&mut self, symbol: &str, left: Vec<Typed>, right: Vec<Typed>) -> Result<Typed> {
        if left.len() != right.len() {
            return Err(Error::Query("unequal number of entries in row expressions".to_owned()));
        }
        if left.is_empty() {
            return Err(Error::Query("cannot compare rows of zero length".to_owned()));
        }
        self.count_compared(left.len())?;
        let pairs: Vec<(Typed, Typed)> = left.into_iter().zip(right).collect();
        if symbol.starts_with(['<', '>']) && !matches!(symbol, "<>") {
            // All pairs but the last are compared twice.
            for (left, right) in &pairs {
                self.count_copy(left)?;
                self.count_copy(right)?;
            }
        }
        let mut each = |symbol: &str, (left, right): &(Typed, Typed)| -> Result<Expr> {
            Ok(self.operator(symbol, vec![left.clone(), right.clone()])?.expr)
        };
        let all = |expressions: Vec<Expr>| balanced(expressions, Expr::and).unwrap_or(lit(true));
        let any = |expressions: Vec<Expr>| balanced(expressions, Expr::or).unwrap_or(lit(false));
        let compared = match symbol {
            "=" | "IS NOT DISTINCT FROM" => all(pairs.iter().map(|pair| each(symbol, pair)).collect::<Result<_>>()?),
            "<>" | "!=" | "IS DISTINCT FROM" => {
                any(pairs.iter().map(|pair| each(symbol, pair)).collect::<Result<_>>()?)
            }
            // The first pair that differs decides; a NULL before it leaves it open.
            _ => {
                let strict = &symbol[..1];
                let Some((last, before)) = pairs.split_last() else { return Ok(Typed::boolean(lit(true))) };
                let mut decided = each(symbol, last)?;
                for pair in before.iter().rev() {
                    decided = each(strict, pair)?.or(each("=", pair)?.and(decided));
                }
                unplanned(decided)
            }
        };
        Ok(Typed::boolean(compared))
    }

    /// `x IN (a, b, ...)`.
    pub(super) fn in_list(&mut self, operand: &ast::Expr, list: &[ast::Expr], negated: bool) -> Result<Typed> {
        let operand = self.expression(operand)?;
        let elements = list.iter().map(|element| self.expression(element)).collect::<Result<Vec<_>>>()?;
        let mut own = types(&elements);
        own.insert(0, operand.pg_type.clone());
        let common = common_type(&own).filter(|_| parts_of(&operand).is_none());
        let collation = Derivation::merged(std::iter::once(&operand).chain(&elements))?;
        let are_told_apart = common.as_ref().is_some_and(|common| !matches!(collation.equality(common), Ok(None)));
        let is_plain = |pg_type: &PgType| !functions::has_key(pg_type) && !matches!(pg_type, PgType::Printed(_));
        if let Some(common) = common.filter(|common| are_constant(&elements) && !are_told_apart && is_plain(common)) {
            return self.among(operand, elements, &common, negated);
        }
        let mut compared = Vec::with_capacity(elements.len());
        for element in elements {
            let operand = self.copied(&operand)?;
            compared.push(self.operator("=", vec![operand, element])?.expr);
        }
        let any = balanced(compared, Expr::or).unwrap_or(lit(false));
        Ok(Typed::boolean(if negated { Expr::Not(Box::new(any)) } else { any }))
    }

    /// Whether a value is, or is not, among others.
    fn among(&mut self, operand: Typed, elements: Vec<Typed>, common: &PgType, negated: bool) -> Result<Typed> {
        let mut key = |value: Typed| Ok(functions::row_key(self.coerce(unpadded(value), common)?.expr, common));
        let expr = Box::new(key(operand)?);
        let list = elements.into_iter().map(key).collect::<Result<_>>()?;
        Ok(Typed::boolean(Expr::InList(InList { expr, list, negated })))
    }

    /// `x = ANY (...)` and `x < ALL (...)`, of an array or a subquery.
    pub(super) fn quantified(
        &mut self,
        operand: &ast::Expr,
        operator: &BinaryOperator,
        of: &ast::Expr,
        all: bool,
    ) -> Result<Typed> {
        self.quantified_by(operand, &operator.to_string(), of, all)
    }

    /// The same, by the operator's symbol.
    pub(super) fn quantified_by(
        &mut self,
        operand: &ast::Expr,
        symbol: &str,
        of: &ast::Expr,
        all: bool,
    ) -> Result<Typed> {
        let operand = self.expression(operand)?;
        if let ast::Expr::Subquery(query) = unnested(of) {
            return self.compared_with_subquery(operand, symbol, query, all);
        }
        let array = self.expression(of)?;
        let array = match array.pg_type {
            PgType::Array(_) => array,
            PgType::Unknown => {
                let element = if operand.pg_type == PgType::Unknown { PgType::Text } else { operand.pg_type.clone() };
                self.coerce(array, &element.array())?
            }
            other => {
                return Err(Error::Query(format!("op ANY/ALL (array) requires array on right side, not {other}")));
            }
        };
        if let Some(elements) = constant_elements(&array)
            && !stays_whole(&operand, symbol, &array, all)
        {
            let with_collation = |element: Typed| element.with_collation(array.collation.clone());
            let elements = elements.into_iter().map(with_collation).collect();
            return self.compared_with_each(&operand, symbol, elements, all);
        }
        let element = array.pg_type.element().cloned().unwrap_or(PgType::Text);
        // What the operator makes of one element tells the types that both sides are cast to.
        let common = common_type(&[operand.pg_type.clone(), element]).ok_or_else(|| {
            Error::Query(format!("operator does not exist: {} {symbol} {}", operand.pg_type, array.pg_type))
        })?;
        // What is a text in quotes before it is cast need not be compared as one.
        let sides = [self.coerce(unpadded(operand), &common)?, self.coerce(array, &common.clone().array())?];
        let collation = Derivation::merged(&sides)?;
        let order = self.order_of_call(symbol, &sides, &collation)?;
        let [mut operand, mut array] = sides.map(|side| side.expr);
        let mut compared_type = &common;
        if let Some(order) = &order {
            (operand, array) = (order.key(operand), order.keys_of_elements(array));
            compared_type = &PgType::Bytea;
        }
        let compared = functions::quantified(symbol, compared_type, all).ok_or_else(|| {
            Error::Unsupported(format!("not supported: {symbol} {} of an array", if all { "ALL" } else { "ANY" }))
        })?;
        Ok(Typed::boolean(compared.call(vec![operand, array])))
    }

    fn compared_with_each(&mut self, operand: &Typed, symbol: &str, elements: Vec<Typed>, all: bool) -> Result<Typed> {
        let mut own = types(&elements);
        own.insert(0, operand.pg_type.clone());
        let collation = Derivation::merged(std::iter::once(operand).chain(&elements))?;
        let is_plain = |common: &PgType| !functions::has_key(common) && matches!(collation.equality(common), Ok(None));
        let common = common_type(&own).filter(is_plain);
        if let (Some(common), "=" | "<>", false) = (common, symbol, elements.is_empty())
            && (symbol == "<>") == all
            && are_constant(&elements)
        {
            return self.among(operand.clone(), elements, &common, all);
        }
        let mut compared = Vec::with_capacity(elements.len());
        for element in elements {
            let operand = self.copied(operand)?;
            let typed = self.operator(symbol, vec![operand, element])?;
            compared.push(self.boolean(typed, "ANY")?);
        }
        let combined = balanced(compared, if all { Expr::and } else { Expr::or });
        Ok(Typed::boolean(combined.unwrap_or(lit(all))))
    }
}

/// Whether an array that a statement writes out is compared as it is: rows may be grouped by one that is made of columns.
fn stays_whole(operand: &Typed, symbol: &str, array: &Typed, all: bool) -> bool {
    let Some(element) = array.pg_type.element().filter(|_| array.expr.any_column_refs()) else { return false };
    // A cast of its elements would make it another.
    let is_uncast = common_type(&[element.clone(), operand.pg_type.clone()]).as_ref() == Some(element);
    is_uncast && !symbol.contains('~') && functions::quantified(symbol, element, all).is_some()
}

/// DataFusion takes what it could fold for constant.
fn are_constant(elements: &[Typed]) -> bool {
    elements.iter().all(|element| matches!(element.expr, Expr::Literal(..) | Expr::Placeholder(_)))
}

/// Conditions combined to a tree that is not deep.
fn balanced(mut conditions: Vec<Expr>, combine: fn(Expr, Expr) -> Expr) -> Option<Expr> {
    while conditions.len() > 1 {
        let mut rest = conditions.into_iter();
        let mut pairs = vec![];
        while let Some(first) = rest.next() {
            pairs.push(match rest.next() {
                Some(second) => combine(first, second),
                None => first,
            });
        }
        conditions = pairs;
    }
    conditions.pop()
}

/// The elements of an array that the statement writes out, if they are not too many to be planned one by one.
fn constant_elements(array: &Typed) -> Option<Vec<Typed>> {
    let element = array.pg_type.element()?;
    match &array.expr {
        Expr::Literal(ScalarValue::List(list), None)
            if list.len() == 1 && list.is_valid(0) && list.values().len() <= MAX_ELEMENTS =>
        {
            let values = list.value(0);
            let constant = |row| {
                let value = ScalarValue::try_from_array(&values, row).ok()?;
                Some(Typed::constant(value, element.clone()))
            };
            (0..values.len()).map(constant).collect()
        }
        Expr::ScalarFunction(function) if function.name() == "make_array" => {
            Some(function.args.iter().map(|value| Typed::new(value.clone(), element.clone())).collect())
        }
        _ => None,
    }
}
