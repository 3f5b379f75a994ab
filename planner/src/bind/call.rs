//! Calls of functions: of values, of rows (aggregates), over windows, and of those that return rows.

use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::grouping::grouping_udaf;
use datafusion::logical_expr::{Expr, SortExpr, lit};
use datafusion::sql::sqlparser::ast::{
    self, DuplicateTreatment, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
};
use rail_forge_connectors::nearest;

use super::Binder;
use super::character::{is_padded, unpadded};
use super::clause::Clause;
use super::collation::Derivation;
use super::literal::told_apart;
use super::names::{folded, function_name, parts, unnested};
use super::order::SortKey;
use super::type_name::Modifier;
use super::typed::{Typed, types};
use crate::error::{Error, Result};
use crate::functions::{AggregateCall, Call, Catalogue, Chosen, Function, Kind, NotChosen};
use crate::pg_type::PgType;

/// PostgreSQL's limit.
const MAX_ARGUMENTS: usize = 100;
/// Aggregates and window functions whose result is one of the values that they are given.
const CHOOSING: [&str; 8] = ["min", "max", "any_value", "mode", "first_value", "last_value", "lag", "lead"];

/// The arguments of a call, bound.
struct Arguments {
    positional: Vec<Typed>,
    named: Vec<(String, Typed)>,
    distinct: bool,
    order_by: Vec<ast::OrderByExpr>,
}

impl Binder<'_> {
    pub(super) fn function(&mut self, function: &ast::Function) -> Result<Typed> {
        let name = function_name(function);
        if let Some(special) = self.special(&name, function)? {
            return Ok(special);
        }
        let functions = Catalogue::get().functions(&name);
        let is_aggregate =
            functions.iter().any(|one| matches!(one.kind, Kind::Aggregate(_) | Kind::OrderedSet(_) | Kind::Window(_)));
        if is_aggregate {
            return self.aggregate(&name, function);
        }
        if function.over.is_some() {
            return Err(match functions {
                [] => no_function(&name, &[], NotChosen::UnknownName),
                _ => Error::Query(format!(
                    "OVER specified, but {name} is not a window function nor an aggregate function"
                )),
            });
        }
        if function.filter.is_some() {
            return Err(Error::Query(format!("FILTER specified, but {name} is not an aggregate function")));
        }
        let arguments = self.arguments(&name, &function.args)?;
        if arguments.distinct || !arguments.order_by.is_empty() || !function.within_group.is_empty() {
            return Err(Error::Query(format!(
                "DISTINCT or ORDER BY specified, but {name} is not an aggregate function"
            )));
        }
        let arguments = in_order(&name, arguments)?;
        let own = types(&arguments);
        let chosen = match (Catalogue::get().function(&name, &own), PgType::of_name(&name)) {
            (Ok(chosen), _) => chosen,
            (Err(NotChosen::UnknownName), PgType::Printed(_)) => {
                return Err(no_function(&name, &own, NotChosen::UnknownName));
            }
            // The name of a type is a cast to it.
            (Err(NotChosen::UnknownName), pg_type) if arguments.len() == 1 && !pg_type.is_polymorphic() => {
                let Some(argument) = arguments.into_iter().next() else { return Ok(Typed::null()) };
                return self.cast(argument, &pg_type, Modifier::None);
            }
            (Err(why), _) => return Err(no_function(&name, &own, why)),
        };
        match &chosen.function.kind {
            Kind::Set(..) => self.set_in_select(&chosen, arguments),
            _ => self.apply(&chosen, arguments),
        }
    }

    /// Functions that are no functions of values: what they do with their arguments is not in the catalogue.
    fn special(&mut self, name: &str, function: &ast::Function) -> Result<Option<Typed>> {
        let special = match name {
            "coalesce" | "nullif" | "greatest" | "least" => {
                let arguments = self.arguments(name, &function.args)?.positional;
                match name {
                    "coalesce" if !arguments.is_empty() => self.coalesce(arguments)?,
                    "nullif" => self.nullif(arguments)?,
                    "greatest" | "least" => self.extreme(name, arguments)?,
                    _ => return Err(Error::Query("COALESCE takes an argument at least".to_owned())),
                }
            }
            "row" => {
                let arguments = self.arguments(name, &function.args)?.positional;
                let named = |(index, typed)| (format!("f{}", index + 1), typed);
                super::record::of_fields(arguments.into_iter().enumerate().map(named).collect())
            }
            "normalize" => match &function.args {
                FunctionArguments::List(list) => match list.args.as_slice() {
                    [
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(text)),
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Identifier(form))),
                    ] => {
                        let arguments = vec![self.expression(text)?, Typed::unknown(&form.value)];
                        self.call(name, arguments)?
                    }
                    _ => return Ok(None),
                },
                _ => return Ok(None),
            },
            "json_object" | "json_array" => match &function.args {
                FunctionArguments::List(list) => return self.json_constructor(name, function, list),
                _ => return Ok(None),
            },
            "array" => match &function.args {
                FunctionArguments::Subquery(query) => self.array_of_subquery(query)?,
                _ => return Ok(None),
            },
            "grouping" => {
                let arguments = self.arguments(name, &function.args)?.positional;
                self.allow_aggregate()?;
                let arguments = arguments.into_iter().map(|typed| typed.expr).collect();
                Typed::new(grouping_udaf().call(arguments), PgType::Int4)
            }
            "current_date" | "current_timestamp" | "current_time" | "localtime" | "localtimestamp" | "current_user"
            | "session_user" | "user" | "current_catalog" | "current_schema" | "current_role"
                if matches!(function.args, FunctionArguments::None) =>
            {
                self.call(name, vec![])?
            }
            _ => return Ok(None),
        };
        Ok(Some(special))
    }

    fn arguments(&mut self, name: &str, arguments: &FunctionArguments) -> Result<Arguments> {
        let mut bound = Arguments { positional: vec![], named: vec![], distinct: false, order_by: vec![] };
        let list = match arguments {
            FunctionArguments::None => return Ok(bound),
            FunctionArguments::Subquery(query) => {
                bound.positional.push(self.scalar_subquery(query)?);
                return Ok(bound);
            }
            FunctionArguments::List(list) => list,
        };
        bound.distinct = matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct));
        for clause in &list.clauses {
            match clause {
                FunctionArgumentClause::OrderBy(order_by) => bound.order_by.clone_from(order_by),
                other => return Err(Error::Unsupported(format!("not supported: {other} in a call of {name}"))),
            }
        }
        if list.args.len() > MAX_ARGUMENTS {
            return Err(Error::Query(format!("cannot pass more than {MAX_ARGUMENTS} arguments to a function")));
        }
        for argument in &list.args {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => {
                    bound.positional.push(self.expression(expression)?);
                }
                FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(relation)) => {
                    let parts = parts(relation);
                    bound.positional.push(self.expression(&ast::Expr::CompoundIdentifier(parts))?);
                }
                // The parser takes a text for a name too.
                FunctionArg::Named { name, arg: FunctionArgExpr::Expr(expression), .. }
                    if name.quote_style != Some('\'') =>
                {
                    bound.named.push((folded(name), self.expression(expression)?));
                }
                FunctionArg::ExprNamed {
                    name: ast::Expr::Identifier(name),
                    arg: FunctionArgExpr::Expr(expression),
                    ..
                } => {
                    bound.named.push((folded(name), self.expression(expression)?));
                }
                other => return Err(Error::Query(format!("{name} does not take {other}"))),
            }
        }
        Ok(bound)
    }

    /// An aggregate, or a window function.
    fn aggregate(&mut self, name: &str, function: &ast::Function) -> Result<Typed> {
        if function.null_treatment.is_some() {
            return Err(Error::Unsupported(format!(
                "not supported: IGNORE NULLS or RESPECT NULLS in a call of {name}"
            )));
        }
        let over = function.over.as_ref();
        if over.is_some() {
            self.allow_window()?;
        }
        let inside = if over.is_some() { Clause::Window } else { Clause::Aggregate };
        if let Some(counted) = self.counted_rows(name, function)? {
            return Ok(counted);
        }
        let mut arguments = self.within(inside, |binder| binder.arguments(name, &function.args))?;
        let order_by = if function.within_group.is_empty() { &arguments.order_by } else { &function.within_group };
        let order_by = order_by.clone();
        // A text in quotes has no type there, and is none of the arguments.
        let are_untyped: Vec<bool> = order_by
            .iter()
            .map(|key| matches!(unnested(&key.expr), ast::Expr::Value(value) if is_untyped(&value.value)))
            .collect();
        let order_by = self.within(inside, |binder| binder.sort_keys(&order_by))?;
        let is_ordered_set = !function.within_group.is_empty();
        if is_ordered_set {
            // The function of PostgreSQL takes them behind its own.
            arguments.positional.extend(order_by.iter().zip(&are_untyped).map(|(key, is_untyped)| match is_untyped {
                true => Typed { pg_type: PgType::Unknown, ..key.value.clone() },
                false => key.value.clone(),
            }));
        }
        let over_window = over.map(|over| self.over(over)).transpose()?;
        let filter = match &function.filter {
            Some(filter) => Some(self.within(Clause::Filter, |binder| binder.condition(filter, "FILTER"))?),
            None => None,
        };
        let own = types(&arguments.positional);
        let chosen = match (name, own.as_slice()) {
            // Values that are kept as they are printed are ordered as texts.
            ("min" | "max", [printed @ PgType::Printed(_)]) => {
                let chosen = Catalogue::get().function(name, &[PgType::Text]);
                chosen.map(|chosen| Chosen { arguments: own.clone(), returns: printed.clone(), ..chosen })
            }
            _ => Catalogue::get().function(name, &own),
        };
        let chosen = chosen.map_err(|why| no_function(name, &own, why))?;
        let body = match &chosen.function.kind {
            Kind::Window(body) if over.is_some() => {
                if arguments.distinct || filter.is_some() || !order_by.is_empty() {
                    return Err(Error::Query(format!("{name} takes no DISTINCT, ORDER BY or FILTER")));
                }
                body
            }
            Kind::Window(_) => return Err(Error::Query(format!("window function {name} requires an OVER clause"))),
            Kind::OrderedSet(_) if !is_ordered_set => {
                return Err(Error::Query(format!("WITHIN GROUP is required for ordered-set aggregate {name}")));
            }
            Kind::OrderedSet(_) if over.is_some() => {
                return Err(Error::Query(format!("OVER is not supported for ordered-set aggregate {name}")));
            }
            Kind::Aggregate(_) if is_ordered_set => {
                return Err(Error::Query(format!(
                    "{name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP"
                )));
            }
            Kind::Aggregate(_) if over.is_some() && (arguments.distinct || !order_by.is_empty()) => {
                let what = if arguments.distinct { "DISTINCT" } else { "aggregate ORDER BY" };
                return Err(Error::Query(format!("{what} is not implemented for window functions")));
            }
            Kind::Aggregate(body) | Kind::OrderedSet(body) => body,
            Kind::Scalar(_) | Kind::Set(..) => {
                return Err(Error::Query(format!("{name} is not a window function nor an aggregate function")));
            }
        };
        check_determined(name, &chosen.function, &arguments.positional)?;
        let is_argument = |key: &SortKey| arguments.positional.iter().any(|argument| argument.expr == key.value.expr);
        if arguments.distinct && (are_untyped.contains(&true) || !order_by.iter().all(is_argument)) {
            return Err(Error::Query(
                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list".to_owned(),
            ));
        }
        let mut cast = Vec::with_capacity(arguments.positional.len());
        for (argument, to) in arguments.positional.into_iter().zip(&chosen.arguments) {
            let argument = if name == "count" { unpadded(argument) } else { argument };
            cast.push(self.coerce(argument, to)?);
        }
        let collation = Derivation::merged(&cast)?;
        let padded = cast.iter().map(is_padded).collect();
        let orders = cast.iter().map(|argument| self.order_of_argument(name, arguments.distinct, argument));
        let orders = orders.collect::<Result<Vec<_>>>()?;
        let schema = std::sync::Arc::clone(&self.level()?.scope.schema);
        let shown = CHOOSING.contains(&name).then(|| cast.first()?.metadata.clone()).flatten();
        let call = AggregateCall {
            types: types(&cast),
            arguments: cast.into_iter().map(|typed| told_apart(typed.expr)).collect(),
            distinct: arguments.distinct,
            filter,
            order_by: order_by.into_iter().map(|key| key.sort()).collect::<Vec<SortExpr>>(),
            over: over_window,
            orders,
            padded,
            schema: &schema,
            surroundings: self.surroundings,
        };
        let is_aggregate = call.over.is_none();
        let bound = body(call)?;
        let bound = if is_aggregate { self.placed(bound)? } else { bound };
        Ok(Typed::new(bound, chosen.returns).with_metadata(shown).with_collation(collation))
    }

    /// `count(*)`, and `count(t)` and `count(t.*)`, which count the rows of `t` that are there.
    fn counted_rows(&mut self, name: &str, function: &ast::Function) -> Result<Option<Typed>> {
        let ("count", FunctionArguments::List(list)) = (name, &function.args) else { return Ok(None) };
        let counted = match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] => lit(ScalarValue::Int64(Some(1))),
            [FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(relation))] => {
                let scope = &self.level()?.scope;
                let parts = parts(relation);
                let Some(relation) = scope.relation(&parts) else { return Err(scope.unknown(&parts)) };
                super::record::presence(scope, relation)
            }
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Identifier(ident)))] => {
                let scope = &self.level()?.scope;
                match scope.row_named(ident)? {
                    Some(relation) => super::record::presence(scope, relation),
                    None => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        if list.duplicate_treatment.is_some() && matches!(counted, Expr::Literal(..)) {
            return Err(Error::Query("DISTINCT cannot be applied to count(*)".to_owned()));
        }
        let over = function.over.as_ref().map(|over| self.over(over)).transpose()?;
        let filter = match &function.filter {
            Some(filter) => Some(self.within(Clause::Filter, |binder| binder.condition(filter, "FILTER"))?),
            None => None,
        };
        let schema = std::sync::Arc::clone(&self.level()?.scope.schema);
        let call = AggregateCall {
            arguments: vec![],
            types: vec![],
            distinct: list.duplicate_treatment.is_some(),
            filter,
            order_by: vec![],
            over,
            orders: vec![],
            padded: vec![],
            schema: &schema,
            surroundings: self.surroundings,
        };
        let is_aggregate = call.over.is_none();
        let bound = call.of(count_udaf(), vec![counted]);
        let bound = if is_aggregate { self.placed(bound)? } else { bound };
        Ok(Some(Typed::new(bound, PgType::Int8)))
    }

    /// The array that a function returns its rows in.
    pub(super) fn set_list(&mut self, chosen: &Chosen, arguments: Vec<Typed>) -> Result<Expr> {
        let mut cast = Vec::with_capacity(arguments.len());
        for (argument, to) in arguments.into_iter().zip(&chosen.arguments) {
            cast.push(self.coerce(argument, to)?);
        }
        let Kind::Set(body, _) = &chosen.function.kind else {
            return Err(Error::Internal("a function that returns no rows".into()));
        };
        let schema = std::sync::Arc::clone(&self.level()?.scope.schema);
        let types = types(&cast);
        let arguments = cast.into_iter().map(|typed| typed.expr).collect();
        Ok(body(Call { arguments, types, order: None, schema: &schema, surroundings: self.surroundings })?)
    }

    /// The arguments of a function in FROM.
    pub(super) fn arguments_in_from(&mut self, name: &str, arguments: &[FunctionArg]) -> Result<Vec<Typed>> {
        let list = ast::FunctionArgumentList { duplicate_treatment: None, args: arguments.to_vec(), clauses: vec![] };
        let arguments = self.arguments(name, &FunctionArguments::List(list))?;
        in_order(name, arguments)
    }
}

/// Named arguments in their places; those that are left out are as their defaults, which are zero.
fn in_order(name: &str, arguments: Arguments) -> Result<Vec<Typed>> {
    let Arguments { mut positional, named, .. } = arguments;
    if named.is_empty() {
        return Ok(positional);
    }
    let with_names = Catalogue::get().functions(name).iter().find(|function| !function.argument_names.is_empty());
    let Some(function) = with_names else {
        return Err(Error::Unsupported(format!("not supported: named arguments of {name}")));
    };
    let names = function.argument_names;
    positional.resize_with(names.len(), || super::literal::integer(0));
    for (argument, value) in named {
        let Some(place) = names.iter().position(|known| *known == argument) else {
            return Err(Error::Query(format!("function {name} has no argument named \"{argument}\"")));
        };
        positional[place] = value;
    }
    Ok(positional)
}

fn is_untyped(value: &ast::Value) -> bool {
    matches!(value, ast::Value::SingleQuotedString(_) | ast::Value::EscapedStringLiteral(_) | ast::Value::Null)
}

/// Refuses texts in quotes and NULL where nothing tells their type.
fn check_determined(name: &str, function: &Function, arguments: &[Typed]) -> Result<()> {
    let declared = function.argument_types(arguments.len()).unwrap_or_default();
    for (argument, declared) in arguments.iter().zip(declared) {
        match declared {
            _ if argument.pg_type != PgType::Unknown || argument.open_parameter().is_some() => {}
            // The same function takes arrays, too.
            PgType::AnyNonArray => return Err(no_function(name, &types(arguments), NotChosen::Ambiguous)),
            PgType::AnyElement => {
                return Err(Error::Query(
                    "could not determine polymorphic type because input has type unknown; cast it to its type"
                        .to_owned(),
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Why there is no such function.
pub(super) fn no_function(name: &str, types: &[PgType], why: NotChosen) -> Error {
    let types = types.iter().map(PgType::to_string).collect::<Vec<_>>().join(", ");
    match why {
        NotChosen::Ambiguous => {
            Error::Query(format!("function {name}({types}) is not unique; cast the arguments to their types"))
        }
        NotChosen::NoneFits => {
            Error::Query(format!("function {name}({types}) does not exist; explicit type casts might be needed"))
        }
        NotChosen::UnknownName => {
            let advice = nearest(name, Catalogue::get().function_names())
                .map(|known| format!("; did you mean {known}?"))
                .unwrap_or_default();
            Error::Unsupported(format!("function {name} does not exist, or is not supported{advice}"))
        }
    }
}
