//! Calls of scalar functions.

use super::functions::Form;
use super::literal::constant;
use super::options::Options;
use super::proto::{ArgType, Expression, FunctionArgument, LiteralType, RexType, ScalarFunction, Untaken};
use super::refusal::{Refusal, Result};
use super::select::Columns;
use super::translator::Translator;

/// The parts of a moment that `extract` knows, PostgreSQL's name of each, and what PostgreSQL counts from where Substrait
/// lets the plan say it.
const COMPONENTS: &[(&str, &str, Option<i8>)] = &[
    ("DAY", "day", Some(1)),
    ("DAY_OF_YEAR", "doy", Some(1)),
    ("HOUR", "hour", None),
    ("ISO_WEEK", "week", Some(1)),
    ("ISO_YEAR", "isoyear", None),
    ("MINUTE", "minute", None),
    ("MONDAY_DAY_OF_WEEK", "isodow", Some(1)),
    ("MONTH", "month", Some(1)),
    ("QUARTER", "quarter", Some(1)),
    ("SECOND", "second", None),
    ("SUNDAY_DAY_OF_WEEK", "dow", Some(0)),
    ("UNIX_TIME", "epoch", None),
    ("YEAR", "year", None),
];

impl Translator<'_> {
    pub(super) fn scalar_function(&mut self, function: &ScalarFunction, columns: &Columns) -> Result<String> {
        let declared = self.functions.declared(function.function_reference)?;
        let ScalarFunction { args, arguments, options, .. } = function;
        let options = Options::of(declared, options)?;
        let form = declared.form()?;
        match form {
            Form::Extract => return self.extract(arguments, columns),
            Form::Pattern(operator) => return self.pattern(operator, arguments, columns),
            Form::Chain(operator) if !options.ignores_nulls => {
                let mut links = vec![];
                self.collect_links(function, form, &mut links)?;
                let links = links.into_iter().map(|link| self.expression(link, columns)).collect::<Result<Vec<_>>>()?;
                if !links.is_empty() {
                    return Ok(format!("({})", links.join(&format!(" {operator} "))));
                }
            }
            _ => {}
        }
        let arguments = self.arguments(declared.name, args, arguments, columns)?;
        match (form, arguments.as_slice()) {
            (Form::Own(called), all) | (Form::Call(called), all @ [_, ..]) => {
                Ok(format!("{called}({})", all.join(", ")))
            }
            (Form::Reversed(called), [one]) => Ok(format!("{called}({one})")),
            (Form::Reversed(called), [first, second]) => Ok(format!("{called}({second}, {first})")),
            // The function of the operator that leaves out NULLs.
            (Form::Chain(_), all @ [_, ..]) => Ok(format!("concat({})", all.join(", "))),
            (Form::Infix(operator), [left, right]) => Ok(format!("({left} {operator} {right})")),
            (Form::Prefix(operator), [operand]) => Ok(format!("({operator} {operand})")),
            (Form::Postfix(operator), [operand]) => Ok(format!("({operand} {operator})")),
            (Form::Between, [value, low, high]) => Ok(format!("({value} BETWEEN {low} AND {high})")),
            // That of a date would be a moment's time of day there.
            (Form::AssumeTimezone, [time, zone]) => Ok(format!("(CAST({time} AS timestamp) AT TIME ZONE {zone})")),
            (Form::Contains, [text, part]) => Ok(format!("(strpos({text}, {part}) > 0)")),
            (Form::EndsWith, [text, end]) => Ok(format!("starts_with(reverse({text}), reverse({end}))")),
            (_, all) => Err(Refusal::invalid(format!("function {} of {} arguments", declared.name, all.len()))),
        }
    }

    /// The values that a function is called with.
    pub(super) fn arguments(
        &mut self,
        name: &str,
        args: &[Untaken],
        arguments: &[FunctionArgument],
        columns: &Columns,
    ) -> Result<Vec<String>> {
        if !args.is_empty() {
            return Err(Refusal::unsupported(format!("args of function {name}, in the place of which are arguments")));
        }
        arguments.iter().map(|argument| self.expression(value(name, argument)?, columns)).collect()
    }

    /// The operands of a chain, those of chains within it included: of `(a AND b) AND c` all three.
    fn collect_links<'e>(
        &self,
        function: &'e ScalarFunction,
        form: Form,
        links: &mut Vec<&'e Expression>,
    ) -> Result<()> {
        let declared = self.functions.declared(function.function_reference)?;
        if !function.args.is_empty() {
            return Err(Refusal::unsupported(format!("args of function {}", declared.name)));
        }
        for argument in &function.arguments {
            let operand = value(declared.name, argument)?;
            match &operand.rex_type {
                Some(RexType::ScalarFunction(inner))
                    if inner.options.is_empty()
                        && self.functions.declared(inner.function_reference)?.form()? == form =>
                {
                    self.collect_links(inner, form, links)?;
                }
                _ => links.push(operand),
            }
        }
        Ok(())
    }

    /// A text, a pattern, and an escape character unless it is the usual one.
    fn pattern(&mut self, operator: &str, arguments: &[FunctionArgument], columns: &Columns) -> Result<String> {
        let values = arguments.iter().map(|argument| value(operator, argument)).collect::<Result<Vec<_>>>()?;
        let (text, pattern, escape) = match values.as_slice() {
            [text, pattern] => (*text, *pattern, None),
            [text, pattern, escape] => (*text, *pattern, Some(*escape)),
            _ => return Err(Refusal::invalid(format!("{operator} of {} arguments", values.len()))),
        };
        let escape = match escape.map(|escape| &escape.rex_type) {
            None => String::new(),
            Some(Some(RexType::Literal(literal))) => match &literal.literal_type {
                Some(LiteralType::Null(_)) => String::new(),
                _ => format!(" ESCAPE {}", constant(literal)?),
            },
            Some(_) => return Err(Refusal::unsupported(format!("{operator} with an escape that is no constant"))),
        };
        let (text, pattern) = (self.expression(text, columns)?, self.expression(pattern, columns)?);
        Ok(format!("({text} {operator} {pattern}{escape})"))
    }

    fn extract(&mut self, arguments: &[FunctionArgument], columns: &Columns) -> Result<String> {
        let choices: Vec<&str> = arguments.iter().filter_map(choice).collect();
        let values = arguments.iter().filter(|argument| choice(argument).is_none());
        let values = values.map(|argument| value("extract", argument)).collect::<Result<Vec<_>>>()?;
        let (component, indexing) = match choices.as_slice() {
            [component] => (*component, None),
            [component, indexing] => (*component, Some(*indexing)),
            _ => return Err(Refusal::invalid("extract without a component")),
        };
        let known = COMPONENTS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(component));
        let Some((_, field, first)) = known else {
            return Err(Refusal::unsupported(format!("the component {component} of extract")));
        };
        let correction = match (first, indexing) {
            (None | Some(1), None) | (Some(1), Some("ONE")) | (Some(0), Some("ZERO")) => "",
            (Some(1), Some("ZERO")) => " - 1",
            (Some(0), Some("ONE")) => " + 1",
            (_, indexing) => {
                let indexing = indexing.unwrap_or("no indexing");
                return Err(Refusal::invalid(format!("extract of {component} with {indexing}")));
            }
        };
        let moment = match values.as_slice() {
            [moment] => self.expression(moment, columns)?,
            // Seconds since a moment are the same in all zones.
            [moment, _] if *field == "epoch" => self.expression(moment, columns)?,
            [moment, zone] => {
                format!("({} AT TIME ZONE {})", self.expression(moment, columns)?, self.expression(zone, columns)?)
            }
            values => return Err(Refusal::invalid(format!("extract of {} values", values.len()))),
        };
        // Substrait's are whole numbers, without the fraction of a second.
        Ok(format!("CAST(floor(EXTRACT({field} FROM {moment})){correction} AS bigint)"))
    }
}

/// An argument that is a choice of the function, and no value.
fn choice(argument: &FunctionArgument) -> Option<&str> {
    match &argument.arg_type {
        Some(ArgType::Enum(choice)) => Some(choice),
        _ => None,
    }
}

fn value<'a>(name: &str, argument: &'a FunctionArgument) -> Result<&'a Expression> {
    match &argument.arg_type {
        Some(ArgType::Value(value)) => Ok(value),
        Some(ArgType::Enum(choice)) => Err(Refusal::unsupported(format!("the choice {choice} of function {name}"))),
        Some(ArgType::Type(_)) => Err(Refusal::unsupported(format!("a type as an argument of function {name}"))),
        None => Err(Refusal::unsupported(format!("an argument of function {name} of a kind that is not known"))),
    }
}
