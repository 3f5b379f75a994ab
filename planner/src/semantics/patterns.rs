//! `SIMILAR TO`: SQL's regular expressions, which match the whole text
//! (<https://www.postgresql.org/docs/current/functions-matching.html#FUNCTIONS-SIMILARTO-REGEXP>).

use datafusion::common::{Result, not_impl_err, plan_err};
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{BinaryExpr, Expr, Like, Operator, lit};

const DEFAULT_ESCAPE: char = '\\';

/// The same as a match with a regular expression.
pub(super) fn similar_to(like: &Like) -> Result<Expr> {
    let Like { negated, expr, pattern, escape_char, .. } = like;
    let pattern = uncast(pattern);
    let text = match pattern {
        Expr::Literal(value, _) if value.is_null() => return Ok(pattern.clone().eq(expr.as_ref().clone())),
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        _ => None,
    };
    let Some(text) = text else { return not_impl_err!("SIMILAR TO with a pattern that is no constant") };
    let operator = if *negated { Operator::RegexNotMatch } else { Operator::RegexMatch };
    let regex = lit(regular_expression(&text, escape_char.unwrap_or(DEFAULT_ESCAPE))?);
    Ok(Expr::BinaryExpr(BinaryExpr::new(expr.clone(), operator, Box::new(regex))))
}

/// A constant without the cast to the type of the text.
fn uncast(expression: &Expr) -> &Expr {
    match expression {
        Expr::Cast(Cast { expr, .. }) => uncast(expr),
        other => other,
    }
}

/// `%` and `_` stand for any text and any letter; what else has a meaning in regular expressions and none here stands
/// for itself.
fn regular_expression(pattern: &str, escape: char) -> Result<String> {
    let mut regex = String::from("^(?s:");
    let mut letters = pattern.chars();
    let mut in_brackets = false;
    while let Some(letter) = letters.next() {
        match letter {
            _ if letter == escape => match letters.next() {
                Some(escaped) if escaped.is_alphanumeric() => regex.push(escaped),
                Some(escaped) => regex.extend(['\\', escaped]),
                None => return plan_err!("the pattern {pattern:?} ends with its escape character"),
            },
            ']' if in_brackets => {
                in_brackets = false;
                regex.push(letter);
            }
            '\\' => regex.push_str(r"\\"),
            _ if in_brackets => regex.push(letter),
            '[' => {
                in_brackets = true;
                regex.push(letter);
            }
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '(' => regex.push_str("(?:"),
            '.' | '^' | '$' => regex.extend(['\\', letter]),
            other => regex.push(other),
        }
    }
    regex.push_str(")$");
    Ok(regex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_anchored() {
        let regex = |pattern| regular_expression(pattern, DEFAULT_ESCAPE).unwrap();
        assert_eq!(regex("a%_(b|c)+"), "^(?s:a.*.(?:b|c)+)$");
        assert_eq!(regex(r"100\%.[^a-c]"), r"^(?s:100\%\.[^a-c])$");
        assert!(regular_expression(r"a\", DEFAULT_ESCAPE).is_err());
    }
}
