//! FROM: tables, subqueries, functions, and their joins.

use std::sync::Arc;

use datafusion::common::{Column, JoinType, TableReference};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{
    Ident, Join, JoinConstraint, JoinOperator, Query, TableAlias, TableFactor, TableFunctionArgs, TableWithJoins,
};
use rail_forge_connectors::{COLLATION, Collation, POSTGRES_TYPE, TableName};

use super::clause::{Clause, Level};
use super::collation::Derivation;
use super::names::{folded, parts};
use super::query::Cte;
use super::scope::{Relation, Scope, ScopeColumn};
use super::subquery::subquery_of;
use super::typed::{BoundQuery, Metadata};
use super::{Binder, KnownTable};
use crate::error::{Error, Result};
use crate::pg_type::PgType;

/// Columns of all tables of a FROM together. Every join has a list of those before it.
const MAX_WIDTH: usize = 16_640;

fn check_width(source: Source) -> Result<Source> {
    let columns = source.1.columns.len();
    if columns > MAX_WIDTH {
        return Err(Error::TooLarge(format!("a FROM has {columns} columns; at most {MAX_WIDTH} are allowed")));
    }
    Ok(source)
}

/// A plan and what its columns are called.
pub(super) type Source = (LogicalPlan, Scope);

impl Binder<'_> {
    /// The relations of a FROM, joined.
    pub(super) fn from(&mut self, from: &[TableWithJoins]) -> Result<Source> {
        let mut joined: Option<Source> = None;
        for table in from {
            joined = Some(match joined {
                None => self.table_with_joins(table, None)?,
                Some(left) if self.needs_left(&table.relation) => self.table_with_joins(table, Some(left))?,
                Some(left) => {
                    let right = self.table_with_joins_after(table, &left)?;
                    check_width(cross(left, right)?)?
                }
            });
        }
        match joined {
            Some(source) => Ok(source),
            None => {
                let plan = LogicalPlanBuilder::empty(true).build()?;
                let scope = Scope::empty(Arc::clone(plan.schema()));
                Ok((plan, scope))
            }
        }
    }

    /// Functions see the relations before them, LATERAL or not.
    fn needs_left(&self, factor: &TableFactor) -> bool {
        matches!(
            factor,
            TableFactor::Function { .. } | TableFactor::UNNEST { .. } | TableFactor::Table { args: Some(_), .. }
        )
    }

    /// A relation and what is joined to it; functions that begin it are evaluated for every row of `left`.
    fn table_with_joins(&mut self, table: &TableWithJoins, left: Option<Source>) -> Result<Source> {
        let mut source = match left {
            Some(left) => self.beside(left, &table.relation, JoinType::Inner)?,
            None => self.factor(&table.relation)?,
        };
        for join in &table.joins {
            source = check_width(self.join(source, join)?)?;
        }
        Ok(source)
    }

    /// The same for one that begins with a table or a subquery, which sees `left` if it is LATERAL.
    fn table_with_joins_after(&mut self, table: &TableWithJoins, left: &Source) -> Result<Source> {
        let TableFactor::Derived { lateral: true, .. } = &table.relation else {
            return self.table_with_joins(table, None);
        };
        let mut source = self.lateral(&table.relation, left)?;
        for join in &table.joins {
            source = check_width(self.join(source, join)?)?;
        }
        Ok(source)
    }

    /// A subquery that sees the relations before it.
    fn lateral(&mut self, factor: &TableFactor, left: &Source) -> Result<Source> {
        self.levels.push(Level::new(left.1.clone(), Clause::From));
        let bound = self.factor(factor);
        self.levels.pop();
        let (plan, scope) = bound?;
        if plan.all_out_ref_exprs().is_empty() {
            return Ok((plan, scope));
        }
        let plan = match plan {
            LogicalPlan::SubqueryAlias(alias) => {
                LogicalPlanBuilder::from(LogicalPlan::Subquery(subquery_of(Arc::unwrap_or_clone(alias.input))))
                    .alias(alias.alias)?
                    .build()?
            }
            plan => LogicalPlan::Subquery(subquery_of(plan)),
        };
        Ok((plan, scope))
    }

    fn join(&mut self, left: Source, join: &Join) -> Result<Source> {
        let (join_type, constraint) = match &join.join_operator {
            JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => (JoinType::Inner, constraint),
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (JoinType::Left, constraint),
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (JoinType::Right, constraint),
            JoinOperator::FullOuter(constraint) => (JoinType::Full, constraint),
            JoinOperator::CrossJoin(_) => (JoinType::Inner, &JoinConstraint::None),
            _ => return Err(Error::Query("syntax error: a kind of join that PostgreSQL does not know".to_owned())),
        };
        let is_lateral = self.needs_left(&join.relation);
        if is_lateral && is_true(constraint) && matches!(join_type, JoinType::Inner | JoinType::Left) {
            return self.beside(left, &join.relation, join_type);
        }
        let right = match &join.relation {
            TableFactor::Derived { lateral: true, .. } => self.lateral(&join.relation, &left)?,
            relation => self.factor(relation)?,
        };
        match constraint {
            JoinConstraint::None if matches!(join.join_operator, JoinOperator::CrossJoin(_)) => cross(left, right),
            JoinConstraint::None => Err(Error::Query("syntax error: a JOIN without ON or USING".to_owned())),
            JoinConstraint::On(condition) => {
                let (left_plan, left_scope) = left;
                let (right_plan, right_scope) = right;
                // The condition sees both sides.
                let both = LogicalPlanBuilder::from(left_plan.clone()).cross_join(right_plan.clone())?.build()?;
                let scope = left_scope.joined(right_scope, Arc::clone(both.schema()));
                self.levels.push(Level::new(scope.clone(), Clause::JoinCondition));
                let condition = self.condition(condition, "JOIN/ON");
                self.levels.pop();
                let plan = LogicalPlanBuilder::from(left_plan).join_on(right_plan, join_type, [condition?])?.build()?;
                let schema = Arc::clone(plan.schema());
                Ok((plan, Scope { schema, ..scope }))
            }
            JoinConstraint::Using(names) => {
                let names: Vec<String> = names.iter().filter_map(|name| parts(name).last().map(folded)).collect();
                self.join_using(left, right, join_type, &names)
            }
            JoinConstraint::Natural => {
                let plain = |scope: &Scope| -> Vec<String> {
                    scope.columns.iter().filter(|column| column.is_plain).map(|column| column.name.clone()).collect()
                };
                let others = plain(&right.1);
                let names: Vec<String> = plain(&left.1).into_iter().filter(|name| others.contains(name)).collect();
                if names.is_empty() { cross(left, right) } else { self.join_using(left, right, join_type, &names) }
            }
        }
    }

    /// Columns of the same name on both sides are one, and come first.
    fn join_using(&mut self, left: Source, right: Source, join_type: JoinType, names: &[String]) -> Result<Source> {
        let (left_plan, left_scope) = left;
        let (right_plan, right_scope) = right;
        let both = LogicalPlanBuilder::from(left_plan.clone()).cross_join(right_plan.clone())?.build()?;
        let mut conditions = Vec::with_capacity(names.len());
        let mut merged = Vec::with_capacity(names.len());
        let left_columns = left_scope.columns.len();
        let mut scope = left_scope.joined(right_scope, Arc::clone(both.schema()));
        for name in names {
            let find = |columns: &[ScopeColumn], side: &str| -> Result<usize> {
                let mut named =
                    columns.iter().enumerate().filter(|(_, column)| column.is_plain && column.name == *name);
                match (named.next(), named.next()) {
                    (Some((place, _)), None) => Ok(place),
                    (None, _) => Err(Error::Query(format!(
                        "column \"{name}\" specified in USING clause does not exist in {side} table"
                    ))),
                    _ => Err(Error::Query(format!(
                        "common column name \"{name}\" appears more than once in {side} table"
                    ))),
                }
            };
            let (left_side, right_side) = scope.columns.split_at(left_columns);
            let (place, other) = (find(left_side, "left")?, find(right_side, "right")? + left_columns);
            let (one, two) = (scope.columns[place].typed(), scope.columns[other].typed());
            let value = match join_type {
                JoinType::Right if one.pg_type == two.pg_type => two.clone(),
                JoinType::Inner | JoinType::Left if one.pg_type != two.pg_type => {
                    self.levels.push(Level::new(scope.clone(), Clause::JoinCondition));
                    let value = self.unified(vec![one.clone(), two.clone()], "JOIN/USING");
                    self.levels.pop();
                    value?.0.swap_remove(0)
                }
                JoinType::Right => {
                    self.levels.push(Level::new(scope.clone(), Clause::JoinCondition));
                    let value = self.unified(vec![two.clone(), one.clone()], "JOIN/USING");
                    self.levels.pop();
                    value?.0.swap_remove(0)
                }
                JoinType::Full => {
                    self.levels.push(Level::new(scope.clone(), Clause::JoinCondition));
                    let value = self.coalesce(vec![one.clone(), two.clone()]);
                    self.levels.pop();
                    value?
                }
                _ => one.clone(),
            };
            self.levels.push(Level::new(scope.clone(), Clause::JoinCondition));
            let equal = self.operator("=", vec![one, two]);
            self.levels.pop();
            conditions.push(equal?.expr);
            for place in [place, other] {
                scope.columns[place].is_plain = false;
            }
            merged.push(ScopeColumn {
                relation: None,
                name: name.clone(),
                pg_type: value.pg_type,
                metadata: value.metadata,
                collation: value.collation,
                expr: value.expr,
                is_plain: true,
            });
        }
        scope.columns.splice(0..0, merged);
        let plan = LogicalPlanBuilder::from(left_plan).join_on(right_plan, join_type, conditions)?.build()?;
        let schema = Arc::clone(plan.schema());
        Ok((plan, Scope { schema, ..scope }))
    }

    fn factor(&mut self, factor: &TableFactor) -> Result<Source> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => self.table(&parts(name), alias.as_ref()),
            TableFactor::Derived { subquery, alias, .. } => self.derived(subquery, alias.as_ref()),
            TableFactor::NestedJoin { table_with_joins, alias: None } => self.table_with_joins(table_with_joins, None),
            TableFactor::NestedJoin { table_with_joins, alias: Some(alias) } => {
                let (plan, scope) = self.table_with_joins(table_with_joins, None)?;
                // The columns are reached by the alias alone.
                let columns: Vec<ScopeColumn> = scope
                    .columns
                    .into_iter()
                    .filter(|column| column.is_plain)
                    .map(|column| ScopeColumn { relation: Some(0), ..column })
                    .collect();
                let relation = Relation {
                    alias: folded(&alias.name),
                    table: None,
                    is_value: false,
                    primary_key: vec![],
                    has_unique_key: false,
                };
                let mut scope = Scope { relations: vec![relation], columns, schema: scope.schema };
                rename(&mut scope, alias)?;
                Ok((plan, scope))
            }
            TableFactor::Function { .. } | TableFactor::UNNEST { .. } | TableFactor::Table { .. } => {
                let plan = LogicalPlanBuilder::empty(true).build()?;
                let scope = Scope::empty(Arc::clone(plan.schema()));
                self.beside((plan, scope), factor, JoinType::Inner)
            }
            other => Err(Error::Unsupported(format!("not supported: {other} in FROM"))),
        }
    }

    /// The rows of a function, beside every row that it is called for.
    fn beside(&mut self, left: Source, factor: &TableFactor, join_type: JoinType) -> Result<Source> {
        match factor {
            TableFactor::Function { name, args, with_ordinality, alias, .. } => {
                self.function_rows(left, &parts(name), args, *with_ordinality, alias.as_ref(), join_type)
            }
            TableFactor::Table { name, alias, args: Some(TableFunctionArgs { args, .. }), with_ordinality, .. } => {
                self.function_rows(left, &parts(name), args, *with_ordinality, alias.as_ref(), join_type)
            }
            TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } => {
                self.unnested_rows(left, array_exprs, *with_ordinality, alias.as_ref(), join_type)
            }
            other => Err(Error::Internal(format!("no function: {other}").into())),
        }
    }

    /// A table, or a WITH query.
    pub(super) fn table(&mut self, name: &[Ident], alias: Option<&TableAlias>) -> Result<Source> {
        if let [name] = name
            && let Some(cte) = self.cte(&folded(name))
        {
            return self.cte_source(&folded(name), cte, alias);
        }
        let full = self.full_name(name)?;
        let Some(KnownTable { source, schema, primary_key, has_unique_key, collation }) = self.tables.get(&full) else {
            return Err(Error::UnknownTable(format!("table {full} does not exist")));
        };
        self.count_nodes(1)?;
        let reference = TableReference::full(&*full.catalog, &*full.schema, &*full.table);
        let scan = LogicalPlanBuilder::scan(reference, Arc::clone(source), None)?.build()?;
        let visible = alias.map_or_else(|| full.table.clone(), |alias| folded(&alias.name));
        let qualifier = self.qualifiers.unique(&visible);
        // The manifest knows more of a column than the plan.
        let fields: Vec<(&String, PgType, Option<Metadata>, Derivation)> = schema
            .fields()
            .iter()
            .zip(scan.schema().fields())
            .map(|(known, field)| {
                let name = known.metadata().get(POSTGRES_TYPE).map(String::as_str);
                let pg_type = PgType::of_column(name, field.data_type());
                let collation = self.collation_of_column(Collation::of_field(known), collation.as_ref(), &pg_type);
                let mut metadata = known.metadata().clone();
                metadata.remove(COLLATION);
                let metadata = (!metadata.is_empty()).then(|| Arc::new(metadata));
                (known.name(), pg_type, metadata, collation)
            })
            .collect();
        let plan = LogicalPlanBuilder::from(scan).alias(TableReference::bare(&*qualifier))?.build()?;
        let column = |name: &str| Column::new(Some(TableReference::bare(&*qualifier)), name);
        let primary_key = primary_key.iter().map(|name| column(name)).collect();
        let table = alias.is_none().then_some(full);
        let columns = fields.iter().map(|(name, pg_type, metadata, collation)| ScopeColumn {
            relation: Some(0),
            name: (*name).clone(),
            pg_type: pg_type.clone(),
            metadata: metadata.clone(),
            collation: collation.clone(),
            expr: Expr::Column(column(name)),
            is_plain: true,
        });
        let mut scope = Scope {
            relations: vec![Relation {
                alias: visible,
                table,
                is_value: false,
                primary_key,
                has_unique_key: *has_unique_key,
            }],
            columns: columns.collect(),
            schema: Arc::clone(plan.schema()),
        };
        if let Some(alias) = alias {
            rename(&mut scope, alias)?;
        }
        Ok((plan, scope))
    }

    /// The name with the catalog and the schema that it has by default.
    fn full_name(&self, name: &[Ident]) -> Result<TableName> {
        let parts: Vec<String> = name.iter().map(folded).collect();
        let (catalog, schema) = (&self.surroundings.catalog, &self.surroundings.schema);
        let (catalog, schema, table) = match parts.as_slice() {
            [table] => (catalog, schema, table),
            [schema, table] => (catalog, schema, table),
            [catalog, schema, table] => (catalog, schema, table),
            _ => return Err(Error::Query(format!("improper relation name: {}", parts.join(".")))),
        };
        Ok(TableName { catalog: catalog.clone(), schema: schema.clone(), table: table.clone() })
    }

    fn derived(&mut self, query: &Query, alias: Option<&TableAlias>) -> Result<Source> {
        let bound = self.settled_query(query)?;
        self.count_nodes(1)?;
        let visible = alias.map_or_else(|| "unnamed_subquery".to_owned(), |alias| folded(&alias.name));
        self.relation(bound, visible, alias)
    }

    /// The rows of a query as a relation.
    pub(super) fn relation(
        &mut self,
        bound: BoundQuery,
        visible: String,
        alias: Option<&TableAlias>,
    ) -> Result<Source> {
        let qualifier = self.qualifiers.unique(&visible);
        let plan = LogicalPlanBuilder::from(bound.plan).alias(TableReference::bare(&*qualifier))?.build()?;
        let columns = bound.columns.into_iter().map(|column| ScopeColumn {
            relation: Some(0),
            name: column.name,
            pg_type: column.pg_type,
            metadata: column.metadata,
            collation: column.collation.of_result(),
            expr: Expr::Column(Column::new(Some(TableReference::bare(&*qualifier)), column.internal.name)),
            is_plain: true,
        });
        let mut scope = Scope {
            relations: vec![Relation {
                alias: visible,
                table: None,
                is_value: false,
                primary_key: vec![],
                has_unique_key: false,
            }],
            columns: columns.collect(),
            schema: Arc::clone(plan.schema()),
        };
        if let Some(alias) = alias {
            rename(&mut scope, alias)?;
        }
        Ok((plan, scope))
    }

    fn cte_source(&mut self, name: &str, cte: Cte, alias: Option<&TableAlias>) -> Result<Source> {
        self.count_nodes(cte.nodes)?;
        let visible = alias.map_or_else(|| name.to_owned(), |alias| folded(&alias.name));
        self.relation(cte.bound, visible, alias)
    }
}

/// Gives the columns of an only relation the names of `AS t (a, b)`.
pub(super) fn rename(scope: &mut Scope, alias: &TableAlias) -> Result<()> {
    if alias.columns.len() > scope.columns.len() {
        return Err(Error::Query(format!(
            "table \"{}\" has {} columns available but {} columns specified",
            folded(&alias.name),
            scope.columns.len(),
            alias.columns.len()
        )));
    }
    for (column, alias) in scope.columns.iter_mut().zip(&alias.columns) {
        column.name = folded(&alias.name);
    }
    Ok(())
}

fn cross((left, left_scope): Source, (right, right_scope): Source) -> Result<Source> {
    let plan = LogicalPlanBuilder::from(left).cross_join(right)?.build()?;
    let scope = left_scope.joined(right_scope, Arc::clone(plan.schema()));
    let mut seen = std::collections::HashSet::new();
    for relation in &scope.relations {
        if !seen.insert(&relation.alias) {
            return Err(Error::Query(format!("table name \"{}\" specified more than once", relation.alias)));
        }
    }
    Ok((plan, scope))
}

/// `ON true`.
fn is_true(constraint: &JoinConstraint) -> bool {
    use datafusion::sql::sqlparser::ast::{Expr as Ast, Value};
    match constraint {
        JoinConstraint::None => true,
        JoinConstraint::On(Ast::Value(value)) => value.value == Value::Boolean(true),
        _ => false,
    }
}
