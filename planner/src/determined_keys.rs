//! Groups rows by fewer columns. Where rows have one primary key they are one row of its table, and all else of it is
//! the same; and where the key of another table is joined with one of its columns, that table's columns, too. What a
//! query groups by beside such keys is taken from one row of each group: to look at it in every row costs more than all
//! the rest. Object-relational mappers group by all columns of a table.
//!
//! ```text
//! before: Aggregate: groupBy=[[a.id, a.name, b.name]], aggr=[[count(1)]]
//!           Inner Join: a.b_id = b.id
//!             TableScan: a
//!             TableScan: b
//!
//! after:  Projection: a.id, determined 0 AS a.name, determined 1 AS b.name, count(1)
//!           Aggregate: groupBy=[[a.id]], aggr=[[first_value(a.name) AS determined 0,
//!                                               first_value(b.name) AS determined 1, count(1)]]
//!             Inner Join: a.b_id = b.id
//!               TableScan: a
//!               TableScan: b
//! ```
//!
//! The rule comes last: conditions on what it groups by no more are below the aggregate by then.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, JoinType, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, Expr, Filter, Join, LogicalPlan, Operator, Projection, TableScan,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use rail_forge_connectors::unique_key;

use crate::functions::{first_of_group, is_first_value};
use crate::policy::GuardedTable;

/// Keys and tables, multiplied, beyond which nobody looks: a statement can have as many as take seconds.
const MAX_LOOKS: usize = 10_000;

/// The rule.
#[derive(Debug)]
pub(crate) struct DeterminedKeys;

impl OptimizerRule for DeterminedKeys {
    fn name(&self) -> &str {
        "determined_keys"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let grouped = match &plan {
            LogicalPlan::Aggregate(aggregate) => grouped(aggregate)?,
            _ => None,
        };
        Ok(grouped.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

/// The aggregate by fewer keys; none where it needs them all.
fn grouped(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let Aggregate { input, group_expr, aggr_expr, schema, .. } = aggregate;
    if group_expr.len() < 2 {
        return Ok(None);
    }
    let mut dependencies = Dependencies::default();
    let places = dependencies.places_of(input)?;
    let place = |key: &Expr| match key {
        Expr::Column(column) => places.get(input.schema().maybe_index_of_column(column)?)?.clone(),
        _ => None,
    };
    let essential = dependencies.essential(&group_expr.iter().map(place).collect::<Vec<_>>());
    if essential.iter().all(|essential| *essential) {
        return Ok(None);
    }
    // The rules run again when one has changed something, which may show that fewer keys still are enough.
    let taken = schema.fields().iter().chain(input.schema().fields()).map(|field| field.name().clone());
    let inner = aggr_expr.iter().map(|aggregate| aggregate.schema_name().to_string());
    let taken: HashSet<String> = taken.chain(inner).collect();
    let mut names = (0..).map(|number| format!("determined {number}")).filter(|name| !taken.contains(name));
    let (mut keys, mut determined, mut columns) = (vec![], vec![], vec![]);
    for ((key, essential), (qualifier, field)) in group_expr.iter().zip(essential).zip(schema.iter()) {
        if essential {
            keys.push(key.clone());
            columns.push(Expr::Column(Column::from((qualifier, field))));
            continue;
        }
        let name = names.next().unwrap_or_default();
        determined.push(first_of_group(key.clone()).alias(&name));
        columns.push(Expr::Column(Column::new_unqualified(name)).alias_qualified(qualifier.cloned(), field.name()));
    }
    columns.extend(schema.iter().skip(group_expr.len()).map(|field| Expr::Column(Column::from(field))));
    determined.extend(aggr_expr.iter().cloned());
    let fewer = Aggregate::try_new(Arc::clone(input), keys, determined)?;
    Projection::try_new(columns, Arc::new(LogicalPlan::Aggregate(fewer)))
        .map(|projection| Some(LogicalPlan::Projection(projection)))
}

/// A column of one of the scans below a node, by its number and name.
type Place = (usize, String);

/// What is known of the rows of the scans below a node.
#[derive(Debug, Default)]
struct Dependencies {
    /// The primary key of each scan, if its table has one.
    keys: Vec<Vec<String>>,
    /// For columns, others that determine them: rows with the same values in one of these have the same in it.
    determined_by: HashMap<Place, Vec<Place>>,
}

impl Dependencies {
    /// Where the columns of a plan come from, unchanged.
    fn places_of(&mut self, plan: &LogicalPlan) -> Result<Vec<Option<Place>>> {
        Ok(match plan {
            LogicalPlan::TableScan(scan) => self.places_of_scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.places_of(&alias.input)?,
            LogicalPlan::Sort(sort) => self.places_of(&sort.input)?,
            LogicalPlan::Limit(limit) => self.places_of(&limit.input)?,
            LogicalPlan::Distinct(Distinct::All(input)) => self.places_of(input)?,
            LogicalPlan::Filter(Filter { predicate, input, .. }) => {
                let places = self.places_of(input)?;
                for (one, other) in equal_columns(predicate) {
                    self.note_equal(&found(one, input, &places), &found(other, input, &places));
                }
                places
            }
            LogicalPlan::Projection(Projection { input, expr, .. }) => {
                let places = self.places_of(input)?;
                expr.iter().map(|expression| passed_on(expression, input, &places)).collect()
            }
            LogicalPlan::Window(window) => {
                let mut places = self.places_of(&window.input)?;
                places.resize(plan.schema().fields().len(), None);
                places
            }
            // What a group shows is of one of its rows.
            LogicalPlan::Aggregate(Aggregate { input, group_expr, aggr_expr, schema, .. })
                if schema.fields().len() == group_expr.len() + aggr_expr.len() =>
            {
                let places = self.places_of(input)?;
                let columns = group_expr.iter().chain(aggr_expr);
                columns.map(|expression| passed_on(expression, input, &places)).collect()
            }
            LogicalPlan::Join(join) => self.places_of_join(join)?,
            other => vec![None; other.schema().fields().len()],
        })
    }

    fn places_of_scan(&mut self, scan: &TableScan) -> Vec<Option<Place>> {
        let key = source_as_provider(&scan.source).map_or_else(
            |_| vec![],
            |provider| {
                let table = provider.downcast_ref::<GuardedTable>().map_or(&provider, GuardedTable::inner);
                unique_key(table.as_ref()).to_vec()
            },
        );
        let number = self.keys.len();
        self.keys.push(key);
        scan.projected_schema.fields().iter().map(|field| Some((number, field.name().clone()))).collect()
    }

    fn places_of_join(&mut self, join: &Join) -> Result<Vec<Option<Place>>> {
        let (left, right) = (self.places_of(&join.left)?, self.places_of(&join.right)?);
        let pairs: Vec<(Option<Place>, Option<Place>)> = join
            .on
            .iter()
            .map(|(one, other)| (passed_on(one, &join.left, &left), passed_on(other, &join.right, &right)))
            .collect();
        match (join.join_type, pairs.as_slice()) {
            (JoinType::Inner, pairs) => {
                for (one, other) in pairs {
                    self.note_equal(one, other);
                }
            }
            // Whether a row is found depends on that value alone.
            (JoinType::Left, [(one, other)]) if join.filter.is_none() && is_scan(&join.right) => {
                self.note(one.as_ref(), other.as_ref());
            }
            (JoinType::Right, [(one, other)]) if join.filter.is_none() && is_scan(&join.left) => {
                self.note(other.as_ref(), one.as_ref());
            }
            _ => {}
        }
        let mut places = match join.join_type {
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => [left, right].concat(),
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => left,
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => right,
        };
        places.resize(join.schema.fields().len(), None);
        Ok(places)
    }

    fn note_equal(&mut self, one: &Option<Place>, other: &Option<Place>) {
        self.note(one.as_ref(), other.as_ref());
        self.note(other.as_ref(), one.as_ref());
    }

    /// Notes that one column determines another.
    fn note(&mut self, one: Option<&Place>, other: Option<&Place>) {
        if let (Some(one), Some(other)) = (one, other) {
            self.determined_by.entry(other.clone()).or_default().push(one.clone());
        }
    }

    /// The scans of which rows have one row, if they have the same values in `known`.
    fn scans_of(&self, known: &HashSet<&Place>) -> HashSet<usize> {
        let mut scans = HashSet::new();
        let is_known = |place: &Place, scans: &HashSet<usize>| known.contains(place) || scans.contains(&place.0);
        loop {
            let before = scans.len();
            for (scan, key) in self.keys.iter().enumerate().filter(|(_, key)| !key.is_empty()) {
                let is_whole = key.iter().all(|column| {
                    let place = (scan, column.clone());
                    let others = self.determined_by.get(&place);
                    is_known(&place, &scans) || others.is_some_and(|all| all.iter().any(|one| is_known(one, &scans)))
                });
                if is_whole {
                    scans.insert(scan);
                }
            }
            if scans.len() == before {
                return scans;
            }
        }
    }

    /// Which of the keys are needed to tell groups apart.
    fn essential(&self, keys: &[Option<Place>]) -> Vec<bool> {
        let mut essential = vec![true; keys.len()];
        if keys.len() * self.keys.len() > MAX_LOOKS || self.keys.iter().all(Vec::is_empty) {
            return essential;
        }
        let mut rest: HashSet<&Place> = HashSet::new();
        let mut tried = vec![];
        for (index, place) in keys.iter().enumerate() {
            let Some(place) = place else { continue };
            match rest.insert(place) {
                true => tried.push((index, place)),
                // It is there twice.
                false => essential[index] = false,
            }
        }
        // Primary keys stay, as far as one of them does not determine another.
        let is_of_key = |place: &Place| self.keys.get(place.0).is_some_and(|key| key.contains(&place.1));
        let (of_keys, others): (Vec<_>, Vec<_>) = tried.into_iter().partition(|(_, place)| is_of_key(place));
        for (index, place) in others.into_iter().chain(of_keys.into_iter().rev()) {
            rest.remove(place);
            if self.scans_of(&rest).contains(&place.0) {
                essential[index] = false;
            } else {
                rest.insert(place);
            }
        }
        essential
    }
}

/// The pairs of columns that a condition says are equal.
fn equal_columns(condition: &Expr) -> impl Iterator<Item = (&Column, &Column)> {
    split_conjunction(condition).into_iter().filter_map(|part| match part {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            Some((left.try_as_col()?, right.try_as_col()?))
        }
        _ => None,
    })
}

fn found(column: &Column, input: &LogicalPlan, places: &[Option<Place>]) -> Option<Place> {
    places.get(input.schema().maybe_index_of_column(column)?)?.clone()
}

/// Where an expression comes from that gives a column of one of the rows.
fn passed_on(expression: &Expr, input: &LogicalPlan, places: &[Option<Place>]) -> Option<Place> {
    match expression {
        Expr::Column(column) => found(column, input, places),
        Expr::Alias(alias) => passed_on(&alias.expr, input, places),
        Expr::AggregateFunction(function) if is_first_value(function) => {
            passed_on(function.params.args.first()?, input, places)
        }
        _ => None,
    }
}

/// Whether it is a scan, whatever condition its rows meet.
fn is_scan(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => scan.fetch.is_none(),
        LogicalPlan::SubqueryAlias(alias) => is_scan(&alias.input),
        LogicalPlan::Projection(projection) => is_scan(&projection.input),
        LogicalPlan::Filter(filter) => is_scan(&filter.input),
        _ => false,
    }
}
