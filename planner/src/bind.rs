//! From a statement to a plan, as PostgreSQL's parse analysis does it: names are looked up, every expression gets its
//! PostgreSQL type, operators and functions are chosen by their arguments' types, and casts are written out. What is
//! not known here is refused by name; nothing is left to chance.

mod aggregation;
mod call;
mod cast;
mod character;
mod clause;
mod collation;
mod comparison;
mod decimals;
mod expression;
mod from;
mod json_constructor;
mod literal;
mod names;
mod order;
mod outer_aggregate;
mod parameter;
mod query;
mod record;
mod scope;
mod select;
mod series;
mod sets;
mod special;
mod subquery;
mod subscript;
mod text_order;
mod type_name;
mod typed;
mod values;
mod window;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr_rewriter::unnormalize_col;
use datafusion::logical_expr::{Expr, LogicalPlan, TableSource};
use datafusion::sql::sqlparser::ast::{self, Ident, Query};
use rail_forge_connectors::{Collation, TableName};

use self::clause::{Clause, Level};
use self::parameter::Parameters;
use self::query::Cte;
use self::text_order::DatabaseCollation;
use self::typed::{BoundQuery, Names};
use crate::error::{Error, Result};
use crate::query::Surroundings;

pub(crate) use self::names::{folded, joined, parts as name_parts};
pub(crate) use self::parameter::{Given, Wanted};
pub(crate) use self::type_name::check as check_type;
pub(crate) use self::typed::{OutputColumn, Typed};

/// Nodes of a plan before it is optimized. WITH queries are planned once for every place that names them, so that few
/// words can make large plans.
const MAX_PLAN_NODES: usize = 4_000;
/// How deep subqueries may nest in expressions. DataFusion's checks of a plan take twice as long for each level.
const MAX_SUBQUERY_DEPTH: usize = 10;
/// Parts of expressions that are in a plan more often than in the statement. Planning grows faster than their number.
const MAX_COPIES: usize = 4_000;

/// The tables that a statement may read, by name.
pub(crate) type Tables = HashMap<TableName, KnownTable>;

/// A table that a statement may read.
pub(crate) struct KnownTable {
    pub(crate) source: Arc<dyn TableSource>,
    /// Its columns with their metadata.
    pub(crate) schema: SchemaRef,
    /// The columns of its primary key, if it has one.
    pub(crate) primary_key: Vec<String>,
    /// Whether its rows differ in these as they are served.
    pub(crate) has_unique_key: bool,
    /// The default collation of its database, if it does not order by bytes.
    pub(crate) collation: Option<Collation>,
}

/// A bound statement.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) plan: LogicalPlan,
    pub(crate) columns: Vec<OutputColumn>,
    pub(crate) wanted: Wanted,
}

/// Binds a query.
///
/// # Errors
/// [`Error::Query`] for what PostgreSQL would refuse too, [`Error::Unsupported`] for what it would not.
pub(crate) fn bind(query: &Query, tables: &Tables, surroundings: &Surroundings, given: Given<'_>) -> Result<Bound> {
    let mut binder = Binder::new(tables, surroundings, given);
    let BoundQuery { plan, columns } = binder.settled_query(query)?;
    if subquery_depth(&plan)? > MAX_SUBQUERY_DEPTH {
        return Err(Error::TooLarge(format!(
            "subqueries nest too deep to be planned; at most {MAX_SUBQUERY_DEPTH} levels are. Write them as joins"
        )));
    }
    Ok(Bound { plan, columns, wanted: binder.parameters.wanted() })
}

/// Binds a condition on the rows of a table, over the table's own columns.
///
/// # Errors
/// As those of [`bind`].
pub(crate) fn bind_condition(
    condition: &ast::Expr,
    name: &TableName,
    table: KnownTable,
    surroundings: &Surroundings,
) -> Result<Expr> {
    let tables = Tables::from([(name.clone(), table)]);
    let mut binder = Binder::new(&tables, surroundings, Some(&[]));
    let name = [&name.catalog, &name.schema, &name.table].map(|part| Ident::with_quote('"', part));
    let (_, scope) = binder.table(&name, None)?;
    binder.levels.push(Level::new(scope, Clause::Where));
    Ok(unnormalize_col(binder.condition(condition, "WHERE")?))
}

/// How deep subqueries of expressions nest in a plan.
fn subquery_depth(plan: &LogicalPlan) -> Result<usize> {
    let mut deepest = 0;
    plan.apply(|node| {
        node.apply_subqueries(|subquery| {
            let inner = subquery
                .inputs()
                .into_iter()
                .try_fold(0, |deepest: usize, input| Ok::<_, Error>(deepest.max(subquery_depth(input)?)))?;
            deepest = deepest.max(1 + inner);
            Ok(TreeNodeRecursion::Jump)
        })
    })?;
    Ok(deepest)
}

/// What is known while a statement is bound.
struct Binder<'a> {
    tables: &'a Tables,
    surroundings: &'a Surroundings,
    database: DatabaseCollation,
    parameters: Parameters<'a>,
    /// The queries around the place that is bound, the innermost last.
    levels: Vec<Level>,
    /// The WITH queries that are in sight, the innermost last.
    ctes: Vec<HashMap<String, Cte>>,
    /// The names of relations in the plan. A relation has one of its own, whatever it is called in its query.
    qualifiers: Names,
    nodes: usize,
    /// Parts of expressions that were written once and are in the plan once more.
    copies: usize,
}

impl<'a> Binder<'a> {
    fn new(tables: &'a Tables, surroundings: &'a Surroundings, given: Given<'a>) -> Self {
        Self {
            tables,
            surroundings,
            database: DatabaseCollation::of(tables),
            parameters: Parameters::new(given),
            levels: vec![],
            ctes: vec![],
            qualifiers: Names::default(),
            nodes: 0,
            copies: 0,
        }
    }
}

impl Binder<'_> {
    /// An operand that is in the plan once more than it is in the statement: nested, such operands double.
    fn copied(&mut self, operand: &Typed) -> Result<Typed> {
        self.count_copy(operand)?;
        Ok(operand.clone())
    }

    /// Counts the parts of an operand that is in the plan once more.
    fn count_copy(&mut self, operand: &Typed) -> Result<()> {
        let mut parts = 0;
        operand.expr.apply(|_| {
            parts += 1;
            Ok(TreeNodeRecursion::Continue)
        })?;
        self.count_compared(parts)
    }

    /// Counts parts of expressions that no operator of the statement stands for.
    fn count_compared(&mut self, parts: usize) -> Result<()> {
        self.copies += parts;
        if self.copies > MAX_COPIES {
            return Err(Error::TooLarge(format!(
                "the statement is too large to plan: what it says once (operands of BETWEEN, CASE and IN, rows) is more than \
                 {MAX_COPIES} parts in its plan. Name intermediate results in WITH, or join with VALUES"
            )));
        }
        Ok(())
    }

    /// Counts the nodes of a plan that is put in once more.
    fn count_nodes(&mut self, nodes: usize) -> Result<()> {
        self.nodes += nodes;
        if self.nodes > MAX_PLAN_NODES {
            return Err(Error::TooLarge(format!(
                "the statement is too large to plan: at most {MAX_PLAN_NODES} steps are planned, with WITH queries counted \
                 wherever they are named"
            )));
        }
        Ok(())
    }
}
