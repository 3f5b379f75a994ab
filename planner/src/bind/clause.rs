//! Where in a query an expression stands, and what may stand there.

use std::collections::HashMap;

use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::{Query, WindowSpec};

use super::Binder;
use super::scope::Scope;
use super::typed::{Names, Typed};
use crate::error::{Error, Result};

/// A clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clause {
    Select,
    From,
    Where,
    JoinCondition,
    GroupBy,
    Having,
    OrderBy,
    DistinctOn,
    Values,
    Limit,
    /// The arguments of an aggregate.
    Aggregate,
    /// The arguments and the definition of a window.
    Window,
    Filter,
}

impl Clause {
    fn takes_aggregates(self) -> bool {
        matches!(self, Self::Select | Self::Having | Self::OrderBy | Self::DistinctOn | Self::Window)
    }

    fn takes_windows(self) -> bool {
        matches!(self, Self::Select | Self::OrderBy | Self::DistinctOn)
    }

    fn takes_sets(self) -> bool {
        matches!(self, Self::Select | Self::OrderBy)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Select => "the select list",
            Self::From => "functions in FROM",
            Self::Where => "WHERE",
            Self::JoinCondition => "JOIN conditions",
            Self::GroupBy => "GROUP BY",
            Self::Having => "HAVING",
            Self::OrderBy => "ORDER BY",
            Self::DistinctOn => "DISTINCT ON",
            Self::Values => "VALUES",
            Self::Limit => "LIMIT",
            Self::Aggregate => "aggregate function calls",
            Self::Window => "window definitions",
            Self::Filter => "FILTER",
        }
    }
}

/// A query whose parts are being bound.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) scope: Scope,
    pub(super) clause: Clause,
    /// The windows of WINDOW, with what they take over from others.
    pub(super) windows: HashMap<String, WindowSpec>,
    /// Functions that return rows, by the names of the columns that stand for them.
    pub(super) sets: Vec<SetCall>,
    pub(super) set_names: Names,
    /// Whether an aggregate was called.
    pub(super) aggregates: bool,
    /// Aggregates of this query that stand in subqueries, under the names by which these know them.
    pub(super) outer_aggregates: Vec<Expr>,
    /// Scalar subqueries that were bound: one that is written again, in GROUP BY above all, is the same.
    pub(super) scalar_subqueries: Vec<KnownSubquery>,
}

/// A scalar subquery that was bound.
#[derive(Debug, Clone)]
pub(super) struct KnownSubquery {
    pub(super) query: Query,
    pub(super) value: Typed,
    /// How many its plan has.
    pub(super) nodes: usize,
}

/// A call of a function that returns rows, in a select list.
#[derive(Debug, Clone)]
pub(super) struct SetCall {
    /// The array of the rows.
    pub(super) list: Expr,
    pub(super) column: String,
}

impl Level {
    pub(super) fn new(scope: Scope, clause: Clause) -> Self {
        Self {
            scope,
            clause,
            windows: HashMap::new(),
            sets: vec![],
            set_names: Names::default(),
            aggregates: false,
            outer_aggregates: vec![],
            scalar_subqueries: vec![],
        }
    }

    pub(super) fn allow_aggregate(&mut self) -> Result<()> {
        if self.clause.takes_aggregates() {
            self.aggregates = true;
            return Ok(());
        }
        Err(Error::Query(match self.clause {
            Clause::Aggregate => "aggregate function calls cannot be nested".to_owned(),
            clause => format!("aggregate functions are not allowed in {}", clause.words()),
        }))
    }
}

impl Binder<'_> {
    /// The query that is being bound.
    pub(super) fn level(&mut self) -> Result<&mut Level> {
        self.levels.last_mut().ok_or_else(|| Error::Internal("an expression outside of a query".into()))
    }

    /// Binds something that stands in a clause of the current query.
    pub(super) fn within<T>(&mut self, clause: Clause, bind: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let before = std::mem::replace(&mut self.level()?.clause, clause);
        let bound = bind(self);
        self.level()?.clause = before;
        bound
    }

    pub(super) fn allow_aggregate(&mut self) -> Result<()> {
        self.level()?.allow_aggregate()
    }

    pub(super) fn allow_window(&mut self) -> Result<()> {
        match self.level()?.clause {
            clause if clause.takes_windows() => Ok(()),
            Clause::Aggregate => {
                Err(Error::Query("aggregate function calls cannot contain window function calls".to_owned()))
            }
            clause => Err(Error::Query(format!("window functions are not allowed in {}", clause.words()))),
        }
    }

    pub(super) fn allow_set(&mut self) -> Result<()> {
        match self.level()?.clause {
            clause if clause.takes_sets() => Ok(()),
            clause => Err(Error::Query(format!("set-returning functions are not allowed in {}", clause.words()))),
        }
    }
}
