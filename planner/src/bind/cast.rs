//! Casts: those that a query asks for, and those that PostgreSQL makes unasked.

use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::sql::sqlparser::ast;

use super::Binder;
use super::character::{padded, unpadded, with_own_blanks};
use super::collation::Derivation;
use super::names::unnested;
use super::parameter::named;
use super::type_name::{self, Modifier};
use super::typed::Typed;
use crate::error::{Error, Result};
use crate::functions::{conversion, planned_of_cast};
use crate::pg_type::PgType;
use crate::stable_constants::{is_unplanned, unplanned};
use crate::type_conversion::{can_cast, can_coerce};

impl Binder<'_> {
    /// `expression::type`.
    pub(super) fn cast_to(&mut self, expression: &ast::Expr, data_type: &ast::DataType) -> Result<Typed> {
        if let ast::DataType::Interval { fields: Some(fields), precision: None } = data_type {
            let text = self.expression(expression)?;
            let Some(Some(text)) = text.quoted() else {
                return Err(Error::Unsupported("not supported: a cast to an interval of certain fields".to_owned()));
            };
            return interval_constant(text, Some(&type_name::interval_fields(fields)));
        }
        let (pg_type, modifier) = type_name::read(data_type)?;
        // The elements of ARRAY[...] are cast one by one, so that an empty array has a type.
        if let (ast::Expr::Array(array), PgType::Array(element)) = (unnested(expression), &pg_type) {
            return self.array_of(&array.elem, Some(element), modifier);
        }
        let typed = self.expression(expression)?;
        self.cast(typed, &pg_type, modifier)
    }

    /// A cast that a query asks for.
    pub(super) fn cast(&mut self, typed: Typed, to: &PgType, modifier: Modifier) -> Result<Typed> {
        if typed.open_parameter().is_none() && typed.pg_type != PgType::Unknown && !can_cast(&typed.pg_type, to) {
            return Err(Error::Query(format!("cannot cast type {} to {to}", typed.pg_type)));
        }
        if *to == PgType::Bpchar && modifier == Modifier::None {
            return self.as_character(typed);
        }
        // Bytes are those of the text that is shown.
        let typed = if *to == PgType::Bytea { padded(typed) } else { typed };
        let converted = self.converted(typed, to)?;
        let schema = std::sync::Arc::clone(&self.level()?.scope.schema);
        conversion::with_modifier(converted, modifier_of(modifier), &schema)
    }

    /// The value as a `character` without a length.
    pub(super) fn as_character(&mut self, typed: Typed) -> Result<Typed> {
        let is_text = matches!(typed.pg_type, PgType::Text | PgType::Varchar | PgType::Unknown);
        if !is_text || typed.quoted() == Some(None) || typed.open_parameter().is_some() {
            return self.converted(typed, &PgType::Bpchar);
        }
        Ok(with_own_blanks(self.converted(typed, &PgType::Text)?))
    }

    /// A cast that nothing asks for but the place where the expression stands.
    pub(super) fn coerce(&mut self, typed: Typed, to: &PgType) -> Result<Typed> {
        if typed.pg_type == *to {
            return Ok(typed);
        }
        if !can_coerce(&typed.pg_type, to) {
            return Err(Error::Query(format!("cannot cast type {} to {to} without being asked", typed.pg_type)));
        }
        self.converted(typed, to)
    }

    fn converted(&mut self, typed: Typed, to: &PgType) -> Result<Typed> {
        if typed.pg_type == *to {
            return Ok(typed);
        }
        let typed = unpadded(typed);
        let collation = Derivation::merged([&typed])?;
        if let Some(id) = typed.open_parameter() {
            return Ok(self.parameters.settle(id, to).with_collation(collation));
        }
        if let Some(text) = typed.quoted() {
            let Some(text) = text else {
                let null = Typed::constant(ScalarValue::try_from(to.arrow())?, to.clone());
                return Ok(null.with_collation(collation));
            };
            let value =
                conversion::read(text, to, self.surroundings).map_err(|error| named(error, std::iter::once(&typed)))?;
            return Ok(Typed::constant(value, to.clone()).with_collation(collation));
        }
        if let Expr::Literal(value, _) = &typed.expr
            && let Some(value) = conversion::constant(value, &typed.pg_type, to)
        {
            return Ok(Typed::constant(value, to.clone()).with_collation(collation));
        }
        let schema = std::sync::Arc::clone(&self.level()?.scope.schema);
        let mut own = [typed.expr];
        let is_unplanned = is_unplanned(planned_of_cast(&typed.pg_type, to), &mut own)?;
        let [own] = own;
        let expr = conversion::converted(own, &typed.pg_type, to, &schema, self.surroundings)?;
        let expr = if is_unplanned { unplanned(expr) } else { expr };
        Ok(Typed::new(expr, to.clone()).with_collation(collation))
    }
}

fn modifier_of(modifier: Modifier) -> conversion::Limit {
    match modifier {
        Modifier::None => conversion::Limit::None,
        Modifier::Digits { precision, scale } => conversion::Limit::Digits { precision, scale },
        Modifier::Length(characters) => conversion::Limit::Characters(characters),
        Modifier::Seconds(decimals) => conversion::Limit::Seconds(decimals),
    }
}

/// A number of a statement's text, exact.
pub(super) fn numeric_constant(text: &str) -> Result<Typed> {
    let value = conversion::read_numeric(text).map_err(Error::Value)?;
    Ok(Typed::constant(value, PgType::Numeric))
}

/// A text as an interval, of which only certain fields count.
pub(super) fn interval_constant(text: &str, fields: Option<&str>) -> Result<Typed> {
    let value = conversion::read_interval(text, fields).map_err(Error::Value)?;
    Ok(Typed::constant(value, PgType::Interval))
}

/// NULL of an expression's type.
pub(super) fn null_of(typed: &Typed, schema: &DFSchema) -> Result<Expr> {
    Ok(Expr::Literal(ScalarValue::try_from(typed.expr.get_type(schema)?)?, None))
}
