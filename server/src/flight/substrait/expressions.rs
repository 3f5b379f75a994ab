//! Expressions. What is an operator in SQL stands in parentheses, so that nothing depends on which binds closer.

use super::literal::constant;
use super::proto::{
    Cast, DynamicParameter, Expression, FailureBehavior, FieldReference, IfClause, IfThen, MultiOrList, RexType,
    RootType, SingularOrList, SwitchExpression,
};
use super::refusal::{Refusal, Result, required};
use super::relations::place;
use super::select::Columns;
use super::translator::Translator;
use super::type_name::type_name;

impl Translator<'_> {
    /// An expression over the columns of a relation.
    pub(super) fn expression(&mut self, expression: &Expression, columns: &Columns) -> Result<String> {
        let unsupported = |what: &str| Err(Refusal::unsupported(what));
        match &expression.rex_type {
            Some(RexType::Literal(literal)) => constant(literal),
            Some(RexType::Selection(reference)) => self.reference(reference, columns),
            Some(RexType::ScalarFunction(function)) => self.scalar_function(function, columns),
            Some(RexType::WindowFunction(function)) => self.window_function(function, columns),
            Some(RexType::IfThen(if_then)) => self.if_then(if_then, columns),
            Some(RexType::SwitchExpression(switch)) => self.switch(switch, columns),
            Some(RexType::SingularOrList(list)) => self.in_list(list, columns),
            Some(RexType::MultiOrList(list)) => self.in_list_of_rows(list, columns),
            Some(RexType::Cast(cast)) => self.cast(cast, columns),
            Some(RexType::Subquery(subquery)) => self.subquery(subquery, columns),
            Some(RexType::DynamicParameter(parameter)) => self.parameter(parameter),
            Some(RexType::Enum(_)) => unsupported("an enum, which is no value"),
            Some(RexType::Nested(_)) => unsupported("the expression nested"),
            Some(RexType::Lambda(_) | RexType::LambdaInvocation(_) | RexType::NamedLambdaReference(_)) => {
                unsupported("a lambda expression")
            }
            Some(RexType::ExecutionContextVariable(_)) => unsupported("a variable of the execution context"),
            None => unsupported("an expression of a kind that is not known"),
        }
    }

    pub(super) fn expressions(&mut self, expressions: &[Expression], columns: &Columns) -> Result<String> {
        let written = expressions.iter().map(|expression| self.expression(expression, columns));
        Ok(written.collect::<Result<Vec<_>>>()?.join(", "))
    }

    /// A column of the relation, or of a query around it.
    fn reference(&mut self, reference: &FieldReference, columns: &Columns) -> Result<String> {
        let around;
        let columns = match &reference.root_type {
            None | Some(RootType::RootReference(_)) => columns,
            Some(RootType::OuterReference(outer)) => {
                let steps = usize::try_from(outer.steps_out).ok().filter(|steps| *steps > 0);
                let level = steps.and_then(|steps| self.outer.len().checked_sub(steps));
                let found = level.and_then(|level| self.outer.get(level)).cloned();
                around =
                    found.ok_or_else(|| Refusal::invalid(format!("no query is {} steps outside", outer.steps_out)))?;
                &around
            }
            Some(RootType::Expression(_)) => return Err(Refusal::unsupported("a reference into an expression")),
            Some(RootType::LambdaParameterReference(_)) => return Err(Refusal::unsupported("a lambda expression")),
        };
        let field = reference.direct_reference.as_ref().and_then(|segment| segment.struct_field.as_ref());
        let Some(field) = field.filter(|field| field.child.is_none()) else {
            return Err(Refusal::unsupported("a reference to anything but a column"));
        };
        let column = columns.get(place(field.field, columns)?);
        self.copied(column.map_or("", |column| &column.sql))
    }

    fn if_then(&mut self, if_then: &IfThen, columns: &Columns) -> Result<String> {
        let mut case = String::from("CASE");
        let mut clauses = if_then.ifs.as_slice();
        // As DataFusion writes the operand of a CASE.
        if let [IfClause { r#if: Some(operand), then: None }, rest @ ..] = clauses {
            case.push_str(&format!(" {}", self.expression(operand, columns)?));
            clauses = rest;
        }
        for clause in clauses {
            let condition = self.expression(required(clause.r#if.as_ref(), "the condition of an if")?, columns)?;
            let result = self.expression(required(clause.then.as_ref(), "the result of an if")?, columns)?;
            case.push_str(&format!(" WHEN {condition} THEN {result}"));
        }
        self.end_of_case(case, clauses.is_empty(), if_then.r#else.as_ref(), columns)
    }

    fn switch(&mut self, switch: &SwitchExpression, columns: &Columns) -> Result<String> {
        let operand = self.expression(required(switch.r#match.as_ref(), "the operand of a switch")?, columns)?;
        let mut case = format!("CASE {operand}");
        for clause in &switch.ifs {
            let value = constant(required(clause.r#if.as_ref(), "the value of a switch")?)?;
            let result = self.expression(required(clause.then.as_ref(), "the result of a switch")?, columns)?;
            case.push_str(&format!(" WHEN {value} THEN {result}"));
        }
        self.end_of_case(case, switch.ifs.is_empty(), switch.r#else.as_ref(), columns)
    }

    fn end_of_case(
        &mut self,
        mut case: String,
        is_empty: bool,
        otherwise: Option<&Expression>,
        columns: &Columns,
    ) -> Result<String> {
        if is_empty {
            return Err(Refusal::invalid("a choice without conditions"));
        }
        if let Some(otherwise) = otherwise {
            case.push_str(&format!(" ELSE {}", self.expression(otherwise, columns)?));
        }
        case.push_str(" END");
        Ok(case)
    }

    fn in_list(&mut self, list: &SingularOrList, columns: &Columns) -> Result<String> {
        if list.options.is_empty() {
            return Err(Refusal::invalid("a list without options"));
        }
        let value = self.expression(required(list.value.as_ref(), "the value before a list")?, columns)?;
        Ok(format!("({value} IN ({}))", self.expressions(&list.options, columns)?))
    }

    fn in_list_of_rows(&mut self, list: &MultiOrList, columns: &Columns) -> Result<String> {
        if list.options.is_empty() || list.value.is_empty() {
            return Err(Refusal::invalid("a list without options or values"));
        }
        let mut rows = Vec::with_capacity(list.options.len());
        for record in &list.options {
            rows.push(format!("({})", self.expressions(&record.fields, columns)?));
        }
        Ok(format!("(({}) IN ({}))", self.expressions(&list.value, columns)?, rows.join(", ")))
    }

    fn cast(&mut self, cast: &Cast, columns: &Columns) -> Result<String> {
        if FailureBehavior::try_from(cast.failure_behavior) == Ok(FailureBehavior::ReturnNull) {
            return Err(Refusal::unsupported("a cast that gives NULL where it fails"));
        }
        let name = type_name(required(cast.r#type.as_ref(), "the type of a cast")?)?;
        let input = self.expression(required(cast.input.as_ref(), "the input of a cast")?, columns)?;
        Ok(format!("CAST({input} AS {name})"))
    }

    /// A value that the plan has for the parameter, or that the client will bind to it: `$1` to the parameter 0.
    fn parameter(&mut self, DynamicParameter { r#type, parameter_reference }: &DynamicParameter) -> Result<String> {
        if let Some(value) = self.bound.get(parameter_reference) {
            let value = constant(value)?;
            return self.copied(&value);
        }
        let placeholder = format!("${}", u64::from(*parameter_reference) + 1);
        match r#type {
            Some(of) => Ok(format!("CAST({placeholder} AS {})", type_name(of)?)),
            None => Ok(placeholder),
        }
    }
}
