//! A condition that rows must meet to be seen: an expression over the columns of one table, in which `claim('name')` is
//! what the token says. Refuses what would read other tables, and what depends on the client.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Query, SetExpr, Value, Visit, VisitMut, Visitor,
    VisitorMut,
};
use rail_forge_connectors::TableName;

use super::Policy;
use crate::bind::joined;
use crate::error::{Error, Result};
use crate::statement;

/// The function whose argument names a claim.
const CLAIM: &str = "claim";

/// A condition, read once. Two of the same text are the same.
#[derive(Debug, Clone)]
pub struct RowFilter {
    text: Arc<str>,
    condition: Arc<Expr>,
    claims: BTreeSet<String>,
}

impl PartialEq for RowFilter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RowFilter {}

impl Hash for RowFilter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl RowFilter {
    /// Reads a condition.
    ///
    /// # Errors
    /// When it is no expression, or one that no filter may be.
    pub fn parse(text: &str) -> Result<Self> {
        // The line's end ends a comment.
        let asked = statement::parse(&format!("SELECT 1 WHERE ({text}\n)"))?;
        let condition = statement::query_of(&asked.statement).and_then(condition_of).cloned();
        // Whatever else the text has, to leave the parentheses for example, is in the statement and not in the condition.
        let whole = condition.as_ref().map(|condition| format!("SELECT 1 WHERE {condition}"));
        let (Some(condition), true) = (condition, whole.as_deref() == Some(&*asked.statement.to_string())) else {
            return Err(Error::Syntax("a row filter is one condition".to_owned()));
        };
        let mut reading = Reading::default();
        match condition.visit(&mut reading) {
            ControlFlow::Continue(()) => {
                Ok(Self { text: text.into(), condition: Arc::new(condition), claims: reading.claims })
            }
            ControlFlow::Break(what) => Err(Error::Query(what.to_owned())),
        }
    }

    /// The claims that it asks for.
    pub(super) fn claims(&self) -> &BTreeSet<String> {
        &self.claims
    }

    /// The condition with the claims' values in it.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where a claim is missing.
    pub(super) fn condition(&self, policy: &Policy, table: &TableName) -> Result<Expr> {
        let mut condition = self.condition.as_ref().clone();
        match VisitMut::visit(&mut condition, &mut Filling { policy, table }) {
            ControlFlow::Continue(()) => Ok(condition),
            ControlFlow::Break(error) => Err(error),
        }
    }
}

/// The condition in its parentheses, and nothing beside it.
fn condition_of(query: &Query) -> Option<&Expr> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    match &select.selection {
        Some(condition @ Expr::Nested(_)) => Some(condition),
        _ => None,
    }
}

/// The name in `claim('name')`; an error for a call of another form, and none for anything else.
fn claim_of(expression: &Expr) -> Option<Result<&str, &'static str>> {
    let Expr::Function(function @ Function { args, .. }) = expression else { return None };
    if joined(&function.name) != CLAIM {
        return None;
    }
    let name = match args {
        FunctionArguments::List(list) => match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))] => match &value.value {
                Value::SingleQuotedString(name) => Some(name.as_str()),
                _ => None,
            },
            _ => None,
        },
        FunctionArguments::None | FunctionArguments::Subquery(_) => None,
    };
    Some(name.ok_or("a claim is written claim('name')"))
}

/// Collects the claims of a condition, and refuses what may not be in it.
#[derive(Default)]
struct Reading {
    claims: BTreeSet<String>,
}

impl Visitor for Reading {
    type Break = &'static str;

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<Self::Break> {
        ControlFlow::Break("a row filter reads no other table: it has no subqueries")
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Self::Break> {
        if let Expr::Value(value) = expression
            && matches!(value.value, Value::Placeholder(_))
        {
            return ControlFlow::Break("a row filter has no parameters");
        }
        match claim_of(expression) {
            Some(Ok(name)) => {
                self.claims.insert(name.to_owned());
                ControlFlow::Continue(())
            }
            Some(Err(wrong)) => ControlFlow::Break(wrong),
            None => ControlFlow::Continue(()),
        }
    }
}

/// Puts values in the place of claims.
struct Filling<'a> {
    policy: &'a Policy,
    table: &'a TableName,
}

impl Filling<'_> {
    fn refused(&self, name: &str, what: &str) -> Error {
        Error::Forbidden(format!("the rows of {} depend on the claim \"{name}\", which {what}", self.table))
    }

    /// What is put in the place of an expression, if it is a claim.
    fn value_of(&self, expression: &Expr, is_array: bool) -> Result<Option<Expr>> {
        let Some(Ok(name)) = claim_of(expression) else { return Ok(None) };
        let claim = self.policy.claims().get(name).ok_or_else(|| self.refused(name, "the caller's token has not"))?;
        if is_array {
            return Ok(Some(claim.array()));
        }
        let value = claim.value().ok_or_else(|| self.refused(name, "has several values in the caller's token"))?;
        Ok(Some(value))
    }

    fn fill(&self, expression: &mut Expr, is_array: bool) -> ControlFlow<Error> {
        match self.value_of(expression, is_array) {
            Ok(Some(value)) => {
                *expression = value;
                ControlFlow::Continue(())
            }
            Ok(None) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

impl VisitorMut for Filling<'_> {
    type Break = Error;

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Error> {
        match expression {
            Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } => {
                while let Expr::Nested(inner) = right.as_mut() {
                    let inner = std::mem::replace(inner.as_mut(), Expr::Value(Value::Null.with_empty_span()));
                    **right = inner;
                }
                self.fill(right, true)
            }
            other => self.fill(other, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Claim, Columns, Grant};
    use super::*;

    fn filled(text: &str, claim: Claim) -> Result<String> {
        let filter = RowFilter::parse(text).unwrap();
        let grant = Grant {
            role: "r".into(),
            catalog: "*".into(),
            schemas: vec![],
            tables: vec![],
            columns: Columns::All,
            rows: Some(filter.clone()),
        };
        let policy = Policy::granting(vec![Arc::new(grant)], |name| (name == "t").then(|| claim.clone()));
        let table = TableName { catalog: "shop".into(), schema: "public".into(), table: "orders".into() };
        filter.condition(&policy, &table).map(|condition| condition.to_string())
    }

    #[test]
    fn a_filter_is_one_condition() {
        for text in ["tenant = 1", "a OR b -- or else", "x = ANY(claim('t'))", "lower(x) LIKE 'a%'", "true"] {
            RowFilter::parse(text).unwrap();
        }
        for text in [
            "",
            "true) OR (true",
            "true) GROUP BY (1",
            "true) LIMIT (1",
            "true) UNION SELECT (2",
            "true); DELETE FROM t WHERE (true",
            "tenant IN (SELECT 1)",
            "EXISTS (SELECT 1)",
            "tenant = $1",
            "tenant = claim(name)",
            "tenant = claim('a', 'b')",
            "tenant = claim()",
        ] {
            assert!(RowFilter::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn claims_become_constants_and_nothing_else() {
        let one = |text: &str| Claim::One(text.to_owned());
        assert_eq!(filled("tenant = claim('t')", one("3")).unwrap(), "(tenant = '3')");
        assert_eq!(filled("tenant = claim('t')", one("' OR true --")).unwrap(), "(tenant = ''' OR true --')");
        assert_eq!(filled("tenant = ANY(claim('t'))", one("3")).unwrap(), "(tenant = ANY('{\"3\"}'))");
        let several = Claim::Several(vec!["a\"}".to_owned(), "b\\".to_owned()]);
        let expected = "(tenant = ANY('{\"a\\\"}\",\"b\\\\\"}'))";
        assert_eq!(filled("tenant = ANY(claim('t'))", several.clone()).unwrap(), expected);
        assert!(matches!(filled("tenant = claim('t')", several), Err(Error::Forbidden(_))));
    }

    #[test]
    fn a_missing_claim_is_named() {
        let error = filled("tenant = claim('u') OR true", Claim::One("3".into())).unwrap_err();
        assert!(
            matches!(&error, Error::Forbidden(text) if text.contains("\"u\"") && text.contains("orders")),
            "{error}"
        );
    }
}
