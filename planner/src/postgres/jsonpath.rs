//! PostgreSQL's `jsonpath`: read (`parser`), printed (`print`) and applied to `jsonb` (`execution`), which is what
//! `jsonb_path_query` and its like do. Methods that make dates and times are read and printed, but not applied.

mod arithmetic;
mod ast;
mod convert;
mod execution;
mod key_value;
mod lexer;
mod methods;
mod number;
mod parser;
mod pattern;
mod predicates;
mod print;
mod query;
mod sql_json;

pub(crate) use ast::JsonPath;
pub(crate) use query::{exists, matches, query, query_array, query_first};
pub(crate) use sql_json::{json_exists, json_query, json_value};
