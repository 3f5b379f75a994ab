//! Arrays that a query writes out, and what stands in brackets and behind dots: `ARRAY[1, 2]`, `a[1]`, `a[2:3]`, `(row).field`.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Case, Expr};
use datafusion::sql::sqlparser::ast::{self, AccessExpr, Subscript};

use super::Binder;
use super::collation::Derivation;
use super::type_name::Modifier;
use super::typed::Typed;
use crate::as_is::asked_for_null;
use crate::error::{Error, Result};
use crate::pg_type::PgType;
use crate::stable_constants::{check_constants, is_constant, unplanned};

impl Binder<'_> {
    pub(super) fn array(&mut self, elements: &[ast::Expr]) -> Result<Typed> {
        if elements.is_empty() {
            return Err(Error::Query(
                "cannot determine type of empty array; explicitly cast to the desired type, for example \
                 ARRAY[]::integer[]"
                    .to_owned(),
            ));
        }
        self.array_of(elements, None, Modifier::None)
    }

    /// An array whose elements are of the type, or of the one that they have together.
    pub(super) fn array_of(
        &mut self,
        elements: &[ast::Expr],
        of: Option<&PgType>,
        modifier: Modifier,
    ) -> Result<Typed> {
        let bound = elements.iter().map(|element| self.expression(element)).collect::<Result<Vec<_>>>()?;
        if bound.iter().any(|element| matches!(element.pg_type, PgType::Array(_))) {
            return Err(Error::Unsupported("not supported: arrays of more than one dimension".to_owned()));
        }
        let (elements, pg_type) = match of {
            Some(of) => {
                let cast = bound.into_iter().map(|element| self.cast(element, of, modifier));
                (cast.collect::<Result<Vec<_>>>()?, of.clone())
            }
            None => self.unified(bound, "ARRAY")?,
        };
        if elements.is_empty() {
            let empty = ScalarValue::new_list(&[], &pg_type.arrow(), true);
            return Ok(Typed::constant(ScalarValue::List(empty), pg_type.array()));
        }
        let collation = Derivation::merged(&elements)?;
        let elements = elements.into_iter().map(|element| element.expr).collect();
        let function = datafusion::functions_nested::make_array::make_array_udf();
        let array = Expr::ScalarFunction(ScalarFunction::new_udf(function, elements));
        Ok(Typed::new(array, pg_type.array()).with_collation(collation))
    }

    /// What follows an expression in brackets and behind dots.
    pub(super) fn access(&mut self, root: &ast::Expr, chain: &[AccessExpr]) -> Result<Typed> {
        // The parser takes the first dots of `(t).a` and `t.a[1]` for parts of an access, too.
        let (mut value, chain) = match (root, chain) {
            (ast::Expr::Identifier(_), [AccessExpr::Dot(_), ..]) => {
                let dots =
                    chain.iter().take_while(|access| matches!(access, AccessExpr::Dot(ast::Expr::Identifier(_))));
                let count = dots.count();
                let mut parts = match root {
                    ast::Expr::Identifier(ident) => vec![ident.clone()],
                    _ => vec![],
                };
                parts.extend(chain.iter().take(count).filter_map(|access| match access {
                    AccessExpr::Dot(ast::Expr::Identifier(ident)) => Some(ident.clone()),
                    _ => None,
                }));
                (self.expression(&ast::Expr::CompoundIdentifier(parts))?, chain.get(count..).unwrap_or_default())
            }
            _ => (self.expression(root)?, chain),
        };
        for access in chain {
            value = match access {
                AccessExpr::Dot(ast::Expr::Identifier(name)) => self.field(&value, name)?,
                AccessExpr::Dot(other) => return Err(Error::Unsupported(format!("not supported: .{other}"))),
                AccessExpr::Subscript(subscript) => self.subscript(value, subscript)?,
            };
        }
        Ok(value)
    }

    fn subscript(&mut self, value: Typed, subscript: &Subscript) -> Result<Typed> {
        match (&value.pg_type, subscript) {
            (PgType::Jsonb, Subscript::Index { index }) => {
                let index = self.expression(index)?;
                self.operator("->", vec![value, index])
            }
            (PgType::Array(_), Subscript::Index { index }) => {
                let index = self.expression(index)?;
                let index = self.cast(index, &PgType::Int4, Modifier::None)?;
                self.unless_null("array_subscript", value, vec![index])
            }
            (PgType::Array(_), Subscript::Slice { lower_bound, upper_bound, stride: None }) => {
                let mut arguments = Vec::with_capacity(4);
                for bound in [lower_bound, upper_bound] {
                    let bound = match bound {
                        Some(bound) => self.expression(bound)?,
                        None => Typed::null(),
                    };
                    arguments.push(self.cast(bound, &PgType::Int4, Modifier::None)?);
                }
                let bounds = [lower_bound.is_some(), upper_bound.is_some()]
                    .map(|given| Typed::boolean(Expr::Literal(ScalarValue::Boolean(Some(given)), None)));
                arguments.extend(bounds);
                self.unless_null("array_slice", value, arguments)
            }
            (other, _) => Err(Error::Query(format!("cannot subscript type {other} because it does not support it"))),
        }
    }

    /// A function of an array and subscripts, which are not computed where the array is NULL, but for their constants.
    fn unless_null(&mut self, function: &str, array: Typed, subscripts: Vec<Typed>) -> Result<Typed> {
        let are_constant = subscripts.iter().all(|subscript| is_constant(&subscript.expr));
        let asked = if are_constant { None } else { Some(self.copied(&array)?) };
        if asked.is_some() {
            subscripts.iter().try_for_each(|subscript| check_constants(&subscript.expr))?;
        }
        let value = self.call(function, [array].into_iter().chain(subscripts).collect())?;
        let Some(asked) = asked else { return Ok(value) };
        let has_array = asked_for_null(unplanned(asked.expr), &self.level()?.scope.schema).is_not_null();
        let case = Case::new(None, vec![(Box::new(has_array), Box::new(value.expr))], None);
        Ok(Typed { expr: Expr::Case(case), ..value })
    }
}
