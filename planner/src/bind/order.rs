//! ORDER BY.

use std::sync::Arc;

use datafusion::logical_expr::{Expr, SortExpr};
use datafusion::sql::sqlparser::ast::{Expr as Ast, OrderBy, OrderByExpr, OrderByKind, Value};

use super::Binder;
use super::character::{compared, is_padded};
use super::names::folded;
use super::typed::Typed;
use crate::error::{Error, Result};
use crate::functions::{self, TextOrder};
use crate::pg_type::PgType;

/// What rows are ordered by.
#[derive(Debug, Clone)]
pub(super) struct SortKey {
    pub(super) value: Typed,
    /// How texts are compared, where not by bytes.
    order: Option<Arc<TextOrder>>,
    pub(super) ascending: bool,
    pub(super) nulls_first: bool,
}

impl SortKey {
    /// The key in the plan, whose order is that of PostgreSQL.
    pub(super) fn sort(self) -> SortExpr {
        let key = self.key_of(self.value.expr.clone());
        SortExpr::new(key, self.ascending, self.nulls_first)
    }

    /// Whether values are compared by another form of them.
    pub(super) fn has_key(&self) -> bool {
        self.order.is_some() || functions::has_row_key(&self.value.pg_type) || is_padded(&self.value)
    }

    /// Whether that form has no distances, whatever the values have.
    pub(super) fn has_no_distances(&self) -> bool {
        self.has_key() && !functions::is_float(&self.value.pg_type)
    }

    /// The form by which an expression is compared that has the key's values.
    pub(super) fn key_of(&self, expr: Expr) -> Expr {
        let expr = compared(expr, &self.value);
        match &self.order {
            Some(order) => order.key(expr),
            None => functions::row_key(expr, &self.value.pg_type),
        }
    }

    /// Whether it sorts by an expression as that has it, without another COLLATE.
    pub(super) fn is_of(&self, typed: &Typed) -> bool {
        self.value.expr == typed.expr && self.value.collation.is_same(&typed.collation)
    }
}

/// What an ORDER BY of a query with columns names: one of these, or something else.
#[derive(Debug)]
pub(super) enum Ordered<'a> {
    Column(usize),
    Expression(&'a Ast),
}

impl Binder<'_> {
    /// Keys that are expressions, as in windows and aggregates.
    pub(super) fn sort_keys(&mut self, order_by: &[OrderByExpr]) -> Result<Vec<SortKey>> {
        order_by
            .iter()
            .map(|item| {
                let value = self.expression(&item.expr)?;
                let value = match value.pg_type {
                    PgType::Unknown => self.coerce(value, &PgType::Text)?,
                    _ => value,
                };
                self.with_direction(value, item)
            })
            .collect()
    }

    /// The key with the direction that the query says.
    pub(super) fn with_direction(&self, value: Typed, item: &OrderByExpr) -> Result<SortKey> {
        if matches!(value.pg_type, PgType::Json | PgType::Jsonpath) {
            return Err(Error::Query(format!("could not identify an ordering operator for type {}", value.pg_type)));
        }
        let order = self.sort_order(&value)?;
        let ascending = item.options.asc.unwrap_or(true);
        Ok(SortKey { value, order, ascending, nulls_first: item.options.nulls_first.unwrap_or(!ascending) })
    }
}

/// The items of an ORDER BY.
pub(super) fn items(order_by: Option<&OrderBy>) -> Result<&[OrderByExpr]> {
    match order_by.map(|order_by| &order_by.kind) {
        None => Ok(&[]),
        Some(OrderByKind::Expressions(items)) => Ok(items),
        Some(OrderByKind::All(_)) => Err(Error::Query("syntax error: ORDER BY ALL".to_owned())),
    }
}

/// What an item of an ORDER BY or GROUP BY is: the number of a column, or the name of one, or an expression.
pub(super) fn resolved<'a>(item: &'a Ast, names: &[String], clause: &str) -> Result<Ordered<'a>> {
    match item {
        Ast::Nested(inner) => resolved(inner, names, clause),
        Ast::Value(value) => match &value.value {
            Value::Number(number, _) => match number.parse::<usize>() {
                Ok(place) if (1..=names.len()).contains(&place) => Ok(Ordered::Column(place - 1)),
                _ => Err(Error::Query(format!("{clause} position {number} is not in select list"))),
            },
            Value::Placeholder(_) => Ok(Ordered::Expression(item)),
            _ => Err(Error::Query(format!("non-integer constant in {clause}"))),
        },
        Ast::Identifier(ident) => {
            let name = folded(ident);
            let mut places = names.iter().enumerate().filter(|(_, known)| **known == name);
            match places.next() {
                Some((place, _)) => Ok(Ordered::Column(place)),
                None => Ok(Ordered::Expression(item)),
            }
        }
        _ => Ok(Ordered::Expression(item)),
    }
}
