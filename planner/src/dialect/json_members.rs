//! `JSON_OBJECT(key VALUE value, key: value)`: the parser reads keys that are single words, and PostgreSQL's are any
//! expressions.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments, Ident, JsonNullClause, JsonReturningClause, ObjectName,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// Whether a call of `json_object` is next whose arguments may have keys.
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    let token = |number| &parser.peek_nth_token_ref(number).token;
    let Token::Word(word) = token(0) else { return false };
    let is_named = word.quote_style.is_none() && word.value.eq_ignore_ascii_case("json_object");
    if !is_named || *token(1) != Token::LParen {
        return false;
    }
    let keyword = |number| match token(number) {
        Token::Word(word) => Some(word.keyword),
        _ => None,
    };
    // The parser itself reads a call that begins with a clause.
    match (keyword(2), keyword(3)) {
        (Some(Keyword::RETURNING), _) | (Some(Keyword::ABSENT | Keyword::NULL), Some(Keyword::ON)) => false,
        _ => *token(2) != Token::RParen,
    }
}

/// Reads the call; arguments without keys are those of PostgreSQL's function of that name.
pub(super) fn read(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let name: Ident = parser.parse_identifier()?;
    parser.expect_token(&Token::LParen)?;
    let args = parser.parse_comma_separated(member)?;
    let mut clauses = vec![];
    if parser.parse_keywords(&[Keyword::ABSENT, Keyword::ON, Keyword::NULL]) {
        clauses.push(FunctionArgumentClause::JsonNullClause(JsonNullClause::AbsentOnNull));
    } else if parser.parse_keywords(&[Keyword::NULL, Keyword::ON, Keyword::NULL]) {
        clauses.push(FunctionArgumentClause::JsonNullClause(JsonNullClause::NullOnNull));
    }
    if parser.parse_keyword(Keyword::RETURNING) {
        let data_type = parser.parse_data_type()?;
        clauses.push(FunctionArgumentClause::JsonReturningClause(JsonReturningClause { data_type }));
    }
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::Function(Function {
        name: ObjectName::from(vec![name]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    }))
}

fn member(parser: &mut Parser<'_>) -> Result<FunctionArg, ParserError> {
    let name = parser.parse_expr()?;
    if !parser.consume_token(&Token::Colon) && !parser.parse_keyword(Keyword::VALUE) {
        return Ok(FunctionArg::Unnamed(FunctionArgExpr::Expr(name)));
    }
    let arg = FunctionArgExpr::Expr(parser.parse_expr()?);
    Ok(FunctionArg::ExprNamed { name, arg, operator: FunctionArgOperator::Value })
}
