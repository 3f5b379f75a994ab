//! Functions that have a syntax of their own: EXTRACT, SUBSTRING, TRIM, and those that evaluate their arguments one by
//! one.

use datafusion::common::Result as DataFusionResult;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{Case, Expr};
use datafusion::sql::sqlparser::ast::{self, CeilFloorKind, NormalizationForm, TrimWhereField};

use super::Binder;
use super::character::{chosen_from, is_padded};
use super::collation::Derivation;
use super::type_name::Modifier;
use super::typed::Typed;
use crate::error::{Error, Result};
use crate::functions::text_of_key;
use crate::inlining_barrier::{is_coalesce, simplified_parts};
use crate::pg_type::PgType;
use crate::type_conversion::common_type;

impl Binder<'_> {
    pub(super) fn extract(&mut self, field: &ast::DateTimeField, from: &ast::Expr) -> Result<Typed> {
        let field = Typed::unknown(field.to_string().trim_matches(['\'', '"']).to_lowercase());
        let arguments = vec![field, self.expression(from)?];
        self.call("extract", arguments)
    }

    pub(super) fn rounded(&mut self, name: &str, operand: &ast::Expr, field: &CeilFloorKind) -> Result<Typed> {
        if !matches!(field, CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime)) {
            return Err(Error::Query(format!("{name} takes one argument")));
        }
        let operand = self.expression(operand)?;
        self.call(name, vec![operand])
    }

    pub(super) fn substring(
        &mut self,
        text: &ast::Expr,
        from: Option<&ast::Expr>,
        length: Option<&ast::Expr>,
    ) -> Result<Typed> {
        let mut arguments = vec![self.expression(text)?];
        match (from, length) {
            (None, Some(_)) => arguments.push(super::literal::integer(1)),
            (from, _) => arguments.extend(from.map(|from| self.expression(from)).transpose()?),
        }
        arguments.extend(length.map(|length| self.expression(length)).transpose()?);
        self.call("substring", arguments)
    }

    pub(super) fn trim(
        &mut self,
        side: Option<TrimWhereField>,
        what: Option<&ast::Expr>,
        text: &ast::Expr,
        characters: Option<&[ast::Expr]>,
    ) -> Result<Typed> {
        let name = match side {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            Some(TrimWhereField::Both) | None => "btrim",
        };
        let mut arguments = vec![self.expression(text)?];
        for what in what.into_iter().chain(characters.unwrap_or_default()) {
            arguments.push(self.expression(what)?);
        }
        self.call(name, arguments)
    }

    pub(super) fn is_normalized(
        &mut self,
        text: &ast::Expr,
        form: Option<NormalizationForm>,
        negated: bool,
    ) -> Result<Typed> {
        let form = form.map_or_else(|| "NFC".to_owned(), |form| form.to_string());
        let arguments = vec![self.expression(text)?, Typed::unknown(form)];
        let is_normal = self.call("is_normalized", arguments)?.expr;
        Ok(Typed::boolean(if negated { Expr::Not(Box::new(is_normal)) } else { is_normal }))
    }

    pub(super) fn interval(&mut self, interval: &ast::Interval) -> Result<Typed> {
        let value = self.expression(&interval.value)?;
        let Some(Some(text)) = value.quoted() else {
            return Err(Error::Query("INTERVAL stands before a text in quotes".to_owned()));
        };
        let fields = match (&interval.leading_field, &interval.last_field) {
            (None, _) => None,
            (Some(first), None) => Some(first.to_string().to_lowercase()),
            (Some(first), Some(last)) => Some(format!("{first} to {last}").to_lowercase()),
        };
        let constant = super::cast::interval_constant(text, fields.as_deref())?;
        let precision = interval.fractional_seconds_precision.or(interval.leading_precision);
        match precision {
            Some(digits) => {
                let modifier = Modifier::Seconds(u8::try_from(digits.min(6)).unwrap_or(6));
                self.cast(constant, &PgType::Interval, modifier)
            }
            None => Ok(constant),
        }
    }

    /// COALESCE. The first value of the first values is the first of them all.
    pub(super) fn coalesce(&mut self, arguments: Vec<Typed>) -> Result<Typed> {
        let collation = Derivation::merged(&arguments)?;
        let (arguments, metadata) = chosen_from(arguments);
        let (arguments, pg_type) = self.unified(arguments, "COALESCE")?;
        let mut flat = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match argument.expr {
                Expr::ScalarFunction(inner) if is_coalesce(&inner) => flat.extend(inner.args),
                other => flat.push(other),
            }
        }
        let is_within = |part: &Expr| Ok(matches!(part, Expr::ScalarFunction(inner) if is_coalesce(inner)));
        let is_nested = flat.iter().map(|argument| argument.exists(is_within)).collect::<DataFusionResult<Vec<_>>>()?;
        let coalesced = datafusion::functions::core::expr_fn::coalesce(flat);
        if is_nested.contains(&true) {
            self.count_compared(simplified_parts(&coalesced, &|_| 1))?;
        }
        Ok(Typed::new(coalesced, pg_type).with_metadata(metadata).with_collation(collation))
    }

    /// NULLIF.
    pub(super) fn nullif(&mut self, mut arguments: Vec<Typed>) -> Result<Typed> {
        let (Some(second), Some(first), true) = (arguments.pop(), arguments.pop(), arguments.is_empty()) else {
            return Err(Error::Query("NULLIF takes two arguments".to_owned()));
        };
        // The result has the type that the comparison gives the first.
        let compared = match second.pg_type {
            PgType::Unknown => first.pg_type.clone(),
            _ => common_type(&[first.pg_type.clone(), second.pg_type.clone()]).unwrap_or(first.pg_type.clone()),
        };
        let collation = Derivation::merged([&first, &second])?;
        let copy = self.copied(&first)?;
        let equal = self.operator("=", vec![copy, second])?.expr;
        let is_untyped = first.pg_type == PgType::Unknown;
        let first = match compared {
            compared if is_untyped => self.coerce(first, &compared.settled())?,
            PgType::Numeric | PgType::Float8 => self.coerce(first, &compared)?,
            _ => first,
        };
        let null = super::cast::null_of(&first, &self.level()?.scope.schema)?;
        let case = Case::new(None, vec![(Box::new(equal), Box::new(null))], Some(Box::new(first.expr)));
        Ok(Typed::new(Expr::Case(case), first.pg_type).with_metadata(first.metadata).with_collation(collation))
    }

    /// GREATEST and LEAST, which pass over NULL.
    pub(super) fn extreme(&mut self, name: &str, arguments: Vec<Typed>) -> Result<Typed> {
        let collation = Derivation::merged(&arguments)?;
        let (arguments, metadata) = chosen_from(arguments);
        let (arguments, pg_type) = self.unified(arguments, &name.to_uppercase())?;
        let shown_so = |argument: Typed| argument.with_metadata(metadata.clone());
        let arguments: Vec<Typed> = arguments.into_iter().map(shown_so).collect();
        let order = self.text_order(&pg_type, &collation)?;
        let symbol = if name == "greatest" { ">=" } else { "<=" };
        let has_key = crate::functions::has_row_key(&pg_type) || arguments.iter().any(is_padded);
        let keys = order.as_ref().filter(|order| order.is_bytewise_equal() && !has_key);
        if keys.is_some() || order.is_none() && !has_key {
            let function = match name {
                "greatest" => datafusion::functions::core::greatest(),
                _ => datafusion::functions::core::least(),
            };
            let key = |typed: Typed| keys.map_or(typed.expr.clone(), |order| order.key(typed.expr));
            let found = function.call(arguments.into_iter().map(key).collect());
            let found = if keys.is_some() { text_of_key(found) } else { found };
            return Ok(Typed::new(found, pg_type).with_metadata(metadata).with_collation(collation));
        }
        let mut arguments = arguments.into_iter();
        let Some(mut best) = arguments.next().map(|first| first.with_collation(collation.clone())) else {
            return Err(Error::Query(format!("{} takes an argument at least", name.to_uppercase())));
        };
        for other in arguments {
            let other = other.with_collation(collation.clone());
            let compared = vec![self.copied(&best)?, self.copied(&other)?];
            let stays = self.operator(symbol, compared)?.expr.or(other.expr.clone().is_null());
            let case = Case::new(None, vec![(Box::new(stays), Box::new(best.expr))], Some(Box::new(other.expr)));
            let best_so_far = Typed::new(Expr::Case(case), pg_type.clone()).with_collation(collation.clone());
            best = best_so_far.with_metadata(metadata.clone());
        }
        Ok(best)
    }

    /// `(start, end) OVERLAPS (start, end)`.
    pub(super) fn overlaps(&mut self, left: &ast::Expr, right: &ast::Expr) -> Result<Typed> {
        let mut arguments = Vec::with_capacity(4);
        for side in [left, right] {
            let ast::Expr::Tuple(ends) = side else {
                return Err(Error::Query("OVERLAPS stands between pairs in parentheses".to_owned()));
            };
            for end in ends {
                arguments.push(self.expression(end)?);
            }
        }
        self.call("overlaps", arguments)
    }
}
