//! Functions that return rows, in FROM and in a select list. Each gives an array, whose elements become rows.

use std::sync::Arc;

use datafusion::common::{Column, JoinType, NullHandling, TableReference, UnnestOptions};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, FunctionArg, Ident, TableAlias};

use super::Binder;
use super::call::no_function;
use super::clause::{Clause, Level, SetCall};
use super::collation::Derivation;
use super::from::{Source, rename};
use super::names::folded;
use super::scope::{Relation, Scope, ScopeColumn};
use super::typed::{Typed, types};
use crate::error::{Error, Result};
use crate::functions::{Catalogue, Chosen, Kind, ordinals};
use crate::pg_type::PgType;

/// What a function returns as rows.
struct Rows {
    /// The array of them.
    list: Expr,
    pg_type: PgType,
    /// The names of the columns, if it has some for them.
    columns: Vec<String>,
    collation: Derivation,
}

impl Binder<'_> {
    /// A function in a select list, which repeats the row for each of its own.
    pub(super) fn set_in_select(&mut self, chosen: &Chosen, arguments: Vec<Typed>) -> Result<Typed> {
        self.allow_set()?;
        let collation = Derivation::merged(&arguments)?;
        let list = self.set_list(chosen, arguments)?;
        let level = self.level()?;
        let column = level.set_names.unique(&format!("rows of {}", chosen.function.name));
        level.sets.push(SetCall { list, column: column.clone() });
        let rows = Expr::Column(Column::new_unqualified(column));
        Ok(Typed::new(rows, element(chosen)).with_collation(collation))
    }

    /// A function in FROM.
    pub(super) fn function_rows(
        &mut self,
        left: Source,
        name: &[Ident],
        arguments: &[FunctionArg],
        with_ordinality: bool,
        alias: Option<&TableAlias>,
        join_type: JoinType,
    ) -> Result<Source> {
        let name = name.last().map(folded).unwrap_or_default();
        self.levels.push(Level::new(left.1.clone(), Clause::From));
        let list = self.function_list(&name, arguments);
        self.levels.pop();
        self.rows(left, vec![list?], &name, with_ordinality, alias, join_type)
    }

    fn function_list(&mut self, name: &str, arguments: &[FunctionArg]) -> Result<Rows> {
        let arguments = self.arguments_in_from(name, arguments)?;
        let own = types(&arguments);
        let chosen = Catalogue::get().function(name, &own).map_err(|why| no_function(name, &own, why))?;
        match &chosen.function.kind {
            Kind::Set(_, columns) => {
                let columns = columns.iter().map(|&column| column.to_owned()).collect();
                let collation = Derivation::merged(&arguments)?;
                let list = self.set_list(&chosen, arguments)?;
                Ok(Rows { list, pg_type: element(&chosen), columns, collation })
            }
            // A function of values is one row.
            Kind::Scalar(_) => {
                let value = self.apply(&chosen, arguments)?;
                let list = datafusion::functions_nested::expr_fn::make_array(vec![value.expr]);
                Ok(Rows { list, pg_type: value.pg_type, columns: vec![], collation: value.collation })
            }
            _ => Err(Error::Query(format!("{name} is no function that returns rows"))),
        }
    }

    /// `unnest(a, b)`, which puts the elements of its arrays beside each other.
    pub(super) fn unnested_rows(
        &mut self,
        left: Source,
        arrays: &[ast::Expr],
        with_ordinality: bool,
        alias: Option<&TableAlias>,
        join_type: JoinType,
    ) -> Result<Source> {
        self.levels.push(Level::new(left.1.clone(), Clause::From));
        let lists = arrays
            .iter()
            .map(|array| {
                let array = self.expression(array)?;
                let own = vec![array.pg_type.clone()];
                let chosen =
                    Catalogue::get().function("unnest", &own).map_err(|why| no_function("unnest", &own, why))?;
                let collation = Derivation::merged([&array])?;
                let list = self.set_list(&chosen, vec![array])?;
                Ok(Rows { list, pg_type: element(&chosen), columns: vec![], collation })
            })
            .collect::<Result<Vec<_>>>();
        self.levels.pop();
        self.rows(left, lists?, "unnest", with_ordinality, alias, join_type)
    }

    /// The elements of lists beside every row of a plan.
    fn rows(
        &mut self,
        (plan, scope): Source,
        lists: Vec<Rows>,
        name: &str,
        with_ordinality: bool,
        alias: Option<&TableAlias>,
        join_type: JoinType,
    ) -> Result<Source> {
        self.count_nodes(1)?;
        let visible = alias.map_or_else(|| name.to_owned(), |alias| folded(&alias.name));
        // A function with one column lends its alias to it.
        let only = |names: &[String]| if names.is_empty() { visible.clone() } else { names[0].clone() };
        let qualifier = self.qualifiers.unique(&visible);
        let column = |name: String| Column::new_unqualified(name);
        let outer_names: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
        let mut projected = outer_names.clone();
        let mut unnested = vec![];
        let mut columns = vec![];
        for (number, Rows { list, pg_type, columns: names, collation }) in lists.iter().enumerate() {
            let internal = format!("{qualifier} rows {number}");
            projected.push(list.clone().alias(&internal));
            unnested.push(column(internal.clone()));
            let value = Typed::new(Expr::Column(column(internal)), pg_type.clone());
            let value = value.with_collation(collation.clone().of_result());
            match pg_type {
                PgType::Record(fields) if names.len() == fields.len() => {
                    for (index, name) in names.iter().enumerate() {
                        let field = super::record::get(&value, index).unwrap_or_else(Typed::null);
                        columns.push((name.clone(), field));
                    }
                }
                _ if lists.len() == 1 => columns.push((only(names), value)),
                _ => columns.push((name.to_owned(), value)),
            }
        }
        if with_ordinality {
            let internal = format!("{qualifier} ordinality");
            let longest: Vec<Expr> = lists.iter().map(|rows| rows.list.clone()).collect();
            projected.push(ordinals(longest).alias(&internal));
            unnested.push(column(internal.clone()));
            columns.push(("ordinality".to_owned(), Typed::new(Expr::Column(column(internal)), PgType::Int8)));
        }
        let null_handling = match join_type {
            JoinType::Left => NullHandling::PreserveAndExpandEmpty,
            _ => NullHandling::Drop,
        };
        let options = UnnestOptions { null_handling, recursions: vec![] };
        // What the lists were computed of keeps its names; what they become is put under the function's own.
        let unnested_plan =
            LogicalPlanBuilder::from(plan).project(projected)?.unnest_columns_with_options(unnested, options)?;
        let own = |name: &str| Column::new(Some(TableReference::bare(&*qualifier)), name);
        let mut internal = super::typed::Names::default();
        let mut shown = outer_names;
        let mut named = vec![];
        for (name, value) in columns {
            let unique = internal.unique(&name);
            shown.push(value.expr.alias_qualified(Some(TableReference::bare(&*qualifier)), &unique));
            named.push(ScopeColumn {
                relation: Some(0),
                name,
                pg_type: value.pg_type,
                metadata: None,
                collation: value.collation,
                expr: Expr::Column(own(&unique)),
                is_plain: true,
            });
        }
        let plan = unnested_plan.project(shown)?.build()?;
        let schema = Arc::clone(plan.schema());
        let is_value = named.len() == 1;
        let mut own = Scope {
            relations: vec![Relation {
                alias: visible,
                table: None,
                is_value,
                primary_key: vec![],
                has_unique_key: false,
            }],
            columns: named,
            schema: Arc::clone(&schema),
        };
        if let Some(alias) = alias {
            rename(&mut own, alias)?;
        }
        Ok((plan, scope.joined(own, schema)))
    }
}

/// The type of the rows.
fn element(chosen: &Chosen) -> PgType {
    match &chosen.returns {
        PgType::Array(element) => element.as_ref().clone(),
        other => other.clone(),
    }
}

/// A plan with the rows of the functions of a select list. Where one has fewer than another, NULL stands for the rest.
pub(super) fn with_sets(plan: LogicalPlan, sets: Vec<SetCall>) -> Result<LogicalPlan> {
    if sets.is_empty() {
        return Ok(plan);
    }
    let mut projected: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
    projected.extend(sets.iter().map(|set| set.list.clone().alias(&set.column)));
    let columns = sets.into_iter().map(|set| Column::new_unqualified(set.column)).collect();
    let options = UnnestOptions { null_handling: NullHandling::Drop, recursions: vec![] };
    Ok(LogicalPlanBuilder::from(plan).project(projected)?.unnest_columns_with_options(columns, options)?.build()?)
}
