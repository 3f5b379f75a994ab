//! GROUP BY, aggregates and HAVING: the rows of a FROM become groups, and expressions speak of groups.

use std::collections::HashSet;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::utils::find_aggregate_exprs;
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, LogicalPlan, LogicalPlanBuilder, lit, when};
use datafusion::sql::sqlparser::ast::{Expr as Ast, GroupByExpr};

use super::Binder;
use super::clause::Clause;
use super::names::unnested;
use super::order::{Ordered, resolved};
use super::scope::{Found, Relation, Scope};
use super::subquery::operands_of_groups;
use super::typed::{Names, Typed};
use crate::error::{Error, Result};
use crate::functions::{first_of_group, first_value};
use crate::pg_type::PgType;
use crate::statement::check_columns;

/// PostgreSQL's limit of the sets that GROUPING SETS, ROLLUP and CUBE make.
const MAX_GROUPING_SETS: usize = 4_096;
/// Columns of all sets together. DataFusion tells sets by the bits of a number.
const MAX_COLUMNS_OF_SETS: usize = 64;
/// Keys of all sets together, each set having its own form of each key: those of the largest CUBE.
const MAX_KEYS_OF_SETS: usize = MAX_GROUPING_SETS * MAX_CUBE;
/// PostgreSQL's limit of the elements of a CUBE.
const MAX_CUBE: usize = 12;

/// What rows are grouped by.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// The expressions of all sets.
    pub(super) keys: Vec<Typed>,
    /// The sets, by the places of their keys. One set with all keys is an ordinary GROUP BY.
    pub(super) sets: Option<Vec<Vec<usize>>>,
}

impl Binder<'_> {
    /// The GROUP BY of a SELECT with these columns; none where it has none.
    pub(super) fn group_by(
        &mut self,
        group_by: &GroupByExpr,
        items: &[Typed],
        names: &[String],
    ) -> Result<Option<Groups>> {
        let GroupByExpr::Expressions(expressions, modifiers) = group_by else {
            return Err(Error::Unsupported("not supported: GROUP BY ALL".to_owned()));
        };
        if !modifiers.is_empty() {
            return Err(Error::Query("syntax error: WITH behind GROUP BY".to_owned()));
        }
        if expressions.is_empty() {
            return Ok(None);
        }
        let mut groups = Groups::default();
        let mut sets = vec![vec![]];
        let mut has_sets = false;
        for expression in expressions {
            has_sets |= matches!(expression, Ast::GroupingSets(_) | Ast::Rollup(_) | Ast::Cube(_));
            let alternatives = self.grouping_set(std::slice::from_ref(expression), items, names, &mut groups)?;
            if sets.len() * alternatives.len() > MAX_GROUPING_SETS {
                return Err(too_many_sets());
            }
            let combine = |set: &Vec<usize>| -> Vec<Vec<usize>> {
                alternatives.iter().map(|alternative| [set.as_slice(), alternative].concat()).collect()
            };
            sets = sets.iter().flat_map(combine).collect();
        }
        check_columns("a GROUP BY", groups.keys.len())?;
        if has_sets {
            if groups.keys.len() > MAX_COLUMNS_OF_SETS {
                return Err(Error::Unsupported(format!(
                    "not supported: {} columns in GROUPING SETS, ROLLUP or CUBE; at most {MAX_COLUMNS_OF_SETS} are",
                    groups.keys.len()
                )));
            }
            let keys = sets.len() * groups.keys.len();
            if keys > MAX_KEYS_OF_SETS {
                return Err(Error::TooLarge(format!(
                    "the grouping sets have {keys} keys together; at most {MAX_KEYS_OF_SETS} are allowed"
                )));
            }
            groups.sets = Some(sets.into_iter().map(without_repetition).collect());
        }
        Ok(Some(groups))
    }

    /// One element of GROUP BY or of GROUPING SETS, which may be several sets itself.
    fn grouping_set(
        &mut self,
        list: &[Ast],
        items: &[Typed],
        names: &[String],
        groups: &mut Groups,
    ) -> Result<Vec<Vec<usize>>> {
        match list {
            [Ast::Rollup(lists)] => {
                check_columns("a ROLLUP", lists.len())?;
                let parts = self.parts(lists, items, names, groups)?;
                Ok((0..=parts.len()).rev().map(|taken| parts[..taken].concat()).collect())
            }
            // More elements than that have too many sets.
            [Ast::Cube(lists)] if lists.len() > MAX_CUBE => Err(too_long_cube(lists.len())),
            [Ast::Cube(lists)] => Ok(cube(&self.parts(lists, items, names, groups)?)),
            [Ast::GroupingSets(lists)] => {
                let mut sets = vec![];
                for list in lists {
                    sets.extend(self.grouping_set(list, items, names, groups)?);
                    if sets.len() > MAX_GROUPING_SETS {
                        return Err(too_many_sets());
                    }
                    check_columns("a GROUP BY", groups.keys.len())?;
                }
                Ok(sets)
            }
            list => Ok(vec![self.group_keys(list, items, names, groups)?]),
        }
    }

    fn parts(
        &mut self,
        lists: &[Vec<Ast>],
        items: &[Typed],
        names: &[String],
        groups: &mut Groups,
    ) -> Result<Vec<Vec<usize>>> {
        lists.iter().map(|list| self.group_keys(list, items, names, groups)).collect()
    }

    /// The places of keys, which are added where they are new.
    fn group_keys(
        &mut self,
        list: &[Ast],
        items: &[Typed],
        names: &[String],
        groups: &mut Groups,
    ) -> Result<Vec<usize>> {
        let mut places = Vec::with_capacity(list.len());
        for expression in list {
            if let Ast::Tuple(inner) = expression {
                places.extend(self.group_keys(inner, items, names, groups)?);
                continue;
            }
            let key = self.group_key(expression, items, names)?;
            let known = groups.keys.iter().position(|other| other.expr == key.expr);
            places.push(known.unwrap_or(groups.keys.len()));
            if known.is_none() {
                groups.keys.push(key);
            }
        }
        Ok(places)
    }

    /// A name is first one of a column of the FROM, then of one of the result.
    fn group_key(&mut self, expression: &Ast, items: &[Typed], names: &[String]) -> Result<Typed> {
        let is_input = match unnested(expression) {
            Ast::Identifier(ident) => {
                matches!(self.level()?.scope.find(std::slice::from_ref(ident))?, Some(Found::Column(_)))
            }
            _ => false,
        };
        let key = match resolved(expression, names, "GROUP BY")? {
            Ordered::Column(place) if !is_input => {
                let item = items[place].clone();
                if has_aggregate(&item.expr) {
                    return Err(Error::Query("aggregate functions are not allowed in GROUP BY".to_owned()));
                }
                item
            }
            _ => self.within(Clause::GroupBy, |binder| binder.expression(expression))?,
        };
        match key.pg_type {
            PgType::Unknown => self.coerce(key, &PgType::Text),
            PgType::Json | PgType::Jsonpath => {
                Err(Error::Query(format!("could not identify an equality operator for type {}", key.pg_type)))
            }
            _ => Ok(key),
        }
    }
}

fn too_many_sets() -> Error {
    Error::TooLarge(format!("too many grouping sets are present; at most {MAX_GROUPING_SETS} are allowed"))
}

fn too_long_cube(elements: usize) -> Error {
    Error::TooLarge(format!("a CUBE has {elements} elements; at most {MAX_CUBE} are allowed"))
}

/// All subsets of at most [`MAX_CUBE`] parts.
fn cube(parts: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let chosen = |mask: usize| {
        let taken = parts.iter().enumerate().filter(|(place, _)| mask & (1 << place) != 0);
        taken.flat_map(|(_, part)| part.iter().copied()).collect()
    };
    (0..1_usize << parts.len()).rev().map(chosen).collect()
}

fn without_repetition(set: Vec<usize>) -> Vec<usize> {
    let mut kept = Vec::with_capacity(set.len());
    for place in set {
        if !kept.contains(&place) {
            kept.push(place);
        }
    }
    kept
}

pub(super) fn has_aggregate(expression: &Expr) -> bool {
    expression.exists(|part| Ok(matches!(part, Expr::AggregateFunction(_)))).unwrap_or(false)
}

/// Groups the rows of a plan. The expressions are changed to speak of the groups; `of_subqueries` are aggregates that
/// subqueries in them know by their names.
pub(super) fn grouped(
    input: LogicalPlan,
    scope: &Scope,
    groups: &Groups,
    of_subqueries: Vec<Expr>,
    expressions: &mut [&mut Expr],
) -> Result<LogicalPlan> {
    let all: Vec<Expr> = expressions.iter().map(|expression| (**expression).clone()).collect();
    let mut aggregates = find_aggregate_exprs(all.iter());
    aggregates.extend(of_subqueries);
    // A key whose equality is not that of its values in Arrow is grouped by a form of it, and shown by one of its
    // values.
    let mut keys: Vec<Expr> = Vec::with_capacity(groups.keys.len());
    let mut names = Names::default();
    let mut replaced: Vec<(Expr, Expr)> = vec![];
    let mut forms: Vec<(Expr, Expr)> = vec![];
    // Rows with one primary key are one group whatever else of their table they are grouped by.
    let needless: HashSet<&Expr> = match groups.sets {
        None if !aggregates.iter().any(is_grouping) => determined(scope, &groups.keys, |known| known.has_unique_key),
        _ => HashSet::new(),
    };
    for key in groups.keys.iter().filter(|key| !needless.contains(&key.expr)) {
        match key.grouping_key()? {
            Some(form) => {
                let (shown, column) = match groups.sets {
                    None => {
                        let shown = first_of_group(key.expr.clone());
                        let column = output_column(&shown);
                        (shown, column)
                    }
                    // A set that does not group by the key has NULL for it, and an empty one has a row of no rows.
                    Some(_) => {
                        let shown = first_value(key.expr.clone());
                        let column = when(output_column(&form).is_not_null(), output_column(&shown)).end()?;
                        (shown, column)
                    }
                };
                replaced.push((key.expr.clone(), column));
                aggregates.push(shown);
                forms.push((key.expr.clone(), form.clone()));
                keys.push(form);
            }
            None => {
                // A subquery is called like its column, which one of the tables or another key may have too.
                let expr = match key.expr.exists(|part| Ok(matches!(part, Expr::ScalarSubquery(_))))? {
                    true => key.expr.clone().alias(names.unique("value of a subquery")),
                    false => key.expr.clone(),
                };
                replaced.push((key.expr.clone(), output_column(&expr)));
                keys.push(expr);
            }
        }
    }
    if groups.keys.is_empty() && aggregates.is_empty() {
        // One group of all rows.
        aggregates.push(count_udaf().call(vec![lit(1_i64)]));
    }
    let aggregates = with_names_of_their_own(aggregates);
    for aggregate in &aggregates {
        replaced.push((unaliased(aggregate).clone(), output_column(aggregate)));
    }
    if groups.sets.is_none() {
        // What depends on a primary key among the keys may stand beside it.
        for column in used(&determined(scope, &groups.keys, |_| true), &all, &replaced)? {
            replaced.push((column.clone(), column.clone()));
            keys.push(column);
        }
    }
    let group_expr = match &groups.sets {
        None => keys,
        Some(sets) => {
            let set = |places: &Vec<usize>| places.iter().map(|&place| keys[place].clone()).collect();
            vec![Expr::GroupingSet(GroupingSet::GroupingSets(sets.iter().map(set).collect()))]
        }
    };
    let aggregates = aggregates.into_iter().map(|aggregate| of_forms(aggregate, &forms)).collect::<Result<Vec<_>>>()?;
    let plan = LogicalPlanBuilder::from(input).aggregate(group_expr, aggregates)?.build()?;
    let plan = with_keys_of_subqueries(plan, &all, &forms, &replaced)?;
    for expression in expressions.iter_mut() {
        let of_groups = operands_of_groups((**expression).clone(), &replaced, scope, plan.schema())?;
        **expression = with_columns(of_groups, &replaced)?;
        check_grouped(expression, plan.schema(), scope, &replaced)?;
    }
    Ok(plan)
}

/// The groups, with keys that are grouped by another form as subqueries know them: by the name of their column.
fn with_keys_of_subqueries(
    plan: LogicalPlan,
    expressions: &[Expr],
    forms: &[(Expr, Expr)],
    replaced: &[(Expr, Expr)],
) -> Result<LogicalPlan> {
    let mut used: Vec<Expr> = vec![];
    for expression in expressions {
        each_part(expression, |part, is_in_subquery| {
            if is_in_subquery && forms.iter().any(|(key, _)| key == part) && !used.contains(part) {
                used.push(part.clone());
            }
        })?;
    }
    if used.is_empty() {
        return Ok(plan);
    }
    // What `grouping` becomes has the number of the set no more.
    let is_known = |column: &Column| column.name != Aggregate::INTERNAL_GROUPING_ID;
    let columns = plan.schema().columns().into_iter().filter(is_known);
    let mut columns: Vec<Expr> = columns.map(Expr::Column).collect();
    for key in used {
        if let Expr::Column(Column { relation, name, .. }) = &key {
            columns.push(with_columns(key.clone(), replaced)?.alias_qualified(relation.clone(), name));
        }
    }
    Ok(LogicalPlanBuilder::from(plan).project(columns)?.build()?)
}

/// Whether it is the function that tells which keys a set has.
fn is_grouping(aggregate: &Expr) -> bool {
    matches!(unaliased(aggregate), Expr::AggregateFunction(function) if function.func.name() == "grouping")
}

/// The aggregate; `grouping` of the forms of keys.
fn of_forms(aggregate: Expr, forms: &[(Expr, Expr)]) -> Result<Expr> {
    match unaliased(&aggregate) {
        Expr::AggregateFunction(function) if is_grouping(&aggregate) && !forms.is_empty() => {
            let name = aggregate.schema_name().to_string();
            let mut grouping = function.clone();
            for argument in &mut grouping.params.args {
                if let Some((_, form)) = forms.iter().find(|(key, _)| key == argument) {
                    *argument = form.clone();
                }
            }
            Ok(Expr::AggregateFunction(grouping).alias(name))
        }
        _ => Ok(aggregate),
    }
}

/// The columns that primary keys among the keys determine, of some of the relations: all others of their tables.
fn determined<'a>(scope: &'a Scope, keys: &[Typed], of: fn(&Relation) -> bool) -> HashSet<&'a Expr> {
    let is_key = |column: &Column| keys.iter().any(|key| matches!(&key.expr, Expr::Column(key) if key == column));
    let is_grouped = |relation: &Relation| {
        of(relation) && !relation.primary_key.is_empty() && relation.primary_key.iter().all(is_key)
    };
    let others = |(number, relation): (usize, &'a Relation)| {
        let is_of_key = |expr: &Expr| matches!(expr, Expr::Column(column) if relation.primary_key.contains(column));
        scope.columns_of(number).map(|column| &column.expr).filter(move |expr| !is_of_key(expr))
    };
    scope.relations.iter().enumerate().filter(|(_, relation)| is_grouped(relation)).flat_map(others).collect()
}

/// Those of the columns that expressions use outside of what is replaced.
fn used(columns: &HashSet<&Expr>, expressions: &[Expr], replaced: &[(Expr, Expr)]) -> Result<Vec<Expr>> {
    let mut used: Vec<Expr> = vec![];
    if columns.is_empty() {
        return Ok(used);
    }
    for expression in expressions {
        each_part(&with_columns(expression.clone(), replaced)?, |part, _| {
            let is_known = || replaced.iter().any(|(known, _)| known == part);
            if columns.contains(part) && !used.contains(part) && !is_known() {
                used.push(part.clone());
            }
        })?;
    }
    Ok(used)
}

/// The column that an expression of a node is for those above.
pub(super) fn output_column(expression: &Expr) -> Expr {
    match expression {
        Expr::Column(_) => expression.clone(),
        other => Expr::Column(Column::new_unqualified(other.schema_name().to_string())),
    }
}

/// Expressions of which no two have the same name: casts do not show in names.
pub(super) fn with_names_of_their_own(expressions: Vec<Expr>) -> Vec<Expr> {
    let mut names = Names::default();
    let named = |expression: Expr| {
        let name = expression.schema_name().to_string();
        let own = names.unique(&name);
        if own == name { expression } else { expression.alias(own) }
    };
    expressions.into_iter().map(named).collect()
}

pub(super) fn unaliased(expression: &Expr) -> &Expr {
    match expression {
        Expr::Alias(alias) => &alias.expr,
        other => other,
    }
}

/// The expression with some of its parts replaced by columns.
pub(super) fn with_columns(expression: Expr, replaced: &[(Expr, Expr)]) -> Result<Expr> {
    let replace = |part: Expr| {
        Ok(match replaced.iter().find(|(known, _)| *known == part) {
            Some((_, column)) => Transformed::new(column.clone(), true, TreeNodeRecursion::Jump),
            None => Transformed::no(part),
        })
    };
    Ok(expression.transform_down(replace)?.data)
}

/// Calls for each part of an expression, and for the columns that its subqueries use of this query, which are told
/// from its own.
fn each_part(expression: &Expr, mut visit: impl FnMut(&Expr, bool)) -> Result<()> {
    expression.apply(|part| {
        visit(part, false);
        let (Expr::ScalarSubquery(subquery)
        | Expr::Exists(Exists { subquery, .. })
        | Expr::InSubquery(InSubquery { subquery, .. })
        | Expr::SetComparison(SetComparison { subquery, .. })) = part
        else {
            return Ok(TreeNodeRecursion::Continue);
        };
        subquery.subquery.apply_with_subqueries(|node| {
            node.apply_expressions(|expression| {
                expression.apply(|part| {
                    if let Expr::OuterReferenceColumn(_, column) = part {
                        visit(&Expr::Column(column.clone()), true);
                    }
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })
    })?;
    Ok(())
}

fn check_grouped(expression: &Expr, schema: &DFSchema, scope: &Scope, replaced: &[(Expr, Expr)]) -> Result<()> {
    let mut wrong: Option<(Column, bool)> = None;
    each_part(expression, |part, is_in_subquery| {
        if let Expr::Column(column) = part
            && wrong.is_none()
            && !schema.has_column(column)
            && scope.schema.has_column(column)
            && !replaced.iter().any(|(known, _)| known == part)
        {
            wrong = Some((column.clone(), is_in_subquery));
        }
    })?;
    match wrong {
        None => Ok(()),
        Some((column, is_in_subquery)) => {
            let named = scope.columns.iter().find(|known| matches!(&known.expr, Expr::Column(own) if *own == column));
            let name = named.map_or_else(
                || column.name.clone(),
                |known| {
                    let relation = known.relation.map(|relation| format!("{}.", scope.relations[relation].alias));
                    format!("{}{}", relation.unwrap_or_default(), known.name)
                },
            );
            Err(Error::Query(match is_in_subquery {
                true => format!("subquery uses ungrouped column \"{name}\" from outer query"),
                false => {
                    format!("column \"{name}\" must appear in the GROUP BY clause or be used in an aggregate function")
                }
            }))
        }
    }
}
