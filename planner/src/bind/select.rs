//! SELECT: its clauses in the order in which they take effect.

use datafusion::common::Column;
use datafusion::functions_aggregate::first_last::first_value as first_in_order;
use datafusion::logical_expr::utils::find_window_exprs;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SortExpr};
use datafusion::sql::sqlparser::ast::{
    self, Distinct, OrderByExpr, Select, SelectItem, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::Binder;
use super::aggregation::{grouped, output_column, unaliased, with_columns, with_names_of_their_own};
use super::clause::{Clause, Level};
use super::names::{folded, of_unnamed, parts};
use super::order::{self, SortKey, resolved};
use super::query::Ordered;
use super::scope::ScopeColumn;
use super::series::with_sets;
use super::typed::{Names, OutputColumn, Typed};
use crate::error::{Error, Result};
use crate::functions::first_of_group;
use crate::pg_type::PgType;
use crate::statement::check_columns;

/// A column of the result.
struct Item {
    name: String,
    typed: Typed,
}

/// What the rows of a SELECT are sorted by: a column of the result, or an expression of its own.
enum Key {
    Item(usize, SortKey),
    Hidden(SortKey),
}

/// What rows are told apart by in DISTINCT ON, or sorted by, in the form in which it is compared. PostgreSQL tells columns of
/// the result apart by their places, though they have the same value.
#[derive(Debug, PartialEq)]
struct On {
    place: Option<usize>,
    form: Expr,
}

impl Binder<'_> {
    /// A SELECT with the ORDER BY of its query. The plan has the columns of the result, and behind them those that it
    /// is sorted by.
    pub(super) fn select(&mut self, select: &Select, order_by: &[OrderByExpr]) -> Result<Ordered> {
        refuse_other_dialects(select)?;
        let (mut plan, scope) = self.from(&select.from)?;
        self.levels.push(Level::new(scope, Clause::Where));
        let windows = self.named_windows(&select.named_window);
        let bound = windows.and_then(|()| self.select_in_scope(select, order_by, &mut plan));
        self.levels.pop();
        bound.map(|(columns, order)| Ordered { plan, columns, order })
    }

    fn select_in_scope(
        &mut self,
        select: &Select,
        order_by: &[OrderByExpr],
        plan: &mut LogicalPlan,
    ) -> Result<(Vec<OutputColumn>, Vec<SortExpr>)> {
        if let Some(condition) = &select.selection {
            let condition = self.within(Clause::Where, |binder| binder.condition(condition, "WHERE"))?;
            change(plan, |builder| builder.filter(condition))?;
        }
        let mut items = self.within(Clause::Select, |binder| binder.items(&select.projection))?;
        let names: Vec<String> = items.iter().map(|item| item.name.clone()).collect();
        let values: Vec<Typed> = items.iter().map(|item| item.typed.clone()).collect();
        let groups = self.group_by(&select.group_by, &values, &names)?;
        let mut having = match &select.having {
            Some(having) => Some(self.within(Clause::Having, |binder| binder.condition(having, "HAVING"))?),
            None => None,
        };
        let mut keys = self.within(Clause::OrderBy, |binder| binder.keys(order_by, &mut items, &names))?;
        let mut distinct_on = match &select.distinct {
            Some(Distinct::On(expressions)) => {
                self.within(Clause::DistinctOn, |binder| binder.distinct_on(expressions, &items, &names, &keys))?
            }
            _ => vec![],
        };
        let mut sets = std::mem::take(&mut self.level()?.sets);
        let level = self.level()?;
        let is_grouped = groups.is_some() || level.aggregates || having.is_some();
        let of_subqueries = std::mem::take(&mut level.outer_aggregates);
        let scope = level.scope.clone();
        if is_grouped {
            let mut all: Vec<&mut Expr> = items.iter_mut().map(|item| &mut item.typed.expr).collect();
            all.extend(having.iter_mut());
            all.extend(keys.iter_mut().map(|key| &mut key.sort_key_mut().value.expr));
            all.extend(distinct_on.iter_mut().map(|on| &mut on.form));
            all.extend(sets.iter_mut().map(|set| &mut set.list));
            *plan = grouped(plan.clone(), &scope, &groups.unwrap_or_default(), of_subqueries, &mut all)?;
        }
        if let Some(having) = having {
            change(plan, |builder| builder.filter(having))?;
        }
        {
            let mut all: Vec<&mut Expr> = items.iter_mut().map(|item| &mut item.typed.expr).collect();
            all.extend(keys.iter_mut().map(|key| &mut key.sort_key_mut().value.expr));
            all.extend(distinct_on.iter_mut().map(|on| &mut on.form));
            all.extend(sets.iter_mut().map(|set| &mut set.list));
            windowed(plan, &mut all)?;
        }
        *plan = with_sets(plan.clone(), sets)?;
        self.projected(select, plan, items, keys, distinct_on)
    }

    /// The columns of the result in a plan, without repetition if the query says so, and sorted.
    fn projected(
        &mut self,
        select: &Select,
        plan: &mut LogicalPlan,
        items: Vec<Item>,
        keys: Vec<Key>,
        distinct_on: Vec<On>,
    ) -> Result<(Vec<OutputColumn>, Vec<SortExpr>)> {
        let mut internal = Names::default();
        let mut projected = Vec::with_capacity(items.len());
        let mut columns = Vec::with_capacity(items.len());
        for item in items {
            // A column that keeps its name keeps its table's before it, so that subqueries can be told what they use of
            // it.
            let name = match &item.typed.expr {
                Expr::Column(column) if column.name == item.name => internal.unique(&item.name),
                // With a point it could be taken for a table's name and a column's.
                _ => internal.unique(&item.name.replace('.', "·")),
            };
            let (value, column) = match &item.typed.expr {
                Expr::Column(column) if column.name == name => (item.typed.expr.clone(), column.clone()),
                other => (other.clone().alias(&name), Column::new_unqualified(&name)),
            };
            projected.push(value);
            let Typed { pg_type, metadata, collation, .. } = item.typed;
            columns.push(OutputColumn { name: item.name, pg_type, metadata, collation, internal: column });
        }
        let mut order = Vec::with_capacity(keys.len());
        // What rows are sorted by, and the column that has it.
        let mut sorted: Vec<(On, Expr)> = Vec::with_capacity(keys.len());
        let shown = projected.len();
        let is_distinct = matches!(select.distinct, Some(Distinct::Distinct));
        for sort_key in keys {
            let place = match &sort_key {
                Key::Item(place, _) => Some(*place),
                Key::Hidden(_) => None,
            };
            let (value, sort_key) = match sort_key {
                // What is ordered by itself needs no column of its own, and what repeats itself has none.
                Key::Item(place, sort_key) if is_distinct || !sort_key.has_key() => {
                    (sort_key.key_of(columns[place].typed().expr), sort_key)
                }
                Key::Item(_, sort_key) | Key::Hidden(sort_key) => {
                    let name = internal.unique("order");
                    let value = sort_key.key_of(sort_key.value.expr.clone());
                    projected.push(value.alias(&name));
                    (Expr::Column(Column::new_unqualified(name)), sort_key)
                }
            };
            sorted.push((On { place, form: sort_key.key_of(sort_key.value.expr.clone()) }, value.clone()));
            order.push(SortExpr::new(value, sort_key.ascending, sort_key.nulls_first));
        }
        let hidden = projected.len() > shown;
        let mut on = vec![];
        for one in distinct_on {
            if let Some((_, column)) = sorted.iter().find(|(sorted, _)| *sorted == one) {
                on.push(column.clone());
                continue;
            }
            let expression = one.form;
            let known = projected.iter().find(|item| unaliased(item) == &expression);
            on.push(match known {
                Some(item) => output_column(item),
                None => {
                    let name = internal.unique("distinct");
                    projected.push(expression.alias(&name));
                    Expr::Column(Column::new_unqualified(name))
                }
            });
        }
        change(plan, |builder| builder.project(projected))?;
        match &select.distinct {
            Some(Distinct::Distinct) if hidden => {
                return Err(Error::Query(
                    "for SELECT DISTINCT, ORDER BY expressions must appear in select list".to_owned(),
                ));
            }
            Some(Distinct::Distinct) => *plan = distinct(plan.clone(), &columns)?,
            Some(Distinct::On(_)) => {
                if !order.iter().zip(&on).all(|(key, _)| on.contains(&key.expr)) {
                    return Err(Error::Query(
                        "SELECT DISTINCT ON expressions must match initial ORDER BY expressions".to_owned(),
                    ));
                }
                *plan = first_rows(plan.clone(), on.clone(), &order)?;
                if order.is_empty() {
                    // Nobody promises it, and PostgreSQL, which sorts to find the first rows, gives them so.
                    let sorted: Vec<SortExpr> = on.into_iter().map(|key| key.sort(true, false)).collect();
                    change(plan, |builder| builder.sort(sorted))?;
                }
            }
            Some(Distinct::All) | None => {}
        }
        if !order.is_empty() {
            change(plan, |builder| builder.sort(order.clone()))?;
        }
        Ok((columns, order))
    }

    fn items(&mut self, projection: &[SelectItem]) -> Result<Vec<Item>> {
        let mut items = Vec::with_capacity(projection.len());
        for item in projection {
            match item {
                SelectItem::UnnamedExpr(expression) => {
                    // `(row).*` is not known to the parser as such.
                    let typed = self.expression(expression)?;
                    items.push(Item { name: of_unnamed(expression), typed });
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    items.push(Item { name: folded(alias), typed: self.expression(expr)? });
                }
                SelectItem::Wildcard(options) => {
                    plain_wildcard(options)?;
                    let scope = &self.level()?.scope;
                    if scope.relations.is_empty() {
                        return Err(Error::Query("SELECT * with no tables specified is not valid".to_owned()));
                    }
                    items.extend(scope.columns.iter().filter(|column| column.is_plain).map(item_of));
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    plain_wildcard(options)?;
                    let scope = &self.level()?.scope;
                    let qualifier = parts(name);
                    match scope.relation(&qualifier) {
                        Some(relation) => items.extend(scope.columns_of(relation).map(item_of)),
                        None => {
                            let name = qualifier.iter().map(folded).collect::<Vec<_>>().join(".");
                            return Err(Error::Query(format!("missing FROM-clause entry for table \"{name}\"")));
                        }
                    }
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(row), options) => {
                    plain_wildcard(options)?;
                    let row = self.expression(row)?;
                    items.extend(fields_of(&row)?);
                }
                SelectItem::ExprWithAliases { .. } => {
                    return Err(Error::Query("an expression has several aliases".to_owned()));
                }
            }
        }
        check_columns("a SELECT", items.len())?;
        for item in &mut items {
            if item.typed.open_parameter().is_some() {
                item.typed = self.coerce(item.typed.clone(), &PgType::Text)?;
            }
        }
        Ok(items)
    }

    /// What an ORDER BY says. A constant in quotes among the items becomes a text, by which rows can be sorted.
    fn keys(&mut self, order_by: &[OrderByExpr], items: &mut [Item], names: &[String]) -> Result<Vec<Key>> {
        let mut keys = Vec::with_capacity(order_by.len());
        for item in order_by {
            keys.push(match resolved(&item.expr, names, "ORDER BY")? {
                order::Ordered::Column(place) => {
                    if items[place].typed.pg_type == PgType::Unknown {
                        items[place].typed = self.coerce(items[place].typed.clone(), &PgType::Text)?;
                    }
                    Key::Item(place, self.with_direction(items[place].typed.clone(), item)?)
                }
                order::Ordered::Expression(expression) => {
                    let value = self.expression(expression)?;
                    let value = match value.pg_type {
                        PgType::Unknown => self.coerce(value, &PgType::Text)?,
                        _ => value,
                    };
                    let place = items.iter().position(|known| known.typed.expr == value.expr);
                    let key = self.with_direction(value, item)?;
                    place.map_or_else(|| Key::Hidden(key.clone()), |place| Key::Item(place, key.clone()))
                }
            });
        }
        Ok(keys)
    }

    /// What DISTINCT ON says: by the same form that rows are sorted by, where they are.
    fn distinct_on(
        &mut self,
        expressions: &[ast::Expr],
        items: &[Item],
        names: &[String],
        keys: &[Key],
    ) -> Result<Vec<On>> {
        let mut on = Vec::with_capacity(expressions.len());
        for expression in expressions {
            let (typed, place) = match resolved(expression, names, "DISTINCT ON")? {
                order::Ordered::Column(place) => (items[place].typed.clone(), Some(place)),
                order::Ordered::Expression(expression) => {
                    let typed = self.expression(expression)?;
                    let place = items.iter().position(|known| known.typed.expr == typed.expr);
                    (typed, place)
                }
            };
            let form = match keys.iter().map(Key::sort_key).find(|key| key.is_of(&typed)) {
                Some(key) => key.key_of(typed.expr),
                None => typed.equality_key()?,
            };
            on.push(On { place, form });
        }
        Ok(on)
    }
}

impl Key {
    fn sort_key(&self) -> &SortKey {
        match self {
            Self::Item(_, key) | Self::Hidden(key) => key,
        }
    }

    fn sort_key_mut(&mut self) -> &mut SortKey {
        match self {
            Self::Item(_, key) | Self::Hidden(key) => key,
        }
    }
}

fn item_of(column: &ScopeColumn) -> Item {
    Item { name: column.name.clone(), typed: column.typed() }
}

/// `(row).*`.
fn fields_of(row: &Typed) -> Result<Vec<Item>> {
    let PgType::Record(fields) = &row.pg_type else {
        return Err(Error::Query(format!("type {} is not composite", row.pg_type)));
    };
    let typed = |index| {
        let part = super::record::parts_of(row).and_then(|parts| parts.into_iter().nth(index));
        part.or_else(|| super::record::get(row, index)).unwrap_or_else(Typed::null)
    };
    Ok(fields.iter().enumerate().map(|(index, (name, _))| Item { name: name.clone(), typed: typed(index) }).collect())
}

/// Changes a plan by a builder.
pub(super) fn change(
    plan: &mut LogicalPlan,
    by: impl FnOnce(LogicalPlanBuilder) -> datafusion::common::Result<LogicalPlanBuilder>,
) -> Result<()> {
    *plan = by(LogicalPlanBuilder::from(plan.clone()))?.build()?;
    Ok(())
}

/// Computes the window functions of expressions, which speak of their columns then.
fn windowed(plan: &mut LogicalPlan, expressions: &mut [&mut Expr]) -> Result<()> {
    let all: Vec<Expr> = expressions.iter().map(|expression| (**expression).clone()).collect();
    let windows = find_window_exprs(all.iter());
    if windows.is_empty() {
        return Ok(());
    }
    let windows = with_names_of_their_own(windows);
    let replaced: Vec<(Expr, Expr)> =
        windows.iter().map(|window| (unaliased(window).clone(), output_column(window))).collect();
    *plan = LogicalPlanBuilder::window_plan(plan.clone(), windows)?;
    for expression in expressions.iter_mut() {
        **expression = with_columns((**expression).clone(), &replaced)?;
    }
    Ok(())
}

/// The first row of each group, in an order.
fn first_rows(plan: LogicalPlan, on: Vec<Expr>, order: &[SortExpr]) -> Result<LogicalPlan> {
    let mut first = vec![];
    let mut columns = vec![];
    for (place, column) in plan.schema().columns().into_iter().enumerate() {
        let name = format!("first {place}");
        columns
            .push(Expr::Column(Column::new_unqualified(&name)).alias_qualified(column.relation.clone(), &column.name));
        first.push(first_of(Expr::Column(column), order.to_vec()).alias(name));
    }
    Ok(LogicalPlanBuilder::from(plan).aggregate(on, first)?.project(columns)?.build()?)
}

/// The value of the first of rows in an order, if they have one.
fn first_of(value: Expr, order: Vec<SortExpr>) -> Expr {
    if order.is_empty() { first_of_group(value) } else { first_in_order(value, order) }
}

/// Rows without repetition. Those of types whose equality is not that of their values in Arrow are told apart by a form
/// of them.
pub(super) fn distinct(plan: LogicalPlan, columns: &[OutputColumn]) -> Result<LogicalPlan> {
    for column in columns {
        if matches!(column.pg_type, PgType::Json | PgType::Jsonpath) {
            return Err(Error::Query(format!("could not identify an equality operator for type {}", column.pg_type)));
        }
    }
    match has_grouping_keys(columns)? {
        true => first_of_equals(plan, columns, None),
        false => Ok(LogicalPlanBuilder::from(plan).distinct()?.build()?),
    }
}

/// Whether rows can be equal and print differently.
pub(super) fn has_grouping_keys(columns: &[OutputColumn]) -> Result<bool> {
    for column in columns {
        if column.typed().grouping_key()?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Rows that are told apart by the forms by which they are grouped. Shown is one of the equal rows, in an order the first.
pub(super) fn first_of_equals(
    plan: LogicalPlan,
    columns: &[OutputColumn],
    order: Option<SortExpr>,
) -> Result<LogicalPlan> {
    let value = |column: &OutputColumn| column.typed().expr;
    let mut keys = vec![];
    let mut shown = vec![];
    for column in columns {
        match column.typed().grouping_key()? {
            Some(key) => {
                keys.push(key);
                let first = first_of(value(column), order.clone().into_iter().collect());
                shown.push(first.alias_qualified(column.internal.relation.clone(), &column.internal.name));
            }
            None => keys.push(value(column)),
        }
    }
    let plan = LogicalPlanBuilder::from(plan).aggregate(keys, shown)?;
    Ok(plan.project(columns.iter().map(value))?.build()?)
}

fn plain_wildcard(options: &WildcardAdditionalOptions) -> Result<()> {
    let WildcardAdditionalOptions { opt_ilike, opt_exclude, opt_except, opt_replace, opt_rename, .. } = options;
    let is_plain = opt_ilike.is_none()
        && opt_exclude.is_none()
        && opt_except.is_none()
        && opt_replace.is_none()
        && opt_rename.is_none();
    if is_plain { Ok(()) } else { Err(Error::Query("syntax error behind *".to_owned())) }
}

/// The parser knows clauses of other databases.
fn refuse_other_dialects(select: &Select) -> Result<()> {
    let is_plain = select.top.is_none()
        && select.lateral_views.is_empty()
        && select.prewhere.is_none()
        && select.connect_by.is_empty()
        && select.cluster_by.is_empty()
        && select.distribute_by.is_empty()
        && select.sort_by.is_empty()
        && select.qualify.is_none()
        && select.value_table_mode.is_none()
        && select.exclude.is_none();
    if is_plain {
        return Ok(());
    }
    Err(Error::Query("syntax error: the SELECT has a clause that PostgreSQL does not know".to_owned()))
}
