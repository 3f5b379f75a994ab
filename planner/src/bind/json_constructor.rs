//! `JSON_OBJECT(key VALUE value ...)` and `JSON_ARRAY(value ...)` of the SQL standard, with `NULL ON NULL`,
//! `ABSENT ON NULL` and `RETURNING`.

use datafusion::sql::sqlparser::ast::{
    Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, JsonNullClause,
};

use super::Binder;
use super::type_name::{Modifier, read};
use super::typed::Typed;
use crate::error::{Error, Result};
use crate::pg_type::PgType;

impl Binder<'_> {
    /// The value of a call of `json_object` or `json_array`; `None` for PostgreSQL's function `json_object` of texts.
    pub(super) fn json_constructor(
        &mut self,
        name: &str,
        function: &Function,
        list: &FunctionArgumentList,
    ) -> Result<Option<Typed>> {
        let is_object = name == "json_object";
        let has_key = |argument: &FunctionArg| matches!(argument, FunctionArg::ExprNamed { .. });
        if is_object && list.clauses.is_empty() && !list.args.is_empty() && !list.args.iter().any(has_key) {
            return Ok(None);
        }
        let Function { filter, over, null_treatment, within_group, .. } = function;
        let is_aggregate = filter.is_some() || !within_group.is_empty() || list.duplicate_treatment.is_some();
        if is_aggregate || over.is_some() || null_treatment.is_some() {
            return Err(Error::Query(format!("syntax error: {name} is neither an aggregate nor a window function")));
        }
        // An array leaves NULL out unless it is told otherwise, and an object has it.
        let mut absent_on_null = !is_object;
        let mut returns = None;
        for clause in &list.clauses {
            match clause {
                FunctionArgumentClause::JsonNullClause(clause) => {
                    absent_on_null = *clause == JsonNullClause::AbsentOnNull;
                }
                FunctionArgumentClause::JsonReturningClause(clause) => returns = Some(read(&clause.data_type)?),
                other => return Err(Error::Unsupported(format!("not supported: {other} in a call of {name}"))),
            }
        }
        let mut arguments = Vec::with_capacity(2 * list.args.len());
        for argument in &list.args {
            match argument {
                FunctionArg::ExprNamed { name: key, arg: FunctionArgExpr::Expr(value), .. } if is_object => {
                    arguments.push(self.expression(key)?);
                    arguments.push(self.expression(value)?);
                }
                FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) if !is_object => {
                    arguments.push(self.expression(value)?);
                }
                other => return Err(Error::Query(format!("{name} does not take {other}"))),
            }
        }
        let values = arguments.iter().skip(usize::from(is_object)).step_by(if is_object { 2 } else { 1 });
        let has_jsonb = values.into_iter().any(|value| value.pg_type == PgType::Jsonb);
        let own = if has_jsonb { PgType::Jsonb } else { PgType::Json };
        let (pg_type, modifier) = returns.unwrap_or((own, Modifier::None));
        let function = match (is_object, pg_type == PgType::Jsonb, absent_on_null) {
            (true, false, false) => "json_build_object",
            (true, false, true) => "json_object absent on null",
            (true, true, false) => "jsonb_build_object",
            (true, true, true) => "jsonb_object absent on null",
            (false, false, false) => "json_build_array",
            (false, false, true) => "json_array absent on null",
            (false, true, false) => "jsonb_build_array",
            (false, true, true) => "jsonb_array absent on null",
        };
        let built = self.call(function, arguments)?;
        match pg_type {
            PgType::Json | PgType::Jsonb => Ok(Some(built)),
            // PostgreSQL refuses what is longer, where a cast cuts it.
            PgType::Varchar | PgType::Bpchar if matches!(modifier, Modifier::Length(_)) => {
                Err(Error::Unsupported(format!("not supported: RETURNING {pg_type} of a length in a call of {name}")))
            }
            PgType::Text | PgType::Varchar | PgType::Bpchar => self.cast(built, &pg_type, modifier).map(Some),
            other => Err(Error::Unsupported(format!("not supported: RETURNING {other} in a call of {name}"))),
        }
    }
}
