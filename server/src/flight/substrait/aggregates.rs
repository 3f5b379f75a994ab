//! Groups, and calls of aggregate functions.

use std::collections::HashSet;

use super::options::Options;
use super::proto::{
    AggregateFunction, AggregateRel, AggregationInvocation, AggregationPhase, Expression, FunctionArgument,
    FunctionOption, Measure, SortField, Untaken, WindowFunction,
};
use super::refusal::{Refusal, Result, required};
use super::select::{Columns, Select, SortKey, numbered};
use super::translator::Translator;

/// A call of an aggregate or window function.
pub(super) struct AggregateCall<'a> {
    function_reference: u32,
    args: &'a [Untaken],
    arguments: &'a [FunctionArgument],
    options: &'a [FunctionOption],
    sorts: &'a [SortField],
    phase: i32,
    invocation: i32,
}

impl<'a> From<&'a AggregateFunction> for AggregateCall<'a> {
    fn from(function: &'a AggregateFunction) -> Self {
        let &AggregateFunction { function_reference, phase, invocation, .. } = function;
        let AggregateFunction { args, arguments, options, sorts, .. } = function;
        Self { function_reference, args, arguments, options, sorts, phase, invocation }
    }
}

impl<'a> From<&'a WindowFunction> for AggregateCall<'a> {
    fn from(function: &'a WindowFunction) -> Self {
        let &WindowFunction { function_reference, phase, invocation, .. } = function;
        let WindowFunction { args, arguments, options, .. } = function;
        Self { function_reference, args, arguments, options, sorts: &[], phase, invocation }
    }
}

impl Translator<'_> {
    pub(super) fn aggregate(&mut self, aggregate: &AggregateRel) -> Result<Select> {
        let select = self.input(aggregate.input.as_ref())?.unordered();
        let mut items = Vec::new();
        for key in keys(aggregate)? {
            items.push(self.expression(key, &select.columns)?);
        }
        // By their places: a constant that stands in GROUP BY itself would be one.
        let places: Vec<String> = (1..=items.len()).map(|place| place.to_string()).collect();
        for measure in &aggregate.measures {
            items.push(self.measure(measure, &select.columns)?);
        }
        if items.is_empty() {
            return Err(Refusal::invalid("an aggregate without groupings and measures"));
        }
        let mut query = select.text(&numbered(items.iter().map(String::as_str)));
        if !places.is_empty() {
            query.push_str(&format!(" GROUP BY {}", places.join(", ")));
        }
        Ok(Select::of_query(&query, items.len(), &mut self.aliases))
    }

    fn measure(&mut self, measure: &Measure, columns: &Columns) -> Result<String> {
        let function = required(measure.measure.as_ref(), "the function of a measure")?;
        let call = self.aggregate_call(function.into(), columns)?;
        match &measure.filter {
            Some(filter) => Ok(format!("{call} FILTER (WHERE {})", self.expression(filter, columns)?)),
            None => Ok(call),
        }
    }

    /// The call without what stands behind its parentheses.
    pub(super) fn aggregate_call(&mut self, call: AggregateCall<'_>, columns: &Columns) -> Result<String> {
        let declared = self.functions.declared(call.function_reference)?;
        match AggregationPhase::try_from(call.phase) {
            Ok(AggregationPhase::InitialToResult | AggregationPhase::Unspecified) => {}
            _ => return Err(Refusal::unsupported(format!("a part of the function {}", declared.name))),
        }
        let distinct = match AggregationInvocation::try_from(call.invocation) {
            Ok(AggregationInvocation::All | AggregationInvocation::Unspecified) => "",
            Ok(AggregationInvocation::Distinct) => "DISTINCT ",
            Err(_) => return Err(Refusal::unsupported(format!("an invocation of {}", declared.name))),
        };
        let name = declared.aggregate(&Options::of(declared, call.options)?)?;
        let arguments = self.arguments(declared.name, call.args, call.arguments, columns)?;
        if arguments.is_empty() && name == "count" {
            return Ok("count(*)".to_owned());
        }
        let order: Vec<String> = self.sort_keys(call.sorts, columns)?.iter().map(SortKey::to_sql).collect();
        let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) };
        Ok(format!("{name}({distinct}{}{order})", arguments.join(", ")))
    }
}

/// What the rows are grouped by.
fn keys(aggregate: &AggregateRel) -> Result<Vec<&Expression>> {
    let grouping = match aggregate.groupings.as_slice() {
        [] => return Ok(vec![]),
        [grouping] => grouping,
        _ => return Err(Refusal::unsupported("several grouping sets")),
    };
    let (keys, references) = (&aggregate.grouping_expressions, &grouping.expression_references);
    if keys.is_empty() && references.is_empty() {
        return Ok(grouping.grouping_expressions.iter().collect());
    }
    let referred: HashSet<u32> = references.iter().copied().collect();
    if references.len() != keys.len() || !(0..).zip(keys).all(|(key, _)| referred.contains(&key)) {
        return Err(Refusal::invalid("the only grouping does not refer to each of the grouping_expressions once"));
    }
    Ok(keys.iter().collect())
}
