//! A `jsonpath` as PostgreSQL prints it, with the parentheses that PostgreSQL sets.

use std::fmt;

use super::ast::{Expression, JsonPath, Level, Method, Operator, Predicate, Start, Step};
use crate::postgres::json::write_string;

/// How tightly things bind that have no operator.
const TIGHTEST: u8 = 6;

impl fmt::Display for JsonPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::from(if self.is_strict { "strict " } else { "" });
        expression(&mut out, &self.root, true);
        formatter.write_str(&out)
    }
}

fn priority(expression: &Expression) -> u8 {
    match &expression.start {
        Start::Predicate(predicate) => predicate_priority(predicate),
        Start::Binary(Operator::Add | Operator::Subtract, ..) => 3,
        Start::Binary(..) => 4,
        Start::Unary(..) => 5,
        _ => TIGHTEST,
    }
}

fn predicate_priority(predicate: &Predicate) -> u8 {
    match predicate {
        Predicate::Or(..) => 0,
        Predicate::And(..) => 1,
        Predicate::Compare(..) | Predicate::StartsWith(..) => 2,
        _ => TIGHTEST,
    }
}

fn expression(out: &mut String, whole: &Expression, brackets: bool) {
    match &whole.start {
        Start::Root => out.push('$'),
        Start::Current => out.push('@'),
        Start::Last => out.push_str("last"),
        Start::Null => out.push_str("null"),
        Start::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Start::Number(number) if whole.steps.is_empty() => out.push_str(number),
        Start::Number(number) => out.extend(["(", number, ")"]),
        Start::String(text) => write_string(out, text),
        Start::Variable(name) => {
            out.push('$');
            write_string(out, name);
        }
        Start::Binary(operator, left, right) => {
            let own = priority(whole);
            bracketed(out, brackets, |out| {
                expression(out, left, priority(left) <= own);
                out.extend([" ", operator.symbol(), " "]);
                expression(out, right, priority(right) <= own);
            });
        }
        Start::Unary(sign, operand) => bracketed(out, brackets, |out| {
            out.push(sign.symbol());
            expression(out, operand, priority(operand) <= priority(whole));
        }),
        Start::Predicate(inner) => predicate(out, inner, brackets),
    }
    for step_taken in &whole.steps {
        step(out, step_taken);
    }
}

fn bracketed(out: &mut String, brackets: bool, inside: impl FnOnce(&mut String)) {
    if brackets {
        out.push('(');
    }
    inside(out);
    if brackets {
        out.push(')');
    }
}

fn predicate(out: &mut String, whole: &Predicate, brackets: bool) {
    let own = predicate_priority(whole);
    match whole {
        Predicate::And(left, right) | Predicate::Or(left, right) => bracketed(out, brackets, |out| {
            predicate(out, left, predicate_priority(left) <= own);
            out.push_str(if own == 0 { " || " } else { " && " });
            predicate(out, right, predicate_priority(right) <= own);
        }),
        Predicate::Not(inner) => {
            out.push_str("!(");
            predicate(out, inner, false);
            out.push(')');
        }
        Predicate::IsUnknown(inner) => {
            out.push('(');
            predicate(out, inner, false);
            out.push_str(") is unknown");
        }
        Predicate::Exists(inner) => {
            out.push_str("exists (");
            expression(out, inner, false);
            out.push(')');
        }
        Predicate::Compare(comparison, left, right) => bracketed(out, brackets, |out| {
            expression(out, left, priority(left) <= own);
            out.extend([" ", comparison.symbol(), " "]);
            expression(out, right, priority(right) <= own);
        }),
        Predicate::StartsWith(text, prefix) => bracketed(out, brackets, |out| {
            expression(out, text, priority(text) <= own);
            out.push_str(" starts with ");
            expression(out, prefix, priority(prefix) <= own);
        }),
        Predicate::LikeRegex(text, pattern) => bracketed(out, brackets, |out| {
            expression(out, text, priority(text) <= own);
            out.push_str(" like_regex ");
            write_string(out, pattern.text());
            let flags = pattern.flags();
            if !flags.is_empty() {
                out.extend([" flag \"", &flags, "\""]);
            }
        }),
    }
}

fn step(out: &mut String, step: &Step) {
    match step {
        Step::Key(key) => {
            out.push('.');
            write_string(out, key);
        }
        Step::AnyKey => out.push_str(".*"),
        Step::AnyElement => out.push_str("[*]"),
        Step::Elements(ranges) => {
            out.push('[');
            for (at, (from, to)) in ranges.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                expression(out, from, false);
                if let Some(to) = to {
                    out.push_str(" to ");
                    expression(out, to, false);
                }
            }
            out.push(']');
        }
        Step::Descendants { first, last } => {
            out.push_str(".**");
            match (first, last) {
                (Level::At(0), Level::Last) => {}
                (first, last) if first == last => out.push_str(&format!("{{{first}}}")),
                (first, last) => out.push_str(&format!("{{{first} to {last}}}")),
            }
        }
        Step::Filter(inner) => {
            out.push_str("?(");
            predicate(out, inner, false);
            out.push(')');
        }
        Step::Method(method) => {
            out.extend([".", method.name(), "("]);
            arguments(out, method);
            out.push(')');
        }
    }
}

fn arguments(out: &mut String, method: &Method) {
    match method {
        Method::DateTime(Some(template)) => write_string(out, template),
        Method::Decimal(arguments) => out.push_str(&arguments.join(",")),
        Method::Time(Some(precision))
        | Method::TimeTz(Some(precision))
        | Method::Timestamp(Some(precision))
        | Method::TimestampTz(Some(precision)) => out.push_str(precision),
        _ => {}
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(level) => level.fmt(formatter),
            Self::Last => formatter.write_str("last"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::JsonPath;

    #[test]
    fn prints_as_postgresql() {
        for (path, printed) in [
            ("$.a[*].b[0 to 5, 3, last - 1]", "$.\"a\"[*].\"b\"[0 to 5,3,last - 1]"),
            ("strict $.**{2 to last}.**{0 to last}.**{last}.**{3}", "strict $.**{2 to last}.**.**{last}.**{3}"),
            (
                "$.a ? (@ > 1 && @ < 5 || @ == \"x\") ? (exists(@.b))",
                "$.\"a\"?(@ > 1 && @ < 5 || @ == \"x\")?(exists (@.\"b\"))",
            ),
            ("$ ? ((1 == 1 && 2 == 2) && 3 == 3)", "$?((1 == 1 && 2 == 2) && 3 == 3)"),
            ("$.a + 1 * 2 - -3", "(($.\"a\" + 1 * 2) - -3)"),
            ("(-$.a).b", "(-$.\"a\").\"b\""),
            ("-$.a", "(-$.\"a\")"),
            ("- - 1", "1"),
            ("1 ? (@ == 1)", "(1)?(@ == 1)"),
            ("!exists($.a)", "!(exists ($.\"a\"))"),
            ("($.a == 1).type()", "($.\"a\" == 1).type()"),
            ("$.a like_regex \"^a\" flag \"iisi\"", "($.\"a\" like_regex \"^a\" flag \"is\")"),
            (
                "$.decimal(10,-2).datetime(\"HH24\").time(3).decimal(+1)",
                "$.decimal(10,-2).datetime(\"HH24\").time(3).decimal(1)",
            ),
            ("0x1F + 0o17 + 1_000 + 1.5e3 + .5 + 1.", "(((((31 + 15) + 1000) + 1500) + 0.5) + 1)"),
        ] {
            assert_eq!(JsonPath::parse(path).map(|path| path.to_string()).as_deref(), Ok(printed), "{path}");
        }
    }
}
