//! A query: WITH, a SELECT or what combines several, ORDER BY and LIMIT.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::functions_window::rank::rank_udwf;
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    Expr, LogicalPlan, LogicalPlanBuilder, SortExpr, WindowFrame, WindowFunctionDefinition, lit,
};
use datafusion::sql::sqlparser::ast::{
    self, LimitClause, OrderByExpr, Query, SetExpr, SetOperator, SetQuantifier, Table, With,
};

use super::Binder;
use super::clause::{Clause, Level};
use super::decimals::beginning_with_decimals;
use super::names::folded;
use super::order::{self, items, resolved};
use super::scope::{Scope, ScopeColumn};
use super::select::change;
use super::typed::{BoundQuery, OutputColumn};
use crate::as_is::or_null;
use crate::error::{Error, Result};
use crate::pg_type::PgType;
use crate::recursive_steps::StepTable;

/// A WITH query.
#[derive(Debug, Clone)]
pub(super) struct Cte {
    pub(super) bound: BoundQuery,
    /// The nodes of its plan.
    pub(super) nodes: usize,
}

/// A query that is sorted. The plan may have further columns, which it is sorted by.
#[derive(Debug)]
pub(super) struct Ordered {
    pub(super) plan: LogicalPlan,
    pub(super) columns: Vec<OutputColumn>,
    pub(super) order: Vec<SortExpr>,
}

/// How many rows a query gives.
struct Limits {
    skip: Option<Expr>,
    fetch: Option<Expr>,
    with_ties: bool,
}

impl Binder<'_> {
    /// A query. Its columns may still be of an open type.
    pub(super) fn query(&mut self, query: &Query) -> Result<BoundQuery> {
        let Ordered { mut plan, columns, .. } = self.ordered_query(query)?;
        if plan.schema().fields().len() > columns.len() {
            let shown: Vec<Expr> = columns.iter().map(|column| column.typed().expr).collect();
            change(&mut plan, |builder| builder.project(shown))?;
        }
        Ok(BoundQuery { plan, columns })
    }

    /// A query whose open columns are texts.
    pub(super) fn settled_query(&mut self, query: &Query) -> Result<BoundQuery> {
        let bound = self.query(query)?;
        self.settled(bound)
    }

    pub(super) fn settled(&mut self, bound: BoundQuery) -> Result<BoundQuery> {
        if !bound.columns.iter().any(|column| column.pg_type.is_open()) {
            return Ok(bound);
        }
        let settled: Vec<OutputColumn> = bound
            .columns
            .iter()
            .map(|column| OutputColumn {
                pg_type: column.pg_type.clone().settled(),
                internal: Column::new_unqualified(&column.internal.name),
                ..column.clone()
            })
            .collect();
        let plan = self.as_columns(bound, &settled)?;
        Ok(BoundQuery { plan, columns: settled })
    }

    /// A query whose plan still has what it is sorted by.
    pub(super) fn ordered_query(&mut self, query: &Query) -> Result<Ordered> {
        refuse_other_dialects(query)?;
        self.ctes.push(HashMap::new());
        let bound = self.query_with_ctes(query);
        self.ctes.pop();
        bound
    }

    fn query_with_ctes(&mut self, query: &Query) -> Result<Ordered> {
        if let Some(with) = &query.with {
            self.with(with)?;
        }
        let order_by = items(query.order_by.as_ref())?;
        let mut ordered = match query.body.as_ref() {
            SetExpr::Select(select) => self.select(select, order_by)?,
            body => {
                let bound = self.set_expression(body)?;
                self.sorted(bound, order_by)?
            }
        };
        let limits = self.limits(query)?;
        limit(&mut ordered, limits)?;
        Ok(ordered)
    }

    pub(super) fn set_expression(&mut self, body: &SetExpr) -> Result<BoundQuery> {
        match body {
            SetExpr::Select(select) => {
                let Ordered { plan, columns, .. } = self.select(select, &[])?;
                Ok(BoundQuery { plan, columns })
            }
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                self.set_operation(*op, *set_quantifier, left, right)
            }
            SetExpr::Values(values) => self.values(values),
            SetExpr::Table(table) => self.whole_table(table),
            other => Err(Error::ReadOnly(other.to_string())),
        }
    }

    /// `TABLE name`.
    fn whole_table(&mut self, table: &Table) -> Result<BoundQuery> {
        let names: Vec<ast::Ident> =
            table.schema_name.iter().chain(&table.table_name).map(|name| ast::Ident::new(name.clone())).collect();
        let (mut plan, scope) = self.table(&names, None)?;
        let output = |column: &ScopeColumn| OutputColumn {
            name: column.name.clone(),
            pg_type: column.pg_type.clone(),
            metadata: column.metadata.clone(),
            collation: column.collation.clone(),
            internal: Column::new_unqualified(&column.name),
        };
        let columns = scope.columns.iter().map(output).collect();
        let named: Vec<Expr> = scope.columns.into_iter().map(|column| column.expr.alias(column.name)).collect();
        change(&mut plan, |builder| builder.project(named))?;
        Ok(BoundQuery { plan, columns })
    }

    /// The ORDER BY of a UNION or VALUES: it names columns of the result.
    fn sorted(&mut self, bound: BoundQuery, order_by: &[OrderByExpr]) -> Result<Ordered> {
        if order_by.is_empty() {
            return Ok(Ordered { plan: bound.plan, columns: bound.columns, order: vec![] });
        }
        let BoundQuery { mut plan, columns } = self.settled(bound)?;
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let mut order = Vec::with_capacity(order_by.len());
        let mut projected: Vec<Expr> = columns.iter().map(|column| column.typed().expr).collect();
        for (number, item) in order_by.iter().enumerate() {
            let value = match resolved(&item.expr, &names, "ORDER BY")? {
                order::Ordered::Column(place) => columns[place].typed(),
                order::Ordered::Expression(expression) => {
                    let scope = Scope {
                        relations: vec![],
                        columns: columns.iter().map(scope_column).collect(),
                        schema: Arc::clone(plan.schema()),
                    };
                    self.levels.push(Level::new(scope, Clause::OrderBy));
                    let value = self.expression(expression);
                    self.levels.pop();
                    value?
                }
            };
            let sort = self.with_direction(value, item)?;
            let expr = match &sort.value.expr {
                Expr::Column(_) if !sort.has_key() => sort.value.expr.clone(),
                other => {
                    let name = format!("order {number}");
                    projected.push(sort.key_of(other.clone()).alias(&name));
                    Expr::Column(Column::new_unqualified(name))
                }
            };
            order.push(SortExpr::new(expr, sort.ascending, sort.nulls_first));
        }
        if projected.len() > columns.len() {
            change(&mut plan, |builder| builder.project(projected))?;
        }
        change(&mut plan, |builder| builder.sort(order.clone()))?;
        Ok(Ordered { plan, columns, order })
    }

    fn limits(&mut self, query: &Query) -> Result<Limits> {
        let (mut fetch, mut skip) = (None, None);
        let mut with_ties = false;
        match &query.limit_clause {
            None => {}
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
                fetch = limit.as_ref().map(|limit| self.row_count(limit, "LIMIT")).transpose()?.flatten();
                skip = offset.as_ref().map(|offset| self.row_count(&offset.value, "OFFSET")).transpose()?.flatten();
            }
            Some(_) => {
                return Err(Error::Query(
                    "syntax error: LIMIT #,# syntax is not supported; use separate LIMIT and OFFSET clauses".to_owned(),
                ));
            }
        }
        if let Some(clause) = &query.fetch {
            if clause.percent {
                return Err(Error::Query("syntax error: FETCH FIRST ... PERCENT".to_owned()));
            }
            with_ties = clause.with_ties;
            fetch = match &clause.quantity {
                Some(quantity) => self.row_count(quantity, "LIMIT")?,
                None => Some(lit(1_i64)),
            };
        }
        Ok(Limits { skip, fetch, with_ties })
    }

    /// A number of rows; none for NULL and ALL.
    fn row_count(&mut self, expression: &ast::Expr, clause: &str) -> Result<Option<Expr>> {
        let empty = LogicalPlanBuilder::empty(true).build()?;
        self.levels.push(Level::new(Scope::empty(Arc::clone(empty.schema())), Clause::Limit));
        let typed = self.expression(expression).and_then(|typed| match typed.pg_type {
            PgType::Numeric | PgType::Float8 | PgType::Float4 => {
                self.cast(typed, &PgType::Int8, super::type_name::Modifier::None)
            }
            _ => self.coerce(typed, &PgType::Int8),
        });
        self.levels.pop();
        let typed = typed?;
        if !typed.expr.column_refs().is_empty() || typed.expr.contains_outer() {
            return Err(Error::Query(format!("argument of {clause} must not contain variables")));
        }
        match &typed.expr {
            Expr::Literal(value, _) if value.is_null() => Ok(None),
            Expr::Literal(ScalarValue::Int64(Some(..=-1)), _) => {
                Err(Error::Query(format!("{clause} must not be negative")))
            }
            _ => Ok(Some(typed.expr)),
        }
    }

    fn with(&mut self, with: &With) -> Result<()> {
        for cte in &with.cte_tables {
            let name = folded(&cte.alias.name);
            let columns: Vec<String> = cte.alias.columns.iter().map(|column| folded(&column.name)).collect();
            let is_recursive = with.recursive && super::query::names_itself(&cte.query, &name);
            let bound = match is_recursive {
                true => self.recursion(&name, &columns, &cte.query)?,
                false => self.settled_query(&cte.query)?,
            };
            let bound = renamed(bound, &columns, &name)?;
            let nodes = nodes_of(&bound.plan)?;
            let known = self.ctes.last_mut().and_then(|ctes| ctes.insert(name.clone(), Cte { bound, nodes }));
            if known.is_some() {
                return Err(Error::Query(format!("WITH query name \"{name}\" specified more than once")));
            }
        }
        Ok(())
    }

    pub(super) fn cte(&self, name: &str) -> Option<Cte> {
        self.ctes.iter().rev().find_map(|ctes| ctes.get(name)).cloned()
    }

    /// A WITH query that names itself: its first part begins, its second goes on from the rows of the step before.
    fn recursion(&mut self, name: &str, names: &[String], query: &Query) -> Result<BoundQuery> {
        let SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier, right } = query.body.as_ref() else {
            return Err(Error::Query(format!(
                "recursive query \"{name}\" does not have the form non-recursive-term UNION [ALL] recursive-term"
            )));
        };
        if query.order_by.is_some() || query.limit_clause.is_some() || query.fetch.is_some() {
            return Err(Error::Unsupported("not supported: ORDER BY or LIMIT in a recursive query".to_owned()));
        }
        self.ctes.push(HashMap::new());
        let bound = match &query.with {
            Some(with) => self.with(with),
            None => Ok(()),
        };
        let bound = bound.and_then(|()| self.recursive_parts(name, names, left, right, *set_quantifier));
        self.ctes.pop();
        bound
    }

    fn recursive_parts(
        &mut self,
        name: &str,
        names: &[String],
        left: &SetExpr,
        right: &SetExpr,
        quantifier: SetQuantifier,
    ) -> Result<BoundQuery> {
        let beginning = self.set_expression(left)?;
        let beginning = self.settled(beginning)?;
        let beginning = renamed(beginning, names, name)?;
        let BoundQuery { plan, columns } = beginning;
        let plan = beginning_with_decimals(plan, &columns)?;
        // The rows of the step before have the columns of the beginning, of which any may be NULL later.
        let fields: Vec<_> =
            plan.schema().fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
        let schema = Arc::new(arrow::datatypes::Schema::new(fields));
        let work_name = self.qualifiers.unique(&format!("{name} before"));
        let work_table = StepTable::new(&work_name, schema);
        let scan =
            LogicalPlanBuilder::scan(work_name.as_str(), provider_as_source(Arc::new(work_table)), None)?.build()?;
        let itself = BoundQuery { plan: scan, columns: columns.clone() };
        if let Some(ctes) = self.ctes.last_mut() {
            ctes.insert(name.to_owned(), Cte { bound: itself, nodes: 1 });
        }
        let step = self.set_expression(right)?;
        if times_read(&step.plan, &work_name)? > 1 {
            return Err(Error::Query(format!(
                "recursive reference to query \"{name}\" must not appear more than once"
            )));
        }
        if step.columns.len() != columns.len() {
            return Err(Error::Query("each UNION query must have the same number of columns".to_owned()));
        }
        for (number, (first, next)) in columns.iter().zip(&step.columns).enumerate() {
            let is_same = first.pg_type == next.pg_type || next.pg_type.is_open();
            if !is_same
                && crate::type_conversion::common_type(&[first.pg_type.clone(), next.pg_type.clone()])
                    != Some(first.pg_type.clone())
            {
                return Err(Error::Query(format!(
                    "recursive query \"{name}\" column {} has type {} in non-recursive term but type {} overall; cast \
                     the output of the non-recursive term to the correct type",
                    number + 1,
                    first.pg_type,
                    next.pg_type
                )));
            }
        }
        let is_distinct = quantifier != SetQuantifier::All;
        // DataFusion tells the rows apart by the values themselves.
        for column in columns.iter().chain(&step.columns) {
            if is_distinct && column.collation.equality(&column.pg_type)?.is_some() {
                return Err(Error::Unsupported(format!(
                    "not supported: UNION of the recursive query \"{name}\" by a nondeterministic collation, which column \
                     \"{}\" has; say UNION ALL, or COLLATE \"C\" in the query",
                    column.name
                )));
            }
        }
        let step = with_columns_or_null(self.as_columns(step, &columns)?)?;
        let plan = LogicalPlanBuilder::from(plan).to_recursive_query(work_name, step, is_distinct)?.build()?;
        Ok(BoundQuery { plan, columns })
    }
}

/// The plan with columns that may all be NULL, as they may in the rows that go on from them.
fn with_columns_or_null(mut plan: LogicalPlan) -> Result<LogicalPlan> {
    let columns = plan.schema().columns().into_iter();
    let columns: Vec<Expr> = columns
        .map(|column| {
            let name = column.name.clone();
            or_null(Expr::Column(column)).alias(name)
        })
        .collect();
    change(&mut plan, |builder| builder.project(columns))?;
    Ok(plan)
}

fn scope_column(column: &OutputColumn) -> ScopeColumn {
    ScopeColumn {
        relation: None,
        name: column.name.clone(),
        pg_type: column.pg_type.clone(),
        metadata: column.metadata.clone(),
        collation: column.collation.clone(),
        expr: column.typed().expr,
        is_plain: true,
    }
}

/// The columns under the names behind the name of a WITH query.
fn renamed(mut bound: BoundQuery, names: &[String], name: &str) -> Result<BoundQuery> {
    if names.len() > bound.columns.len() {
        return Err(Error::Query(format!(
            "WITH query \"{name}\" has {} columns available but {} columns specified",
            bound.columns.len(),
            names.len()
        )));
    }
    for (column, name) in bound.columns.iter_mut().zip(names) {
        column.name.clone_from(name);
    }
    Ok(bound)
}

/// How many nodes a plan and its subqueries have.
pub(super) fn nodes_of(plan: &LogicalPlan) -> Result<usize> {
    let mut nodes = 0;
    plan.apply_with_subqueries(|_| {
        nodes += 1;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(nodes)
}

/// How often a table is read in a plan and its subqueries.
fn times_read(plan: &LogicalPlan, name: &str) -> Result<usize> {
    let mut times = 0;
    plan.apply_with_subqueries(|node| {
        times += usize::from(matches!(node, LogicalPlan::TableScan(scan) if scan.table_name.table() == name));
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(times)
}

/// Whether a WITH query's text has its own name in a FROM.
pub(super) fn names_itself(query: &Query, name: &str) -> bool {
    use std::ops::ControlFlow;
    let found = ast::visit_relations(query, |relation| match super::names::parts(relation).as_slice() {
        [ident] if folded(ident) == name => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

fn limit(ordered: &mut Ordered, limits: Limits) -> Result<()> {
    let Limits { skip, fetch, with_ties } = limits;
    if with_ties && let Some(fetch) = &fetch {
        if ordered.order.is_empty() {
            return Err(Error::Query("WITH TIES cannot be specified without ORDER BY clause".to_owned()));
        }
        let rank = "rank";
        let window = Expr::WindowFunction(Box::new(WindowFunction {
            fun: WindowFunctionDefinition::WindowUDF(rank_udwf()),
            params: WindowFunctionParams {
                args: vec![],
                partition_by: vec![],
                order_by: ordered.order.clone(),
                // A rank looks at no frame, and DataFusion knows no RANGE over keys.
                window_frame: WindowFrame::new(Some(true)),
                filter: None,
                null_treatment: None,
                distinct: false,
            },
        }));
        let last = match &skip {
            Some(skip) => skip.clone() + fetch.clone(),
            None => fetch.clone(),
        };
        let within = Expr::Column(Column::new_unqualified(rank)).lt_eq(last);
        change(&mut ordered.plan, |builder| {
            builder.window(vec![window.alias(rank)])?.filter(within)?.sort(ordered.order.clone())
        })?;
        if skip.is_some() {
            change(&mut ordered.plan, |builder| builder.limit_by_expr(skip, None))?;
        }
        return Ok(());
    }
    if skip.is_some() || fetch.is_some() {
        change(&mut ordered.plan, |builder| builder.limit_by_expr(skip, fetch))?;
    }
    Ok(())
}

/// The parser knows clauses of other databases.
fn refuse_other_dialects(query: &Query) -> Result<()> {
    let is_plain = query.for_clause.is_none()
        && query.settings.is_none()
        && query.format_clause.is_none()
        && query.pipe_operators.is_empty();
    if is_plain {
        return Ok(());
    }
    Err(Error::Query("syntax error: the query has a clause that PostgreSQL does not know".to_owned()))
}
