//! Subqueries in expressions.

use super::proto::{ComparisonOp, Expression, PredicateOp, ReductionOp, Rel, SetComparison, Subquery, SubqueryType};
use super::refusal::{Refusal, Result, required};
use super::select::Columns;
use super::translator::Translator;

impl Translator<'_> {
    pub(super) fn subquery(&mut self, subquery: &Subquery, columns: &Columns) -> Result<String> {
        match &subquery.subquery_type {
            Some(SubqueryType::Scalar(scalar)) => {
                Ok(format!("({})", self.inner_query(scalar.input.as_ref(), columns)?))
            }
            Some(SubqueryType::InPredicate(predicate)) => {
                let query = self.inner_query(predicate.haystack.as_ref(), columns)?;
                match predicate.needles.as_slice() {
                    [] => Err(Refusal::invalid("nothing is looked for in a subquery")),
                    [needle] => Ok(format!("({} IN ({query}))", self.expression(needle, columns)?)),
                    needles => Ok(format!("(({}) IN ({query}))", self.expressions(needles, columns)?)),
                }
            }
            Some(SubqueryType::SetPredicate(predicate)) => match PredicateOp::try_from(predicate.predicate_op) {
                Ok(PredicateOp::Exists) => {
                    Ok(format!("EXISTS ({})", self.inner_query(predicate.tuples.as_ref(), columns)?))
                }
                Ok(PredicateOp::Unique) => Err(Refusal::unsupported("the predicate UNIQUE")),
                Ok(PredicateOp::Unspecified) | Err(_) => Err(Refusal::invalid("a predicate that is not known")),
            },
            Some(SubqueryType::SetComparison(comparison)) => self.compared(comparison, columns),
            None => Err(Refusal::unsupported("a subquery of a kind that is not known")),
        }
    }

    fn compared(&mut self, comparison: &SetComparison, columns: &Columns) -> Result<String> {
        let operator = match ComparisonOp::try_from(comparison.comparison_op) {
            Ok(ComparisonOp::Eq) => "=",
            Ok(ComparisonOp::Ne) => "<>",
            Ok(ComparisonOp::Lt) => "<",
            Ok(ComparisonOp::Gt) => ">",
            Ok(ComparisonOp::Le) => "<=",
            Ok(ComparisonOp::Ge) => ">=",
            Ok(ComparisonOp::Unspecified) | Err(_) => return Err(Refusal::invalid("a comparison that is not known")),
        };
        let quantifier = match ReductionOp::try_from(comparison.reduction_op) {
            Ok(ReductionOp::Any) => "ANY",
            Ok(ReductionOp::All) => "ALL",
            Ok(ReductionOp::Unspecified) | Err(_) => return Err(Refusal::invalid("neither ANY nor ALL")),
        };
        let left: &Expression = required(comparison.left.as_ref(), "the left side of a comparison")?;
        let left = self.expression(left, columns)?;
        let query = self.inner_query(comparison.right.as_ref(), columns)?;
        Ok(format!("({left} {operator} {quantifier} ({query}))"))
    }

    /// A query that may refer to these columns around it.
    fn inner_query(&mut self, relation: Option<&Rel>, columns: &Columns) -> Result<String> {
        self.outer.push(Columns::clone(columns));
        let select = self.relation(relation);
        self.outer.pop();
        Ok(select?.unordered().to_query())
    }
}
